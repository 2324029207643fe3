"""Hooks of coding agents, with the bodies that the clients post."""

import threading

import pytest

from core import HeartbeatCoordinator
from core.api import hooks

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]
CALL = {
    "session_id": "s-1", "transcript_path": "/tmp/t.jsonl", "cwd": "/home/ann/shop", "prompt_id": "p-1",
    "permission_mode": "default", "hook_event_name": "PreToolUse", "tool_name": "Bash",
    "tool_input": {"command": "git push"}, "tool_use_id": "toolu_1",
}  # fmt: skip


def post(client, body, **query):
    answer = client.post("/hooks/claude-code", params=query, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json().get("hookSpecificOutput", {})


def held(client, body, found):
    thread = threading.Thread(target=lambda: found.append(post(client, body, timeout=60)), daemon=True)
    thread.start()
    return thread


def waiting(gate, soon):
    soon(lambda: len(gate.get_pending_approvals()) == 1)
    return gate.get_pending_approvals()[0]


def test_a_tool_is_held_until_people_have_answered(agent, gate_of, soon, patience):
    client, gate, found = agent("ann-laptop"), gate_of("x"), []
    thread = held(client, CALL, found)
    request = waiting(gate, soon)
    assert (request.agent_id, request.approval_type, request.key) == ("ann-laptop", "Bash", "s-1:toolu_1")
    assert request.context == {
        "tool": "Bash", "input": {"command": "git push"}, "session": "s-1", "folder": "/home/ann/shop",
    }  # fmt: skip
    gate.decide(request.request_id, True, "maria", "once")
    thread.join(patience)
    assert found == [{
        "hookEventName": "PreToolUse", "permissionDecision": "allow",
        "permissionDecisionReason": "Approved by maria. once",
    }]  # fmt: skip


def test_a_denial_tells_the_model_why_and_not_to_try_again(agent, gate_of, soon, patience):
    client, gate, found = agent("ann-laptop"), gate_of("x"), []
    thread = held(client, {**CALL, "agent_type": "reviewer", "agent_id": "a-7"}, found)
    request = waiting(gate, soon)
    assert (request.context["subagent"], request.context["subagent id"]) == ("reviewer", "a-7")
    gate.decide(request.request_id, False, "tom", "not on a Friday")
    thread.join(patience)
    assert found[0]["permissionDecision"] == "deny"
    assert "not on a Friday" in found[0]["permissionDecisionReason"]
    assert hooks.NO_MORE in found[0]["permissionDecisionReason"]


def test_what_nobody_answers_in_time_is_parked_and_its_answer_taken_once_by_the_same_call(
    agent, gate_of, soon, patience, monkeypatch
):
    monkeypatch.setattr(hooks, "EARLY_SECONDS", 9.9)
    client, gate = agent("ann-laptop"), gate_of("x")
    parked = post(client, CALL, timeout=10)
    request = waiting(gate, soon)
    assert parked["permissionDecision"] == "deny"
    assert f"parked as {request.request_id}" in parked["permissionDecisionReason"]
    gate.decide(request.request_id, True, "maria")
    other = post(client, {**CALL, "session_id": "s-2", "tool_use_id": "toolu_9"}, timeout=10)
    assert "parked" in other["permissionDecisionReason"]
    taken = post(client, {**CALL, "tool_use_id": "toolu_2"}, timeout=10)
    assert taken["permissionDecision"] == "allow"
    again = post(client, {**CALL, "tool_use_id": "toolu_3"}, timeout=10)
    assert "parked" in again["permissionDecisionReason"]


def test_only_what_the_token_says_is_asked(agent, gate_of, monkeypatch):
    monkeypatch.setattr(hooks, "EARLY_SECONDS", 9.9)
    client = agent("ann-laptop", asks="Bash Write")
    assert post(client, {**CALL, "tool_name": "Read"}, timeout=10) == {}
    assert post(client, {**CALL, "hook_event_name": "PermissionRequest"}, timeout=10) == {}
    assert post(client, CALL, timeout=10)["permissionDecision"] == "deny"
    prompted = agent("bob-laptop", asks="prompted")
    assert post(prompted, CALL, timeout=10) == {}
    body = {key: value for key, value in CALL.items() if key != "tool_use_id"}
    said = post(prompted, {**body, "hook_event_name": "PermissionRequest"}, timeout=10)
    assert said["decision"]["behavior"] == "deny"
    assert len(gate_of("x").get_pending_approvals()) == 2


def test_while_it_works_an_agent_is_seen_to_live(agent):
    client, seen = agent("ann-laptop"), HeartbeatCoordinator()
    said = {"session_id": "s-1", "cwd": "/home/ann/shop"}
    post(client, {**said, "hook_event_name": "UserPromptSubmit", "prompt": "mend\nthe till"})
    beat = seen.get_agent_status("ann-laptop")
    assert (beat.status, beat.current_task) == ("running", "mend the till")
    post(client, {**said, "hook_event_name": "Stop"})
    assert seen.get_agent_status("ann-laptop").status == "idle"
    post(client, {**said, "hook_event_name": "SomethingNew"})
    post(client, {**said, "hook_event_name": "SessionEnd", "reason": "exit"})
    assert not seen.is_agent_alive("ann-laptop")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tool_name": 7}, "tool_name"),
        ({"session_id": ""}, "session_id"),
        ({"tool_input": "ls"}, "tool_input"),
    ],
)
def test_what_is_no_call_is_refused_so_that_the_client_blocks_it(agent, change, field):
    answer = agent("ann-laptop").post("/hooks/claude-code", json={**CALL, **change})
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    late = agent("ann-laptop").post("/hooks/claude-code?timeout=5", json=CALL)
    assert (late.status_code, late.json()["field"]) == (400, "timeout")
