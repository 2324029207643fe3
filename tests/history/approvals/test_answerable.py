"""Nobody can approve this: the agent hears it as it asks, and people see it for as long as it waits."""

import logging

import pytest
from django.contrib.auth.models import Group, Permission

from core import ApprovalGate, StoreRefused
from core.approvals import asking
from core.history import health
from core.history.approvals import answerable
from core.history.approvals.answerable import KindAndAgent
from core.history.approvals.policy import powers_of
from core.history.checks import check_direct_answers
from core.history.recorder.recorder import Recorder
from core.models import AgentOwner, ApprovalType, DecisionGrant, Team
from core.store.client import open_store
from core.values.trouble import OnceAMinute
from dashboard.health import page as health_page
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

POLICY = "{telemetry}:approvals:policy"


@pytest.fixture
def warning(gate):
    """What an agent hears as it asks: `warning("deploy", "robot")`."""

    def ask(kind: str = "deploy", agent: str = "deployer") -> str:
        asker = ApprovalGate(gate.memory, agent)
        request = asker.open_request(kind)
        assert asker.cancel_request(request.request_id)
        return request.warning

    return ask


def test_a_site_that_said_nothing_warns_nobody(warning):
    assert warning() == ""


def test_with_the_last_approver_gone_the_agent_is_told_and_its_request_waits(
    gate, maria, caplog, monkeypatch
):
    monkeypatch.setattr(asking, "_nobody_said", OnceAMinute())
    assert gate.open_request("deploy").warning == ""
    maria.is_active = False
    maria.save()
    with caplog.at_level(logging.WARNING, "core.approvals.asking"):
        request = gate.open_request("deploy")
        gate.open_request("deploy")
        gate.open_request("erase")
    assert "nobody can approve 'deploy' of agent 'deployer'" in request.warning
    assert "an administrator of the site can change that" in request.warning
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2  # once a minute for each kind and agent
    assert request.warning in said[0]
    assert "'erase'" in said[1]
    assert gate.get_request(request.request_id).status == "pending"
    answer = gate.request_approval("deploy", timeout=0.05)
    assert (answer.status, answer.warning) == ("timeout", request.warning)
    maria.is_active = True
    maria.save()
    assert gate.open_request("deploy").warning == ""


def test_what_is_found_by_its_key_is_told_the_same(gate, maria):
    first = gate.open_request("deploy", key="release 1")
    maria.groups.clear()
    again = gate.open_request("deploy", key="release 1")
    assert (again.request_id, bool(first.warning), bool(again.warning)) == (first.request_id, False, True)


def test_grants_say_which_kinds_and_agents(maria, warning):
    DecisionGrant.objects.all().delete()
    assert warning()
    DecisionGrant.objects.create(approval_type="deploy")
    DecisionGrant.objects.create(approval_type="delete", agent="cleaner/1")
    DecisionGrant.objects.create(agent="known")
    asked = [
        ("deploy", "a"),
        ("delete", "a"),
        ("delete", "cleaner/1"),
        ("any", "cleaner/1"),
        ("any", "known"),
    ]
    assert [bool(warning(*pair)) for pair in asked] == [False, True, False, True, False]
    assert warning("*", "a")
    DecisionGrant.objects.filter(agent="*").update(team=Team.objects.create(name="empty"))
    assert [bool(warning(*pair)) for pair in asked] == [
        False,
        True,
        False,
        True,
        False,
    ]  # plain SQL told nobody
    answerable.publish(open_store())
    assert [bool(warning(*pair)) for pair in asked] == [True, True, False, True, False]


def test_owners_and_several_people_count(maria, make_user, warning):
    AgentOwner.objects.create(agent="robot", person=maria)
    assert not warning("deploy", "robot")  # while she alone may decide, her own agents are hers to answer
    john = make_user("john", "approver")
    assert not warning("deploy", "robot")
    team = Team.objects.create(name="all")
    team.people.set([maria, john])
    AgentOwner.objects.create(agent="robot", team=team)
    assert warning("deploy", "robot")
    pay = ApprovalType.objects.create(name="pay", approvers=3)
    assert (bool(warning("pay")), bool(warning("deploy"))) == (True, False)
    pay.approvers = 2
    pay.save()
    assert not warning("pay")


def test_agents_that_are_owned_by_how_their_names_begin_are_warned_as_named_ones_are(
    maria, make_user, warning
):
    john = make_user("john", "approver")
    everybody = Team.objects.create(name="all")
    everybody.people.set([maria, john])
    AgentOwner.objects.create(agent="fleet/", is_prefix=True, team=everybody)
    AgentOwner.objects.create(agent="fleet/free-", is_prefix=True, person=maria)
    AgentOwner.objects.create(agent="bot", is_prefix=True, person=maria)
    asked = ["fleet/1", "fleet/", "fleet", "other", "bot-1", "fleet/free-1"]
    assert [bool(warning("deploy", agent)) for agent in asked] == [True, True, False, False, False, True]
    DecisionGrant.objects.create(approval_type="pay", agent="fleet/7", team=Team.objects.create(name="none"))
    assert [bool(warning("pay", agent)) for agent in ("fleet/7", "fleet/8", "other")] == [True, True, False]
    AgentOwner.objects.filter(agent="fleet/").delete()
    answerable.publish(open_store())
    assert not any(warning("deploy", agent) for agent in asked)


