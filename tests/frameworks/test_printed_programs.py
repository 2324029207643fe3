"""What the page Connect prints for a new token, run as it stands there, up to its first approved answer."""

import html
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.test import Client

from core import ApprovalGate
from core.api.bearers import Bearers
from dashboard.connect.snippets import SNIPPETS
from telemetry_site.asgi import door
from tests.api.model_stub import model_that_runs
from tests.api.test_claude_code import claude  # noqa: F401  fixture
from tests.frameworks.conftest import HERE
from tests.frameworks.environments import package_path, python_with, shared_folder
from tests.frameworks.test_frameworks import LINES
from tests.gate.test_typescript import CLIENT, compiled, strips_types  # noqa: F401  a fixture
from tests.waiting import PATIENCE, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere, pytest.mark.long]

PAY = ("pay", {"to": "Ann", "euros": 10})
FRAMEWORKS = {
    "LangGraph, LangChain": "langgraph",
    "Pydantic AI": "pydantic_ai",
    "OpenAI Agents SDK": "openai_agents",
    "Claude Agent SDK": "claude_agent",
    "Microsoft Agent Framework": "agent_framework",
    "CrewAI": "crewai",
}
BY_THEMSELVES = ("Claude Agent SDK", "TypeScript, Node")
RUNS = {
    "Shell": r'printf "#!/bin/sh\necho go on\n" > deploy.sh; chmod +x deploy.sh; bash program',
    "TypeScript, Node": "cp program program.mjs; sed -n 's|^// curl|curl|p' program | bash && node program.mjs",
}  # all others are Python
QUIET = {"CREWAI_DISABLE_TELEMETRY": "true", "OTEL_SDK_DISABLED": "true", "CREWAI_TRACING_ENABLED": "false"}
COMMAND = """#!/bin/sh
exec "{python}" -m agent_telemetry "$@"
"""


@pytest.fixture
def printed(site: str, make_user: Callable, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What stands on the page of a new token, by the label of each block."""
    monkeypatch.setattr(door.desk, "bearers", Bearers())
    browser = Client(headers={"host": site.removeprefix("http://")})
    browser.force_login(make_user("otto", "administrator"))
    form = {"agent": "deployer", "scopes": ["ask", "beat"], "days": "30", "asks": "*"}
    page = browser.post("/connect/", form).content.decode()
    blocks = re.findall(r'<pre class="lines"[^>]* aria-label="([^"]*)">(.*?)</pre>', page, re.DOTALL)
    return {html.unescape(label): html.unescape(text) for label, text in blocks}


@pytest.fixture
def start(
    printed: dict[str, str], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Runs one of them in a shell that was told what the page says first: `start("CrewAI")`."""
    shared, started = shared_folder(tmp_path_factory), []

    def run(name: str, **more: str) -> subprocess.Popen[str]:
        lock = FRAMEWORKS.get(name)
        python = python_with(HERE / "locks" / f"{lock}.txt", shared) if lock else Path(sys.executable)
        command = tmp_path / "bin" / "agent-telemetry"
        command.parent.mkdir()
        command.write_text(COMMAND.format(python=python))
        command.chmod(0o755)
        (tmp_path / "program").write_text(printed[name])
        environment = {
            "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path),
            "PYTHONPATH": str(package_path(shared)), **QUIET, **more,
        }  # fmt: skip
        runs = RUNS.get(name, f"{python} program")
        started.append(subprocess.Popen(
            ["bash", "-c", f"{printed['Environment of a program']}\n{runs}"], cwd=tmp_path, env=environment,
            text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ))  # fmt: skip
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def approved(process: subprocess.Popen[str], gate: ApprovalGate) -> tuple[str, dict[str, object], str]:
    """What it asked about, and what it printed once somebody had approved."""

    def asked() -> object:
        assert process.poll() is None, process.communicate()[0]
        return gate.get_pending_approvals()

    [request] = wait_until(asked, "it asks", 4 * PATIENCE)
    gate.decide(request.request_id, True, "maria")
    said, _ = process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == 0, said
    return request.approval_type, request.context, said


@pytest.mark.parametrize("name", [one.name for one in SNIPPETS if one.name not in BY_THEMSELVES])
def test_a_program_asks_and_goes_on_with_the_answer(name, start, clean_redis):
    kind, context, said = approved(start(name), ApprovalGate(clean_redis, "x"))
    if name in FRAMEWORKS:
        assert ((kind, context), "Ann got 10 euros" in said) == (PAY, True)
    else:
        assert ((kind, context), "go on" in said) == (("deploy", {"version": "1.10"}), True)


def test_the_line_of_the_document_holds_a_crew(start, printed, clean_redis):
    [crew] = [one.before for one in SNIPPETS if one.name == "CrewAI"]
    printed["CrewAI"] = f"{crew}\n\n{LINES['crewai']}\nprint(crew.kickoff().raw)"
    kind, context, said = approved(start("CrewAI"), ApprovalGate(clean_redis, "x"))
    assert ((kind, context), "Ann got 10 euros" in said) == (PAY, True)


def test_claude_by_its_agent_sdk(start, claude, tmp_path, clean_redis):  # noqa: F811
    with model_that_runs(f"touch {tmp_path / 'hello.txt'}") as model:
        process = start("Claude Agent SDK", **{
            "PATH": f"{claude.parent}{os.pathsep}{os.environ['PATH']}", "ANTHROPIC_BASE_URL": model.url,
            "ANTHROPIC_API_KEY": "none", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1",
        })  # fmt: skip
        kind, _context, _said = approved(process, ApprovalGate(clean_redis, "x"))
    assert (kind, (tmp_path / "hello.txt").exists()) == ("Bash", True)


def test_typescript_with_the_client_that_the_site_serves(start, printed, compiled, tmp_path, clean_redis):  # noqa: F811
    if not strips_types():  # an older Node: the same program with what the compiler made of the client
        printed["TypeScript, Node"] = printed["TypeScript, Node"].replace(
            "./agent-telemetry.ts", str(compiled)
        )
    kind, context, said = approved(start("TypeScript, Node"), ApprovalGate(clean_redis, "x"))
    assert ((kind, context), "go on" in said) == (("deploy", {"version": "1.10"}), True)
    assert (tmp_path / "agent-telemetry.ts").read_bytes() == CLIENT.read_bytes()


def test_the_page_prints_a_program_for_each(printed):
    assert {one.name for one in SNIPPETS} <= printed.keys()
