"""Tasks of MCP, by the official client with the extension: what takes long is come back for, and nothing is doubled."""

import asyncio
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

import pytest

from tests.api.clients.conftest import approve_with_input, waiting  # noqa: F401  a fixture
from tests.api.mcp.test_mcp import beside  # noqa: F401  a fixture

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]
TOOL = {"tool_name": "Bash", "input": {"command": "ls"}, "tool_use_id": "toolu_1"}


@pytest.fixture
def tasks() -> ModuleType:
    """The client, loaded only in a process that runs one of these tests."""
    from tests.api.mcp import task_client

    return task_client


@pytest.fixture
def with_client(agent, site, tasks) -> Callable[..., Any]:
    """Runs `act(client, say)` with a client that takes tasks: `say("tasks/get", task_id)`."""

    def run(act: Callable[[Any, Any], Awaitable[Any]], extension: Any = None, of: str = "worker") -> Any:
        headers = {"Authorization": agent(of).headers["Authorization"]}
        return tasks.run(f"{site}/mcp", headers, act, extension)

    return run


@pytest.mark.parametrize("approved", [True, False])
def test_a_client_that_takes_tasks_comes_back_for_a_permission(with_client, tasks, gate_of, approved):
    gate = gate_of("x")

    async def act(client: Any, _say: Any) -> dict[str, Any]:
        asking = asyncio.create_task(client.call_tool("approve", TOOL))
        request = await asyncio.to_thread(waiting, gate)
        assert (request.agent_id, request.key) == ("worker", "mcp:toolu_1")
        gate.decide(request.request_id, approved, "maria", "not on a Friday")
        return tasks.said(await asking)

    answer = with_client(act, tasks.Patient())
    assert answer["behavior"] == ("allow" if approved else "deny")
    assert answer["updatedInput"] == {"command": "ls"} if approved else "not on a Friday" in answer["message"]


def test_a_question_goes_on_in_the_next_session_and_its_answer_may_be_read_again(with_client, tasks, gate_of):
    gate, question = gate_of("x"), {"question": "Blue or green?", "key": "q-1"}
    first = with_client(lambda client, _say: tasks.begin(client, "ask_human", question))
    assert with_client(lambda client, _say: tasks.begin(client, "ask_human", question)) == first
    gate.decide(waiting(gate).request_id, True, "maria", "green")
    for _ in range(2):
        found = with_client(lambda _client, say: say("tasks/get", first))
        assert (found.status, tasks.said(found.result)["reason"]) == (
            "completed",
            "green",
        )


def test_a_task_that_is_cancelled_withdraws_its_request(with_client, tasks, gate_of):
    async def act(client: Any, say: Any) -> str:
        task = await tasks.begin(client, "approve", TOOL)
        await say("tasks/update", task)
        assert (await say("tasks/get", task)).status == "working"
        await say("tasks/cancel", task)
        return (await say("tasks/get", task)).status

    assert with_client(act) == "cancelled"
    assert gate_of("x").get_pending_approvals() == []


def test_one_approval_is_for_one_call_though_two_tasks_wait_for_it(with_client, tasks, gate_of):
    gate = gate_of("x")

    async def act(client: Any, say: Any) -> list[str]:
        begun = [
            await tasks.begin(client, "approve", {**TOOL, "tool_use_id": name})
            for name in ("toolu_1", "toolu_2")
        ]
        gate.decide(waiting(gate).request_id, True, "maria")
        ended = [await say("tasks/get", task) for task in (*begun, begun[0])]
        return [tasks.said(one.result)["behavior"] for one in ended]

    assert with_client(act) == ["allow", "deny", "allow"]


@pytest.mark.long
def test_beside_the_agent_a_task_is_that_of_the_site(beside, gate_of, tasks):  # noqa: F811
    gate = gate_of("x")

    async def connected(extension: Any, act: Callable[[Any, Any], Awaitable[Any]]) -> Any:
        async with tasks.Client(beside(), mode="2026-07-28", extensions=[extension]) as client:
            return await act(client, tasks.saying(client))

    async def act(client: Any, say: Any) -> list[str]:
        task = await tasks.begin(client, "approve", TOOL)
        question = await tasks.begin(client, "ask_human", {"question": "?"})
        await say("tasks/update", question)
        await say("tasks/cancel", question)
        before = [(await say("tasks/get", one)).status for one in (task, question)]
        gate.decide(waiting(gate).request_id, True, "maria")
        answer = (await say("tasks/get", task)).result
        with pytest.raises(tasks.Refused) as raised:
            await say("tasks/get", "none")
        return [*before, tasks.said(answer)["behavior"], raised.value.error.code]

    async def plain(client: Any, say: Any) -> list[Any]:
        with pytest.raises(tasks.Refused) as raised:
            await say("tasks/get", "none")
        asked = tasks.said(await client.call_tool("ask_human", {"question": "?", "wait": 0}))
        return [asked["status"], raised.value.error.code]

    assert asyncio.run(connected(tasks.ByHand(), act)) == ["working", "cancelled", "allow", -32602]
    assert asyncio.run(connected(tasks.OTHER, plain)) == ["pending", -32021]


def test_a_task_of_somebody_else_or_none_is_unknown_and_a_client_without_the_extension_has_none(
    with_client, tasks
):
    async def refused(say: Any, task: str) -> int:
        with pytest.raises(tasks.Refused) as raised:
            await say("tasks/get", task)
        return raised.value.error.code

    task = with_client(lambda client, _say: tasks.begin(client, "ask_human", {"question": "?"}))
    for other, of in (
        (task, "another"),
        ("none", "worker"),
        (f"{task}.!", "worker"),
        (f"{task}.eA==", "worker"),
    ):
        assert with_client(lambda _client, say, other=other: refused(say, other), of=of) == -32602

    async def plain(client: Any, say: Any) -> str:
        assert await refused(say, task) == -32021
        return tasks.said(await client.call_tool("ask_human", {"question": "?", "wait": 0}))["status"]

    assert with_client(plain, tasks.OTHER) == "pending"
