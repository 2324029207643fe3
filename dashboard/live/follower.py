"""Live updates: one follower thread per server process tails the outbox and hands fragments to its sockets.

The follower keeps in memory what pages show, so a socket that connects gets its whole region at once and in
step with what follows. A fragment is rendered once per audience and all sockets get the same text. Redis is
read by the same code as everywhere else.
"""

import asyncio
import hashlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import Error, close_old_connections, reset_queries

from core.errors import TelemetryError
from dashboard import access
from dashboard.approvals import page as contexts
from dashboard.live import fragments
from dashboard.live.doorbells import Bells, is_doorbell
from dashboard.live.state import LiveState, Message
from dashboard.words import DATABASE_AWAY, FORGOTTEN_REQUEST, UNAVAILABLE

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
TICK_SECONDS = 2.0
VERIFY_SECONDS = 15.0
ACCESS_SECONDS = 4.0
PAUSE_SECONDS = 0.5
QUEUE_LENGTH = 100

SIGNED_OUT = 4401
RIGHTS_CHANGED = 1012
TOO_SLOW = 1013

LIVE = "live"  # the topic of the live page; an approval page's is its request id, others are in doorbells.py


@dataclass(eq=False)
class Subscription:
    """One socket: what it shows, to whom, and the queue that its sender empties. A number closes it."""

    topic: str
    may_decide: bool
    session_key: str
    loop: asyncio.AbstractEventLoop
    queue: asyncio.Queue[str | int] = field(default_factory=lambda: asyncio.Queue(QUEUE_LENGTH))
    closing: bool = False

    def send(self, messages: list[str | int]) -> None:
        """Queue messages from any thread."""
        try:
            self.loop.call_soon_threadsafe(self._put, messages)
        except RuntimeError:
            self.closing = True  # the socket's server has ended

    def _put(self, messages: list[str | int]) -> None:
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


def mark_of(session_key: str) -> str:
    """What names a session to other processes without giving it away."""
    return hashlib.sha256(session_key.encode()).hexdigest()


def _sentence(error: Exception) -> str:
    """What pages say of this trouble."""
    if isinstance(error, Error):
        logger.error("the database is away: %s", error)
        return DATABASE_AWAY
    return f"{UNAVAILABLE} ({error})"


