"""One socket as the follower sees it: what it shows, to whom, and whether that is true now."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from dashboard import words
from dashboard.access import Audience

QUEUE_LENGTH = 100
CONFIRMED_SECONDS = 5.0  # for so long a look at somebody's rights is good, counted from its beginning

SIGNED_OUT = 4401
RIGHTS_CHANGED = 1012
TOO_SLOW = 1013


class OutgoingMessages:
    """What is on its way to the sockets of one loop. The loop is woken once for all that comes until it looks.

    Woken for each socket, it would take turns with the thread that is still telling the others.
    """

    _all: "WeakKeyDictionary[asyncio.AbstractEventLoop, OutgoingMessages]" = WeakKeyDictionary()
    _making = threading.Lock()

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._letters: list[tuple[Subscription, list[str | int]]] = []

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> "OutgoingMessages":
        """The one of this loop."""
        with cls._making:
            return cls._all.setdefault(loop, cls())

    def post(self, subscription: "Subscription", messages: list[str | int]) -> None:
        """From any thread; RuntimeError where the loop has ended."""
        with self._lock:
            self._letters.append((subscription, messages))
            if len(self._letters) > 1:
                return
        try:
            subscription.loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:
            self._taken()
            raise

    def _deliver(self) -> None:
        for subscription, messages in self._taken():
            subscription.put(messages)

    def _taken(self) -> "list[tuple[Subscription, list[str | int]]]":
        with self._lock:
            letters, self._letters = self._letters, []
            return letters


@dataclass(eq=False)
class Subscription:
    """One socket, and the queue that its sender empties. A number closes it.

    `write`, where the web server has it, sends texts without the sender; it says whether it did, and does not wait.
    Until its page was given what is true it is owed that, and hears nothing else. `confirmed_at` is when the last
    look at its rights began, by `time.monotonic`: what it is told later than that looks back, it is told after the
    next look.
    """

    topic: str
    audience: Audience
    session_key: str
    loop: asyncio.AbstractEventLoop
    confirmed_at: float
    version: str | None = ""  # of all rights, as it was before the last look at this person's
    required: str | None = ""  # as it is now; None while nobody knows
    write: Callable[[list[str]], bool] | None = None
    sending: bool = False  # its sender took something from the queue that is not written yet
    queue: asyncio.Queue[str | int] = field(default_factory=lambda: asyncio.Queue(QUEUE_LENGTH))
    closing: bool = False
    owed_since: float | None = field(default_factory=time.monotonic)
    why: str = words.SLOW
    held: list[str] = field(default_factory=list)
    looks_at: str = ""  # the request that a page of the inbox shows, as it said itself
    lookers: tuple[str, ...] = ()  # who else looks, as it was told last
    lookers_of: str = ""  # at what
    mail: OutgoingMessages = field(init=False)

    def __post_init__(self) -> None:
        self.mail = OutgoingMessages.of(self.loop)

    def is_confirmed(self) -> bool:
        """Whether it is known that this person may hear something now."""
        known = self.required is not None and self.version == self.required
        return known and time.monotonic() - self.confirmed_at < CONFIRMED_SECONDS

    # For the follower's thread alone

    def owe(self, why: str = words.SLOW) -> None:
        """What its page shows is not true any more, or may not be; `why` is for people."""
        self.why = why
        self.held.clear()
        if self.owed_since is None:
            self.owed_since = time.monotonic()

    def is_owed_for(self, seconds: float) -> bool:
        """Whether its page has been out of date for longer than that."""
        return self.owed_since is not None and time.monotonic() - self.owed_since > seconds

    def tell(self, texts: list[str]) -> None:
        """Send changes in order; those of a person whose rights are not known now are kept until they are."""
        if self.is_confirmed() and not self.held:
            self.send(texts)
            return
        self.held += texts
        if len(self.held) > QUEUE_LENGTH:
            self.owe()

    def take_held(self) -> list[str]:
        """What was kept, to be sent now."""
        held, self.held = self.held, []
        return held

    # From any thread

    def send(self, messages: Iterable[str | int]) -> None:
        """Queue messages."""
        try:
            self.mail.post(self, list(messages))
        except RuntimeError:
            self.closing = True  # the socket's server has ended

    # For its loop alone

    def put(self, messages: list[str | int]) -> None:
        """To the socket where that can be at once, else into the queue, which its sender empties."""
        if self._written(messages):
            return
        for message in messages:
            if self.closing:
                return
            if self.queue.full():
                # It reloads when it comes back; waiting for it would hold up everybody.
                while not self.queue.empty():
                    self.queue.get_nowait()
                message = TOO_SLOW
            self.closing = isinstance(message, int)
            self.queue.put_nowait(message)

    def _written(self, messages: list[str | int]) -> bool:
        if self.write is None or self.closing or self.sending or not self.queue.empty():
            return False
        texts = [message for message in messages if isinstance(message, str)]
        return len(texts) == len(messages) and self.write(texts)
