"""What programs that were written for the original do, and what it means here."""

import itertools
import math

import pytest
import redis

from core import (
    ApprovalGate,
    CoordinationSignals,
    EventStreamer,
    FeedbackLoop,
    HeartbeatCoordinator,
    StreamEvent,
    UsageTracker,
)
from tests.servers import client_of
from tests.waiting import PATIENCE, wait_until

PRIMITIVES = [ApprovalGate, CoordinationSignals, EventStreamer, FeedbackLoop, HeartbeatCoordinator]


def test_a_follower_with_block_ms_does_not_end_by_itself(events, background):
    following = events.consume_events(["build"], block_ms=20)
    first = background(next, following)
    with pytest.raises(TimeoutError):
        first.result(0.5)  # many reads that found nothing
    events.publish_event("build", {"n": 1})
    assert first.result(PATIENCE).data == {"n": 1}
    following.close()


@pytest.mark.parametrize("block_ms", [0, 600_000])
def test_a_read_without_a_limit_of_its_own_waits_like_any_other(events, raw, background, block_ms):
    following = events.consume_events(["build"], block_ms=block_ms)
    first = background(next, following)
    wait_until(lambda: raw.info("clients")["blocked_clients"] == 1, "it waits")
    events.publish_event("build", {"n": 1})
    assert first.result(PATIENCE).data == {"n": 1}
    following.close()


def test_idle_timeout_ends_a_follower(events):
    events.publish_event("build", {"n": 1})
    following = events.consume_events(["build"], start_id="0", block_ms=20, idle_timeout=0.2)
    assert [event.data["n"] for event in following] == [1]
    assert list(events.consume_events(["build"], idle_timeout=-0.1)) == []


def test_nothing_is_asked_for_and_nothing_is_given_everywhere(url, events, tmp_path):
    events.publish_event("build", {})
    FeedbackLoop(url).record_feedback("code", "review", "cheap", 0.5)
    tracker = UsageTracker(tmp_path, memory=url)
    tracker.track_llm_call("w", "s", "cheap", "m", "p", 0.1, {"input": 1, "output": 1}, False, None, 1)
    assert events.get_recent_events("build", count=0) == []
    assert FeedbackLoop(url).get_feedback_history("code", "review", limit=0) == []
    assert tracker.get_recent_entries(limit=0) == []
    tracker.close()


def test_a_limit_that_has_passed_is_one_look(url):
    bob = CoordinationSignals(url, "bob")
    assert bob.wait_for_signal("done", timeout=-0.1) is None
    bob.signal("done", target_agent="bob")
    assert bob.wait_for_signal("done", timeout=-0.1).source_agent == "bob"
    with pytest.raises(ValueError, match="timeout"):
        bob.wait_for_signal("done", timeout=math.nan)


def test_a_target_that_is_a_star_is_every_agent(url):
    ann, bob = CoordinationSignals(url, "ann"), CoordinationSignals(url, "bob")
    sent = ann.signal("done", target_agent="*")
    assert [agent.check_signal("done").signal_id for agent in (ann, bob)] == [sent, sent]
    ann.signal("done", target_agent=CoordinationSignals.BROADCAST_TARGET)
    assert bob.check_signal("done").target_agent is None


def test_progress_beyond_1_by_rounding_is_1_and_no_task_is_an_empty_one(url):
    worker = HeartbeatCoordinator(url)
    worker.start_heartbeat("worker")
    for said, kept in [(1.0000001, 1.0), (-1e-9, 0.0)]:
        worker.beat("running", said, None)
        beat = worker.get_agent_status("worker")
        assert (beat.progress, beat.current_task) == (kept, "")
    for said in (7.5, math.nan, 1.00001):
        with pytest.raises(ValueError, match="progress"):
            worker.beat("running", said)


@pytest.mark.parametrize("primitive", PRIMITIVES)
def test_memory_is_the_client_that_was_given(url, primitive):
    class Holder:
        _client = redis.Redis.from_url(url)

    assert primitive(Holder._client).memory is Holder._client
    assert primitive(holder := Holder()).memory is holder
    assert primitive(url).memory.ping() is True


@pytest.mark.parametrize("primitive", PRIMITIVES)
def test_memory_that_was_not_given_is_a_client_of_the_configured_redis(url, primitive, settings):
    settings.REDIS_URL = url
    assert primitive().memory.ping() is True


