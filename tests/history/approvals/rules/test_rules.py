"""Rules that answer by themselves: what they answer, when they stop, and that nothing is answered twice."""

import json
import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError

from core import ApprovalGate, HeartbeatCoordinator, failpoints
from core.approvals import deciding
from core.history.approvals import decisions, rules
from core.history.approvals.decisions import NotAllowed
from core.history.approvals.rules import MOST_USES, RuleDraft
from core.history.approvals.terms import Scope, ValueTerm
from core.history.recorder.recorder import Recorder
from core.models import AgentOwner, ApprovalRecord, ApprovalType, AuditEntry, DecisionIntent, Rule
from core.store.approvals import Answer
from tests.history.audit.chain import assert_chain_is_whole
from tests.live_record import live_record

pytestmark = pytest.mark.django_db(transaction=True)

PUSH = (ValueTerm(("command",), "is", "git push"),)


@pytest.fixture
def ann(make_user):
    return make_user("ann", "approver")


@pytest.fixture
def rule(gate, ann):
    """Make a rule: `rule(terms, approved=False)`."""

    def make(terms=PUSH, *, approved=True, user=ann, agent="deployer", uses=20, lasts=timedelta(hours=4)):
        first = gate.open_request("shell", {"command": "the first"})
        scope = Scope(approved, "shell", agent, tuple(terms))
        return rules.make(gate._store, user, RuleDraft(scope, "as every day", lasts, uses, first.request_id))

    return make


@pytest.fixture
def ask(gate, clean_redis, record):
    """Ask, let the recorder record it and what came of it, and say how it stands."""

    def asked(context=None, kind="shell", agent="deployer"):
        context = {"command": "git push"} if context is None else context
        request = ApprovalGate(clean_redis, agent).open_request(kind, context)
        record()
        return live_record(gate, request.request_id)

    return asked


def test_what_a_rule_covers_is_answered_in_its_name_and_recorded(rule, ask):
    made = rule()
    end = ask()
    assert (end.status, end.responder, end.channel) == ("approved", f"rule {made.pk} of ann", "rule")
    assert end.reason == "as every day"
    kept = ApprovalRecord.objects.get(pk=end.request_id)
    assert (kept.status, kept.responder, kept.channel) == ("approved", f"rule {made.pk} of ann", "rule")
    intent = DecisionIntent.objects.get()
    assert (intent.outcome, intent.rule, intent.user.username) == ("accepted", made, "ann")
    made.refresh_from_db()
    assert made.uses == 1
    entry = AuditEntry.objects.get(kind="approval.approved")
    assert entry.actor == f"rule {made.pk} of ann"
    assert_chain_is_whole()


@pytest.mark.parametrize(
    ("terms", "context", "status"),
    [
        (PUSH, {"command": "git push "}, "pending"),
        (PUSH, {"command": "git push", "force": True}, "pending"),  # a value that no person has seen
        (PUSH, {}, "pending"),
        ([ValueTerm(("command",), "begins", "git ")], {"command": "git pull"}, "approved"),
        ([ValueTerm(("command",), "begins", "git ")], {"command": "gitk"}, "pending"),
        ([ValueTerm(("command",), "begins", "git ")], {"command": ["git "]}, "pending"),
        ([ValueTerm(("amount",), "between", 1, 50)], {"amount": 50}, "approved"),
        ([ValueTerm(("amount",), "between", 1, 50)], {"amount": 50.01}, "pending"),
        ([ValueTerm(("amount",), "between", 0, 50)], {"amount": True}, "pending"),
        ([ValueTerm(("amount",), "between", 0, 50)], {"amount": "7"}, "pending"),
        ([ValueTerm(("amount",), "is", 1)], {"amount": True}, "pending"),
        ([ValueTerm(("a", 0, "b"), "is", None)], {"a": [{"b": None}]}, "approved"),
        ([ValueTerm(("a", 0), "is", 1)], {"a": [1, 2]}, "pending"),
        ([ValueTerm(("note",), "any")], {"note": "whatever"}, "approved"),
        ([], {}, "approved"),
    ],
)
def test_a_rule_that_approves_answers_what_its_terms_hold_for_and_nothing_with_more_in_it(
    rule, ask, terms, context, status
):
    rule(terms)
    assert ask(context).status == status


def test_a_rule_that_denies_looks_past_what_it_does_not_name_and_wins(rule, ask):
    rule()
    made = rule(approved=False)
    end = ask({"command": "git push"})
    assert (end.status, end.responder) == ("rejected", f"rule {made.pk} of ann")
    assert ask({"command": "git push", "force": True}).status == "rejected"


def test_another_agent_and_another_kind_are_not_meant(rule, ask):
    rule()
    assert ask(kind="Shell").status == "pending"
    assert ask(agent="Deployer").status == "pending"
    rule(approved=False)
    assert ask(agent="Deployer").status == "rejected"  # to refuse, lookalikes are the same


