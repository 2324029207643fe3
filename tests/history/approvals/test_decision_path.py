"""A person's decision: what is in SQL before it can take effect, who may make it, and what comes of it."""

import json
import time
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.utils import timezone

from core import ApprovalGate, DecisionUnconfirmed, StoreUnavailable
from core.approvals import deciding
from core.approvals.request import Decision
from core.history.approvals import decisions
from core.history.approvals.alarms import AlteredRequest
from core.history.approvals.decisions import NotAllowed
from core.models import ApprovalRecord, AuditEntry, DecisionIntent
from core.store.approvals import Answer
from core.store.client import Store
from tests.history.audit.chain import assert_chain_is_whole, kinds_of
from tests.history.database.obstacles import refusing
from tests.live_record import live_record
from tests.servers import faulty_server

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def before_redis_is_asked(monkeypatch):
    """Do something between the reading of a request and its decision."""

    def do(something: Callable[[Answer], None]) -> None:
        decide = deciding.decide

        def asked(store: Store, answer: Answer) -> Decision:
            something(answer)
            return decide(store, answer)

        monkeypatch.setattr(deciding, "decide", asked)

    return do


def refusals() -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(kind="decision.refused"))


def test_the_intent_is_committed_before_redis_is_asked(maria, gate, decide, record, before_redis_is_asked):
    request = gate.open_request("deploy")
    seen = []

    def look(answer: Answer) -> None:
        intent = DecisionIntent.objects.get(request_id=answer.request_id)
        seen.append((intent, live_record(gate, answer.request_id).status))

    before_redis_is_asked(look)
    decision = decide(maria, request.request_id)
    [(intent, status)] = seen
    assert decision.accepted
    assert (intent.outcome, status) == ("open", "pending")
    assert not transaction.get_connection().in_atomic_block
    record()
    intent.refresh_from_db()
    assert intent.outcome == "accepted"
    assert intent.settled_at is not None
    assert ApprovalRecord.objects.get(pk=request.request_id).decision_id == str(intent.pk)


@pytest.mark.parametrize("stream", ["outbox", "events"])
def test_an_answer_that_took_effect_although_somebody_had_spoiled_a_stream_is_told_as_accepted(
    stream, maria, gate, decide, record, repair, raw
):
    """Whoever may append may do so under the last id that there is, and then nobody can any more."""
    request, keys = gate.open_request("deploy"), gate._store.keys
    record()
    spoiled = keys.outbox if stream == "outbox" else keys.event_stream("approval_decided")
    raw.xadd(spoiled, {"type": "x"}, id=f"{2**64 - 1}-{2**64 - 1}")
    assert decide(maria, request.request_id).accepted
    assert gate.wait_for_decision(request.request_id, 5).approved
    raw.delete(spoiled)
    repair()
    row = ApprovalRecord.objects.get(pk=request.request_id)
    assert (row.status, row.responder, row.channel) == ("approved", "maria", "site")
    assert DecisionIntent.objects.get().outcome == "accepted"
    assert_chain_is_whole()


def test_redis_gone_before_the_decision_leaves_an_open_intent_and_nothing_decided(
    maria, before_redis_is_asked
):
    with faulty_server(durable=True) as server:
        gate = ApprovalGate(server.url, "deployer")
        before_redis_is_asked(lambda _answer: server.stop())
        request = gate.open_request("deploy", timeout=60)
        digest = live_record(gate, request.request_id).digest
        with pytest.raises(DecisionUnconfirmed):
            decisions.decide(gate._store, maria, request.request_id, approved=True, reason="", digest=digest)
        assert DecisionIntent.objects.get().outcome == "open"
        server.start()
        assert live_record(ApprovalGate(server.url), request.request_id).status == "pending"


def test_redis_gone_before_the_request_was_read_leaves_nothing_at_all(maria):
    with faulty_server() as server:
        gate = ApprovalGate(server.url, "deployer")
        request_id = gate.open_request("deploy", timeout=60).request_id
        server.stop()
        with pytest.raises(StoreUnavailable):
            decisions.decide(gate._store, maria, request_id, approved=True, reason="", digest="d")
    assert not DecisionIntent.objects.exists()


