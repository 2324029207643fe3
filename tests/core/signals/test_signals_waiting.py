"""Waiting wakes at once, misses nothing, costs nothing, and outlives what happens to Redis."""

import re
import socket
import statistics
import threading
import time

import pytest

from core import CoordinationSignals, StoreRefused, StoreUnavailable
from core.store.client import Line
from tests.servers import client_of, proxy_before
from tests.waiting import PATIENCE, Stopwatch, wait_until

LATE = 1.8  # what a busy machine may add; a command without a limit of its own would take 2 s


def blocked(raw, count: int = 1) -> None:
    wait_until(lambda: raw.info("clients")["blocked_clients"] == count, f"{count} wait")


def timed(call, *args, **options):
    with Stopwatch() as watch:
        try:
            result = call(*args, **options)
        except StoreUnavailable as error:
            result = error
    return result, watch


def test_a_look_that_is_short_of_time_opens_no_connection_where_one_is_open(server):
    mailbox = CoordinationSignals(server.url, "ann")
    assert mailbox.check_signal("done") is None  # from here on one is open
    with client_of(server.url) as raw:
        before = raw.info("stats")["total_connections_received"]
        assert mailbox.wait_for_signal("done", timeout=0.01) is None
        assert raw.info("stats")["total_connections_received"] == before


def test_a_waiter_wakes_in_milliseconds(mailbox_of, raw, background):
    ann, bob = mailbox_of("ann"), mailbox_of("bob")

    def took(number: int) -> float:
        waiter = background(lambda: (bob.wait_for_signal("done", timeout=PATIENCE), time.monotonic()))
        blocked(raw)
        sent_at = time.monotonic()
        sent = ann.signal("done", target_agent="bob") if number % 2 else ann.broadcast("done")
        signal, woke_at = waiter.result(PATIENCE)
        assert signal.signal_id == sent
        return woke_at - sent_at

    def quick() -> bool:  # of what a busy machine adds, the fastest quarter has least
        return statistics.quantiles([took(number) for number in range(40)], n=4)[0] < 0.02

    wait_until(quick, "the fastest quarter wakes within 20 ms")


def test_what_is_there_already_is_taken_without_blocking(mailbox_of):
    sent = mailbox_of("ann").signal("done", target_agent="bob")
    signal, took = timed(mailbox_of("bob").wait_for_signal, "done", timeout=20)
    assert signal.signal_id == sent
    assert took.own < 10


@pytest.mark.parametrize("directed", [True, False])
def test_a_signal_sent_between_the_check_and_the_block_is_not_missed(mailbox_of, monkeypatch, directed):
    ann, sent, read = mailbox_of("ann"), [], Line.read

    def send_first(self, *command, **options):
        if command[0] == "XREAD" and not sent:
            sent.append(ann.signal("done", target_agent="bob" if directed else None))
        return read(self, *command, **options)

    monkeypatch.setattr(Line, "read", send_first)
    signal, took = timed(mailbox_of("bob").wait_for_signal, "done", timeout=20)
    assert signal.signal_id == sent[0]
    assert took.own < 10


def test_of_1000_signals_sent_while_a_waiter_comes_and_goes_none_is_missed(mailbox_of, background):
    bob = mailbox_of("bob")

    def receive():
        return [bob.wait_for_signal("job", timeout=20).payload["n"] for _ in range(1000)]

    receiver = background(receive)
    for number in range(1000):
        mailbox_of("ann").signal("job", target_agent="bob", payload={"n": number})
    assert receiver.result(PATIENCE) == list(range(1000))


def test_other_signals_do_not_end_a_wait_and_stay(mailbox_of, raw, background):
    ann, bob = mailbox_of("ann"), mailbox_of("bob")
    waiter = background(bob.wait_for_signal, "done", "carl", 20)
    blocked(raw)
    others = [ann.signal("done", target_agent="bob"), ann.broadcast("news")]
    ann.signal("brief", target_agent="bob", ttl_seconds=0.001)
    others += [ann.signal("news", source_agent="carl", target_agent="bob")]
    blocked(raw)
    sent = ann.signal("done", source_agent="carl", target_agent="bob")
    assert waiter.result(PATIENCE).signal_id == sent
    wait_until(lambda: len(bob.get_pending_signals()) <= len(others), "the brief one is over")
    assert [signal.signal_id for signal in bob.get_pending_signals()] == others


@pytest.mark.parametrize("timeout", [0, 0.05, 0.6])
def test_none_comes_at_the_timeout(mailbox_of, timeout):
    signal, took = timed(mailbox_of("bob").wait_for_signal, "done", timeout=timeout)
    assert signal is None
    assert took.seconds >= timeout
    assert took.own < timeout + 2


