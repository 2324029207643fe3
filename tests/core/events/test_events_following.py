"""Following events: from where, how long, in which order, and what it costs."""

import itertools
import os
import random
import threading
import time

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core import ApprovalGate, EventStreamer, HeartbeatCoordinator, StreamEvent
from core.events.following import Follower
from tests.core.events.test_events_faults import numbers, publish_all
from tests.core.values.test_plain_records import EVENTS
from tests.servers import client_of
from tests.waiting import PATIENCE, Stopwatch, wait_until

STREAM = "{telemetry}:events:stream:"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
DATA = st.dictionaries(st.text(), VALUES, max_size=4)
NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=255)


@given(EVENTS)
def test_an_event_comes_back_equal_from_its_dictionary(event):
    assert StreamEvent.from_dict(event.to_dict()) == event


@hypothesis_settings(max_examples=50)
@given(name=NAMES, source=NAMES, data=DATA)
def test_an_event_comes_back_equal_through_redis(core_server, name, source, data):
    events = EventStreamer(core_server)
    following = events.consume_events([name], idle_timeout=2)
    event_id = events.publish_event(name, data, source)
    event = next(following)
    following.close()
    assert (event.event_id, event.event_type, event.source, event.data) == (event_id, name, source, data)


def test_the_beginning_is_fixed_at_the_call_and_not_at_the_first_event_asked_for(events):
    publish_all(events, ["a", "b"])
    all_types = events.consume_events(idle_timeout=0)
    one_type = events.consume_events(["a", "new"], idle_timeout=0)
    publish_all(events, ["a", "b", "new", "a"], 10)
    assert numbers(all_types) == [10, 11, 12, 13]
    assert numbers(one_type) == [10, 12, 13]


def test_all_that_is_kept_or_what_comes_after_an_id_can_be_followed(events):
    ids = publish_all(events, "abcabc")
    assert numbers(events.consume_events(idle_timeout=0, start_id="0")) == [0, 1, 2, 3, 4, 5]
    assert numbers(events.consume_events(idle_timeout=0, start_id=ids[2])) == [3, 4, 5]
    assert numbers(events.consume_events(["b", "c"], idle_timeout=0, start_id=ids[1])) == [2, 4, 5]
    assert numbers(events.consume_events(idle_timeout=0, start_id=ids[5])) == []


def test_an_id_is_a_place_in_all_types_so_one_kept_id_resumes_without_loss_or_repeat(events):
    chance = random.Random(7)
    names = [f"type-{chance.randrange(at // 100 + 1)}" for at in range(3000)]
    publish_all(events, names)
    seen, last = [], "0"
    while True:
        stretch = list(
            itertools.islice(events.consume_events(idle_timeout=0, start_id=last), chance.randrange(1, 400))
        )
        if not stretch:
            break
        seen += numbers(stretch)
        last = stretch[-1].event_id
    assert seen == list(range(3000))


@pytest.mark.parametrize("count", [1, 3, 10, 1000])
def test_events_come_in_the_order_of_publishing_however_uneven_the_streams(events, count):
    names = ["old"] * 900 + ["mixed", "other"] * 200 + ["late"] * 700 + ["old", "late"] * 50
    publish_all(events, names)
    assert numbers(events.consume_events(idle_timeout=0, start_id="0", count=count)) == list(
        range(len(names))
    )


def test_a_type_born_while_others_are_busy_comes_in_its_place(events, background):
    following = events.consume_events()
    total = 1000
    publishing = background(publish_all, events, [f"type-{at // 50}" for at in range(total)])
    assert numbers(itertools.islice(following, total)) == list(range(total))
    following.close()
    publishing.result(PATIENCE)


def test_a_type_is_followed_that_does_not_exist_yet_and_again_after_it_was_deleted(events):
    following = events.consume_events(["later"], idle_timeout=30)
    threading.Timer(0.2, publish_all, (events, ["later"])).start()
    assert next(following).data == {"n": 0}
    for number in range(1, 20):
        events.delete_stream("later")
        publish_all(events, ["later"], number)
        assert next(following).data == {"n": number}
    following.close()


def test_a_follower_of_all_types_hears_a_type_again_whose_stream_was_gone(events, raw):
    publish_all(events, ["gone"])
    following = events.consume_events(idle_timeout=3)
    raw.delete(STREAM + "gone")
    publish_all(events, ["gone"], 1)
    assert next(following).data == {"n": 1}
    following.close()


