"""Word of every end, of every signal and of every event, for as many as wait."""

import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import closing
from functools import partial
from typing import Any, NamedTuple

from core.api import living
from core.errors import StoreUnavailable
from core.event_streaming import EventStreamer, StreamEvent
from core.events.event import id_numbers
from core.gate.waiters import Waiter, WaiterRegistry
from core.store import signals
from core.store.client import Line, open_store
from core.store.events import OWN_TYPES
from core.store.outbox import Watcher

READ_SECONDS = 20.0
GATHER_SECONDS = 0.005  # agents that begin to wait for signals together are listened for together
EVERY_TYPE = ""
BOX_BYTES = 512 * 1024
Look = Callable[[], Awaitable[tuple[Any, float]]]


class EndWaiters(WaiterRegistry):
    """By the ids of requests: something is told of it in the outbox. Redis alone says how it ended."""

    NAME = "ends"

    def listen(self) -> None:
        """The outbox of all requests."""
        watcher = Watcher()
        try:
            self.wake_all()  # what came before the place at which it begins
            while self.goes_on():
                entries = watcher.wait(READ_SECONDS)
                self.hears()
                for entry in entries:
                    self.wake(entry.fields.get("request_id", ""))
        finally:
            watcher.close()


class MailboxWaiters(WaiterRegistry):
    """By the names of agents: something came into its mailbox, or to everybody.

    Whoever is new cuts the read that is under way: the next is for them as well.
    """

    NAME = "mail"

    def __init__(self) -> None:
        super().__init__()
        self._reading: Line | None = None
        self._read_for: set[str | None] = set()
        self._is_cut = False

    def add(self, waiter: Waiter) -> None:
        """Wake it from now on."""
        super().add(waiter)
        with self._lock:
            if self._reading is not None and not self._read_for.issuperset(waiter.names):
                self._is_cut = True
                self._reading.cut()

    def listen(self) -> None:
        """The mailboxes of those who wait, and what is sent to all."""
        line = open_store().line()
        after = signals.newest(line, [None])
        try:
            self.wake_all()
            while self.goes_on():
                names = self.names()
                after = {name: place for name, place in after.items() if name is None or name in names}
                self._take_in(line, after)
                came = self._arrived(line, after)
                self.hears()
                after |= came
                if None in came:
                    self.wake_all()
                for name in came.keys() - {None}:
                    self.wake(str(name))
        finally:
            line.close()

    def _take_in(self, line: Line, after: dict[str | None, str]) -> None:
        """Whoever is new looks once more when it is in."""
        while new := self._newcomers(line, after):
            after |= signals.newest(line, new)
            for name in new:
                self.wake(name)

    def _newcomers(self, line: Line, after: dict[str | None, str]) -> set[str]:
        """Those who are to be taken in; where there is none, whoever comes from now on cuts the read."""
        line.connect()
        with self._lock:
            new = self._waiting.keys() - after.keys()
            if not new:
                self._reading, self._read_for, self._is_cut = line, set(after), False
            return new

    def _arrived(self, line: Line, after: dict[str | None, str]) -> dict[str | None, str]:
        """Where something came, and how far; nothing where the read was cut."""
        came: dict[str | None, str] = {}
        try:
            came = signals.arrived(line, after, READ_SECONDS)
        except StoreUnavailable:
            if not self._is_cut:
                raise
        finally:
            with self._lock:
                self._reading = None
        if self._is_cut:
            line.drop()
            time.sleep(GATHER_SECONDS)
        return came


class EventPiece(NamedTuple):
    """An event as streams tell it, and its place among all."""

    numbers: tuple[int, int]
    event_id: str
    piece: bytes


class StreamBuffer(Waiter):
    """What came for one stream. It holds so much, and is behind where it cannot know what came: then the stream reads.

    So a slow client costs no more than this, and misses nothing that Redis still has.
    """

    __slots__ = ("_entries", "_size", "is_behind")

    def __init__(self, registry: WaiterRegistry, name: str) -> None:
        super().__init__(registry, (name,))
        self.is_behind = True
        self._empty()

    def _empty(self) -> None:
        self._entries: list[EventPiece] = []
        self._size = 0

    def begin(self) -> None:
        """What comes from now on is kept; what came before is read."""
        self._empty()
        self.is_behind = False

    async def after(self, place: str, seconds: float) -> tuple[list[bytes], str]:
        """What came after an id, waiting at most so long for it, and its last id."""
        if not self._entries and not self.is_behind:
            self.forget()
            await self.rest(seconds)
        here, entries = id_numbers(place), self._entries
        self._empty()
        newer = [entry for entry in entries if entry.numbers > here]
        return [entry.piece for entry in newer], newer[-1].event_id if newer else place

    def put(self, entry: EventPiece) -> None:
        """In its loop."""
        if self.is_behind:
            return
        self._size += len(entry.piece)
        self._entries.append(entry)
        if self._size > BOX_BYTES and len(self._entries) > 1:
            self._fall_behind()
        self._rise()

    def wake(self) -> None:
        """Something may have come that it was not given; from any thread."""
        self._soon(self._fall_behind)

    def _fall_behind(self) -> None:
        self._empty()
        self.is_behind = True
        self._hear()


class EventWaiters(WaiterRegistry):
    """Events by their types, '' for all of them: each is read once, written once, and given to all streams."""

    NAME = "happenings"

    def box(self, kind: str) -> StreamBuffer:
        """For one stream in the running loop, while its context lasts."""
        return StreamBuffer(self, kind)

    def listen(self) -> None:
        """Every event, from now on."""
        place = living.now_as_id()
        self.wake_all()
        while self.goes_on():
            with closing(
                EventStreamer().consume_events(start_id=place, idle_timeout=READ_SECONDS)
            ) as following:
                missed = 0
                for event in following:
                    self.hears()
                    place = event.event_id
                    if following.missed > missed:
                        missed = following.missed
                        self.wake_all()  # each says what it has missed itself
                    if event.event_type not in OWN_TYPES:
                        self._give(event)
                    if not self.goes_on():
                        return

    def _give(self, event: StreamEvent) -> None:
        entry = EventPiece(id_numbers(event.event_id), event.event_id, living.event_bytes(event))
        for name in (event.event_type, EVERY_TYPE):
            self.each(name, partial(_put, entry))


def _put(entry: EventPiece, boxes: Iterable[Waiter]) -> None:
    for box in boxes:
        if isinstance(box, StreamBuffer):
            box.put(entry)


async def until(registry: WaiterRegistry, names: str | Sequence[str], seconds: float, look: Look) -> Any:
    """What `look` finds, waiting at most so long for it; None where it found nothing until then.

    names: one, or several of which each is a reason to look.
    `look` is asked at once, when something is heard, and when it is due: what it found or None, and in how many
    seconds it wants to be asked again whatever is heard.
    """
    ends_at = time.monotonic() + seconds
    with registry.heard(*([names] if isinstance(names, str) else names)) as waiter:
        while True:
            waiter.forget()
            found, due = await look()
            left = ends_at - time.monotonic()
            if found is not None or left <= 0:
                return found
            await waiter.rest(min(left, due))
