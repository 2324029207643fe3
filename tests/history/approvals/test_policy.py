"""Who may decide what: rights, grants, owners, and what kinds of requests demand."""

import json

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from core import ApprovalGate
from core.history.approvals import answerable, decisions, policy
from core.history.approvals.decisions import NotAllowed
from core.history.approvals.policy import AnswerEvidence, powers_of
from core.history.people import tokens
from core.history.people.tokens import TokenSpec
from core.models import (
    AgentOwner,
    ApprovalType,
    AuditEntry,
    DecisionGrant,
    DecisionIntent,
    PolicyState,
    Team,
)
from tests.history.audit.chain import assert_chain_is_whole
from tests.live_record import live_record

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def asked(gate):
    """A request of an agent: `asked("deploy", "worker")`."""

    def ask(kind: str = "deploy", agent: str = "deployer"):
        return live_record(gate, ApprovalGate(gate.memory, agent).open_request(kind).request_id)

    return ask


@pytest.fixture
def give(gate):
    """Answer with what comes beside the button: `give(user, record, fresh=True)`."""

    def answer(user, record, *, approved: bool = True, reason: str = "because", **given: object):
        return decisions.decide(
            gate._store,
            user,
            record.request_id,
            approved=approved,
            reason=reason,
            digest=record.digest,
            given=AnswerEvidence(**given),
        )

    return answer


@pytest.fixture
def team(make_user):
    def make(name: str, *people) -> Team:
        made = Team.objects.create(name=name)
        made.people.set(people)
        return made

    return make


def break_glass(user):
    user.user_permissions.add(Permission.objects.get(codename="break_glass"))
    return user


def entries(kind: str) -> list[tuple[str, dict]]:
    found = AuditEntry.objects.filter(kind=kind).order_by("sequence")
    return [(entry.actor, json.loads(entry.details)) for entry in found]


def test_who_holds_a_token_answers_nothing_of_its_agent_also_when_it_is_not_theirs_any_more(
    maria, make_user, asked, give, team
):
    ann, ours = make_user("ann", "approver"), team("ours", maria)
    AgentOwner.objects.create(agent="deploy", is_prefix=True, team=ours)
    token, _secret = tokens.make(maria, TokenSpec("laptop", "deployer", False, ("ask",), 30))
    assert not AgentOwner.objects.filter(person=maria).exists()
    ours.people.clear()
    record = asked()
    with pytest.raises(NotAllowed, match="yours"):
        give(maria, record)
    reach = answerable.read().reach(record)
    assert (reach.may, give(ann, record).accepted) == (1, True)
    tokens.revoke(maria, token.pk)
    assert give(maria, asked()).accepted


def test_every_approver_may_answer_everything_until_somebody_narrows_it(maria, asked, give):
    assert powers_of(maria).verdict(asked()) == policy.Verdict(True)
    assert give(maria, asked()).accepted


def test_being_a_superuser_is_no_right_to_decide(make_user, asked, give):
    root = make_user("root", is_superuser=True, is_staff=True)
    assert powers_of(root).verdict(asked()).why == policy.NO_RIGHT
    with pytest.raises(NotAllowed, match="may look"):
        give(root, asked())
    root.groups.add(Group.objects.get(name="approver"))
    assert give(root, asked()).accepted


def test_an_administrator_sets_who_decides_and_does_not_decide(make_user, asked):
    admin = make_user("adam", "administrator")
    assert admin.has_perms(["core.add_decisiongrant", "core.change_team", "auth.change_user"])
    assert not powers_of(admin).verdict(asked()).allowed


@pytest.mark.parametrize(
    ("kind", "agent", "allowed"),
    [
        ("deploy", "deployer", True),
        ("deploy", "worker", False),
        ("pay", "deployer", False),
        ("d\u0435ploy", "deployer", False),
    ],
    ids=["both", "another agent", "another kind", "a kind that looks the same"],
)
def test_a_grant_lets_in_for_its_kind_and_its_agent_alone(maria, asked, give, kind, agent, allowed):
    DecisionGrant.objects.all().delete()
    DecisionGrant.objects.create(approval_type="deploy", agent="deployer")
    record = asked(kind, agent)
    assert powers_of(maria).verdict(record).allowed is allowed
    if allowed:
        assert give(maria, record).accepted
        return
    with pytest.raises(NotAllowed, match="this kind of request of this agent"):
        give(maria, record)
    assert entries("decision.refused") == [("maria", {"why": policy.NOT_THIS})]