@pytest.mark.parametrize(("primitive", "use"), [
    (lambda m: ApprovalGate(m, "a"), lambda o: o.get_pending_approvals()),
    (lambda m: CoordinationSignals(m, "a"), lambda o: o.get_pending_signals()),
    (EventStreamer, lambda o: o.get_recent_events("build")),
    (FeedbackLoop, lambda o: o.get_template_confidence("t")),
    (HeartbeatCoordinator, lambda o: o.get_active_agents()),
])  # fmt: skip
def test_memory_may_be_assigned_until_the_first_use(url, tmp_path, primitive, use):
    owner = primitive(f"unix://{tmp_path}/none.sock")
    with pytest.raises(TypeError, match="memory"):
        owner.memory = 5
    owner.memory = url
    use(owner)
    with pytest.raises(AttributeError, match=f"memory of {type(owner).__name__} was used already"):
        owner.memory = url
    assert owner.memory.ping() is True


def test_the_memory_of_a_tracker_may_be_assigned_until_its_first_call(url, tmp_path):
    tracker = UsageTracker(tmp_path, memory=f"unix://{tmp_path}/none.sock")
    tracker.memory = url
    assert tracker.memory.ping() is True
    tracker.track_llm_call("w", "s", "cheap", "m", "p", 0.1, {"input": 1, "output": 1}, False, None, 1)
    with pytest.raises(AttributeError, match="memory of UsageTracker was used already"):
        tracker.memory = url
    assert tracker.get_stats()["total_calls"] == 1
    tracker.close()


def test_an_entry_of_a_client_that_decodes_is_read_as_one_in_bytes(url, events):
    event_id = events.publish_event("build", {"name": "é"}, source="ann")
    for decodes in (True, False):
        with client_of(url, decode_responses=decodes) as client:
            [(found, fields)] = client.xrange("{telemetry}:events:stream:build")
        event = StreamEvent.from_redis_entry(found, fields)
        assert (event.event_id, event.data, event.source) == (event_id, {"name": "é"}, "ann")


def test_the_info_of_an_unknown_type_is_empty_and_of_a_known_one_has_the_names_of_the_original(events):
    assert events.get_stream_info("nobody") == {}
    ids = [events.publish_event("build", {"n": number}) for number in range(3)]
    info = events.get_stream_info("build")
    ends = [StreamEvent.from_redis_entry(*info[name]) for name in ("first-entry", "last-entry")]
    assert [(event.event_id, event.data["n"]) for event in ends] == [(ids[0], 0), (ids[2], 2)]
    assert (info["length"], info["last-generated-id"]) == (3, ids[2])


def test_the_constants_of_the_original_are_there_with_our_values(settings):
    assert CoordinationSignals.BROADCAST_TARGET == "*"
    assert CoordinationSignals.KEY_PREFIX == "{telemetry}:signals:"
    assert (EventStreamer.DEFAULT_BLOCK_MS, EventStreamer.MAX_STREAM_LENGTH) == (30_000, 10_000)
    assert EventStreamer.STREAM_PREFIX == "{telemetry}:events:stream:"
    assert not hasattr(EventStreamer, "STREAM_REGISTRY_KEY")  # there is no set of types that a key could name
    assert FeedbackLoop.DOWNGRADE_TARGET_QUALITY == 0.85
    settings.TELEMETRY_NAMESPACE = "other"
    assert CoordinationSignals().KEY_PREFIX == "{other}:signals:"


# Two tools wait at once


@pytest.fixture
def worker(url):
    worker = HeartbeatCoordinator(url)
    worker.start_heartbeat("worker")
    worker.beat("running", 0.5, "before")
    return worker


def said(worker) -> tuple[str, str, float]:
    beat = worker.get_agent_status("worker")
    return beat.status, beat.current_task, beat.progress


BEFORE = ("running", "before", 0.5)


