"""Approval gates against a model that a child could check: a request ends once, and everybody hears that end."""

import json
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from core import AlreadyCollected, ApprovalGate
from tests.servers import client_of

AGENTS = ("ann", "a*", "a:n[n]", "\U0001f600")
KINDS = ("deploy", "deploy:*", "\u202etxt")
agents, kinds, answers = st.sampled_from(AGENTS), st.sampled_from(KINDS), st.booleans()
people, reasons = (
    st.sampled_from(("maria", "system-7", "\U0001f600")),
    st.sampled_from(("", "too late", "é\n=1")),
)
LONG, SHORT = 600.0, 0.001
# Keys that look like ours are the agent's words and nothing more.
contexts = st.dictionaries(
    st.sampled_from(("approved", "status", "responder", "cost")), answers | st.integers()
)


@dataclass
class Asked:
    """What the model knows of a request."""

    agent: str
    kind: str
    context: dict[str, object]
    due: bool
    status: str = "pending"
    responder: str = ""
    reason: str = ""
    decision: str = ""
    collected: bool = False
    claim: str = ""

    @property
    def over(self) -> str:
        return self.status if self.status != "pending" or not self.due else "timeout"


class Gates(RuleBasedStateMachine):
    """Every request by its id, in the order of asking."""

    url = ""
    requests = Bundle("requests")

    def __init__(self) -> None:
        super().__init__()
        self.raw = client_of(self.url)
        self.raw.flushall()
        self.gates = {name: ApprovalGate(self.url, name) for name in AGENTS}
        self.desk = ApprovalGate(self.url)
        self.asked: dict[str, Asked] = {}
        self.keyed: dict[tuple[str, str], str] = {}

    def teardown(self) -> None:
        self.raw.close()

    def ask(self, agent, kind, context, seconds, due):
        request = self.gates[agent].open_request(kind, context, seconds)
        self.asked[request.request_id] = Asked(agent, kind, context, due)
        return request.request_id

    @rule(target=requests, agent=agents, kind=kinds, context=contexts)
    def open(self, agent, kind, context):
        return self.ask(agent, kind, context, LONG, False)

    @rule(agent=agents, kind=kinds, context=contexts, key=st.sampled_from(("k", "k:*")))
    def open_under_a_key(self, agent, kind, context, key):
        """One request for each key of an agent, for ever; another one under it is refused."""
        known = self.keyed.get((agent, key))
        if known is None:
            request = self.gates[agent].open_request(kind, context, LONG, key=key)
            self.asked[request.request_id] = Asked(agent, kind, context, False)
            self.keyed[agent, key] = request.request_id
            return
        one = self.asked[known]
        same = (one.kind, json.dumps(one.context)) == (kind, json.dumps(context))
        if same:
            request = self.gates[agent].open_request(kind, context, LONG, key=key)
            assert (request.request_id, request.status) == (known, one.over)
        else:
            with pytest.raises(ValueError, match="key"):
                self.gates[agent].open_request(kind, context, LONG, key=key)
        assert [request.request_id for request in self.gates[agent].find_requests(key)] == [known]

    @rule(data=st.data(), approved=answers)
    def decide_one_with_a_key(self, data, approved):
        if self.keyed:
            chosen = data.draw(st.sampled_from(sorted(self.keyed.values())))
            self.decide_now(chosen, approved, "maria", "")

    @rule(request=requests, claim=st.sampled_from(("one", "two")))
    def claim(self, request, claim):
        """An approval is for the first claim; what is none is told to everybody."""
        one = self.asked[request]
        if one.status == "approved" and one.collected and one.claim != claim:
            with pytest.raises(AlreadyCollected):
                self.desk.wait_for_decision(request, timeout=0, claim=claim)
            return
        response = self.desk.wait_for_decision(request, timeout=0, claim=claim)
        if response is None:
            assert one.over == "pending"
            return
        self.heard(one, response, claim if response.approved else "")

    @rule(agent=agents)
    def list_mine(self, agent):
        mine = [id_ for id_, one in self.asked.items() if one.agent == agent]
        assert sorted(request.request_id for request in self.gates[agent].find_requests()) == sorted(mine)

    def heard(self, one, response, claim):
        """The end as the model knows it, and who collected it before."""
        if one.status == "pending":
            self.time_out(one)
        assert (response.approved, response.responder) == (one.status == "approved", one.responder)
        assert response.status == {"rejected": "denied"}.get(one.status, one.status)
        assert (response.collected_at is not None, response.collected_by) == (one.collected, one.claim)
        if not one.collected:
            one.collected, one.claim = True, claim

    @rule(target=requests, agent=agents, kind=kinds)
    def open_one_that_is_due_at_once(self, agent, kind):
        request = self.ask(agent, kind, {}, SHORT, True)
        time.sleep(0.0025)  # its own lifetime, and a millisecond for rounding
        return request

    @rule(request=requests, approved=answers, person=people, reason=reasons)
    def decide(self, request, approved, person, reason):
        self.decide_now(request, approved, person, reason)

    def decide_now(self, request, approved, person, reason):
        decision_id, one = str(uuid.uuid4()), self.asked[request]
        decision = self.desk.decide(request, approved, person, reason, decision_id=decision_id)
        if one.over == "pending":
            assert decision.accepted
            one.status, one.responder = "approved" if approved else "rejected", person
            one.reason, one.decision = reason, decision_id
        else:
            assert decision.outcome == {"timeout": "expired", "cancelled": "cancelled"}.get(
                one.over, "already_decided"
            )
        self.check_told(decision, one)

    @rule(request=requests, approved=answers)
    def repeat_the_decision_that_stands(self, request, approved):
        """A repeat says the same again; with the opposite answer it is a loser like any other."""
        one = self.asked[request]
        if one.decision:
            decision = self.desk.decide(request, approved, "somebody", decision_id=one.decision)
            same = one.status == ("approved" if approved else "rejected")
            assert decision.outcome == ("accepted" if same else "already_decided")
            self.check_told(decision, one)

    @rule(request=requests, what=st.sampled_from(("digest", "not_after")))
    def decide_on_something_else_or_too_late(self, request, what):
        past = datetime.now(UTC) - timedelta(minutes=1)
        limits = {"digest": "0" * 64} if what == "digest" else {"not_after": past}
        decision = self.desk.decide(request, True, "maria", **limits)
        pending = {"digest": "changed", "not_after": "lapsed"}[what]
        assert not decision.accepted
        assert decision.outcome == pending or self.asked[request].over != "pending"

    @rule(request=requests, agent=agents)
    def cancel(self, request, agent):
        one = self.asked[request]
        withdrawn = self.gates[agent].cancel_request(request)
        assert withdrawn == (one.over == "pending")
        if withdrawn:
            one.status, one.responder = "cancelled", "system"
            one.reason = f"cancelled: withdrawn by {agent}"

    @rule()
    def clear_expired(self):
        due = [one for one in self.asked.values() if one.due and one.status == "pending"]
        assert self.desk.clear_expired_requests() == len(due)
        for one in due:
            self.time_out(one)

    @rule(request=requests)
    def wait(self, request):
        one = self.asked[request]
        response = self.desk.wait_for_decision(request, timeout=0)
        if one.over == "pending":
            assert response is None
            return
        self.heard(one, response, "")
        assert response.reason == one.reason

    @rule(kind=st.none() | kinds)
    def list_pending(self, kind):
        expected = [
            id_ for id_, one in self.asked.items() if one.over == "pending" and kind in (None, one.kind)
        ]
        got = [request.request_id for request in self.desk.get_pending_approvals(kind)]
        assert sorted(got) == sorted(expected)

    @rule(approved=answers)
    def touch_what_nobody_asked(self, approved):
        unknown = str(uuid.uuid4())
        assert self.desk.decide(unknown, approved, "maria").outcome == "unknown"
        assert not self.desk.cancel_request(unknown)
        assert not self.desk.wait_for_decision(unknown).approved

    @invariant()
    def every_request_reads_as_the_model_says(self):
        for request_id, one in self.asked.items():
            request = self.desk.get_request(request_id)
            assert (request.agent_id, request.approval_type) == (one.agent, one.kind)
            assert json.dumps(request.context) == json.dumps(one.context)
            assert request.status == one.over

    @staticmethod
    def time_out(one):
        one.status, one.responder = "timeout", "system"
        one.reason = f"timeout: no decision within {SHORT!r} s"

    @staticmethod
    def check_told(decision, one):
        assert decision.status == one.over
        if one.status != "pending":
            assert (decision.responder, decision.reason) == (one.responder, one.reason)


@pytest.mark.parametrize("examples", [12, pytest.param(200, marks=pytest.mark.long)])
def test_gates_do_what_the_model_does(url, examples):
    Gates.url = url
    run_state_machine_as_test(
        Gates, settings=settings(max_examples=examples, stateful_step_count=40, deadline=None)
    )
