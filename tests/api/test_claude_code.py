"""The real `claude` with a model of ours: what people answer is what its tool does. npm brings the client."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from core import HeartbeatCoordinator
from core.cli.agents.clients import AGENTS, Wiring
from core.history.people import tokens
from core.models import AgentToken
from dashboard.connect.views import settings_of
from tests.api.model_stub import Stub, model_that_runs
from tests.waiting import PATIENCE

DEAD = "http://127.0.0.1:9"
PACKAGE, VERSION = "@anthropic-ai/claude-code-linux-x64", "2.1.332"
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere, pytest.mark.long]


@pytest.fixture(scope="session")
def claude(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client, in a folder of its own."""
    if shutil.which("npm") is None:
        pytest.skip("NO CODING AGENTS: npm is missing, so Claude Code was not tried")
    folder = tmp_path_factory.mktemp("claude")
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), f"{PACKAGE}@{VERSION}"]
    installed = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    if installed.returncode:
        pytest.skip(f"NO CODING AGENTS: npm did not bring {PACKAGE}: {installed.stderr[-300:]}")
    return folder / "node_modules" / PACKAGE / "claude"


@pytest.fixture
def session(
    claude: Path, agent: Callable, owner: User, site: str, tmp_path: Path, start_process: Callable
) -> Iterator[Callable[[str], "Session"]]:
    """Starts the client in a project whose settings are those of the page Connect."""

    def begin(address: str = "", *, revoked: bool = False, by_command: bool = False) -> Session:
        secret = agent("ann-laptop").headers["Authorization"].removeprefix("Bearer ")
        if revoked:
            tokens.revoke(owner, AgentToken.objects.get().pk)
        where = address or site
        settings = written_by_command(tmp_path, where, secret) if by_command else settings_of(where)
        model = models.enter_context(model_that_runs(f"touch {tmp_path / 'project' / 'trace'}"))
        return Session(start_process, model, claude, tmp_path, settings, "" if by_command else secret)

    with ExitStack() as models:
        yield begin


def written_by_command(folder: Path, address: str, secret: str) -> str:
    """The settings that `agent-telemetry connect` writes; the token is in a file, and in no variable."""
    token_file = folder / "agent.env"
    token_file.write_text(f"TELEMETRY_URL={address}\nTELEMETRY_TOKEN={secret}\n")
    [claude] = [agent for agent in AGENTS if agent.name == "claude-code"]
    return claude.addition(Wiring(address, token_file, 600)).added("")


class Session:
    """One `claude -p` whose model wants to run a command that leaves a trace."""

    def __init__(
        self, start: Callable, model: Stub, claude: Path, folder: Path, settings: str, secret: str
    ) -> None:
        self.model, project = model, folder / "project"
        self.trace = project / "trace"
        (project / ".claude").mkdir(parents=True)
        (project / ".claude" / "settings.json").write_text(settings.replace("600", "30"))
        known = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        environment = known | {
            "HOME": str(folder / "home"), "ANTHROPIC_BASE_URL": self.model.url, "ANTHROPIC_API_KEY": "none",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1", "TELEMETRY_TOKEN": secret,
        }  # fmt: skip
        (folder / "home").mkdir(exist_ok=True)
        self._process = start(
            [str(claude), "-p", "leave a trace", "--output-format", "json", "--permission-mode", "default"],
            cwd=project, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def result(self) -> dict:
        """What it printed at its end."""
        said, _ = self._process.communicate(timeout=4 * PATIENCE)
        return json.loads(said)


def waiting(gate, soon):
    soon(lambda: len(gate.get_pending_approvals()) == 1)
    return gate.get_pending_approvals()[0]


def test_what_is_approved_runs_and_the_session_is_seen_to_live_and_end(session, gate_of, soon):
    begun, gate = session(), gate_of("x")
    request = waiting(gate, soon)
    assert (request.agent_id, request.approval_type) == ("ann-laptop", "Bash")
    assert request.context["input"]["command"] == f"touch {begun.trace}"
    assert not begun.trace.exists()
    assert HeartbeatCoordinator().is_agent_alive("ann-laptop")
    gate.decide(request.request_id, True, "maria")
    assert begun.result()["is_error"] is False
    assert begun.trace.exists()
    soon(lambda: not HeartbeatCoordinator().is_agent_alive("ann-laptop"))


@pytest.mark.parametrize("by_command", [False, True])
def test_an_edit_is_what_runs(session, gate_of, soon, answers, by_command):
    begun, gate = session(by_command=by_command), gate_of("x")
    request = waiting(gate, soon)
    other = begun.trace.with_name("another")
    given = {**request.context["input"], "command": f"touch {other}"}
    answers(request, json.dumps({**request.context, "input": given}))
    assert begun.result()["is_error"] is False
    assert other.exists()
    assert not begun.trace.exists()


def test_what_is_denied_does_not_run_and_the_model_reads_why(session, gate_of, soon):
    begun, gate = session(), gate_of("x")
    gate.decide(waiting(gate, soon).request_id, False, "tom", "not on a Friday")
    assert begun.result()["permission_denials"]
    assert not begun.trace.exists()
    assert any("not on a Friday" in text for text in begun.model.heard)


def test_what_nobody_answers_is_parked_and_does_not_run(session, gate_of, soon):
    begun, gate = session(), gate_of("x")
    begun.result()
    assert not begun.trace.exists()
    assert any("parked as" in text for text in begun.model.heard)
    assert waiting(gate, soon).status == "pending"


@pytest.mark.parametrize(
    "fault",
    [
        {"address": DEAD},
        {"address": DEAD, "by_command": True},
        {"revoked": True},
        {"revoked": True, "by_command": True},
    ],
)
def test_where_nobody_can_be_asked_nothing_runs(session, fault):
    begun = session(**fault)
    begun.result()
    assert not begun.trace.exists()