def test_every_agent_is_meant_where_the_rule_says_so(rule, ask):
    rule(agent="*")
    assert ask(agent="another").status == "approved"


def test_what_was_asked_before_is_for_people(gate, rule, record):
    request = gate.open_request("shell", {"command": "git push"})
    rule()
    record()
    assert live_record(gate, request.request_id).status == "pending"


def test_its_uses_are_capped_and_an_earlier_one_is_used_first(rule, ask):
    first, second = rule(uses=2), rule(uses=1)
    by = [ask().responder for _ in range(4)]
    assert by == [*[f"rule {first.pk} of ann"] * 2, f"rule {second.pk} of ann", ""]
    with pytest.raises(IntegrityError):
        Rule.objects.filter(pk=first.pk).update(uses=3)


@pytest.mark.parametrize("over", ["expired", "revoked", "switched off"])
def test_a_rule_that_is_over_answers_nothing(rule, ask, ann, gate, settings, over):
    made = rule()
    if over == "expired":
        Rule.objects.update(expires_at=made.created_at)
    elif over == "revoked":
        rules.revoke(ann, made.pk, made.created_at)
        rules.revoke(ann, made.pk, made.created_at)
        [entry] = AuditEntry.objects.filter(kind="rule.revoked")
        assert json.loads(entry.details) == {"what": f"rule {made.pk} of ann", "uses": 0}
    else:
        settings.TELEMETRY_RULES = False
    assert ask().status == "pending"
    assert not DecisionIntent.objects.exists()


@pytest.mark.parametrize("lost", ["inactive", "out of the group", "owns the agent", "called like the agent"])
def test_a_rule_stops_with_the_rights_of_its_owner(rule, ask, ann, make_user, lost):
    rule()
    make_user("bob", "approver")  # so that nobody is alone
    if lost == "inactive":
        type(ann).objects.filter(pk=ann.pk).update(is_active=False)
    elif lost == "out of the group":
        ann.groups.clear()
    elif lost == "owns the agent":
        AgentOwner.objects.create(agent="deployer", person=ann)
    else:
        type(ann).objects.filter(pk=ann.pk).update(username="Deployer")
    assert ask().status == "pending"
    assert Rule.objects.get().uses == 0


def test_the_only_approver_has_no_rule_for_their_own_agent(rule, ask, ann):
    AgentOwner.objects.create(agent="deployer", person=ann)
    with pytest.raises(NotAllowed):
        rule()
    AgentOwner.objects.all().delete()
    rule()
    AgentOwner.objects.create(agent="deployer", person=ann)
    assert ask().status == "pending"


@pytest.mark.parametrize(
    "demand",
    [
        {"irreversible": True},
        {"high_risk": True},
        {"approvers": 2},
        {"no_bulk": True},
        {"fresh_sign_in": True},
        {"digest_typed": True},
    ],
)
@pytest.mark.parametrize("approved", [True, False])
def test_what_people_must_look_at_is_never_answered_by_a_rule(rule, ask, demand, approved):
    rule(approved=approved)
    ApprovalType.objects.create(name="shell", **demand)
    assert ask().status == "pending"
    with pytest.raises(NotAllowed):
        rule(approved=approved)
    assert AuditEntry.objects.filter(kind="rule.refused").count() == 1


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"lasts": timedelta(days=90, seconds=1)}, "90 days"),
        ({"lasts": timedelta()}, "90 days"),
        ({"most_uses": 0}, "from 1 to"),
        ({"most_uses": MOST_USES + 1}, "from 1 to"),
        ({"reason": "\u200b"}, "reason"),
        ({"scope": Scope(True, "shell", "deployer", (ValueTerm(("a",), "begins", ""),))}, "beginning"),
        ({"scope": Scope(True, "shell", "deployer", (ValueTerm(("a",), "between", 1, "x"),))}, "two numbers"),
        ({"scope": Scope(True, "shell", "deployer", (ValueTerm(("a",), "matches", ".*"),))}, "one of"),
    ],
)
def test_what_no_rule_may_be_is_refused_in_words(gate, ann, changed, named):
    request = gate.open_request("shell")
    good = RuleDraft(Scope(True, "shell", "deployer"), "why", timedelta(hours=1), 1, request.request_id)
    with pytest.raises(ValueError, match=named):
        rules.make(gate._store, ann, good._replace(**changed))
    assert not Rule.objects.exists()


def test_who_may_not_decide_makes_no_rule_and_the_attempt_is_recorded(rule, make_user):
    with pytest.raises(NotAllowed):
        rule(user=make_user("val", "viewer"))
    assert not Rule.objects.exists()
    assert AuditEntry.objects.get(kind="rule.refused").actor == "val"


