"""A backup of one database restores into the other."""

import json

import pytest

from tests.history.installation import FILL, ODD, Installation

LOOK = """
import json
from core.history import backup, tables, verification
from core.models import AuditEntry
rows = {t._meta.db_table: tables.sum_of(t) for t in tables.in_order((*backup.LEFT_OUT, "core.AuditHead"))
        if t is not AuditEntry}
entries = list(AuditEntry.objects.exclude(kind="record.restored").values_list("sequence", "event_id", "hash"))
said = verification.verify_copy()
print(json.dumps([rows, entries, said.problems, tables.last_numbers(tables.in_order(("admin.LogEntry",)))]))
"""


@pytest.fixture
def new_installation(tmp_path, clean_redis):
    def make(name: str, **settings: str) -> Installation:
        (tmp_path / name).mkdir()
        made = Installation(tmp_path / name, clean_redis)
        made.environment |= settings
        return made

    return make


def test_from_sqlite_into_postgresql_and_back_every_row_and_the_chain_stay(
    new_installation, postgresql, tmp_path
):
    first = new_installation("first")
    second = new_installation("second", DATABASE_URL=postgresql.new_database())
    third = new_installation("third")
    assert first.manage("migrate", "-v", "0").returncode == 0
    first.run(FILL, ODD)
    before = json.loads(first.run(LOOK))
    assert before[2] == []
    for number, (source, target) in enumerate([(first, second), (second, third)]):
        path = str(tmp_path / f"{number}.zip")
        made = source.manage("backup", path)
        assert made.returncode == 0, made.stderr
        restored = target.manage("restore", path)
        assert restored.returncode == 0, restored.stderr
        after = json.loads(target.run(LOOK))
        assert after == before


def test_what_postgresql_cannot_keep_is_named_and_nothing_is_restored(new_installation, postgresql, tmp_path):
    first = new_installation("first")
    second = new_installation("second", DATABASE_URL=postgresql.new_database())
    assert first.manage("migrate", "-v", "0").returncode == 0
    first.run(
        "from core.models import SetAsideEntry\n"
        "SetAsideEntry.objects.create(installation='i', position='1-1', fields='', error='a\\0b')"
    )
    path = str(tmp_path / "b.zip")
    assert first.manage("backup", path).returncode == 0
    refused = second.manage("restore", path)
    assert "Nothing was restored: error of core_setasideentry 1 has a NUL character" in refused.stderr
    seen = json.loads(second.run(LOOK))
    assert (seen[1], seen[0]["core_setasideentry"][0]) == ([], 0)
