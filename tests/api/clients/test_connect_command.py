"""`agent-telemetry connect` as people run it: a machine of its own, a person on the site, and all taken back."""

import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from django.test import Client

from core.cli import main
from core.cli.agents import device
from core.history.agents import devices
from core.history.people import tokens
from core.history.people.tokens import TokenSpec
from core.models import AgentToken
from tests.api.clients.conftest import waiting
from tests.api.model_stub import Handler, model
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]
ROOT = Path(__file__).resolve().parents[3]
CODEX = """# mine
model = "gpt-5"   # the good one

[[hooks.PreToolUse]]
[[hooks.PreToolUse.hooks]]
type = "command"
command = "mine"
"""
CLAUDE = """{
    "model": "opus",
    "env": {"MINE": "1", "OTEL_LOGS_EXPORTER": "console", "CLAUDE_CODE_ENABLE_TELEMETRY": "1"},
    "hooks": {"Stop": [{"hooks": [{"type": "command", "command": "bell"}]}]}
}
"""
THEIRS = {
    ".claude/settings.json": CLAUDE,
    ".codex/config.toml": CODEX,
    ".gemini/settings.json": '{\n\t"theme": "dark"\n}',
}


class Machine:
    """A home with settings of somebody, and the command."""

    def __init__(self, home: Path) -> None:
        self.home = home
        for name, text in THEIRS.items():
            (home / name).parent.mkdir(parents=True)
            (home / name).write_text(text)
        (home / ".cursor").mkdir()
        (home / ".copilot").mkdir()

    def start(self, *words: str) -> subprocess.Popen:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "USER": "ann"}
        return subprocess.Popen(
            [sys.executable, "-m", "core", "connect", *words], cwd=ROOT, env=environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, *words: str) -> tuple[int, str]:
        process = self.start(*words)
        said, _ = process.communicate(timeout=2 * PATIENCE)
        return process.returncode, said

    def files(self) -> dict[str, str]:
        return {
            str(path.relative_to(self.home)): path.read_text()
            for path in sorted(self.home.rglob("*"))
            if path.is_file()
        }

    @property
    def token_file(self) -> Path:
        return self.home / ".config" / "agent-telemetry" / "agent.env"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    monkeypatch.setattr(devices, "INTERVAL_SECONDS", 0)
    return Machine(tmp_path / "home")


@pytest.fixture
def given(machine, site, owner):
    """The machine with a token, as the command kept it before its names were those of a program."""
    _token, secret = tokens.make(owner, TokenSpec("x", "ann-laptop", False, ("ask", "beat", "usage"), 30))
    machine.token_file.parent.mkdir(parents=True)
    machine.token_file.write_text(f"AGENT_SITE={site}\nAGENT_TOKEN={secret}\nAGENT_ASKS=*\n")
    machine.token_file.chmod(0o600)
    return machine


def test_it_shows_a_code_writes_what_it_showed_and_proves_it(machine, agent, site, owner, gate_of):
    agent("other")  # the door is as for every test
    process = machine.start("--site", site, "--yes")
    text = ""
    while not (found := re.search(r"\n    ([B-Z]{4}-[B-Z]{4})\n", text)):
        line = process.stdout.readline()
        assert line, text
        text += line
    assert f"Open {site}/connect/code/" in text
    page = Client()
    page.force_login(owner)
    give = {"code": found[1], "agent": "ann-laptop", "scopes": ["ask", "beat"], "asks": "*", "days": "9"}
    told = page.post("/connect/code/give/", give, follow=True).content.decode()
    assert "Then its trial waits in the inbox." in told
    request = waiting(gate_of("x"))
    assert request.agent_id == "ann-laptop"
    assert request.context["input"]["command"] == "true"
    gate_of("x").decide(request.request_id, True, "maria")
    said, _ = process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == 0, said
    assert "It was approved" in said
    assert machine.token_file.stat().st_mode & 0o777 == 0o600
    secret = re.search("TELEMETRY_TOKEN=(agt_.*)", machine.token_file.read_text())[1]
    holding = [name for name, content in machine.files().items() if secret in content]
    assert holding == [".config/agent-telemetry/agent.env"]
    assert secret not in text + said
    assert AgentToken.objects.filter(agent="ann-laptop", owner=owner).count() == 1


def test_a_trial_that_is_given_up_is_withdrawn(given, site, gate_of):
    process = given.start("--site", site, "--yes", "--only", "gemini")
    request = waiting(gate_of("x"))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=2 * PATIENCE)
    assert gate_of("x").get_request(request.request_id).status == "cancelled"


@pytest.mark.long
def test_what_is_written_keeps_what_was_there_twice_changes_nothing_and_undo_takes_it_back(given, site):
    before = given.files()
    code, shown = given.run("--site", site, "--dry-run")
    assert (code, given.files()) == (0, before)
    assert "+" in shown
    code, said = given.run("--site", site, "--yes", "--no-trial")
    assert code == 0, said
    after = given.files()
    claude = json.loads(after[".claude/settings.json"])
    assert list(claude)[:3] == ["model", "env", "hooks"]
    assert after[".claude/settings.json"].startswith('{\n    "model"')
    assert claude["env"]["OTEL_LOGS_EXPORTER"] == "console"  # theirs stays
    assert claude["env"]["OTEL_EXPORTER_OTLP_ENDPOINT"] == site
    assert claude["hooks"]["Stop"][0] == {"hooks": [{"type": "command", "command": "bell"}]}
    assert claude["hooks"]["PreToolUse"][0]["hooks"][0]["timeout"] == 600
    codex = tomllib.loads(after[".codex/config.toml"])
    assert after[".codex/config.toml"].startswith(CODEX)
    assert len(codex["hooks"]["PreToolUse"]) == 2
    assert codex["otel"]["exporter"]["otlp-http"]["endpoint"] == f"{site}/v1/logs"
    assert (
        json.loads(after[".gemini/settings.json"])["hooks"]["BeforeTool"][0]["hooks"][0]["timeout"] == 600_000
    )
    assert json.loads(after[".cursor/hooks.json"])["hooks"]["beforeShellExecution"][0]["failClosed"] is True
    copilot = json.loads(after[".copilot/hooks/agent-telemetry.json"])
    assert [hook["timeoutSec"] for hook in copilot["hooks"]["PreToolUse"]] == [600]
    again = given.run("--site", site, "--yes", "--no-trial")[1]
    assert again.count("is as it shall be") == 5
    assert given.files() == after
    assert given.run("--undo")[0] == 0
    left = given.files()
    assert left == {name: text for name, text in before.items() if "agent.env" not in name}
    assert "nothing to take back" in given.run("--undo")[1]