@pytest.mark.parametrize(
    "point", ["recorder.after_commit", "site.after_intent", "site.after_script", "site.after_note"]
)
def test_after_a_crash_of_the_recorder_anywhere_it_is_answered_once(
    rule, gate, clean_redis, repair, monkeypatch, point
):
    made = rule()
    repair()
    request = gate.open_request("shell", {"command": "git push"})

    def reach(name: str) -> None:
        if name == point:
            raise RuntimeError(name)

    with monkeypatch.context() as broken:
        broken.setattr(failpoints, "reach", reach)
        with pytest.raises(RuntimeError):
            Recorder(clean_redis).step()
    repair()
    repair()
    assert live_record(gate, request.request_id).responder == f"rule {made.pk} of ann"
    assert DecisionIntent.objects.get().outcome == "accepted"
    assert Rule.objects.get().uses == 1
    assert AuditEntry.objects.filter(kind="approval.approved").count() == 1
    assert_chain_is_whole()


def test_two_recorders_that_let_a_rule_answer_at_once_leave_one_answer_and_no_refusal(
    rule, gate, record, settings
):
    made = rule()
    settings.TELEMETRY_RULES = False
    request = gate.open_request("shell", {"command": "git push"})
    record()
    asked = live_record(gate, request.request_id)
    intents = [rules._intend(made.pk, asked, asked.requested_at) for _both in range(2)]
    for intent in intents:  # both read it before either had asked Redis
        assert decisions.carry_out(gate._store, intent, asked).accepted
    record()
    assert DecisionIntent.objects.get().outcome == "accepted"
    assert Rule.objects.get().uses == 1
    assert not AuditEntry.objects.filter(kind="decision.refused").exists()


def test_a_rule_that_ends_while_its_row_is_waited_for_takes_no_effect(rule, gate, record, settings):
    made = rule()
    settings.TELEMETRY_RULES = False
    asked = live_record(gate, gate.open_request("shell", {"command": "git push"}).request_id)
    Rule.objects.update(expires_at=asked.requested_at + timedelta(milliseconds=1))
    intent = rules._intend(made.pk, asked, asked.requested_at)  # read before others let go of the row
    record()
    assert decisions.carry_out(gate._store, intent, asked).outcome == "lapsed"
    assert live_record(gate, asked.request_id).status == "pending"


def test_an_answer_of_a_rule_that_came_too_late_leaves_it_to_people(
    rule, gate, clean_redis, repair, monkeypatch, ann, decide
):
    rule()
    repair()
    request = gate.open_request("shell", {"command": "git push"})
    monkeypatch.setattr(decisions, "INTENT_SECONDS", -1)
    repair()
    assert live_record(gate, request.request_id).status == "pending"
    assert DecisionIntent.objects.get().outcome == "lapsed"
    monkeypatch.undo()
    repair()
    assert live_record(gate, request.request_id).status == "pending"
    assert Rule.objects.get().uses == 1  # not given back
    assert decide(ann, request.request_id).accepted


def test_the_channel_of_a_rule_without_its_intent_is_not_believed(gate, record):
    asked = live_record(gate, gate.open_request("shell").request_id)
    limit = asked.requested_at + timedelta(seconds=10)
    answer = Answer(
        asked.request_id, True, "rule 1 of ann", "", "rule", str(uuid.uuid4()), limit, asked.digest
    )
    assert deciding.decide(gate._store, answer).accepted
    record()
    assert ApprovalRecord.objects.get(pk=asked.request_id).channel == "direct"


def deny_for_good(gate, decide, ann, request):
    asked = live_record(gate, request.request_id)
    denial = decide(ann, request.request_id, approved=False)
    return rules.stick(gate._store, ann, denial, asked.digest)


def test_a_denial_that_stands_on_refuses_the_same_again_and_cites_it(gate, ann, decide, ask):
    first = gate.open_request("shell", {"command": "rm"})
    made = deny_for_good(gate, decide, ann, first)
    end = ask({"command": "rm"})
    assert (end.status, end.responder) == ("rejected", f"rule {made.pk} of ann")
    assert end.reason == f"denied before by ann (request {first.request_id}): because"
    assert ask({"command": "rm -f"}).status == "pending"


def test_it_stands_on_for_kinds_that_no_other_rule_answers(gate, ann, decide, ask):
    ApprovalType.objects.create(name="shell", irreversible=True)
    deny_for_good(gate, decide, ann, gate.open_request("shell", {"command": "rm"}))
    assert ask({"command": "rm"}).status == "rejected"


def test_it_ends_with_the_run_of_the_agent(gate, clean_redis, record, ann, decide, ask):
    first_run = HeartbeatCoordinator(clean_redis)
    first_run.start_heartbeat("deployer")
    record()
    made = deny_for_good(gate, decide, ann, gate.open_request("shell", {"command": "rm"}))
    assert made.run_id is not None
    assert ask({"command": "rm"}).status == "rejected"
    first_run.stop_heartbeat()
    HeartbeatCoordinator(clean_redis).start_heartbeat("deployer")
    record()
    assert ask({"command": "rm"}).status == "pending"
