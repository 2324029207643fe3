"""Heartbeats through outages, threads, forks, and two processes under one name."""

import json
import logging
import os
import subprocess
import sys
import time

import pytest

from core import HeartbeatCoordinator, StoreUnavailable
from core.agents import fleet
from tests.servers import client_of
from tests.waiting import PATIENCE, Stopwatch, wait_until

BEAT = "{telemetry}:agents:beat:worker"
RECORD = "{telemetry}:agents:record:worker"


def started(url: str) -> HeartbeatCoordinator:
    worker = HeartbeatCoordinator(url)
    worker.start_heartbeat("worker")
    return worker


def beats_until_seen(worker: HeartbeatCoordinator, url: str) -> None:
    def seen() -> bool:
        worker.beat("running", 0.75)
        status = HeartbeatCoordinator(url).get_agent_status("worker")
        return status is not None and status.progress == 0.75

    wait_until(seen, "beats arrive again")


def test_a_dead_server_raises_nothing_is_logged_once_and_comes_back_by_itself(server, caplog):
    worker = started(server.url)
    server.stop()
    with caplog.at_level(logging.WARNING, "core.agent_tracking"):
        for _ in range(20):
            worker.beat("running", 0.5)
        assert len(caplog.records) == 1
        server.start()
        beats_until_seen(worker, server.url)
        assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


def test_a_hung_server_raises_nothing_holds_one_beat_for_seconds_at_most_and_comes_back(server):
    worker = started(server.url)
    server.hang()
    with Stopwatch() as watch:
        for _ in range(50):
            worker.beat("running", 0.5)
    assert watch.own < 20  # not 2 s for each of 50
    server.resume()
    beats_until_seen(worker, server.url)


def test_an_agent_starts_and_stops_without_its_server_and_is_seen_once_it_is_there(server):
    server.stop()
    worker = started(server.url)
    worker.stop_heartbeat("failed")
    worker.beat("running", 0.1)
    server.start()
    beats_until_seen(worker, server.url)


def test_an_emptied_server_has_the_whole_record_again_after_one_beat(url, agents, raw):
    worker = HeartbeatCoordinator(url)
    worker.start_heartbeat("worker", {"a": 1}, "The worker")
    raw.flushall()
    raw.script_flush()
    worker.beat("running", 0.5)
    beat = agents.get_agent_status("worker")
    assert (beat.metadata, beat.display_name, beat.progress) == ({"a": 1}, "The worker", 0.5)


def test_a_full_or_read_only_server_raises_nothing(server):
    worker, raw = started(server.url), client_of(server.url)
    raw.config_set("maxmemory", 1)
    worker.beat("running", 0.5)
    raw.config_set("maxmemory", 0)
    raw.replicaof("127.0.0.1", "1")
    worker.stop_heartbeat()
    raw.replicaof("NO", "ONE")
    beats_until_seen(worker, server.url)


def test_readers_are_told_that_redis_is_away(tmp_path):
    agents = HeartbeatCoordinator(f"unix://{tmp_path}/absent.sock")
    for read in (agents.get_active_agents, agents.get_stale_agents, lambda: agents.is_agent_alive("a")):
        with pytest.raises(StoreUnavailable):
            read()


@pytest.mark.anywhere
def test_beating_before_registering_is_logged_and_raises_nothing(url, raw, caplog):
    HeartbeatCoordinator(url).beat("running", 0.5)
    HeartbeatCoordinator(url).stop_heartbeat()
    assert "start_heartbeat" in caplog.text
    assert raw.dbsize() == 0


def test_one_coordinator_serves_many_threads(url, agents, background):
    worker = started(url)
    beats = [background(worker.beat, "running", n / 1000, f"task {n}") for n in range(500)]
    for beat in beats:
        beat.result(PATIENCE)
    seen = agents.get_agent_status("worker")
    assert seen.current_task == f"task {round(seen.progress * 1000)}"
    assert not worker.conflict


class Quick(HeartbeatCoordinator):
    HEARTBEAT_INTERVAL = 0.02


def test_keep_alive_beats_while_blocked_and_restores_what_was_said_before(url, agents):
    worker = Quick(url)
    worker.start_heartbeat("worker")
    worker.beat("running", 0.4, "deploy")
    with worker.keep_alive("waiting for approval"):
        first = agents.get_agent_status("worker")
        assert (first.status, first.progress, first.current_task) == ("waiting for approval", 0.4, "deploy")
        wait_until(lambda: agents.get_agent_status("worker").last_beat > first.last_beat, "it beats on")
    after = agents.get_agent_status("worker")
    assert (after.status, after.progress, after.current_task) == ("running", 0.4, "deploy")


