"""What a crash or an older Redis file left is settled: once, with an entry that says what was and what is."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from core import AlreadyCollected
from core.history.recorder.recorder import Recorder
from core.models import ApprovalRecord, AuditEntry, Cursor, DecisionIntent
from tests.history.audit.chain import assert_chain_is_whole, kinds_of
from tests.live_record import live_record
from tests.waiting import PATIENCE

OUTBOX = "{telemetry}:outbox"
RECORDED = "{telemetry}:recorded"
REQUEST = "{telemetry}:approvals:request:"
ENDED = "{telemetry}:approvals:ended:"
PENDING = "{telemetry}:approvals:pending"


def open_intent(user, request_id, *, approved=True, seconds_left=-1.0):
    """What a web process that was killed leaves."""
    return DecisionIntent.objects.create(
        decision_id=uuid.uuid4(),
        request_id=request_id,
        user=user,
        approved=approved,
        digest="d",
        not_after=timezone.now() + timedelta(seconds=seconds_left),
        created_at=timezone.now(),
    )


def let_the_deadline_pass(raw, request_id) -> None:
    """Shape what Redis holds as if the request had been asked long enough ago."""
    moment = raw.time()[0] * 1000 - 1
    raw.hset(REQUEST + request_id, "deadline_ms", moment)
    raw.zadd(PENDING, {request_id: moment})


def repaired(request_id):
    entries = AuditEntry.objects.filter(request_id=request_id, kind="record.repaired").order_by("sequence")
    return [(said["was"], said["is"]) for said in (json.loads(entry.details) for entry in entries)]


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        (lambda gate, id_: None, "lapsed"),
        (lambda gate, id_: gate.respond_to_approval(id_, False, "ann"), "already_decided"),
        (lambda gate, id_: gate.cancel_request(id_), "cancelled"),
    ],
    ids=["still pending", "decided by another", "cancelled"],
)
def test_an_intent_whose_process_died_is_settled_by_what_stands(gate, maria, record, repair, end, outcome):
    request_id = gate.open_request("deploy").request_id
    record()
    end(gate, request_id)
    record()
    intent = open_intent(maria, request_id)
    for _ in range(2):
        repair()
    intent.refresh_from_db()
    assert (intent.outcome, intent.settled_at is not None) == (outcome, True)
    assert repaired(request_id) == [("open", outcome)]
    assert_chain_is_whole()


def test_an_intent_whose_limit_has_not_passed_is_left_alone(gate, maria, repair):
    intent = open_intent(maria, gate.open_request("deploy").request_id, seconds_left=60)
    repair()
    intent.refresh_from_db()
    assert intent.outcome == "open"


def test_the_limit_is_measured_by_redis_and_not_by_this_machine(gate, maria, repair, monkeypatch):
    intent = open_intent(maria, gate.open_request("deploy").request_id, seconds_left=60)
    monkeypatch.setattr("django.utils.timezone.now", lambda: datetime(2099, 1, 1, tzinfo=UTC))
    repair()
    intent.refresh_from_db()
    assert intent.outcome == "open"


def test_an_intent_that_took_effect_is_accepted_and_never_voided(gate, maria, decide, raw, repair):
    request_id = gate.open_request("deploy").request_id
    decide(maria, request_id)
    DecisionIntent.objects.update(not_after=timezone.now() - timedelta(days=1))
    raw.delete(OUTBOX)  # nobody will ever read of it
    repair()
    row = ApprovalRecord.objects.get(pk=request_id)
    assert (row.status, row.responder, row.channel) == ("approved", "maria", "site")
    assert DecisionIntent.objects.get().outcome == "accepted"
    assert kinds_of(request_id) == ["approval.requested", "approval.approved", "record.repaired"]


def test_a_request_of_which_the_outbox_lost_the_entry_is_recorded(gate, raw, repair):
    request = gate.open_request("deploy", {"n": 1}, timeout=60)
    raw.delete(OUTBOX)
    for _ in range(2):
        repair()
    row = ApprovalRecord.objects.get(pk=request.request_id)
    assert (row.status, row.context, row.timeout_seconds) == ("pending", '{"n":1}', 60)
    assert repaired(request.request_id) == [("not recorded", "pending")]


def test_an_end_of_which_the_outbox_lost_the_entry_is_recorded_with_its_collection(gate, raw, record, repair):
    request_id = gate.open_request("deploy").request_id
    record()
    gate.respond_to_approval(request_id, True, "ann", "fine")
    assert gate.wait_for_decision(request_id).approved
    raw.delete(OUTBOX)
    for _ in range(2):
        repair()
    row, live = ApprovalRecord.objects.get(pk=request_id), live_record(gate, request_id)
    assert (row.status, row.responder, row.ended_at) == ("approved", "ann", live.ended_at)
    assert row.collected_at == live.collected_at
    assert kinds_of(request_id) == [
        "approval.requested",
        "approval.approved",
        "approval.collected",
        "record.repaired",
    ]
    assert repaired(request_id) == [("pending", "approved")]


def test_what_the_recorder_has_still_to_read_is_not_taken_for_lost(gate, clean_redis, record):
    ids = [gate.open_request("deploy").request_id for _ in range(5)]
    record()
    recorder = Recorder(clean_redis)
    for request_id in ids:
        gate.respond_to_approval(request_id, True, "ann")
    recorder._begin()
    recorder._repair.step(recorder._position)
    assert not AuditEntry.objects.filter(kind="record.repaired").exists()
    record()
    assert AuditEntry.objects.filter(kind="approval.approved").count() == 5


def test_what_another_recorder_has_read_meanwhile_is_not_repaired(gate, clean_redis, raw, record):
    request_id = gate.open_request("deploy").request_id
    recorder = Recorder(clean_redis)
    recorder._begin()
    raw.delete(OUTBOX)
    Cursor.objects.update(position="9-9")
    recorder._repair.step("0")
    assert not ApprovalRecord.objects.filter(pk=request_id).exists()


@pytest.mark.parametrize("status", ["approved", "rejected", "cancelled", "timeout"])
def test_a_request_restored_as_pending_is_closed_with_the_end_that_sql_knows(
    gate, maria, decide, record, repair, restore, background, status
):
    request_id = gate.open_request("deploy", timeout=0.2 if status == "timeout" else 60).request_id
    back = restore(REQUEST + request_id, ENDED + request_id, PENDING)
    if status == "cancelled":
        gate.cancel_request(request_id)
    elif status == "timeout":
        gate.wait_for_decision(request_id)
    else:
        decide(maria, request_id, approved=status == "approved")
    record()
    row = ApprovalRecord.objects.get(pk=request_id)
    back()
    # Past the deadline an agent would end it itself.
    agent = background(gate.wait_for_decision, request_id) if status != "timeout" else None
    repair()
    live = live_record(gate, request_id)
    heard = agent.result(PATIENCE) if agent else gate.wait_for_decision(request_id)
    assert (live.status, live.responder, live.ended_at) == (status, row.responder, row.ended_at)
    assert (live.decision_id, live.channel) == (row.decision_id, row.channel)
    assert (heard.approved, heard.responder) == (status == "approved", row.responder)
    assert gate.get_pending_approvals() == []
    repair()
    assert repaired(request_id) == [("pending", status)]
    assert ApprovalRecord.objects.get(pk=request_id).status == status


@pytest.mark.parametrize(("end", "outcome"), [("rejected", "already_decided"), ("cancelled", "cancelled")])
def test_a_restored_request_takes_no_second_decision_and_the_attempt_closes_it(
    gate, maria, make_user, decide, record, restore, end, outcome
):
    request_id = gate.open_request("deploy").request_id
    back = restore(REQUEST + request_id, ENDED + request_id, PENDING)
    if end == "rejected":
        decide(maria, request_id, approved=False)
    else:
        gate.cancel_request(request_id)
    record()
    back()
    decision = decide(make_user("bob", "approver"), request_id, approved=True)
    assert (decision.outcome, decision.status) == (outcome, end)
    assert decision.responder == ("maria" if end == "rejected" else "system")
    assert live_record(gate, request_id).status == end
    assert DecisionIntent.objects.get(user__username="bob").outcome == outcome


def test_another_request_under_the_id_of_an_ended_one_is_cancelled(
    gate, raw, maria, decide, record, repair, restore
):
    request_id = gate.open_request("deploy", {"amount": 5}).request_id
    back = restore(REQUEST + request_id, ENDED + request_id, PENDING)
    decide(maria, request_id)
    record()
    back()
    raw.hset(REQUEST + request_id, "digest", "of something else")
    repair()
    ended = live_record(gate, request_id)
    assert (ended.status, ended.reason) == (
        "cancelled", "cancelled: the server held something else than was asked",
    )  # fmt: skip
    assert ApprovalRecord.objects.get(pk=request_id).status == "approved"


def test_a_request_asked_after_the_file_that_was_restored_is_ended_as_lost(gate, raw, record, repair):
    request_id = gate.open_request("deploy").request_id
    record()
    raw.delete(REQUEST + request_id)  # the same installation, an older file
    raw.zrem(PENDING, request_id)
    repair()
    row = ApprovalRecord.objects.get(pk=request_id)
    assert row.status == "cancelled"
    assert "lost by the server" in row.reason
    assert kinds_of(request_id) == ["approval.requested", "approval.cancelled"]


def test_a_round_goes_over_all_that_is_open_in_parts(gate, raw, record, repair, monkeypatch):
    monkeypatch.setattr("core.history.approvals.repair.PART", 3)
    known = [gate.open_request("deploy").request_id for _ in range(10)]
    record()
    unknown = [gate.open_request("deploy").request_id for _ in range(10)]
    raw.delete(OUTBOX)
    for request_id in known:
        gate.respond_to_approval(request_id, True, "ann")
    raw.delete(OUTBOX)
    repair()
    assert {row.status for row in ApprovalRecord.objects.filter(pk__in=known)} == {"approved"}
    assert ApprovalRecord.objects.filter(pk__in=unknown, status="pending").count() == 10


def test_a_restored_queue_is_closed_whole_before_anything_of_it_times_out(
    gate, raw, record, repair, restore, monkeypatch
):
    monkeypatch.setattr("core.history.approvals.repair.PART", 3)
    ids = [gate.open_request("deploy").request_id for _ in range(10)]
    back = restore(PENDING, *(REQUEST + id_ for id_ in ids), *(ENDED + id_ for id_ in ids))
    for request_id in ids:
        gate.respond_to_approval(request_id, True, "ann")
    record()
    back()
    for request_id in ids:
        let_the_deadline_pass(raw, request_id)  # past it the sweep ends what is pending
    repair()
    assert {live_record(gate, request_id).status for request_id in ids} == {"approved"}


def test_attempts_on_requests_that_cannot_be_read_do_not_keep_the_others_from_being_settled(
    gate, raw, maria, record, repair, monkeypatch
):
    monkeypatch.setattr("core.history.approvals.repair.PART", 3)
    bad = [gate.open_request("deploy").request_id for _ in range(7)]
    good = open_intent(maria, gate.open_request("deploy").request_id)
    record()
    for request_id in bad:
        open_intent(maria, request_id, seconds_left=-100)
        raw.hset(REQUEST + request_id, "status", "odd")
    repair()
    good.refresh_from_db()
    assert good.outcome == "lapsed"
    assert DecisionIntent.objects.filter(outcome="open").count() == 7


def test_a_request_that_cannot_be_read_is_left_and_the_rest_is_repaired(gate, raw, repair):
    bad, good = (gate.open_request("deploy").request_id for _ in range(2))
    raw.hset(REQUEST + bad, "deadline_ms", "soon")
    raw.delete(OUTBOX)
    repair()
    assert [str(pk) for pk in ApprovalRecord.objects.values_list("pk", flat=True)] == [good]


def test_nothing_to_repair_costs_a_few_questions_and_writes_nothing(
    gate, record, clean_redis, django_assert_max_num_queries, raw
):
    for _ in range(50):
        gate.open_request("deploy")
    record()
    recorder = Recorder(clean_redis)
    recorder._begin()
    before = raw.info("stats")["total_commands_processed"]
    with django_assert_max_num_queries(3):
        recorder._repair.step(recorder._position)
    assert raw.info("stats")["total_commands_processed"] - before < 60  # one for each request, in one trip
    assert not recorder._repair.due


def test_a_repair_that_the_database_refuses_does_not_stop_the_record(
    gate, raw, record, clean_redis, monkeypatch
):
    from django.db import OperationalError

    recorder = Recorder(clean_redis)

    def refuse(*_args):
        raise OperationalError("database is locked")

    monkeypatch.setattr(recorder._repair, "step", refuse)
    request_id = gate.open_request("deploy").request_id
    assert recorder.step() == 1
    assert kinds_of(request_id) == ["approval.requested"]


def test_the_page_says_what_was_repaired(gate, raw, repair, make_user, client):
    from tests.conftest import PASSWORD

    request_id = gate.open_request("deploy").request_id
    raw.delete(OUTBOX)
    repair()
    make_user("vera", "viewer")
    client.login(username="vera", password=PASSWORD)
    page = client.get(f"/approvals/{request_id}/").content.decode()
    assert "Repaired" in page
    assert "was not recorded, is pending" in page


def test_an_end_that_a_restored_redis_made_anew_is_told_and_counts_as_no_collection(
    gate, raw, record, restore
):
    request_id = gate.open_request("deploy").request_id
    back = restore(REQUEST + request_id, ENDED + request_id, PENDING)
    gate.respond_to_approval(request_id, True, "ann")
    record()
    back()
    let_the_deadline_pass(raw, request_id)
    assert gate.wait_for_decision(request_id).approved is False
    record()
    row = ApprovalRecord.objects.get(pk=request_id)
    assert (row.status, row.collected_at) == ("approved", None)
    assert kinds_of(request_id) == [
        "approval.requested",
        "approval.approved",
        "record.contradicted",
        "approval.collected",
    ]


@pytest.fixture
def used(gate, record):
    """Approves and claims a request; what is copied before each of the two: `used(before_its_end, before_its_use)`."""

    def run(copy_before_end, copy_before_use):
        request_id = gate.open_request("deploy").request_id
        keys = (REQUEST + request_id, ENDED + request_id, PENDING, OUTBOX, RECORDED)
        record()
        copies = copy_before_end(*keys)
        gate.respond_to_approval(request_id, True, "ann")
        record()
        later = copy_before_use(*keys)
        assert gate.wait_for_decision(request_id, claim="pay 7").approved
        record()
        return request_id, copies, later

    return run


@pytest.mark.parametrize("file", ["from before the answer", "from before the use"])
def test_a_claim_outlives_a_redis_from_an_older_file(gate, record, repair, restore, used, file):
    request_id, before_end, before_use = used(restore, restore)
    collected_at = live_record(gate, request_id).collected_at
    (before_end if file == "from before the answer" else before_use)()
    for _ in range(2):
        repair()
    live = live_record(gate, request_id)
    assert (live.status, live.collected_at, live.claim) == ("approved", collected_at, "pay 7")
    with pytest.raises(AlreadyCollected, match="collected by 'pay 7'"):
        gate.wait_for_decision(request_id, claim="pay 8")
    assert gate.wait_for_decision(request_id, claim="pay 7").approved
    record()
    was = "pending" if file == "from before the answer" else "uncollected"
    assert repaired(request_id) == [(was, "approved" if was == "pending" else "collected")]
    assert ApprovalRecord.objects.get(pk=request_id).collected_at == collected_at
    assert kinds_of(request_id).count("approval.collected") == 1
    assert_chain_is_whole()


def test_somebody_who_used_it_again_before_the_repair_is_in_the_record(gate, record, repair, restore, used):
    request_id, _before_end, before_use = used(restore, restore)
    before_use()
    assert gate.wait_for_decision(request_id, claim="pay 8").approved
    for _ in range(2):
        repair()
        record()
    entries = AuditEntry.objects.filter(request_id=request_id, kind="approval.collected").order_by("sequence")
    assert [json.loads(entry.details)["claim"] for entry in entries] == ["pay 7", "pay 8"]


def test_every_use_after_the_older_file_is_marked_again_however_many(
    gate, raw, record, repair, used, monkeypatch
):
    monkeypatch.setattr("core.history.approvals.repair.PART", 2)
    ids = [used(lambda *keys: None, lambda *keys: None)[0] for _ in range(5)]
    for request_id in ids[1:]:
        raw.hdel(REQUEST + request_id, "collected_ms", "claim")
    raw.delete(RECORDED)
    repair()
    assert [live_record(gate, request_id).claim for request_id in ids] == ["pay 7"] * 5
