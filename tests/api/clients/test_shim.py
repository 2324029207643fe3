"""The hook that stands between a client and the site: each client's words in and out, and no for every fault."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from core import HeartbeatCoordinator
from core.cli.agents.clients import Wiring
from core.history.people import tokens
from core.models import AgentToken
from tests.api.clients.conftest import ended, waiting
from tests.live_record import live_record
from tests.receivers import serving
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]
CLAUDE = {
    "session_id": "s-1", "cwd": "/home/ann/shop", "hook_event_name": "PreToolUse", "tool_name": "Bash",
    "tool_input": {"command": "git push"}, "tool_use_id": "toolu_1",
}  # fmt: skip
QWEN = {**CLAUDE, "tool_name": "run_shell_command"}
GEMINI = {
    "session_id": "s-1", "transcript_path": "/tmp/t.json", "cwd": "/home/ann/shop", "timestamp": "2026-11-29T01:22:03Z",
    "hook_event_name": "BeforeTool", "tool_name": "run_shell_command", "tool_input": {"command": "git push"},
}  # fmt: skip
COPILOT_PROMPT = {
    "hookName": "permissionRequest", "sessionId": "s-1", "timestamp": 1795934356647, "cwd": "/home/ann/shop",
    "toolName": "bash", "toolInput": {"command": "git push"}, "permissionSuggestions": [],
}  # fmt: skip
COPILOT = {
    "hook_event_name": "PreToolUse", "session_id": "s-1", "timestamp": "2026-11-29T06:39:16.574Z",
    "cwd": "/home/ann/shop", "tool_name": "Bash", "tool_input": {"command": "git push"},
}  # fmt: skip
CURSOR = {
    "hook_event_name": "beforeShellExecution", "conversation_id": "c-1", "generation_id": "g-1",
    "workspace_roots": ["/home/ann/shop"], "cursor_version": "2.0.77", "command": "git push", "cwd": "",
}  # fmt: skip
CURSOR_MCP = {
    **CURSOR,
    "hook_event_name": "beforeMCPExecution",
    "tool_name": "query",
    "tool_input": '{"sql": "x"}',
}
ASKED = [
    ("claude-code", CLAUDE, "Bash", lambda said: (
        said["hookSpecificOutput"]["permissionDecision"], said["hookSpecificOutput"]["permissionDecisionReason"])),
    ("qwen", QWEN, "run_shell_command", lambda said: (
        said["hookSpecificOutput"]["permissionDecision"], said["hookSpecificOutput"]["permissionDecisionReason"])),
    ("codex", CLAUDE, "Bash", lambda said: ("allow", "Approved by maria") if said is None else (
        said["hookSpecificOutput"]["permissionDecision"], said["hookSpecificOutput"]["permissionDecisionReason"])),
    ("copilot", COPILOT, "Bash", lambda said: (said["permissionDecision"], said["permissionDecisionReason"])),
    ("gemini", GEMINI, "run_shell_command", lambda said: (said["decision"], said["reason"])),
    ("cursor", CURSOR, "Shell", lambda said: (said["permission"], said["agent_message"])),
    ("cursor", CURSOR_MCP, "query", lambda said: (said["permission"], said["user_message"])),
]  # fmt: skip


@pytest.mark.parametrize(("client", "event", "tool", "read"), ASKED)
def test_what_people_say_comes_in_the_words_of_the_client(hook, gate_of, client, event, tool, read):
    gate = gate_of("x")
    for approved in (True, False):
        asked = hook(client, event if client == "gemini" else {**event, "tool_use_id": f"toolu_{approved}"})
        request = waiting(gate)
        assert (request.agent_id, request.approval_type) == ("ann-laptop", tool)
        gate.decide(request.request_id, approved, "maria", "" if approved else "not on a Friday")
        code, said, _ = ended(asked)
        assert code == 0
        word, why = read(said)
        assert word == ("allow" if approved else "deny")
        assert ("Approved by maria" if approved else "not on a Friday") in why


def test_what_copilot_would_ask_its_user_is_asked_in_its_words_and_offers_no_edit(hook, gate_of):
    AgentToken.objects.update(asks="prompted")
    gate = gate_of("x")
    assert ended(hook("copilot", COPILOT))[:2] == (0, {})
    asked = hook("copilot", COPILOT_PROMPT)
    request = waiting(gate)
    assert (request.approval_type, request.context["input"]) == ("Bash", {"command": "git push"})
    assert "edited" not in live_record(gate, request.request_id).understands
    gate.decide(request.request_id, False, "maria", "not on a Friday")
    said = ended(asked)[1]
    assert (said["behavior"], "not on a Friday" in said["message"]) == ("deny", True)


@pytest.mark.parametrize(("given", "changed"), [({"command": "ls"}, {"command": "ls -l"}), ("*** patch", "")])
def test_copilot_runs_what_people_made_of_an_input_and_nothing_where_that_is_a_text(
    hook, gate_of, approve_with_input, given, changed
):
    asked = hook("copilot", {**COPILOT, "tool_input": given})
    approve_with_input(waiting(gate_of("x")), changed or {"input": "*** other"})
    code, said, _ = ended(asked)
    assert (code, said.get("modifiedArgs")) == ((0, changed) if changed else (2, None))
    assert said["permissionDecision"] == ("allow" if changed else "deny")


def test_two_same_calls_of_a_client_without_names_for_them_are_two_requests(hook, gate_of):
    gate = gate_of("x")
    first = hook("gemini", GEMINI)
    gate.decide(waiting(gate).request_id, True, "maria")
    assert ended(first)[1]["decision"] == "allow"
    second = hook("gemini", GEMINI)
    gate.decide(waiting(gate).request_id, False, "maria")
    assert ended(second)[1]["decision"] == "deny"


def test_an_edit_is_offered_to_a_client_that_takes_one_alone(hook, gate_of):
    gate, offered = gate_of("x"), {}
    for client, event in (
        ("claude-code", CLAUDE),
        ("codex", {**CLAUDE, "session_id": "s-2"}),
        ("qwen", {**QWEN, "session_id": "s-3"}),
        ("gemini", GEMINI),
    ):
        asked = hook(client, event)
        request = waiting(gate)
        offered[client] = "edited" in live_record(gate, request.request_id).understands
        gate.decide(request.request_id, False, "maria")
        ended(asked)
    assert offered == {"claude-code": True, "codex": False, "qwen": False, "gemini": True}


BAD = (
    ("codex", "{"), ("codex", "[]"), ("claude-code", {**CLAUDE, "tool_input": "ls"}), ("nobody", CLAUDE),
    ("codex", {**CLAUDE, "tool_input": {"command": "x" * 1_000_000}}), ("cursor", {**CURSOR_MCP, "tool_input": "{"}),
)  # fmt: skip


def test_whatever_cannot_be_asked_is_blocked(hook):
    for client, event in BAD:
        code, said, why = ended(hook(client, event))
        assert (client, code, said) == (client, 2, None)
        assert "blocked" in why


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_a_hook_that_is_ended_while_it_waits_blocks(hook, gate_of, number):
    asked = hook("gemini", GEMINI)
    waiting(gate_of("x"))
    asked.send_signal(number)
    code, said, why = ended(asked)
    assert (code, said, number.name in why) == (2, None, True)


@pytest.mark.parametrize("gone", [False, True])
def test_the_line_before_a_tool_blocks_where_all_of_it_is_ended_or_its_python_is_gone(
    token_file, site, gate_of, gone
):
    line = Wiring(site, token_file, 60).held("gemini")
    line = line.replace(sys.executable, "/nowhere/python") if gone else line
    asked = subprocess.Popen(
        ["sh", "-c", line], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    with suppress(BrokenPipeError):  # one without its Python may be gone before
        asked.stdin.write(json.dumps(GEMINI))
        asked.stdin.close()
    if not gone:
        waiting(gate_of("x"))
        os.killpg(asked.pid, signal.SIGTERM)
    assert asked.wait(2 * PATIENCE) == 2
    asked.stderr.close()


def test_without_a_good_token_everything_is_blocked(hook, owner, tmp_path):
    code, _, why = ended(hook("codex", CLAUDE, env=tmp_path / "none.env"))
    assert (code, "none.env" in why) == (2, True)
    tokens.revoke(owner, AgentToken.objects.get().pk)
    code, said, why = ended(hook("codex", CLAUDE))
    assert (code, said, "not good" in why) == (2, None, True)


def test_a_site_that_points_elsewhere_is_not_followed_and_gets_no_token_there(hook, tmp_path, monkeypatch):
    came = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_POST(self):
            came.append(self.path)
            self.send_response(302)
            self.send_header("Location", "/stolen")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_arguments):
            pass

    with serving(HTTPServer(("127.0.0.1", 0), Elsewhere)) as url:
        env = tmp_path / "other.env"
        env.write_text(f"TELEMETRY_URL={url}\nTELEMETRY_TOKEN=agt_x\n")
        assert ended(hook("codex", CLAUDE, env=env))[0] == 2
    assert [path.split("?")[0] for path in came] == ["/api/v1/hooks/claude-code"]


def test_an_event_is_told_and_what_cannot_be_told_blocks_nothing(hook, tmp_path):
    prompt = {"hook_event_name": "BeforeAgent", "session_id": "s-1", "prompt": "mend the till"}
    assert ended(hook("gemini", prompt))[:2] == (0, {})
    beat = HeartbeatCoordinator().get_agent_status("ann-laptop")
    assert (beat.status, beat.current_task) == ("running", "mend the till")
    assert ended(hook("cursor", {**CURSOR, "hook_event_name": "afterFileEdit"}))[:2] == (0, {})
    dead = tmp_path / "dead.env"
    dead.write_text("TELEMETRY_URL=http://127.0.0.1:9\nTELEMETRY_TOKEN=agt_x\n")
    stop = {"hook_event_name": "Stop", "session_id": "s-1"}
    assert ended(hook("claude-code", stop, env=dead))[:2] == (0, None)


def test_cursor_is_asked_once_for_what_has_an_event_of_its_own(hook):
    shell = {**CURSOR, "hook_event_name": "preToolUse", "tool_name": "Shell", "tool_input": {"command": "ls"}}
    assert ended(hook("cursor", shell))[:2] == (0, {})


def test_copilot_that_reads_the_settings_of_claude_code_is_answered_in_its_own_words(hook, gate_of):
    AgentToken.objects.update(asks="prompted")
    asked = hook("claude-code", COPILOT_PROMPT)
    gate_of("x").decide(waiting(gate_of("x")).request_id, False, "maria", "not on a Friday")
    code, said, _ = ended(asked)
    assert (code, said["behavior"], "not on a Friday" in said["message"]) == (0, "deny", True)


@pytest.mark.parametrize(
    ("site", "token"), [("TELEMETRY_URL", "TELEMETRY_TOKEN"), ("AGENT_SITE", "AGENT_TOKEN")]
)
def test_headers_for_telemetry_have_the_token_by_its_name_of_now_or_before(hook, tmp_path, site, token):
    env = tmp_path / "named.env"
    env.write_text(f"{site}=http://127.0.0.1:9\n{token}=agt_x\n")
    assert ended(hook("headers", "", env=env))[:2] == (0, {"Authorization": "Bearer agt_x"})


@pytest.mark.long
def test_nobody_answers_and_the_client_hears_no_in_time(hook):
    for client, event in (("codex", CLAUDE), ("gemini", GEMINI)):
        code, said, _ = ended(hook(client, event, seconds=30))
        assert (code, "parked as" in str(said)) == (0, True)


@pytest.mark.long
def test_a_dead_site_blocks(hook, tmp_path):
    dead = tmp_path / "dead.env"
    dead.write_text("TELEMETRY_URL=http://127.0.0.1:9\nTELEMETRY_TOKEN=agt_x\n")
    process: subprocess.Popen = hook("gemini", GEMINI, seconds=30, env=dead)
    code, said, why = ended(process)
    assert (code, said, "does not answer" in why) == (2, None, True)
