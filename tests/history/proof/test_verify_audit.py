"""`manage.py verify_audit`: says what is wrong in words, by exit code, and to the admin; the service goes on."""

import threading
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import transaction

from core import jobs
from core.history.audit import entries
from core.history.proof import verification
from core.history.proof.verification import verify
from core.models import AuditCheck, AuditEntry
from dashboard import words
from dashboard.admin import audit
from dashboard.admin.words import KINDS
from tests import chosen_servers
from tests.history.audit.attacker import ENTRIES, HEAD, edit, fill, sql, without_guards
from tests.history.audit.chain import assert_chain_is_whole, kinds_of, verify_audit
from tests.waiting import PATIENCE

SQLITE = chosen_servers.DATABASE == "sqlite"
pytestmark = pytest.mark.usefixtures("checkpoints")


def damage(number: int, column: str = "actor", value: str = "mallory") -> None:
    with without_guards():
        edit(number, column, value)


def test_a_whole_record_ends_with_0_and_a_broken_one_with_1_and_the_entry(db):
    fill(10)
    call_command("audit_checkpoint", stdout=StringIO())
    code, said = verify_audit()
    assert code == 0
    assert said.startswith("The record is whole: 10 entries")
    damage(4)
    code, said = verify_audit()
    assert code == 1
    assert said.splitlines() == [
        "wrong: entry #4 was changed: its hash is not that of what it says",
        "The record is NOT whole: 1 problem in 10 entries",
    ]


def test_an_empty_record_is_whole(db):
    assert verify_audit()[0] == 0


def test_a_record_longer_than_one_piece_is_read_to_its_end(db, monkeypatch):
    fill(25)
    monkeypatch.setattr(verification, "ROWS_AT_ONCE", 10)
    seen = []
    verdict = verify(verification.Path("/none"), lambda done, of: seen.append((done, of)))
    assert (verdict.entries, verdict.first, verdict.last) == (25, 1, 25)
    assert seen == [(10, 25), (20, 25)]
    damage(21)
    assert verify(verification.Path("/none")).problems[0].startswith("entry #21 ")


def test_the_record_may_grow_while_it_is_verified(transactional_db, background, monkeypatch):
    fill(30)
    monkeypatch.setattr(verification, "ROWS_AT_ONCE", 3)
    stop = threading.Event()

    def grow() -> int:
        number = 0
        while not stop.is_set():
            number += 1
            with transaction.atomic():
                entries.append([entries.new_fact("test.fact")])
        return number

    growing = background(grow)
    try:
        for _ in range(10):
            verdict = verify(verification.Path("/none"))
            assert verdict.whole, verdict.problems
    finally:
        stop.set()
    assert growing.result(PATIENCE) > 0


def test_a_row_of_the_wrong_kind_is_named_and_does_not_end_the_reading(db):
    from django.db import connection

    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL keeps columns to their types")
    fill(6)
    with without_guards():
        edit(2, "details", b"\xff\xfe")
        edit(3, "at", "the day after tomorrow")
        edit(4, "request_id", "short")
    verdict = verify(verification.Path("/none"))
    assert [problem.split(":")[0] for problem in verdict.problems] == [
        "entry #2 cannot be read",
        "entry #3 was changed",
        "entry #4 was changed",
    ]


def test_the_service_goes_on_recording_after_a_damaged_entry(gate, record, maria, decide):
    first = gate.open_request("deploy")
    record()
    damage(AuditEntry.objects.get(request_id=first.request_id).sequence, "details", "{broken")
    second = gate.open_request("deploy")
    assert decide(maria, second.request_id).accepted
    record()
    assert kinds_of(second.request_id) == ["approval.requested", "approval.approved"]
    verdict = verify(verification.Path("/none"))
    assert verdict.count == 1


@pytest.mark.parametrize("statement", [f"UPDATE {HEAD} SET sequence = 2", f"DELETE FROM {HEAD}"])
def test_a_head_that_was_put_back_or_lost_is_mended_with_an_entry_that_says_so(db, statement):
    fill(5)
    with without_guards():
        sql(statement)
    with transaction.atomic():
        assert entries.append([entries.new_fact("test.fact")]) == 1
    assert assert_chain_is_whole() == 7
    mended = AuditEntry.objects.get(sequence=6)
    assert mended.kind == "record.repaired"
    assert '"newest":5' in mended.details


ABSURD = [
    f"UPDATE {HEAD} SET sequence = {2**63 - 1}",
    f"UPDATE {HEAD} SET sequence = {2**62}, hash = 'x'",
    f"UPDATE {ENTRIES} SET sequence = {2**63 - 1} WHERE sequence = 5",
    *([f"UPDATE {HEAD} SET {column} = x'ff'" for column in ("sequence", "hash")] if SQLITE else []),
    *([f"UPDATE {HEAD} SET sequence = 'words'"] if SQLITE else []),
]


@pytest.mark.parametrize("statement", ABSURD)
def test_no_number_that_somebody_wrote_ends_the_recording(db, statement):
    fill(5)
    with without_guards():
        sql(statement)
    for number in range(2):
        with transaction.atomic():
            assert entries.append([entries.new_fact("test.fact"), entries.new_fact("test.fact")]) == 2, number
    verdict = verify(verification.Path("/none"))
    if ENTRIES in statement:
        assert verdict.problems == [
            "#5 is missing before entry #6",
            f"1 entries from #{2**63 - 1} on stand after the head of the record",
        ]
    else:
        assert verdict.whole, verdict.problems
        assert AuditEntry.objects.get(sequence=6).kind == "record.repaired"


def test_the_admin_shows_the_result_of_the_last_verification(auditor):
    address = "/admin/core/auditentry/"
    assert "Not verified yet" in auditor.get(address).content.decode()
    verify_audit()
    assert "all whole" in auditor.get(address).content.decode()
    damage(1, "details", "{broken")
    verify_audit()
    page = auditor.get(address).content.decode()
    assert "The record is not whole: entry #1 was changed" in page
    assert AuditCheck.objects.get().problems == 1


def test_pages_survive_an_entry_with_damaged_details(auditor, gate, record, raw):
    request = gate.open_request("deploy")
    record()
    entry = AuditEntry.objects.get(request_id=request.request_id)
    for text in ("{broken", "[]", "null", '{"groups": 5, "changed": [1]}'):
        damage(entry.sequence, "details", text)
        assert auditor.get("/admin/core/auditentry/").status_code == 200
        page = auditor.get(f"/approvals/{request.request_id}/")
        assert page.status_code == 200


def test_the_admin_filters_by_kind_in_words(auditor):
    fill(3)
    page = auditor.get("/admin/core/auditentry/?kind=session.started").content.decode()
    assert "signed in" in page
    assert page.count('class="field-sequence"') == 1
    assert auditor.get("/admin/core/auditentry/?kind=nonsense").status_code == 200
    group = auditor.get("/admin/core/auditentry/?kind=sign-ins").content.decode()
    assert "· signed out" in group
    assert "· approved" not in group
    assert "Export everything" in group
    assert sorted(kind for name in KINDS for kind in audit.kinds_of(name)) == sorted(words.ENTRIES)


def test_the_daily_job_keeps_what_it_found_for_the_pages(db):
    fill(5)
    assert jobs.verify() == 0
    assert (AuditCheck.objects.get().entries, AuditCheck.objects.get().problems) == (5, 0)
    damage(3)
    assert jobs.verify() == 1
    assert AuditCheck.objects.get().first_problem.startswith("entry #3 was changed")
