"""The faults that a stream reader can have, each shown to be absent; outages; and a subscriber that is killed."""

import itertools
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from core import EventStreamer
from tests.servers import client_of
from tests.waiting import PATIENCE, wait_until

STREAM = "{telemetry}:events:stream:"


def numbers(followed) -> list[int]:
    return [event.data["n"] for event in followed]


def publish_all(events, names, start=0) -> list[str]:
    return [events.publish_event(name, {"n": start + at}) for at, name in enumerate(names)]


# One test for each fault of the original


def test_a_quiet_stream_loses_no_events_while_its_consumer_is_busy(events):
    following = events.consume_events(["quiet", "busy"], idle_timeout=0.5)
    publish_all(events, ["busy"])
    assert numbers([next(following)]) == [0]
    publish_all(events, ["quiet", "quiet", "busy", "quiet"], 1)  # while the consumer works on the first
    assert numbers(following) == [1, 2, 3, 4]


def test_types_born_later_are_seen(events):
    publish_all(events, ["known"])
    following = events.consume_events(idle_timeout=30)
    publish_all(events, ["born", "known", "born too"])
    assert numbers(itertools.islice(following, 3)) == [0, 1, 2]
    threading.Timer(0.3, publish_all, (events, ["born last"], 3)).start()
    assert next(following).event_type == "born last"
    following.close()


@pytest.mark.parametrize("event_types", [None, ["first"]])
def test_subscribing_before_the_first_event_does_not_end_at_once(events, event_types, background):
    following = events.consume_events(event_types)
    first = background(next, following)
    time.sleep(0.3)
    assert not first.done()
    publish_all(events, ["first"])
    assert first.result(PATIENCE).data == {"n": 0}
    following.close()


@pytest.mark.parametrize(("seconds", "idle_timeout"), [(2, 1.5), pytest.param(8, 3, marks=pytest.mark.long)])
def test_an_outage_does_not_end_the_iterator(durable_server, background, caplog, seconds, idle_timeout):
    events = EventStreamer(durable_server.url)
    forever, limited = events.consume_events(), events.consume_events(idle_timeout=idle_timeout)
    publish_all(events, ["a"])
    assert numbers([next(forever), next(limited)]) == [0, 0]
    with caplog.at_level(logging.WARNING, "core.events.following"):
        waiters = [background(next, forever), background(list, limited)]
        durable_server.stop()
        time.sleep(seconds)
        durable_server.start()
        publish_all(EventStreamer(durable_server.url), ["a", "new"], 1)
        assert waiters[0].result(PATIENCE).data == {"n": 1}
        assert next(forever).data == {"n": 2}
        assert numbers(waiters[1].result(PATIENCE)) == [1, 2]
    assert [r.getMessage().split(":")[0] for r in caplog.records].count("events do not arrive") == 2
    assert [r.getMessage() for r in caplog.records].count("events arrive again") == 2
    forever.close()


def test_trim_to_10_leaves_10_and_says_how_many_went(events, raw):
    publish_all(events, ["a"] * 223)
    assert events.trim_stream("a", 10) == 213
    assert numbers(events.get_recent_events("a")) == list(range(222, 212, -1))
    assert raw.xlen(STREAM + "a") == 10
    assert events.trim_stream("a", 10) == 0
    assert events.trim_stream("nobody") == 0


# Outages


def test_what_was_published_while_the_follower_was_cut_off_is_not_missed(url, proxy):
    events = EventStreamer(url)
    following = EventStreamer(proxy.url).consume_events(idle_timeout=30)
    for round_ in range(5):
        publish_all(events, ["a", f"type-{round_}"], round_ * 3)
        assert numbers(itertools.islice(following, 1)) == [round_ * 3]
        proxy.cut()
        publish_all(events, ["b"], round_ * 3 + 2)
        assert numbers(itertools.islice(following, 2)) == [round_ * 3 + 1, round_ * 3 + 2]
    following.close()


def test_a_lost_reply_repeats_nothing_and_loses_nothing(url, proxy):
    events = EventStreamer(url)
    following = EventStreamer(proxy.url).consume_events(idle_timeout=30)
    for number in range(10):
        proxy.lose_reply_to(b"XREAD")
        publish_all(events, ["a"], number)
        assert next(following).data == {"n": number}
    assert proxy.lost == 10
    following.close()