def test_a_right_taken_between_page_and_post_is_gone(gate, maria, decide):
    request = gate.open_request("deploy")
    assert maria.has_perm("core.decide_approval")  # and the object remembers that
    maria.groups.remove(Group.objects.get(name="approver"))
    with pytest.raises(NotAllowed, match="may look"):
        decide(maria, request.request_id)
    [refusal] = refusals()
    assert (refusal.actor, refusal.agent_id) == ("maria", "deployer")
    assert live_record(gate, request.request_id).status == "pending"
    assert not DecisionIntent.objects.exists()


def test_an_account_that_was_deactivated_decides_nothing(gate, maria, decide):
    request = gate.open_request("deploy")
    type(maria).objects.filter(pk=maria.pk).update(is_active=False)
    with pytest.raises(NotAllowed, match="not active"):
        decide(maria, request.request_id)
    assert len(refusals()) == 1
    assert live_record(gate, request.request_id).status == "pending"


@pytest.mark.parametrize("rights", [[], ["viewer"], ["auditor"]])
def test_people_without_the_right_decide_nothing_and_are_recorded(gate, make_user, decide, rights):
    request = gate.open_request("deploy")
    with pytest.raises(NotAllowed):
        decide(make_user("vera", *rights), request.request_id)
    assert [refusal.actor for refusal in refusals()] == ["vera"]


@pytest.mark.parametrize(
    "fields", [{}, {"is_superuser": True, "is_staff": True}], ids=["approver", "superuser"]
)
def test_nobody_answers_what_they_asked_themselves(gate, make_user, decide, fields):
    request = gate.open_request("deploy")
    with pytest.raises(NotAllowed, match="yourself"):
        decide(make_user("deployer", "approver", **fields), request.request_id)
    assert json.loads(refusals()[0].details)["why"].startswith("You asked")
    assert live_record(gate, request.request_id).status == "pending"


def test_a_digest_that_is_not_what_stands_there_decides_nothing(gate, maria, decide, record):
    request = gate.open_request("deploy")
    decision = decide(maria, request.request_id, digest="0" * 64)
    assert (decision.outcome, decision.status) == ("changed", "pending")
    assert DecisionIntent.objects.get().outcome == "changed"
    assert live_record(gate, request.request_id).status == "pending"
    record()
    assert kinds_of(request.request_id) == ["decision.refused", "approval.requested"]


def test_a_context_changed_behind_the_page_decides_nothing(gate, raw, maria, decide):
    request = gate.open_request("pay", {"amount": 5})
    raw.hset("{telemetry}:approvals:request:" + request.request_id, "context", '{"amount":5000}')
    with pytest.raises(AlteredRequest):
        decide(maria, request.request_id)
    assert live_record(gate, request.request_id).status == "pending"
    assert not DecisionIntent.objects.exists()


def test_an_answer_that_took_too_long_on_its_way_lapses(gate, maria, decide, monkeypatch):
    monkeypatch.setattr(decisions, "INTENT_SECONDS", -1)
    request = gate.open_request("deploy")
    assert decide(maria, request.request_id).outcome == "lapsed"
    assert DecisionIntent.objects.get().outcome == "lapsed"
    assert live_record(gate, request.request_id).status == "pending"


def test_an_answer_after_the_deadline_is_told_that_it_is_too_late(gate, maria, decide, record):
    request = gate.open_request("deploy", timeout=0.02)
    digest = live_record(gate, request.request_id).digest
    time.sleep(0.05)  # the deadline passes
    decision = decide(maria, request.request_id, digest=digest)
    assert (decision.outcome, decision.status) == ("expired", "timeout")
    record()
    assert DecisionIntent.objects.get().outcome == "expired"
    assert ApprovalRecord.objects.get(pk=request.request_id).status == "timeout"


def test_the_loser_learns_who_decided_what_and_when(gate, maria, make_user, decide):
    request = gate.open_request("deploy")
    winner = decide(maria, request.request_id, approved=False)
    loser = decide(make_user("john", "approver"), request.request_id)
    assert (loser.outcome, loser.status, loser.responder) == ("already_decided", "rejected", "maria")
    assert loser.ended_at == winner.ended_at is not None
    [refusal] = refusals()
    said = json.loads(refusal.details)
    assert refusal.actor == "john"
    assert (said["outcome"], said["standing"], said["standing_responder"]) == (
        "already_decided",
        "rejected",
        "maria",
    )


def test_a_cancelled_request_cannot_be_decided(gate, maria, decide):
    request = gate.open_request("deploy")
    digest = live_record(gate, request.request_id).digest
    gate.cancel_request(request.request_id)
    assert decide(maria, request.request_id, digest=digest).outcome == "cancelled"
    assert DecisionIntent.objects.get().outcome == "cancelled"


