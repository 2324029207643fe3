"""Names of 255 characters came with a migration that leaves rows as they are, so what was before it goes on."""

import json
from pathlib import Path

import pytest
from django.db.migrations.loader import MigrationLoader

from tests.history.backups.test_backup_across import LOOK, command
from tests.history.backups.test_backup_refused import rewrite
from tests.history.installation import FILL, ODD, Installation

# Both databases are in each test.
pytestmark = [pytest.mark.long, pytest.mark.anywhere]

[LENGTHENED] = [
    one
    for (_, name), one in MigrationLoader(None).disk_migrations.items()
    if name.endswith("_names_of_255_characters")
]
[(_, BEFORE)] = LENGTHENED.dependencies
NAME = "\U0001f680-pod-".ljust(255, "ž")
LONGER = f"""
from core.history.audit import entries, guards
from core.models import AgentRun, LLMCall
from django.db import transaction
name = {NAME!r}
row = LLMCall.objects.get()
row.pk, row.call_id, row.agent_id, row.model = None, name, name, name
row.save()
with transaction.atomic():
    entries.append([entries.Fact("long", "odd", row.at, actor=name, agent_id=name)])
from core.models import AuditEntry
assert LLMCall.objects.get(agent_id=name).model == name
assert AuditEntry.objects.get(agent_id=name).actor == name
assert guards.faults() == [] and guards.missing() == [], (guards.faults(), guards.missing())
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def settings_of_one(request, postgresql):
    return lambda: {"DATABASE_URL": postgresql.new_database()} if request.param == "postgresql" else {}


@pytest.fixture
def new_installation(data_dir, clean_redis, settings_of_one):
    def make(name: str) -> Installation:
        (data_dir / name).mkdir()
        made = Installation(data_dir / name, clean_redis)
        made.environment |= settings_of_one()
        return made

    return make


def test_a_filled_database_takes_names_of_255_characters_with_hashes_and_guards_as_they_were(
    new_installation,
):
    site = new_installation("first")
    before = json.loads(site.run(command("migrate") + FILL + LOOK, ODD))
    after = json.loads(site.run(command("migrate", "core", BEFORE) + command("migrate") + LOOK))
    for rows, *_others in (before, after):
        del rows["core_decisiongrant"]  # policies come anew on this way, and the record says so
    newest = after[1].pop(0)
    assert newest[0] == before[1][0][0] + 1
    assert after == before
    assert json.loads(site.run(LONGER + LOOK))[2] == []


def test_a_backup_from_before_the_longer_names_is_restored(new_installation, tmp_path: Path):
    first, second, path = new_installation("first"), new_installation("second"), tmp_path / "b.zip"
    before = first.run(command("migrate") + FILL + command("backup", str(path)) + LOOK, ODD)
    rewrite(path, lambda manifest, _parts: manifest["migrations"].remove(f"core.{LENGTHENED.name}"))
    restored = second.manage("restore", str(path))
    assert restored.returncode == 0, restored.stderr
    assert json.loads(second.run(LOOK)) == json.loads(before)
    assert json.loads(second.run(LONGER + LOOK))[2] == []
