"""What few heartbeats tell besides: the timeline on a change, the record at a start, an end and a return."""

import json
import logging
import os

import pytest

from core import ApprovalGate, CoordinationSignals, HeartbeatCoordinator
from core.agent_tracking import MAX_METADATA_KEPT_BYTES
from core.agents.snapshot import read_snapshot, read_timeline
from core.store.keys import TIMELINE_LENGTH
from tests.round_trips import round_trips
from tests.servers import client_of, faulty_server

OUTBOX = "{telemetry}:outbox"
TIMELINE = "{telemetry}:agents:timeline:worker"
BEAT = "{telemetry}:agents:beat:worker"


@pytest.fixture
def worker(agents):
    agents.start_heartbeat("worker", {"model": "large"}, "Worker")
    return agents


def told(raw) -> list[dict[str, str]]:
    """What the outbox says of runs, in order."""
    entries = [{k.decode(): v.decode() for k, v in fields.items()} for _, fields in raw.xrange(OUTBOX)]
    return [entry for entry in entries if entry["type"].startswith("agent_")]


def kinds(raw) -> list[str]:
    return [entry["type"].removeprefix("agent_") for entry in told(raw)]


def said(url) -> list[tuple[str, float, str]]:
    return [(entry.status, entry.progress, entry.task) for entry in reversed(read_timeline("worker", url))]


def test_only_a_change_is_an_entry(worker, url):
    for progress in (0.1, 0.11, 0.149, 0.15, 0.1999, 0.2, 0.2):
        worker.beat("running", progress, "reading")
    worker.beat("running", 0.2, "writing")
    worker.beat("waiting", 0.2, "writing")
    worker.beat("waiting", 0.12, "writing")
    worker.stop_heartbeat()
    assert said(url) == [
        ("starting", 0.0, ""),
        ("running", 0.1, "reading"),
        ("running", 0.15, "reading"),
        ("running", 0.2, "reading"),
        ("running", 0.2, "writing"),
        ("waiting", 0.2, "writing"),
        ("waiting", 0.12, "writing"),
        ("completed", 1.0, "writing"),
    ]


def test_progress_that_creeps_is_an_entry_each_five_points(worker, url):
    for point in range(101):
        worker.beat("running", point / 100)
    assert [round(100 * progress) for _, progress, _ in said(url)[1:]] == list(range(0, 101, 5))


def test_a_beat_is_one_round_trip_whether_it_is_a_change_or_not(worker):
    with round_trips() as trips:
        for number in range(10):
            worker.beat("running", 0.5, f"task {number // 2}")
    assert trips.count == 10


def test_the_timeline_is_bounded_and_goes_a_day_after_its_last_entry(worker, raw):
    for number in range(2 * TIMELINE_LENGTH):
        worker.beat("running", 0.5, f"task {number}")
    assert TIMELINE_LENGTH <= raw.xlen(TIMELINE) <= TIMELINE_LENGTH + 100  # trimmed by whole nodes
    raw.pexpire(TIMELINE, 1000)
    worker.beat("running", 0.5, "another")
    day = 24 * 3600
    assert day - 60 < raw.ttl(TIMELINE) <= day


def test_ordinary_beats_say_nothing_to_the_record(worker, raw):
    for number in range(5):
        worker.beat("running", number / 5, f"task {number}")
    assert kinds(raw) == ["started"]
    [start] = told(raw)
    assert (start["agent_id"], start["display_name"], start["metadata"]) == (
        "worker",
        "Worker",
        '{"model":"large"}',
    )


def test_an_end_is_told_once_however_it_is_said(worker, raw):
    worker.beat("failed", 0.4, "reading")
    worker.beat("failed", 0.4, "reading")
    assert kinds(raw) == ["started", "stopped"]
    worker.beat("running", 0.5, "reading")
    assert kinds(raw) == ["started", "stopped", "resumed"]
    worker.stop_heartbeat("gone fishing")
    last = told(raw)[-1]
    assert (last["status"], last["progress"], last["task"]) == ("gone fishing", "0.5", "reading")
    assert len({entry["run_id"] for entry in told(raw)}) == 1


def test_starting_again_is_another_run(worker, raw):
    worker.stop_heartbeat()
    worker.start_heartbeat("worker")
    first, _, second = told(raw)
    assert first["run_id"] != second["run_id"]
    assert first["instance"] == second["instance"]


def test_a_beat_after_the_key_has_expired_tells_of_the_return(worker, raw):
    worker.beat()
    raw.delete(BEAT)
    worker.beat()
    worker.beat()
    assert kinds(raw) == ["started", "resumed"]
    assert raw.exists(BEAT)


def test_a_start_while_redis_is_away_is_told_with_the_first_beat_that_arrives():
    with faulty_server(durable=True) as server:
        agent = HeartbeatCoordinator(server.url)
        server.stop()
        agent.start_heartbeat("worker", {"a": 1})
        server.start()
        agent._quiet_until = 0.0
        agent.beat("running", 0.3, "reading")
        entries = read_timeline("worker", server.url)
        assert [(entry.status, entry.task) for entry in entries] == [("running", "reading")]
        with client_of(server.url) as client:
            assert kinds(client) == ["started"]


