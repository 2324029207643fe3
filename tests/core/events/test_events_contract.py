"""Publishing, reading what is kept, deleting and trimming; and what is refused."""

import logging
import time
from datetime import UTC, datetime

import pytest

from core import EventStreamer, MalformedRecord, StoreUnavailable, StreamEvent
from core.events.event import MAX_DATA_BYTES
from tests.servers import client_of
from tests.waiting import Stopwatch, wait_until

STREAM = "{telemetry}:events:stream:"
TYPES = "{telemetry}:events:types"


def names_announced(raw) -> list[str]:
    return [fields[b"event_type"].decode() for _, fields in raw.xrange(TYPES)]


def test_a_published_event_is_read_back_whole_with_redis_time(events):
    before = time.time()
    event_id = events.publish_event("build:*", {"ok": True, "parts": [1, 2.5, None], "ü": "✓"}, "bot")
    [event] = events.get_recent_events("build:*")
    assert event == StreamEvent(
        event_id, "build:*", event.timestamp, {"ok": True, "parts": [1, 2.5, None], "ü": "✓"}, "bot"
    )
    assert event.timestamp.tzinfo is UTC
    assert abs(event.timestamp.timestamp() - before) < 60
    assert event.timestamp == datetime.fromtimestamp(int(event_id.split("-")[0]) / 1000, UTC)


def test_the_source_is_attune_unless_said(events):
    events.publish_event("build", {})
    assert events.get_recent_events("build")[0].source == "attune"


def test_publishing_is_one_round_trip_and_one_script(events, raw):
    events.publish_event("build", {})
    raw.config_resetstat()
    events.publish_event("build", {})
    assert raw.info("commandstats")["cmdstat_evalsha"]["calls"] == 1


def test_ids_grow_over_all_types_also_within_a_millisecond(events):
    ids = [events.publish_event(f"type-{number % 7}", {}) for number in range(700)]
    numbers = [tuple(map(int, event_id.split("-"))) for event_id in ids]
    assert numbers == sorted(set(numbers))


def test_a_stream_that_is_deleted_and_born_again_repeats_no_id(events):
    seen = set()
    for _ in range(100):
        seen |= {events.publish_event("build", {}), events.publish_event("build", {})}
        assert events.delete_stream("build")
    assert len(seen) == 200


def test_an_id_from_the_future_in_one_stream_does_not_move_the_others(events, raw):
    events.publish_event("build", {})
    raw.xadd(STREAM + "build", {"event_type": "build", "source": "x", "data": "{}"}, id="99999999999999-0")
    assert events.publish_event("build", {}) == "99999999999999-1"
    assert int(events.publish_event("test", {}).split("-")[0]) < 99999999999999


def test_each_stream_lives_seven_days_from_its_last_event_and_is_capped(events, raw):
    events.publish_event("build", {})
    raw.pexpire(STREAM + "build", 5000)
    events.publish_event("build", {})
    assert 7 * 86400 - 60 < raw.ttl(STREAM + "build") <= 7 * 86400
    pipe = raw.pipeline(transaction=False)
    for _ in range(12_000):
        pipe.xadd(STREAM + "build", {"event_type": "build", "source": "x", "data": "{}"})
    pipe.execute()
    events.publish_event("build", {})
    assert 10_000 <= raw.xlen(STREAM + "build") <= 10_200


def test_a_type_is_announced_when_its_stream_comes_to_be_and_only_then(events, raw):
    for _ in range(3):
        events.publish_event("build", {})
    events.trim_stream("build", 1)
    events.publish_event("build", {})
    events.trim_stream("build", 0)
    events.publish_event("build", {})
    assert names_announced(raw) == ["build"]
    events.delete_stream("build")
    events.publish_event("build", {})
    raw.pexpire(STREAM + "build", 1)
    wait_until(lambda: not raw.exists(STREAM + "build"), "it has expired")
    events.publish_event("build", {})
    assert names_announced(raw) == ["build"] * 3


def test_the_stream_that_gives_the_ids_does_not_grow_with_events(events, raw):
    for number in range(1_000):
        events.publish_event(f"type-{number % 3}", {})
    assert raw.xlen(TYPES) == 3
    assert raw.memory_usage(TYPES) < 20_000


def test_types_that_come_and_go_do_not_push_living_ones_out_of_the_list(events, raw):
    events.publish_event("living", {})
    for number in range(1_100):
        events.publish_event(f"run-{number}", {})
        raw.delete(f"{STREAM}run-{number}")
        if number % 10 == 0:
            events.publish_event("again", {})
            events.delete_stream("again")
    assert "living" in names_announced(raw)
    assert len(names_announced(raw)) < 500


