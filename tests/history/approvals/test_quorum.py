"""Requests that several people must approve: N different people, one outcome, and the record names all."""

import json
import threading

import pytest
from django.db import OperationalError

from core import failpoints
from core.history.approvals import decisions
from core.history.approvals.alarms import AlteredRequest
from core.history.approvals.decisions import NotAllowed
from core.history.approvals.quorum import CountedVote, votes_of
from core.models import AgentOwner, ApprovalType, AuditEntry, DecisionGrant, DecisionIntent, Vote
from tests.history.audit.chain import assert_chain_is_whole
from tests.live_record import live_record

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people(make_user):
    return [make_user(name, "approver") for name in ("ann", "bob", "cem")]


@pytest.fixture
def two_of(people):
    ApprovalType.objects.create(name="deploy", approvers=2)
    return people


def voted() -> list[tuple[str, list[str]]]:
    found = AuditEntry.objects.filter(kind="decision.voted").order_by("sequence")
    return [(entry.actor, json.loads(entry.details)["votes"]) for entry in found]


def test_the_first_approval_decides_nothing_and_the_second_does(two_of, gate, decide, record):
    ann, bob, _cem = two_of
    request = gate.open_request("deploy")
    first = decide(ann, request.request_id)
    assert isinstance(first, CountedVote)
    assert (first.outcome, first.votes, first.approvers) == ("voted", ("ann",), 2)
    assert live_record(gate, request.request_id).status == "pending"
    assert not DecisionIntent.objects.exists()
    assert decide(bob, request.request_id).accepted
    record()
    end = live_record(gate, request.request_id)
    assert (end.status, end.responder) == ("approved", "bob")
    assert voted() == [("ann", ["ann"]), ("bob", ["ann", "bob"])]
    assert_chain_is_whole()


def test_one_person_counts_once_however_often_they_press(two_of, gate, decide):
    ann = two_of[0]
    request = gate.open_request("deploy")
    for _again in range(3):
        assert decide(ann, request.request_id).outcome == "voted"
    assert votes_of([request.request_id]) == {request.request_id: ("ann",)}
    assert voted() == [("ann", ["ann"])]


def test_a_vote_again_with_another_reason_is_recorded_and_the_same_once_more_is_not(two_of, gate):
    request = gate.open_request("deploy")
    digest = live_record(gate, request.request_id).digest
    for reason in ("it was reviewed", "it was reviewed", "it was tested too", "it was reviewed"):
        told = decisions.decide(
            gate._store, two_of[0], request.request_id, approved=True, reason=reason, digest=digest
        )
        assert (told.outcome, told.votes) == ("voted", ("ann",))
    entries = AuditEntry.objects.filter(kind="decision.voted").order_by("sequence")
    said = [json.loads(entry.details)["reason"] for entry in entries]
    assert said == ["it was reviewed", "it was tested too", "it was reviewed"]
    assert Vote.objects.get().reason == said[-1]


def test_people_whose_names_look_alike_count_as_one(two_of, gate, decide):
    ann, bob, cem = two_of
    type(bob).objects.filter(pk=bob.pk).update(username="Ann")  # as it was in an older version
    request = gate.open_request("deploy")
    decide(ann, request.request_id)
    assert decide(bob, request.request_id).outcome == "voted"
    assert decide(cem, request.request_id).accepted


def test_the_first_denial_ends_it(two_of, gate, decide):
    ann, bob, cem = two_of
    request = gate.open_request("deploy")
    decide(ann, request.request_id)
    assert decide(bob, request.request_id, approved=False).accepted
    late = decide(cem, request.request_id)
    assert (late.outcome, late.status, late.responder) == ("already_decided", "rejected", "bob")
    assert live_record(gate, request.request_id).status == "rejected"
    assert AuditEntry.objects.filter(kind="decision.refused", actor="cem").count() == 1


@pytest.mark.parametrize("lost", ["deactivated", "left the group", "narrowed", "owns it now"])
def test_a_vote_whose_person_may_not_any_more_counts_no_more(two_of, gate, decide, lost):
    ann, bob, cem = two_of
    request = gate.open_request("deploy")
    decide(ann, request.request_id)
    if lost == "deactivated":
        type(ann).objects.filter(pk=ann.pk).update(is_active=False)
    elif lost == "left the group":
        ann.groups.clear()
    elif lost == "owns it now":
        AgentOwner.objects.create(agent="deployer", person=ann)
    else:
        DecisionGrant.objects.all().delete()
        team = ann.teams.model.objects.create(name="payments")
        team.people.set([bob, cem])
        DecisionGrant.objects.create(approval_type="deploy", team=team)
    shown = votes_of([request.request_id]).get(request.request_id, ())
    assert shown == ((ann.get_username(),) if lost in ("narrowed", "owns it now") else ())
    assert decide(bob, request.request_id).outcome == "voted"
    assert live_record(gate, request.request_id).status == "pending"
    assert decide(cem, request.request_id).accepted


