"""The database itself refuses to change the record, also for SQL that goes past Django."""

from io import StringIO

import pytest
from django.core.checks import Tags, run_checks
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from core.history.audit import entries, guards
from core.history.proof.verification import verify
from core.models import AuditEntry, AuditHead
from tests import chosen_servers
from tests.history.audit.attacker import ENTRIES, HEAD, fill, sql
from tests.history.audit.chain import assert_chain_is_whole

ONLY_SQLITE = {
    "replace by number": f"INSERT OR REPLACE INTO {ENTRIES} SELECT sequence, 'x', kind, at, actor, agent_id, "
    f"request_id, details, previous_hash, hash FROM {ENTRIES} WHERE sequence = 2",
    "replace by event": f"REPLACE INTO {ENTRIES} SELECT 99, event_id, kind, at, actor, agent_id, request_id, "
    f"details, previous_hash, hash FROM {ENTRIES} WHERE sequence = 2",
    "update or replace": f"UPDATE OR REPLACE {ENTRIES} SET sequence = 1 WHERE sequence = 2",
    "replace the head": f"REPLACE INTO {HEAD} (id, sequence, hash) VALUES (1, 0, '')",
}
ONLY_POSTGRESQL = {
    "truncate": f"TRUNCATE {ENTRIES}",
    "truncate the head": f"TRUNCATE {HEAD}",
    "truncate all": f"TRUNCATE {ENTRIES}, {HEAD} CASCADE",
    "as a replica": f"SET session_replication_role = replica; DELETE FROM {ENTRIES}",
}
ANYWHERE = {
    "update": f"UPDATE {ENTRIES} SET actor = 'x' WHERE sequence = 2",
    "update all": f"UPDATE {ENTRIES} SET details = '{{}}'",
    "upsert": f"INSERT INTO {ENTRIES} SELECT * FROM {ENTRIES} WHERE sequence = 2 "
    "ON CONFLICT (sequence) DO UPDATE SET actor = 'x'",
    "delete": f"DELETE FROM {ENTRIES} WHERE sequence = 3",
    "delete all": f"DELETE FROM {ENTRIES}",
    **{
        f"an entry numbered {number}": f"INSERT INTO {ENTRIES} SELECT {number}, 'x', kind, at, actor, agent_id, "
        f"request_id, details, previous_hash, hash FROM {ENTRIES} WHERE sequence = 3"
        for number in (0, 5, -1, 2**62, 2**63 - 1)
    },
    "two entries with a gap between": f"INSERT INTO {ENTRIES} SELECT 2 * sequence, 'x' || sequence, kind, at, actor, "
    f"agent_id, request_id, details, previous_hash, hash FROM {ENTRIES} WHERE sequence > 1",
    "head back": f"UPDATE {HEAD} SET sequence = 2",
    "head forward to nothing": f"UPDATE {HEAD} SET sequence = 4",
    "head to the end of numbers": f"UPDATE {HEAD} SET sequence = {2**63 - 1}",
    "a second head": f"INSERT INTO {HEAD} (id, sequence, hash) VALUES (2, 3, 'x')",
    "head of another hash": f"UPDATE {HEAD} SET hash = 'x'",
    "another head": f"UPDATE {HEAD} SET id = 2, sequence = 9",
    "no head": f"DELETE FROM {HEAD}",
}


def statements() -> dict[str, str]:
    return ANYWHERE | (ONLY_SQLITE if connection.vendor == "sqlite" else ONLY_POSTGRESQL)


@pytest.fixture
def three(db):
    fill(3)


def test_raw_sql_changes_deletes_and_replaces_nothing(three):
    before = list(AuditEntry.objects.order_by("sequence").values()), list(AuditHead.objects.values())
    for statement in statements().values():
        with (
            pytest.raises(IntegrityError, match=r"never|only goes forward|one head|unique"),
            transaction.atomic(),
        ):
            sql(statement)
    after = list(AuditEntry.objects.order_by("sequence").values()), list(AuditHead.objects.values())
    assert after == before


