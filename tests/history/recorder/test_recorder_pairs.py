"""Two recorders on one outbox, in threads and as processes that are killed: nothing lost, nothing doubled."""

import os
import signal
import time

import pytest

from core.history.recorder.recorder import Recorder
from core.models import ApprovalRecord
from tests.history.audit.chain import assert_chain_is_whole, of_requests
from tests.waiting import wait_until

REQUESTS = [40, pytest.param(150, marks=pytest.mark.long)]
KILLS = 4


def ask_and_answer(gate, count: int) -> list[str]:
    ids = []
    for number in range(count):
        request_id = gate.open_request("deploy", {"number": number}).request_id
        gate.respond_to_approval(request_id, number % 2 == 0, "ann")
        ids.append(request_id)
    return ids


def assert_each_is_recorded_once(ids: list[str]) -> None:
    assert ApprovalRecord.objects.exclude(status="pending").count() == len(ids)
    for kind in ("requested", "ended"):
        names = {f"request:{request_id}:{kind}" for request_id in ids}
        written = of_requests().filter(event_id__endswith=f":{kind}").values_list("event_id", flat=True)
        assert sorted(written) == sorted(names)
    assert_chain_is_whole()
    assert of_requests().count() == 2 * len(ids)


@pytest.mark.parametrize("requests", REQUESTS)
def test_two_recorders_at_once_lose_nothing_and_double_nothing(
    gate, clean_redis, transactional_db, running, background, requests
):
    for _ in range(2):
        running(Recorder(clean_redis))
    halves = [background(ask_and_answer, gate, requests) for _ in range(2)]
    ids = [request_id for half in halves for request_id in half.result(60)]
    wait_until(lambda: of_requests().count() == 2 * len(ids), "everything is recorded")
    assert_each_is_recorded_once(ids)


def test_a_standby_takes_over_where_the_first_one_ended(gate, clean_redis, transactional_db, running):
    first, second = running(Recorder(clean_redis)), running(Recorder(clean_redis))
    ids = ask_and_answer(gate, 20)
    first.set()
    ids += ask_and_answer(gate, 20)
    wait_until(lambda: of_requests().count() == 80, "the other one records")
    second.set()
    assert_each_is_recorded_once(ids)


@pytest.mark.long
def test_two_recorder_processes_one_killed_in_the_middle_and_started_again(gate, recorder_process):
    victim, other = recorder_process(), recorder_process()
    ids = ask_and_answer(gate, 1)
    wait_until(lambda: of_requests().exists(), "one of them records")
    for _ in range(KILLS):
        ids += ask_and_answer(gate, 60)
        os.kill(victim.pid, signal.SIGKILL)
        assert victim.wait(30) == -signal.SIGKILL
        victim = recorder_process()
    wait_until(lambda: of_requests().count() == 2 * len(ids), "everything is recorded")
    other.terminate()
    assert other.wait(30) == 0
    assert_each_is_recorded_once(ids)


@pytest.mark.long
def test_a_lonely_recorder_process_killed_at_random_moments_goes_on_where_it_was(gate, recorder_process):
    ids, process = [], recorder_process()
    for pause in (0.0, 0.01, 0.05):
        before = of_requests().count()
        ids += ask_and_answer(gate, 80)
        wait_until(lambda seen=before: of_requests().count() > seen, "it has begun")
        time.sleep(pause)  # the moment of its death
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
        process = recorder_process()
    wait_until(lambda: of_requests().count() == 2 * len(ids), "everything is recorded")
    assert_each_is_recorded_once(ids)
