"""An approval that can be taken back: what stands while it is held, who may end that, and what the agent gets."""

import json
import threading

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from core import DecisionUnconfirmed
from core.history.approvals import decisions
from core.history.approvals.answers import holds, release
from core.history.approvals.answers.holds import HeldDecision
from core.history.approvals.policy import AnswerEvidence
from core.models import AgentOwner, ApprovalRecord, ApprovalType, AuditEntry, DecisionIntent, Vote
from core.store.approvals import read_record_and_time
from tests.history.audit.chain import assert_chain_is_whole, kinds_of
from tests.live_record import live_record
from tests.round_trips import round_trips
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bob(make_user):
    return make_user("bob", "approver")


@pytest.fixture
def released(gate):
    """Release what is held, as the process that holds it does."""

    def release_all() -> list:
        return [
            release.release(gate._store, pk) for pk in DecisionIntent.objects.values_list("pk", flat=True)
        ]

    return release_all


def status(gate, request) -> str:
    return live_record(gate, request.request_id).status


def voided() -> list[tuple[str, str]]:
    found = AuditEntry.objects.filter(kind="decision.voided").order_by("sequence")
    return [(entry.actor, json.loads(entry.details)["why"]) for entry in found]


def test_a_held_approval_stands_in_sql_alone_until_it_is_released(
    held, maria, gate, decide, record, released
):
    request = gate.open_request("deploy")
    told = decide(maria, request.request_id)
    assert isinstance(told, HeldDecision)
    assert (told.outcome, told.status, told.approval_type) == ("on_hold", "pending", "deploy")
    assert not told.accepted
    intent = DecisionIntent.objects.get()
    assert (intent.outcome, intent.signature) == ("on_hold", "")
    record()
    assert status(gate, request) == "pending"
    [decision] = released()
    assert decision.accepted
    record()
    end = live_record(gate, request.request_id)
    assert (end.status, end.responder, end.channel) == ("approved", "maria", "site")
    assert kinds_of(request.request_id) == ["approval.requested", "approval.approved"]
    assert_chain_is_whole()


def test_that_it_is_ones_own_agent_by_then_is_recorded_as_any_exception(
    held, maria, bob, gate, decide, released
):
    request = gate.open_request("deploy")
    decide(maria, request.request_id)
    AgentOwner.objects.create(agent=gate.agent_id, person=maria)
    bob.groups.clear()
    [decision] = released()
    assert decision.accepted
    assert "decision.alone" in kinds_of(request.request_id)
    assert_chain_is_whole()


def test_its_limit_counts_from_the_release_and_is_never_past_the_deadline(held, maria, gate, decide):
    for timeout, left in ((600, decisions.INTENT_SECONDS), (16, 0)):
        request = gate.open_request("deploy", timeout=timeout)
        decide(maria, request.request_id)
        asked, now = read_record_and_time(gate._store, request.request_id)
        release.release(gate._store, DecisionIntent.objects.get(request_id=request.request_id).pk)
        limit = DecisionIntent.objects.get(request_id=request.request_id).not_after
        if left:
            assert left <= (limit - now).total_seconds() < left + 60
        assert limit <= asked.deadline_at


def test_the_process_that_holds_it_releases_it_by_itself(settings, maria, gate, decide):
    settings.TELEMETRY_UNDO_SECONDS = 1
    request = gate.open_request("deploy")
    decide(maria, request.request_id)
    answer = gate.wait_for_decision(request.request_id, 30)
    assert answer.approved
    noted = DecisionIntent.objects.exclude(accepted_at=None)
    wait_until(noted.exists, "it is noted that Redis accepted it")


def test_taking_it_back_leaves_the_request_open_and_is_recorded(held, maria, gate, decide, record, released):
    request = gate.open_request("deploy")
    decide(maria, request.request_id)
    assert holds.take_back(maria, request.request_id) is not None
    assert released() == [None]
    record()
    assert status(gate, request) == "pending"
    assert kinds_of(request.request_id) == ["decision.taken_back", "approval.requested"]
    assert DecisionIntent.objects.get().outcome == "void"
    assert decide(maria, request.request_id).outcome == "on_hold"
    assert_chain_is_whole()


def test_nobody_takes_back_what_the_agent_has_or_what_another_holds(held, maria, bob, gate, decide, released):
    request = gate.open_request("deploy")
    decide(maria, request.request_id)
    assert holds.take_back(bob, request.request_id) is None
    released()
    assert holds.take_back(maria, request.request_id) is None
    assert status(gate, request) == "approved"
    assert not AuditEntry.objects.filter(kind="decision.taken_back").exists()


def test_a_denial_is_never_held(held, maria, gate, decide):
    request = gate.open_request("deploy")
    assert decide(maria, request.request_id, approved=False).accepted


