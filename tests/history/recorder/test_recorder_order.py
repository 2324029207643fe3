"""The recorder: every change once, in order, with exactly what was asked and answered."""

import json
import time
from datetime import UTC, datetime

import pytest

from core import ApprovalGate
from core.history.recorder.recorder import Recorder
from core.models import ApprovalRecord, AuditEntry, Cursor
from core.store import outbox
from core.store.client import open_store
from tests.history.audit.chain import assert_chain_is_whole, kinds_of
from tests.live_record import live_record
from tests.waiting import PATIENCE, wait_until

OUTBOX = "{telemetry}:outbox"


def test_a_request_is_recorded_with_the_very_text_that_was_hashed(gate, record):
    request = gate.open_request("deploy", {"b": [1, 2.50, "ü"], "a": None, "big": 2**53 + 1}, timeout=60)
    assert record() == 1
    row = ApprovalRecord.objects.get(pk=request.request_id)
    live = live_record(gate, request.request_id)
    assert row.context.encode() == live.context
    assert row.digest == live.digest
    assert (row.agent_id, row.approval_type, row.status) == ("deployer", "deploy", "pending")
    assert (row.requested_at, row.deadline_at) == (live.requested_at, live.deadline_at)
    assert row.timeout_seconds == 60


def test_a_request_a_decision_and_its_collection_are_three_entries_in_this_order(gate, record):
    request = gate.open_request("deploy", timeout=60)
    gate.respond_to_approval(request.request_id, True, "ann", "fine")
    assert gate.wait_for_decision(request.request_id).approved
    record()
    assert kinds_of(request.request_id) == ["approval.requested", "approval.approved", "approval.collected"]
    row = ApprovalRecord.objects.get(pk=request.request_id)
    assert (row.status, row.responder, row.reason) == ("approved", "ann", "fine")
    assert row.requested_at <= row.ended_at <= row.collected_at


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (lambda gate, id_: gate.respond_to_approval(id_, False, "ann"), "rejected"),
        (lambda gate, id_: gate.cancel_request(id_), "cancelled"),
        (lambda gate, id_: time.sleep(0.06) or gate.clear_expired_requests(), "timeout"),
    ],
    ids=["denied", "cancelled", "expired"],
)
def test_every_kind_of_end_is_recorded_once(gate, record, end, status):
    request = gate.open_request("deploy", timeout=0.05 if status == "timeout" else 60)
    end(gate, request.request_id)
    record()
    record()
    assert kinds_of(request.request_id) == ["approval.requested", f"approval.{status}"]
    assert ApprovalRecord.objects.get(pk=request.request_id).status == status


def test_a_direct_decision_is_recorded_as_direct(gate, record):
    request = gate.open_request("deploy")
    gate.respond_to_approval(request.request_id, True, "somebody")
    record()
    assert ApprovalRecord.objects.get(pk=request.request_id).channel == "direct"
    entry = AuditEntry.objects.get(request_id=request.request_id, kind="approval.approved")
    assert json.loads(entry.details)["channel"] == "direct"
    assert entry.actor == "somebody"


def test_an_outcome_that_two_waiters_took_is_collected_once(gate, record, background):
    request = gate.open_request("deploy")
    waiters = [background(gate.wait_for_decision, request.request_id) for _ in range(2)]
    gate.respond_to_approval(request.request_id, True, "ann")
    assert all(waiter.result(PATIENCE).approved for waiter in waiters)
    record()
    assert kinds_of(request.request_id).count("approval.collected") == 1


def test_the_order_in_the_record_is_the_order_of_the_outbox(gate, record, raw):
    ids = [gate.open_request(f"kind {number}").request_id for number in range(30)]
    for number, request_id in enumerate(ids):
        gate.respond_to_approval(request_id, number % 2 == 0, "ann")
    record()
    said = [(fields["type"], fields["request_id"]) for _, fields in raw.xrange(OUTBOX)]
    written = [
        ("requested" if entry.kind == "approval.requested" else "ended", str(entry.request_id))
        for entry in AuditEntry.objects.order_by("sequence")
    ]
    assert written == said
    assert assert_chain_is_whole() == 60


