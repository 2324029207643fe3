"""Approval gates: asking, deciding, listing, cancelling and ending, as documented."""

import hashlib
import json
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core import ApprovalGate, ApprovalRequest, ApprovalResponse, Decision
from core.approvals import deciding
from core.store.approvals import Answer, read_record_and_time
from core.values.approvals import SITE
from tests.live_record import live_record
from tests.waiting import PATIENCE, wait_until


def server_now(raw) -> datetime:
    seconds, microseconds = raw.time()
    return datetime.fromtimestamp(seconds + microseconds / 1e6, UTC)


def is_over(gate, request_id: str) -> None:
    wait_until(lambda: gate.get_request(request_id).status == "timeout", "the deadline has passed")


def test_an_approved_request_returns_the_decision(gate, url, background, first_pending):
    asked = background(gate.request_approval, "deploy", {"to": "production"}, 20)
    request = first_pending(gate)
    assert ApprovalGate(url).respond_to_approval(request.request_id, True, "ann", "looks good") is True
    response = asked.result(PATIENCE)
    assert isinstance(response, ApprovalResponse)
    assert (response.approved, response.responder, response.reason) == (True, "ann", "looks good")
    assert response.request_id == request.request_id
    assert response.timestamp.tzinfo is UTC


def test_a_rejected_request_returns_the_denial(gate, background, first_pending):
    asked = background(gate.request_approval, "deploy", None, 20)
    assert gate.respond_to_approval(first_pending(gate).request_id, False, "bob", "no") is True
    response = asked.result(PATIENCE)
    assert (response.approved, response.responder, response.reason) == (False, "bob", "no")


def test_nobody_answering_is_a_refusal_by_the_system_that_says_timeout(gate):
    response = gate.request_approval("deploy", timeout=0.3)
    assert (response.approved, response.responder) == (False, "system")
    assert response.reason.startswith("timeout")
    assert gate.get_request(response.request_id).status == "timeout"


@pytest.mark.anywhere
def test_without_an_agent_id_nothing_is_stored_and_the_reason_says_so(url, raw):
    response = ApprovalGate(url).request_approval("deploy")
    assert (response.approved, response.responder) == (False, "system")
    assert "agent_id" in response.reason
    assert raw.dbsize() == 0
    with pytest.raises(ValueError, match="agent_id"):
        ApprovalGate(url).open_request("deploy")


def test_the_default_timeout_is_five_minutes_and_counts_from_the_stored_time(gate, raw):
    assert (ApprovalGate.DEFAULT_TIMEOUT, ApprovalGate.POLL_INTERVAL) == (300.0, 1.0)
    before = server_now(raw)
    request = gate.open_request("deploy")
    assert isinstance(request, ApprovalRequest)
    assert request.timeout_seconds == 300.0
    assert before - timedelta(milliseconds=1) <= request.timestamp <= server_now(raw)
    record = live_record(gate, request.request_id)
    assert abs((record.deadline_at - record.requested_at).total_seconds() - 300) < 2


def test_an_opened_request_is_stored_whole_and_read_back_equal(gate):
    request = gate.open_request("deploy", {"to": ["production", 1, None, True]}, timeout=60)
    assert gate.get_request(request.request_id) == request
    assert gate.get_pending_approvals() == [request]
    assert request.status == "pending"
    assert str(uuid.UUID(request.request_id)) == request.request_id


def test_waiting_with_a_limit_returns_none_while_pending_and_changes_nothing(gate):
    request = gate.open_request("deploy")
    assert gate.wait_for_decision(request.request_id, timeout=0) is None
    assert gate.wait_for_decision(request.request_id, timeout=0.05) is None
    assert gate.get_request(request.request_id).status == "pending"


def test_waiting_after_the_decision_returns_it_at_once_any_number_of_times(gate):
    request = gate.open_request("deploy")
    gate.respond_to_approval(request.request_id, True, "ann")
    first = gate.wait_for_decision(request.request_id, timeout=0)
    assert first.approved
    again = gate.wait_for_decision(request.request_id)
    assert replace(again, collected_at=None) == first


def test_waiting_for_an_unknown_request_is_a_refusal(gate):
    for request_id in (str(uuid.uuid4()), "no-uuid", "", "*"):
        response = gate.wait_for_decision(request_id, timeout=5)
        assert (response.approved, response.responder) == (False, "system")
        assert response.reason.startswith("unknown")


def test_a_second_waiter_past_the_deadline_is_told_timeout(gate):
    request = gate.open_request("deploy", timeout=0.01)
    is_over(gate, request.request_id)
    assert gate.wait_for_decision(request.request_id).reason.startswith("timeout")


