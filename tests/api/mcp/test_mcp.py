"""People asked over MCP, by the official client: both forms of the specification, over HTTP and over stdio."""

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connections

from core.api import bearers
from core.history.approvals import decisions
from core.history.people import tokens
from core.models import ApprovalType
from core.store.approvals import set_limits
from core.store.client import open_store
from tests.api.model_stub import model_that_runs
from tests.api.test_claude_code import claude  # noqa: F401  a fixture
from tests.live_record import live_record
from tests.waiting import PATIENCE, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def call(agent, site) -> Callable[..., dict]:
    """Calls a tool with a fresh token: `call("approve", {...}, mode="legacy")`."""
    import httpx2
    from mcp.client import Client  # a second, and only for a process that runs one of these tests
    from mcp.client.streamable_http import streamable_http_client

    def over_http(
        tool: str, arguments: dict, *, mode: str = "auto", query: str = "", of: tuple = ("worker",)
    ) -> dict:
        headers = {"Authorization": agent(*of).headers["Authorization"]}

        async def ask() -> dict:
            async with httpx2.AsyncClient(headers=headers, timeout=PATIENCE) as http:
                transport = streamable_http_client(f"{site}/mcp{query}", http_client=http)
                async with Client(transport, mode=mode) as client:
                    return said(await client.call_tool(tool, arguments))

        return asyncio.run(ask())

    return over_http


def said(result) -> dict:
    """What a tool answered, as JSON; of an error its text."""
    [part] = result.content
    return {"error": part.text} if result.is_error else json.loads(part.text)


def answered(gate, soon, *, approved: bool, reason: str = "") -> tuple[threading.Thread, list]:
    """Answers, in a thread, the one request that comes."""
    seen: list = []

    def decide() -> None:
        [request] = wait_until(gate.get_pending_approvals, "it is asked")
        seen.append(request)
        gate.decide(request.request_id, approved, "maria", reason)

    thread = threading.Thread(target=decide)
    thread.start()
    return thread, seen


def test_no_stream_is_held_open_that_tells_nothing(agent, site):
    answer = agent("worker").get(f"{site}/mcp", headers={"Accept": "text/event-stream"})
    assert (answer.status_code, answer.json()["error"]) == (405, "method")


def test_a_database_that_is_away_is_a_no_that_says_nothing_of_it(call, monkeypatch):
    def away(*_asked):
        raise OperationalError("db.internal:5432 is away")

    monkeypatch.setattr(bearers, "KNOWN_SECONDS", 0.0)
    monkeypatch.setattr(tokens, "valid_digests", away)
    answer = call("ask_human", {"question": "May I?"})
    assert (answer["status"], answer["approved"]) == ("unavailable", False)
    asked = call("approve", {"tool_name": "Bash", "input": {}})
    assert asked["behavior"] == "deny"
    assert "db.internal" not in answer["reason"] + asked["message"]


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
def test_a_tool_that_is_approved_may_run_with_its_input(call, gate_of, soon, mode):
    thread, seen = answered(gate_of("x"), soon, approved=True)
    tool = {"tool_name": "Bash", "input": {"command": "ls"}, "tool_use_id": "toolu_1"}
    assert call("approve", tool, mode=mode) == {"behavior": "allow", "updatedInput": {"command": "ls"}}
    thread.join()
    [request] = seen
    assert (request.agent_id, request.approval_type, request.key) == ("worker", "Bash", "mcp:toolu_1")
    assert request.context["input"] == {"command": "ls"}


def test_what_is_too_large_to_be_asked_says_what_to_do(call, clean_redis):
    set_limits(open_store(clean_redis), waiting=0, a_minute=0, values=2)
    tool = {"tool_name": "Bash", "input": {"command": "ls"}, "tool_use_id": "toolu_1"}
    denied = call("approve", tool)
    asked = call("ask_human", {"question": "which?", "details": {"of": [1, 2]}})
    assert denied["behavior"] == "deny"
    for message in (denied["message"], asked["error"]):
        assert "ask with less of it, and say where the rest is" in message


def test_a_denial_has_the_words_of_the_hooks(call, gate_of, soon):
    thread, _seen = answered(gate_of("x"), soon, approved=False, reason="not on a Friday")
    denied = call("approve", {"tool_name": "Bash", "input": {"command": "rm"}, "tool_use_id": "toolu_2"})
    thread.join()
    assert denied["behavior"] == "deny"
    assert "not on a Friday. Do not try to do the same in another way" in denied["message"]


def test_what_is_approved_with_changes_is_the_input_to_use(call, gate_of, make_user):
    ApprovalType.objects.update_or_create(name="*", defaults={"edits": True})
    maria, gate = make_user("maria", "approver"), gate_of("x")

    def change() -> None:
        [request] = wait_until(gate.get_pending_approvals, "it is asked")
        wanted = json.dumps({**request.context, "input": {"command": "ls -l"}})
        said = {"approved": True, "reason": "", "digest": live_record(gate, request.request_id).digest}
        decisions.decide(gate._store, maria, request.request_id, **said, edited=wanted)
        connections.close_all()

    thread = threading.Thread(target=change)
    thread.start()
    tool = {"tool_name": "Bash", "input": {"command": "ls"}, "tool_use_id": "toolu_4"}
    assert call("approve", tool) == {"behavior": "allow", "updatedInput": {"command": "ls -l"}}
    thread.join()


@pytest.mark.long
def test_silence_is_a_denial_before_the_client_gives_up(call):
    late = call("approve", {"tool_name": "Bash", "input": {}, "tool_use_id": "toolu_3"}, query="?timeout=10")
    assert (late["behavior"], "parked as" in late["message"]) == ("deny", True)


