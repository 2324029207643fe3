"""Coding agents by their settings alone: what Claude Code posts before a tool runs, and while it works.

Field names are theirs (https://docs.claude.com/en/docs/claude-code/hooks). An answer of nothing is no opinion: the
client's own rules go on. Whoever waits is answered before the client gives up, since a client that gives up may go on.
"""

import asyncio
import hashlib
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from core.api import asking, living
from core.api.answers import Refused, Reply, not_taken
from core.api.bearers import require
from core.api.desk import Desk
from core.api.elicitation import ELICITATION, Form
from core.api.otlp import tools
from core.approval_gates import ApprovalGate
from core.approvals.request import ApprovalRequest
from core.cli.agents import shim
from core.errors import StoreRefused, TelemetryError
from core.history.people.tokens import Bearer
from core.store.approvals.parked import park, read_parked
from core.store.client import open_store
from core.values.approvals import APPROVED, CHANGES, EDITED, PENDING, REJECTED
from core.values.names import NAME_LENGTH

BEFORE, PROMPT = "PreToolUse", "PermissionRequest"
PARKED_SECONDS = (
    3600.0  # a request outlives the call that asked it by so long, for the same call to take its answer
)
EARLY_SECONDS = 5.0  # before the client's own time-out
LEAST, USUAL, MOST = 10.0, 60.0, 3600.0  # seconds of that
EVERY, PROMPTED = "*", "prompted"  # what a token's calls ask for, beside a list of tools
TASK_LENGTH = 120
# What each event says of the agent: the status, and which of its fields is the task.
TOLD = {
    "UserPromptSubmit": ("running", "prompt"),
    "PostToolUse": ("running", "tool_name"),
    "PostToolUseFailure": ("running", "tool_name"),
    "Notification": ("waiting", "message"),
    "SubagentStart": ("running", "agent_type"),
    "SubagentStop": ("running", "agent_type"),
    "Stop": ("idle", ""),
}
ENDED = "SessionEnd"
BECAME = {"PostToolUse": tools.RAN, "PostToolUseFailure": tools.FAILED}
EVENT = "coding_agent"  # under which each of these is published too, with these fields of it
PUBLISHED = {
    "session_id": "session",
    "tool_name": "tool",
    "tool_use_id": "call",
    "message": "message",
    "notification_type": "kind",
    "agent_type": "subagent",
    "agent_id": "subagent id",
    "reason": "reason",
}
BEAT_SECONDS = 10.0  # so often an agent is seen to live whose tool is held
NO_MORE = "Do not try to do the same in another way. Do something else, or stop and say what you need."


@dataclass(frozen=True)
class Tool:
    """A call of a tool that a client wants to make. `use`: the client's own name for this one call."""

    event: str
    name: str
    session: str
    use: str
    context: dict[str, Any]

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Tool":
        """As it was posted; Refused where it is no call."""
        event, name, session = (body.get(field) for field in ("hook_event_name", "tool_name", "session_id"))
        given = body.get("tool_input")
        for field, value in (("tool_name", name), ("session_id", session)):
            if not isinstance(value, str) or not value:
                raise Refused(400, field, f"{field} must be a text.", of=field)
        if not isinstance(given, dict):
            raise Refused(400, "tool_input", "tool_input must be an object.", of="tool_input")
        context = {"tool": name, "input": given, "session": session}
        for field, said in (("cwd", "folder"), ("agent_type", "subagent"), ("agent_id", "subagent id")):
            if isinstance(body.get(field), str):
                context[said] = body[field]
        # Without a name of its client's a call is one of its own: what was said to another is no answer to it.
        use = body.get("tool_use_id") or uuid.uuid4().hex
        return cls(str(event), str(name), str(session), str(use), context)

    @property
    def key(self) -> str:
        """Under which it is asked: the same call, posted again, is the same request."""
        return f"{self.session}:{self.use}"[:255]

    def is_same_but_input(self, edited: Mapping[str, Any]) -> bool:
        """Whether what was approved is this very call, with another input at most."""
        return {**edited, "input": None} == {**self.context, "input": None}


Question = Tool | Form