def test_whoever_takes_over_tells_whose_beat_was_last(worker, raw, url):
    HeartbeatCoordinator(url).start_heartbeat("worker")
    first, second = told(raw)
    assert (first["previous"], first["previous_beat_ms"]) == ("", "")
    assert second["previous"] == first["instance"]
    assert second["previous_beat_ms"] == first["started_ms"]


def test_metadata_too_large_for_a_history_stays_in_the_record_alone(agents, raw):
    agents.start_heartbeat("worker", {"text": "x" * MAX_METADATA_KEPT_BYTES})
    assert told(raw)[0]["metadata"] == ""
    assert len(agents.get_agent_status("worker").metadata["text"]) == MAX_METADATA_KEPT_BYTES


@pytest.mark.parametrize("key", [TIMELINE, OUTBOX])
def test_a_key_of_a_wrong_type_breaks_no_heartbeat(agents, raw, key, caplog):
    raw.set(key, "not a stream")
    with caplog.at_level(logging.WARNING):
        agents.start_heartbeat("worker")
        agents._quiet_until = 0.0
        agents.beat("running", 0.5, "reading")
        agents._quiet_until = 0.0
        agents.stop_heartbeat()
    status = agents.get_agent_status("worker")
    assert (status.status, status.current_task) == ("completed", "reading")
    assert ("not received" in caplog.text) == (key == OUTBOX)


def test_a_forked_child_is_a_run_of_its_own(worker, raw):
    pid = os.fork()
    if pid == 0:
        worker.beat("running", 0.1, "in the child")
        os._exit(0)
    os.waitpid(pid, 0)
    worker.beat("running", 0.1, "in the parent")
    assert kinds(raw) == ["started", "started"]
    parent, child = told(raw)
    assert parent["run_id"] != child["run_id"]


def test_a_malformed_entry_is_left_out_alone(worker, raw, url):
    for fields in ({"a": "b"}, {"instance": "x", "status": "s", "progress": "nan", "task": ""},
                   {"instance": "x", "status": "s", "progress": "7", "task": ""},
                   {"instance": "x", "status": b"\xff", "progress": "0.5", "task": ""}):  # fmt: skip
        raw.xadd(TIMELINE, fields)
    worker.beat("running", 0.5, "reading")
    assert [status for status, _, _ in said(url)] == ["starting", "running"]


def test_a_snapshot_has_it_all_and_consumes_nothing(worker, raw, url):
    worker.beat("running", 0.5, "reading")
    request = ApprovalGate(url, "worker").open_request("deploy", {"a": 1})
    ApprovalGate(url, "other").open_request("deploy")
    boss = CoordinationSignals(url, "boss")
    boss.signal("go", target_agent="worker", payload={"n": 1})
    boss.signal("go", target_agent="other")
    boss.broadcast("all")
    for _ in range(2):
        seen = read_snapshot("worker", url)
        assert seen.state.heartbeat.current_task == "reading"
        assert [found.request_id for found in seen.waiting] == [request.request_id]
        assert [signal.signal_type for signal in seen.mail] == ["go", "all"]
        assert len(seen.timeline) == 2
    assert CoordinationSignals(url, "worker").check_signal("go").payload == {"n": 1}


def test_a_snapshot_asks_for_no_request_whose_id_tells_of_another_agent(worker, raw, url):
    other = ApprovalGate(url, "other")
    for _ in range(3):
        other.open_request("deploy")
    request = ApprovalGate(url, "worker").open_request("deploy")
    raw.config_resetstat()
    assert [found.request_id for found in read_snapshot("worker", url).waiting] == [request.request_id]
    assert raw.info("commandstats")["cmdstat_hmget"]["calls"] == 1


def test_a_snapshot_says_what_it_cannot_read(worker, raw, url):
    raw.delete(TIMELINE)
    raw.set(TIMELINE, "not a stream")
    seen = read_snapshot("worker", url)
    assert seen.unreadable == ("timeline",)
    assert seen.state is not None


def test_an_agent_nobody_knows_has_an_empty_snapshot(url):
    seen = read_snapshot("*", url)
    assert (seen.state, seen.timeline, seen.waiting, seen.mail) == (None, [], [], [])


def test_the_record_and_the_timeline_of_a_hostile_name_touch_nobody_else(url, raw):
    for name in ("*", "a:b", "../x", "wörker 🚀", "%2F", "x" * 255):
        agent = HeartbeatCoordinator(url)
        agent.start_heartbeat(name)
        agent.beat("running", 0.5, name)
        assert [entry.task for entry in read_timeline(name, url)] == [name, ""]
    assert json.loads(raw.get("{telemetry}:agents:record:%2A"))["agent_id"] == "*"