def test_recent_events_are_newest_first_between_two_ids_and_at_most_as_many_as_asked(events):
    ids = [events.publish_event("build", {"n": number}) for number in range(450)]
    read = events.get_recent_events("build", count=1000)
    assert [event.event_id for event in read] == ids[::-1]
    assert [event.data["n"] for event in events.get_recent_events("build")] == list(range(449, 349, -1))
    assert [event.data["n"] for event in events.get_recent_events("build", 3, ids[10], ids[20])] == [
        20,
        19,
        18,
    ]
    assert len(events.get_recent_events("build", 50, ids[10], ids[20])) == 11
    assert events.get_recent_events("nobody") == []


def test_info_tells_length_ends_times_and_life(events):
    first, last = events.publish_event("build", {}), ""
    for _ in range(4):
        last = events.publish_event("build", {})
    info = events.get_stream_info("build")
    assert (info["length"], info["first_id"], info["last_id"]) == (5, first, last)
    assert info["first_time"] <= info["last_time"] <= datetime.now(UTC)
    assert 7 * 86400 - 60 < info["ttl"] <= 7 * 86400
    assert [event.event_id for event in events.get_recent_events("build", 1)] == [info["last-generated-id"]]
    events.trim_stream("build", 0)
    emptied = events.get_stream_info("build")
    assert {name: emptied[name] for name in ("length", "first_id", "last_id", "first-entry", "last_time")} == {
        "length": 0, "first_id": "0-0", "last_id": "0-0", "first-entry": None, "last_time": None,
    }  # fmt: skip
    assert emptied["last-generated-id"] == last


def test_deleting_says_whether_there_was_something(events):
    events.publish_event("build", {})
    assert events.delete_stream("build") is True
    assert events.delete_stream("build") is False
    assert events.get_recent_events("build") == []


@pytest.mark.parametrize("entry", [
    {"event_type": "build", "source": "x", "data": "[1]"},
    {"event_type": "build", "source": "x", "data": '{"a": NaN}'},
    {"event_type": "build", "source": "x", "data": '{"a": 1e999}'},
    {"event_type": "build", "source": "x", "data": b"\xff"},
    {"event_type": "build", "source": "x", "data": "[" * 100_000},
    {"event_type": "build", "source": "x"},
    {"event_type": "other", "source": "x", "data": "{}"},
    {"event_type": "build", "source": b"\xff", "data": "{}"},
    {"event_type": "build", "source": "", "data": "{}"},
    {"source": "x", "data": "{}"},
    {"nothing": "known"},
])  # fmt: skip
def test_a_malformed_entry_is_set_aside_alone_and_logged(events, raw, entry, caplog):
    events.publish_event("build", {"n": 1})
    raw.xadd(STREAM + "build", entry)
    time.sleep(0.002)  # its id is of this millisecond and larger than ours would be
    events.publish_event("build", {"n": 2})
    with caplog.at_level(logging.WARNING, "core.events.event"):
        assert [event.data["n"] for event in events.get_recent_events("build", 2)] == [2, 1]
        followed = list(events.consume_events(["build"], idle_timeout=0, start_id="0"))
    assert [event.data["n"] for event in followed] == [1, 2]
    assert len([record for record in caplog.records if "set aside" in record.message]) == 2


def test_an_entry_of_another_shape_is_read_by_its_fields(raw, events):
    raw.xadd(STREAM + "build", {"data": '{"n": 1}', "timestamp": "x", "event_type": "build"})
    assert [(e.data, e.source) for e in events.get_recent_events("build")] == [({"n": 1}, "attune")]


# Bad input

