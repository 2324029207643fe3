"""Runs of agents in the record: begun, ended, crashed, heard again, and two under one name."""

import os
import signal
import subprocess
import time
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from core import HeartbeatCoordinator
from core.history.agents import runs
from core.history.agents.runs import LostRuns
from core.history.recorder.recorder import Recorder
from core.models import AgentRun, Cursor, SetAsideEntry
from core.store.client import open_store
from tests.history.samples import some_of
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
OUTBOX = "{telemetry}:outbox"
RUNNING = "{telemetry}:agents:running"
BEAT = "{telemetry}:agents:beat:worker"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker(clean_redis):
    agent = HeartbeatCoordinator(clean_redis)
    agent.start_heartbeat("worker", {"model": "large"}, "Worker")
    agent.beat("running", 0.43, "reading")
    return agent


@pytest.fixture
def silence(raw):
    """Let time pass for an agent that says nothing: `silence("worker")`."""

    def pass_over(agent: str, seconds: int = 31) -> None:
        raw.zincrby(RUNNING, -1000 * seconds, agent)
        raw.delete("{telemetry}:agents:beat:" + agent)
        AgentRun.objects.filter(agent_id=agent).update(started_at=at_least_a_minute_ago())

    return pass_over


def at_least_a_minute_ago():
    return timezone.now() - timedelta(minutes=1)


@pytest.fixture
def look(clean_redis, record):
    """Record everything and look for lost runs, as a recorder that has just begun."""

    def once() -> None:
        record()
        LostRuns(open_store(clean_redis)).look()

    return once


def kill(process: subprocess.Popen) -> None:
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL


def the_run() -> AgentRun:
    return AgentRun.objects.get()


def test_a_run_begins_with_a_start_and_ends_with_a_stop(worker, record):
    record()
    run = the_run()
    assert (run.agent_id, run.display_name, run.metadata) == ("worker", "Worker", '{"model":"large"}')
    assert (run.state, run.ended_at, run.status) == ("running", None, "")
    worker.stop_heartbeat("failed")
    record()
    run = the_run()
    assert (run.state, run.status, run.last_progress, run.last_task) == ("stopped", "failed", 0.43, "reading")
    assert run.started_at <= run.ended_at == run.last_beat_at


@pytest.mark.parametrize("word", ["completed", "failed", "cancelled", "ran out of <b>luck</b>", "\u202eגמר"])
def test_how_it_ended_is_the_agents_own_word(worker, record, word):
    worker.stop_heartbeat(word)
    record()
    assert the_run().status == word


def test_an_end_said_by_a_beat_counts_and_working_on_takes_it_back(worker, record):
    worker.beat("completed", 1.0, "done")
    record()
    assert (the_run().state, the_run().status) == ("stopped", "completed")
    worker.beat("running", 0.1, "one more thing")
    record()
    run = the_run()
    assert (run.state, run.status, run.ended_at) == ("running", "", None)
    assert run.resumed_at is not None


def test_a_killed_process_is_lost_with_its_last_words(agent_process, silence, look):
    process = agent_process("worker", beats=4)
    look()
    assert the_run().state == "running"
    kill(process)
    silence("worker")
    look()
    run = the_run()
    assert (run.state, run.status, run.last_progress, run.last_task) == ("lost", "running", 0.4, "step 4")
    assert run.ended_at == run.last_beat_at


def test_an_agent_that_is_late_is_not_lost(worker, silence, look, raw):
    look()
    silence("worker", 25)
    look()
    assert the_run().state == "running"


def test_the_recorder_finds_who_fell_silent_by_itself(worker, recorder, silence):
    wait_until(lambda: AgentRun.objects.exists(), "the run is recorded")
    silence("worker", 29)  # the rest of its thirty seconds passes here
    wait_until(lambda: the_run().state == "lost", "it is lost")


def test_who_fell_silent_is_looked_at_once(worker, silence, record, clean_redis, django_assert_num_queries):
    record()
    silence("worker")
    lost = LostRuns(open_store(clean_redis))
    lost.look()
    AgentRun.objects.update(state="running", ended_at=None)
    lost._due = 0.0
    with django_assert_num_queries(1):  # those under one name, and nobody else
        lost.look()
    assert the_run().state == "running"


