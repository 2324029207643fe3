"""Hooks of coding agents, with the bodies that the clients post."""

import json
from functools import partial
from http.client import HTTPConnection

import pytest

from core import HeartbeatCoordinator
from core.api import hooks, listeners
from core.models import AuditEntry
from core.store.approvals import read_listened, set_limits
from core.store.client import open_store
from tests.live_record import live_record
from tests.waiting import PATIENCE, beside

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


def held(client, body, **query):
    """What the client will hear, as a future."""
    return beside(lambda: post(client, body, timeout=60, **query))


def waiting(gate, soon):
    soon(lambda: len(gate.get_pending_approvals()) == 1)
    return gate.get_pending_approvals()[0]


def test_a_tool_is_held_until_people_have_answered(agent, gate_of, soon):
    client, gate = agent("ann-laptop"), gate_of("x")
    asked = held(client, CALL)
    request = waiting(gate, soon)
    assert (request.agent_id, request.approval_type, request.key) == ("ann-laptop", "Bash", "s-1:toolu_1")
    assert request.context == {
        "tool": "Bash", "input": {"command": "git push"}, "session": "s-1", "folder": "/home/ann/shop",
    }  # fmt: skip
    gate.decide(request.request_id, True, "maria", "once")
    said = asked.result(PATIENCE)
    assert said == {
        "hookEventName": "PreToolUse", "permissionDecision": "allow",
        "permissionDecisionReason": "Approved by maria. once",
    }  # fmt: skip


def test_a_denial_tells_the_model_why_and_not_to_try_again(agent, gate_of, soon):
    client, gate = agent("ann-laptop"), gate_of("x")
    asked = held(client, {**CALL, "agent_type": "reviewer", "agent_id": "a-7"})
    request = waiting(gate, soon)
    assert (request.context["subagent"], request.context["subagent id"]) == ("reviewer", "a-7")
    gate.decide(request.request_id, False, "tom", "not on a Friday")
    said = asked.result(PATIENCE)
    assert said["permissionDecision"] == "deny"
    assert "not on a Friday" in said["permissionDecisionReason"]
    assert hooks.NO_MORE in said["permissionDecisionReason"]