def test_reading_the_whole_outbox_again_records_nothing_twice(gate, record, clean_redis):
    for number in range(10):
        gate.respond_to_approval(gate.open_request("deploy").request_id, number % 2 == 0, "ann")
    record()
    before = list(AuditEntry.objects.order_by("sequence").values())
    Cursor.objects.update(position="0")
    assert Recorder(clean_redis).step() == 20
    assert list(AuditEntry.objects.order_by("sequence").values()) == before


def test_more_entries_than_one_batch_holds_are_all_recorded(gate, record):
    for _ in range(outbox.BATCH + 50):
        gate.open_request("deploy")
    assert record() == outbox.BATCH + 50
    assert ApprovalRecord.objects.count() == outbox.BATCH + 50
    assert assert_chain_is_whole() == outbox.BATCH + 50


def test_a_dead_agents_request_ends_at_its_deadline_and_the_record_says_timeout(gate, recorder):
    request = gate.open_request("deploy", timeout=0.5)  # and nobody waits for it
    row = wait_until(
        lambda: ApprovalRecord.objects.filter(pk=request.request_id, status="timeout").first(),
        "the recorder has ended it",
    )
    assert 0 <= (row.ended_at - row.deadline_at).total_seconds() <= 8
    assert datetime.now(UTC).timestamp() - row.deadline_at.timestamp() <= 8
    assert kinds_of(request.request_id) == ["approval.requested", "approval.timeout"]
    assert row.responder == "system"


def test_the_outbox_is_trimmed_only_behind_the_commit_and_only_what_is_old(clean_redis, raw, record):
    hour_ms, now_ms = 3600 * 1000, int(time.time() * 1000)
    old = [f"{now_ms - 5 * hour_ms + n}-0" for n in range(2000)]
    for position in old:
        raw.xadd(OUTBOX, {"type": "nothing"}, id=position)
    store = open_store(clean_redis)
    store.run(outbox.committed(store.keys, old[500]))
    assert raw.xrange(OUTBOX, count=1)[0][0] == old[0]  # committed, but not an hour older than the commit
    store.run(outbox.committed(store.keys, f"{now_ms - 4 * hour_ms + 1000}-0"))
    assert raw.xrange(OUTBOX, min=old[1000], count=1)[0][0] == old[1000]
    store.run(outbox.committed(store.keys, f"{now_ms}-0"))
    assert raw.xlen(OUTBOX) < 2000


def test_with_an_installation_the_outbox_is_never_capped_and_without_one_it_is(clean_redis, raw, monkeypatch):
    gate = ApprovalGate(clean_redis, "deployer")
    outbox.installation(open_store(clean_redis))
    fill = "for i = 1, ARGV[1] do redis.call('XADD', KEYS[1], '*', 'type', 'nothing') end"
    raw.eval(fill, 1, OUTBOX, 100_500)
    gate.open_request("deploy")
    assert raw.xlen(OUTBOX) == 100_501
    raw.delete("{telemetry}:installation")
    gate.open_request("deploy")
    assert raw.xlen(OUTBOX) < 100_500


def test_watchers_hear_how_far_the_record_is_after_a_recorder_died_between_commit_and_word(
    gate, record, raw, clean_redis
):
    gate.open_request("deploy")
    record()
    raw.delete("{telemetry}:recorded")
    assert Recorder(clean_redis).step() == 0
    assert outbox.Watcher(clean_redis).recorded == Cursor.objects.get().position


def test_a_queue_entry_that_claims_to_be_due_but_is_not_makes_no_busy_loop(gate, recorder, raw):
    request = gate.open_request("deploy", timeout=60)
    raw.zadd("{telemetry}:approvals:pending", {request.request_id: 1})

    def looks() -> int:
        return raw.info("commandstats").get("cmdstat_time", {"calls": 0})["calls"]

    before = looks()
    wait_until(lambda: looks() > before, "the recorder looks at it")
    raw.config_resetstat()
    began = time.monotonic()
    time.sleep(0.5)  # what is counted is work in a stretch of time
    assert looks() < 300 * (time.monotonic() - began)
    assert live_record(gate, request.request_id).status == "pending"
