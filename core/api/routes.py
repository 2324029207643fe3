"""The room of agents under /api/v1/: one line for each way in, and who may go it."""

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple

from core.api import asking, connecting, hooks, living, streams
from core.api.answers import Refused, Reply
from core.api.bearers import agent_of, require
from core.api.description import DESCRIPTION
from core.api.desk import (
    BODY_BYTES,
    Desk,
    Receive,
    Scope,
    Send,
    Stream,
    answer,
    body_of,
    header,
    pour,
    query_of,
    refuse_plain,
    refused_by,
    unless_gone,
)
from core.api.waiters import until
from core.history.people.tokens import Bearer
from core.signals.signal import CoordinationSignal
from core.values.json import loads_from_outside

PREFIX = "/api/v1/"
STRANGERS_BYTES = 64 * 1024  # of what is sent without a token
LOOK_SECONDS = 10.0  # after which a mailbox is looked at, whatever was heard of it


class ApiCall(NamedTuple):
    """What came: whose it is, the fields of the address, the body as an object, the key of the header, and the id.

    last: what the client of a stream had last.
    """

    bearer: Bearer
    query: dict[str, str]
    body: dict[str, Any]
    key: str
    id: str
    desk: Desk
    last: str = ""

    @property
    def agent(self) -> str:
        """In whose name."""
        return agent_of(self.bearer, self.body.get("agent", self.query.get("agent")))

    @property
    def hook_agent(self) -> str:
        """The same for a hook, whose body is its client's and names its subagent as `agent_id`."""
        return agent_of(self.bearer, self.query.get("agent"))


class Route(NamedTuple):
    """One way in. `scope`: what the token needs; '' where the answer itself asks.

    It is answered in a thread; one that `waits` on the loop, until the client goes, and holds no thread meanwhile.
    """

    scope: str
    answer: Callable[[ApiCall], Reply | Awaitable[Reply | Stream]]
    waits: bool = False


def _beat(mode: str, call: ApiCall) -> Reply:
    return call.desk.beating.take(mode, call.bearer.number, call.agent, call.body)


def _told(tell: Callable[[str, dict[str, Any]], Reply], call: ApiCall) -> Reply:
    """A signal or an event: there is no bound to how many an agent sends, but what others need is left free."""
    call.desk.fullness.refuse()
    return tell(call.agent, call.body)


def _outcome(call: ApiCall) -> Awaitable[Reply]:
    seconds, hearing = asking.wait_seconds(call.query.get("wait")), asking.hearing_of(call.query)
    return asking.outcome(call.desk, call.bearer, call.agent, call.id, seconds, hearing)


async def _signal(call: ApiCall) -> Reply:
    """The oldest of a type, waiting for it; one that nobody is there to hear any more stays in its mailbox."""
    seconds, agent, run = asking.wait_seconds(call.query.get("wait")), call.agent, call.desk.run

    async def give_back(signal: CoordinationSignal) -> None:
        await run(partial(living.put_back, agent, signal))

    one = partial(living.take_signal, agent, call.query)
    with call.desk.standing.while_good(call.bearer, one) as take:

        async def look() -> tuple[CoordinationSignal | None, float]:
            return await streams.handed(partial(run, take), give_back), LOOK_SECONDS

        found = await until(call.desk.mail, agent, seconds, look) if seconds else (await look())[0]
    if found is None:
        return Reply(204)
    return Reply(200, found.to_dict(), unsent=partial(give_back, found))


