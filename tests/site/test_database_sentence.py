"""A database that cannot be used is one sentence at the command line, and no traceback."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONG = pytest.mark.long  # one way of telling it is that of all
COMMANDS = [
    ["verify_audit"],
    *(pytest.param(words, marks=LONG) for words in (["audit_checkpoint"], ["backup", "b.zip"], ["recorder"])),
]


def run(command: list[str], folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment |= {"TELEMETRY_DATA_DIR": str(folder), "LOG_LEVEL": "CRITICAL", **settings}
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *command],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture(scope="module")
def nobody() -> str:
    """The address of a port where nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{listener.getsockname()[1]}"


@LONG
def test_verification_says_in_one_sentence_that_the_server_is_away(tmp_path, nobody):
    found = run(["verify_audit"], tmp_path, DATABASE_URL=f"postgresql://u:secret@{nobody}/x")
    assert found.returncode == 1
    said = found.stderr.strip().splitlines()
    assert said[-1].startswith("The database cannot be used: connection failed")
    assert "refused" in said[-1].lower()
    assert "Traceback" not in found.stderr
    assert "secret" not in found.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_every_command_says_so_of_a_file_that_is_no_database(tmp_path, command):
    (tmp_path / "history.sqlite3").write_bytes(b"this is no database" * 100)
    found = run(command, tmp_path)
    assert found.returncode == 1
    assert "Traceback" not in found.stderr
    assert len(found.stderr.strip().splitlines()) == 1, found.stderr


@LONG
@pytest.mark.parametrize(
    ("command", "said"),
    [("verify_audit", "is missing"), ("audit_checkpoint", "migrate")],
)
def test_a_database_that_was_never_migrated_is_a_sentence_too(tmp_path, command, said):
    found = run([command], tmp_path)
    assert found.returncode == 1
    assert "Traceback" not in found.stderr
    assert said in found.stderr + found.stdout