def test_a_file_that_a_repository_tracks_is_never_written_into(given, site):
    def git(*words):
        subprocess.run(["git", "-C", str(given.home), *words], check=True, capture_output=True)

    git("init", "-q")
    git("add", ".claude/settings.json")
    elsewhere = given.home.parent / "agent.env"
    given.token_file.rename(elsewhere)
    code, said = given.run("--site", site, "--yes", "--no-trial", "--token-file", str(elsewhere))
    assert (code, "tracked file of the repository" in said) == (2, True)
    assert (given.home / ".claude" / "settings.json").read_text() == CLAUDE
    assert not (given.home / ".cursor" / "hooks.json").exists()


def test_undo_leaves_what_somebody_changed_meanwhile(given, site):
    given.run("--site", site, "--yes", "--no-trial")
    settings = given.home / ".claude" / "settings.json"
    changed = json.loads(settings.read_text())
    changed["env"]["OTEL_METRICS_EXPORTER"] = "console"
    changed["mine"] = True
    settings.write_text(json.dumps(changed))
    codex = given.home / ".codex" / "config.toml"
    codex.write_text(codex.read_text() + "\n[mine]\nx = 1 # kept\n")
    assert given.run("--undo")[0] == 0
    left = json.loads(settings.read_text())
    assert left["env"] == {**json.loads(CLAUDE)["env"], "OTEL_METRICS_EXPORTER": "console"}
    assert (left["mine"], list(left["hooks"])) == (True, ["Stop"])
    assert codex.read_text() == CODEX + "\n[mine]\nx = 1 # kept\n"


def test_what_it_cannot_keep_it_does_not_touch(given, site):
    gemini = given.home / ".gemini" / "settings.json"
    gemini.write_text('{\n  // mine\n  "theme": "dark"\n}')
    codex = given.home / ".codex" / "config.toml"
    codex.write_text('[otel]\nenvironment = "mine"\n')
    before = given.files()
    code, said = given.run("--site", site, "--yes", "--no-trial")
    assert (code, "comments cannot be kept" in said, given.files()) == (2, True, before)
    assert given.run("--site", site, "--yes", "--no-trial", "--only", "codex")[0] == 0
    assert tomllib.loads(codex.read_text())["otel"] == {"environment": "mine"}


def test_no_token_is_put_into_a_repository(given, site):
    (given.home / ".git").mkdir()
    before = given.files()
    code, said = given.run("--site", site, "--yes", "--no-trial")
    assert (code, "is in the repository" in said, given.files()) == (2, True, before)


def test_the_next_secret_takes_the_place_of_the_last(given, site, agent):
    agent("other")
    old = given.token_file.read_text()
    code, said = given.run("--renew")
    assert (code, "works until" in said) == (0, True)
    new = given.token_file.read_text()
    assert new.partition("TOKEN=")[2] != old.partition("TOKEN=")[2]
    assert new.splitlines()[0] == f"TELEMETRY_URL={site}"
    assert given.token_file.stat().st_mode & 0o777 == 0o600


class Restarting(Handler):
    """A site that is deployed anew just now: `command` is how it fails the first calls for a token."""

    def do_POST(self) -> None:
        self.posted()
        self.server.heard.append(self.path)
        if self.path.endswith("/connect"):
            said = {
                "verification_path": "/x",
                "user_code": "X",
                "interval": 0,
                "expires_in": 60,
                "device_code": "x",
            }
            self.send(json.dumps(said))
        elif self.server.command == "closes" and self.server.heard.count(self.path) == 1:
            self.close_connection = True
        elif self.server.command == "away":
            self.send_error(503)
        else:
            self.send(json.dumps({"token": "agt_x", "agent": "ann", "is_prefix": False, "asks": "*"}))


def test_a_code_outlives_a_restart_of_the_site(monkeypatch):
    monkeypatch.setattr(device, "AGAIN_SECONDS", 0.0)
    with model(Restarting, "closes") as site:
        assert device.fetch(site.url, {}, lambda _address, _code: None).token == "agt_x"


def test_a_token_is_not_renewed_where_the_site_is_away_and_one_sentence_says_so(tmp_path, capsys):
    file = tmp_path / "agent.env"
    with model(Restarting, "away") as site:
        for text, code in ((f"TELEMETRY_URL={site.url}\n", 1), ("", 2)):
            file.write_text(f"{text}TELEMETRY_TOKEN=agt_x\n")
            assert main(["connect", "--renew", "--token-file", str(file)]) == code
            assert capsys.readouterr().err.startswith("python -m core connect: ")
            assert file.read_text().endswith("TELEMETRY_TOKEN=agt_x\n")
