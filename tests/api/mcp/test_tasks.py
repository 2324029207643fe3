"""Tasks of MCP, by the official client with the extension: what takes long is come back for, and nothing is doubled."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import httpx2
import pytest
from mcp.client import Client
from mcp.client.extension import ClientExtension, ResultClaim, advertise
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult, Request, RequestParams, Result

from tests.api.clients.conftest import approve_with_input, waiting  # noqa: F401  a fixture
from tests.api.mcp.test_mcp import beside  # noqa: F401  a fixture
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]
TASKS = "io.modelcontextprotocol/tasks"
TOOL = {"tool_name": "Bash", "input": {"command": "ls"}, "tool_use_id": "toolu_1"}


class Begun(Result):
    """A task that a call of a tool began."""

    result_type: Literal["task"] = "task"
    task_id: str
    status: str
    poll_interval_ms: int


class Named(RequestParams):
    task_id: str


class About(Request[Named, str]):
    """tasks/get and its siblings."""

    name_param = "taskId"


class Told(Result):
    """What a task has come to."""

    task_id: str = ""
    status: str = ""
    result: dict[str, Any] | None = None


Say = Callable[[str, str], Awaitable[Told]]


@pytest.fixture
def with_client(agent, site) -> Callable[..., Any]:
    """Runs `act(client, say)` with a client that takes tasks: `say("tasks/get", task_id)`."""

    def run(act: Callable[[Client, Say], Awaitable[Any]], extension: Any = None, of: str = "worker") -> Any:
        headers = {"Authorization": agent(of).headers["Authorization"]}

        async def connected() -> Any:
            async with httpx2.AsyncClient(headers=headers, timeout=PATIENCE) as http:
                transport = streamable_http_client(f"{site}/mcp", http_client=http)
                async with Client(transport, mode="2026-07-28", extensions=[extension or ByHand()]) as client:
                    return await act(client, lambda method, task: told(client.session, method, task))

        return asyncio.run(connected())

    return run


async def told(session: Any, method: str, task_id: str) -> Told:
    return await session.send_request(About(method=method, params=Named(task_id=task_id)), Told)


class ByHand(ClientExtension):
    """Takes tasks, and leaves their answers to whoever called."""

    identifier = TASKS

    def claims(self) -> list[ResultClaim[Begun]]:
        return [ResultClaim(result_type="task", model=Begun, resolve=self.come_back)]

    async def come_back(self, begun: Begun, context: Any) -> CallToolResult:
        raise AssertionError("nobody came back")


class Patient(ByHand):
    """Comes back until there is an answer, as clients do."""

    async def come_back(self, begun: Begun, context: Any) -> CallToolResult:
        assert begun.status == "working"
        while (found := await told(context.session, "tasks/get", begun.task_id)).status == "working":
            await asyncio.sleep(begun.poll_interval_ms / 1000 / 20)
        assert found.status == "completed"
        return CallToolResult.model_validate(found.result)


def said(result: CallToolResult) -> dict[str, Any]:
    return json.loads(result.content[0].text)


async def begin(client: Client, tool: str, arguments: dict[str, Any]) -> str:
    begun = await client.session.call_tool(tool, arguments, allow_claimed=True)
    assert isinstance(begun, Begun)
    return begun.task_id


@pytest.mark.parametrize("approved", [True, False])
def test_a_client_that_takes_tasks_comes_back_for_a_permission(with_client, gate_of, approved):
    gate = gate_of("x")

    async def act(client: Client, _say: Say) -> dict[str, Any]:
        asking = asyncio.create_task(client.call_tool("approve", TOOL))
        request = await asyncio.to_thread(waiting, gate)
        assert (request.agent_id, request.key) == ("worker", "mcp:toolu_1")
        gate.decide(request.request_id, approved, "maria", "not on a Friday")
        return said(await asking)

    answer = with_client(act, Patient())
    assert answer["behavior"] == ("allow" if approved else "deny")
    assert answer["updatedInput"] == {"command": "ls"} if approved else "not on a Friday" in answer["message"]


def test_a_question_goes_on_in_the_next_session_and_its_answer_may_be_read_again(with_client, gate_of):
    gate, question = gate_of("x"), {"question": "Blue or green?", "key": "q-1"}
    first = with_client(lambda client, _say: begin(client, "ask_human", question))
    assert with_client(lambda client, _say: begin(client, "ask_human", question)) == first
    gate.decide(waiting(gate).request_id, True, "maria", "green")
    for _ in range(2):
        found = with_client(lambda _client, say: say("tasks/get", first))
        assert (found.status, said(CallToolResult.model_validate(found.result))["reason"]) == (
            "completed",
            "green",
        )


def test_a_task_that_is_cancelled_withdraws_its_request(with_client, gate_of):
    async def act(client: Client, say: Say) -> str:
        task = await begin(client, "approve", TOOL)
        await say("tasks/update", task)
        assert (await say("tasks/get", task)).status == "working"
        await say("tasks/cancel", task)
        return (await say("tasks/get", task)).status

    assert with_client(act) == "cancelled"
    assert gate_of("x").get_pending_approvals() == []


def test_one_approval_is_for_one_call_though_two_tasks_wait_for_it(with_client, gate_of):
    gate = gate_of("x")

    async def act(client: Client, say: Say) -> list[str]:
        tasks = [
            await begin(client, "approve", {**TOOL, "tool_use_id": name}) for name in ("toolu_1", "toolu_2")
        ]
        gate.decide(waiting(gate).request_id, True, "maria")
        ended = [await say("tasks/get", task) for task in (*tasks, tasks[0])]
        return [said(CallToolResult.model_validate(one.result))["behavior"] for one in ended]

    assert with_client(act) == ["allow", "deny", "allow"]


@pytest.mark.long
def test_beside_the_agent_a_task_is_that_of_the_site(beside, gate_of):  # noqa: F811
    gate = gate_of("x")

    async def connected(extension: Any, act: Callable[[Client, Say], Awaitable[Any]]) -> Any:
        async with Client(beside(), mode="2026-07-28", extensions=[extension]) as client:
            return await act(client, lambda method, task: told(client.session, method, task))

    async def act(client: Client, say: Say) -> list[str]:
        task = await begin(client, "approve", TOOL)
        question = await begin(client, "ask_human", {"question": "?"})
        await say("tasks/update", question)
        await say("tasks/cancel", question)
        before = [(await say("tasks/get", one)).status for one in (task, question)]
        gate.decide(waiting(gate).request_id, True, "maria")
        answer = (await say("tasks/get", task)).result
        with pytest.raises(MCPError) as raised:
            await say("tasks/get", "none")
        return [*before, said(CallToolResult.model_validate(answer))["behavior"], raised.value.error.code]

    async def plain(client: Client, say: Say) -> list[Any]:
        with pytest.raises(MCPError) as raised:
            await say("tasks/get", "none")
        asked = said(await client.call_tool("ask_human", {"question": "?", "wait": 0}))
        return [asked["status"], raised.value.error.code]

    assert asyncio.run(connected(ByHand(), act)) == ["working", "cancelled", "allow", -32602]
    assert asyncio.run(connected(advertise("org.example/other"), plain)) == ["pending", -32021]


def test_a_task_of_somebody_else_or_none_is_unknown_and_a_client_without_the_extension_has_none(with_client):
    async def refused(say: Say, task: str) -> int:
        with pytest.raises(MCPError) as raised:
            await say("tasks/get", task)
        return raised.value.error.code

    task = with_client(lambda client, _say: begin(client, "ask_human", {"question": "?"}))
    for other, of in (
        (task, "another"),
        ("none", "worker"),
        (f"{task}.!", "worker"),
        (f"{task}.eA==", "worker"),
    ):
        assert with_client(lambda _client, say, other=other: refused(say, other), of=of) == -32602

    async def plain(client: Client, say: Say) -> str:
        assert await refused(say, task) == -32021
        return said(await client.call_tool("ask_human", {"question": "?", "wait": 0}))["status"]

    assert with_client(plain, advertise("org.example/other")) == "pending"