def test_a_lost_agent_that_beats_again_goes_on_with_the_same_run(worker, silence, look):
    look()
    silence("worker")
    look()
    assert the_run().state == "lost"
    worker.beat("running", 0.5, "writing")
    look()
    run = the_run()
    assert (run.state, run.ended_at) == ("running", None)
    assert run.resumed_at is not None
    worker.stop_heartbeat()
    look()
    assert the_run().status == "completed"


def test_a_return_read_after_the_next_silence_was_found_brings_nobody_back(
    worker, silence, look, record, clean_redis
):
    look()
    silence("worker")
    worker.beat("running", 0.5, "writing")  # heard again, which the recorder has not read yet
    silence("worker")
    LostRuns(open_store(clean_redis)).look()
    AgentRun.objects.update(last_beat_at="2100-01-01T00:00:00Z")  # it knows of a later beat than the return
    record()
    assert the_run().state == "lost"


def test_a_crash_that_is_started_again_at_once_leaves_a_lost_run(
    agent_process, look, record, monkeypatch, clean_redis
):
    kill(agent_process("worker", beats=2))
    agent_process("worker", beats=6)
    record()
    monkeypatch.setattr(runs, "LOST_SECONDS", 0.05)
    lost = LostRuns(open_store(clean_redis))

    def crashed() -> AgentRun | None:
        lost._due = 0.0
        lost.look()
        return AgentRun.objects.filter(state="lost").first()

    run = wait_until(crashed, "the first one is lost")
    assert (run.last_task, run.last_progress) == ("step 2", 0.2)
    assert run.started_at <= run.ended_at
    assert AgentRun.objects.get(state="running").started_at >= run.ended_at


def test_two_living_processes_under_one_name_are_two_runs_that_go_on(
    agent_process, clean_redis, raw, record, monkeypatch
):
    agent_process("worker", beats=2), agent_process("worker", beats=6)
    record()
    wait_until(lambda: len(raw.get(BEAT).split()) == 3, "both beat")
    monkeypatch.setattr(runs, "LOST_SECONDS", 0.3)
    lost = LostRuns(open_store(clean_redis))
    end = time.monotonic() + 1
    while time.monotonic() < end:  # long past what would be lost
        lost._due = 0.0
        lost.look()
    assert list(AgentRun.objects.values_list("state", "overlaps")) == [("running", True)] * 2


def test_two_that_are_killed_are_both_lost(agent_process, silence, look):
    processes = [agent_process("worker", beats=2), agent_process("worker", beats=6)]
    look()
    for process in processes:
        kill(process)
    silence("worker")
    look()
    found = AgentRun.objects.order_by("last_progress").values_list("state", "last_task")
    assert list(found) == [("lost", "step 2"), ("lost", "step 6")]


def test_a_process_that_starts_again_without_a_stop_ends_its_run(worker, record):
    worker.start_heartbeat("worker")
    record()
    assert sorted(AgentRun.objects.values_list("state", "status")) == [
        ("running", ""),
        ("stopped", "restarted"),
    ]
    assert not AgentRun.objects.filter(overlaps=True).exists()


def test_a_run_that_redis_knows_nothing_of_any_more_is_lost(worker, record, raw, clean_redis):
    record()
    raw.flushall()
    LostRuns(open_store(clean_redis)).look()
    run = the_run()
    assert (run.state, run.last_task) == ("lost", "")
    worker.beat("running", 0.9, "still here")
    record()
    assert the_run().state == "running"


def test_everything_told_twice_is_the_same(worker, record, silence, clean_redis):
    worker.beat("completed", 1.0)
    worker.beat("running", 0.2, "more")
    worker.stop_heartbeat("failed")
    second = HeartbeatCoordinator(clean_redis)
    second.start_heartbeat("worker")
    record()
    before = list(AgentRun.objects.order_by("pk").values())
    for _ in range(2):
        Cursor.objects.update(position="0")
        again = Recorder(clean_redis)
        while again.step():
            pass
        assert list(AgentRun.objects.order_by("pk").values()) == before
    assert sorted(AgentRun.objects.values_list("state", flat=True)) == ["running", "stopped"]