def test_a_decision_says_what_stands(gate):
    request = gate.open_request("deploy")
    first = gate.decide(request.request_id, True, "ann", "fine")
    assert isinstance(first, Decision)
    assert (first.outcome, first.accepted, first.status) == ("accepted", True, "approved")
    second = gate.decide(request.request_id, False, "bob", "no")
    assert (second.outcome, second.accepted) == ("already_decided", False)
    assert (second.status, second.responder, second.reason) == ("approved", "ann", "fine")
    assert second.ended_at == first.ended_at
    assert second.decision_id != first.decision_id


def test_repeating_a_decision_with_its_id_gives_the_same_answer_whatever_came_between(gate):
    request = gate.open_request("deploy")
    first = gate.decide(request.request_id, True, "ann", "fine", decision_id="mine")
    gate.decide(request.request_id, False, "bob", decision_id="other")
    assert gate.decide(request.request_id, True, "ann", "fine", decision_id="mine") == first
    assert gate.decide(request.request_id, False, "bob", decision_id="other").outcome == "already_decided"


@pytest.mark.parametrize("approved", [True, False])
def test_the_opposite_answer_under_the_same_decision_id_is_no_repetition_and_changes_nothing(
    gate, raw, approved
):
    request = gate.open_request("deploy")
    first = gate.decide(request.request_id, approved, "ann", "fine", decision_id="mine")
    before = {key: raw.dump(key) for key in raw.scan_iter()}
    second = gate.decide(request.request_id, not approved, "ann", "on second thought", decision_id="mine")
    assert (second.outcome, second.accepted) == ("already_decided", False)
    assert (second.status, second.responder, second.reason) == (first.status, "ann", "fine")
    limit = datetime.now(UTC) + timedelta(hours=1)
    site = Answer(request.request_id, not approved, "ann", "", SITE, "mine", limit, digest="0" * 64)
    again = deciding.decide(gate._store, site)
    assert again.outcome == "already_decided"
    assert {key: raw.dump(key) for key in raw.scan_iter()} == before
    assert gate.decide(request.request_id, approved, "ann", "fine", decision_id="mine") == first


def test_a_decision_after_its_own_limit_has_lapsed_and_leaves_the_request_open(gate, raw):
    request = gate.open_request("deploy")
    passed = server_now(raw) - timedelta(milliseconds=1)
    assert gate.decide(request.request_id, True, "ann", not_after=passed).outcome == "lapsed"
    assert gate.get_request(request.request_id).status == "pending"
    later = server_now(raw) + timedelta(seconds=10)
    assert gate.decide(request.request_id, True, "ann", not_after=later).accepted


def test_a_naive_limit_is_read_as_utc(gate, monkeypatch):
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    request = gate.open_request("deploy")
    naive = datetime.now(UTC).replace(tzinfo=None)
    assert (
        gate.decide(request.request_id, True, "a", not_after=naive - timedelta(minutes=1)).outcome == "lapsed"
    )
    assert gate.decide(request.request_id, True, "a", not_after=naive + timedelta(minutes=1)).accepted
    monkeypatch.undo()
    time.tzset()


def test_a_decision_on_another_digest_changes_nothing_and_says_changed(gate):
    request = gate.open_request("deploy", {"n": 1.10})
    record = live_record(gate, request.request_id)
    lines = [b"deployer", b"deploy", record.context]
    assert record.digest == record.stored_digest == hashlib.sha256(b"\n".join(lines)).hexdigest()
    other = gate.open_request("deploy", {"n": 2})
    digest = live_record(gate, other.request_id).digest
    assert gate.decide(request.request_id, True, "ann", digest=digest).outcome == "changed"
    assert gate.decide(request.request_id, True, "ann", digest=record.digest).accepted


def test_a_context_altered_in_redis_has_another_digest_so_what_was_seen_cannot_be_approved(gate, raw):
    request = gate.open_request("pay", {"euros": 5})
    raw.hset(f"{{telemetry}}:approvals:request:{request.request_id}", "context", '{"euros":5000}')
    seen = live_record(gate, request.request_id)
    assert gate.decide(request.request_id, True, "ann", digest=seen.digest).outcome == "changed"


def test_an_unknown_request_cannot_be_decided(gate, raw):
    for request_id in (str(uuid.uuid4()), "no-uuid", "", "x" * 10_000, None, 5):
        assert gate.decide(request_id, True, "ann").outcome == "unknown"
        assert gate.respond_to_approval(request_id, True, "ann") is False
    assert raw.dbsize() == 0


