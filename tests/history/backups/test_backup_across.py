"""A backup of one database restores into the other."""

import json

import psycopg
import pytest

from tests.history.installation import FILL, ODD, Installation

# Both databases are in each test.
pytestmark = [pytest.mark.long, pytest.mark.anywhere]

LOOK = """
import json
from core.history.backups import backup, tables
from core.history.proof import verification
from core.models import AuditEntry
rows = {t._meta.db_table: tables.sum_of(t) for t in tables.in_order((*backup.LEFT_OUT, "core.AuditHead"))
        if t is not AuditEntry}
entries = list(AuditEntry.objects.exclude(kind="record.restored").values_list("sequence", "event_id", "hash"))
said = verification.verify_copy()
print(json.dumps([rows, entries, said.problems, tables.last_numbers(tables.in_order(("admin.LogEntry",)))]))
"""


def command(*words: str) -> str:
    """A line that runs a command quietly."""
    return f"import io; from django.core.management import call_command as c; c(*{words}, stdout=io.StringIO())\n"


@pytest.fixture
def new_installation(data_dir, clean_redis):
    def make(name: str, **settings: str) -> Installation:
        (data_dir / name).mkdir()
        made = Installation(data_dir / name, clean_redis)
        made.environment |= settings
        return made

    return make


def test_from_sqlite_into_postgresql_and_back_every_row_and_the_chain_stay(
    new_installation, postgresql, tmp_path
):
    first = new_installation("first")
    second = new_installation("second", DATABASE_URL=postgresql.new_database())
    third = new_installation("third")
    paths = [str(tmp_path / "first.zip"), str(tmp_path / "second.zip")]
    before = json.loads(first.run(command("migrate") + FILL + command("backup", paths[0]) + LOOK, ODD))
    assert before[2] == []
    assert second.manage("restore", paths[0]).returncode == 0
    assert json.loads(second.run(command("backup", paths[1]) + LOOK)) == before
    assert json.loads(third.run(command("restore", paths[1]) + LOOK)) == before


def test_what_postgresql_cannot_keep_is_named_and_nothing_is_restored(new_installation, postgresql, tmp_path):
    first, url, path = new_installation("first"), postgresql.new_database(), str(tmp_path / "b.zip")
    write = """
from core.models import SetAsideEntry
SetAsideEntry.objects.create(installation="i", position="1-1", fields="", error="a\\0b")
"""
    first.run(command("migrate") + write + command("backup", path))
    refused = new_installation("second", DATABASE_URL=url).manage("restore", path)
    assert "Nothing was restored: error of core_setasideentry 1 has a NUL character" in refused.stderr
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM core_setasideentry").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM core_auditentry").fetchone() == (0,)
