"""An entry of the outbox is a claim: what nothing else confirms ends nothing, and everybody is told."""

import json
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from core.history import health
from core.history.recorder.recorder import Recorder
from core.history.recorder.retry import record_again
from core.models import ApprovalRecord, AuditEntry, DecisionIntent, SetAsideEntry
from dashboard.health import page as health_page
from tests.history.audit.chain import assert_chain_is_whole, kinds_of
from tests.live_record import live_record
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

OUTBOX = "{telemetry}:outbox"
NAME = "{telemetry}:approvals:"


@pytest.fixture
def claim(gate, raw):
    """Write into the outbox that a request has ended, and nowhere else."""

    def told(request_id, **fields):
        said = {"type": "ended", "request_id": request_id, "agent_id": "deployer", "approval_type": "deploy"}
        how = {
            "status": "approved",
            "responder": "maria",
            "reason": "",
            "ended_ms": str(int(time.time() * 1000)),
        }
        rest = {"digest": "d", "decision_id": str(uuid.uuid4()), "channel": "site", **fields}
        raw.xadd(OUTBOX, {**said, **how, **rest})

    return told


def stands(request_id):
    return ApprovalRecord.objects.get(pk=request_id).status


@pytest.mark.parametrize("fields", [
    {}, {"channel": "direct"}, {"channel": "rule"}, {"channel": ""}, {"status": "rejected"},
    {"status": "cancelled", "responder": "system", "channel": "system"},
    {"status": "timeout", "responder": "system", "channel": "system"},
    {"status": "timeout", "responder": "system", "channel": "system", "ended_ms": "4000000000000"},
])  # fmt: skip
def test_a_claim_ends_nothing_in_sql_nor_in_redis_and_is_recorded_once(gate, repair, claim, fields):
    request_id = gate.open_request("deploy").request_id
    for _ in range(2):
        claim(request_id, **fields)
        repair()
    assert (stands(request_id), live_record(gate, request_id).status) == ("pending", "pending")
    assert kinds_of(request_id) == ["approval.requested", "approval.unconfirmed"]
    assert gate.wait_for_decision(request_id, timeout=0) is None
    assert_chain_is_whole()


def test_a_person_can_still_answer_and_that_is_what_stands(gate, maria, decide, record, repair, claim):
    request_id = gate.open_request("deploy").request_id
    claim(request_id)
    record()
    assert decide(maria, request_id, approved=False).accepted
    repair()
    assert stands(request_id) == "rejected"
    assert gate.wait_for_decision(request_id).approved is False


def test_past_its_deadline_it_ends_as_timeout(gate, raw, repair, claim):
    request_id = gate.open_request("deploy").request_id
    claim(request_id)
    repair()
    assert stands(request_id) == "pending"
    raw.hset(f"{NAME}request:{request_id}", "deadline_ms", "1795331355624")
    raw.zadd(f"{NAME}pending", {request_id: 1795331355624})
    repair()
    assert stands(request_id) == "timeout"
    assert gate.wait_for_decision(request_id).approved is False


def test_a_direct_answer_is_confirmed_by_the_requests_own_end(gate, record):
    request_id = gate.open_request("deploy").request_id
    gate.respond_to_approval(request_id, True, "ann")
    record()
    assert (stands(request_id), ApprovalRecord.objects.get().channel) == ("approved", "direct")
    assert not AuditEntry.objects.filter(kind="approval.unconfirmed").exists()


def test_the_sites_own_answer_is_confirmed_by_its_intent_where_redis_has_nothing_left(
    gate, maria, decide, record, raw
):
    request_id = gate.open_request("deploy").request_id
    decide(maria, request_id)
    raw.delete(f"{NAME}request:{request_id}", f"{NAME}ended:{request_id}")
    record()
    assert stands(request_id) == "approved"


def test_why_somebody_answered_and_what_they_signed_is_taken_from_sql(
    gate, maria, decide, record, raw, claim
):
    request = gate.open_request("deploy")
    decide(maria, request.request_id)
    [*_, (entry, _)] = raw.xrange(OUTBOX)
    raw.xdel(OUTBOX, entry)
    said = {"reason": "she was bribed", "signature": "1:none", "digest": request.digest}
    claim(request.request_id, decision_id=str(DecisionIntent.objects.get().pk), **said)
    record()
    row = ApprovalRecord.objects.get()
    assert (row.status, row.reason, row.channel) == ("approved", "because", "site")
    assert row.signature == DecisionIntent.objects.get().signature
    assert "bribed" not in "".join(AuditEntry.objects.values_list("details", flat=True))


def test_and_by_its_signature_where_the_intent_is_gone_too(gate, maria, decide, record, raw):
    request_id = gate.open_request("deploy").request_id
    decide(maria, request_id)
    DecisionIntent.objects.all().delete()
    raw.delete(f"{NAME}request:{request_id}", f"{NAME}ended:{request_id}")
    record()
    assert (stands(request_id), ApprovalRecord.objects.get().channel) == ("approved", "direct")


