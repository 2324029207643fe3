"""Recording a set aside change again: by the recorder's own path, once, and on the record."""

import json

import pytest
from django.db import transaction

from core.history.recorder.retry import record_again
from core.history.usage import calls as usage
from core.models import ApprovalRecord, AuditEntry, Cursor, LLMCall, SetAsideEntry, UsageHour
from core.usage.call import Call, shipped_bytes
from tests.history.audit.chain import assert_chain_is_whole, kinds_of
from tests.waiting import PATIENCE

OUTBOX = "{telemetry}:outbox"


def confirm_collection(raw, request_id: str) -> None:
    """Let Redis say of the request itself what the outbox claims."""
    raw.hset(
        "{telemetry}:approvals:request:" + request_id, mapping={"status": "approved", "collected_ms": "5000"}
    )


@pytest.fixture
def early(gate, raw, record) -> SetAsideEntry:
    """The collection of a request that was not recorded yet: it makes sense a moment later."""
    request = gate.open_request("deploy")
    [(position, asked)] = raw.xrange(OUTBOX)
    raw.xdel(OUTBOX, position)
    collected = {"type": "collected", "request_id": request.request_id, "collected_ms": "5000"}
    confirm_collection(raw, request.request_id)
    raw.xadd(OUTBOX, collected)
    raw.xadd(OUTBOX, asked)
    assert record() == 2
    return SetAsideEntry.objects.get()


def test_a_change_whose_cause_is_gone_is_recorded_with_who_did_it(early, maria):
    assert record_again(early.pk, maria).outcome == "repaired"
    record = ApprovalRecord.objects.get()
    assert record.collected_at.timestamp() == 5
    assert kinds_of(record.pk) == ["approval.requested", "approval.collected"]
    [entry] = AuditEntry.objects.filter(kind="record.repaired")
    assert entry.actor == "maria"
    assert json.loads(entry.details)["position"] == early.position
    assert SetAsideEntry.objects.get().repaired_at is not None
    assert_chain_is_whole()


def test_twice_does_no_harm(early, maria):
    record_again(early.pk, maria)
    before = AuditEntry.objects.count()
    assert record_again(early.pk, maria).outcome == "already_repaired"
    assert AuditEntry.objects.count() == before


def test_of_many_at_once_one_repairs(early, maria, background):
    tried = [background(record_again, early.pk, maria) for _ in range(8)]
    outcomes = sorted(future.result(PATIENCE).outcome for future in tried)
    assert outcomes == ["already_repaired"] * 7 + ["repaired"]
    assert AuditEntry.objects.filter(kind="record.repaired").count() == 1
    assert_chain_is_whole()


def test_a_change_that_still_makes_no_sense_stays_set_aside_and_the_attempt_is_recorded(
    raw, record, maria, gate
):
    raw.xadd(OUTBOX, {"type": "exploded", "request_id": "7f1c8e5e-5a45-4a3c-9d43-0f6a0f0a1b2c"})
    record()
    aside = SetAsideEntry.objects.get()
    for _ in range(2):
        done = record_again(aside.pk, maria)
        assert done.outcome == "refused"
        assert "exploded" in done.error
    assert SetAsideEntry.objects.get().repaired_at is None
    assert AuditEntry.objects.filter(kind="record.retried", actor="maria").count() == 2
    assert_chain_is_whole()


def a_call(call_id: str) -> Call:
    return Call(
        call_id=call_id, us=1_700_000_000_000_000, workflow="w", stage="", tier="cheap", model="m", provider="p",
        agent_id="", user="", cost=5, input=1, output=1, cache_read=0, cache_write=0, hit=False, cache_type="",
        prompt_hit=False, duration_ms=1,
    )  # fmt: skip


def test_one_call_of_a_batch_is_recorded_as_a_call(raw, record, maria, gate):
    good = shipped_bytes(a_call("late")).decode()
    raw.xadd(OUTBOX, {"type": "llm_calls", "shipped_ms": "5", "calls": '[{"bad": 1}]'})
    record()
    aside = SetAsideEntry.objects.get()
    assert "/" in aside.position
    assert record_again(aside.pk, maria).outcome == "refused"
    SetAsideEntry.objects.update(fields=json.dumps({**json.loads(aside.fields), "calls": good}))
    assert record_again(aside.pk, maria).outcome == "repaired"
    assert LLMCall.objects.get().call_id == "late"


def test_it_waits_for_the_recorder_so_that_both_add_to_the_same_sums_in_turn(raw, record, maria, background):
    call = shipped_bytes(a_call("late")).decode()
    raw.xadd(OUTBOX, {"type": "llm_calls", "shipped_ms": "5", "calls": '[{"bad": 1}]'})
    record()
    aside = SetAsideEntry.objects.get()
    SetAsideEntry.objects.update(fields=json.dumps({**json.loads(aside.fields), "calls": call}))
    with transaction.atomic():
        Cursor.objects.select_for_update().get(name=Cursor.OUTBOX)  # the recorder is at work
        retrying = background(record_again, aside.pk, maria)
        with pytest.raises(TimeoutError):
            retrying.result(0.3)
        said = {"shipped_ms": "6", "calls": f"[{shipped_bytes(a_call('other')).decode()}]"}
        usage.record(said, lambda *_said: pytest.fail("nothing is to be set aside"))
    assert retrying.result(PATIENCE).outcome == "repaired"
    [hour] = UsageHour.objects.all()
    assert (hour.calls, hour.cost_nano) == (2, 10)


def test_what_nobody_set_aside_is_unknown(transactional_db, clean_redis, maria):
    assert record_again(99, maria).outcome == "unknown"