@pytest.mark.parametrize(("seconds", "timeout"), [(0, 600), (4, 14)])
def test_none_is_held_without_the_setting_or_when_time_is_short(
    settings, maria, gate, decide, seconds, timeout
):
    settings.TELEMETRY_UNDO_SECONDS = seconds
    request = gate.open_request("deploy", timeout=timeout)
    assert decide(maria, request.request_id).accepted


@pytest.mark.parametrize("approved", [True, False])
def test_anothers_answer_wins_and_voids_it(held, maria, bob, gate, decide, record, released, approved):
    request = gate.open_request("deploy")
    decide(maria, request.request_id)
    assert decide(bob, request.request_id, approved=approved).outcome == (
        "on_hold" if approved else "accepted"
    )
    released()
    record()
    end = live_record(gate, request.request_id)
    assert (end.status, end.responder) == ("approved" if approved else "rejected", "bob")
    assert voided() == [("maria", "bob answered first.")]
    assert_chain_is_whole()


def test_a_press_that_comes_twice_is_held_once(held, maria, gate, decide):
    request = gate.open_request("deploy")
    first, second = decide(maria, request.request_id), decide(maria, request.request_id)
    assert first.decision_id == second.decision_id
    assert DecisionIntent.objects.count() == 1
    assert not AuditEntry.objects.filter(kind__startswith="decision.").exists()


def test_whoever_thinks_better_of_it_may_deny_at_once(held, maria, gate, decide, released):
    request = gate.open_request("deploy")
    decide(maria, request.request_id)
    assert decide(maria, request.request_id, approved=False).accepted
    released()
    assert status(gate, request) == "rejected"


@pytest.mark.parametrize("how", ["cancelled", "rejected"])
def test_an_end_by_another_way_voids_it(held, maria, gate, decide, record, released, how):
    request = gate.open_request("deploy")
    decide(maria, request.request_id)
    if how == "cancelled":
        gate.cancel_request(request.request_id)
    else:
        gate.respond_to_approval(request.request_id, False, "ann")
    record()
    assert DecisionIntent.objects.get().outcome == "void"
    [(who, why)] = voided()
    assert who == "maria"
    assert how in why
    assert released() == [None]
    assert status(gate, request) == how
    assert_chain_is_whole()


def test_policy_is_asked_again_at_the_release(held, maria, gate, decide, record, released):
    rights, owner, stricter = (gate.open_request("deploy", {"n": n}) for n in range(3))
    for request in (rights, owner, stricter):
        decide(maria, request.request_id)
    first, second, third = DecisionIntent.objects.order_by("created_at").values_list("pk", flat=True)
    maria.groups.clear()
    assert release.release(gate._store, first) is None
    maria.groups.add(Group.objects.get(name="approver"))
    mine = AgentOwner.objects.create(agent="deployer", person=maria)
    type(maria).objects.create_user("zoe").groups.add(Group.objects.get(name="approver"))
    assert release.release(gate._store, second) is None
    mine.delete()
    ApprovalType.objects.create(name="deploy", digest_typed=True)
    assert release.release(gate._store, third) is None
    record()
    assert [who for who, _why in voided()] == ["maria"] * 3
    assert {status(gate, request) for request in (rights, owner, stricter)} == {"pending"}


def test_what_came_with_the_answer_counts_at_the_release(held, maria, gate, released):
    ApprovalType.objects.create(name="deploy", high_risk=True, reason_required=True)
    request = gate.open_request("deploy")
    digest = live_record(gate, request.request_id).digest
    said = {"reason": "reviewed", "digest": digest, "given": AnswerEvidence(typed=digest[:6], fresh=True)}
    told = decisions.decide(gate._store, maria, request.request_id, approved=True, **said)
    assert told.outcome == "on_hold"
    assert [decision.accepted for decision in released()] == [True]


def test_more_people_may_be_needed_at_the_release(held, maria, gate, decide, released):
    request = gate.open_request("deploy")
    decide(maria, request.request_id)
    ApprovalType.objects.create(name="deploy", approvers=2)
    assert released() == [None]
    assert voided() == [("maria", release.MORE_PEOPLE)]


def test_of_several_the_completing_approval_is_held_and_taking_it_back_takes_the_vote(
    held, maria, bob, gate, decide, released
):
    ApprovalType.objects.create(name="deploy", approvers=2)
    request = gate.open_request("deploy")
    assert decide(maria, request.request_id).outcome == "voted"
    assert decide(bob, request.request_id).outcome == "on_hold"
    assert decide(bob, request.request_id).outcome == "on_hold"  # pressed twice
    assert DecisionIntent.objects.count() == 1
    holds.take_back(bob, request.request_id)
    assert [vote.user for vote in Vote.objects.all()] == [maria]
    assert decide(bob, request.request_id).outcome == "on_hold"
    assert [one.accepted for one in released() if one] == [True]


