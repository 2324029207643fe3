"""CrewAI: tools are asked about before they run, by a hook that every crew of the process passes."""

from typing import Any

from crewai.hooks.dispatch import HookAborted, InterceptionPoint, on

from ..approvals.request import ApprovalResponse
from ..gate import Gate
from ..gate.transport import Timeout
from .asking import TIMEOUT_OF_PEOPLE, CallKeys, ToolCall, ask_once, why_not


def hold(
    *tools: str, thread: str | None = None, gate: Gate | None = None, timeout: Timeout = TIMEOUT_OF_PEOPLE
) -> None:
    """From now on people are asked before one of these tools runs; without names, before every tool.

    thread: a name of this work, the same when its program is started again: then a call that waits is the same
    request. CrewAI has no ids of calls, so it is known by tool, arguments and how often it came; a yes that was heard
    before is not heard again.
    """
    asking, refused = gate or Gate(), dict[int, str]()
    calls = None if thread is None else CallKeys(thread)

    def answered(context: Any) -> ApprovalResponse:
        call = ToolCall(context.tool_name, context.tool_input, None)
        return calls.ask(asking, call, timeout) if calls is not None else ask_once(asking, call, timeout)

    def ask(context: Any) -> None:
        try:
            answer = answered(context)
            why = "" if answer.approved else why_not(answer)
        except Exception as error:  # an error of a hook would let the tool run
            why = f"Nobody could be asked, so it did not run: {error}"
        if why:
            refused[id(context.tool_input)] = why
            raise HookAborted(why, "people")
        if answer.edited:
            context.tool_input.clear()
            context.tool_input.update(answer.edited)

    def tell(context: Any) -> str | None:
        # What a hook stopped passes here too, with the same input; its model would not hear why.
        return refused.pop(id(context.tool_input), None)

    names = list(tools) or None
    on(InterceptionPoint.PRE_TOOL_CALL, tools=names)(ask)
    on(InterceptionPoint.POST_TOOL_CALL, tools=names)(tell)
