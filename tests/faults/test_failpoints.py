"""A process is killed on purpose only where a test said so twice, and only at places that exist."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.checks import ERROR, Tags, run_checks

from core.failpoints import PLACES, FailpointRefused, armed
from tests.contract.test_settings import manage

ROOT = Path(__file__).resolve().parents[2]
ASK = """
from core import ApprovalGate
ApprovalGate("redis://127.0.0.1:1", "a").request_approval("deploy", timeout=0.1)
"""


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
    )


def test_without_the_switch_of_tests_an_agent_does_not_start_and_reads_why():
    ended = run("import core", TELEMETRY_FAILPOINT="agent.before_request")
    assert ended.returncode == 1
    assert "is for tests alone: unset it" in ended.stderr.splitlines()[-1]


def test_without_the_switch_of_tests_no_part_of_the_site_starts(tmp_path):
    ended = manage(tmp_path, "recorder", TELEMETRY_FAILPOINT="recorder.after_read")
    assert ended.returncode != 0
    assert "is for tests alone: unset it" in ended.stderr.splitlines()[-1]


def test_with_the_switch_the_process_is_killed_where_it_was_said():
    ended = run(ASK, TELEMETRY_FAILPOINT="agent.before_request", TELEMETRY_TESTING="1")
    assert ended.returncode == -signal.SIGKILL


def test_a_place_that_is_not_reached_kills_nobody():
    ended = run(ASK, TELEMETRY_FAILPOINT="recorder.after_read", TELEMETRY_TESTING="1")
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    "wanted",
    [
        "nowhere",
        "agent",
        "agent.before_request:",
        "agent.before_request:0",
        "agent.before_request:-1",
        "agent.before_request:x",
    ],
)
def test_an_unknown_place_or_count_is_refused_by_name(wanted):
    with pytest.raises(FailpointRefused, match=re.escape(wanted)):
        armed({"TELEMETRY_FAILPOINT": wanted, "TELEMETRY_TESTING": "1"})


@pytest.mark.parametrize("switch", ["", "0", "yes", "true", "2"])
def test_the_switch_is_exactly_one(switch):
    with pytest.raises(FailpointRefused, match="tests alone"):
        armed({"TELEMETRY_FAILPOINT": "agent.before_request", "TELEMETRY_TESTING": switch})


def test_without_the_variable_passing_a_place_is_an_empty_function():
    from core import failpoints

    assert armed({}) is None
    assert armed({"TELEMETRY_TESTING": "1"}) is None
    assert failpoints.reach is failpoints._pass_by


def test_the_deployment_check_refuses_both_variables(monkeypatch):
    values = {"TELEMETRY_TESTING": "1", "TELEMETRY_FAILPOINT": "agent.before_request"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    found = run_checks(tags=[Tags.security], include_deployment_checks=True)
    refused = [error.msg for error in found if error.id == "core.E020" and error.level >= ERROR]
    assert len(refused) == len(values)
    for name in values:
        assert any(said.startswith(f"{name} is set") for said in refused)


def test_every_place_is_reached_in_one_line_of_the_product():
    text = "".join(path.read_text() for room in ("core", "dashboard") for path in (ROOT / room).rglob("*.py"))
    reached = re.findall(r'failpoints\.reach\("([^"]+)"\)', text)
    assert sorted(reached) == sorted(PLACES)


def test_the_document_lists_every_place_as_the_code_does():
    text = (ROOT / "docs/running/promises.md").read_text()
    rows = dict(
        re.findall(
            r"^\| `((?:site|agent|recorder|repair|backup|migrate|restore|notices)\.\w+)` \| ([^|]+) \|",
            text,
            re.MULTILINE,
        )
    )
    assert {name: where.strip() for name, where in rows.items()} == PLACES