async def claude_code(
    desk: Desk, bearer: Bearer, agent: str, query: Mapping[str, str], body: dict[str, Any]
) -> Reply:
    """Answer one hook: a tool is held until people have answered, everything else is heard as a sign of life."""
    if shim.is_copilots(body):  # it reads these settings too, and has words of its own
        asked, takes_no_edit = shim.COPILOT.read(body) or {}, {**query, "understands": ""}
        reply = await claude_code(desk, bearer, agent, takes_no_edit, asked)
        return Reply(reply.status, shim.COPILOT.say(body, shim.understood(reply.body)))
    if shim.is_copilots_patch(body):  # in the place of a text it takes no other input
        body, query = {**body, "tool_input": {"input": body["tool_input"]}}, {**query, "understands": ""}
    event = body.get("hook_event_name")
    if event not in (BEFORE, PROMPT, ELICITATION):
        await desk.run(partial(_hear, desk, bearer, agent, body))
        return Reply(200, {})
    question = Form.of(body) if event == ELICITATION else Tool.of(body)
    if not asks(bearer.asks, question):
        return Reply(200, {})
    require(bearer, "ask")
    if isinstance(question, Form) and not question.is_simple:
        return question.declined
    # The client's own time-out, as its settings say it to both.
    seconds = asking.wait_seconds(query.get("timeout"), "timeout", LEAST, MOST, USUAL) - EARLY_SECONDS
    # An edit is offered only where the client takes one; a question back is words for its model.
    understands = (CHANGES, *(word for word in query.get("understands", "").split(",") if word == EDITED))
    held = _held(desk, bearer, agent, question, understands, seconds)
    reply = await (_while_alive(desk, bearer, agent, question, held) if "beat" in bearer.scopes else held)
    return (
        _of_form(question, reply) if isinstance(question, Form) else _said(question, reply.status, reply.body)
    )


def open_tool_request(agent: str, body: Mapping[str, Any]) -> tuple[str, str]:
    """A tool that nobody holds: the request of its call, and the name for which its answer is taken."""
    tool = Tool.of(body)
    return _asked(agent, tool, (CHANGES, EDITED)), tool.use


async def tool_answer(desk: Desk, bearer: Bearer, agent: str, request: ApprovalRequest, use: str) -> Reply:
    """What became of it: 202 while nobody has answered. Refused where another call has taken the answer."""
    hearing = asking.hearing(use, (CHANGES, EDITED))
    reply = await asking.outcome(desk, bearer, agent, request.request_id, 0, hearing)
    context = request.context
    tool = Tool(BEFORE, context["tool"], context["session"], use, context)
    return reply if reply.status == 202 else _said(tool, reply.status, reply.body)


async def _held(
    desk: Desk, bearer: Bearer, agent: str, question: Question, understands: tuple[str, ...], seconds: float
) -> Reply:
    """How a question ended within so many seconds: 200, or 202 where nobody has answered."""
    hearing = asking.hearing(question.use, understands)

    async def outcome(request_of: Callable[[str, Question, tuple[str, ...]], str]) -> Reply:
        request_id = await desk.run(partial(request_of, agent, question, understands))
        return await asking.outcome(desk, bearer, agent, request_id, seconds, hearing)

    try:
        return await outcome(_asked)
    except Refused as refused:
        if refused.word != "collected":
            raise
        # Another call of the same took what was parked: this one has a request of its own.
        return await outcome(_new)


async def _while_alive(
    desk: Desk, bearer: Bearer, agent: str, question: Question, waiting: Awaitable[Reply]
) -> Reply:
    """What is waited for; meanwhile its agent, which cannot speak, is seen to live."""
    said = {
        "run": question.session[:255],
        "status": "waiting",
        "task": f"{question.name}: waits for an answer",
    }
    alive = partial(desk.beating.take, "beat", bearer.number, agent, said)

    async def beats() -> None:
        with desk.standing.while_good(bearer, alive) as beat:
            while True:
                with suppress(TelemetryError, Refused):  # its tool waits all the same
                    await desk.run(beat)
                await asyncio.sleep(BEAT_SECONDS)

    task = asyncio.ensure_future(beats())
    try:
        return await waiting
    finally:
        task.cancel()


def asks(policy: str, question: Question) -> bool:
    """Whether people are asked: for every tool, for what the client itself would ask, or for those of a list."""
    if policy in (EVERY, PROMPTED):
        return question.event == ELICITATION or question.event == (BEFORE if policy == EVERY else PROMPT)
    return question.event != PROMPT and question.name in policy.split()


def _asked(agent: str, question: Question, understands: tuple[str, ...]) -> str:
    """The request of this call: one of the very same call that was parked in the last hour, or a new one."""
    return _parked(agent, question) or _new(agent, question, understands)


def _new(agent: str, question: Question, understands: tuple[str, ...]) -> str:
    gate, key = ApprovalGate(agent_id=agent), question.key
    try:
        asked = gate.open_request(
            question.name, question.context, PARKED_SECONDS, key=key, understands=understands
        )
    except StoreRefused as error:
        raise not_taken(error, "tool_input") from error
    except (TypeError, ValueError) as error:
        raise Refused(400, "tool_input", f"{error}", of="tool_input") from error
    # Before anybody waits: where this fails, the client hears so, and the same call again is the same request.
    park(open_store(), agent, _digest(question), asked.request_id, PARKED_SECONDS)
    return asked.request_id


