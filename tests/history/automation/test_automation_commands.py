"""The five commands about automated work: JSON that is the report, text without what controls a terminal."""

import json
import subprocess
import sys
from argparse import Namespace
from dataclasses import asdict
from datetime import UTC, datetime

import pytest
from django.core.management import call_command

from core import cli
from core.cli.tables import json_text
from core.history.automation.reports import AutomationReports
from tests.history.automation.test_automation_record import tell_everything

reports = AutomationReports()
COMMANDS = {
    "tier1_status": lambda: reports.summary(30),
    "task_routing_report": lambda: reports.routing(30),
    "test_status": lambda: reports.runs(30),
    "agent_performance": lambda: reports.agents(30),
    "file_test_status": lambda: reports.files(),
}
pytestmark = pytest.mark.usefixtures("transactional_db")


def function(command: str):
    return getattr(cli, f"cmd_{command}")


@pytest.mark.parametrize("command", COMMANDS)
def test_json_is_the_report_whole(agent, record, capsys, command):
    tell_everything(agent)
    record()
    assert function(command)(Namespace(json=True)) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json_text(asdict(COMMANDS[command]())))


@pytest.mark.parametrize("command", COMMANDS)
def test_of_nothing_a_sentence_says_how_to_begin_and_json_stays_json(capsys, command):
    assert function(command)(Namespace()) == 0
    [sentence] = capsys.readouterr().out.splitlines()
    assert sentence.startswith("No ")
    assert "core.record_" in sentence or "core.automation" in sentence
    assert function(command)(Namespace(json=True)) == 0
    assert isinstance(json.loads(capsys.readouterr().out), dict)


def lines_of(capsys, command: str, **options) -> list[str]:
    assert function(command)(Namespace(**options)) == 0
    return capsys.readouterr().out.splitlines()


def test_the_text_says_what_was_recorded(agent, record, capsys):
    tell_everything(agent)
    record()
    routings = lines_of(capsys, "task_routing_report", days=2)
    assert routings[0] == "# Routings in the last 2 UTC days"
    assert routings[2].split() == ["bug", "fix", "keywords", "1", "1", "1", "100.0%", "75.0%", "2.5", "s"]
    runs = lines_of(capsys, "test_status")
    assert runs[2].split()[:10] == ["unit", "1", "0", "0.0%", "60.0", "s", "8", "2", "1", "3"]
    assert [line.split()[:3] for line in runs if line.startswith("test_")] == [
        ["test_a", "unit", "1"],
        ["test_b", "unit", "1"],
    ]
    assert runs[-1].split()[:6] == ["unit", "2", "3", "66.7%", "+0.0", "points"]
    agents = lines_of(capsys, "agent_performance")
    assert agents[2].split() == ["fixer", "1", "1", "0", "0.0%", "30.0", "s", "100.0%", "100.0%"]
    files = lines_of(capsys, "file_test_status")
    assert files[0] == "# Files: 1, 0 failed, 0 stale"
    assert files[2].split()[:5] == ["src/größer.py", "passed", "1", "0", "no"]
    together = dict(line.rsplit("  ", 1) for line in lines_of(capsys, "tier1_status")[2:])
    assert {name.strip(): value.strip() for name, value in together.items()} == {
        "routings": "1", "routing accuracy": "100.0% of 1 known", "routing confidence": "75.0%",
        "test runs": "1", "successful runs": "0.0%", "mean duration of a run": "60.0 s",
        "coverage of unit": "66.7% (+0.0 points)", "files with tests": "1: 0 failed, 0 stale",
        "assignments": "1, 1 completed", "successful assignments": "0.0%", "automated": "100.0%",
        "reviewed by a person": "100.0%",
    }  # fmt: skip


def test_files_are_chosen_by_what_is_wrong_with_them(agent, record, capsys):
    agent.record_file_test(file_path="fine.py", passed=1)
    agent.record_file_test(file_path="broken.py", failed=1)
    agent.record_file_test(file_path="new.py", source_modified_at=datetime.now(UTC))
    record()

    def paths(**options) -> list[str]:
        lines = lines_of(capsys, "file_test_status", **options)
        assert lines[0] == "# Files: 3, 1 failed, 1 stale"
        return [line.split()[0] for line in lines[2:]]

    assert paths() == ["broken.py", "fine.py", "new.py"]
    assert paths(failed=True) == ["broken.py"]
    assert paths(stale=True) == ["new.py"]
    assert paths(failed=True, stale=True) == ["broken.py", "new.py"]
    assert paths(limit=2) == ["broken.py", "fine.py", "1"]  # 1 more file is left out


def test_nothing_that_agents_named_controls_a_terminal(agent, record, capsys):
    hostile = "red\u202e\u200b<b>[bold]"
    agent.record_task_routing(task_type=hostile, strategy=hostile, assigned_to=hostile, confidence=1)
    agent.record_test_execution(
        suite=hostile, passed=0, failed=1, duration_seconds=1, failing_tests=[hostile]
    )
    agent.record_coverage(suite=hostile, lines_covered=1, lines_total=1)
    agent.record_file_test(file_path=hostile, failed=1)
    agent.record_agent_assignment(agent_id=hostile, task_type=hostile)
    record()
    for command in COMMANDS:
        printed = "\n".join(lines_of(capsys, command))
        assert "\u202e" not in printed
        assert command == "tier1_status" or "<b>[bold]" in printed


def test_manage_py_runs_them(agent, record, capsys):
    tell_everything(agent)
    record()
    for command in COMMANDS:
        call_command("telemetry", command, "--json")
        assert json.loads(capsys.readouterr().out)


def test_without_the_project_the_way_there_is_named(monkeypatch):
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    program = "import sys; from core.cli import main; print(*[main([name]) for name in sys.argv[1:]])"
    done = subprocess.run(
        [sys.executable, "-c", program, *COMMANDS], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout.split()) == (0, ["2"] * len(COMMANDS))
    for command, said in zip(COMMANDS, done.stderr.splitlines(), strict=True):
        assert f"python manage.py telemetry {command}" in said
