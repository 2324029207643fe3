"""The file of SQLite holds hashes of passwords: it is its owner's alone, whoever made the folder."""

import stat
from pathlib import Path

import pytest

from core.history import checks
from core.history.database import private_file
from core.history.database.url import database
from tests.history.installation import Installation

pytestmark = pytest.mark.anywhere


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def folder(tmp_path):
    """Made by hand, with the usual rights."""
    made = tmp_path / "data"
    made.mkdir()
    made.chmod(0o755)
    return made


@pytest.mark.long
def test_a_new_one_is_made_for_its_owner_alone_in_a_folder_that_is_open(folder, clean_redis):
    site = Installation(folder, clean_redis)
    keep_open = """
from django.db import connection
connection.cursor().execute("CREATE TABLE first (number)")
from django.conf import settings
for path in settings.TELEMETRY_DATA_DIR.glob("history*"):
    print(f"{path.name}:{path.stat().st_mode & 0o777:o}")
"""
    said = sorted(site.run(keep_open).split())
    assert said == ["history.sqlite3-shm:600", "history.sqlite3-wal:600", "history.sqlite3:600"]


def test_one_that_is_open_is_mended_with_what_lies_beside_it(folder):
    file = folder / "history.sqlite3"
    beside = [Path(f"{file}-wal"), Path(f"{file}-shm")]
    for path in (file, *beside):
        path.write_bytes(b"")
        path.chmod(0o644)
    private_file.make_private(database("", file))
    assert [mode(path) for path in (file, *beside)] == [0o600] * 3


def test_what_cannot_be_mended_is_named_by_a_check(folder, settings, monkeypatch):
    file = folder / "history.sqlite3"
    file.touch(0o600)
    monkeypatch.setitem(settings.DATABASES, "default", database("", file))
    assert checks.check_private() == []
    file.chmod(0o640)
    [warning] = checks.check_private()
    assert (warning.id, str(file) in warning.msg) == ("core.W105", True)


def test_without_a_folder_or_on_postgresql_nothing_is_made(tmp_path):
    private_file.make_private(database("", tmp_path / "none" / "history.sqlite3"))
    private_file.make_private(database("postgresql://somebody@h/history", tmp_path))
    assert list(tmp_path.iterdir()) == []
