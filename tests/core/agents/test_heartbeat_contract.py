"""Heartbeats: registering, beating, stopping and reading, as documented; no fault of the original."""

import json
import math
import time
from datetime import UTC, datetime, timedelta

import pytest

from core import AgentHeartbeat, HeartbeatCoordinator
from core.agents import fleet
from tests.waiting import wait_until

BEAT = "{telemetry}:agents:beat:"
RECORD = "{telemetry}:agents:record:"
RUNNING = "{telemetry}:agents:running"
CHANGED = "{telemetry}:agents:changed"
GOOD_NAMES = ["*", "a:b", "🚀", "[x]", "%41", "A", "a b", "{telemetry}:agents:beat:x", "é" * 255, '"', "\\"]
BAD_NAMES = ["", "a\n", "\x00", "x" * 256, "x" * 10_240, "\ud800"]


@pytest.fixture
def worker(url):
    worker = HeartbeatCoordinator(url)
    worker.start_heartbeat("worker", {"model": "m", "n": [1, {"deep": None}]}, "The worker")
    return worker


def grow_old(raw, agent: str, seconds: float) -> None:
    """Shape what Redis holds as if the agent had last beaten so long ago."""
    server_seconds, microseconds = raw.time()
    then = int((server_seconds - seconds) * 1000 + microseconds / 1000)
    record = json.loads(raw.get(RECORD + agent))
    raw.set(RECORD + agent, json.dumps({**record, "last_beat_ms": then}))
    for index in (RUNNING, CHANGED):
        if raw.zscore(index, agent) is not None:
            raw.zadd(index, {agent: then})
    if seconds >= 30:
        raw.delete(BEAT + agent)


def test_the_constants_are_the_documented_ones():
    assert (HeartbeatCoordinator.HEARTBEAT_TTL, HeartbeatCoordinator.HEARTBEAT_INTERVAL) == (30, 10)


def test_registering_says_starting_with_metadata_and_name_by_the_servers_clock(worker, agents, raw):
    beat = agents.get_agent_status("worker")
    assert isinstance(beat, AgentHeartbeat)
    assert (beat.status, beat.progress, beat.current_task) == ("starting", 0.0, "")
    assert (beat.metadata, beat.display_name) == ({"model": "m", "n": [1, {"deep": None}]}, "The worker")
    assert beat.last_beat.tzinfo is UTC
    assert abs(beat.last_beat.timestamp() - raw.time()[0]) < 10
    assert 20 < raw.ttl(BEAT + "worker") <= 30
    assert 86_000 < raw.ttl(RECORD + "worker") <= 86_400


def test_a_beat_keeps_metadata_and_name(worker, agents):
    worker.beat("running", 0.5, "task é\n2")
    worker.beat("my own word", 1, "")
    beat = agents.get_agent_status("worker")
    assert (beat.status, beat.progress, beat.current_task) == ("my own word", 1.0, "")
    assert (beat.metadata["model"], beat.display_name) == ("m", "The worker")


def test_a_beat_is_one_round_trip(worker, raw):
    worker.beat("running", 0.1)
    raw.config_resetstat()
    worker.beat("running", 0.2)
    stats = raw.info("commandstats")
    assert stats["cmdstat_evalsha"]["calls"] == 1
    before = raw.info("stats")["total_commands_processed"]
    worker.beat("running", 0.3)
    in_script = 12  # commands that the script itself may call
    assert raw.info("stats")["total_commands_processed"] - before <= 2 + in_script


@pytest.mark.parametrize("status", ["failed", "cancelled", "gave up"])
def test_stopping_keeps_metadata_name_task_and_the_last_progress(worker, agents, status):
    worker.beat("running", 0.4, "half way")
    worker.stop_heartbeat(status)
    beat = agents.get_agent_status("worker")
    assert (beat.status, beat.progress, beat.current_task) == (status, 0.4, "half way")
    assert (beat.metadata["model"], beat.display_name) == ("m", "The worker")
    assert not agents.is_agent_alive("worker")
    assert agents.get_active_agents() == []


def test_stopping_as_completed_is_full_progress(worker, agents):
    worker.beat("running", 0.4)
    worker.stop_heartbeat()
    assert (agents.get_agent_status("worker").status, agents.get_agent_status("worker").progress) == (
        "completed",
        1,
    )


