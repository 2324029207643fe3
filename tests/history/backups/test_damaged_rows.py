"""Rows that somebody damaged in the file of SQLite: commands name them and pages show them; nothing ends there."""

import json

import pytest
from django.core.management import call_command

from core.history.audit import guards
from core.history.backups import backup
from core.history.backups.restore import restore
from core.history.proof import verification
from core.models import ApprovalRecord, AuditCheck, AuditEntry
from tests import chosen_servers
from tests.history.audit.attacker import edit_as, fill, sql, without_guards
from tests.history.audit.chain import verify_audit
from tests.history.backups.emptied import empty_the_database

pytestmark = [
    pytest.mark.usefixtures("checkpoints"),
    pytest.mark.skipif(chosen_servers.DATABASE != "sqlite", reason="PostgreSQL keeps columns to their types"),
]
NO_UTF8 = "CAST(x'ff41' AS TEXT)"
DAMAGE = [
    ("details", NO_UTF8),
    ("actor", NO_UTF8),
    ("at", "'words'"),
    ("sequence", "'words'"),
    *(
        pytest.param(column, stored, marks=pytest.mark.long)
        for column, stored in (
            ("kind", NO_UTF8),
            ("hash", "x'00ff'"),
            ("details", "x'7b7d'"),
            ("request_id", "'words'"),
            ("at", "'-0001-01-01 00:00:00'"),
            ("at", "5"),
        )
    ),
]


def damage(column: str, stored: str) -> None:
    with without_guards():
        edit_as(3, column, stored)


@pytest.mark.parametrize(("column", "stored"), DAMAGE)
def test_commands_name_it_and_carry_it_as_it_is(transactional_db, tmp_path, column, stored):
    fill(6)
    damage(column, stored)
    code, said = verify_audit()
    assert (code, "#3 " in said) == (1, True)
    check = AuditCheck.objects.get()
    assert check.problems > 0
    call_command("audit_export", str(tmp_path / "export"))
    code, said = verify_audit("--file", str(tmp_path / "export"))
    assert (code, "3" in said) == (1, True), said
    before = verification.verify_copy()
    taken = backup.take(tmp_path / "b.zip", lambda what, rows: None)
    assert taken.manifest.chain.problems == before.count > 0
    stood = raw_entries()
    empty_the_database()
    restore(tmp_path / "b.zip", tmp_path / "none", lambda what, rows: None)
    assert raw_entries()[: len(stood)] == stood


def raw_entries() -> list[tuple]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT typeof(sequence), typeof(at), typeof(details), hex(details), hex(actor), hex(kind), hex(at), "
            "hex(hash), hex(request_id) FROM core_auditentry WHERE event_id LIKE 'fact-%' ORDER BY event_id"
        )
        return cursor.fetchall()


@pytest.mark.parametrize(("column", "stored"), DAMAGE)
def test_the_admin_shows_it(auditor, column, stored):
    fill(6)
    damage(column, stored)
    page = auditor.get("/admin/core/auditentry/")
    assert page.status_code == 200
    shown = page.content.decode()
    assert shown.count('class="field-sequence"') == AuditEntry.objects.count()
    if stored == NO_UTF8:
        assert "\\xffA" in shown
    if "words" in stored:
        assert "words" in shown
    if column != "sequence":
        assert auditor.get("/admin/core/auditentry/3/change/").status_code == 200
    answer = auditor.post("/admin/core/auditentry/export/", {})
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert len(lines) == AuditEntry.objects.count()
    assert all(isinstance(json.loads(line), dict) for line in lines)


@pytest.mark.parametrize(
    ("column", "stored"),
    [
        ("context", NO_UTF8),
        ("requested_at", "'words'"),
        *(
            pytest.param(column, stored, marks=pytest.mark.long)
            for column, stored in (
                ("ended_at", "'words'"),
                ("requested_at", "'0001-01-01 00:00:00'"),
                ("timeout_seconds", "'words'"),
                ("status", NO_UTF8),
                ("responder", "x'ff'"),
            )
        ),
    ],
)
def test_a_damaged_request_is_shown_and_backed_up(auditor, gate, record, tmp_path, column, stored):
    request = gate.open_request("deploy")
    gate.respond_to_approval(request.request_id, True, "ann")
    record()
    sql(f"UPDATE core_approvalrecord SET {column} = {stored}")
    assert auditor.get("/admin/core/approvalrecord/").status_code == 200
    assert auditor.get(f"/admin/core/approvalrecord/{request.request_id}/change/").status_code == 200
    assert auditor.get(f"/approvals/{request.request_id}/").status_code == 200
    backup.take(tmp_path / "b.zip", lambda what, rows: None)
    empty_the_database()
    restore(tmp_path / "b.zip", tmp_path / "none", lambda what, rows: None)
    assert ApprovalRecord.objects.count() == 1


def test_a_record_with_a_gap_is_restored_as_it_is(transactional_db, tmp_path):
    fill(6)
    with without_guards():
        sql("DELETE FROM core_auditentry WHERE sequence IN (1, 3)")
    backup.take(tmp_path / "b.zip", lambda what, rows: None)
    empty_the_database()
    restore(tmp_path / "b.zip", tmp_path / "none", lambda what, rows: None)
    assert AuditEntry.objects.count() == 5
    assert guards.missing() == []
