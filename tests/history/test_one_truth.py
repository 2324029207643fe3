"""Redis, the record, the audit and the agent tell the same story, also in the last 20 ms."""

import random
import time

from core import ApprovalGate
from core.models import ApprovalRecord, AuditEntry, DecisionIntent
from tests.history.chain import assert_chain_is_whole
from tests.waiting import wait_until

TRIALS = 300
LANES = 6
TIMEOUT = 0.4


def one_trial(gate, decide, user, chance: random.Random) -> tuple:
    """Ask, decide within 20 ms of the deadline as the site does, and hear what the agent hears."""
    request = gate.open_request("deploy", timeout=TIMEOUT)
    record = gate.read_record(request.request_id)
    # A little early: the intent is written first, and that takes time too.
    moment = record.deadline_at.timestamp() + chance.uniform(-0.03, 0.01)
    time.sleep(max(0.0, moment - time.time()))
    decision = decide(user, request.request_id, approved=chance.random() < 0.5, digest=record.digest)
    return request.request_id, decision, gate.wait_for_decision(request.request_id)


def test_300_decisions_around_the_deadline_are_one_story_everywhere(
    clean_redis, recorder, make_user, decide, background
):
    people = [make_user(f"person-{number}", "approver") for number in range(LANES)]
    gate = ApprovalGate(clean_redis, "deployer")

    def lane(number: int) -> list:
        chance = random.Random(number)
        return [one_trial(gate, decide, people[number], chance) for _ in range(TRIALS // LANES)]

    lanes = [background(lane, number) for number in range(LANES)]
    trials = [trial for future in lanes for trial in future.result(200)]
    wait_until(
        lambda: AuditEntry.objects.filter(kind="approval.collected").count() == TRIALS, "all is recorded", 30
    )
    for request_id, decision, heard in trials:
        live, row = gate.read_record(request_id), ApprovalRecord.objects.get(pk=request_id)
        end = AuditEntry.objects.get(event_id=f"request:{request_id}:ended")
        intent = DecisionIntent.objects.get(request_id=request_id)
        assert live.status == row.status == end.kind.removeprefix("approval.")
        assert live.responder == row.responder == end.actor == heard.responder
        assert live.ended_at == row.ended_at == end.at == heard.timestamp
        assert heard.approved is (live.status == "approved")
        if decision.accepted:
            assert live.ended_at < live.deadline_at
            assert (intent.outcome, live.decision_id) == ("accepted", str(intent.pk))
            assert live.status == ("approved" if intent.approved else "rejected")
        else:
            assert (intent.outcome, live.status, heard.responder) == ("expired", "timeout", "system")
    assert 0 < sum(decision.accepted for _, decision, _ in trials) < TRIALS  # else nothing was tried
    assert_chain_is_whole()
