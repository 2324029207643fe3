"""Redis, the record, the audit and the agent tell the same story, also in the last 20 ms."""

import random
import time

import pytest

from core import ApprovalGate
from core.models import ApprovalRecord, AuditEntry, DecisionIntent
from core.store.approvals import read_records
from tests.history.audit.chain import assert_chain_is_whole
from tests.live_record import live_record
from tests.waiting import wait_until

TRIALS = 1_000
LANES = 10
AHEAD = 10  # each lane has so many requests open, whose deadlines follow one another
TIMEOUT, STEP = 0.3, 0.02
LEAD = 0.02  # the intent is written first, and that takes time too: how much, each lane finds out


def ten_trials(gate, decide, user, chance: random.Random, lead: float) -> tuple[list[tuple], float]:
    """Ask, decide each within 20 ms of its deadline as the site does, and hear what the agents hear."""
    timeout = TIMEOUT + 2 * lead
    requests = [gate.open_request("deploy", timeout=timeout + STEP * number) for number in range(AHEAD)]
    records = read_records(gate._store, [request.request_id for request in requests])
    trials = []
    for record in records:
        moment = record.deadline_at.timestamp() - lead + chance.uniform(-0.02, 0.02)
        time.sleep(max(0.0, moment - time.time()))
        answer = decide(user, record.request_id, approved=chance.random() < 0.5, digest=record.digest)
        trials.append((record.request_id, answer, gate.wait_for_decision(record.request_id)))
        lead = max(0.0, lead - 0.002) if answer.accepted else min(2.0, 1.2 * lead + 0.002)
    return trials, lead


@pytest.mark.long
def test_1000_decisions_around_the_deadline_are_one_story_everywhere(
    clean_redis, recorder, make_user, decide, background
):
    people = [make_user(f"person-{number}", "approver") for number in range(LANES)]
    gate = ApprovalGate(clean_redis, "deployer")

    def lane(number: int) -> list:
        chance = random.Random(number)
        lead, told = LEAD, []
        for _ in range(TRIALS // LANES // AHEAD):
            trials, lead = ten_trials(gate, decide, people[number], chance, lead)
            told += trials
        return told

    lanes = [background(lane, number) for number in range(LANES)]
    trials = [trial for future in lanes for trial in future.result(200)]
    assert len(trials) == TRIALS
    wait_until(
        lambda: AuditEntry.objects.filter(kind="approval.collected").count() == TRIALS, "all is recorded", 60
    )
    rows = {str(row.pk): row for row in ApprovalRecord.objects.all()}
    ends = {entry.event_id: entry for entry in AuditEntry.objects.filter(event_id__endswith=":ended")}
    intents = {str(intent.request_id): intent for intent in DecisionIntent.objects.all()}
    for request_id, decision, heard in trials:
        live, row, intent = live_record(gate, request_id), rows[request_id], intents[request_id]
        agree(live, row, ends[f"request:{request_id}:ended"], heard)
        if decision.accepted:
            assert live.ended_at < live.deadline_at
            assert (intent.outcome, live.decision_id) == ("accepted", str(intent.pk))
            assert live.status == ("approved" if intent.approved else "rejected")
        else:
            assert (intent.outcome, live.status, heard.responder) == ("expired", "timeout", "system")
    assert 0 < sum(decision.accepted for _, decision, _ in trials) < TRIALS  # else nothing was tried
    assert_chain_is_whole()


def agree(live, row, end, heard) -> None:
    """What Redis holds, what SQL remembers, what the audit says and what the agent heard."""
    assert live.status == row.status == end.kind.removeprefix("approval.")
    assert live.responder == row.responder == end.actor == heard.responder
    assert live.ended_at == row.ended_at == end.at == heard.timestamp
    assert heard.approved is (live.status == "approved")
