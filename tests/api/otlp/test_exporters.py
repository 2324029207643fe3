"""The real exporters of OpenTelemetry's SDK, and the real `claude`, with the lines of the document."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from core import HeartbeatCoordinator
from core.models import LLMCall
from tests.api.model_stub import model_that_runs
from tests.api.test_claude_code import claude  # noqa: F401  a fixture
from tests.frameworks.environments import python_with, shared_folder
from tests.waiting import PATIENCE, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere, pytest.mark.long]
DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "agents" / "opentelemetry.md"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
EXPORTS, FOR_CLAUDE = (text for kind, text in BLOCKS if kind == "sh")
[PROGRAM] = (text for kind, text in BLOCKS if kind == "python")
WITH_JSON = PROGRAM.replace(".otlp.proto.", ".otlp.json.")
METRICS = """
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

reader = PeriodicExportingMetricReader(OTLPMetricExporter(), export_interval_millis=60_000)
provider = MeterProvider(resource=Resource({"service.name": "sums"}), metric_readers=[reader])
usage = provider.get_meter("sums").create_histogram("gen_ai.client.token.usage")
for times in (1, 2):
    for kind, tokens in (("input", 300), ("output", 40)):
        usage.record(tokens, {"gen_ai.token.type": kind, "gen_ai.request.model": "gpt-5", "gen_ai.system": "openai"})
    provider.force_flush()
provider.shutdown()
"""


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with the SDK, in an environment of its own."""
    return python_with(Path(__file__).with_name("sdk.txt"), shared_folder(tmp_path_factory))


@pytest.fixture
def run(agent, site):
    """Runs a command in a shell that has read the lines of the document."""

    def in_shell(command: str, *before: str, **settings: str) -> subprocess.CompletedProcess[str]:
        secret = agent("exporter").headers["Authorization"].removeprefix("Bearer ")
        known = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        script = "\n".join([*before, EXPORTS, command])
        return subprocess.run(
            ["sh", "-ec", script], env=known | {"TELEMETRY_URL": site, "TELEMETRY_TOKEN": secret} | settings,
            capture_output=True, text=True, timeout=4 * PATIENCE, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    return in_shell


@pytest.mark.parametrize("program", [PROGRAM, WITH_JSON], ids=["protobuf", "json"])
def test_the_program_of_the_document_exports_as_it_stands(run, python, counted, tmp_path, program):
    (tmp_path / "agent.py").write_text(program)
    done = run(f"{python} {tmp_path}/agent.py")
    assert (done.returncode, done.stderr) == (0, "")
    [row] = counted(1)
    assert (row.agent_id, row.workflow, row.model) == ("exporter", "search", "gpt-5")
    assert (row.input_tokens, row.output_tokens, row.cost_nano) == (1000, 500, 6_250_000)
    assert HeartbeatCoordinator().is_agent_alive("exporter")


@pytest.mark.parametrize("temporality", ["delta", "cumulative"])
def test_sums_of_the_real_sdk_are_counted_once_whichever_way_they_run(
    run, python, counted, settings, tmp_path, temporality
):
    settings.TELEMETRY_METRICS_OF = ["sums"]
    (tmp_path / "sums.py").write_text(METRICS)
    done = run(f"{python} {tmp_path}/sums.py", OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=temporality)
    assert (done.returncode, done.stderr) == (0, "")
    counted(1)

    def total() -> tuple[int, int]:
        rows = LLMCall.objects.filter(workflow="sums")
        return sum(row.input_tokens for row in rows), sum(row.output_tokens for row in rows)

    wait_until(lambda: total() == (600, 80), "both intervals are counted")


def test_claude_code_costs_here_what_it_says_it_costs(claude, run, counted, tmp_path):  # noqa: F811
    with model_that_runs("true") as model:
        (tmp_path / "home").mkdir()
        say = f'cd {tmp_path} && {claude} -p "do it" --output-format json --allowedTools Bash'
        done = run(
            say, FOR_CLAUDE, HOME=str(tmp_path / "home"), ANTHROPIC_BASE_URL=model.url, ANTHROPIC_API_KEY="none",
            CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1", DISABLE_AUTOUPDATER="1",
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = float(re.search(r'"total_cost_usd":\s*([0-9.e-]+)', done.stdout)[1])
    rows = counted(2)
    assert sum(row.cost_nano for row in rows) == round(said * 1e9)
    assert {(row.agent_id, row.workflow, row.provider) for row in rows} == {
        ("exporter", "claude-code", "anthropic")
    }
