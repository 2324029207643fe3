"""The real Codex, GitHub Copilot and Gemini CLI with models of ours: what people answer is what they do."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from core import UsageTracker
from core.cli.agents.clients import AGENTS, Wiring
from core.history.people import tokens
from core.models import AgentToken
from dashboard.connect.views import settings_of
from tests.api.clients.conftest import waiting
from tests.api.clients.stubs import Gemini, Patches, Responses
from tests.api.model_stub import Stub, model
from tests.live_record import live_record
from tests.waiting import PATIENCE, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere, pytest.mark.long]
HOLD_SECONDS = 30
CODEX = """model = "stub"
model_provider = "stub"
approval_policy = "never"
sandbox_mode = "danger-full-access"
[model_providers.stub]
name = "stub"
base_url = "{url}/v1"
wire_api = "responses"
"""
GEMINI = {"security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}}}
WORDS = {
    "codex": ("exec", "--json", "--skip-git-repo-check", "--dangerously-bypass-hook-trust", "leave a trace"),
    "copilot": ("-p", "leave a trace"),  # its own rules would refuse: nobody is at its terminal
    "gemini": ("--yolo", "-p", "leave a trace"),
}
KINDS = {"codex": "Bash", "copilot": "Bash", "gemini": "run_shell_command"}


class Session:
    """One run of a client whose model wants to run a command that leaves a trace.

    claudes: what stands in the settings of Claude Code of a project that it trusts, in the place of its own.
    """

    def __init__(
        self,
        start: Callable,
        model: Stub,
        name: str,
        program: Path,
        folder: Path,
        wiring: Wiring,
        claudes: str = "",
        **more: str,
    ) -> None:
        self.trace, home, project = folder / "trace", folder / "home", folder / "project"
        project.mkdir()
        self.model = model
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "GEMINI_API_KEY": "none"}
        environment |= {"GOOGLE_GEMINI_BASE_URL": self.model.url, "CODEX_HOME": str(home / ".codex")}
        environment |= {
            "COPILOT_OFFLINE": "true", "COPILOT_PROVIDER_BASE_URL": self.model.url, "COPILOT_PROVIDER_API_KEY": "none",
            "COPILOT_PROVIDER_WIRE_API": "responses", "COPILOT_MODEL": "gpt-5", "COPILOT_AUTO_UPDATE": "false",
        }  # fmt: skip
        environment |= more
        [agent] = [agent for agent in AGENTS if agent.name == name]
        file, before = agent.file(environment), {"gemini": json.dumps(GEMINI)}
        before["codex"] = CODEX.format(url=self.model.url)
        said = agent.addition(wiring).added(before.get(name, ""))
        if claudes:
            trusted = file.parents[1] / "config.json"
            trusted.parent.mkdir(parents=True)
            trusted.write_text(json.dumps({"trusted_folders": [str(project)]}))
            file, said = project / ".claude" / "settings.local.json", claudes
            (project / ".git").mkdir()
        file.parent.mkdir(parents=True)
        file.write_text(said)
        self._process = start(
            [str(program), *WORDS[name]], cwd=project, env=environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def ended(self) -> str:
        """What it printed, once it is over."""
        return self._process.communicate(timeout=4 * PATIENCE)[0]

    def heard(self) -> str:
        """All that its model was told."""
        return "\n".join(self.model.heard)


@pytest.fixture(params=sorted(WORDS))
def session(
    request, brought, token_file: Path, site: str, tmp_path: Path, start_process: Callable
) -> Iterator[Callable[..., Session]]:
    """Starts the client, with settings as the command writes them; `.kind` is what its tool is called."""
    name, program = request.param, brought(request.param)

    def begin(seconds: int = 60, **more: str) -> Session:
        speaks = Gemini if name == "gemini" else Responses
        stub = models.enter_context(model(speaks, f"touch {tmp_path / 'trace'}"))
        return Session(
            start_process, stub, name, program, tmp_path, Wiring(site, token_file, seconds), **more
        )

    begin.kind = KINDS[name]
    with ExitStack() as models:
        yield begin


def test_what_is_approved_runs(session, gate_of):
    begun, gate = session(), gate_of("x")
    asked = waiting(gate)
    assert (asked.agent_id, asked.approval_type) == ("ann-laptop", session.kind)
    assert asked.context["input"]["command"] == f"touch {begun.trace}"
    assert not begun.trace.exists()
    gate.decide(asked.request_id, True, "maria")
    said = begun.ended()
    assert begun.trace.exists(), said


def test_what_is_denied_does_not_run_and_the_model_reads_why(session, gate_of):
    begun, gate = session(), gate_of("x")
    gate.decide(waiting(gate).request_id, False, "tom", "not on a Friday")
    said = begun.ended()
    assert not begun.trace.exists()
    assert "not on a Friday" in begun.heard(), said


@pytest.mark.parametrize("session", ["copilot", "gemini"], indirect=True)
def test_what_is_approved_with_changes_is_what_runs(session, gate_of, approve_with_input):
    begun = session()
    asked, other = waiting(gate_of("x")), begun.trace.with_name("other")
    approve_with_input(asked, {**asked.context["input"], "command": f"touch {other}"})
    said = begun.ended()
    assert (other.exists(), begun.trace.exists()) == (True, False), said


@pytest.mark.parametrize("session", ["copilot"], indirect=True)
@pytest.mark.parametrize("approved", [True, False])
def test_people_are_asked_in_the_place_of_its_own_user(session, gate_of, approved):
    AgentToken.objects.update(asks="prompted")
    begun, gate = session(), gate_of("x")
    asked = waiting(gate)
    assert (asked.approval_type, "edited" in live_record(gate, asked.request_id).understands) == (
        "Bash",
        False,
    )
    gate.decide(asked.request_id, approved, "maria", "" if approved else "not on a Friday")
    said = begun.ended()
    assert begun.trace.exists() is approved, said
    assert approved or "not on a Friday" in begun.heard()


@pytest.mark.parametrize("by_command", [True, False])
@pytest.mark.parametrize("asks", ["*", "prompted"])
def test_copilot_that_reads_the_settings_of_claude_code_does_what_people_say(
    brought, token_file, site, tmp_path, gate_of, start_process, asks, by_command
):
    AgentToken.objects.update(asks=asks)
    [claude], wiring = (
        [agent for agent in AGENTS if agent.name == "claude-code"],
        Wiring(site, token_file, 60),
    )
    claudes = claude.addition(wiring).added("") if by_command else settings_of(site)
    secret = token_file.read_text().partition("TOKEN=")[2].strip()
    more = {"TELEMETRY_TOKEN": secret, "COPILOT_HOOK_ALLOW_LOCALHOST": "1"}
    with model(Responses, f"touch {tmp_path / 'trace'}") as stub:
        begun = Session(start_process, stub, "copilot", brought("copilot"), tmp_path, wiring, claudes, **more)
        gate_of("x").decide(waiting(gate_of("x")).request_id, False, "tom", "not on a Friday")
        said = begun.ended()
    assert not begun.trace.exists()
    assert "not on a Friday" in begun.heard(), said


def test_a_patch_of_copilot_is_denied_over_the_hook_of_http(
    brought, token_file, site, tmp_path, gate_of, start_process
):
    secret = token_file.read_text().partition("TOKEN=")[2].strip()
    more = {"TELEMETRY_TOKEN": secret, "COPILOT_HOOK_ALLOW_LOCALHOST": "1", "COPILOT_MODEL": "gpt-5.4"}
    wiring = Wiring(site, token_file, 60)
    with model(Patches, "trace.txt") as stub:
        begun = Session(
            start_process, stub, "copilot", brought("copilot"), tmp_path, wiring, settings_of(site), **more
        )
        asked = waiting(gate_of("x"))
        assert (asked.approval_type, "+hello" in asked.context["input"]["input"]) == ("Edit", True)
        gate_of("x").decide(asked.request_id, False, "tom", "not on a Friday")
        said = begun.ended()
    assert not (tmp_path / "project" / "trace.txt").exists()
    assert "not on a Friday" in begun.heard(), said


def test_what_nobody_answers_in_time_is_parked_and_does_not_run(session, gate_of):
    begun = session(HOLD_SECONDS)
    said = begun.ended()
    assert not begun.trace.exists()
    assert "parked as" in begun.heard(), said
    assert len(gate_of("x").get_pending_approvals()) == 1


@pytest.mark.parametrize("session", ["codex"], indirect=True)
def test_what_it_costs_comes_with_the_header_of_its_environment(session, token_file, gate_of):
    secret = token_file.read_text().partition("TOKEN=")[2].strip()
    begun = session(OTEL_EXPORTER_OTLP_HEADERS=f"Authorization=Bearer {secret}")
    gate_of("x").decide(waiting(gate_of("x")).request_id, False, "tom")
    begun.ended()
    tracker = UsageTracker.get_instance()
    wait_until(lambda: tracker.flush() or tracker.get_recent_entries(), "its calls are told")
    call = tracker.get_recent_entries()[0]
    assert (call["agent_id"], call["workflow"]) == ("ann-laptop", "codex_exec")


def test_where_its_hook_is_killed_nothing_runs(session, token_file, gate_of):
    begun = session()
    waiting(gate_of("x"))
    of_it = ["pgrep", "-f", f"^{re.escape(sys.executable)} -I .*{re.escape(str(token_file))}"]
    [hook] = subprocess.run(of_it, capture_output=True, text=True).stdout.split()
    os.kill(int(hook), signal.SIGKILL)
    said = begun.ended()
    assert not begun.trace.exists(), said


@pytest.mark.parametrize("fault", ["dead", "revoked"])
def test_where_nobody_can_be_asked_nothing_runs(session, token_file, owner, fault):
    if fault == "dead":
        token_file.write_text("TELEMETRY_URL=http://127.0.0.1:9\nTELEMETRY_TOKEN=agt_x\n")
    else:
        tokens.revoke(owner, AgentToken.objects.get().pk)
    begun = session(HOLD_SECONDS)
    said = begun.ended()
    assert not begun.trace.exists()
    assert "nobody could be asked" in begun.heard(), said