@pytest.mark.parametrize("words", [("approve A", "approve B"), ("approve", "approve"), (None, None)])
@pytest.mark.parametrize("first_to_end", [0, 1])
def test_an_agent_waits_while_one_of_two_overlapping_waits_runs_and_then_says_what_was_before(
    worker, words, first_to_end
):
    waits = [worker.keep_alive("waiting", task) for task in words]
    for wait in waits:
        wait.__enter__()
    assert said(worker) == ("waiting", words[1] or "before", 0.5)
    waits[first_to_end].__exit__(None, None, None)
    assert said(worker) == ("waiting", words[1 - first_to_end] or "before", 0.5)
    waits[1 - first_to_end].__exit__(None, None, None)
    assert said(worker) == BEFORE


def test_what_the_agent_says_during_overlapping_waits_stands(worker):
    first, second = (worker.keep_alive("waiting", task) for task in "AB")
    first.__enter__()
    worker.beat("running", 0.6, "own")
    second.__enter__()
    assert said(worker) == ("waiting", "B", 0.6)
    second.__exit__(None, None, None)
    assert said(worker) == ("running", "own", 0.6)
    first.__exit__(None, None, None)
    assert said(worker) == ("running", "own", 0.6)
    with worker.keep_alive("waiting", "C"):
        pass
    assert said(worker) == ("running", "own", 0.6)


def test_twenty_overlapping_waits_of_threads_end_in_any_order(worker, background):
    def wait(number: int) -> None:
        with worker.keep_alive("waiting", f"tool {number % 3}"):
            assert said(worker)[0] == "waiting"

    for task in [background(wait, number) for number in range(20)]:
        task.result(PATIENCE)
    assert said(worker) == BEFORE


# A resume id that was trimmed


def test_following_from_an_id_that_was_trimmed_away_tells_the_gap(events, caplog):
    ids = [events.publish_event("build", {"n": number}) for number in range(10)]
    events.trim_stream("build", 2)
    following = events.consume_events(["build"], start_id=ids[0], idle_timeout=0)
    assert [event.data["n"] for event in following] == [8, 9]
    assert following.missed == 7
    assert caplog.text.count("removed before they were read") == 1
    assert ids[0] in caplog.text


def test_all_types_from_an_id_that_was_trimmed_away_tell_the_gap(events, caplog):
    ids = [events.publish_event("build", {"n": number}) for number in range(10)]
    other = events.publish_event("test", {"n": 10})
    events.trim_stream("build", 2)
    following = events.consume_events(start_id=ids[0], idle_timeout=0)
    assert [event.data["n"] for event in following] == [8, 9, 10]
    assert following.missed == 8  # at most: the id may be of either type
    following = events.consume_events(start_id=other, idle_timeout=0)
    assert (list(following), following.missed) == ([], 0)


def test_a_stream_that_was_emptied_tells_what_was_not_read(events):
    ids = [events.publish_event("build", {}) for _ in range(10)]
    events.trim_stream("build", 0)
    following = events.consume_events(["build"], start_id=ids[3], idle_timeout=0)
    assert (list(following), following.missed) == ([], 9)
    following = events.consume_events(["build"], start_id=ids[-1], idle_timeout=0)
    assert (list(following), following.missed) == ([], 0)


def test_a_slow_follower_is_told_exactly_how_many_events_it_missed(events, caplog, monkeypatch):
    monkeypatch.setattr("core.events.following.UNWATCHED_SECONDS", 0.0)
    for number in range(5):
        events.publish_event("build", {"n": number})
    following = events.consume_events(["build"], idle_timeout=0.3)
    for number in range(5, 25):
        events.publish_event("build", {"n": number})
    assert [event.data["n"] for event in itertools.islice(following, 20)] == list(range(5, 25))
    for number in range(25, 45):
        events.publish_event("build", {"n": number})
    events.trim_stream("build", 4)
    assert [event.data["n"] for event in following] == [41, 42, 43, 44]
    assert following.missed == 16
    assert caplog.text.count("removed before they were read") == 1


@pytest.mark.parametrize("start", ["0", "first", "last"])
def test_a_follower_that_lost_nothing_misses_nothing(events, caplog, start):
    ids = [events.publish_event("build", {"n": number}) for number in range(5)]
    events.trim_stream("build", 3)
    begin = {"0": "0", "first": ids[2], "last": ids[4]}[start]
    following = events.consume_events(["build"], start_id=begin, idle_timeout=0)
    assert len(list(following)) == {"0": 3, "first": 2, "last": 0}[start]
    assert following.missed == 0
    assert "removed" not in caplog.text
