"""Entries that cannot be read: set aside one by one, and everything else is recorded."""

import uuid

import pytest

from core.models import ApprovalRecord, SetAsideEntry
from tests.history.audit.chain import assert_chain_is_whole, kinds_of
from tests.history.samples import some_of
from tests.live_record import live_record

OUTBOX = "{telemetry}:outbox"
SOME_ID = "7f1c8e5e-5a45-4a3c-9d43-0f6a0f0a1b2c"
ASKED = {
    "type": "requested",
    "request_id": SOME_ID,
    "agent_id": "a",
    "approval_type": "k",
    "digest": "d",
    "requested_ms": "1",
    "deadline_ms": "2",
    "timeout_seconds": "1.0",
}
ENDED = {
    "type": "ended",
    "request_id": SOME_ID,
    "agent_id": "a",
    "approval_type": "k",
    "digest": "d",
    "status": "approved",
    "responder": "r",
    "reason": "",
    "ended_ms": "1",
    "decision_id": "x",
    "channel": "direct",
}
POISON = {
    "no type": {"request_id": SOME_ID},
    "unknown type": {"type": "exploded", "request_id": SOME_ID},
    "no id": {"type": "requested"},
    "an id that is no uuid": {**ASKED, "request_id": "1234"},
    "an id in capitals": {**ASKED, "request_id": SOME_ID.upper()},
    "an empty id": {**ENDED, "request_id": ""},
    "a NUL in the id": {**ENDED, "request_id": SOME_ID + "\0"},
    "a NUL as the status": {**ENDED, "status": "\0"},
    "a NUL in the digest": {**ASKED, "digest": "a\0"},
    "an agent of 256 characters": {**ASKED, "agent_id": "a" * 256},
    "an unknown status": {**ENDED, "status": "maybe"},
    "pending as an end": {**ENDED, "status": "pending"},
    "no time": {name: value for name, value in ENDED.items() if name != "ended_ms"},
    "an empty time": {**ENDED, "ended_ms": ""},
    "a time in words": {**ENDED, "ended_ms": "noon"},
    "a time that is nan": {**ASKED, "requested_ms": "nan"},
    "a time beyond all calendars": {**ASKED, "deadline_ms": "9" * 18},
    "a time beyond every clock": {**ENDED, "ended_ms": "9" * 30},
    "a time of 5,000 digits": {**ENDED, "ended_ms": "9" * 5000},
    "a timeout that is nan": {**ASKED, "timeout_seconds": "nan"},
    "a timeout in words": {**ASKED, "timeout_seconds": "soon"},
    "no agent": {name: value for name, value in ASKED.items() if name != "agent_id"},
    "the collection of nothing": {"type": "collected", "request_id": SOME_ID, "collected_ms": "5"},
    "bytes that are no text": {b"type": b"\xff\xfe", b"request_id": b"\xff"},
}


@pytest.mark.parametrize("fields", some_of(POISON))
def test_a_poisoned_entry_is_set_aside_and_the_rest_is_recorded(gate, raw, record, fields):
    before = gate.open_request("deploy")
    position = raw.xadd(OUTBOX, fields)
    after = gate.open_request("deploy")
    assert record() == 3
    assert {str(pk) for pk in ApprovalRecord.objects.values_list("pk", flat=True)} == {
        before.request_id,
        after.request_id,
    }
    [aside] = SetAsideEntry.objects.all()
    assert aside.position == position
    assert aside.error
    assert "\0" not in aside.fields + aside.error
    assert assert_chain_is_whole() == 2


def test_one_poisoned_entry_in_a_hundred_takes_no_other_with_it(gate, raw, record):
    poison = list(POISON.values())
    for number in range(200):
        gate.open_request("deploy")
        if number % 100 == 50:
            raw.xadd(OUTBOX, poison[number % len(poison)])
    record()
    assert (ApprovalRecord.objects.count(), SetAsideEntry.objects.count()) == (200, 2)
    assert assert_chain_is_whole() == 200


def test_a_poisoned_entry_read_twice_is_set_aside_once(raw, record, clean_redis):
    from core.history.recorder.recorder import Recorder
    from core.models import Cursor

    raw.xadd(OUTBOX, POISON["unknown type"])
    record()
    Cursor.objects.update(position="0")
    Recorder(clean_redis).step()
    assert SetAsideEntry.objects.count() == 1


def test_a_body_that_vanished_before_it_was_recorded_leaves_its_digest(gate, raw, record):
    request = gate.open_request("deploy", {"secret": 1})
    digest = live_record(gate, request.request_id).digest
    raw.delete("{telemetry}:approvals:request:" + request.request_id)
    record()
    row = ApprovalRecord.objects.get(pk=request.request_id)
    assert (row.context, row.digest, row.agent_id) == ("", digest, "deployer")
    assert SetAsideEntry.objects.count() == 0


def test_a_body_that_is_not_the_one_that_was_hashed_is_not_recorded_as_if_it_were(gate, raw, record):
    request = gate.open_request("deploy", {"amount": 5})
    raw.hset("{telemetry}:approvals:request:" + request.request_id, "context", '{"amount":5000}')
    record()
    assert ApprovalRecord.objects.get(pk=request.request_id).context == ""


def test_a_body_that_cannot_be_read_does_not_stop_the_record(gate, raw, record):
    request, other = gate.open_request("deploy", {"a": 1}), gate.open_request("deploy", {"a": 2})
    raw.hset("{telemetry}:approvals:request:" + request.request_id, "context", "not json")
    record()
    assert ApprovalRecord.objects.get(pk=request.request_id).context == ""
    assert ApprovalRecord.objects.get(pk=other.request_id).context == '{"a":2}'


def test_an_end_of_a_request_that_was_never_told_is_still_recorded(raw, record):
    request_id = str(uuid.uuid4())
    raw.xadd(OUTBOX, {**ENDED, "request_id": request_id})
    heard = "{telemetry}:approvals:ended:" + request_id
    raw.xadd(heard, {"status": "approved", "approved": "1", "responder": "r", "ended_ms": "1"})
    raw.expire(heard, 60)
    record()
    row = ApprovalRecord.objects.get(pk=request_id)
    assert (row.status, row.responder) == ("approved", "r")
    assert kinds_of(request_id) == ["approval.approved"]


def test_a_nul_in_a_reason_is_recorded_as_its_picture(gate, record):
    request = gate.open_request("deploy")
    gate.respond_to_approval(request.request_id, True, "ann", "a\0b")
    record()
    assert ApprovalRecord.objects.get(pk=request.request_id).reason == "a\u2400b"
    assert SetAsideEntry.objects.count() == 0
    assert assert_chain_is_whole() == 2


def test_a_second_contradicting_end_changes_nothing_and_is_told(gate, raw, record):
    request = gate.open_request("deploy")
    gate.respond_to_approval(request.request_id, False, "ann")
    raw.xadd(OUTBOX, {**ENDED, "request_id": request.request_id})
    record()
    assert ApprovalRecord.objects.get(pk=request.request_id).status == "rejected"
    assert kinds_of(request.request_id) == ["approval.requested", "approval.rejected", "record.contradicted"]


def test_an_events_key_of_a_wrong_type_does_not_stop_the_record(gate, raw, record):
    raw.set("{telemetry}:events:stream:approval_expired", "not a stream")
    gate.open_request("stuck", timeout=0.001)
    request = gate.open_request("deploy")
    gate.respond_to_approval(request.request_id, True, "ann")
    assert record() == 3
    assert kinds_of(request.request_id) == ["approval.requested", "approval.approved"]
