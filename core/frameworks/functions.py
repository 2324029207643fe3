"""Plain functions as tools, as most frameworks take them: each is asked about before it runs."""

import functools
import inspect
import json
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar, cast

from ..approvals.request import ApprovalResponse
from ..gate import AsyncGate, Gate
from ..gate.transport import Timeout
from ..values.approvals import EDITED
from .asking import (
    TIMEOUT_OF_PEOPLE,
    CallKeys,
    ToolCall,
    ask_once,
    asked_async,
    asking_async_with,
    asking_with,
    why_not,
)

Given = ParamSpec("Given")
Result = TypeVar("Result")


def held(
    function: Callable[Given, Result],
    gate: Gate | AsyncGate | None = None,
    *,
    thread: str | None = None,
    timeout: Timeout = TIMEOUT_OF_PEOPLE,
    hidden: Iterable[str] = (),
) -> Callable[Given, Result]:
    """The same function, which runs once people have approved; else its result is a text that says who refused and why.

    Name, signature and description stay, so a framework takes it as the tool that it was. A coroutine function waits
    without blocking its event loop, with an `AsyncGate`; another function blocks its thread, with a `Gate`. Where all
    arguments are JSON, people may edit them.

    thread: a name of this work, the same when its program is started again: then a call that waits is the same
    request, known by tool, arguments and how often it came; a yes that was heard before is not heard again. hidden:
    parameters that the framework fills, such as `tool_context`, which people are not shown.
    """
    is_async, calls = inspect.iscoroutinefunction(function), None if thread is None else CallKeys(thread)
    if gate is not None and isinstance(gate, AsyncGate) is not is_async:
        raise TypeError(f"gate must be {'an AsyncGate' if is_async else 'a Gate'} for {_name(function)}")
    call_of = _calls_of(function, hidden)

    @functools.wraps(function)
    async def run_async(*args: Any, **kwargs: Any) -> Any:
        given, call = call_of(args, kwargs)
        async with asking_async_with(cast(AsyncGate | None, gate)) as asking:
            [answer] = await asked_async(asking, [call], timeout, calls)
        return await _run(function, given, answer) if answer.approved else why_not(answer)

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        given, call = call_of(args, kwargs)
        with asking_with(cast(Gate | None, gate)) as asking:
            answer = (
                calls.ask(asking, call, timeout) if calls is not None else ask_once(asking, call, timeout)
            )
        return _run(function, given, answer) if answer.approved else why_not(answer)

    return cast(Callable[Given, Result], run_async if is_async else run)


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)


def _calls_of(
    function: Callable[..., Any], hidden: Iterable[str]
) -> Callable[[Any, Any], tuple[inspect.BoundArguments, ToolCall]]:
    """What makes of arguments all that is given, and the call that people see."""
    signature = inspect.signature(function)
    if isinstance(hidden, str):
        raise TypeError(f"hidden must be names in a tuple, such as ({hidden!r},)")
    unseen = frozenset(hidden)
    if unknown := sorted(unseen - signature.parameters.keys()):
        raise ValueError(f"hidden names {unknown[0]!r}, which is no parameter of {_name(function)}")

    def call_of(args: Any, kwargs: Any) -> tuple[inspect.BoundArguments, ToolCall]:
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        seen = {name: value for name, value in given.arguments.items() if name not in unseen}
        return given, ToolCall(_name(function), seen, None, (EDITED,) if _is_json(seen) else ())

    return call_of


def _is_json(seen: dict[str, Any]) -> bool:
    """Whether people's JSON can take the place of these values."""
    try:
        return bool(json.loads(json.dumps(seen)) == seen)
    except (TypeError, ValueError):
        return False


def _run(function: Callable[..., Any], given: inspect.BoundArguments, answer: ApprovalResponse) -> Any:
    given.arguments.update(answer.edited or {})
    return function(*given.args, **given.kwargs)
