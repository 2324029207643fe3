"""Many deciders at once: one wins, everybody else is told who."""

import json
import subprocess
import sys
import threading

import pytest

from core import ApprovalGate
from tests.live_record import live_record
from tests.waiting import PATIENCE, wait_until

THREADS = 64
RIVAL = """
import json, sys
from core import ApprovalGate
gate, approved, name = ApprovalGate(sys.argv[1]), sys.argv[2] == "yes", sys.argv[3]
for line in sys.stdin:
    decision = gate.decide(line.strip(), approved, name)
    print(json.dumps([decision.accepted, decision.status, decision.responder]), flush=True)
"""


def rival(url: str, answer: str, name: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", RIVAL, url, answer, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )


class Deciders:
    """64 threads that decide one request after another, each always with its own answer."""

    def __init__(self, gate: ApprovalGate, rounds: int) -> None:
        self._gate, self._rounds = gate, rounds
        self._start, self._done = threading.Barrier(THREADS + 1), threading.Barrier(THREADS + 1)
        self._answers: list = [None] * THREADS
        self._request_id = ""
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(THREADS)]
        for thread in self._threads:
            thread.start()

    def decide(self, request_id: str, before_they_start) -> list:
        self._request_id = request_id
        before_they_start()
        self._start.wait(30)
        self._done.wait(30)
        return list(self._answers)

    def _run(self, number: int) -> None:
        for _ in range(self._rounds):
            self._start.wait(30)
            decision = self._gate.decide(self._request_id, number % 2 == 0, f"thread {number}")
            self._answers[number] = [decision.accepted, decision.status, decision.responder]
            self._done.wait(30)


@pytest.mark.parametrize("rounds", [20, pytest.param(500, marks=pytest.mark.long)])
def test_of_64_threads_and_2_processes_one_wins_and_all_others_are_told_who_each_time(url, gate, rounds):
    rivals = [rival(url, "yes", "process yes"), rival(url, "no", "process no")]
    deciders, winners = Deciders(gate, rounds), set()
    for _ in range(rounds):
        request = gate.open_request("deploy")

        def tell_rivals(request_id=request.request_id):
            for process in rivals:
                process.stdin.write(request_id + "\n")

        answers = deciders.decide(request.request_id, tell_rivals)
        answers += [json.loads(process.stdout.readline()) for process in rivals]
        [winner] = [answer for answer in answers if answer[0]]
        stored = live_record(gate, request.request_id)
        assert {(status, who) for _, status, who in answers} == {(stored.status, stored.responder)}
        assert gate.wait_for_decision(request.request_id).approved is (winner[1] == "approved")
        winners.add(winner[2])
    for process in rivals:
        process.stdin.close()
        assert process.wait(30) == 0
    assert len(winners) > 1  # else it was no race


def test_200_waiters_on_one_request_all_get_the_decision(gate, raw, background):
    request = gate.open_request("deploy")
    waiters = [background(gate.wait_for_decision, request.request_id, 30) for _ in range(200)]
    wait_until(lambda: raw.info("clients")["blocked_clients"] == 200, "all of them wait")
    gate.respond_to_approval(request.request_id, True, "ann")
    assert all(waiter.result(PATIENCE).approved for waiter in waiters)


def test_a_decision_and_a_cancellation_at_once_agree_on_one_end(gate, background):
    for _ in range(50):
        request = gate.open_request("deploy")
        decided = background(gate.respond_to_approval, request.request_id, True, "ann")
        cancelled = background(gate.cancel_request, request.request_id)
        assert decided.result(PATIENCE) is not cancelled.result(PATIENCE)
        assert gate.wait_for_decision(request.request_id).approved is decided.result()


def test_a_repeated_decision_id_in_a_race_is_accepted_for_every_copy_of_it(gate, raw, background):
    request = gate.open_request("deploy")
    copies = [
        background(lambda: gate.decide(request.request_id, True, "ann", decision_id="one")) for _ in range(32)
    ]
    assert {copy.result(PATIENCE).outcome for copy in copies} == {"accepted"}
    assert raw.xlen("{telemetry}:approvals:ended:" + request.request_id) == 1
