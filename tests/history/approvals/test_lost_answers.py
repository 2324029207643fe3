"""What a person was told of their answer stands, also where Redis loses it before it is recorded."""

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from core.approvals import deciding
from core.approvals.request import Decision
from core.history.approvals.decisions import NotNoted
from core.models import ApprovalRecord, AuditEntry, DecisionIntent
from core.store.approvals import Answer
from core.store.client import Store
from tests.conftest import PASSWORD
from tests.history.audit.chain import assert_chain_is_whole, kinds_of
from tests.history.database.obstacles import refusing
from tests.live_record import live_record
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[3]
REQUEST = "{telemetry}:approvals:request:"
ENDED = "{telemetry}:approvals:ended:"
PENDING = "{telemetry}:approvals:pending"
DECIDE = """
import sys
import django; django.setup()
from django.contrib.auth.models import User
from core import ApprovalGate
from core.history.approvals import decisions
from tests.live_record import live_record
gate, maria = ApprovalGate(sys.argv[1]), User.objects.get(username="maria")
digest = live_record(gate, sys.argv[2]).digest
decisions.decide(gate._store, maria, sys.argv[2], approved=True, reason="go", digest=digest)
"""


@pytest.fixture
def decide_and_die(clean_redis, this_database, tmp_path):
    """A web process that is killed with SIGKILL at a place, while maria approves."""

    def run(request_id: str, place: str) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "telemetry_site.settings",
            "TELEMETRY_DATA_DIR": str(tmp_path),
            "DATABASE_URL": this_database,
            "TELEMETRY_TESTING": "1",
            "TELEMETRY_FAILPOINT": place,
            "TELEMETRY_UNDO_SECONDS": "0",  # it is told at once
        }
        command = [sys.executable, "-c", DECIDE, clean_redis, request_id]
        ended = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, timeout=60)
        assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
        # Nobody waits for ten seconds here: the attempt is old, as after a longer absence of the recorder.
        DecisionIntent.objects.filter(outcome="open").update(not_after=timezone.now() - timedelta(hours=1))

    return run


def details_of(request_id: str, kind: str) -> list[dict]:
    entries = AuditEntry.objects.filter(request_id=request_id, kind=kind).order_by("sequence")
    return [json.loads(entry.details) for entry in entries]


@pytest.mark.parametrize("asked", ["recorded before", "never recorded"])
@pytest.mark.parametrize("approved", [True, False], ids=["yes", "no"])
def test_an_answer_that_a_person_was_told_of_stands_after_redis_was_emptied(
    gate, raw, maria, decide, record, repair, asked, approved
):
    record()  # the server is known
    request = gate.open_request("deploy", {"n": 1})
    if asked == "recorded before":
        record()
    decision = decide(maria, request.request_id, approved=approved)
    assert decision.accepted
    assert gate.wait_for_decision(request.request_id).approved is approved
    raw.flushall()
    for _ in range(2):
        repair()
    status = "approved" if approved else "rejected"
    row = ApprovalRecord.objects.get(pk=request.request_id)
    assert (row.status, row.responder, row.reason, row.channel) == (status, "maria", "because", "site")
    assert (row.agent_id, row.approval_type, row.ended_at) == ("deployer", "deploy", decision.ended_at)
    assert (row.requested_at, row.timeout_seconds) == (request.timestamp, 300.0)
    intent = DecisionIntent.objects.get()
    assert (intent.outcome, row.decision_id, row.digest) == ("accepted", str(intent.pk), intent.digest)
    assert kinds_of(request.request_id) == ["approval.requested", f"approval.{status}", "record.repaired"]
    [mended] = details_of(request.request_id, "record.repaired")
    assert (mended["was"], mended["is"]) == ("lost", status)
    assert "Redis lost" in mended["what"]
    assert_chain_is_whole()


def test_what_nobody_answered_is_still_cancelled_and_says_nothing_of_an_answer(gate, raw, record, repair):
    request_id = gate.open_request("deploy").request_id
    record()
    raw.flushall()
    repair()
    assert kinds_of(request_id) == ["approval.requested", "approval.cancelled"]