def test_a_vote_that_stands_no_more_stops_the_release(held, maria, bob, gate, decide, released):
    ApprovalType.objects.create(name="deploy", approvers=2)
    request = gate.open_request("deploy")
    decide(maria, request.request_id)
    decide(bob, request.request_id)
    maria.groups.clear()
    assert released() == [None]
    assert voided() == [("bob", release.MORE_PEOPLE)]


def test_the_recorder_releases_what_a_process_left(held, monkeypatch, maria, gate, decide, repair):
    request = gate.open_request("deploy")
    decide(maria, request.request_id)
    repair()
    assert (status(gate, request), DecisionIntent.objects.get().outcome) == ("pending", "on_hold")
    DecisionIntent.objects.update(release_at=timezone.now() - release.LEFT_ALONE * 2)
    repair()
    assert status(gate, request) == "approved"
    assert DecisionIntent.objects.get().accepted_at is not None


def test_the_recorder_asks_redis_for_its_time_once_however_many_are_held(held, maria, gate, decide):
    def asked() -> int:
        with round_trips() as trips:
            release.AbandonedHolds(gate._store).sweep()
        return trips.count

    assert asked() == 0
    for count in range(1, 4):
        decide(maria, gate.open_request("deploy", {"n": count}).request_id)
        assert asked() == 1


def test_what_nobody_released_in_time_takes_no_effect(held, maria, gate, decide, repair):
    request = gate.open_request("deploy")
    decide(maria, request.request_id)
    DecisionIntent.objects.update(release_at=timezone.now() - release.LATEST * 2)
    repair()
    assert status(gate, request) == "pending"
    assert voided() == [("maria", release.TOO_LATE)]


@pytest.mark.parametrize(("field", "value"), [("deadline_ms", "soon"), ("context", '{"rows":9}')])
def test_what_redis_does_not_hold_as_it_was_asked_is_released_by_nobody_and_shown_as_held_no_longer(
    held, maria, gate, raw, decide, released, field, value
):
    request = gate.open_request("deploy")
    decide(maria, request.request_id)
    raw.hset("{telemetry}:approvals:request:" + request.request_id, field, value)
    assert released() == [None]
    assert voided() == [("maria", release.NOT_ASKED)]
    assert ("approval.altered" in kinds_of(request.request_id)) == (field == "context")
    assert holds.holdings([request.request_id]) == {}


def test_undo_and_release_at_once_have_one_outcome(held, maria, gate, decide, record):
    for _round in range(5):
        request = gate.open_request("deploy", {"n": _round})
        pk = decide(maria, request.request_id).decision_id
        came, start = {}, threading.Barrier(3)

        def at_once(word, act, came=came, start=start):
            start.wait()
            came[word] = act()

        acts = {
            "undo": lambda request=request: holds.take_back(maria, request.request_id),
            "web": lambda pk=pk: release.release(gate._store, pk),
            "recorder": lambda pk=pk: release.release(gate._store, pk),
        }
        threads = [threading.Thread(target=at_once, args=one) for one in acts.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        taken, told = came["undo"] is not None, [one for one in (came["web"], came["recorder"]) if one]
        assert len(told) == (0 if taken else 1)
        record()
        kept = ApprovalRecord.objects.get(pk=request.request_id)
        assert kept.status == ("pending" if taken else "approved")
    assert_chain_is_whole()


def test_a_forged_end_that_names_a_held_answer_is_not_taken_for_its(held, maria, gate, raw, decide, record):
    request = gate.open_request("deploy")
    told = decide(maria, request.request_id)
    gate.decide(request.request_id, True, "maria", decision_id=told.decision_id)
    record()
    kept = ApprovalRecord.objects.get(pk=request.request_id)
    assert kept.channel == "direct"
    assert DecisionIntent.objects.get().outcome == "void"


def test_redis_away_at_the_release_leaves_it_held_and_is_said_once(
    held, monkeypatch, maria, gate, decide, caplog
):
    request = gate.open_request("deploy")
    told = decide(maria, request.request_id)

    def away(*_arguments):
        raise DecisionUnconfirmed("away")

    monkeypatch.setattr(release, "read_request", away)
    for _each_second in range(3):
        release._tried(gate._store, told.decision_id)
    assert caplog.text.count("was not released") == 1
    assert DecisionIntent.objects.get().outcome == "on_hold"
    wait_until(lambda: holds.holdings([request.request_id]), "it is still shown as held")


@pytest.mark.parametrize("goes_wrong", ["release", "close_old_connections"])
def test_what_goes_wrong_with_one_release_keeps_none_from_the_next(monkeypatch, goes_wrong):
    tried = []

    def broken(*_given):
        raise RuntimeError("not foreseen")

    def noted(_store, decision_id):
        tried.append(decision_id)
        if goes_wrong == "release":
            broken()

    monkeypatch.setattr(release, "close_old_connections", broken)
    monkeypatch.setattr(release, "release", noted)
    releases = release.Releases()
    for name in ("one", "two"):
        releases.add(name, 0.0)
    wait_until(lambda: tried == ["one", "two"], "both were tried")