@pytest.mark.parametrize("final", ["completed", "failed", "cancelled"])
def test_a_beat_with_a_final_status_is_alive_by_its_key_and_never_stale(worker, agents, raw, final):
    worker.beat(final, 0.9)
    assert agents.is_agent_alive("worker")
    assert [beat.status for beat in agents.get_active_agents()] == [final]
    grow_old(raw, "worker", 3600)
    assert agents.get_stale_agents() == []
    [state] = fleet.look(agents._store, None)[1]
    assert state.liveness(datetime.now(UTC)) == "finished"


def test_only_live_agents_are_active_by_name(url, agents, raw):
    for name in ("c", "a", "b", "gone", "stopped"):
        coordinator = HeartbeatCoordinator(url)
        coordinator.start_heartbeat(name)
        if name == "stopped":
            coordinator.stop_heartbeat()
    grow_old(raw, "gone", 31)
    assert [beat.agent_id for beat in agents.get_active_agents()] == ["a", "b", "c"]
    assert [agents.is_agent_alive(name) for name in ("a", "gone", "stopped", "never")] == [
        True,
        False,
        False,
        False,
    ]


def test_listing_costs_the_same_whatever_else_redis_holds(worker, agents, raw):
    raw.eval("for i = 1, 50000 do redis.call('SET', 'unrelated:' .. i, 1) end", 0)
    agents.get_active_agents(), agents.get_stale_agents()  # a fresh server learns the scripts
    raw.config_resetstat()
    assert len(agents.get_active_agents()) == 1
    assert agents.get_stale_agents() == []
    stats = set(raw.info("commandstats"))
    assert not {"cmdstat_scan", "cmdstat_keys"} & stats
    calls = {name: said["calls"] for name, said in raw.info("commandstats").items()}
    assert sum(count for name, count in calls.items() if name != "cmdstat_info") < 12, calls


def test_a_crashed_agent_still_has_a_status_and_is_found_as_stale(worker, agents, raw):
    worker.beat("running", 0.7, "digging")
    grow_old(raw, "worker", 61)
    assert not agents.is_agent_alive("worker")
    assert agents.get_active_agents() == []
    assert agents.get_agent_status("worker").current_task == "digging"
    assert [beat.agent_id for beat in agents.get_stale_agents()] == ["worker"]


def test_staleness_goes_by_the_threshold_oldest_first_and_leaves_out_who_stopped(url, agents, raw):
    for name, age in (("new", 0), ("young", 25), ("old", 100), ("stopped", 200)):
        coordinator = HeartbeatCoordinator(url)
        coordinator.start_heartbeat(name)
        if name == "stopped":
            coordinator.stop_heartbeat("failed")
        grow_old(raw, name, age)
    assert [beat.agent_id for beat in agents.get_stale_agents(60)] == ["old"]
    assert [beat.agent_id for beat in agents.get_stale_agents(20)] == ["old", "young"]
    assert agents.get_stale_agents(190) == []


@pytest.mark.anywhere
@pytest.mark.parametrize("threshold", [-1, math.nan, math.inf])
def test_a_bad_threshold_is_refused_by_name(agents, threshold):
    with pytest.raises(ValueError, match="threshold_seconds"):
        agents.get_stale_agents(threshold)


def test_liveness_is_alive_late_lost_or_finished(worker, agents, raw):
    def liveness_at(age: float) -> str:
        grow_old(raw, "worker", age)
        now, [state] = fleet.look(agents._store, None)
        return state.liveness(now)

    ages = {0: "alive", 10: "alive", 21: "late", 25: "late", 31: "lost", 3600: "lost"}
    assert {age: liveness_at(age) for age in ages} == ages
    last_beat = agents.get_agent_status("worker").last_beat
    [state] = fleet.look(agents._store, None)[1]
    edges = {19.999: "alive", 20: "late", 29.999: "late", 30: "lost"}
    assert {age: state.liveness(last_beat + timedelta(seconds=age)) for age in edges} == edges
    worker.stop_heartbeat()
    assert liveness_at(3600) == "finished"


def test_looking_again_shows_only_who_beat_or_crossed_a_threshold_since(url, agents, raw):
    for name in ("quiet", "busy", "crossing"):
        HeartbeatCoordinator(url).start_heartbeat(name)
    grow_old(raw, "quiet", 10)
    since, everyone = fleet.look(agents._store, None)
    assert len(everyone) == 3
    wait_until(lambda: fleet.look(agents._store, None)[0] > since + timedelta(milliseconds=5), "time passes")
    grow_old(raw, "busy", 10)
    grow_old(raw, "crossing", 20.001)
    HeartbeatCoordinator(url).start_heartbeat("busy")
    assert {state.heartbeat.agent_id for state in fleet.look(agents._store, since)[1]} == {"busy", "crossing"}