def test_it_ends_when_nothing_came_for_so_long_and_starts_counting_at_each_event(events):
    def hears_three_and_a_second_of_silence() -> bool:
        following = events.consume_events(idle_timeout=1)
        publisher = threading.Thread(
            target=lambda: [time.sleep(0.4) or publish_all(events, "a") for _ in range(3)]
        )
        publisher.start()
        with Stopwatch() as watch:
            heard = len(list(following))
        publisher.join()
        return heard == 3 and watch.seconds > 2.1 and watch.own < 8

    wait_until(hears_three_and_a_second_of_silence, "a busy machine lets the next event come within a second")


def test_waiting_holds_one_connection_and_closing_gives_it_back(events, raw, background):
    publish_all(events, "a")
    before = raw.info("clients")["connected_clients"]
    for number in range(20):
        following = events.consume_events()
        publish_all(events, "a")
        next(following)
        waiter = background(next, following)
        wait_until(lambda: raw.info("clients")["blocked_clients"] == 1, "it waits")
        publish_all(events, [f"new-{number}"])
        waiter.result(PATIENCE)
        following.close()
    assert raw.info("clients")["connected_clients"] <= before + 2


def test_a_follower_that_was_never_asked_holds_nothing(events, raw):
    publish_all(events, "a")
    before = raw.info("clients")["connected_clients"]
    kept = [events.consume_events() for _ in range(20)]
    assert raw.info("clients")["connected_clients"] <= before + 1
    del kept


def test_an_idle_follower_asks_nothing_while_it_waits(events, raw, background):
    publish_all(events, "abc")
    following = events.consume_events()
    waiter = background(next, following)
    wait_until(lambda: raw.info("clients")["blocked_clients"] == 1, "it waits")
    before = raw.info("stats")["total_commands_processed"]
    time.sleep(2)  # the subject is what happens while nothing does
    assert raw.info("stats")["total_commands_processed"] - before <= 2
    publish_all(events, "a")
    waiter.result(PATIENCE)
    following.close()


def test_a_backlog_is_read_ahead_of_the_count_and_large_events_in_smaller_parts(events, raw):
    publish_all(events, ["a"] * 5000)
    raw.config_resetstat()
    assert len(list(events.consume_events(["a"], idle_timeout=0, start_id="0", count=10))) == 5000
    assert raw.info("commandstats")["cmdstat_xread"]["calls"] <= 16
    for number in range(60):
        events.publish_event("large", {"n": number, "text": "x" * 250_000})
    follower = Follower(events._store, ["large"], longest_read=0, silence=0.0, count=20, start_id="0")
    assert numbers(follower.events()) == list(range(60))
    assert follower._batch < 20


def test_a_key_that_is_no_stream_does_not_stop_the_others(events, raw, caplog):
    raw.set(STREAM + "wrong", "in the way")
    following = events.consume_events(["wrong", "a"], idle_timeout=2)
    publish_all(events, ["a"] * 3)
    assert numbers(itertools.islice(following, 3)) == [0, 1, 2]
    raw.set(STREAM + "b", "in the way")
    everything = events.consume_events(idle_timeout=0, start_id="0")
    raw.xadd("{telemetry}:events:types", {"event_type": "b"})
    raw.xadd("{telemetry}:events:types", {"event_type": b"\xff"})
    raw.xadd("{telemetry}:events:types", {"x": "y"})
    assert numbers(everything) == [0, 1, 2]
    assert caplog.text.count("is no stream") == 2
    following.close()


def test_types_whose_streams_are_gone_are_forgotten_and_heard_again_when_they_are_back(
    events, raw, monkeypatch
):
    monkeypatch.setattr("core.events.following.MANY_TYPES", 20)
    follower = Follower(events._store, None, longest_read=0, silence=0.5, count=10, start_id="$")
    following = follower.events()
    for number in range(200):
        publish_all(events, [f"run-{number}"], number)
        assert next(following).data == {"n": number}
        raw.delete(f"{STREAM}run-{number}")
    assert len(follower._places) < 50
    publish_all(events, ["run-0"], 1000)
    assert next(following).data == {"n": 1000}
    following.close()


