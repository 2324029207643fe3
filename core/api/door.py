"""The ASGI application under one prefix: who asks is known by a token alone, before a byte of the body is read."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from django.db import Error, close_old_connections

from core.api import asking, hooks, living
from core.api.answers import HEADERS, Refused, Reply
from core.api.bearers import Bearers, agent_of, require, secret_of
from core.api.description import DESCRIPTION
from core.api.ends import Ends
from core.errors import MalformedRecord, StoreUnavailable
from core.history.people.tokens import Bearer
from core.values.approvals import UNAVAILABLE
from core.values.json import loads_from_outside

logger = logging.getLogger(__name__)

PREFIX = "/api/v1/"
HOOK = ("POST", "hooks/claude-code")
BODY_BYTES = 1024 * 1024
ONCE = (b"authorization", b"content-type", b"idempotency-key")
THREADS = 16  # for what asks Redis or the database; who waits for an answer holds none
AWAY_SECONDS = 5

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Call(NamedTuple):
    """What came: whose it is, the fields of the address, the body as an object, and the key of the header."""

    bearer: Bearer
    query: dict[str, str]
    body: dict[str, Any]
    key: str

    @property
    def agent(self) -> str:
        """In whose name."""
        return agent_of(self.bearer, self.body.get("agent", self.query.get("agent")))

    @property
    def hook_agent(self) -> str:
        """The same for a hook, whose body is its client's and names its subagent as `agent_id`."""
        return agent_of(self.bearer, self.query.get("agent"))


