"""The example of docs/agents/automation.md runs as it stands, and its table is what the functions take."""

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import core
from core import AutomationRecorder
from core.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs/agents/automation.md").read_text()


def test_the_example_runs_and_every_line_of_it_is_told(url, raw):
    program = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)[1]
    kept = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "REDIS_URL": url}
    subprocess.run([sys.executable, "-c", program], env=kept, timeout=120, check=True)
    entries = raw.xrange("{telemetry}:outbox")
    assert [fields[b"kind"].decode() for _, fields in entries] == [
        *("task_routing", "agent_assignment", "test_execution", "coverage"),
        *("agent_assignment_outcome", "task_routing_outcome"),
    ]


def test_the_table_has_every_function_with_its_arguments():
    rows = [
        line.strip("|").split("|") for line in TEXT.splitlines() if re.match(r"\| `(record|complete)_", line)
    ]
    said = {
        name.strip(" `"): (re.findall(r"`(\w+)`", must), re.findall(r"`(\w+)`", may))
        for name, must, may, _ in rows
    }
    functions = [name for name in core.__all__ if name.startswith(("record_", "complete_"))]
    taken = {}
    for name in functions:
        parameters = list(inspect.signature(getattr(AutomationRecorder, name)).parameters.values())[1:]
        assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters)
        must = [parameter.name for parameter in parameters if parameter.default is parameter.empty]
        taken[name] = (must, [parameter.name for parameter in parameters if parameter.name not in must])
    assert said == taken


def test_the_commands_that_it_names_exist():
    named = re.findall(r"^\| `(\w+)` \|", TEXT.split("## Reports")[1], re.MULTILINE)
    assert len(named) == 5
    assert set(named) <= set(COMMANDS)