@pytest.mark.parametrize("recorded", [True, False], ids=["asked recorded", "asked not recorded"])
def test_a_redis_from_an_older_file_takes_no_second_decision_on_what_was_accepted(
    gate, maria, make_user, decide, record, repair, restore, background, recorded
):
    request_id = gate.open_request("deploy", timeout=60).request_id
    if recorded:
        record()
    back = restore(REQUEST + request_id, ENDED + request_id, PENDING)
    first = decide(maria, request_id)
    back()
    agent = background(gate.wait_for_decision, request_id)
    second = decide(make_user("omar", "approver"), request_id, approved=False)
    assert (second.outcome, second.status, second.responder) == ("already_decided", "approved", "maria")
    assert second.ended_at == first.ended_at
    assert agent.result(PATIENCE).approved
    live = live_record(gate, request_id)
    assert (live.status, live.responder, live.ended_at) == ("approved", "maria", first.ended_at)
    repair()
    row = ApprovalRecord.objects.get(pk=request_id)
    assert (row.status, row.responder) == ("approved", "maria")
    outcomes = dict(DecisionIntent.objects.values_list("user__username", "outcome"))
    assert outcomes == {"maria": "accepted", "omar": "already_decided"}
    assert sorted(kinds_of(request_id))[:2] == ["approval.approved", "approval.collected"]
    assert_chain_is_whole()


def test_a_recorder_that_starts_after_an_older_file_was_restored_closes_it_with_what_was_accepted(
    gate, maria, decide, record, repair, restore
):
    request_id = gate.open_request("deploy").request_id
    record()
    back = restore(REQUEST + request_id, ENDED + request_id, PENDING, "{telemetry}:outbox")
    first = decide(maria, request_id, approved=False)
    back()
    for _ in range(2):
        repair()
    live, row = live_record(gate, request_id), ApprovalRecord.objects.get(pk=request_id)
    assert (live.status, live.responder, live.ended_at) == ("rejected", "maria", first.ended_at)
    assert (row.status, row.responder, row.ended_at) == ("rejected", "maria", first.ended_at)
    assert gate.get_pending_approvals() == []
    assert kinds_of(request_id) == ["approval.requested", "approval.rejected", "record.repaired"]


ENDS = {
    "timed out": lambda gate, id_: gate.clear_expired_requests(),
    "cancelled": lambda gate, id_: gate.cancel_request(id_),
    "approved directly": lambda gate, id_: gate.respond_to_approval(id_, True, "eve"),
    "denied directly": lambda gate, id_: gate.respond_to_approval(id_, False, "eve"),
}


@pytest.mark.parametrize("end", ENDS)
def test_another_end_in_a_redis_from_an_older_file_is_told_and_changes_nothing(
    gate, raw, maria, decide, record, restore, end
):
    request_id = gate.open_request("deploy").request_id
    record()
    back = restore(REQUEST + request_id, ENDED + request_id, PENDING, "{telemetry}:outbox")
    decide(maria, request_id)
    back()
    if end == "timed out":
        raw.hset(REQUEST + request_id, "deadline_ms", 1)
        raw.zadd(PENDING, {request_id: 1})
    ENDS[end](gate, request_id)
    record()
    row = ApprovalRecord.objects.get(pk=request_id)
    assert (row.status, row.responder) == ("approved", "maria")
    assert DecisionIntent.objects.get().outcome == "accepted"
    assert kinds_of(request_id) == [
        "approval.requested",
        "approval.approved",
        "record.repaired",
        "record.contradicted",
    ]
    assert_chain_is_whole()


@pytest.mark.long
@pytest.mark.parametrize("asked", ["recorded before", "never recorded"])
def test_killed_before_it_was_noted_and_then_lost_the_answer_is_said_to_have_perhaps_taken_effect(
    gate, raw, maria, make_user, client, record, repair, decide_and_die, asked
):
    record()
    request_id = gate.open_request("deploy").request_id
    if asked == "recorded before":
        record()
    decide_and_die(request_id, "site.after_script")
    assert gate.wait_for_decision(request_id).approved  # the agent acts on it
    raw.flushall()
    for _ in range(3):
        repair()
    row, intent = ApprovalRecord.objects.get(pk=request_id), DecisionIntent.objects.get()
    assert (row.status, row.agent_id, intent.outcome, intent.accepted_at) == (
        "cancelled",
        "deployer",
        "unknown",
        None,
    )
    [said] = details_of(request_id, "decision.uncertain")
    assert (said["approved"], said["decision_id"]) == (True, str(intent.pk))
    assert AuditEntry.objects.get(kind="decision.uncertain").actor == "maria"
    assert kinds_of(request_id).count("approval.cancelled") == 1
    make_user("vera", "viewer")
    client.login(username="vera", password=PASSWORD)
    page = client.get(f"/approvals/{request_id}/").content.decode()
    assert "An answer that may have taken effect" in page
    assert "tried to approve: the telemetry server lost the request" in page
    assert_chain_is_whole()


@pytest.mark.long
def test_killed_after_it_was_noted_and_then_lost_the_answer_stands(
    gate, raw, maria, record, repair, decide_and_die
):
    request_id = gate.open_request("deploy").request_id
    record()
    decide_and_die(request_id, "site.after_note")
    raw.flushall()
    repair()
    row = ApprovalRecord.objects.get(pk=request_id)
    assert (row.status, row.responder, DecisionIntent.objects.get().outcome) == (
        "approved",
        "maria",
        "accepted",
    )


