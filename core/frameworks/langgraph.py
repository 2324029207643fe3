"""LangGraph and LangChain: each interrupt of a graph is asked, and the graph goes on with the answer."""

from collections.abc import Mapping, Sequence
from typing import Any

from langgraph.types import Command

from ..approvals.request import ApprovalResponse
from ..gate import AsyncGate, Gate
from ..gate.way import Timeout
from ..values.approvals import CHANGES, EDITED
from .asking import TIMEOUT_OF_PEOPLE, ToolCall, asked, asked_async, key_of, why_not

PLAIN = "interrupt"  # the type of a request where the graph does not name a tool


def run(
    graph: Any,
    input: Any,
    config: Mapping[str, Any],
    gate: Gate | None = None,
    *,
    timeout: Timeout = TIMEOUT_OF_PEOPLE,
) -> Any:
    """What `graph.invoke` gives once every interrupt is answered.

    The graph needs a checkpointer, and `config` its thread. A thread that is in the middle, since its process was
    killed, goes on there, and `input` is not sent again: run the same program anew. Interrupts of
    `HumanInTheLoopMiddleware` in both modes, those of the agent inbox, and plain ones, which get {"approved",
    "reason", "responder", "edited"}.
    """
    gate, state = gate or Gate(), graph.get_state(config)
    result = None if state.interrupts else graph.invoke(None if state.next else input, config)
    while interrupts := graph.get_state(config).interrupts:
        wanted = [_calls(config, one) for one in interrupts]
        answers = iter(asked(gate, [call for calls in wanted for call in calls], timeout))
        result = graph.invoke(_resumed(interrupts, wanted, answers), config)
    return graph.get_state(config).values if result is None else result


async def arun(
    graph: Any,
    input: Any,
    config: Mapping[str, Any],
    gate: AsyncGate | None = None,
    *,
    timeout: Timeout = TIMEOUT_OF_PEOPLE,
) -> Any:
    """`run`, awaited, with `graph.ainvoke`."""
    gate, state = gate or AsyncGate(), await graph.aget_state(config)
    result = None if state.interrupts else await graph.ainvoke(None if state.next else input, config)
    while interrupts := (await graph.aget_state(config)).interrupts:
        wanted = [_calls(config, one) for one in interrupts]
        answers = iter(await asked_async(gate, [call for calls in wanted for call in calls], timeout))
        result = await graph.ainvoke(_resumed(interrupts, wanted, answers), config)
    return (await graph.aget_state(config)).values if result is None else result


def _resumed(interrupts: Sequence[Any], wanted: Sequence[Sequence[ToolCall]], answers: Any) -> Any:
    resume = {
        one.id: _resume_of(one.value, [next(answers) for _ in calls])
        for one, calls in zip(interrupts, wanted, strict=True)
    }
    return Command(resume=resume)


def _calls(config: Mapping[str, Any], interrupt: Any) -> list[ToolCall]:
    """What is asked of one interrupt; its id is the same in the next process."""
    thread = config.get("configurable", {}).get("thread_id", "")
    return [
        ToolCall(name, arguments, key_of(thread, interrupt.id, place), understands)
        for place, (name, arguments, understands) in enumerate(_actions(interrupt.value))
    ]


def _actions(value: Any) -> list[tuple[str, Mapping[str, Any], tuple[str, ...]]]:
    if _is_batch(value):
        allowed = {review["action_name"]: review["allowed_decisions"] for review in value["review_configs"]}
        return [
            (one["name"], one["args"], _understood(allowed.get(one["name"], ()), "edit", "respond"))
            for one in value["action_requests"]
        ]
    if _is_call(value):
        return [(value["name"], value["args"], (EDITED,))]
    inbox = _inbox(value)
    if inbox is not None:
        return [
            (
                one["action_request"]["action"],
                one["action_request"]["args"],
                _understood(
                    [name for name, may in one["config"].items() if may], "allow_edit", "allow_respond"
                ),
            )
            for one in inbox
        ]
    return [(PLAIN, value if isinstance(value, dict) else {"value": value}, (EDITED,))]


def _understood(allowed: Sequence[str], edit: str, respond: str) -> tuple[str, ...]:
    return (*((EDITED,) if edit in allowed else ()), *((CHANGES,) if respond in allowed else ()))


def _resume_of(value: Any, answers: Sequence[ApprovalResponse]) -> Any:
    """What the graph is told, in the words of whoever made the interrupt."""
    if _is_batch(value):
        names = [one["name"] for one in value["action_requests"]]
        return {"decisions": [_decision(name, one) for name, one in zip(names, answers, strict=True)]}
    if _is_call(value):
        return _decision(value["name"], answers[0])
    inbox = _inbox(value)
    if inbox is not None:
        return [_inbox_answer(one["action_request"], said) for one, said in zip(inbox, answers, strict=True)]
    said = answers[0]
    return {
        "approved": said.approved, "reason": said.reason, "responder": said.responder, EDITED: said.edited,
    }  # fmt: skip


def _decision(name: str, answer: ApprovalResponse) -> dict[str, Any]:
    if answer.status == CHANGES:
        return {"type": "respond", "message": answer.reason}
    if not answer.approved:
        return {"type": "reject", "message": why_not(answer)}
    if answer.edited:
        return {"type": "edit", "edited_action": {"name": name, "args": answer.edited}}
    return {"type": "approve"}


def _inbox_answer(action: Mapping[str, Any], answer: ApprovalResponse) -> dict[str, Any]:
    if not answer.approved:
        return {"type": "response", "args": answer.reason if answer.status == CHANGES else why_not(answer)}
    if answer.edited:
        return {"type": "edit", "args": {"action": action["action"], "args": answer.edited}}
    return {"type": "accept", "args": None}


def _is_batch(value: Any) -> bool:
    return isinstance(value, dict) and "action_requests" in value and "review_configs" in value


def _is_call(value: Any) -> bool:
    return isinstance(value, dict) and value.get("type") == "tool_approval"


def _inbox(value: Any) -> list[Any] | None:
    """Requests of the agent inbox: one, or a list of them."""
    several = value if isinstance(value, list) else [value]
    fits = all(isinstance(one, dict) and "action_request" in one and "config" in one for one in several)
    return several if several and fits else None