def test_a_grant_of_a_team_lets_in_its_people_and_no_others(maria, make_user, team, asked):
    john, vera = make_user("john", "approver"), make_user("vera", "viewer")
    DecisionGrant.objects.all().delete()
    DecisionGrant.objects.create(approval_type="*", agent="*", team=team("payments", maria, vera))
    found = {user.username: powers_of(user).verdict(asked()).why for user in (maria, john, vera)}
    assert found == {"maria": "", "john": policy.NOT_THIS, "vera": policy.NO_RIGHT}


def test_without_a_grant_nobody_decides(maria, asked):
    DecisionGrant.objects.all().delete()
    assert powers_of(maria).verdict(asked()).why == policy.NOT_THIS


@pytest.mark.parametrize(
    "agent", ["worker-1", "WORKER-1", "worker\u20111", "w\u043erker-1", "worker-l"], ids=ascii
)
def test_nobody_answers_for_their_own_agent_however_it_is_spelled(maria, make_user, asked, give, agent):
    make_user("john", "approver")
    AgentOwner.objects.create(agent="worker-1", person=maria)
    with pytest.raises(NotAllowed, match="This agent is yours"):
        give(maria, asked(agent=agent))
    assert entries("decision.refused") == [("maria", {"why": policy.OWNED})]
    assert not DecisionIntent.objects.exists()


def test_owners_of_a_beginning_and_owners_in_a_team_are_owners(maria, make_user, team, asked):
    john = make_user("john", "approver")
    AgentOwner.objects.create(agent="worker-", is_prefix=True, person=maria)
    AgentOwner.objects.create(agent="builder", team=team("builders", john))
    assert powers_of(maria).verdict(asked(agent="worker-7")).why == policy.OWNED
    assert powers_of(john).verdict(asked(agent="worker-7")).allowed
    assert powers_of(john).verdict(asked(agent="builder")).why == policy.OWNED
    assert powers_of(john).verdict(asked(agent="builder 2")).allowed


@pytest.mark.parametrize(
    ("begins", "agent", "is_owned"),
    [("r", "mailer", False), ("bur", "bum-1", False), ("bum", "burn-1", True), ("burn-", "bum-1", True)],
)
def test_a_letter_that_looks_like_two_is_not_parted_where_an_owners_names_begin(
    maria, make_user, asked, begins, agent, is_owned
):
    make_user("john", "approver")
    AgentOwner.objects.create(agent=begins, is_prefix=True, person=maria)
    pair = asked(agent=agent)
    assert powers_of(maria).verdict(pair).allowed is not is_owned
    reach = answerable.read().reach(pair)
    assert reach.may == (1 if is_owned else 2)


@pytest.mark.parametrize(
    "agent", ["Maria", "MARIA", "maria ", "m\u0430ria", "mar\u200bia", "rnaria"], ids=ascii
)
def test_an_agent_that_looks_like_the_person_counts_as_the_person(maria, asked, give, agent):
    with pytest.raises(NotAllowed, match="looks like"):
        give(maria, asked(agent=agent))


def test_the_only_one_who_may_decide_answers_for_their_own_agents_and_the_record_says_so(
    maria, make_user, asked, give
):
    make_user("gone", "approver", is_active=False)
    AgentOwner.objects.create(agent="worker", person=maria)
    assert powers_of(maria).verdict(asked(agent="worker")).why == policy.ALONE
    assert give(maria, asked(agent="worker")).accepted
    [(actor, told)] = entries("decision.alone")
    assert (actor, told["why"], told["approved"]) == ("maria", policy.ALONE, True)
    make_user("john", "approver")
    assert powers_of(maria).verdict(asked(agent="worker")).why == policy.OWNED
    assert_chain_is_whole()


def test_also_alone_nobody_answers_what_they_asked_under_their_own_name(maria, asked):
    assert powers_of(maria).verdict(asked(agent="maria")).why == policy.ASKED