def test_an_unknown_request_leaves_no_intent(maria, decide):
    assert decide(maria, "7f1c8e5e-5a45-4a3c-9d43-0f6a0f0a1b2c", digest="d").outcome == "unknown"
    assert not DecisionIntent.objects.exists()


@pytest.mark.parametrize(("reason", "digest"), [("x" * 2001, "d"), ("\ud800", "d"), ("fine", "")])
def test_a_bad_form_decides_nothing_and_leaves_no_intent(gate, maria, reason, digest):
    request = gate.open_request("deploy")
    with pytest.raises(ValueError):
        decisions.decide(gate._store, maria, request.request_id, approved=True, reason=reason, digest=digest)
    assert not DecisionIntent.objects.exists()
    assert live_record(gate, request.request_id).status == "pending"


def test_the_database_refuses_a_second_accepted_attempt(gate, maria, decide, record):
    request = gate.open_request("deploy")
    decide(maria, request.request_id)
    record()
    with pytest.raises(IntegrityError), transaction.atomic():
        DecisionIntent.objects.create(
            decision_id="11111111-1111-4111-8111-111111111111",
            request_id=request.request_id,
            user=maria,
            approved=False,
            digest="d",
            not_after=timezone.now(),
            created_at=timezone.now(),
            outcome="accepted",
        )


def test_without_a_database_nothing_is_decided(gate, maria, decide):
    request = gate.open_request("deploy")
    with refusing("core_decisionintent", "full"), pytest.raises(Exception, match="full"):
        decide(maria, request.request_id)
    assert live_record(gate, request.request_id).status == "pending"


def test_eight_people_at_once_one_accepted_seven_told_and_one_line_of_it(
    gate, make_user, decide, record, background
):
    people = [make_user(f"person-{number}", "approver") for number in range(8)]
    for _ in range(5):
        request = gate.open_request("deploy")
        tries = [
            background(decide, person, request.request_id, approved=number % 2 == 0)
            for number, person in enumerate(people)
        ]
        answers = [attempt.result(60) for attempt in tries]
        [winner] = [answer for answer in answers if answer.accepted]
        assert {(answer.status, answer.responder) for answer in answers} == {
            (winner.status, winner.responder)
        }
        record()
        outcomes = DecisionIntent.objects.filter(request_id=request.request_id).values_list(
            "outcome", flat=True
        )
        assert sorted(outcomes) == ["accepted"] + ["already_decided"] * 7
        kinds = kinds_of(request.request_id)
        assert kinds.count("decision.refused") == 7
        assert kinds.count(f"approval.{winner.status}") == 1
    assert_chain_is_whole()


def test_the_lost_attempt_of_an_unconfirmed_decision_is_settled_by_the_end(maria, record, gate, decide):
    request = gate.open_request("deploy")
    open_intent = DecisionIntent.objects.create(
        decision_id="11111111-1111-4111-8111-111111111111",
        request_id=request.request_id,
        user=maria,
        approved=True,
        digest="d",
        not_after=timezone.now(),
        created_at=timezone.now(),
    )
    gate.respond_to_approval(request.request_id, False, "ann")
    record()
    open_intent.refresh_from_db()
    assert open_intent.outcome == "already_decided"


def test_a_stored_record_that_cannot_be_read_is_not_decided(gate, raw, maria, decide):
    from core import MalformedRecord

    request = gate.open_request("deploy")
    raw.hset("{telemetry}:approvals:request:" + request.request_id, "deadline_ms", "never")
    with pytest.raises(MalformedRecord):
        decide(maria, request.request_id, digest="d")
    assert not DecisionIntent.objects.exists()


def test_a_person_who_was_deleted_in_this_moment_decides_nothing_and_the_record_says_so(
    maria, gate, clean_redis
):
    request = gate.open_request("deploy")
    digest = live_record(gate, request.request_id).digest
    gone = type(maria).objects.get(pk=maria.pk)
    maria.delete()
    with pytest.raises(NotAllowed, match="deleted"):
        decisions.decide(gate._store, gone, request.request_id, approved=True, reason="", digest=digest)
    assert live_record(gate, request.request_id).status == "pending"
    assert [fact.actor for fact in refusals()] == ["maria"]
