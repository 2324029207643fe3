"""After a restore the recorder goes on, whether Redis knows more than the backup, less, or nothing."""

import json
from collections import Counter

import pytest

from core.history.backups import backup
from core.history.backups.restore import restore
from core.history.proof import verification
from core.models import ApprovalRecord, AuditEntry
from tests.history.audit.chain import assert_chain_is_whole, kinds_of
from tests.history.backups.emptied import empty_the_database
from tests.live_record import live_record


def nothing(_what, _rows):
    """No bar."""


@pytest.fixture
def back_up(tmp_path):
    """Make a backup now; what it returns empties the database and restores it."""

    def now():
        taken = backup.take(tmp_path / "b.zip", nothing)

        def back():
            empty_the_database()
            restore(taken.path, tmp_path / "checkpoints.jsonl", nothing)

        return back

    return now


def remember(raw):
    """Everything that Redis holds now; what it returns puts it back."""
    copies = {key: raw.execute_command("DUMP", key, NEVER_DECODE=True) for key in raw.keys("*")}

    def back():
        raw.flushall()
        for key, copy in copies.items():
            raw.restore(key, 0, copy)

    return back


def ask(gate, kind="deploy"):
    return gate.open_request(kind, {"n": 1}).request_id


def answer(gate, request_id, approved=True):
    gate.respond_to_approval(request_id, approved, "ann", "")


def stories():
    """Each request's status, and what the record says of it."""
    return {str(row.pk): (row.status, kinds_of(str(row.pk))) for row in ApprovalRecord.objects.all()}


def assert_whole(tmp_path):
    assert_chain_is_whole()
    assert verification.verify(tmp_path / "checkpoints.jsonl").whole
    repeated = Counter(AuditEntry.objects.values_list("event_id", flat=True)).most_common(1)
    assert repeated[0][1] == 1


def test_a_redis_that_knows_more_tells_what_the_backup_lacks_and_nothing_twice(
    gate, repair, back_up, tmp_path
):
    done, waiting = ask(gate), ask(gate)
    answer(gate, done)
    repair()
    back = back_up()
    answer(gate, waiting, approved=False)
    later = ask(gate)
    answer(gate, later)
    repair()
    before = stories()
    assert [status for status, _kinds in before.values()].count("pending") == 0

    back()
    assert stories()[waiting] == ("pending", ["approval.requested"])
    assert later not in stories()
    repair()
    assert stories() == before
    assert_whole(tmp_path)


def test_a_redis_that_knows_less_gets_the_ends_that_the_backup_knows(gate, raw, repair, back_up, tmp_path):
    decided, open_still = ask(gate), ask(gate)
    repair()
    older = remember(raw)
    answer(gate, decided, approved=False)
    asked_after = ask(gate)
    repair()
    back = back_up()

    older()
    back()
    assert decided in [request.request_id for request in gate.get_pending_approvals()]
    repair()
    assert [request.request_id for request in gate.get_pending_approvals()] == [open_still]
    assert live_record(gate, decided).status == "rejected"
    seen = {request_id: status for request_id, (status, _kinds) in stories().items()}
    assert seen == {decided: "rejected", open_still: "pending", asked_after: "cancelled"}
    answer(gate, open_still)
    repair()
    assert stories()[open_still] == ("approved", ["approval.requested", "approval.approved"])
    assert_whole(tmp_path)


def test_an_empty_redis_ends_what_was_pending_as_lost_and_takes_new_requests(
    gate, raw, repair, back_up, tmp_path
):
    decided, waiting = ask(gate), ask(gate)
    answer(gate, decided)
    repair()
    back = back_up()

    raw.flushall()
    back()
    repair()
    assert stories()[decided] == ("approved", ["approval.requested", "approval.approved"])
    assert stories()[waiting] == ("cancelled", ["approval.requested", "approval.cancelled"])
    told = AuditEntry.objects.get(request_id=waiting, kind="approval.cancelled")
    assert "lost by the server" in json.loads(told.details)["reason"]
    new = ask(gate)
    answer(gate, new)
    repair()
    assert stories()[new][0] == "approved"
    assert_whole(tmp_path)
