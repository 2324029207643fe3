"""LangGraph and LangChain: each interrupt of a graph is asked, and the graph goes on with the answer.

The id of an interrupt is its own for each that a node makes (langgraph 1.2), and the same in the next process.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from langgraph.types import Command

from ..approvals.request import ApprovalResponse
from ..gate import AsyncGate, Gate
from ..gate.transport import Timeout
from ..values.approvals import CHANGES, EDITED
from .asking import (
    TIMEOUT_OF_PEOPLE,
    ToolCall,
    asked,
    asked_async,
    asking_async_with,
    asking_with,
    key_of,
    why_not,
)

PLAIN = "interrupt"  # the type of a request where the graph does not name a tool
INBOX_ALLOWS = {
    "allow_accept": "approve",
    "allow_edit": "edit",
    "allow_respond": "respond",
    "allow_ignore": "reject",
}


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
    with asking_with(gate) as asking:
        state = graph.get_state(config)
        result = None if state.interrupts else graph.invoke(None if state.next else input, config)
        while interrupts := graph.get_state(config).interrupts:
            calls = [call for one in interrupts for call in _calls(config, one)]
            result = graph.invoke(_resumed(interrupts, iter(asked(asking, calls, timeout))), config)
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
    async with asking_async_with(gate) as asking:
        state = await graph.aget_state(config)
        result = None if state.interrupts else await graph.ainvoke(None if state.next else input, config)
        while interrupts := (await graph.aget_state(config)).interrupts:
            calls = [call for one in interrupts for call in _calls(config, one)]
            answers = iter(await asked_async(asking, calls, timeout))
            result = await graph.ainvoke(_resumed(interrupts, answers), config)
    return (await graph.aget_state(config)).values if result is None else result


class _Action(NamedTuple):
    """A call that a graph wants to make. `allowed`: what may be decided, in the words of the middleware."""

    name: str
    arguments: Mapping[str, Any]
    allowed: Sequence[str]

    @property
    def understands(self) -> tuple[str, ...]:
        """Which answers beside yes and no its graph takes."""
        return tuple(
            answer for answer, word in ((EDITED, "edit"), (CHANGES, "respond")) if word in self.allowed
        )


def _calls(config: Mapping[str, Any], interrupt: Any) -> list[ToolCall]:
    """What is asked of one interrupt; its id is the same in the next process."""
    thread = config.get("configurable", {}).get("thread_id", "")
    return [
        ToolCall(one.name, one.arguments, key_of(thread, interrupt.id, place), one.understands)
        for place, one in enumerate(_actions(interrupt))
    ]


def _resumed(interrupts: Sequence[Any], answers: Iterator[ApprovalResponse]) -> Any:
    return Command(
        resume={
            one.id: _resume_of(one, [(action, next(answers)) for action in _actions(one)])
            for one in interrupts
        }
    )


def _actions(interrupt: Any) -> list[_Action]:
    value = interrupt.value
    if _is_batch(value):
        allowed = {review["action_name"]: review["allowed_decisions"] for review in value["review_configs"]}
        return [
            _Action(one["name"], one["args"], allowed.get(one["name"], ()))
            for one in value["action_requests"]
        ]
    if _is_call(value):
        return [_Action(value["name"], value["args"], _types(interrupt.response_schema))]
    inbox = _inbox(value)
    if inbox is None:
        return [_Action(PLAIN, value if isinstance(value, dict) else {"value": value}, ("edit",))]
    return [
        _Action(
            one["action_request"]["action"],
            one["action_request"]["args"],
            [said for word, said in INBOX_ALLOWS.items() if one["config"].get(word)],
        )
        for one in inbox
    ]


def _types(schema: Any) -> list[str]:
    """The decisions that the JSON schema of an answer allows: one, or one of several."""
    kinds = [*schema.get("$defs", {}).values(), schema] if isinstance(schema, dict) else []
    found = [kind.get("properties", {}).get("type", {}).get("const") for kind in kinds]
    return [word for word in found if word]


def _resume_of(interrupt: Any, answered: Sequence[tuple[_Action, ApprovalResponse]]) -> Any:
    """What the graph is told, in the words of whoever made the interrupt."""
    value = interrupt.value
    if _is_batch(value):
        return {"decisions": [_decision(*one) for one in answered]}
    if _is_call(value):
        return _decision(*answered[0])
    if _inbox(value) is not None:
        return [_inbox_answer(*one) for one in answered]
    said = answered[0][1]
    return {
        "approved": said.approved, "reason": said.reason, "responder": said.responder, EDITED: said.edited,
    }  # fmt: skip


def _decision(action: _Action, answer: ApprovalResponse) -> dict[str, Any]:
    if answer.approved and answer.edited:
        return {"type": "edit", "edited_action": {"name": action.name, "args": answer.edited}}
    if answer.approved and "approve" in action.allowed:
        return {"type": "approve"}
    if answer.status != CHANGES and not answer.approved and "reject" in action.allowed:
        return {"type": "reject", "message": why_not(answer)}
    return {"type": "respond", "message": _words(answer)}


def _inbox_answer(action: _Action, answer: ApprovalResponse) -> dict[str, Any]:
    if answer.approved and answer.edited:
        return {"type": "edit", "args": {"action": action.name, "args": answer.edited}}
    if answer.approved and "approve" in action.allowed:
        return {"type": "accept", "args": None}
    if "respond" in action.allowed:  # a graph that ignores would not hear why
        return {"type": "response", "args": _words(answer)}
    return {"type": "ignore", "args": None}


def _words(answer: ApprovalResponse) -> str:
    """An answer where the graph takes words."""
    if answer.status == CHANGES:
        return answer.reason
    return answer.reason or f"Approved by {answer.responder}." if answer.approved else why_not(answer)


def _is_batch(value: Any) -> bool:
    return isinstance(value, dict) and "action_requests" in value and "review_configs" in value


def _is_call(value: Any) -> bool:
    return isinstance(value, dict) and value.get("type") == "tool_approval"


def _inbox(value: Any) -> list[Any] | None:
    """Requests of the agent inbox: one, or a list of them."""
    several = value if isinstance(value, list) else [value]
    fits = all(isinstance(one, dict) and "action_request" in one and "config" in one for one in several)
    return several if several and fits else None
