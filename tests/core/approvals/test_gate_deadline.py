"""Decisions around the deadline: accepted means that the agent heard of it, and in time."""

import random
import time

import pytest

from core import ApprovalGate
from core.approvals import waiting as approval_waiting
from core.store.approvals import expire
from core.store.keys import Keys
from tests.live_record import live_record
from tests.waiting import PATIENCE

TRIALS = [pytest.param(200, id="200"), pytest.param(1_000, id="1000", marks=pytest.mark.long)]
LANES = 50
TIMEOUT = 0.25
KEY = "{telemetry}:approvals:request:"


def one_trial(gate: ApprovalGate, background, chance: random.Random) -> tuple:
    """Ask in another thread, decide within 20 ms of the deadline; what each side was told."""
    request = gate.open_request("deploy", timeout=TIMEOUT)
    agent = background(gate.wait_for_decision, request.request_id)
    deadline = live_record(gate, request.request_id).deadline_at.timestamp()
    time.sleep(max(0.0, deadline + chance.uniform(-0.02, 0.02) - time.time()))
    answer = chance.random() < 0.5
    accepted = gate.respond_to_approval(request.request_id, answer, "ann")
    return request.request_id, answer, accepted, agent.result(PATIENCE)


@pytest.mark.parametrize("many", TRIALS)
def test_decisions_around_the_deadline_are_heard_by_the_agent_or_refused(gate, raw, background, many):
    def lane(seed: int) -> list:
        chance = random.Random(seed)
        return [one_trial(gate, background, chance) for _ in range(many // LANES)]

    trials = [trial for future in [background(lane, n) for n in range(LANES)] for trial in future.result(120)]
    assert len(trials) == many
    for request_id, answer, accepted, response in trials:
        stored = raw.hgetall(KEY + request_id)
        status = stored[b"status"].decode()
        if accepted:
            assert int(stored[b"ended_ms"]) < int(stored[b"deadline_ms"])
            assert (response.approved, response.responder) == (answer, "ann")
            assert status == ("approved" if answer else "rejected")
        else:
            assert (response.approved, response.responder, status) == (False, "system", "timeout")
    accepted = sum(trial[2] for trial in trials)
    assert 0 < accepted < many  # else nothing was tried


def test_the_agent_that_asks_and_waits_in_one_call_hears_every_accepted_decision(gate, raw, background):
    def agent(number: int):
        return ApprovalGate(gate._store, f"agent {number}").request_approval("deploy", timeout=0.6)

    agents = [background(agent, number) for number in range(40)]
    accepted = {}
    while not all(future.done() for future in agents):
        for request in gate.get_pending_approvals():
            left = request.timestamp.timestamp() + request.timeout_seconds - time.time()
            if left < 0.02:
                accepted[request.request_id] = gate.respond_to_approval(request.request_id, True, "ann")
    responses = {future.result().request_id: future.result() for future in agents}
    for request_id, was_accepted in accepted.items():
        assert responses[request_id].approved is was_accepted
    for request_id, response in responses.items():
        status = raw.hget(KEY + request_id, "status")  # none of one that could not be stored in time
        assert response.approved is (status == b"approved")


def test_a_request_that_the_server_stored_late_is_closed_when_its_asker_gives_up(gate):
    # As after a hang: the server counts a deadline that lies far behind the asker's own.
    request = gate.open_request("deploy", timeout=60)
    response = approval_waiting.wait_for_end(gate._store, request.request_id, time.monotonic() + 0.1)
    assert (response.approved, response.responder) == (False, "system")
    assert response.reason.startswith("cancelled")
    assert gate.decide(request.request_id, True, "ann").outcome == "cancelled"
    assert live_record(gate, request.request_id).reason == response.reason


def test_the_gate_says_how_long_until_a_deadline_and_ends_nothing_early(gate):
    request = gate.open_request("deploy", timeout=60)
    store, keys = gate._store, Keys()
    for _ in range(3):
        state, left = store.run(expire(keys, request.request_id))
        assert state == b"pending"
        assert 50_000 < int(left) <= 60_000