def test_breaking_the_glass_demands_the_right_a_sign_and_a_reason_and_is_recorded(
    maria, make_user, asked, give
):
    make_user("john", "approver")
    AgentOwner.objects.create(agent="worker", person=maria)
    record = asked(agent="worker")
    with pytest.raises(NotAllowed, match="yours"):
        give(maria, record, override=True)  # without the right
    break_glass(maria)
    for lacking in ({"override": False}, {"override": True, "reason": "\u200b\u3164 "}):
        with pytest.raises(NotAllowed) as refused:
            give(maria, record, **lacking)
        assert refused.value.need in (policy.OVERRIDE, policy.REASON)
    assert not DecisionIntent.objects.exists()
    assert give(maria, record, override=True, reason="the house burns").accepted
    [(actor, told)] = entries("decision.overridden")
    assert (actor, told["reason"], told["why"]) == ("maria", "the house burns", policy.GLASS)
    assert len(entries("decision.refused")) == 3


def test_a_high_risk_demands_a_fresh_sign_in_and_the_beginning_of_the_digest(maria, asked, give):
    ApprovalType.objects.create(name="deploy", high_risk=True)
    record = asked()
    verdict = powers_of(maria).verdict(record)
    assert (set(verdict.needs), verdict.bulk) == ({policy.TYPED, policy.FRESH}, False)
    typed = record.digest[:6]
    for given, lacking in (
        ({"fresh": True}, policy.TYPED),
        ({"fresh": True, "typed": "abc"}, policy.TYPED),
        ({"fresh": True, "typed": ""}, policy.TYPED),
        ({"typed": typed}, policy.FRESH),
    ):
        with pytest.raises(NotAllowed) as refused:
            give(maria, record, **given)
        assert refused.value.need == lacking
    assert len(entries("decision.refused")) == 4
    assert give(maria, record, typed=typed.upper(), fresh=True).accepted


def test_a_denial_needs_no_proof_of_care(maria, asked, give):
    ApprovalType.objects.create(name="*", irreversible=True)
    assert give(maria, asked(), approved=False).accepted


@pytest.mark.parametrize("reason", ["", " \n\t", "\u200b\u200b", "\u3164", "\u2800\u00ad"], ids=ascii)
def test_a_reason_that_nobody_can_see_is_none(maria, asked, give, reason):
    ApprovalType.objects.create(name="deploy", reason_required=True)
    for approved in (True, False):
        with pytest.raises(NotAllowed, match="demands a reason"):
            give(maria, asked(), reason=reason, approved=approved)


def test_a_kind_that_looks_like_a_strict_one_is_as_strict(maria, asked):
    ApprovalType.objects.create(name="deploy", irreversible=True)
    ApprovalType.objects.create(name="*", reason_required=True)
    for kind in ("Deploy", "depl\u043ey", "deploy "):
        assert policy.FRESH in powers_of(maria).verdict(asked(kind)).needs
    assert powers_of(maria).verdict(asked("pay")).needs == (policy.REASON,)


def test_each_change_of_policy_is_recorded_and_makes_a_new_version(maria, team, asked, give):
    made = team("payments", maria)
    grant = DecisionGrant.objects.create(approval_type="pay", agent="*", team=made)
    grant.agent = "deployer"
    grant.save()
    grant.delete()
    made.people.remove(maria)
    said = [told for _actor, told in entries("policy.changed")]
    assert [told["version"] for told in said] == [2, 3, 4, 5, 6, 7]
    assert said[1]["joined"] == ["maria"]
    assert (said[3]["before"]["agent"], said[3]["now"]["agent"]) == ("*", "deployer")
    assert said[4]["before"]["team"] == "payments"
    assert said[5]["left"] == ["maria"]
    give(maria, asked())
    assert DecisionIntent.objects.get().policy == 7


def test_an_upgrade_makes_superusers_who_could_decide_approvers_and_says_so(make_user, asked, give):
    root = make_user("root", is_superuser=True)
    make_user("gone", is_superuser=True, is_active=False)
    ann = make_user("ann", "approver")
    PolicyState.objects.all().delete()
    DecisionGrant.objects.all().delete()
    for _again in range(2):
        call_command("migrate", verbosity=0)
    assert give(root, asked()).accepted
    assert give(ann, asked()).accepted
    [(_actor, told)] = entries("policy.changed")[-1:]
    assert told["named"] == ["root"]
    assert DecisionGrant.objects.count() == 1
    assert entries("rights.granted")[-1][1]["account"] == "root"