ROUTES: dict[tuple[str, str], Route] = {
    ("POST", "requests"): Route(
        "ask", lambda call: asking.ask(call.agent, call.bearer.said, call.body, call.key)
    ),
    ("GET", "requests"): Route("ask", lambda call: asking.find(call.agent, call.query)),
    ("POST", "requests/ended"): Route(
        "ask", lambda call: asking.ended(call.desk, call.bearer, call.agent, call.body), waits=True
    ),
    ("GET", "requests/{id}"): Route("ask", lambda call: asking.read(call.agent, call.id)),
    ("GET", "requests/{id}/outcome"): Route("ask", _outcome, waits=True),
    ("GET", "requests/{id}/stream"): Route(
        "ask",
        lambda call: streams.of_request(call.desk, call.bearer, call.agent, call.id, call.query),
        waits=True,
    ),
    ("POST", "requests/{id}/cancel"): Route(
        "ask", lambda call: asking.cancel(call.agent, call.id, call.body)
    ),
    **{("POST", mode): Route("beat", partial(_beat, mode)) for mode in ("start", "beat", "stop")},
    ("POST", "signals"): Route("signal", partial(_told, living.send_signal)),
    ("GET", "signals"): Route("signal", _signal, waits=True),
    ("POST", "events"): Route("events", partial(_told, living.publish)),
    ("GET", "events"): Route("events", lambda call: living.read_events(call.query)),
    ("GET", "events/stream"): Route(
        "events", lambda call: streams.of_events(call.desk, call.bearer, call.query, call.last), waits=True
    ),
    ("POST", "feedback"): Route("usage", lambda call: living.rate(call.body)),
    ("POST", "calls"): Route("usage", lambda call: living.track(call.agent, call.body)),
    ("POST", "hooks/claude-code"): Route(
        "",
        lambda call: hooks.claude_code(call.desk, call.bearer, call.hook_agent, call.query, call.body),
        waits=True,
    ),
    ("POST", "token/rotate"): Route("", lambda call: connecting.rotate(call.bearer)),
}
# Without a token: what answers is told the body and the address of who asks.
OPEN: dict[tuple[str, str], Callable[[Desk, dict[str, Any], str], Reply]] = {
    ("POST", "connect"): lambda _desk, body, address: connecting.begin(body, address),
    ("POST", "connect/token"): lambda desk, body, address: desk.bearers.counted(
        partial(connecting.fetch, body), address
    ),
}
_PLAIN = {way for way in ROUTES if "{" not in way[1]}
_PATTERNS = {path: re.compile(path.replace("{id}", "([^/]+)")) for _method, path in ROUTES}


class ApiRoom:
    """Answers what agents ask in our own words."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        try:
            reply = await self._answer(scope, receive)
            if isinstance(reply, Stream):
                await pour(receive, send, reply)
                return
        except Exception as error:
            reply = Reply.of(refused_by(scope, error))
        await answer(scope, send, reply)

    async def _answer(self, scope: Scope, receive: Receive) -> Reply | Stream:
        method, path = scope["method"], scope["path"].removeprefix(PREFIX)
        if (method, path) == ("GET", "openapi.json"):
            return Reply(200, DESCRIPTION)
        if (method, path) in OPEN:
            refuse_plain(scope)  # what is fetched here is a token
            given = await _object(scope, receive, STRANGERS_BYTES)
            address = (scope.get("client") or ("", 0))[0]
            opened: Reply = await self._desk.run(partial(OPEN[method, path], self._desk, given, address))
            return opened
        bearer = await self._desk.bearer(scope)
        body = await _object(scope, receive)
        route, named = _found(method, path)
        query = query_of(scope)
        key = header(scope, b"idempotency-key").decode("latin-1")
        last = header(scope, b"last-event-id").decode("latin-1")
        call = ApiCall(bearer, query, body, key, named, self._desk, last)
        if route.scope:
            require(bearer, route.scope)
        if route.waits:
            held: Any = route.answer(call)
            waiting = unless_gone(held, receive)
        else:
            waiting = self._desk.run(partial(route.answer, call))
        del call, query, body  # thousands wait here, and each holds what it needs itself
        reply: Reply | Stream = await waiting
        return reply


def _found(method: str, path: str) -> tuple[Route, str]:
    """The way that a call goes, and the id in its address or ''; Refused where there is none."""
    if (method, path) in _PLAIN:
        return ROUTES[method, path], ""
    ways = []
    for (way, known), route in ROUTES.items():
        match = _PATTERNS[known].fullmatch(path)
        if match and way == method:
            return route, "".join(match.groups())
        if match:
            ways.append(way)
    if ways:
        raise Refused(405, "method", f"This takes {' and '.join(sorted(ways))}, not {method}.")
    raise Refused(404, "address", f"There is nothing here. {PREFIX}openapi.json has what there is.")


async def _object(scope: Scope, receive: Receive, most: int = BODY_BYTES) -> dict[str, Any]:
    """The JSON object that was sent, {} for none; Refused for anything else and for more than `most` bytes."""
    text = await body_of(receive, most)
    if not text or scope["method"] in ("GET", "HEAD"):
        return {}
    kind = header(scope, b"content-type").split(b";")[0].strip().lower()
    if kind != b"application/json":
        raise Refused(415, "body", "Send JSON, with the header “Content-Type: application/json”.", of="body")
    try:
        said = loads_from_outside(text)
    except ValueError as error:
        raise Refused(400, "body", f"The body is no JSON: {error}", of="body") from error
    if not isinstance(said, dict):
        raise Refused(400, "body", "The body must be a JSON object.", of="body")
    return said
