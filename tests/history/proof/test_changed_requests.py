"""Rows of requests that somebody changed past the software: verification names them, and their page says so."""

from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from core.history.approvals.effects import prune_bodies
from core.history.proof.verification import verify
from core.models import ApprovalRecord, AuditEntry
from tests.chosen_servers import DATABASE
from tests.history.audit.attacker import after, rewrite_from, sql

NOWHERE = Path("/none")
CHANGES = {
    "context": ('{"amount":5000}', "its context, agent or kind is not what its digest was made of"),
    "digest": ("0" * 64, "its digest is not the one in the record"),
    "agent_id": ("another", "its agent is not the one in the record"),
    "approval_type": ("another", "its kind is not the one in the record"),
    "status": ("rejected", "it is rejected there, and approved in the record"),
    "responder": ("omar", "its responder is not the one in the record"),
    "reason": ("another", "its reason is not the one in the record"),
    "channel": ("direct", "its channel is not the one in the record"),
    "decision_id": ("another", "its decision_id is not the one in the record"),
    "requested_at": ("2026-01-02 03:04:05", "its time of asking is not the one in the record"),
    "ended_at": ("2026-01-02 03:04:05", "its time of the end is not the one in the record"),
}


def change(request_id: str, column: str, value: str) -> None:
    key = request_id.replace("-", "") if connection.vendor == "sqlite" else request_id
    sql(f"UPDATE core_approvalrecord SET {column} = %s WHERE request_id = %s", value, key)


@pytest.fixture
def approved(gate, record, maria, decide) -> str:
    """A request that maria approved, recorded, beside others that nobody touches."""
    others = [gate.open_request("deploy", {"number": number}) for number in range(3)]
    gate.respond_to_approval(others[0].request_id, True, "ann", "a\0b")
    gate.cancel_request(others[1].request_id)
    request = gate.open_request("deploy", {"amount": 5})
    assert decide(maria, request.request_id).accepted
    gate.wait_for_decision(request.request_id, timeout=1)
    record()
    assert verify(NOWHERE).problems == []
    return request.request_id


@pytest.mark.parametrize("column", CHANGES)
def test_a_changed_row_is_named_and_its_page_says_so(approved, maria, client, column):
    value, what = CHANGES[column]
    client.force_login(maria)
    assert "outside of this site" not in client.get(f"/approvals/{approved}/").content.decode()
    change(approved, column, value)
    assert f"request {approved}: {what}" in verify(NOWHERE).problems
    page = client.get(f"/approvals/{approved}/").content.decode()
    assert "outside of this site" in page
    assert what in page


@pytest.mark.skipif(DATABASE == "postgresql", reason="a column of PostgreSQL holds what belongs there")
@pytest.mark.parametrize("column", ["agent_id", "context", "digest", "edited_to", "reason", "status"])
def test_what_is_no_text_is_named_and_ends_no_verification(approved, column):
    sql(f"UPDATE core_approvalrecord SET {column} = x'ff00' WHERE request_id = %s", approved.replace("-", ""))
    problems = verify(NOWHERE).problems
    assert problems
    assert all(problem.startswith(f"request {approved}: ") for problem in problems)


@pytest.mark.parametrize(("column", "value"), [("actor", "omar"), ("details", "another")])
def test_a_decision_that_was_written_anew_with_every_hash_and_row_is_not_what_was_signed(
    approved, column, value, tmp_path, settings
):
    entry = AuditEntry.objects.get(kind="approval.approved", request_id=approved)
    row = "responder" if column == "actor" else "reason"

    def attack() -> None:
        new = value if column == "actor" else entry.details.replace("because", value)
        rewrite_from(entry.sequence, column, new)
        change(approved, row, value)

    wrong = "in the record its signature is not of this answer to what was asked"
    assert after(attack, NOWHERE).problems == [f"request {approved}: {wrong}"]
    settings.TELEMETRY_DECISION_KEY_FILE = tmp_path / "none.pem"  # as where a backup was restored elsewhere
    assert after(attack, NOWHERE).problems == []
    assert not settings.TELEMETRY_DECISION_KEY_FILE.exists()


def test_an_end_that_never_was_is_named(approved):
    waiting = ApprovalRecord.objects.get(status="pending")
    change(str(waiting.pk), "status", "approved")
    assert verify(NOWHERE).problems == [
        f"request {waiting.pk}: it is approved there, and pending in the record"
    ]


def test_an_approval_that_nobody_collected_is_named_where_it_says_so(gate, maria, decide, record):
    request_id = gate.open_request("deploy").request_id
    decide(maria, request_id)
    record()
    change(request_id, "collected_at", "2026-01-02 03:04:05")
    assert verify(NOWHERE).problems == [
        f"request {request_id}: it was collected there, and not in the record"
    ]


def test_a_row_that_was_deleted_or_put_in_is_named(approved):
    ApprovalRecord.objects.filter(pk=approved).delete()
    forged = ApprovalRecord.objects.create(
        request_id="7f1c8e5e-5a45-4a3c-9d43-0f6a0f0a1b2c",
        requested_at=timezone.now(),
        deadline_at=timezone.now(),
        timeout_seconds=1,
        status="approved",
    )
    assert sorted(verify(NOWHERE).problems) == sorted(
        [
            f"request {forged.pk}: the record knows nothing of it",
            f"request {approved}: the record tells of it, and its row is gone",
        ]
    )


def test_contexts_that_retention_removed_are_not_missed(approved):
    assert prune_bodies(timezone.now(), 0) == 3
    assert verify(NOWHERE).problems == []
