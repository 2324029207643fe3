"""Scripts that ask: what people say is an exit code, over Redis and over HTTP."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core import ApprovalGate, HeartbeatCoordinator
from core.cli import main
from core.history.people import tokens
from core.history.people.tokens import TokenSpec
from tests.waiting import PATIENCE, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["redis", pytest.param("http", marks=pytest.mark.long)])
def environment(request, clean_redis):
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    if request.param == "redis":
        return {**kept, "REDIS_URL": clean_redis, "TELEMETRY_AGENT": "deployer"}
    owner = request.getfixturevalue("make_user")("otto", "administrator")
    token = tokens.make(owner, TokenSpec("for tests", "deployer", False, tokens.SCOPES, 30, "*"))[1]
    return {**kept, "TELEMETRY_URL": request.getfixturevalue("site"), "TELEMETRY_TOKEN": token}


@pytest.fixture
def script(environment, start_process):
    def start(line):
        return start_process(
            ["sh", "-c", line.replace("agent-telemetry", f"{sys.executable} -m core")],
            cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    return start


@pytest.mark.parametrize(
    ("approved", "code", "out"), [(True, 0, "deployed"), (False, 3, "denied by maria: not now")]
)
def test_what_people_say_decides_whether_the_script_goes_on(
    script, clean_redis, approved, code, out, tmp_path
):
    (tmp_path / "plan.json").write_text('{"version": "4.2"}')
    line = f"agent-telemetry ask deploy --context @{tmp_path}/plan.json --timeout 1h && echo deployed"
    process, gate = script(line), ApprovalGate(clean_redis)
    [request] = wait_until(gate.get_pending_approvals, "the script asks")
    assert (request.agent_id, request.context) == ("deployer", {"version": "4.2"})
    gate.decide(request.request_id, approved, "maria", "not now" if not approved else "")
    said, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (code, "")
    assert said.splitlines()[-1] == out


def test_a_script_asks_at_once_and_waits_later(script, clean_redis):
    line = "id=$(agent-telemetry ask deploy --no-wait); agent-telemetry wait $id --timeout 0 --json; echo $?"
    out, err = script(line).communicate(timeout=PATIENCE)
    assert err == ""
    *pending, code = out.splitlines()
    assert (json.loads("".join(pending))["status"], code) == ("pending", "4")
    gate = ApprovalGate(clean_redis)
    [request] = gate.get_pending_approvals()
    gate.decide(request.request_id, True, "maria")
    process = script(f"agent-telemetry wait {request.request_id} --claim me --json")
    assert json.loads(process.communicate(timeout=PATIENCE)[0])["approved"] is True
    assert process.returncode == 0


def test_nobody_answers_and_nobody_can_be_asked_have_codes_of_their_own(script, capsys, monkeypatch):
    assert script("agent-telemetry ask deploy --timeout 0.2").wait(PATIENCE) == 4
    monkeypatch.setenv("TELEMETRY_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("TELEMETRY_TOKEN", "agt_x")
    assert main(["ask", "deploy", "--timeout", "0.2"]) == 5
    assert capsys.readouterr().out.startswith("unavailable")
    assert main(["ask", "deploy", "--timeout", "0.2", "--no-wait"]) == 5
    assert main(["wait", "approval_deployer_0123456789ab", "--timeout", "0.1"]) == 5
    assert main(["ask", "deploy", "--timeout", "soon"]) == 2
    assert main(["ask", "deploy", "--context", "{"]) == 2
    assert main(["ask", "deploy", "--context", "@no-such-file"]) == 2


def test_a_script_that_beats_is_one_run_of_one_agent_until_it_stops(script, clean_redis):
    beat = "agent-telemetry beat --task 'step {}' --progress 0.{}"
    process = script(" && ".join(beat.format(step, step) for step in (1, 2)) + " && sleep 0")
    _out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    heart = HeartbeatCoordinator(clean_redis)
    assert heart.is_agent_alive("deployer")
    state = heart.get_agent_status("deployer")
    assert (state.status, state.progress, state.current_task) == ("running", 0.2, "step 2")
    said, _err = script("agent-telemetry beat --stop --json").communicate(timeout=PATIENCE)
    assert json.loads(said) == {"status": "completed"}
    assert heart.get_agent_status("deployer").status == "completed"