def test_a_question_is_pending_until_it_is_answered_and_its_key_finds_it_again(call, gate_of, soon):
    asked = call("ask_human", {"question": "Blue or green?", "details": {"n": 1}, "key": "q-1", "wait": 0})
    assert (asked["status"], "wait_for_answer" in asked["next"]) == ("pending", True)
    again = call("ask_human", {"question": "Blue or green?", "details": {"n": 1}, "key": "q-1", "wait": 0})
    assert again["id"] == asked["id"]
    assert call("wait_for_answer", {"id": asked["id"], "wait": 0})["status"] == "pending"
    thread, _seen = answered(gate_of("x"), soon, approved=True, reason="green")
    answer = call("wait_for_answer", {"id": asked["id"]})
    thread.join()
    assert (answer["status"], answer["approved"], answer["reason"]) == ("approved", True, "green")


def test_what_is_wrong_is_said_and_nobody_else_is_answered(call, agent, site):
    other = call("ask_human", {"question": "?", "wait": 0})["id"]
    assert "no such request" in call("wait_for_answer", {"id": other}, of=("another",))["error"]
    assert "question" in call("ask_human", {"wait": 0})["error"]
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    twice = agent("pod-", "ask", is_prefix=True).post(f"{site}/mcp?agent=1&agent=2", json=body)
    assert (twice.status_code, twice.json()["field"]) == (400, "agent")
    client = agent("worker", "usage")
    assert client.post(f"{site}/mcp", json=body).status_code == 403
    assert client.post(f"{site}/mcp", json=body, headers={"Authorization": ""}).status_code == 401


@pytest.fixture
def beside(agent, site) -> Callable[..., Any]:
    """How an agent starts the server beside itself: `beside()`, or with other settings."""

    from mcp.client.stdio import StdioServerParameters

    def how(*words: str, **settings: str) -> StdioServerParameters:
        token = agent("worker").headers["Authorization"].removeprefix("Bearer ")
        known = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "TELEMETRY_URL": site,
            "TELEMETRY_TOKEN": token,
        }
        return StdioServerParameters(
            command=sys.executable, args=["-m", "core", "mcp", *words], env=known | settings, cwd=ROOT
        )

    return how


@pytest.mark.long
@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_server_beside_the_agent_asks_the_same(beside, gate_of, soon, mode):
    from mcp.client import Client

    async def ask() -> list:
        async with Client(beside(), mode=mode) as client:
            names = sorted(tool.name for tool in (await client.list_tools()).tools)
            tool = {"tool_name": "Bash", "input": {"command": "ls"}, "tool_use_id": "toolu_1"}
            pending = said(await client.call_tool("ask_human", {"question": "?", "wait": 0}))
            gate.cancel_request(pending["id"])
            thread, _seen = answered(gate, soon, approved=True)
            allowed = said(await client.call_tool("approve", tool))
            thread.join()
            return [names, pending["status"], allowed["behavior"]]

    gate = gate_of("worker")
    assert asyncio.run(ask()) == [["approve", "ask_human", "wait_for_answer"], "pending", "allow"]


@pytest.mark.long
def test_beside_the_agent_a_token_that_is_none_offers_no_tool_at_all(beside):
    from mcp.client import Client
    from mcp.shared.exceptions import MCPError

    async def ask() -> None:
        async with Client(beside(TELEMETRY_TOKEN="agt_none")) as client:
            await client.call_tool("approve", {"tool_name": "Bash", "input": {}})

    with pytest.raises(ExceptionGroup) as raised:
        asyncio.run(ask())
    assert raised.group_contains(MCPError, match="TELEMETRY_TOKEN")


# The real `claude`, with the lines of the document

BLOCKS = re.findall(r"```(\w+)\n(.*?)```", (ROOT / "docs" / "agents" / "mcp.md").read_text(), re.DOTALL)
CONFIGURATIONS = [text for kind, text in BLOCKS if kind == "json"]
[LINE] = (text for kind, text in BLOCKS if kind == "sh")


@pytest.mark.long
@pytest.mark.parametrize("approved", [True, False])
@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=["http", "stdio"])
def test_claude_code_asks_people_and_does_what_they_say(
    claude,  # noqa: F811
    agent, site, gate_of, soon, tmp_path, configuration, approved,
):  # fmt: skip
    trace, home = tmp_path / "trace", tmp_path / "home"
    home.mkdir()
    here = f'"{sys.executable}", "args": ["-m", "core", '
    (tmp_path / "people.json").write_text(configuration.replace('"agent-telemetry",\n      "args": [', here))
    thread, seen = answered(gate_of("x"), soon, approved=approved, reason="because")
    token = agent("worker").headers["Authorization"].removeprefix("Bearer ")
    with model_that_runs(f"touch {trace}") as model:
        done = subprocess.run(
            ["sh", "-ec", f'PATH="{claude.parent}:$PATH"; {LINE.strip()} --output-format json'],
            cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=4 * PATIENCE,
            env={"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TELEMETRY_URL": site,
                 "TELEMETRY_TOKEN": token, "ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": "none",
                 "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"},
        )  # fmt: skip
    thread.join()
    assert done.returncode == 0, done.stderr
    assert trace.exists() is approved
    assert (seen[0].agent_id, seen[0].approval_type, seen[0].key) == ("worker", "Bash", "mcp:toolu_stub_1")
    assert approved or any("because" in text for text in model.heard)