def test_an_attempt_that_was_too_late_confirms_nothing(gate, maria, decide, record, claim, monkeypatch):
    monkeypatch.setattr("core.history.approvals.decisions.INTENT_SECONDS", -1)
    request_id = gate.open_request("deploy").request_id
    assert decide(maria, request_id).outcome == "lapsed"
    claim(request_id, decision_id=str(DecisionIntent.objects.get().pk))
    record()
    assert stands(request_id) == "pending"


def test_what_waiters_read_confirms_nothing_while_the_request_itself_is_pending(gate, raw, record, claim):
    request_id = gate.open_request("deploy").request_id
    heard = {
        "status": "approved",
        "approved": "1",
        "responder": "maria",
        "reason": "",
        "ended_ms": "1795331355624",
    }
    raw.xadd(f"{NAME}ended:{request_id}", heard)
    claim(request_id, ended_ms="1795331355624")
    record()
    assert stands(request_id) == "pending"
    gate.cancel_request(request_id)
    record()
    assert kinds_of(request_id)[-2:] == ["approval.cancelled", "approval.told_otherwise"]


def test_a_timeout_that_redis_forgot_is_believed_after_the_deadline(gate, raw, record, claim):
    request_id = gate.open_request("deploy").request_id
    record()
    ApprovalRecord.objects.update(deadline_at=datetime.now(UTC) - timedelta(seconds=2))
    raw.delete(f"{NAME}request:{request_id}", f"{NAME}ended:{request_id}")
    raw.zrem(f"{NAME}pending", request_id)
    claim(request_id, status="timeout", responder="system", channel="system")
    record()
    assert stands(request_id) == "timeout"


def test_a_context_that_was_swapped_before_the_end_is_told_with_it(gate, raw, record):
    request_id = gate.open_request("deploy", {"a": 1}).request_id
    record()
    raw.hset(f"{NAME}request:{request_id}", "context", '{"a":2}')
    gate.respond_to_approval(request_id, True, "ann")
    record()
    assert kinds_of(request_id) == ["approval.requested", "approval.approved", "approval.altered"]


def test_a_claim_about_nothing_makes_no_request(record, claim):
    request_id = str(uuid.uuid4())
    claim(request_id)
    record()
    assert not ApprovalRecord.objects.exists()
    assert kinds_of(request_id) == ["approval.unconfirmed"]


COLLECTED = {"type": "collected", "status": "approved", "collected_ms": "1795331355624"}
RESTORED = {"type": "restored", "status": "approved", "restored_ms": "1795331355624"}


@pytest.mark.parametrize("fields", [
    COLLECTED, {**COLLECTED, "claim": "release 1"}, {**COLLECTED, "status": "pending"},
    {**RESTORED, "was": "pending"}, {**RESTORED, "was": "lost"}, {**RESTORED, "was": "uncollected"}, RESTORED,
])  # fmt: skip
def test_that_it_was_collected_or_restored_is_a_claim_too(gate, repair, raw, fields):
    request_id = gate.open_request("deploy").request_id
    for _ in range(2):
        raw.xadd(OUTBOX, {**fields, "request_id": request_id})
        repair()
    assert kinds_of(request_id) == ["approval.requested", "approval.unconfirmed"]
    assert not AuditEntry.objects.filter(kind="record.repaired").exists()
    assert gate.respond_to_approval(request_id, False, "ann")
    assert not gate.wait_for_decision(request_id).approved
    real = live_record(gate, request_id).collected_at
    raw.xadd(OUTBOX, {**fields, "request_id": request_id})  # a denial, and collected at another moment
    repair()
    assert (stands(request_id), ApprovalRecord.objects.get().collected_at) == ("rejected", real)
    assert kinds_of(request_id)[2:] == ["approval.rejected", "approval.collected"]
    assert_chain_is_whole()


def test_a_collection_of_another_moment_than_the_requests_own_is_told(gate, record, raw):
    request_id = gate.open_request("deploy").request_id
    gate.respond_to_approval(request_id, True, "ann")
    raw.xadd(OUTBOX, {**COLLECTED, "request_id": request_id})
    record()
    assert ApprovalRecord.objects.get().collected_at is None
    gate.wait_for_decision(request_id, claim="release 1")
    record()
    assert ApprovalRecord.objects.get().collected_at == live_record(gate, request_id).collected_at
    assert kinds_of(request_id)[-2:] == ["approval.unconfirmed", "approval.collected"]


def test_a_moment_that_is_spelled_at_length_names_no_entry_that_a_database_does_not_take(gate, record, raw):
    request_id = gate.open_request("deploy").request_id
    gate.respond_to_approval(request_id, True, "ann")
    gate.wait_for_decision(request_id)
    record()
    long = "0" * 200 + "1795331355624"
    raw.hset(f"{NAME}request:{request_id}", "collected_ms", long)
    raw.xadd(OUTBOX, {**COLLECTED, "request_id": request_id, "collected_ms": long})
    record()
    newest = AuditEntry.objects.first()
    assert (newest.kind, newest.event_id) == (
        "approval.collected",
        f"request:{request_id}:collected:1795331355624",
    )