def test_a_kind_that_demands_more_since_then_waits_for_more(two_of, gate, decide):
    ann, bob, cem = two_of
    request = gate.open_request("deploy")
    decide(ann, request.request_id)
    ApprovalType.objects.update(approvers=3)
    assert decide(bob, request.request_id).outcome == "voted"
    assert decide(cem, request.request_id).accepted


def test_nobody_votes_on_other_bytes_than_were_asked(two_of, gate, raw, decide):
    ann, bob, cem = two_of
    request = gate.open_request("deploy", {"amount": 5})
    seen = live_record(gate, request.request_id).digest
    decide(ann, request.request_id)
    raw.hset("{telemetry}:approvals:request:" + request.request_id, "context", '{"amount":5000}')
    for person, digest in ((bob, seen), (cem, None)):
        with pytest.raises(AlteredRequest):
            decide(person, request.request_id, digest=digest)
    assert [vote.user for vote in Vote.objects.all()] == [ann]
    assert live_record(gate, request.request_id).status == "pending"


def test_a_vote_for_what_another_page_showed_does_not_count(two_of, gate, decide):
    request = gate.open_request("deploy")
    assert decide(two_of[0], request.request_id, digest="f" * 64).outcome == "changed"
    assert not Vote.objects.exists()


def test_the_owner_and_the_asker_are_none_of_the_several(two_of, gate, make_user, decide):
    ann, _bob, _cem = two_of
    AgentOwner.objects.create(agent="deployer", person=ann)
    request = gate.open_request("deploy")
    for person in (ann, make_user("deployer", "approver")):
        with pytest.raises(NotAllowed):
            decide(person, request.request_id)
    assert not Vote.objects.exists()


def test_after_the_deadline_nobody_votes(two_of, gate, decide, raw):
    request = gate.open_request("deploy")
    raw.hset("{telemetry}:approvals:request:" + request.request_id, "deadline_ms", "1000")
    assert decide(two_of[0], request.request_id).outcome == "expired"
    assert not Vote.objects.exists()


@pytest.mark.parametrize(
    "point", ["site.before_intent", "site.after_intent", "site.after_script", "site.after_note"]
)
def test_what_is_broken_off_anywhere_is_gone_on_with(two_of, gate, decide, monkeypatch, point, record):
    ann, bob, cem = two_of
    request = gate.open_request("deploy")
    decide(ann, request.request_id)

    def reach(name: str) -> None:
        if name == point:
            raise RuntimeError(name)

    with monkeypatch.context() as broken:
        broken.setattr(failpoints, "reach", reach)
        with pytest.raises(RuntimeError):
            decide(bob, request.request_id)
    again = decide(cem, request.request_id)
    record()
    end = live_record(gate, request.request_id)
    assert end.status == "approved"
    assert again.accepted or end.responder == "bob"
    assert len({actor for actor, _votes in voted()}) >= 2
    assert_chain_is_whole()


@pytest.mark.long
@pytest.mark.parametrize("approvers", [2, 5])
def test_64_at_once_have_one_outcome_by_so_many_people(
    gate, make_user, decide, background, record, approvers
):
    ApprovalType.objects.create(name="deploy", approvers=approvers)
    crowd = [make_user(f"person {number}", "approver") for number in range(16)]
    request = gate.open_request("deploy", timeout=300)
    digest, start = live_record(gate, request.request_id).digest, threading.Barrier(64)

    def press(number: int):
        start.wait()
        try:
            return decide(crowd[number % 16], request.request_id, digest=digest)
        except decisions.NotNoted as stands:
            return stands.decision
        except OperationalError:
            return None  # SQLite's one writer was not free for 20 s: that person reads so, and nothing was decided

    pressed = [future.result() for future in [background(press, number) for number in range(64)]]
    answers = [answer for answer in pressed if answer is not None]
    record()
    accepted = [answer for answer in answers if answer.accepted]
    end = live_record(gate, request.request_id)
    assert end.status == "approved"
    assert [answer.responder for answer in accepted] == [end.responder]
    intent = DecisionIntent.objects.get(outcome="accepted")
    [votes] = [
        json.loads(entry.details)["votes"]
        for entry in AuditEntry.objects.filter(kind="decision.voted", actor=intent.user.get_username())
    ][-1:]
    assert len(set(votes)) >= approvers
    assert {answer.outcome for answer in answers} <= {"voted", "accepted", "already_decided"}
    assert_chain_is_whole()
