"""An agent that beats and says the same for longer than its limit is stuck; one that waits, or said so, is not."""

import json
from datetime import timedelta

import pytest

from core import HeartbeatCoordinator
from core.agents import fleet
from core.agents.heartbeat import STATES, AgentState, own_limit
from core.store.client import open_store
from tests.many_agents import age_all

RECORD = "{telemetry}:agents:record:"
LIMIT = 300.0


@pytest.fixture
def worker(url):
    worker = HeartbeatCoordinator(url)
    worker.start_heartbeat("worker")
    worker.beat("running", 0.5, "reading")
    return worker


@pytest.fixture
def state(url):
    """The word for the agent after so many seconds in which it went on beating."""

    def after(seconds: float = 0.0, *, waits: bool = False) -> str:
        now, [found] = fleet.look(open_store(url), None)
        later = AgentState(**{**vars(found), "unchanged_since": _earlier(found, seconds)})
        return later.state(now, LIMIT, waits=waits)

    return after


def _earlier(found: AgentState, seconds: float):
    return None if found.unchanged_since is None else found.unchanged_since - timedelta(seconds=seconds)


def since(raw) -> int | None:
    return json.loads(raw.get(RECORD + "worker")).get("changed_ms")


def test_a_beat_that_says_the_same_keeps_since_when(worker, raw):
    first = since(raw)
    age_all(raw, ["worker"], unchanged=100)
    aged = since(raw)
    assert aged < first
    worker.beat("running", 0.5, "reading")
    assert since(raw) == aged


@pytest.mark.parametrize(
    "said", [("waiting", 0.5, "reading"), ("running", 0.51, "reading"), ("running", 0.5, "w")]
)
def test_another_status_progress_or_task_begins_anew(worker, raw, said):
    age_all(raw, ["worker"], unchanged=100)
    aged = since(raw)
    worker.beat(*said)
    assert since(raw) > aged + 90_000


def test_a_start_and_a_return_begin_anew(worker, raw):
    age_all(raw, ["worker"], unchanged=100, silent=40)
    aged = since(raw)
    worker.beat("running", 0.5, "reading")
    assert since(raw) > aged + 90_000


def test_it_is_stuck_beside_late_after_its_limit(worker, state):
    assert state(LIMIT - 5) == "alive"
    assert state(LIMIT + 1) == "stuck"


def test_one_that_waits_for_an_answer_is_not_stuck(worker, state):
    assert state(LIMIT + 1, waits=True) == "alive"


def test_a_step_that_it_declared_with_keep_alive_does_not_alarm_and_counts_anew_afterwards(
    worker, raw, state
):
    with worker.keep_alive("compressing", "a large file"):
        assert state(10 * LIMIT) == "alive"
    assert b"declared" not in raw.get(RECORD + "worker")
    assert state(LIMIT - 5) == "alive"
    assert state(LIMIT + 1) == "stuck"


@pytest.mark.parametrize(
    ("metadata", "seconds", "word"),
    [
        ({"stuck_after": 60}, 61, "stuck"),
        ({"stuck_after": 3_600}, LIMIT + 1, "alive"),
        ({"stuck_after": None}, 10**6, "alive"),
        ({}, LIMIT + 1, "stuck"),
    ],
)
def test_an_agent_has_a_limit_of_its_own_in_its_metadata(url, state, metadata, seconds, word):
    worker = HeartbeatCoordinator(url)
    worker.start_heartbeat("worker", metadata)
    worker.beat("running", 0.5, "reading")
    assert state(seconds) == word


@pytest.mark.parametrize("odd", ["soon", 0, -5, True, float("inf"), [], {}])
def test_a_limit_that_is_none_counts_as_not_given(odd):
    assert own_limit({"stuck_after": odd}, LIMIT) == LIMIT


def test_an_agent_of_an_earlier_version_does_not_tell_since_when_and_is_never_stuck(worker, raw, url):
    said = json.loads(raw.get(RECORD + "worker"))
    del said["changed_ms"]
    raw.set(RECORD + "worker", json.dumps(said), keepttl=True)
    now, [found] = fleet.look(open_store(url), None)
    assert found.unchanged_since is None
    assert found.state(now, 0.001, waits=False) == "alive"


def test_failed_comes_before_lost_stuck_late_doubled_and_the_rest(worker, url):
    assert STATES == ("failed", "lost", "stuck", "late", "doubled", "alive", "finished")
    worker.stop_heartbeat("failed")
    now, [found] = fleet.look(open_store(url), None)
    assert found.state(now, LIMIT, waits=False) == "failed"


def test_an_agent_that_is_put_away_comes_back_when_it_beats(worker, url, raw):
    store = open_store(url)
    age_all(raw, ["worker"], silent=40)
    _, [dead] = fleet.look(store, None)
    before = raw.pttl(RECORD + "worker")
    assert fleet.put_away(store, [dead]) == ["worker"]
    assert fleet.put_away(store, [dead]) == []
    now, [away] = fleet.look(store, None)
    assert away.away
    assert 0 < raw.pttl(RECORD + "worker") <= before
    worker.beat("running", 0.5, "reading")
    _, [back] = fleet.look(store, now)
    assert not back.away


def test_one_that_beat_after_somebody_looked_is_not_put_away(worker, url, raw):
    store = open_store(url)
    age_all(raw, ["worker"], silent=40)  # else both beats may be of one millisecond
    _, [seen] = fleet.look(store, None)
    worker.beat("running", 0.6, "reading")
    assert fleet.put_away(store, [seen]) == []
    assert not fleet.look(store, None)[1][0].away