def _parked(agent: str, question: Question) -> str | None:
    found = read_parked(open_store(), agent, _digest(question))
    if found is None:
        return None
    now, record = found
    same = record.approval_type == question.name and record.context_object == question.context
    recent = record.requested_at > now - timedelta(seconds=PARKED_SECONDS)
    untaken = record.collected_at is None or record.claim == question.use
    is_free = same and recent and untaken and record.status in (PENDING, APPROVED, REJECTED)
    return record.request_id if is_free else None


def _digest(question: Question) -> str:
    """What names a call by all that it says."""
    said = json.dumps([question.name, question.context], sort_keys=True)
    return hashlib.sha256(said.encode(errors="surrogatepass")).hexdigest()


def _said(tool: Tool, status: int, outcome: dict[str, Any]) -> Reply:
    """What the client does now, with words for its model."""
    approved = status == 200 and outcome["status"] == APPROVED
    edited = outcome.get(EDITED) if approved else None
    if edited and not tool.is_same_but_input(edited):
        approved, edited = False, None
        why = f"{outcome['responder']} changed more than the input of the tool, which cannot be done here. {NO_MORE}"
    elif status == 202:
        why = (
            f"Nobody has answered yet. The request is parked as {outcome['id']} and stays open for an hour. "
            "Do something else now, and try this very same call again later."
        )
    elif approved:
        change = " With another input than you gave: look at what ran." if edited else ""
        why = f"Approved by {outcome['responder']}. {outcome['reason']}".strip() + change
    elif outcome["status"] == CHANGES:
        why = (
            f"{outcome['responder']} asks back: {outcome['reason']} Answer that in words, and then try again."
        )
    else:
        reason = outcome["reason"] or "no reason given"
        why = f"Refused ({outcome['status']}) by {outcome['responder']}: {reason}. {NO_MORE}"
    updated = {"updatedInput": edited["input"]} if edited else {}
    if tool.event == PROMPT:
        decision = {"behavior": "allow", **updated} if approved else {"behavior": "deny", "message": why}
        return Reply(200, {"hookSpecificOutput": {"hookEventName": PROMPT, "decision": decision}})
    said = {"permissionDecision": "allow" if approved else "deny", "permissionDecisionReason": why, **updated}
    return Reply(200, {"hookSpecificOutput": {"hookEventName": BEFORE, **said}})


def _of_form(form: Form, reply: Reply) -> Reply:
    """What was filled in; declined where nobody answered, somebody refused, or what was left does not fit."""
    approved = reply.status == 200 and reply.body["status"] == APPROVED
    filled = (reply.body.get(EDITED) or form.context) if approved else {}
    return form.accepted(filled.get("answer")) or form.declined


def _hear(desk: Desk, bearer: Bearer, agent: str, body: Mapping[str, Any]) -> None:
    """What an event says of the agent; one that says nothing is passed over."""
    event, session = body.get("hook_event_name"), body.get("session_id")
    if not isinstance(event, str) or event not in (*TOLD, ENDED):
        return
    run = session[:255] if isinstance(session, str) else ""
    if "events" in bearer.scopes:
        said = {name: body[field] for field, name in PUBLISHED.items() if isinstance(body.get(field), str)}
        with suppress(Refused):  # its client would hold the agent, which can do nothing about it
            desk.fullness.refuse()
            living.publish(agent, {"type": EVENT, "data": {"event": event, **said}})
    if event in BECAME and "ask" in bearer.scopes:
        tools.remember(_use(agent, BECAME[event], body))
    if "beat" not in bearer.scopes:
        return
    if event == ENDED:
        desk.beating.take("stop", bearer.number, agent, {"run": run})
    else:
        status, field = TOLD[event]
        task = " ".join(str(body.get(field, "")).split())[:TASK_LENGTH] if field else ""
        desk.beating.take("beat", bearer.number, agent, {"run": run, "status": status, "task": task})


def _use(agent: str, kind: str, body: Mapping[str, Any]) -> list[tools.ToolUse]:
    """What became of the tool that an event tells of; nothing where it does not say which call of whose session."""
    session, use, name = (body.get(field) for field in ("session_id", "tool_use_id", "tool_name"))
    if not (isinstance(session, str) and isinstance(use, str) and isinstance(name, str)):
        return []
    use, name = use[:NAME_LENGTH], name[:NAME_LENGTH]
    return [tools.ToolUse(agent, kind, use, (f"{session}:{use}"[:NAME_LENGTH],), name, time.time_ns())]