class Door:
    """Answers what is under PREFIX, and hands everything else on."""

    def __init__(self, otherwise: Any) -> None:
        self._otherwise = otherwise
        self._bearers, self._ends, self._beating = Bearers(), Ends(), living.Beating()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="api")
        self._routes = self._made_routes()

    def _made_routes(self) -> dict[tuple[str, str], tuple[str, Callable[[Call], Reply]]]:
        beat = {("POST", mode): ("beat", partial(self._beat, mode)) for mode in ("start", "beat", "stop")}
        return {
            ("POST", "requests"): ("ask", lambda call: asking.ask(call.agent, call.body, call.key)),
            ("GET", "requests"): (
                "ask",
                lambda call: asking.find(call.agent, call.query.get("key"), call.query.get("status")),
            ),
            **beat,
            ("POST", "signals"): ("signal", lambda call: living.send_signal(call.agent, call.body)),
            ("GET", "signals"): ("signal", lambda call: living.take_signal(call.agent, call.query)),
            ("POST", "events"): ("events", lambda call: living.publish(call.agent, call.body)),
            ("GET", "events"): ("events", lambda call: living.read_events(call.query)),
            ("POST", "calls"): ("usage", lambda call: living.track(call.agent, call.body)),
        }

    def _beat(self, mode: str, call: Call) -> Reply:
        return self._beating.take(mode, call.bearer.number, call.agent, call.body)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._otherwise(scope, receive, send)
            return
        try:
            reply = await self._answer(scope, receive)
        except Refused as refused:
            reply = Reply.of(refused)
        except (StoreUnavailable, MalformedRecord, Error) as error:
            logger.warning("%s %s: %s", scope["method"], scope["path"], error)
            away = "This could not be asked or stored now. Nothing tells whether it was: ask again with the same key."
            reply = Reply.of(Refused(503, UNAVAILABLE, away, after=AWAY_SECONDS))
        except RecursionError:
            reply = Reply.of(Refused(400, "body", "The body nests too deeply.", of="body"))
        body = reply.bytes
        headers = [*HEADERS, *reply.headers, (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, scope: Scope, receive: Receive) -> Reply:
        path = scope["path"].removeprefix(PREFIX)
        if (scope["method"], path) == ("GET", "openapi.json"):
            return Reply(200, DESCRIPTION)
        headers = _headers(scope)
        secret = secret_of(headers.get(b"authorization", b""))
        address = (scope.get("client") or ("", 0))[0]
        bearer = self._bearers.remembered(secret) or await self._run(
            partial(self._bearers.look_up, secret, address)
        )
        query = _query(scope)
        body = await _body(scope, headers, receive)
        call = Call(bearer, query, body, headers.get(b"idempotency-key", b"").decode("latin-1"))
        if (scope["method"], path) == HOOK:
            hook = hooks.claude_code(
                self._run, self._ends, self._beating, bearer, call.hook_agent, query, body
            )
            return await _unless_gone(hook, receive)
        route = self._routes.get((scope["method"], path))
        if route is None:
            return await self._of_request(scope["method"], path, call, receive)
        require(bearer, route[0])
        reply: Reply = await self._run(partial(route[1], call))
        return reply

    async def _of_request(self, method: str, path: str, call: Call, receive: Receive) -> Reply:
        room, _, rest = path.partition("/")
        request_id, _, what = rest.partition("/")
        known = {("GET", ""), ("GET", "outcome"), ("POST", "cancel")}
        if room != "requests" or not request_id or (method, what) not in known:
            raise self._no_such(method, path)
        require(call.bearer, "ask")
        agent = call.agent
        if what == "outcome":
            seconds, claim = asking.wait_seconds(call.query.get("wait")), call.query.get("claim")
            waiting = asking.outcome(self._run, self._ends, agent, request_id, seconds, claim)
            return await _unless_gone(waiting, receive)
        action = asking.cancel if what == "cancel" else asking.read
        reply: Reply = await self._run(partial(action, agent, request_id))
        return reply

    def _no_such(self, method: str, path: str) -> Refused:
        ways = sorted({way for way, name in self._routes if name == path})
        if ways:
            return Refused(405, "method", f"This takes {' and '.join(ways)}, not {method}.")
        return Refused(404, "address", f"There is nothing here. {PREFIX}openapi.json has what there is.")

    async def _run(self, action: Callable[[], Any]) -> Any:
        """In a thread of this door's, with database connections that are good."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, _fresh, action)


def _fresh(action: Callable[[], Any]) -> Any:
    close_old_connections()
    try:
        return action()
    finally:
        close_old_connections()


def _headers(scope: Scope) -> dict[bytes, bytes]:
    """By name; Refused where one that counts comes twice: a proxy before us may have looked at the other."""
    names = [name for name, _value in scope["headers"]]
    for name in ONCE:
        if names.count(name) > 1:
            raise Refused(400, "header", f"The header {name.decode()} came twice.", of=name.decode())
    return dict(scope["headers"])


def _query(scope: Scope) -> dict[str, str]:
    """The fields of the address; Refused where one comes twice."""
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, _value in pairs if sum(name == other for other, _ in pairs) > 1)
        raise Refused(400, "query", f"{twice[:100]!r} comes twice in the address.", of=twice[:100])
    return found


async def _body(scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> dict[str, Any]:
    """The JSON object that was sent, {} for none; Refused for anything else and for more than 1 MiB."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "body", "The body did not come whole.", of="body")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > BODY_BYTES:
            raise Refused(413, "body", f"A body may have {BODY_BYTES:,} bytes.", of="body")
        more = message.get("more_body", False)
    text = b"".join(parts)
    if not text or scope["method"] in ("GET", "HEAD"):
        return {}
    kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
    if kind != b"application/json":
        raise Refused(415, "body", "Send JSON, with the header “Content-Type: application/json”.", of="body")
    try:
        said = loads_from_outside(text)
    except ValueError as error:
        raise Refused(400, "body", f"The body is no JSON: {error}", of="body") from error
    if not isinstance(said, dict):
        raise Refused(400, "body", "The body must be a JSON object.", of="body")
    return said


async def _unless_gone(waiting: Awaitable[Reply], receive: Receive) -> Reply:
    """The reply, unless the client leaves first: then nobody waits any more."""
    task, left = asyncio.ensure_future(waiting), asyncio.ensure_future(receive())
    try:
        await asyncio.wait({task, left}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Refused(499, "gone", "The client went away.")
        return task.result()
    finally:
        for one in (task, left):
            one.cancel()