def test_100_idle_waiters_cost_under_four_commands_a_second(mailbox_of, raw, background):
    waiters = [background(mailbox_of(f"a-{n}").wait_for_signal, "go", None, 30, 0.01) for n in range(100)]
    blocked(raw, 100)
    raw.config_resetstat()
    time.sleep(1)  # the subject is what happens while nothing does
    stats = {name: stat["calls"] for name, stat in raw.info("commandstats").items()}
    ours = {name: calls for name, calls in stats.items() if not re.match("cmdstat_(info|config)", name)}
    assert sum(ours.values()) < 4, ours
    mailbox_of("boss").broadcast("go")
    assert all(waiter.result(PATIENCE) for waiter in waiters)


def test_a_wait_goes_on_after_each_slice_with_one_command_each(mailbox_of, raw, background, monkeypatch):
    monkeypatch.setattr("core.signals.mailbox.SLICE_SECONDS", 0.05)
    waiter = background(mailbox_of("bob").wait_for_signal, "done", None, 20)

    def calls(command: str) -> int:
        return raw.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})["calls"]

    wait_until(lambda: calls("xread") > 5, "some slices are over")
    assert calls("evalsha") <= 2  # the first look, and again when the script had to be loaded
    sent = mailbox_of("ann").signal("done", target_agent="bob")
    assert waiter.result(PATIENCE).signal_id == sent


def test_waiters_give_their_connection_back(mailbox_of, raw, background):
    before = raw.info("clients")["connected_clients"]
    for _ in range(20):
        waiter = background(mailbox_of("bob").wait_for_signal, "done", None, 20)
        blocked(raw)
        mailbox_of("ann").signal("done", target_agent="bob")
        assert waiter.result(PATIENCE)
    assert raw.info("clients")["connected_clients"] <= before + 3


# Outages


@pytest.mark.parametrize("timeout", [0, 0.3, 1.2])
def test_a_wait_while_redis_is_down_raises_at_its_timeout(server, timeout):
    server.stop()
    error, took = timed(CoordinationSignals(server.url, "bob").wait_for_signal, "done", timeout=timeout)
    assert isinstance(error, StoreUnavailable)
    assert took.seconds >= timeout
    assert took.own < timeout + LATE


@pytest.mark.anywhere
@pytest.mark.parametrize("timeout", [0, 0.3, 2.4])
def test_a_wait_while_redis_hangs_raises_at_its_timeout(server, timeout):
    signals = CoordinationSignals(server.url, "bob")
    assert signals.check_signal("done") is None
    server.hang()
    error, took = timed(signals.wait_for_signal, "done", timeout=timeout)
    assert isinstance(error, StoreUnavailable)
    assert took.seconds >= timeout
    assert took.own < timeout + LATE


@pytest.mark.anywhere
def test_the_other_readings_raise_within_seconds_while_redis_is_away(server, background):
    signals = CoordinationSignals(server.url, "bob")
    calls = [signals.check_signal, signals.get_pending_signals, signals.clear_signals]
    for take_away in (server.hang, server.stop):
        take_away()
        for waiter in [background(timed, call, "done") for call in calls]:
            error, took = waiter.result(PATIENCE)
            assert isinstance(error, StoreUnavailable)
            assert took.own < 10


def test_down_while_waiting_and_for_good(server, background):
    waiter = background(timed, CoordinationSignals(server.url, "bob").wait_for_signal, "done", timeout=3)
    with client_of(server.url) as raw:
        blocked(raw)
    server.stop()
    error, took = waiter.result(PATIENCE)
    assert isinstance(error, StoreUnavailable)
    assert took.seconds > 2.9
    assert took.own < 3 + LATE


def test_restarted_while_waiting_and_sent_afterwards(durable_server, background):
    ann, bob = (CoordinationSignals(durable_server.url, name) for name in ("ann", "bob"))
    left = ann.signal("other", target_agent="bob")
    waiter = background(bob.wait_for_signal, "done", None, 30)
    with client_of(durable_server.url) as raw:
        blocked(raw)
    durable_server.stop()
    durable_server.start()
    sent = ann.signal("done", target_agent="bob")
    assert waiter.result(PATIENCE).signal_id == sent
    assert [signal.signal_id for signal in bob.get_pending_signals()] == [left]


def test_restarted_without_its_data_or_emptied_while_waiting(server, background):
    ann, bob = (CoordinationSignals(server.url, name) for name in ("ann", "bob"))
    waiter = background(bob.wait_for_signal, "done", None, 30)
    with client_of(server.url) as raw:
        blocked(raw)
    server.stop()
    server.start()
    with client_of(server.url) as raw:
        blocked(raw)
        raw.flushall()
        sent = ann.signal("done", target_agent="bob")
        assert waiter.result(PATIENCE).signal_id == sent


def test_hung_for_a_while_with_a_waiter_and_a_sender(server, background):
    ann, bob = (CoordinationSignals(server.url, name) for name in ("ann", "bob"))
    waiter = background(bob.wait_for_signal, "done", None, 20)
    with client_of(server.url) as raw:
        blocked(raw)
    server.hang()
    threading.Timer(0.5, server.resume).start()
    sent = ann.signal("done", target_agent="bob")
    assert waiter.result(PATIENCE).signal_id == sent


