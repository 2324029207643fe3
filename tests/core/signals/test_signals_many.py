"""Many agents on one broadcast, many readers on one mailbox: each signal is delivered once, in order."""

import json
import subprocess
import sys
import threading

import pytest

from tests.waiting import PATIENCE, wait_until

READERS, SIGNALS = 8, 5_000
READER = """
import json, sys
from core import CoordinationSignals
bob, got = CoordinationSignals(sys.argv[1], "bob"), []
print("ready", flush=True)
sys.stdin.readline()
while signal := bob.check_signal("job"):
    got.append(signal.payload["n"])
print(json.dumps(got))
"""


def fill(mailbox_of) -> None:
    ann = mailbox_of("ann")
    for number in range(SIGNALS):
        ann.signal("job", target_agent="bob", payload={"n": number}, ttl_seconds=600)


def delivered_once_in_order(batches: list[list[int]]) -> None:
    assert sorted(number for batch in batches for number in batch) == list(range(SIGNALS))
    assert all(batch == sorted(batch) for batch in batches)
    assert sum(bool(batch) for batch in batches) > 1  # else it was no race


def test_200_agents_receive_one_broadcast_once_each(mailbox_of, raw, background):
    waiters = [background(mailbox_of(f"a-{n}").wait_for_signal, "go", None, 30) for n in range(200)]
    wait_until(lambda: raw.info("clients")["blocked_clients"] == 200, "all wait")
    sent = mailbox_of("boss").broadcast("go")
    assert {waiter.result(PATIENCE).signal_id for waiter in waiters} == {sent}
    agents = [mailbox_of(f"a-{number}") for number in range(200)]
    assert [agent.check_signal("go") for agent in agents] == [None] * 200
    assert [agent.wait_for_signal("go", timeout=0) for agent in agents] == [None] * 200
    assert mailbox_of("late").check_signal("go").signal_id == sent


def test_broadcasts_that_are_consumed_are_not_read_again_and_no_other_is_missed(mailbox_of, raw):
    boss, bob, late = mailbox_of("boss"), mailbox_of("bob"), mailbox_of("late")
    jobs, notes = [n for n in range(1000) if n % 10], list(range(0, 1000, 10))
    for number in range(1000):
        boss.broadcast("job" if number % 10 else "note", payload={"n": number}, ttl_seconds=600)
    assert [bob.check_signal("job").payload["n"] for _ in jobs] == jobs
    raw.config_resetstat()
    assert bob.check_signal("job") is None
    assert raw.info("commandstats")["cmdstat_xrange"]["calls"] < 6  # of 128 entries at most
    boss.broadcast("job", payload={"n": 1000}, ttl_seconds=600)
    assert late.check_signal("job").payload["n"] == 1
    assert bob.wait_for_signal("job", timeout=0).payload["n"] == 1000
    assert [signal.payload["n"] for signal in bob.get_pending_signals()] == notes
    assert [bob.check_signal("note", "boss").payload["n"] for _ in notes] == notes
    assert bob.get_pending_signals() == []
    raw.config_resetstat()
    assert bob.get_pending_signals() == []
    assert raw.info("commandstats")["cmdstat_xrange"]["calls"] < 6
    assert late.clear_signals("job") == 900
    assert len(late.get_pending_signals()) == 100


def test_a_stream_of_broadcasts_that_begins_anew_is_read_from_its_beginning(mailbox_of, raw):
    boss, bob = mailbox_of("boss"), mailbox_of("bob")
    for _ in range(50):
        boss.broadcast("job", ttl_seconds=600)
    assert bob.clear_signals() == 50
    assert bob.get_pending_signals() == []
    signal_id, *_ = raw.xrange("{telemetry}:signals:broadcast")
    raw.delete("{telemetry}:signals:broadcast", "{telemetry}:signals:broadcast_expiry")
    fields = {**signal_id[1], b"expires_ms": b"9999999999999"}
    raw.xadd("{telemetry}:signals:broadcast", fields, id="1-1")
    assert len(bob.get_pending_signals()) == 1


@pytest.mark.long
def test_8_threads_on_one_mailbox_of_5000_signals(mailbox_of, background):
    fill(mailbox_of)
    start = threading.Barrier(READERS)

    def read() -> list[int]:
        bob, got = mailbox_of("bob"), []
        start.wait(60)
        while signal := bob.check_signal("job"):
            got.append(signal.payload["n"])
        return got

    delivered_once_in_order([reader.result(60) for reader in [background(read) for _ in range(READERS)]])


@pytest.mark.long
def test_8_processes_on_one_mailbox_of_5000_signals(mailbox_of, url):
    fill(mailbox_of)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    readers = [subprocess.Popen([sys.executable, "-c", READER, url], **pipes) for _ in range(READERS)]
    for reader in readers:
        assert reader.stdout.readline() == "ready\n"
    for reader in readers:
        reader.stdin.write("\n")
        reader.stdin.flush()
    delivered_once_in_order([json.loads(reader.communicate(timeout=60)[0]) for reader in readers])


def test_8_waiting_readers_get_what_two_senders_send_once_each(mailbox_of, background):
    def wait() -> list[int]:
        bob, got = mailbox_of("bob"), []
        while (signal := bob.wait_for_signal("job", timeout=30)).payload["n"] >= 0:
            got.append(signal.payload["n"])
        return got

    def send(first: int) -> None:
        for number in range(first, first + 500):
            mailbox_of("ann").signal("job", target_agent="bob", payload={"n": number})

    readers = [background(wait) for _ in range(READERS)]
    for sender in [background(send, 0), background(send, 500)]:
        sender.result(PATIENCE)
    for _ in readers:
        mailbox_of("ann").signal("job", target_agent="bob", payload={"n": -1})
    got = [number for reader in readers for number in reader.result(PATIENCE)]
    assert sorted(got) == list(range(1000))