def test_the_agents_own_clock_is_not_believed(worker, agents, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 0.0)
    worker.beat("running", 0.5)
    monkeypatch.undo()
    assert abs((agents.get_agent_status("worker").last_beat - datetime.now(UTC)).total_seconds()) < 60


@pytest.mark.parametrize("progress", [7.5, 1.00001, -1, -1e-5, math.nan, math.inf, -math.inf])
def test_progress_outside_0_to_1_is_a_value_error(worker, agents, progress):
    with pytest.raises(ValueError, match="progress"):
        worker.beat("running", progress)
    assert agents.get_agent_status("worker").status == "starting"


@pytest.mark.parametrize("progress", [True, False, "x", "0.5", None, [], 1j])
def test_progress_that_is_no_number_is_a_type_error(worker, progress):
    with pytest.raises(TypeError, match="progress"):
        worker.beat("running", progress)


@pytest.mark.parametrize("progress", [0, 1, 0.0, 1.0, 5e-324, 1e-07, 0.1 + 0.2])
def test_any_progress_within_0_to_1_is_kept_exactly(worker, agents, progress):
    worker.beat("running", progress)
    assert agents.get_agent_status("worker").progress == progress


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_odd_names_work_and_touch_nobody_else(url, agents, raw, name):
    HeartbeatCoordinator(url).start_heartbeat("x")
    odd = HeartbeatCoordinator(url)
    odd.start_heartbeat(name, {name: name}, name)
    odd.beat(name, 0.5, name)
    beat = agents.get_agent_status(name)
    assert (beat.agent_id, beat.status, beat.current_task, beat.display_name) == (name,) * 4
    assert {beat.agent_id for beat in agents.get_active_agents()} == {"x", name}
    odd.stop_heartbeat(name)
    assert [beat.agent_id for beat in agents.get_active_agents()] == ["x"]
    assert agents.get_agent_status("x").status == "starting"


def test_names_that_differ_only_by_quoting_are_different_agents(url, agents):
    names = ["a b", "a%20b", "a%2520b", "a+b", "é", "e\u0301"]
    for name in names:
        HeartbeatCoordinator(url).start_heartbeat(name, {"me": name})
    assert [agents.get_agent_status(name).metadata["me"] for name in names] == names
    assert len(agents.get_active_agents()) == len(names)


@pytest.mark.parametrize("name", BAD_NAMES)
def test_bad_names_are_refused_by_the_name_of_the_argument(worker, agents, raw, name):
    keys = set(raw.keys())
    for call, argument in [
        (lambda: worker.start_heartbeat(name), "agent_id"),
        (lambda: worker.start_heartbeat("ok", display_name=name), "display_name"),
        (lambda: worker.beat(name), "status"),
        (lambda: worker.stop_heartbeat(name), "final_status"),
        (lambda: agents.is_agent_alive(name), "agent_id"),
        (lambda: agents.get_agent_status(name), "agent_id"),
    ]:
        with pytest.raises(ValueError, match=argument):
            call()
    assert set(raw.keys()) == keys


@pytest.mark.parametrize("metadata", [[], "x", {"a": math.nan}, {1: 1}, {"a": "\ud800"}, {"a": "x" * 70_000}])
def test_bad_metadata_is_refused_by_name(worker, metadata):
    with pytest.raises(ValueError, match="metadata"):
        worker.start_heartbeat("other", metadata)


@pytest.mark.parametrize("task", ["x" * 2_001, "\ud800"])
def test_a_task_too_long_or_no_unicode_is_refused_by_name(worker, task):
    with pytest.raises(ValueError, match="current_task"):
        worker.beat("running", 0.1, task)


def test_an_agent_that_never_was_has_no_status(agents):
    assert agents.get_agent_status("never") is None
    assert not agents.is_agent_alive("never")


def test_beats_are_published_only_where_streaming_is_enabled(url, raw):
    stream = "{telemetry}:events:stream:agent_heartbeat"
    HeartbeatCoordinator(url).start_heartbeat("quiet")
    assert not raw.exists(stream)
    loud = HeartbeatCoordinator(url, enable_streaming=True)
    loud.start_heartbeat("loud")
    loud.beat("running", 0.5, "x")
    entries = [json.loads(fields[b"data"]) for _, fields in raw.xrange(stream)]
    assert [(e["agent_id"], e["status"], e["progress"]) for e in entries] == [
        ("loud", "starting", 0.0),
        ("loud", "running", 0.5),
    ]
