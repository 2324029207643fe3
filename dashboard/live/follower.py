"""Live updates: one follower thread per server process tails the outbox and hands fragments to its sockets.

The follower keeps in memory what pages show, so a socket that connects gets its whole region at once and in
step with what follows. A fragment is rendered once per audience and all sockets get the same text. Redis is
read by the same code as everywhere else. SQL is read by workers, so that its time is nobody else's.
"""

import hashlib
import threading
import time
from typing import Any

from core.errors import StoreUnavailable
from core.store import rights
from core.store.client import open_store
from dashboard import access
from dashboard.access import Audience
from dashboard.live.feed import Feed
from dashboard.live.subscription import RIGHTS_CHANGED, SIGNED_OUT, Subscription
from dashboard.sign_in import demands


def session_digest(session_key: str) -> str:
    """What names a session to other processes without giving it away."""
    return hashlib.sha256(session_key.encode()).hexdigest()


def current_version() -> str | None:
    """Without Redis nobody hears anything, but who signs out then is let go all the same."""
    try:
        return rights.version(open_store())
    except StoreUnavailable:
        return None


class Follower:
    """The follower of this process. It starts with the first socket.

    Any thread may call it, an event loop's too: nothing here waits, `check_access` and `stop` excepted.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # for what follows alone: nothing is read, rendered or awaited under it
        self._subscriptions: set[Subscription] = set()
        self._feed: Feed | None = None

    def subscribe(self, subscription: Subscription) -> None:
        """Have the whole region sent, and from then on every change."""
        with self._lock:
            self._subscriptions.add(subscription)
            if self._feed is None or not self._feed.is_alive():
                self._feed = Feed(self._watching, self.check_access)
                self._feed.start()
            self._feed.enter(subscription)

    def unsubscribe(self, subscription: Subscription) -> None:
        """The socket is gone."""
        with self._lock:
            self._subscriptions.discard(subscription)
            if self._feed is not None:
                self._feed.leave(subscription)

    def watching(self) -> int:
        """How many sockets this process has."""
        return len(self._watching())

    def sockets_of(self, session_key: str) -> int:
        """How many of them are one session's."""
        return sum(one.session_key == session_key for one in self._watching())

    def stop(self) -> None:
        """End the follower and wait for it."""
        with self._lock:
            feed, self._feed = self._feed, None
        if feed is not None:
            feed.stop()

    def look_at_votes(self) -> None:
        """Somebody approved one of several: what live pages show of that is read soon instead of at the next look."""
        with self._lock:
            if self._feed is not None:
                self._feed.look_at_sql()

    def touch(self, request_id: str) -> None:
        """Something beside a request changed: its own pages are read anew."""
        with self._lock:
            if self._feed is not None:
                self._feed.touch(request_id)

    def hear_lookers(self, message: dict[str, Any]) -> None:
        """Another process told who looks at what."""
        with self._lock:
            if self._feed is not None:
                self._feed.hear_lookers(message)

    def end_session(self, session_mark: str) -> None:
        """Close the sockets of a session that is ending; Django tells so before the session is gone."""
        for subscription in self._watching():
            if session_digest(subscription.session_key) == session_mark:
                subscription.send([SIGNED_OUT])

    def check_access(self) -> None:
        """Close the sockets of those who may not watch any more, or whose rights changed. Reads SQL.

        Those of whom SQL says that nothing changed are confirmed as of the beginning of this look.
        """
        watching, began, version = self._watching(), time.monotonic(), current_version()
        users = access.users_of_sessions(subscription.session_key for subscription in watching)
        for subscription in watching:
            user = users.get(subscription.session_key)
            audience = None if user is None or demands.is_missing(user) else Audience.of(user)
            if audience is None:
                subscription.send([SIGNED_OUT])
            elif audience != subscription.audience:
                subscription.send([RIGHTS_CHANGED])
            else:
                subscription.confirmed_at, subscription.version = began, version
                subscription.audience = audience  # equal, and of the newest version of policy

    def _watching(self) -> list[Subscription]:
        with self._lock:
            return list(self._subscriptions)


follower = Follower()