@pytest.mark.long
def test_a_recorder_that_is_killed_at_random_moments_records_each_run_once(recorder_process, clean_redis):
    agents, process = [], recorder_process()
    for turn in range(2):
        for number in range(40):
            agent = HeartbeatCoordinator(clean_redis)
            agent.start_heartbeat(f"agent {turn} {number}")
            if number % 2:
                agent.stop_heartbeat()
            agents.append(agent)
        wait_until(lambda seen=turn: AgentRun.objects.count() > 40 * seen, "it has begun")
        kill(process)
        process = recorder_process()
    wait_until(lambda: AgentRun.objects.count() == 80, "every run is recorded")
    wait_until(lambda: AgentRun.objects.filter(state="stopped").count() == 40, "and every end")
    assert AgentRun.objects.filter(state="running").count() == 40
    assert not SetAsideEntry.objects.exists()


ID = uuid.uuid4().hex
STARTED = {"type": "agent_started", "run_id": ID, "agent_id": "a", "instance": "i", "started_ms": "5",
           "display_name": "", "metadata": "{}", "previous": "", "previous_beat_ms": ""}  # fmt: skip
STOPPED = {"type": "agent_stopped", "run_id": ID, "agent_id": "a", "instance": "i", "stopped_ms": "6",
           "status": "completed", "progress": "1.0", "task": ""}  # fmt: skip
POISON = {
    "no run": {**STARTED, "run_id": ""},
    "a run in words": {**STARTED, "run_id": "mine"},
    "no agent": {**STARTED, "agent_id": ""},
    "a long agent": {**STARTED, "agent_id": "x" * 256},
    "a NUL in the agent": {**STARTED, "agent_id": "a\0"},
    "no time": {name: value for name, value in STARTED.items() if name != "started_ms"},
    "a time in words": {**STARTED, "started_ms": "noon"},
    "a time beyond all calendars": {**STARTED, "started_ms": "9" * 18},
    "a progress that is nan": {**STOPPED, "progress": "nan"},
    "a status without a word": {**STOPPED, "status": ""},
    "a return without a time": {"type": "agent_resumed", "run_id": ID, "agent_id": "a", "instance": "i"},
}


@pytest.mark.parametrize("fields", some_of(POISON))
def test_a_poisoned_entry_is_set_aside_and_the_rest_is_recorded(worker, raw, record, fields):
    raw.xadd(OUTBOX, fields)
    HeartbeatCoordinator(worker._store).start_heartbeat("after")
    assert record() == 3
    assert set(AgentRun.objects.values_list("agent_id", flat=True)) == {"worker", "after"}
    assert SetAsideEntry.objects.count() == 1


def test_an_end_of_a_run_that_was_never_told_is_still_recorded(raw, record):
    raw.xadd(OUTBOX, STOPPED)
    record()
    assert (the_run().state, the_run().agent_id) == ("stopped", "a")


def test_a_set_of_a_wrong_type_does_not_stop_the_record(worker, raw, clean_redis, recorder):
    raw.delete(RUNNING)
    raw.set(RUNNING, "not a set")
    raw.xadd(OUTBOX, STOPPED)
    wait_until(lambda: AgentRun.objects.count() == 2, "both are recorded")
    raw.delete(RUNNING)


def test_a_task_with_a_nul_is_kept_as_every_database_can_hold_it(worker, record):
    worker.beat("running", 0.5, "a\0b")
    worker.stop_heartbeat()
    record()
    assert the_run().last_task == "a\u2400b"


@pytest.mark.parametrize(
    "unfit",
    [
        {"display_name": "x" * 256},
        {"display_name": "a\0b"},
        {"display_name": "a\nb"},
        {"metadata": "not json"},
        {"metadata": '{"a": "\0"}'},
        {"metadata": '{"a": "' + "x" * 70_000 + '"}'},
        {"metadata": "[" * 100_000},
    ],
)
def test_what_no_agent_of_ours_says_of_its_run_is_set_aside_on_every_database(raw, record, gate, unfit):
    said = {
        **{"type": "agent_started", "run_id": str(uuid.uuid4()), "agent_id": "a", "instance": "0a"},
        **{"started_ms": "5", "display_name": "", "metadata": "{}", "previous": "", "previous_beat_ms": ""},
    }
    raw.xadd("{telemetry}:outbox", {**said, **unfit})
    record()
    assert not AgentRun.objects.exists()
    assert SetAsideEntry.objects.count() == 1
