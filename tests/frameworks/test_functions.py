"""A plain function that people are asked about before it runs, as frameworks take it for a tool."""

import asyncio
import inspect
from datetime import date

import pytest

from core import AsyncGate, Gate
from core.frameworks.functions import held

pytestmark = pytest.mark.anywhere


def pay(to: str, euros: int = 5, on: date | None = None) -> str:
    """Pay somebody."""
    return f"{to} got {euros}"


async def wire(to: str, context: object) -> str:
    return f"{to} got it in {context}"


def test_it_is_the_tool_that_it_was_and_runs_as_people_say():
    gate = Gate.fake()
    tool = held(pay, gate)
    assert (inspect.signature(tool), tool.__name__, tool.__doc__) == (
        inspect.signature(pay),
        "pay",
        "Pay somebody.",
    )
    assert tool("ann") == "ann got 5"
    assert gate.asked == [("pay", {"to": "ann", "euros": 5, "on": None})]
    changed = Gate.fake(edited={"to": "ann", "euros": 7, "on": None})
    assert held(pay, changed)("ann") == "ann got 7"
    assert held(pay, changed)("ann", on=date(2026, 11, 29)).startswith("Nobody could be asked")
    refused = held(pay, Gate.fake(False, reason="not on a Friday"))
    assert refused("ann") == "Refused by fake: not on a Friday. Do not try to do the same in another way."


def test_a_coroutine_is_awaited_and_what_the_framework_fills_is_not_shown():
    gate = AsyncGate.fake()
    assert asyncio.run(held(wire, gate, hidden=("context",))("ann", object)) == f"ann got it in {object}"
    assert gate.asked == [("wire", {"to": "ann"})]
    assert asyncio.run(held(wire, AsyncGate.fake(False))("ann", "x")).startswith("Refused by fake")


@pytest.mark.parametrize(("approve", "asked"), [(True, 4), (False, 2)])
def test_a_yes_is_for_one_call_of_one_process_and_a_no_for_all_of_its_thread(approve, asked):
    gate = Gate.fake(approve)
    for _process in range(2):
        tool = held(pay, gate, thread="payday 7")
        assert [tool("ann"), tool("ann")].count("ann got 5") == (2 if approve else 0)
    assert len(gate.asked) == asked


@pytest.mark.parametrize(
    ("how", "named"),
    [
        ({"gate": AsyncGate.fake()}, "a Gate for pay"),
        ({"hidden": "to"}, "in a tuple"),
        ({"hidden": ("x",)}, "'x'"),
    ],
)
def test_what_it_cannot_be_held_with_is_named(how, named):
    with pytest.raises((TypeError, ValueError), match=named):
        held(pay, **how)
