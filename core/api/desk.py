"""What every room behind the door shares: whose token it is, threads, word of every end, and how bytes come and go."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from functools import partial
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qsl

from django.conf import settings
from django.db import Error, close_old_connections

from core.api.answers import HEADERS, MALFORMED, Refused, Reply, sentence
from core.api.bearers import Bearers, TokenChecks, secret_of
from core.api.fullness import Fullness
from core.api.listeners import Listeners
from core.api.living import RunRegistry
from core.api.waiters import EndWaiters, EventWaiters, MailboxWaiters
from core.errors import MalformedRecord, StoreUnavailable
from core.history.people.tokens import Bearer
from core.values.approvals import UNAVAILABLE
from core.values.trouble import OnceAMinute

logger = logging.getLogger(__name__)

BODY_BYTES = 1024 * 1024
THREADS = 16  # for what asks Redis or the database; who waits for an answer holds none
AWAY_SECONDS = 5
PLAIN = (
    "This site is spoken to over https alone, and nothing was done. A token that came over plain http has been seen "
    "by whoever listens: renew it, and send the new one to https://."
)
AWAY = "This could not be asked or stored now. Nothing tells whether it was: ask again with the same key."

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Room(Protocol):
    """What answers everything under its prefix: an ASGI application that is made with the desk."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""


class Stream(NamedTuple):
    """An answer that comes in pieces for as long as its iterator gives them, or the client stays.

    The first one comes at once, or is Refused: until then nothing is sent.
    """

    pieces: AsyncGenerator[bytes, None]
    headers: list[tuple[bytes, bytes]]


class Desk:
    """One for all rooms of a process. Nothing is opened and no thread started before the first call."""

    def __init__(self) -> None:
        self.bearers, self.beating = Bearers(), RunRegistry()
        self.ends, self.mail, self.happenings = EndWaiters(), MailboxWaiters(), EventWaiters()
        self.listeners, self.fullness = Listeners(self.run), Fullness()
        self.streams: Counter[str] = Counter()  # that are open, by the digest of the secret that was shown
        self.standing = TokenChecks(lambda: list(self.streams))
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="api")

    async def run(self, action: Callable[[], Any]) -> Any:
        """In a thread of this desk's, with database connections that are good."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, _fresh, action)

    async def bearer(self, scope: Scope) -> Bearer:
        """Who calls, by the token in `Authorization` alone; Refused for nobody. Ask it before the body is read."""
        refuse_plain(scope)
        secret = secret_of(header(scope, b"authorization"))
        address = (scope.get("client") or ("", 0))[0]
        found: Bearer | None = self.bearers.remembered(secret)
        return found or await self.run(partial(self.bearers.look_up, secret, address))

    async def still(self, bearer: Bearer) -> bool:
        """Whether its secret is good now, by the database: for an answer that goes on for hours."""
        known = self.standing.remembered(bearer.digest)
        good: bool = known if known is not None else await self.run(partial(self.standing.ask, bearer.digest))
        return good


def refuse_plain(scope: Scope) -> None:
    """Refused where pages would be sent on to https: a secret that crosses a network in clear is none."""
    if settings.SECURE_SSL_REDIRECT and scope["scheme"] != "https":
        raise Refused(403, "plain_http", PLAIN)


def _fresh(action: Callable[[], Any]) -> Any:
    close_old_connections()
    try:
        return action()
    finally:
        close_old_connections()


def header(scope: Scope, name: bytes) -> bytes:
    """A header of the call, whose name is in small letters; b'' where it is not there.

    Refused where it came twice: a proxy before us may have looked at the other.
    """
    found = [value for known, value in scope["headers"] if known == name]
    if len(found) > 1:
        raise Refused(400, "header", f"The header {name.decode()} came twice.", of=name.decode())
    return found[0] if found else b""


def query_of(scope: Scope) -> dict[str, str]:
    """The fields of the address; Refused where one comes twice."""
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    twice = next((name for name, count in Counter(name for name, _value in pairs).items() if count > 1), None)
    if twice is not None:
        raise Refused(400, "query", f"{twice[:100]!r} comes twice in the address.", of=twice[:100])
    return dict(pairs)


async def body_of(receive: Receive, most: int = BODY_BYTES) -> bytes:
    """All that was sent; Refused for more than `most` bytes, and for a client that leaves before its end."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "body", "The body did not come whole.", of="body")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise Refused(413, "body", f"A body may have {most:,} bytes.", of="body")
        more = message.get("more_body", False)
    return b"".join(parts)


_away_said = OnceAMinute()


def refused_by(scope: Scope, error: Exception) -> Refused:
    """The refusal that an error is, when Redis or the database is away; what is none is raised again."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, MalformedRecord):
        logger.warning("%s %s: %s", scope["method"], scope["path"], error)
        return Refused(503, MALFORMED, sentence(error), after=AWAY_SECONDS)
    if isinstance(error, (StoreUnavailable, Error)):
        if _away_said.may_say(type(error)):  # thousands of calls wait, and each comes again every few seconds
            logger.warning(
                "%s %s: %s. Others like it are said once a minute.",
                scope["method"],
                scope["path"],
                error,
            )
        return Refused(503, UNAVAILABLE, AWAY, after=AWAY_SECONDS)
    if isinstance(error, RecursionError):
        return Refused(400, "body", "The body nests too deeply.", of="body")
    raise error


async def answer(scope: Scope, send: Send, reply: Reply) -> None:
    """Send a reply."""
    body = reply.bytes
    headers = [*HEADERS, *reply.headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


async def pour(receive: Receive, send: Send, stream: Stream) -> None:
    """Send a stream until it ends or the client leaves; its iterator is closed in both cases."""
    headers = [*(one for one in HEADERS if one[0] != b"content-type"), *stream.headers]

    async def each() -> None:
        async for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})

    async with aclosing(stream.pieces) as pieces:
        first = await anext(pieces)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": first, "more_body": True})
        with suppress(Refused):  # it went
            await unless_gone(each(), receive)
    await send({"type": "http.response.body", "body": b""})


async def unless_gone(waiting: Awaitable[Any], receive: Receive) -> Any:
    """What it gives, unless the client leaves first: then nobody waits any more."""
    here, left = asyncio.current_task(), asyncio.ensure_future(receive())
    assert here is not None  # a coroutine runs in a task
    waits, went = True, False

    def leave(_left: object) -> None:
        nonlocal went
        if waits:
            went = here.cancel()

    left.add_done_callback(leave)
    try:
        found = await waiting
    except asyncio.CancelledError:
        if not went or here.uncancel():
            raise
        raise _gone() from None
    finally:
        waits = False
        had_left = not left.cancel()
    if had_left:
        if isinstance(found, Reply) and found.unsent is not None:
            await found.unsent()
        raise _gone()
    return found


def _gone() -> Refused:
    return Refused(499, "gone", "The client went away.")