def test_while_the_site_may_still_note_an_answer_its_lost_request_is_not_cancelled(
    gate, raw, maria, record, repair
):
    request_id = gate.open_request("deploy").request_id
    record()
    raw.flushall()
    intent = DecisionIntent.objects.create(
        decision_id="11111111-1111-4111-8111-111111111111",
        request_id=request_id,
        user=maria,
        approved=True,
        digest="d",
        not_after=timezone.now() + timedelta(seconds=60),
        created_at=timezone.now(),
    )
    repair()
    assert ApprovalRecord.objects.get(pk=request_id).status == "pending"
    DecisionIntent.objects.filter(pk=intent.pk).update(accepted_at=timezone.now())
    repair()
    assert ApprovalRecord.objects.get(pk=request_id).status == "approved"


def test_without_a_database_at_that_moment_the_person_is_told_so_and_the_recorder_records_it(
    gate, maria, decide, record
):
    request_id = gate.open_request("deploy").request_id
    with refusing("core_decisionintent", "full", "UPDATE"), pytest.raises(NotNoted) as told:
        decide(maria, request_id)
    assert told.value.decision.accepted
    assert live_record(gate, request_id).status == "approved"
    record()
    intent = DecisionIntent.objects.get()
    assert (intent.outcome, intent.accepted_at) == ("accepted", None)
    assert kinds_of(request_id) == ["approval.requested", "approval.approved"]


@pytest.fixture
def decide_while(decide, monkeypatch):
    """maria approves, and `meanwhile` happens before the site can note it."""

    def run(user, request_id, meanwhile):
        ask = deciding.decide

        def asked(store: Store, answer: Answer) -> Decision:
            decision = ask(store, answer)
            meanwhile()
            return decision

        with monkeypatch.context() as patched:
            patched.setattr(deciding, "decide", asked)
            return decide(user, request_id)

    return run


def test_a_recorder_that_is_faster_than_the_site_and_the_site_write_the_same(
    gate, maria, record, decide_while
):
    request_id = gate.open_request("deploy").request_id
    decision = decide_while(maria, request_id, record)
    record()
    intent = DecisionIntent.objects.get()
    assert (intent.outcome, intent.accepted_at) == ("accepted", decision.ended_at)
    assert kinds_of(request_id) == ["approval.requested", "approval.approved"]


def test_a_note_that_comes_after_the_record_was_closed_otherwise_is_said_aloud(
    gate, raw, maria, record, repair, decide_while
):
    request_id = gate.open_request("deploy").request_id
    record()

    def lose_it() -> None:
        raw.flushall()
        DecisionIntent.objects.update(not_after=timezone.now() - timedelta(hours=1))
        repair()

    assert decide_while(maria, request_id, lose_it).accepted
    repair()
    intent = DecisionIntent.objects.get()
    assert (intent.outcome, intent.accepted_at is not None) == ("unknown", True)
    assert kinds_of(request_id).count("decision.uncertain") == 1
    [said] = details_of(request_id, "record.contradicted")
    assert (said["stands"], said["told"]) == ("unknown", "approved")


@pytest.mark.parametrize("many", [12, pytest.param(40, marks=pytest.mark.long)])
def test_noted_by_the_site_while_two_recorders_record_everything_agrees(
    clean_redis, gate, make_user, decide, running, background, many
):
    from core.history.recorder.recorder import Recorder

    for _ in range(2):
        running(Recorder(clean_redis))
    people = [make_user(f"person {number}", "approver") for number in range(4)]
    ids = [gate.open_request("deploy").request_id for _ in range(many)]
    tries = [background(decide, person, request_id) for request_id in ids for person in people]
    accepted = [answer for answer in (attempt.result(60) for attempt in tries) if answer.accepted]
    assert sorted(answer.request_id for answer in accepted) == sorted(ids)
    wait_until(lambda: not DecisionIntent.objects.filter(outcome="open").exists(), "all is settled")
    for answer in accepted:
        row, intent = (
            ApprovalRecord.objects.get(pk=answer.request_id),
            DecisionIntent.objects.get(pk=answer.decision_id),
        )
        assert (intent.outcome, intent.accepted_at) == ("accepted", row.ended_at)
        assert (row.decision_id, row.ended_at) == (answer.decision_id, answer.ended_at)
    kinds = list(AuditEntry.objects.values_list("kind", flat=True))
    assert kinds.count("approval.approved") == many
    assert kinds.count("decision.refused") == 3 * many
    assert not {"record.contradicted", "record.repaired"} & set(kinds)
    assert_chain_is_whole()