BAD_NAMES = ["", "a\n", "\udc80", "x" * 256, None, 5, b"x"]
BAD_DATA = [
    None, [], "x", {1: 2}, {"a": float("nan")}, {"a": {1, 2}}, {"a": "\udc80"}, {"a": "x" * MAX_DATA_BYTES},
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_bad_name_is_refused_everywhere_by_the_arguments_name(events, name, raw):
    calls = [
        lambda: events.publish_event(name, {}),
        lambda: events.get_recent_events(name),
        lambda: events.get_stream_info(name),
        lambda: events.delete_stream(name),
        lambda: events.trim_stream(name),
        lambda: events.consume_events([name]),
    ]
    for call in calls:
        with pytest.raises((ValueError, TypeError), match="event_type"):
            call()
    with pytest.raises((ValueError, TypeError), match="source"):
        events.publish_event("build", {}, name)
    assert raw.dbsize() == 0


@pytest.mark.parametrize("data", BAD_DATA, ids=lambda data: repr(data)[:20])
def test_bad_data_is_refused_by_name_also_while_redis_is_away(events, data, tmp_path):
    for streamer in (events, EventStreamer(f"unix://{tmp_path}/absent.sock")):
        with pytest.raises(ValueError, match="data"):
            streamer.publish_event("build", data)


@pytest.mark.parametrize(("arguments", "named"), [
    ({"event_types": "build"}, "event_types"), ({"event_types": []}, "event_types"),
    ({"event_types": 5}, "event_types"),
    ({"block_ms": -1}, "block_ms"), ({"block_ms": True}, "block_ms"), ({"block_ms": 1.5}, "block_ms"),
    ({"idle_timeout": "1"}, "idle_timeout"), ({"idle_timeout": float("nan")}, "idle_timeout"),
    ({"count": 0}, "count"), ({"count": "10"}, "count"),
    ({"start_id": "-"}, "start_id"), ({"start_id": "1-2-3"}, "start_id"), ({"start_id": ""}, "start_id"),
    ({"start_id": str(2**64)}, "start_id"), ({"start_id": 5}, "start_id"), ({"start_id": None}, "start_id"),
])  # fmt: skip
def test_bad_arguments_of_following_are_refused_at_the_call(events, arguments, named):
    with pytest.raises((ValueError, TypeError), match=named):
        events.consume_events(**arguments)


@pytest.mark.parametrize(("arguments", "named"), [
    ({"count": -1}, "count"), ({"count": True}, "count"), ({"start_id": "+"}, "start_id"),
    ({"end_id": "now"}, "end_id"), ({"end_id": 5}, "end_id"), ({"start_id": "٣"}, "start_id"),
])  # fmt: skip
def test_bad_arguments_of_reading_are_refused(events, arguments, named):
    with pytest.raises((ValueError, TypeError), match=named):
        events.get_recent_events("build", **arguments)


@pytest.mark.parametrize("length", [-1, True, 1.5, "10", None])
def test_a_bad_length_to_trim_to_is_refused(events, length):
    with pytest.raises((ValueError, TypeError), match="max_length"):
        events.trim_stream("build", length)


# Redis away


def test_publishing_into_nothing_is_an_empty_id_logged_once_and_comes_back(server, caplog):
    events = EventStreamer(server.url)
    assert events.publish_event("build", {})
    server.stop()
    with caplog.at_level(logging.WARNING, "core.event_streaming"):
        assert [events.publish_event("build", {}) for _ in range(20)] == [""] * 20
        assert len(caplog.records) == 1
        server.start()
        events._quiet_until = 0.0  # on a slow machine a refusal can look like a hang
        assert events.publish_event("build", {})
        assert events.publish_event("build", {})
        assert len(caplog.records) == 2


def test_a_hung_server_holds_the_agent_for_seconds_at_most(server):
    events = EventStreamer(server.url)
    server.hang()
    with Stopwatch() as watch:
        assert [events.publish_event("build", {}) for _ in range(50)] == [""] * 50
    assert watch.own < 20  # not 2 s for each of 50
    server.resume()
    wait_until(lambda: events.publish_event("build", {}), "events are published again")


def test_a_full_server_and_a_key_in_the_way_are_an_empty_id_and_logged_once_each(server, caplog):
    events, raw = EventStreamer(server.url), client_of(server.url)
    raw.set(STREAM + "build", "in the way")
    assert events.publish_event("test", {})
    with caplog.at_level(logging.WARNING, "core.event_streaming"):
        for _ in range(5):
            assert events.publish_event("build", {}) == ""
            assert events.publish_event("test", {})
        assert len(caplog.records) == 1
        raw.config_set("maxmemory", 1)
        assert [events.publish_event("test", {}) for _ in range(5)] == [""] * 5
        assert len(caplog.records) == 2
    raw.config_set("maxmemory", 0)
    assert events.publish_event("test", {})


def test_readers_are_told_that_redis_is_away(tmp_path):
    events = EventStreamer(f"unix://{tmp_path}/absent.sock")
    for read in (events.get_recent_events, events.get_stream_info, events.delete_stream, events.trim_stream):
        with pytest.raises(StoreUnavailable):
            read("build")
    with pytest.raises(StoreUnavailable):
        events.consume_events()


def test_what_from_redis_entry_cannot_read_is_a_malformed_record_naming_the_field():
    good = {b"event_type": b"build", b"source": b"x", b"data": b"{}"}
    assert StreamEvent.from_redis_entry("1-0", good).data == {}
    assert StreamEvent.from_redis_entry(b"1-0", good).event_id == "1-0"
    for field in (b"event_type", b"data"):
        with pytest.raises(MalformedRecord, match=f"{field.decode()} is missing"):
            StreamEvent.from_redis_entry("1-0", {name: v for name, v in good.items() if name != field})
    for field, value in ((b"event_type", b""), (b"source", b"\n"), (b"data", b"NaN"), (b"data", b"5")):
        with pytest.raises(MalformedRecord, match=field.decode()):
            StreamEvent.from_redis_entry("1-0", {**good, field: value})
    for bad in ("", "x", "1-0-0", "99999999999999999999-0", None):
        with pytest.raises((MalformedRecord, TypeError), match="event_id"):
            StreamEvent.from_redis_entry(bad, good)
