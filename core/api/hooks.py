"""Coding agents by their settings alone: what Claude Code posts before a tool runs, and while it works.

Field names are theirs (https://docs.claude.com/en/docs/claude-code/hooks). An answer of nothing is no opinion: the
client's own rules go on. Whoever waits is answered before the client gives up, since a client that gives up may go on.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from core.api import asking
from core.api.answers import Refused, Reply
from core.api.asking import Run
from core.api.bearers import require
from core.api.ends import Ends
from core.api.living import Beating
from core.approval_gates import ApprovalGate
from core.errors import StoreRefused
from core.history.people.tokens import Bearer
from core.store.approvals import RequestRecord, read_asked
from core.store.client import open_store
from core.values.approvals import APPROVED, PENDING, REJECTED

BEFORE, PROMPT = "PreToolUse", "PermissionRequest"
PARKED_SECONDS = (
    3600.0  # a request outlives the call that asked it by so long, for the same call to take its answer
)
PARKED_LOOKED_AT = 50  # of its agent's newest requests; an older one is asked again
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
        text = json.dumps([session, name, given], sort_keys=True)
        use = body.get("tool_use_id") or hashlib.sha256(text.encode()).hexdigest()[:32]
        return cls(str(event), str(name), str(session), str(use), context)

    @property
    def key(self) -> str:
        """Under which it is asked: the same call, posted again, is the same request."""
        return f"{self.session}:{self.use}"[:255]


async def claude_code(
    run: Run,
    ends: Ends,
    beating: Beating,
    bearer: Bearer,
    agent: str,
    query: Mapping[str, str],
    body: dict[str, Any],
) -> Reply:
    """Answer one hook: a tool is held until people have answered, everything else is heard as a sign of life."""
    event = body.get("hook_event_name")
    if event not in (BEFORE, PROMPT):
        if "beat" in bearer.scopes:
            await run(partial(_hear, beating, bearer.number, agent, body))
        return Reply(200, {})
    tool = Tool.of(body)
    if not asks(bearer.asks, tool):
        return Reply(200, {})
    require(bearer, "ask")
    seconds = _patience(query.get("timeout")) - EARLY_SECONDS
    request_id = await run(partial(_asked, agent, tool))
    try:
        reply = await asking.outcome(run, ends, agent, request_id, seconds, asking.Hearing(tool.use))
    except Refused as refused:
        if refused.word != "collected":
            raise
        # Another call of the same took what was parked: this one has a request of its own.
        request_id = await run(partial(_new, agent, tool))
        reply = await asking.outcome(run, ends, agent, request_id, seconds, asking.Hearing(tool.use))
    return _said(tool, reply.status, reply.body)


def asks(policy: str, tool: Tool) -> bool:
    """Whether people are asked: for every tool, for what the client itself would ask, or for those of a list."""
    if policy == EVERY:
        return tool.event == BEFORE
    if policy == PROMPTED:
        return tool.event == PROMPT
    return tool.event == BEFORE and tool.name in policy.split()


def _asked(agent: str, tool: Tool) -> str:
    """The request of this call: one of the very same call that was parked in the last hour, or a new one."""
    return _parked(agent, tool) or _new(agent, tool)


def _new(agent: str, tool: Tool) -> str:
    gate = ApprovalGate(agent_id=agent)
    try:
        return gate.open_request(tool.name, tool.context, PARKED_SECONDS, key=tool.key).request_id
    except StoreRefused as error:
        raise Refused(429, "too_many", f"{error}", after=10) from error
    except (TypeError, ValueError) as error:
        raise Refused(400, "tool_input", f"{error}", of="tool_input") from error


def _parked(agent: str, tool: Tool) -> str | None:
    now, records = read_asked(open_store(), agent, most=PARKED_LOOKED_AT)

    def is_free(record: RequestRecord) -> bool:
        same = record.approval_type == tool.name and record.context_object == tool.context
        recent = record.requested_at > now - timedelta(seconds=PARKED_SECONDS)
        untaken = record.collected_at is None or record.claim == tool.use
        return same and recent and untaken and record.status in (PENDING, APPROVED, REJECTED)

    return next((record.request_id for record in records if is_free(record)), None)


def _said(tool: Tool, status: int, outcome: dict[str, Any]) -> Reply:
    """What the client does now, with words for its model."""
    approved = status == 200 and outcome["status"] == APPROVED
    if status == 202:
        why = (
            f"Nobody has answered yet. The request is parked as {outcome['id']} and stays open for an hour. "
            "Do something else now, and try this very same call again later."
        )
    elif approved:
        why = f"Approved by {outcome['responder']}. {outcome['reason']}".strip()
    else:
        reason = outcome["reason"] or "no reason given"
        why = f"Refused ({outcome['status']}) by {outcome['responder']}: {reason}. {NO_MORE}"
    if tool.event == PROMPT:
        decision = {"behavior": "allow"} if approved else {"behavior": "deny", "message": why}
        return Reply(200, {"hookSpecificOutput": {"hookEventName": PROMPT, "decision": decision}})
    said = {"permissionDecision": "allow" if approved else "deny", "permissionDecisionReason": why}
    return Reply(200, {"hookSpecificOutput": {"hookEventName": BEFORE, **said}})


def _hear(beating: Beating, token: int, agent: str, body: Mapping[str, Any]) -> None:
    """What an event says of the agent; one that says nothing is passed over."""
    event, session = body.get("hook_event_name"), body.get("session_id")
    run = session if isinstance(session, str) else ""
    if event == "SessionEnd":
        beating.take("stop", token, agent, {"run": run[:255]})
    elif isinstance(event, str) and event in TOLD:
        status, field = TOLD[event]
        task = " ".join(str(body.get(field, "")).split())[:TASK_LENGTH] if field else ""
        beating.take("beat", token, agent, {"run": run[:255], "status": status, "task": task})


def _patience(text: str | None) -> float:
    """The client's time-out, as its settings say it to both."""
    try:
        seconds = float(text or USUAL)
    except ValueError:
        seconds = 0.0
    if not LEAST <= seconds <= MOST:
        raise Refused(400, "timeout", f"timeout must be seconds of {LEAST:.0f} to {MOST:,.0f}.", of="timeout")
    return seconds