def test_what_nobody_answers_in_time_is_parked_and_its_answer_taken_once_by_the_same_call(
    agent, gate_of, soon, monkeypatch
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


def edited(request, **change):
    return json.dumps({**request.context, **change})


def test_an_edit_comes_back_as_the_input_that_is_used(agent, gate_of, soon, answers):
    client, gate, found = agent("ann-laptop"), gate_of("x"), []
    for event in ("PreToolUse", "PermissionRequest"):
        body = {**CALL, "hook_event_name": event, "session_id": event}
        answers_of = agent("ann-laptop", asks="prompted") if event == "PermissionRequest" else client
        asked = held(answers_of, body, understands="edited")
        request = waiting(gate, soon)
        answers(request, edited(request, input={"command": "git push --dry-run"}))
        found.append(asked.result(PATIENCE))
    assert found[0]["permissionDecision"] == "allow"
    assert (
        found[0]["updatedInput"] == found[1]["decision"]["updatedInput"] == {"command": "git push --dry-run"}
    )


def test_an_edit_of_more_than_the_input_is_none(agent, gate_of, soon, answers):
    client, gate = agent("ann-laptop"), gate_of("x")
    asked = held(client, CALL, understands="edited")
    request = waiting(gate, soon)
    answers(request, edited(request, folder="/elsewhere"))
    said = asked.result(PATIENCE)
    assert said["permissionDecision"] == "deny"
    assert "cannot be done here" in said["permissionDecisionReason"]


def test_a_client_that_takes_no_edit_is_offered_none(agent, gate_of, soon):
    client, gate = agent("ann-laptop"), gate_of("x")
    asked = held(client, CALL)
    request = waiting(gate, soon)
    assert "edited" not in live_record(gate, request.request_id).understands
    gate.decide(request.request_id, False, "tom")
    asked.result(PATIENCE)


FORM = {
    "session_id": "s-1", "hook_event_name": "Elicitation", "mcp_server_name": "shop", "message": "How many?",
    "requested_schema": {
        "type": "object", "required": ["size"],
        "properties": {
            "count": {"type": "integer", "default": 3, "minimum": 1, "description": "Pieces"},
            "size": {"type": "string", "enum": ["S", "M"], "default": "M"}, "note": {"type": "string"},
        },
    },
}  # fmt: skip


def test_a_question_of_a_server_of_tools_is_a_form(agent, gate_of, soon, answers):
    client, gate, found = agent("ann-laptop"), gate_of("x"), []
    asked = held(client, FORM, understands="edited")
    request = waiting(gate, soon)
    assert request.approval_type == "Elicitation"
    assert request.context == {
        "server": "shop", "message": "How many?", "answer": {"count": 3, "size": "M", "note": ""},
        "fields": {"count": "Pieces"}, "choices": {"size": ["S", "M"]},
    }  # fmt: skip
    answers(request, edited(request, answer={"count": 5, "size": "S", "note": ""}))
    found.append(asked.result(PATIENCE))
    asked = held(client, {**FORM, "message": "Again?"}, understands="edited")
    request = waiting(gate, soon)
    answers(request, edited(request, answer={"count": 0, "size": "M", "note": ""}))
    found.append(asked.result(PATIENCE))
    asked = held(client, {**FORM, "message": "And now?"})
    gate.decide(waiting(gate, soon).request_id, True, "maria")
    found.append(asked.result(PATIENCE))
    assert [(one["action"], one.get("content")) for one in found] == [
        ("accept", {"count": 5, "size": "S"}),
        ("decline", None),  # there is no 0
        ("accept", {"count": 3, "size": "M"}),  # as it stood
    ]


NO_FORMS = [
    None,
    {"type": "object", "properties": {"a": {"type": "array"}}},
    {"type": "object", "properties": {}},
    {"type": "object", "properties": {"a": {"type": "string", "pattern": "^x"}}},
    {"type": "object", "properties": {"a": {"type": ["string", "null"]}}},
    {"type": "object", "properties": {"a": {"type": {}}}},
    {"type": "object", "properties": {"a": {"type": "string", "minLength": "x"}}},
    {"type": "object", "properties": {"a": {"type": "number", "maximum": [1]}}},
]


def test_a_form_that_people_cannot_fill_in_here_is_declined(agent, gate_of):
    client = agent("ann-laptop")
    for schema in NO_FORMS:
        assert post(client, {**FORM, "requested_schema": schema})["action"] == "decline"
        assert gate_of("x").get_pending_approvals() == []


@pytest.mark.parametrize("required", [5, None, "size", [["size"]]])
def test_a_form_says_what_it_must_have_as_a_list_or_not_at_all(required):
    form = hooks.Form.of({**FORM, "requested_schema": {**FORM["requested_schema"], "required": required}})
    assert form.accepted({"count": 3, "size": "", "note": ""}).body["hookSpecificOutput"]["content"] == {
        "count": 3
    }


def test_while_a_tool_is_held_its_agent_is_seen_to_live(agent, gate_of, soon, monkeypatch):
    monkeypatch.setattr(hooks, "BEAT_SECONDS", 0.1)
    client, gate, seen = agent("ann-laptop"), gate_of("x"), HeartbeatCoordinator()
    asked = held(client, CALL)
    request = waiting(gate, soon)
    soon(lambda: seen.is_agent_alive("ann-laptop"))
    first = seen.get_agent_status("ann-laptop")
    assert (first.status, first.current_task) == ("waiting", "Bash: waits for an answer")
    soon(lambda: seen.get_agent_status("ann-laptop").last_beat > first.last_beat)
    gate.decide(request.request_id, False, "tom")
    asked.result(PATIENCE)


def test_a_call_whose_client_was_killed_is_told_to_pages_once_nobody_came_back(
    agent, gate_of, soon, monkeypatch
):
    monkeypatch.setattr(listeners, "LOST_SECONDS", -1.0)
    gone, client = [], agent("ann-laptop")
    hear = lambda request_id, **_: gone.append(request_id)  # noqa: E731  # kept: signals hold receivers weakly
    listeners.left.connect(hear)
    connection = HTTPConnection(client.base_url.host, client.base_url.port)
    headers = {"Authorization": client.headers["Authorization"], "Content-Type": "application/json"}
    connection.request("POST", "/api/v1/hooks/claude-code?timeout=60", json.dumps(CALL), headers)
    request = waiting(gate_of("x"), soon)
    soon(lambda: read_listened(open_store(), [request.request_id], request.timestamp))
    connection.close()
    soon(lambda: gone == [request.request_id])
    assert gate_of("x").get_request(request.request_id).status == "pending"


def test_what_happens_is_published_for_those_who_follow_events(agent):
    client = agent("ann-laptop")
    for event in ("Notification", "PostToolUse", "SubagentStart", "SubagentStop", "Stop", "SessionEnd"):
        post(client, {
            "session_id": "s-1", "hook_event_name": event, "message": "m", "tool_name": "Bash", "tool_use_id": "t",
            "agent_type": "reviewer", "tool_response": {"stdout": "secret"},
        })  # fmt: skip
    events = client.get("/events", params={"type": "coding_agent"}).json()["events"]
    told = [event["data"]["event"] for event in events]
    assert told == ["Notification", "PostToolUse", "SubagentStart", "SubagentStop", "Stop", "SessionEnd"]
    assert events[0]["data"] == {
        "event": "Notification", "session": "s-1", "message": "m", "tool": "Bash", "call": "t", "subagent": "reviewer",
    }  # fmt: skip
    assert "secret" not in str(events)


def test_what_a_tool_did_that_people_were_asked_about_is_in_the_record_once(agent, gate_of, soon):
    client, gate = agent("ann-laptop"), gate_of("x")
    asked = held(client, CALL)
    request = waiting(gate, soon)
    gate.decide(request.request_id, True, "maria")
    asked.result(PATIENCE)
    for _ in range(2):
        post(client, {**CALL, "hook_event_name": "PostToolUse"})
    post(
        client, {**CALL, "hook_event_name": "PostToolUse", "tool_use_id": "toolu_2"}
    )  # of which nobody asked
    [entry] = AuditEntry.objects.filter(kind="tool.ran")
    assert (str(entry.request_id), entry.agent_id) == (request.request_id, "ann-laptop")


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


@pytest.mark.parametrize("event", ["PreToolUse", "PermissionRequest"])
def test_a_call_that_its_client_does_not_name_is_asked_about_each_time(
    agent, gate_of, soon, monkeypatch, event
):
    asks = "prompted" if event == "PermissionRequest" else "*"
    client, gate = agent("ann-laptop", asks=asks), gate_of("x")
    call = {**CALL, "hook_event_name": event, "tool_use_id": None}
    asked = held(client, call)
    first = waiting(gate, soon)
    gate.decide(first.request_id, True, "maria")
    said = asked.result(PATIENCE)
    assert "allow" in str(said)
    monkeypatch.setattr(hooks, "EARLY_SECONDS", 9.9)
    assert "parked as" in str(post(client, call, timeout=10))
    assert waiting(gate, soon).request_id != first.request_id


@pytest.mark.parametrize("approved", [True, False])
def test_copilot_that_reads_these_settings_is_answered_in_its_own_words(agent, gate_of, soon, approved):
    client, gate = agent("ann-laptop", asks="prompted"), gate_of("x")
    call = {"hookName": "permissionRequest", "sessionId": "s-1", "cwd": "/home/ann/shop", "toolName": "bash",
            "toolInput": {"command": "git push"}, "permissionSuggestions": []}  # fmt: skip
    query = {"timeout": 60, "understands": "edited"}
    asked = beside(partial(client.post, "/hooks/claude-code", params=query, json=call))
    request = waiting(gate, soon)
    assert (request.approval_type, request.context["input"]) == ("Bash", {"command": "git push"})
    gate.decide(request.request_id, approved, "maria", "not on a Friday")
    said = asked.result(PATIENCE).json()
    assert said["behavior"] == ("allow" if approved else "deny")
    assert approved or "not on a Friday" in said["message"]
    named = agent("bob-laptop", asks="Read").post("/hooks/claude-code", json=call)
    assert (named.status_code, named.json()) == (200, {})


@pytest.mark.parametrize("approved", [True, False])
def test_a_patch_of_copilot_which_is_a_text_is_asked_about_and_not_edited(agent, gate_of, soon, approved):
    client, gate = agent("ann-laptop"), gate_of("x")
    patch = "*** Begin Patch\n*** Add File: trace.txt\n+hello\n*** End Patch\n"
    call = {"hook_event_name": "PreToolUse", "session_id": "s-1", "timestamp": "2026-11-29T13:17:52.623Z",
            "cwd": "/home/ann/shop", "tool_name": "Edit", "tool_input": patch}  # fmt: skip
    asked = held(client, call, understands="edited")
    request = waiting(gate, soon)
    assert (request.approval_type, request.context["input"]) == ("Edit", {"input": patch})
    assert "edited" not in live_record(gate, request.request_id).understands
    gate.decide(request.request_id, approved, "maria", "not on a Friday")
    said = asked.result(PATIENCE)
    assert said["permissionDecision"] == ("allow" if approved else "deny")


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


@pytest.mark.parametrize("prompt", ["mend the till", "mend\x00the\x1b[2Jtill"])
def test_an_agent_whose_events_are_not_taken_is_heard_all_the_same(agent, clean_redis, prompt):
    client = agent("ann-laptop")
    set_limits(open_store(clean_redis), event_types=1)
    assert client.post("/events", json={"type": "built"}).status_code == 201
    said = {"session_id": "s-1", "hook_event_name": "UserPromptSubmit", "prompt": prompt}
    assert post(client, said) == {}
    assert HeartbeatCoordinator().get_agent_status("ann-laptop").status == "running"


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