def test_a_hung_server_is_waited_for(server, background):
    events = EventStreamer(server.url)
    following = events.consume_events(idle_timeout=0.5)
    publish_all(events, ["a"])
    next(following)
    server.hang()
    rest = background(list, following)
    time.sleep(3)  # longer than block and limit together
    assert not rest.done()
    server.resume()
    assert rest.result(PATIENCE) == []


def test_a_server_that_lost_everything_is_followed_on(server, background):
    events = EventStreamer(server.url)
    following = events.consume_events()
    publish_all(events, ["a", "b"])
    assert numbers(itertools.islice(following, 2)) == [0, 1]
    waiter = background(lambda: numbers(itertools.islice(following, 3)))
    server.stop()
    server.start()
    publish_all(EventStreamer(server.url), ["b", "c", "a"], 2)
    assert waiter.result(PATIENCE) == [2, 3, 4]
    following.close()


def test_a_follower_with_an_id_starts_before_its_server_does(server, background):
    server.stop()
    following = EventStreamer(server.url).consume_events(idle_timeout=30, start_id="0")
    waiter = background(lambda: numbers(itertools.islice(following, 2)))
    time.sleep(1)
    server.start()
    publish_all(EventStreamer(server.url), ["a", "b"])
    assert waiter.result(PATIENCE) == [0, 1]
    following.close()


# A subscriber that is killed again and again

SUBSCRIBER = """
import os, sys
from core import EventStreamer
url, path = sys.argv[1:]
log = os.open(path, os.O_RDWR | os.O_CREAT)
whole = os.read(log, 1 << 24).rpartition(b"\\n")[0]
os.ftruncate(log, len(whole) + bool(whole))
os.lseek(log, 0, os.SEEK_END)
last = whole.rpartition(b"\\n")[2].split(b" ")[0].decode() or "0"
print("ready", flush=True)
for number, event in enumerate(EventStreamer(url).consume_events(start_id=last)):
    os.write(log, f"{event.event_id} {event.data['n']}\\n".encode())
    if number % 100 == 0:
        os.fsync(log)
"""
EVENTS, KILLS = 50_000, 20


def publish_no_faster_than(url: str, kills: list[int]) -> None:
    """Never far ahead of the kills, so that each happens while events are published."""
    events, chance, stretch = EventStreamer(url), random.Random(3), EVENTS // (KILLS + 1)
    for number in range(EVENTS):
        born = number // 100 + 1
        assert events.publish_event(f"type-{chance.randrange(born)}", {"n": number})
        if number % stretch == 0:
            wait_until(lambda least=number // stretch - 1: len(kills) >= least, "it is killed")


def subscriber_of(url: str, path: Path) -> subprocess.Popen:
    command = [sys.executable, "-c", SUBSCRIBER, url, str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3])
    assert process.stdout.readline() == b"ready\n"
    return process


def end(process: subprocess.Popen) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
    process.stdout.close()


@pytest.mark.long
def test_a_subscriber_killed_20_times_during_50_000_events_loses_none_and_repeats_none(
    url, tmp_path, background
):
    path, kills = tmp_path / "seen", []
    path.touch()
    subscriber = subscriber_of(url, path)
    publishing = background(publish_no_faster_than, url, kills)
    before = 0
    while len(kills) < KILLS:
        more = before + 500 * (len(kills) + 1)
        wait_until(lambda size=more: path.stat().st_size >= size, "it sees more events")
        assert not publishing.done()
        end(subscriber)
        before = path.stat().st_size
        kills.append(before)
        subscriber = subscriber_of(url, path)
    publishing.result(120)
    wait_until(lambda: path.read_bytes().count(b"\n") >= EVENTS, "it has seen the last event")
    time.sleep(0.2)  # more than all would come now
    end(subscriber)
    assert [int(line.split()[1]) for line in path.read_text().splitlines()] == list(range(EVENTS))
    assert client_of(url).xlen("{telemetry}:events:types") > 450
