"""docs/reference/commands.md: every command, every option, every exit code."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

from core import cli
from core.cli import COMMANDS, commands

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "reference" / "commands.md").read_text()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_row_and_a_part_that_names_its_options(name):
    assert f"| `{name}` |" in TEXT
    [part] = [part for part in TEXT.split("\n## ") if part.startswith(f"{name}\n")]
    for flags, _settings in COMMANDS[name].options:
        assert flags[0] in part


def test_every_command_of_the_site_has_a_row():
    ours = [name for name, app in get_commands().items() if app in ("core", "dashboard")]
    assert [name for name in ours if f"| `{name}` |" not in TEXT] == []


def test_the_exit_codes_are_those_of_the_code():
    said = {int(code) for code in re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)}
    assert said == {
        getattr(commands, name)
        for name in ("DONE", "FAILED", "MISUSED", "REFUSED", "NOBODY", "AWAY", "INTERRUPTED", "NO_READER")
    }


def test_the_table_says_truly_what_each_command_reads():
    for name, command in COMMANDS.items():
        [row] = [line for line in TEXT.splitlines() if line.startswith(f"| `{name}` |")]
        read = row.split(" | ")[-1].removesuffix(" |")
        assert (command.reads_history, read) in [
            (True, "the database"), (True, "both"), (False, "Redis"), (False, "the site"),
        ]  # fmt: skip


def test_every_command_is_a_function_of_the_package_and_every_module_of_commands_is_read():
    written = [
        name
        for path in (ROOT / "core/cli").rglob("*.py")
        for name in re.findall(r"^def (cmd_\w+)", path.read_text(), re.MULTILINE)
    ]
    assert sorted(written) == sorted(name for name in cli.__all__ if name.startswith("cmd_"))
    assert len(written) == len(COMMANDS)
