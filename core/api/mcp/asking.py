"""What the tools do: the same requests as over HTTP and by hooks, under the same keys, with the same words."""

import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from django.db import Error

from core.api import asking, hooks
from core.api.answers import Refused
from core.api.bearers import agent_of
from core.api.desk import AWAY, Desk
from core.api.routes import ROUTES, ApiCall
from core.approvals.request import ApprovalRequest
from core.errors import MalformedRecord, StoreUnavailable
from core.history.people.tokens import Bearer
from core.values.approvals import EDITED, PENDING, UNAVAILABLE

SESSION = "mcp"  # a call over MCP names no session, and its tool_use_id is its own in all of them
LONGEST_WAIT = 25.0  # seconds that ask_human and wait_for_answer take; clients give up on what takes longer
OPEN_SECONDS = 3600.0
AGAIN = "Nobody has answered yet. Call wait_for_answer with this id; do nothing that depends on the answer before."
KIND = "question"
TROUBLE = (StoreUnavailable, MalformedRecord, Error)


class ToolTask(NamedTuple):
    """A request that a client comes back for. `use`: of `approve`, for which call its answer is; None of a question."""

    request_id: str
    use: str | None = None

    @classmethod
    def of(cls, text: str) -> "ToolTask":
        """As its client says it."""
        request_id, dot, use = text.partition(".")
        try:
            return cls(request_id, b64decode(use, b"-_", validate=True).decode() if dot else None)
        except ValueError as error:
            raise _no_such_task() from error

    def __str__(self) -> str:
        use = "" if self.use is None else f".{urlsafe_b64encode(self.use.encode()).decode()}"
        return f"{self.request_id}{use}"


def _no_such_task() -> Refused:
    return Refused(404, "task", "There is no such task of this agent.")


class TokenAsker:
    """Asks in the name of one token, as the address of the server was written (`query`). One for each call.

    takes_tasks: whether this call's client comes back for what takes long; then nothing is waited for here, and
    `begun` is what it comes back for.
    """

    def __init__(self, desk: Desk, bearer: Bearer, query: Mapping[str, str]) -> None:
        self._desk, self._bearer, self._query = desk, bearer, dict(query)
        self.takes_tasks = False
        self.begun: ToolTask | None = None

    async def approve(self, tool: str, given: dict[str, Any], use: str) -> dict[str, Any]:
        """Whether a tool may run, as `--permission-prompt-tool` wants it; deny for whatever goes wrong."""
        body = {"hook_event_name": "PreToolUse", "tool_name": tool, "tool_input": given,
                "session_id": SESSION, "tool_use_id": use}  # fmt: skip
        # The client asks about what it would ask its user, so all of it is asked here.
        bearer = self._bearer._replace(asks="*")
        query = {"understands": EDITED, "timeout": "600", **self._query}
        try:
            if self.takes_tasks:
                self.begun = ToolTask(
                    *await self._desk.run(partial(hooks.open_tool_request, self._agent, body))
                )
                return {"status": PENDING}
            reply = await self._route("POST", "hooks/claude-code", body, query=query, bearer=bearer)
        except (Refused, *TROUBLE) as error:
            return {"behavior": "deny", "message": f"Nobody could be asked: {why(error)}"}
        return _permission(reply, given)

    async def ask(
        self, question: str, details: dict[str, Any] | None, key: str | None, wait: float
    ) -> dict[str, Any]:
        """Ask people a question: how it was answered, or that it waits."""
        context = {"question": question, **({"details": details} if details else {})}
        body = {"type": KIND, "context": context, "timeout": OPEN_SECONDS, **({"key": key} if key else {})}
        asked = await self._route("POST", "requests", self._named(body))
        said = await self.wait(asked["id"], 0 if self.takes_tasks else wait)
        if self.takes_tasks and said["status"] == PENDING:
            self.begun = ToolTask(asked["id"])
        return said

    async def wait(self, request_id: str, wait: float) -> dict[str, Any]:
        """How a question was answered, waiting at most so many seconds."""
        query = {**self._query, "wait": f"{max(0.0, min(wait, LONGEST_WAIT)):.3f}"}
        said = await self._route("GET", "requests/{id}/outcome", {}, query=query, of=request_id)
        return {**said, "next": AGAIN} if said["status"] == PENDING else said

    async def request_of(self, task: ToolTask) -> ApprovalRequest:
        """What a task waits for; Refused where this agent asked no such thing."""
        found: ApprovalRequest = await self._desk.run(
            partial(asking.own_request, self._agent, task.request_id)
        )
        if task.use is not None and found.context.get("session") != SESSION:
            raise _no_such_task()
        return found

    def comes_back(self, task: ToolTask) -> None:
        """The client has just looked at what still waits, and looks again."""
        with self._desk.listeners.call() as call:
            call.waits_for(task.request_id)

    async def came_of(self, task: ToolTask, request: ApprovalRequest) -> dict[str, Any] | None:
        """What its tool would have said at the end; None while nobody has answered."""
        if task.use is None:
            said = await self.wait(task.request_id, 0)
            return None if said["status"] == PENDING else said
        try:
            reply = await hooks.tool_answer(self._desk, self._bearer, self._agent, request, task.use)
        except Refused as refused:  # another call of the same took the answer
            return {"behavior": "deny", "message": str(refused)}
        return None if reply.status == 202 else _permission(reply.body, request.context["input"])

    async def cancel(self, task: ToolTask) -> None:
        """Withdraw it, where it has not ended."""
        await self._route("POST", "requests/{id}/cancel", self._named({}), of=task.request_id)

    @property
    def _agent(self) -> str:
        return agent_of(self._bearer, self._query.get("agent"))

    def _named(self, body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "agent": self._query["agent"]} if "agent" in self._query else body

    async def _route(
        self, method: str, path: str, body: dict[str, Any], *, of: str = "",
        query: dict[str, str] | None = None, bearer: Bearer | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """What the door answers to this, without its way over HTTP."""
        way = ROUTES[method, path]
        call = ApiCall(bearer or self._bearer, query or self._query, body, "", of, self._desk)
        waiting: Any = way.answer(call) if way.waits else self._desk.run(partial(way.answer, call))
        reply: dict[str, Any] = (await waiting).body
        return reply


def _permission(reply: Mapping[str, Any], given: Any) -> dict[str, Any]:
    said = reply.get("hookSpecificOutput", {})
    if said.get("permissionDecision") == "allow":
        return {"behavior": "allow", "updatedInput": said.get("updatedInput", given)}
    return {"behavior": "deny", "message": said.get("permissionDecisionReason") or "Nobody allowed it."}


def as_text(said: Mapping[str, Any]) -> str:
    """A result for a model, and for a client that reads JSON."""
    return json.dumps(said, ensure_ascii=False)


def unavailable(error: Exception) -> dict[str, Any]:
    """What a tool says where Redis or the database is away."""
    return {"status": UNAVAILABLE, "approved": False, "reason": f"Nobody could be asked: {why(error)}"}


def why(error: Exception) -> str:
    """What is wrong, for an agent; what a database says of itself is not for it."""
    return AWAY if isinstance(error, Error) else str(error)
