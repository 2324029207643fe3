"""Retention: texts of requests that ended long ago go, in pieces; digests, ends and the record stay."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from core.history.approvals import effects
from core.history.approvals.effects import prune_bodies
from core.models import ApprovalRecord, AuditEntry
from tests.history.audit.chain import assert_chain_is_whole, kinds_of


@pytest.fixture
def ended(gate, record):
    """Requests that ended just now, and one that waits: `ended(3)` returns the ids of those that ended."""

    def make(count: int) -> list[str]:
        ids = []
        for number in range(count):
            request = gate.open_request("deploy", {"number": number})
            gate.respond_to_approval(request.request_id, True, "maria")
            ids.append(request.request_id)
        gate.open_request("deploy", {"waits": True})
        record()
        return ids

    return make


def in_days(days: float):
    return timezone.now() + timedelta(days=days)


def test_texts_go_after_the_days_and_everything_else_stays(ended):
    (request_id,) = ended(1)
    before = ApprovalRecord.objects.get(pk=request_id)
    assert prune_bodies(in_days(29), 30) == 0
    now = in_days(31)
    assert prune_bodies(now, 30) == 1
    after = ApprovalRecord.objects.get(pk=request_id)
    assert (after.context, after.body_pruned_at) == ("", now)
    for name in ("digest", "status", "responder", "ended_at", "agent_id", "approval_type"):
        assert getattr(after, name) == getattr(before, name)
    assert kinds_of(request_id) == ["approval.requested", "approval.approved"]
    assert ApprovalRecord.objects.get(status="pending").context
    assert prune_bodies(now, 30) == 0
    assert_chain_is_whole()


def test_zero_days_keep_everything_for_ever(ended, settings):
    settings.TELEMETRY_BODY_DAYS = 0
    ended(1)
    ApprovalRecord.objects.exclude(ended_at=None).update(ended_at=in_days(-10_000))
    call_command("prune", stdout=StringIO())
    assert ApprovalRecord.objects.exclude(context="").count() == 2


def test_more_days_than_there_ever_were_keep_everything(ended):
    ended(1)
    assert prune_bodies(timezone.now(), 10**12) == 0


def test_pieces_are_small_and_each_is_in_the_record(ended, monkeypatch):
    monkeypatch.setattr(effects, "PRUNED_AT_ONCE", 2)
    ended(5)
    assert prune_bodies(in_days(2), 1) == 5
    told = AuditEntry.objects.filter(kind="record.pruned").order_by("sequence")
    details = [json.loads(entry.details) for entry in told]
    assert [one["requests"] for one in details] == [2, 2, 1]
    assert {one["days"] for one in details} == {1}
    assert_chain_is_whole()


def test_the_page_says_when_the_text_was_removed(ended, raw, make_user, client):
    (request_id,) = ended(1)
    then = in_days(2)
    prune_bodies(then, 1)
    raw.flushall()  # by then Redis has let go of it
    client.force_login(make_user("ann", "viewer"))
    page = client.get(f"/approvals/{request_id}/").content.decode()
    assert f"removed by retention on {then:%Y-%m-%d}" in page
    assert ApprovalRecord.objects.get(pk=request_id).digest in page


def test_the_command_says_how_many(ended, settings):
    settings.TELEMETRY_BODY_DAYS = 1
    ended(1)
    ApprovalRecord.objects.exclude(ended_at=None).update(ended_at=in_days(-2))
    out = StringIO()
    call_command("prune", stdout=out)
    assert "1 texts of ended requests older than 1 days deleted" in out.getvalue()
