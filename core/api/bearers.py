"""Whose token it is, remembered for a few seconds: a token that was revoked is refused within five."""

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from django.db import Error, close_old_connections
from django.utils import timezone

from core.api.answers import Refused, Reply
from core.api.throttle import Throttle
from core.history.agents.origins import origin_of
from core.history.people import tokens
from core.history.people.tokens import Bearer
from core.values.names import NAME_LENGTH, checked_name

Result = TypeVar("Result")
KNOWN_SECONDS = 4.0
STANDING_SECONDS = 0.5  # beside the seconds for which a stream is silent
KNOWN = 10_000
NOT_GOOD = "This token is not good: it is unknown, expired or revoked."
TRIES = 60  # with tokens that are none, from one address in a minute


class Bearers:
    """Looks tokens up. Safe from several threads; an unknown one is never remembered, only counted by address."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Bearer] = OrderedDict()
        self._tries = Throttle(TRIES)

    def remembered(self, secret: str) -> Bearer | None:
        """Who it is, where that was asked just now."""
        kept = self._known.get(secret)
        return kept if kept is not None and kept.known_until > time.monotonic() else None

    def look_up(self, secret: str, address: str) -> Bearer:
        """Who it is by the database; Refused for nobody.

        A token that was good here before is always looked up: strangers behind the same address keep nobody out.
        """
        kept = self.remembered(secret)  # asked while this call waited for its thread
        if kept is not None:
            return kept
        if secret not in self._known:
            self._refuse_a_flood(address)
        close_old_connections()
        asked_at = time.monotonic()
        found = tokens.bearer(secret, timezone.now())
        if found is None:
            self._tries.count(origin_of(address))
            with self._lock:
                self._known.pop(secret, None)
            raise Refused(401, "token", NOT_GOOD)
        found = found._replace(known_until=asked_at + KNOWN_SECONDS)
        with self._lock:
            self._known[secret] = found
            self._known.move_to_end(secret)
            while len(self._known) > KNOWN:
                self._known.popitem(last=False)
        return found

    def counted(self, action: Callable[[], Reply], address: str) -> Reply:
        """What an action answers that looks up a secret: whoever guesses is held off as with tokens."""
        self._refuse_a_flood(address)
        try:
            return action()
        except Refused as refused:
            if refused.status == 410:
                self._tries.count(origin_of(address))
            raise

    def _refuse_a_flood(self, address: str) -> None:
        wait = self._tries.wait(origin_of(address))
        if wait:
            raise Refused(429, "tries", "Too many tokens that are none came from here.", after=wait)


class TokenChecks:
    """Whether the tokens of calls that wait, and of streams, are good: one question of the database for all of them.

    streams: the digests of the secrets that were shown for those that are open. Safe from several threads.
    """

    def __init__(self, streams: Callable[[], Collection[str]]) -> None:
        self._streams, self._lock = streams, threading.Lock()
        self._calls: Counter[str] = Counter()  # that wait, by the digest of the secret that was shown
        self._asked = _TokenLookup(0.0, frozenset(), frozenset())
        self._failed: tuple[float, Exception] = (0.0, Exception())

    @contextmanager
    def while_good(self, bearer: Bearer, look: Callable[[], Result]) -> Iterator[Callable[[], Result]]:
        """The look of a call that waits, Refused once its secret is not good any more: nobody is told anything then.

        It may ask the database, so call the look in a thread; enter it in the loop.
        """

        def act() -> Result:
            if time.monotonic() > bearer.known_until and not self.ask(bearer.digest):
                raise Refused(401, "token", NOT_GOOD)
            return look()

        self._calls[bearer.digest] += 1
        try:
            yield act
        finally:
            self._calls[bearer.digest] -= 1
            if not self._calls[bearer.digest]:
                del self._calls[bearer.digest]

    def remembered(self, digest: str) -> bool | None:
        """Whether it is good, where that was asked just now."""
        asked = self._asked
        return digest in asked.good if asked.is_new and digest in asked.of else None

    def ask(self, digest: str) -> bool:
        """The same by the database. Who comes at the same time hears what the first one asked, or how it failed."""
        came = time.monotonic()
        with self._lock:
            known = self.remembered(digest)
            if known is not None:
                return known
            failed_at, error = self._failed
            if failed_at > came:
                raise error
            try:
                return digest in self._question(digest)
            except Error as error:
                self._failed = (time.monotonic(), error)
                raise

    def _question(self, digest: str) -> frozenset[str]:
        """Which of all that wait are good; of this one alone, where it came after they were asked of."""
        last = self._asked
        if not last.is_new:  # the time counts from before the question
            waiting = frozenset((*self._streams(), *self._calls))
            last = _TokenLookup(time.monotonic() + STANDING_SECONDS, waiting, frozenset())
        of = {digest} if last is self._asked else last.of | {digest}
        good = tokens.valid_digests(of, timezone.now())
        self._asked = _TokenLookup(last.until, last.of | of, last.good | good)
        return good


class _TokenLookup(NamedTuple):
    """What the database said: of which secrets, and which of them are good; until when (monotonic) that counts."""

    until: float
    of: frozenset[str]
    good: frozenset[str]

    @property
    def is_new(self) -> bool:
        return self.until > time.monotonic()


def secret_of(header: bytes) -> str:
    """The token in `Authorization: Bearer ...`; Refused where there is none. It is read nowhere else."""
    # Exporters of OpenTelemetry disagree whether %20 in a header of their environment is a space.
    scheme, _, secret = header.decode("latin-1").replace("%20", " ", 1).partition(" ")
    if scheme.lower() != "bearer" or not secret.strip() or len(secret) > 4 * NAME_LENGTH:
        raise Refused(401, "token", "Send the agent's token as “Authorization: Bearer agt_...”.")
    return secret.strip()


def agent_of(bearer: Bearer, said: object) -> str:
    """In whose name this is: the token's, with a fleet's token followed by what the client says; Refused else."""
    if not bearer.is_prefix:
        if said not in (None, "", bearer.agent):
            raise Refused(403, "agent", f"This token is of {bearer.agent!r} alone.", of="agent")
        return bearer.agent
    try:
        rest = checked_name(said, "agent")
        return checked_name(bearer.agent + rest, "agent")
    except (TypeError, ValueError) as error:
        why = f"This token is of a fleet: say in “agent” what follows {bearer.agent!r}. {error}"
        raise Refused(400, "agent", why, of="agent") from error


def require(bearer: Bearer, scope: str) -> None:
    """Refused unless the token has this scope."""
    if scope not in bearer.scopes:
        raise Refused(403, "scope", f"This token may not do that: it lacks the scope {scope!r}.")