def test_a_signal_to_a_hung_server_raises_and_is_stored_at_most_once(server):
    ann, bob = (CoordinationSignals(server.url, name) for name in ("ann", "bob"))
    ann.signal("first", target_agent="bob")
    server.hang()
    error, took = timed(ann.signal, "done", target_agent="bob")
    assert isinstance(error, StoreUnavailable)
    assert took.own < 5  # one attempt: three would be 6 s
    server.resume()
    assert len(wait_until(lambda: bob.get_pending_signals("done"), "it was stored after all")) == 1


def test_a_signal_whose_reply_is_lost_raises_and_is_not_sent_again(url, raw, mailbox_of):
    with proxy_before(url) as proxy:
        ann = CoordinationSignals(proxy.url, "ann")
        ann.signal("first", target_agent="bob")
        proxy.lose_reply_to(b"EVALSHA")
        with pytest.raises(StoreUnavailable):
            ann.signal("done", target_agent="bob")
        assert proxy.lost == 1
    assert len(mailbox_of("bob").get_pending_signals("done")) == 1


@pytest.mark.parametrize("way", ["check_signal", "wait_for_signal"])
@pytest.mark.parametrize("directed", [True, False])
def test_a_signal_whose_delivery_was_lost_is_delivered_again_to_the_same_call(url, mailbox_of, way, directed):
    sent = [mailbox_of("ann").signal("done", target_agent="bob" if directed else None) for _ in range(2)]
    with proxy_before(url) as proxy:
        bob = CoordinationSignals(proxy.url, "bob")
        assert bob.check_signal("nothing") is None
        proxy.lose_reply_to(b"EVALSHA")
        signal = getattr(bob, way)("done")
        assert proxy.lost == 1
        assert (signal.signal_id, signal.target_agent) == (sent[0], "bob" if directed else None)
        assert bob.check_signal("done").signal_id == sent[1]
        assert bob.check_signal("done") is None


def test_a_connection_that_is_cut_while_waiting_is_opened_again(url, mailbox_of, raw, background):
    with proxy_before(url) as proxy:
        waiter = background(CoordinationSignals(proxy.url, "bob").wait_for_signal, "done", None, 20)
        blocked(raw)
        proxy.cut()
        sent = mailbox_of("ann").signal("done", target_agent="bob")
        assert waiter.result(PATIENCE).signal_id == sent


def test_poll_interval_bounds_the_pause_between_attempts():
    # At the usual pauses it would be 5; what a busy machine is late, it is not late each time.
    wait_until(
        lambda: attempts_within_a_second(poll_interval=0.02) > 8, "it tries as often as it was told to"
    )


def attempts_within_a_second(poll_interval: float) -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        attempts = []

        def refuse_each():
            while True:
                attempts.append(listener.accept()[0].close())

        threading.Thread(target=refuse_each, daemon=True).start()
        signals = CoordinationSignals(f"redis://127.0.0.1:{listener.getsockname()[1]}", "bob")
        with pytest.raises(StoreUnavailable):
            signals.wait_for_signal("done", timeout=1, poll_interval=poll_interval)
        return len(attempts)


def test_a_read_only_server_lists_and_takes_nothing(server):
    ann, bob = (CoordinationSignals(server.url, name) for name in ("ann", "bob"))
    sent = ann.signal("done", target_agent="bob")
    with client_of(server.url) as raw:
        raw.replicaof("127.0.0.1", "1")
    assert bob.check_signal("done", consume=False).signal_id == sent
    assert len(bob.get_pending_signals()) == 1
    for write in (bob.check_signal, bob.clear_signals, ann.broadcast):
        with pytest.raises(StoreRefused, match="read only"):
            write("done")
    assert len(bob.get_pending_signals()) == 1


def test_a_full_server_takes_no_signal_and_can_still_be_emptied(server):
    ann, bob = (CoordinationSignals(server.url, name) for name in ("ann", "bob"))
    sent = [ann.signal("done", target_agent="bob") for _ in range(3)]
    with client_of(server.url) as raw:
        raw.config_set("maxmemory", 1)
        with pytest.raises(StoreRefused, match="memory"):
            ann.signal("done", target_agent="bob")
        assert bob.check_signal("done").signal_id == sent[0]
        assert bob.clear_signals() == 2
        raw.config_set("maxmemory", 0)
    assert bob.get_pending_signals() == []


def test_scripts_that_the_server_forgot_are_loaded_again(mailbox_of, raw):
    ann, bob = mailbox_of("ann"), mailbox_of("bob")
    for _ in range(2):
        raw.script_flush()
        sent = ann.signal("done", target_agent="bob")
        raw.script_flush()
        assert bob.wait_for_signal("done").signal_id == sent