def test_what_goes_round_the_own_queryset_is_refused_by_the_database(three):
    entry = AuditEntry.objects.get(sequence=2)
    plain = AuditEntry._base_manager.filter(sequence=2)
    entry.actor = "mallory"
    for attempt in (
        lambda: super(AuditEntry, entry).save(),
        lambda: super(AuditEntry, entry).delete(),
        lambda: plain._raw_delete("default"),
        lambda: plain.model._base_manager.bulk_create(
            [entry], update_conflicts=True, update_fields=["actor"], unique_fields=["sequence"]
        ),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            attempt()
    assert assert_chain_is_whole() == 3
    assert AuditEntry.objects.get(sequence=2).actor == "person 2"


def test_the_head_still_goes_forward_and_entries_are_still_appended(three):
    with transaction.atomic():
        entries.append([entries.Fact("another", "test.fact", timezone.now())])
    assert assert_chain_is_whole() == 4


def test_the_command_that_empties_every_table_is_refused(transactional_db):
    fill(2)
    with pytest.raises((CommandError, DatabaseError)):
        call_command("flush", interactive=False, verbosity=0)
    assert assert_chain_is_whole() == 2


def e001() -> list:
    checks = run_checks(tags=[Tags.database], databases=["default"])
    return [check for check in checks if check.id == "core.E001"]


def test_a_check_fails_when_a_guard_is_missing_and_says_what_to_do(three):
    assert e001() == []
    for guard in guards.guards_of(connection):
        with transaction.atomic():
            sql(guards.removal(guard, connection.vendor))
            (missing,) = e001()
            assert guard.name in missing.msg
            assert "migrate" in missing.hint
            transaction.set_rollback(True)


def test_the_recorder_and_the_site_do_not_start_without_guards(three, monkeypatch, settings):
    settings.PORT = 0
    monkeypatch.setattr("core.history.recorder.recorder.Recorder.run", lambda *_: pytest.fail("it started"))
    monkeypatch.setattr("core.management.commands.up.start_redis", lambda *_: pytest.fail("it started"))
    sql(guards.removal(guards.GUARDS[0], connection.vendor))
    for command in ("recorder", "up"):
        with pytest.raises(CommandError, match=guards.GUARDS[0].name):
            call_command(command, stderr=StringIO())


def test_a_migration_puts_missing_guards_back_and_the_record_tells_of_it(three):
    lost = guards.GUARDS[1]
    sql(guards.removal(lost, connection.vendor))
    call_command("migrate", verbosity=0, skip_checks=True)
    assert guards.missing() == []
    told = AuditEntry.objects.order_by("-sequence").first()
    assert told.kind == "record.guarded"
    assert lost.name in told.details
    call_command("migrate", verbosity=0, skip_checks=True)
    assert assert_chain_is_whole() == 4


@pytest.mark.skipif(chosen_servers.DATABASE != "sqlite", reason="only SQLite rebuilds a table to change it")
def test_a_table_that_was_rebuilt_has_its_guards_again_after_the_migration(transactional_db):
    fill(2)
    field = AuditEntry._meta.get_field("actor")
    wider = field.clone()
    wider.max_length = 150
    wider.set_attributes_from_name("actor")
    with connection.schema_editor() as editor:
        editor._remake_table(AuditEntry, alter_fields=[(field, wider)])
    assert len(guards.missing()) == 4
    call_command("migrate", verbosity=0, skip_checks=True)
    assert guards.missing() == []
    with pytest.raises(IntegrityError):
        sql(f"DELETE FROM {ENTRIES}")


def test_a_new_database_is_guarded_and_its_record_is_empty(transactional_db):
    assert guards.missing() == []
    assert AuditEntry.objects.count() == 0


def swallow(table: str, event: str = "INSERT") -> None:
    """Somebody's own trigger, by which entries vanish without an error."""
    if connection.vendor == "sqlite":
        sql(f"CREATE TRIGGER aaa BEFORE {event} ON {table} BEGIN SELECT RAISE(IGNORE); END")
        return
    sql("CREATE OR REPLACE FUNCTION aaa() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$")
    sql(f"CREATE TRIGGER aaa BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION aaa()")


def test_a_trigger_that_is_not_ours_is_named_and_what_it_swallows_is_an_error(three):
    for table, event in ((ENTRIES, "INSERT"), (HEAD, "UPDATE")):
        with transaction.atomic():
            swallow(table, event)
            assert guards.faults() == [f"there is a trigger aaa on {table} that is not ours"]
            assert ["aaa" in check.msg for check in e001()] == [True]
            with pytest.raises(DatabaseError), transaction.atomic():
                entries.append([entries.new_fact("test.fact")])
            transaction.set_rollback(True)
    assert guards.faults() == []


@pytest.mark.skipif(chosen_servers.DATABASE != "postgresql", reason="SQLite has no rules")
def test_a_rule_and_row_security_are_named(three):
    sql(f"CREATE RULE r1 AS ON DELETE TO {ENTRIES} DO INSTEAD NOTHING")
    sql(f"ALTER TABLE {HEAD} ENABLE ROW LEVEL SECURITY")
    assert sorted(guards.faults()) == [
        f"there is a row security on {HEAD} that is not ours",
        f"there is a rule r1 on {ENTRIES} that is not ours",
    ]


def test_a_table_that_is_gone_is_named_and_so_is_a_guard_of_the_other(three, tmp_path):
    other = next(guard for guard in guards.GUARDS if guard.name == "audit_entry_no_delete")
    with transaction.atomic():
        sql(guards.removal(other, connection.vendor))
        sql(f"DROP TABLE {HEAD}")
        [found] = e001()
        assert f"the table {HEAD} is missing" in found.msg
        assert other.name in found.msg
        verdict = verify(tmp_path / "none")
        assert [problem.split(": ")[1] for problem in verdict.problems] == guards.faults()
        transaction.set_rollback(True)