def test_the_longest_beginning_counts_and_a_name_of_its_own_before_it(maria, make_user, warning):
    john = make_user("john", "approver")
    DecisionGrant.objects.all().delete()
    for agent in ("a-1", "a-b-1"):
        DecisionGrant.objects.create(agent=agent)
    AgentOwner.objects.create(agent="a-", is_prefix=True, person=john)
    AgentOwner.objects.create(agent="a-b-", is_prefix=True, person=maria)
    for agent in ("a-1", "a-2", "a-b-1", "a-b-2", "b"):
        expected = not answerable.read().can_approve(KindAndAgent("deploy", agent))
        assert bool(warning("deploy", agent)) == expected, agent
    both = Team.objects.create(name="both")
    both.people.set([maria, john])
    AgentOwner.objects.create(agent="a-b-", is_prefix=True, team=both)
    for agent in ("a-1", "a-2", "a-b-1", "a-b-2", "b"):
        expected = not answerable.read().can_approve(KindAndAgent("deploy", agent))
        assert bool(warning("deploy", agent)) == expected, agent


def test_it_is_the_one_answer_to_who_may_decide(maria, make_user):
    people = [
        maria,
        make_user("john", "approver"),
        make_user("eve", "viewer"),
        make_user("robot-1", "approver"),
        make_user("glenda", "approver"),
    ]
    people[-1].user_permissions.add(Permission.objects.get(codename="break_glass"))
    team = Team.objects.create(name="payments")
    team.people.set(people[:1])
    DecisionGrant.objects.update(agent="robot-1")
    DecisionGrant.objects.create(approval_type="pay", team=team)
    AgentOwner.objects.create(agent="robot-", is_prefix=True, person=people[1])
    AgentOwner.objects.create(agent="cleaner", team=team)
    alone = Team.objects.create(name="fire brigade")
    alone.people.set(people[-1:])
    DecisionGrant.objects.create(approval_type="fire", team=alone)
    AgentOwner.objects.create(agent="pump", person=people[-1])
    approvers = answerable.read()
    for kind in ("pay", "deploy", "fire"):
        for agent in ("robot-1", "robot-2", "cleaner", "other", "maria", "pump"):
            pair = KindAndAgent(kind, agent)
            assert approvers.can_approve(pair) == any(
                powers_of(one).verdict(pair).allowed for one in people
            ), pair


def test_who_read_people_before_a_change_does_not_say_so_after_it(maria, raw):
    version = raw.get("{telemetry}:rights") or "0"
    Group.objects.get(name="approver").user_set.clear()
    assert raw.hget(POLICY, "can:*:*") == "0"
    late = answerable.told.publish(open_store().keys, version, "allowed", {"can:*:*": True})
    assert open_store().run(late) is False
    assert raw.hget(POLICY, "can:*:*") == "0"


def test_a_policy_that_cannot_be_read_is_none(maria, raw, warning):
    raw.delete(POLICY)
    raw.set(POLICY, "text")
    assert warning() == ""


def test_the_recorder_says_it_and_pages_raise_an_alarm_while_it_waits(gate, maria, raw, clean_redis, running):
    request = gate.open_request("deploy")
    raw.delete(POLICY)
    running(Recorder(clean_redis))
    wait_until(lambda: raw.hget(POLICY, "can:*:*") == "1", "the recorder's word")
    assert health.read_heartbeat().unanswerable == 0
    maria.groups.clear()
    said = "One request waits that nobody can approve"
    wait_until(lambda: said in health_page.alarm(health.read_heartbeat()), "an alarm")
    assert any(said in worry.says for worry in health_page.read_page().worries)
    gate.cancel_request(request.request_id)
    wait_until(lambda: said not in health_page.alarm(health.read_heartbeat()), "no alarm")


def test_direct_answers_are_refused_where_the_site_takes_none(gate, maria, decide, settings):
    answerable.publish(open_store())
    assert gate.decide(gate.open_request("deploy").request_id, True, "ann").accepted
    assert [found.id for found in check_direct_answers()] == ["core.I109"]
    settings.TELEMETRY_DIRECT_ANSWERS = "not_allowed"
    answerable.publish(open_store())
    assert check_direct_answers() == []
    request = gate.open_request("deploy")
    for approved in (True, False):
        with pytest.raises(StoreRefused, match="TELEMETRY_DIRECT_ANSWERS is not_allowed"):
            gate.respond_to_approval(request.request_id, approved, "ann")
    assert gate.get_request(request.request_id).status == "pending"
    assert decide(maria, request.request_id).accepted
    assert gate.decide(request.request_id, True, "ann").outcome == "already_decided"