def test_of_many_types_that_were_named_none_is_forgotten_because_it_does_not_exist_yet(events, monkeypatch):
    monkeypatch.setattr("core.events.following.MANY_TYPES", 20)
    following = events.consume_events([f"run-{number}" for number in range(20)], idle_timeout=5)
    publish_all(events, ["run-3"], 0)
    assert next(following).data == {"n": 0}  # by now it has asked for all of them
    publish_all(events, ["run-7"], 1)
    assert next(following).data == {"n": 1}
    following.close()


def test_two_followers_both_see_everything_in_the_same_order(events, background):
    followers = [events.consume_events() for _ in range(2)]
    seen = [background(lambda f=f: [e.event_id for e in itertools.islice(f, 600)]) for f in followers]
    writers = [background(publish_all, EventStreamer(events._store), [f"type-{w}"] * 200) for w in range(3)]
    ids = {event_id for writer in writers for event_id in writer.result(PATIENCE)}
    first, second = (one.result(PATIENCE) for one in seen)
    assert first == second
    assert set(first) == ids


def test_a_forked_child_follows_on_a_connection_of_its_own(url, events):
    publish_all(events, "a")
    following = events.consume_events(idle_timeout=30)
    child = os.fork()
    if child == 0:
        os._exit(0 if next(following).data == {"n": 5} else 1)
    wait_until(lambda: client_of(url).info("clients")["blocked_clients"] == 1, "the child waits")
    publish_all(events, "a", 5)
    assert next(following).data == {"n": 5}
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    following.close()


def test_a_user_limited_to_our_prefix_can_publish_follow_and_read(url, raw):
    raw.execute_command("ACL", "SETUSER", "agent", "on", ">secret", "~{telemetry}:*", "&*", "+@all")
    try:
        events = EventStreamer(f"{url}?username=agent&password=secret")
        following = events.consume_events(idle_timeout=1)
        publish_all(events, ["a:*", "b"])
        assert numbers(itertools.islice(following, 2)) == [0, 1]
        following.close()
        assert events.get_stream_info("a:*")["length"] == len(events.get_recent_events("a:*")) == 1
        assert events.trim_stream("a:*", 0) == 1
        assert events.delete_stream("b")
        assert [entry for entry in raw.acl_log() if entry["username"] == "agent"] == []
    finally:
        raw.acl_deluser("agent")
        raw.acl_log_reset()
    permanent = {key for key in raw.scan_iter() if raw.pttl(key) < 0}
    assert permanent == {b"{telemetry}:events:types"}


def test_heartbeats_and_approvals_arrive_as_events(url, events):
    following = events.consume_events(idle_timeout=0.2)
    worker = HeartbeatCoordinator(url, enable_streaming=True)
    worker.start_heartbeat("wörker/1", {"a": 1}, "Worker")
    worker.beat("running", 1e-05, 'say "hi" \\ /')
    gate = ApprovalGate(url, "wörker/1")
    decided, cancelled = gate.open_request("deploy/ü"), gate.open_request("deploy/ü")
    gate.respond_to_approval(decided.request_id, False, "ann", 'no: "\\/\u2028')
    gate.cancel_request(cancelled.request_id)
    expired = gate.open_request("deploy/ü", timeout=0.001)
    wait_until(gate.clear_expired_requests, "the sweep ends it")
    worker.stop_heartbeat("failed")
    seen = list(following)
    assert [event.event_type for event in seen] == [
        "agent_heartbeat", "agent_heartbeat", "approval_requested", "approval_requested", "approval_decided",
        "approval_cancelled", "approval_requested", "approval_expired", "agent_heartbeat",
    ]  # fmt: skip
    assert seen[1].data["current_task"] == 'say "hi" \\ /'
    assert (seen[1].source, seen[1].data["progress"]) == ("wörker/1", 1e-05)
    assert (seen[8].data["status"], seen[8].data["finished"]) == ("failed", True)
    assert seen[4].data == {
        "request_id": decided.request_id, "agent_id": "wörker/1", "approval_type": "deploy/ü",
        "status": "rejected", "responder": "ann", "reason": 'no: "\\/\u2028',
    }  # fmt: skip
    assert (seen[5].data["request_id"], seen[5].data["status"]) == (cancelled.request_id, "cancelled")
    assert (seen[7].data["request_id"], seen[7].data["status"]) == (expired.request_id, "timeout")