def test_set_aside_and_recorded_again_it_is_asked_for_the_same(gate, maria, record, claim, clean_redis):
    request_id = gate.open_request("deploy").request_id
    record()
    said = {"type": "ended", "request_id": request_id, "agent_id": "deployer", "approval_type": "deploy"}
    how = {"status": "approved", "responder": "maria", "reason": "", "ended_ms": "1795331355624"}
    fields = json.dumps({**said, **how, "digest": "d", "decision_id": "x", "channel": "site"})
    aside = SetAsideEntry.objects.create(installation="i", position="1-0", error="e", fields=fields)
    assert record_again(aside.pk, maria, clean_redis).outcome == "repaired"
    assert stands(request_id) == "pending"


def test_health_and_the_live_pages_raise_an_alarm_for_a_day(gate, claim, clean_redis, running):
    claim(gate.open_request("deploy").request_id)
    running(Recorder(clean_redis))
    said = "nothing confirms"
    wait_until(lambda: said in health_page.alarm(health.read_heartbeat()), "an alarm")
    assert any(said in worry.says for worry in health_page.read_page().worries)
    assert datetime.now(UTC) - AuditEntry.objects.get(kind="approval.unconfirmed").at < timedelta(days=1)


def asked_as_told(request_id: str, **fields: str) -> dict[str, str]:
    """What the outbox says of a request that nobody asked."""
    now = int(time.time() * 1000)
    said = {"type": "requested", "request_id": request_id, "agent_id": "deployer", "approval_type": "deploy"}
    times = {"requested_ms": str(now), "deadline_ms": str(now + 60_000), "timeout_seconds": "60.0"}
    return {**said, "digest": "d" * 64, **times, **fields}


def test_that_something_was_asked_is_a_claim_too(raw, repair):
    request_id = str(uuid.uuid4())
    for _ in range(2):
        raw.xadd(OUTBOX, asked_as_told(request_id))
        repair()
    assert not ApprovalRecord.objects.exists()
    assert kinds_of(request_id) == ["approval.unconfirmed"]
    details = json.loads(AuditEntry.objects.get().details)
    assert (details["what"], details["digest"], details["approval_type"]) == ("requested", "d" * 64, "deploy")
    assert_chain_is_whole()


@pytest.mark.parametrize("change", [{"digest": "e" * 64}, {"agent_id": "other"}, {"approval_type": "delete"}])
def test_that_something_else_was_asked_changes_nothing(gate, raw, record, change):
    request = gate.open_request("deploy", {"a": 1})
    raw.xadd(OUTBOX, asked_as_told(request.request_id, digest=request.digest))  # told twice it is the same
    raw.xadd(OUTBOX, asked_as_told(request.request_id, **{"digest": request.digest, **change}))
    record()
    row = ApprovalRecord.objects.get()
    assert (row.digest, row.agent_id, row.approval_type) == (request.digest, "deployer", "deploy")
    assert kinds_of(request.request_id) == ["approval.requested", "approval.unconfirmed"]


def test_what_is_so_old_that_redis_forgot_it_is_recorded_with_the_mark(raw, record):
    request_id, then = str(uuid.uuid4()), str(int((time.time() - 8 * 24 * 3600) * 1000))
    raw.xadd(OUTBOX, asked_as_told(request_id, requested_ms=then, deadline_ms=then))
    record()
    assert stands(request_id) == "pending"
    assert kinds_of(request_id) == ["approval.requested", "approval.unconfirmed"]


def test_a_request_that_somebody_had_on_the_screen_was_asked(gate, maria, decide, raw, record):
    request_id = gate.open_request("deploy").request_id
    decide(maria, request_id)
    raw.delete(f"{NAME}request:{request_id}")
    record()
    assert kinds_of(request_id) == ["approval.requested", "approval.approved"]


def test_a_request_that_vanished_while_the_queue_names_it_is_recorded_with_the_mark(gate, raw, record):
    request_id = gate.open_request("deploy").request_id
    raw.delete(f"{NAME}request:{request_id}")
    record()
    assert stands(request_id) == "pending"
    assert kinds_of(request_id) == ["approval.requested", "approval.unconfirmed"]


def test_that_an_agent_did_not_believe_a_yes_takes_a_yes(gate, raw, record):
    request_id = gate.open_request("deploy").request_id
    said = {
        "type": "doubted",
        "request_id": request_id,
        "why": "it is not signed",
        "doubted_ms": "1795331355624",
    }
    raw.xadd(OUTBOX, said)
    record()
    assert kinds_of(request_id) == ["approval.requested", "approval.unconfirmed"]
    assert "it is not signed" in AuditEntry.objects.get(kind="approval.unconfirmed").details
    gate.respond_to_approval(request_id, False, "ann")
    raw.xadd(OUTBOX, said)
    record()
    assert "approval.doubted" not in kinds_of(request_id)