class Follower:
    """The follower of this process. It starts with the first socket."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._subscriptions: set[Subscription] = set()
        self._bells: Bells[Subscription] = Bells()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._state: LiveState | None = None
        self._problem = ""

    def subscribe(self, subscription: Subscription) -> None:
        """Send the whole region, and from then on every change."""
        with self._lock:
            self._subscriptions.add(subscription)
            self._bells.add(subscription)
            if self._thread is None or not self._thread.is_alive():
                self._stop = threading.Event()
                self._thread = threading.Thread(
                    target=self._run, args=(self._stop,), name="follower", daemon=True
                )
                self._thread.start()
            try:
                self._welcome([subscription])
            except (TelemetryError, Error) as error:
                subscription.send([fragments.problem(_sentence(error)), fragments.tick(None, ok=False)])

    def unsubscribe(self, subscription: Subscription) -> None:
        """The socket is gone."""
        with self._lock:
            self._subscriptions.discard(subscription)
            self._bells.remove(subscription)

    def watching(self) -> int:
        """How many sockets this process has."""
        with self._lock:
            return len(self._subscriptions)

    def stop(self) -> None:
        """End the follower and wait for it."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._thread, self._problem = None, ""

    def end_session(self, session_mark: str) -> None:
        """Close the sockets of a session that is ending; Django tells so before the session is gone."""
        with self._lock:
            watching = list(self._subscriptions)
        for subscription in watching:
            if mark_of(subscription.session_key) == session_mark:
                subscription.send([SIGNED_OUT])

    def check_access(self) -> None:
        """Close the sockets of those who may not watch any more, or whose rights changed."""
        with self._lock:
            watching = list(self._subscriptions)
        users = access.users_of_sessions(subscription.session_key for subscription in watching)
        for subscription in watching:
            user = users.get(subscription.session_key)
            if user is None or not access.may_view(user):
                subscription.send([SIGNED_OUT])
            elif access.may_decide(user) != subscription.may_decide:
                subscription.send([RIGHTS_CHANGED])

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self.check_access()  # here too: whoever signs out while Redis is away is let go as well
                self._follow(stop)
            except (TelemetryError, Error) as error:
                self._say_problem(_sentence(error))
            except Exception:
                logger.exception("the follower failed and starts again")
                self._say_problem(UNAVAILABLE)
            close_old_connections()
            stop.wait(PAUSE_SECONDS)

    def _follow(self, stop: threading.Event) -> None:
        state = LiveState()
        try:
            with self._lock:
                self._state, self._problem = state, ""
                self._welcome(list(self._subscriptions))
            timers = _Timers()
            while not stop.is_set():
                entries = state.wait(timers.left(LOOK_SECONDS))
                with self._lock:
                    messages, touched = state.apply(entries)
                    if timers.due(LOOK_SECONDS):
                        messages += state.look()
                    if timers.due(VERIFY_SECONDS):
                        messages += state.verify()
                    if timers.due(TICK_SECONDS):
                        messages += state.tick()
                    self._distribute(messages, touched)
                    self._ring(state)
                if timers.due(ACCESS_SECONDS):
                    self.check_access()
                    reset_queries()  # with DEBUG, Django keeps the text of thousands
        finally:
            with self._lock:
                self._state = None
            state.close()

    def _say_problem(self, sentence: str) -> None:
        with self._lock:
            if not self._problem:
                logger.error("live pages stand still: %s", sentence)
            self._problem = sentence
            self._welcome(list(self._subscriptions))

    def _welcome(self, subscriptions: list[Subscription]) -> None:
        """What a page shows from now on: its region, or what is wrong."""
        if self._state is None:
            if self._problem:
                for subscription in subscriptions:
                    subscription.send([fragments.problem(self._problem), fragments.tick(None, ok=False)])
            return
        regions = _Regions(self._state)
        for subscription in subscriptions:
            alarm, tick = fragments.alarm(self._state.alarm), fragments.tick(self._state.now, ok=True)
            texts: list[str | int] = [fragments.problem(""), alarm, tick]
            if is_doorbell(subscription.topic):
                self._bells.add(subscription)
            else:
                texts.insert(2, regions.of(subscription.topic, subscription.may_decide))
            subscription.send(texts)

    def _distribute(self, messages: list[Message], touched: set[str]) -> None:
        assert self._state is not None
        regions = _Regions(self._state)
        for subscription in self._subscriptions:
            if subscription.topic == LIVE:
                texts: list[str | int] = [m.text(may_decide=subscription.may_decide) for m in messages]
            else:
                texts = [m.for_viewer for m in messages if m.everywhere]
                if subscription.topic in touched:
                    texts.append(regions.of(subscription.topic, subscription.may_decide))
            if texts:
                subscription.send(texts)

    def _ring(self, state: LiveState) -> None:
        self._bells.changed(state.changes.take())
        for subscription in self._bells.due():
            subscription.send([fragments.ring(state.now)])


class _Regions:
    """Whole regions, each rendered once for the sockets of one moment."""

    def __init__(self, state: LiveState) -> None:
        self._state = state
        self._made: dict[tuple[str, bool], str] = {}

    def of(self, topic: str, may_decide: bool) -> str:
        if (topic, may_decide) not in self._made:
            self._made[topic, may_decide] = self._make(topic, may_decide)
        return self._made[topic, may_decide]

    def _make(self, topic: str, may_decide: bool) -> str:
        if topic == LIVE:
            return self._state.region(may_decide=may_decide)
        approval = access.read_approval(topic)
        if approval is None:
            return fragments.problem(FORGOTTEN_REQUEST)
        return fragments.approval_region(contexts.approval_page(topic, approval), may_decide=may_decide)


class _Timers:
    """When each periodic thing was done last; each is named by its own period in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: dict[float, float] = {}

    def left(self, period: float) -> float:
        return max(0.0, self._last.setdefault(period, self._clock()) + period - self._clock())

    def due(self, period: float) -> bool:
        if self.left(period) > 0:
            return False
        self._last[period] = self._clock()
        return True


follower = Follower()