def test_keep_alive_restores_after_an_exception_and_ends_its_thread(url, agents):
    worker = Quick(url)
    worker.start_heartbeat("worker")
    with pytest.raises(KeyError), worker.keep_alive():
        raise KeyError
    beat = agents.get_agent_status("worker")
    assert beat.status == "starting"
    time.sleep(0.1)
    assert agents.get_agent_status("worker").last_beat == beat.last_beat


def test_keep_alive_leaves_what_its_body_says(url, agents):
    worker = Quick(url)
    worker.start_heartbeat("worker")
    with worker.keep_alive():
        worker.beat("running", 0.9, "news")
        said = agents.get_agent_status("worker")
        wait_until(lambda: agents.get_agent_status("worker").last_beat > said.last_beat, "it beats on")
        assert agents.get_agent_status("worker").current_task == "news"
    assert agents.get_agent_status("worker").progress == 0.9


def test_an_agent_that_stops_inside_keep_alive_stays_stopped(url, agents):
    worker = Quick(url)
    worker.start_heartbeat("worker")
    with worker.keep_alive():
        worker.stop_heartbeat("failed")
        time.sleep(0.1)
    assert agents.get_agent_status("worker").status == "failed"
    assert not agents.is_agent_alive("worker")


# Two processes under one name

RIVAL = """
import sys
from core import HeartbeatCoordinator
worker = HeartbeatCoordinator(sys.argv[1])
worker.start_heartbeat("worker")
for line in sys.stdin:
    worker.beat("running", 0.5)
    print(worker.conflict, flush=True)
"""


def rival_process(url: str) -> subprocess.Popen:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", RIVAL, url], text=True, bufsize=1, **pipes)


def beat_of(process: subprocess.Popen) -> str:
    process.stdin.write("beat\n")
    return process.stdout.readline().strip()


def test_two_processes_with_one_name_both_see_the_conflict_and_so_does_the_record(url, agents, raw, caplog):
    rivals = [rival_process(url) for _ in range(2)]
    assert beat_of(rivals[0]) in ("True", "False")
    beat_of(rivals[1])
    assert [beat_of(rival) for rival in rivals] == ["True", "True"]
    [state] = fleet.look(agents._store, None)[1]
    assert state.rival
    assert json.loads(raw.get(RECORD))["rival"] == state.rival
    for rival in rivals:
        rival.stdin.close()
        assert rival.wait(30) == 0


def test_a_conflict_clears_once_the_rival_is_silent_for_the_lifetime_of_a_beat(url, agents, raw):
    first, second = started(url), started(url)
    for worker in (first, second, first):
        worker.beat("running", 0.1)
    assert second.conflict
    assert first.conflict
    owner, rival, seen = raw.get(BEAT).decode().split()
    raw.set(BEAT, f"{owner} {rival} {int(seen) - 25_000}")
    first.beat("running", 0.2)
    assert first.conflict
    raw.set(BEAT, f"{owner} {rival} {int(seen) - 31_000}")
    first.beat("running", 0.3)
    assert not first.conflict
    assert fleet.look(agents._store, None)[1][0].rival == ""
    assert raw.get(BEAT).decode() == owner


def test_the_stop_of_one_does_not_take_the_key_of_its_rival(url, agents):
    first, second = started(url), started(url)
    first.beat("running", 0.1)
    second.stop_heartbeat("failed")
    assert agents.is_agent_alive("worker")
    first.beat("running", 0.2)
    assert [beat.progress for beat in agents.get_active_agents()] == [0.2]


def test_one_coordinator_that_registers_again_is_no_rival_of_itself(url):
    worker = started(url)
    worker.start_heartbeat("worker", {"again": True})
    worker.beat("running", 0.1)
    assert not worker.conflict


def test_a_restart_is_no_conflict_after_a_clean_stop_nor_after_a_crash(url):
    started(url).stop_heartbeat()
    started(url)  # and is never heard of again
    worker = started(url)
    worker.beat("running", 0.1)
    assert not worker.conflict


def in_a_fork(action) -> int:
    child = os.fork()
    if child == 0:
        try:
            os._exit(action())
        except BaseException:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_forked_child_that_beats_on_is_another_process_under_the_same_name(url):
    worker = started(url)

    def child() -> int:
        worker.beat("running", 0.5)
        return 7 if worker.conflict else 8

    assert in_a_fork(child) == 7
    worker.beat("running", 0.6)
    assert worker.conflict


def test_a_child_forked_while_a_thread_holds_the_coordinator_can_still_beat(url, agents):
    worker = started(url)

    def child() -> int:
        worker.beat("running", 0.9)
        return 0

    with worker._lock:
        assert in_a_fork(child) == 0
    assert agents.get_agent_status("worker").progress == 0.9


def test_a_gate_used_before_a_fork_works_in_both_processes(gate):
    request = gate.open_request("deploy")
    assert in_a_fork(lambda: 0 if gate.respond_to_approval(request.request_id, True, "child") else 1) == 0
    assert gate.wait_for_decision(request.request_id).responder == "child"
