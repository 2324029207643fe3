"""Word of every end, of every signal and of every event, for as many as wait."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from core.api.wakes import Wakes
from core.event_streaming import EventStreamer
from core.store import signals
from core.store.client import open_store
from core.store.outbox import Watcher

READ_SECONDS = 20.0
NEWCOMER_SECONDS = 0.25  # after which an agent that begins to wait for signals is listened for
EVERY_TYPE = ""
Look = Callable[[], Awaitable[tuple[Any, float]]]


class Ends(Wakes):
    """By the ids of requests: something is told of it in the outbox. Redis alone says how it ended."""

    NAME = "ends"

    def listen(self) -> None:
        """The outbox of all requests."""
        watcher = Watcher()
        try:
            self.wake_all()  # what came before the place at which it begins
            while self.goes_on():
                for entry in watcher.wait(READ_SECONDS):
                    self.wake(entry.fields.get("request_id", ""))
        finally:
            watcher.close()


class Mail(Wakes):
    """By the names of agents: something came into its mailbox, or to everybody."""

    NAME = "mail"

    def listen(self) -> None:
        """The mailboxes of those who wait, and what is sent to all. Whoever is new looks once more when it is in."""
        line = open_store().line()
        after: dict[str | None, str] = {None: signals.newest(line, None)}
        try:
            self.wake_all()
            while self.goes_on():
                names = self.names()
                after = {name: place for name, place in after.items() if name is None or name in names}
                for new in names - after.keys():
                    after[new] = signals.newest(line, new)
                    self.wake(new)
                came = signals.arrived(line, after, NEWCOMER_SECONDS)
                after |= came
                if None in came:
                    self.wake_all()
                for name in came.keys() - {None}:
                    self.wake(str(name))
        finally:
            line.close()


class Happenings(Wakes):
    """By the types of events, '' for all of them."""

    NAME = "happenings"

    def listen(self) -> None:
        """Every event, from now on."""
        following = EventStreamer().consume_events(idle_timeout=READ_SECONDS)
        try:
            self.wake_all()
            for event in following:
                self.wake(event.event_type)
                self.wake(EVERY_TYPE)
                if not self.goes_on():
                    return
        finally:
            following.close()


async def until(wakes: Wakes, names: str | Sequence[str], seconds: float, look: Look) -> Any:
    """What `look` finds, waiting at most so long for it; None where it found nothing until then.

    names: one, or several of which each is a reason to look.
    `look` is asked at once, when something is heard, and when it is due: what it found or None, and in how many
    seconds it wants to be asked again whatever is heard.
    """
    ends_at = time.monotonic() + seconds
    with wakes.heard(*([names] if isinstance(names, str) else names)) as waiter:
        while True:
            waiter.forget()
            found, due = await look()
            left = ends_at - time.monotonic()
            if found is not None or left <= 0:
                return found
            await waiter.rest(min(left, due))