def test_a_cancelled_request_wakes_its_waiter_and_takes_no_decision(gate, background, first_pending):
    asked = background(gate.request_approval, "deploy", None, 20)
    request = first_pending(gate)
    assert gate.cancel_request(request.request_id) is True
    response = asked.result(PATIENCE)
    assert (response.approved, response.responder) == (False, "system")
    assert response.reason.startswith("cancelled")
    assert gate.decide(request.request_id, True, "ann").outcome == "cancelled"
    assert gate.cancel_request(request.request_id) is False
    assert gate.get_request(request.request_id).status == "cancelled"


def test_what_has_ended_or_is_unknown_cannot_be_cancelled(gate):
    decided, late = gate.open_request("deploy"), gate.open_request("deploy", timeout=0.01)
    gate.respond_to_approval(decided.request_id, True, "ann")
    is_over(gate, late.request_id)
    assert not gate.cancel_request(decided.request_id)
    assert not gate.cancel_request(late.request_id)
    assert not gate.cancel_request(str(uuid.uuid4()))
    assert not gate.cancel_request("no-uuid")
    assert gate.get_request(decided.request_id).status == "approved"


def test_the_queue_is_oldest_first_of_one_type_if_asked_and_without_what_is_over(gate, raw):
    opened = []
    for kind, timeout in (("deploy", 90), ("delete", 30), ("deploy", 60)):
        opened.append(gate.open_request(kind, timeout=timeout))
        wait_until(lambda: server_now(raw) > opened[-1].timestamp + timedelta(milliseconds=2), "time passes")
    first, second, third = opened
    late = gate.open_request("deploy", timeout=0.01)
    decided = gate.open_request("deploy")
    gate.respond_to_approval(decided.request_id, False, "ann")
    is_over(gate, late.request_id)
    assert gate.get_pending_approvals() == [first, second, third]
    assert gate.get_pending_approvals("deploy") == [first, third]
    assert gate.get_pending_approvals("depl*") == []


def test_the_sweep_ends_what_is_past_its_deadline_once_and_touches_no_decision(gate, background):
    late = [gate.open_request("deploy", timeout=0.01) for _ in range(20)]
    open_, denied = gate.open_request("deploy"), gate.open_request("deploy", timeout=1)
    assert gate.respond_to_approval(denied.request_id, False, "ann", "no")
    deadline = live_record(gate, denied.request_id).deadline_at
    wait_until(lambda: read_record_and_time(gate._store, denied.request_id)[1] > deadline, "all are over")
    sweeps = [background(gate.clear_expired_requests) for _ in range(8)]
    assert sum(sweep.result(PATIENCE) for sweep in sweeps) == len(late)
    assert {gate.get_request(request.request_id).status for request in late} == {"timeout"}
    end = live_record(gate, denied.request_id)
    assert (end.status, end.responder, end.reason) == ("rejected", "ann", "no")
    assert gate.get_request(open_.request_id).status == "pending"
    assert gate.clear_expired_requests() == 0


def test_the_first_waiter_to_hold_the_outcome_is_recorded_as_having_collected_it(gate):
    request = gate.open_request("deploy")
    gate.respond_to_approval(request.request_id, True, "ann")
    assert live_record(gate, request.request_id).collected_at is None
    gate.wait_for_decision(request.request_id)
    collected = live_record(gate, request.request_id).collected_at
    assert collected is not None
    gate.wait_for_decision(request.request_id)
    assert live_record(gate, request.request_id).collected_at == collected


def test_every_change_is_published_and_remembered(gate, raw):
    decided, cancelled = gate.open_request("deploy"), gate.open_request("deploy")
    late = gate.open_request("deploy", timeout=0.01)
    gate.respond_to_approval(decided.request_id, True, "ann")
    gate.cancel_request(cancelled.request_id)
    assert gate.wait_for_decision(late.request_id).reason.startswith("timeout")
    for kind, ids in {
        "requested": {decided.request_id, cancelled.request_id, late.request_id},
        "decided": {decided.request_id},
        "cancelled": {cancelled.request_id},
        "expired": {late.request_id},
    }.items():
        entries = raw.xrange("{telemetry}:events:stream:approval_" + kind)
        assert {json.loads(fields[b"data"])["request_id"] for _, fields in entries} == ids
    kinds = [fields[b"type"] for _, fields in raw.xrange("{telemetry}:outbox")]
    assert (kinds.count(b"requested"), kinds.count(b"ended"), kinds.count(b"collected")) == (3, 3, 1)
