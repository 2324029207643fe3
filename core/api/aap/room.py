"""The protocol's addresses. Each answer, also one that refuses, carries the id of its exchange."""

import logging
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from core.api.aap import instances, requests, words
from core.api.answers import Refused, Reply
from core.api.asking import waited
from core.api.desk import (
    Desk,
    Receive,
    Scope,
    Send,
    answer,
    body_of,
    header,
    query_of,
    refused_by,
    unless_gone,
)
from core.history.people.tokens import PROVISION, Bearer

logger = logging.getLogger(__name__)

PREFIX = "/api/aap/"
POLLS = 100  # of one agent at once, in one web process
BROKEN = "Something went wrong here. It is in the log of the site."


class ProtocolRoom:
    """Answers what a client of the protocol asks: agents of their requests, provisioners of instances."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._polls: Counter[str] = Counter()
        self._registrar = instances.Registrar(desk)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        exchange = str(uuid.uuid4())
        try:
            reply = await self._answer(scope, receive)
        except Exception as error:
            reply = _failed(scope, error, exchange)
        reply.headers.append((b"x-request-id", exchange.encode()))
        await answer(scope, send, reply)

    async def _answer(self, scope: Scope, receive: Receive) -> Reply:
        bearer = await self._desk.bearer(scope)
        sent = await body_of(receive, words.BODY_BYTES)
        path = scope["path"].removeprefix(PREFIX).split("/")
        if path[:2] == ["v1", "requests"]:
            call = AgentCall(scope, _agent(bearer), bearer, sent)
            return await self._of_requests(call, path[2:], receive)
        if path[:2] == ["v1", "instances"]:
            return await self._registrar.answer(scope, _provisioner(bearer), sent, path[2:])
        raise words.not_found()

    async def _of_requests(self, call: "AgentCall", rest: list[str], receive: Receive) -> Reply:
        named = words.identifier(rest[0]) if rest else None
        match (call.method, len(rest), rest[1:]):
            case ("POST", 0, _):
                action = partial(requests.create, call.agent, call.bearer.number, call.key, call.question)
            case ("GET", 1, _):
                return await self._read(call, named, receive)
            case ("DELETE", 1, _):
                action = partial(requests.cancel, call.agent, named)
            case ("POST", 2, ["consume"]):
                action = partial(requests.consume, call.agent, named, call.key)
            case ("POST", 2, ["outcome"]):
                action = partial(requests.report, call.agent, named, call.body)
            case _:
                raise words.not_found()
        reply: Reply = await self._desk.run(action)
        return reply

    async def _read(self, call: "AgentCall", named: uuid.UUID | None, receive: Receive) -> Reply:
        seconds = words.wait_seconds(_query(call.scope).get("wait"))
        if seconds and named is not None:
            look_once = partial(requests.ended, call.agent, named)
            with (
                self._polling(call.agent),
                self._desk.standing.while_good(call.bearer, look_once) as look,
            ):
                ended = await unless_gone(waited(self._desk, str(named), seconds, look), receive)
            if ended is not None:
                return Reply(ended.status, ended.body)
        reply: Reply = await self._desk.run(partial(requests.read, call.agent, named))
        return reply

    @contextmanager
    def _polling(self, agent: str) -> Iterator[None]:
        if self._polls[agent] >= POLLS:
            raise Refused(429, "too_many_polls", f"At most {POLLS} reads of one agent wait at once.", after=1)
        self._polls[agent] += 1
        try:
            yield
        finally:
            self._polls[agent] -= 1
            if not self._polls[agent]:
                del self._polls[agent]


class AgentCall:
    """A call of an agent. What it needs of the body or the headers is read when it is needed."""

    def __init__(self, scope: Scope, agent: str, bearer: Bearer, sent: bytes) -> None:
        self.scope, self.agent, self.bearer, self._sent = scope, agent, bearer, sent
        self.method = scope["method"]

    @property
    def body(self) -> dict[str, Any]:
        """The object that was sent; Refused for anything else."""
        return words.body_object(header(self.scope, b"content-type"), self._sent)

    @property
    def question(self) -> words.AgentQuestion:
        """What is asked; Refused for what is no question."""
        return words.question(self.body)

    @property
    def key(self) -> str:
        """The key of the attempt; Refused where there is none."""
        return words.idempotency_key(header(self.scope, b"idempotency-key"))


def _query(scope: Scope) -> dict[str, str]:
    """The fields of the address; Refused where one comes twice."""
    try:
        return query_of(scope)
    except Refused as refused:
        raise words.invalid(refused.field, str(refused)) from refused


def _agent(bearer: Bearer) -> str:
    """In whose name; Refused for a token that is not one agent's to ask with."""
    if PROVISION in bearer.scopes:
        raise Refused(
            403, "wrong_credential", "This is a provisioner's token: it makes instances and asks nothing."
        )
    if "ask" not in bearer.scopes:
        raise Refused(403, "missing_scope", "This token lacks the scope “ask”.")
    if bearer.is_prefix:
        raise Refused(403, "wrong_credential", "This token is of a fleet: ask with one that is of one agent.")
    return bearer.agent


def _provisioner(bearer: Bearer) -> Bearer:
    if PROVISION not in bearer.scopes:
        raise Refused(403, "wrong_credential", "Instances are made with a provisioner's token.")
    return bearer


def _failed(scope: Scope, error: Exception, exchange: str) -> Reply:
    """The answer that an error is; one that nobody expected is in the log, and says nothing of itself."""
    try:
        refused = refused_by(scope, error)
    except Exception:
        logger.exception("%s %s (%s)", scope["method"], scope["path"], exchange)
        refused = Refused(500, "internal", BROKEN)
    if refused.status == 503:
        refused.word = "dependency"
    status, body = words.failure(refused, exchange)
    return Reply(status, body, Reply.of(refused).headers)
