"""The local spool: full disks, torn and unreadable lines, forks, owners that are gone, batches sent twice."""

import errno
import fcntl
import logging
import os
import signal
import sys
import threading
import time
from decimal import Decimal as D

import pytest

from core.store import usage
from core.store.client import open_store
from core.usage import shipper
from core.usage.call import Call
from core.usage.spool import SUFFIX, UNREADABLE, SpoolFile, orphans
from tests.core.usage.usage_help import call, track
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.anywhere


def total(tracker) -> int:
    return tracker.get_stats(days=2, exact=True)["total_calls"]


def spools(tmp_path):
    return sorted((tmp_path / "usage").glob("*/*.calls"))


def in_child(work) -> int:
    """Run `work` in a forked child that ends without any clean-up, as a job's process does; its exit code."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_call_is_one_whole_line_on_the_disk_when_tracking_returns(make_tracker, tmp_path):
    tracker = make_tracker(memory="redis://127.0.0.1:1")
    for count in range(1, 5):
        track(tracker)
        [spool] = spools(tmp_path)
        assert spool.read_bytes().count(b"\n") == count
        assert spool.read_bytes().endswith(b"}\n")


def test_a_full_disk_raises_nothing_loses_nothing_and_is_logged_once(tracker, monkeypatch, caplog):
    real = os.write

    def full(descriptor, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    track(tracker, 2)
    monkeypatch.setattr(os, "write", full)
    with caplog.at_level(logging.ERROR, "core.usage.spool"):
        track(tracker, 5)
    assert len(caplog.records) == 1
    assert total(tracker) == 7  # shipped from memory
    track(tracker, 3)
    monkeypatch.setattr(os, "write", real)
    track(tracker, 4)
    assert total(tracker) == 14


def test_a_disk_that_takes_half_a_line_keeps_none_of_it(make_tracker, monkeypatch, tmp_path):
    tracker = make_tracker(memory="redis://127.0.0.1:1")
    track(tracker)
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[: len(data) // 2]))
    track(tracker)
    monkeypatch.undo()
    assert spools(tmp_path)[0].read_bytes().count(b"\n") == 1
    assert spools(tmp_path)[0].read_bytes().endswith(b"\n")
    assert len(tracker._spool.settle()) == 0
    assert spools(tmp_path)[0].read_bytes().count(b"\n") == 2


def test_calls_held_in_memory_whose_shipping_had_no_answer_count_once(
    make_tracker, proxy, monkeypatch, tmp_path
):
    """Sent from memory, counted, the answer lost; then the disk takes them and they are sent again."""
    tracker = make_tracker(memory=proxy.url)
    tracker._shipper.notice = lambda: None
    track(tracker)
    tracker.flush()
    real = os.write

    def full(descriptor, data):
        if b"call_id" in data:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", full)
    track(tracker, 5)
    monkeypatch.setattr("core.store.client.CONFIRM_ATTEMPTS", 1)
    proxy.lose_reply_to(b"EVALSHA")
    tracker.flush()
    assert proxy.lost == 1
    monkeypatch.setattr(os, "write", real)
    tracker.flush()
    assert total(tracker) == 6


def test_a_directory_that_cannot_be_made_raises_nothing(make_tracker, tmp_path):
    (tmp_path / "file").write_text("")
    tracker = make_tracker(telemetry_dir=tmp_path / "file" / "usage")
    track(tracker, 3, user_id="ann")
    assert total(tracker) == 3


def test_a_lost_answer_counts_once(make_tracker, proxy):
    tracker = make_tracker(memory=proxy.url)
    tracker._shipper.notice = lambda: None  # the background would be faster at times, and lose nothing
    track(tracker)
    tracker.flush()
    track(tracker, 50, cost=1)
    proxy.lose_reply_to(b"EVALSHA")
    tracker.flush()
    assert proxy.lost == 1
    assert tracker.get_stats(days=2, exact=True)["total_cost"] == D("50.0105")


def test_a_batch_sent_again_counts_nothing_and_says_how_far_it_was(url):
    store = open_store(url)
    for counted in (2, 0, 0):
        batch = usage.CallBatch("ab" * 16, 0, 700)
        for number in range(2):
            batch.add("", 1_790_000_000_000_000 + number, {"calls": 1}, f'{{"n":{number}}}')
        assert usage.ship(store, batch, store.time_ms(), 9000) == (700, counted)
    assert store.read("HGET", store.keys.usage_day("2026-09-21"), "calls") == b"2"


def hand_over(tracker, exports: list[int]) -> None:
    """Fifty calls a time, as an export has them."""
    for export in range(5):
        words = {
            "workflow": "w",
            "stage": "",
            "tier": "t",
            "model": "middle",
            "provider": "acme",
            "agent_id": "",
        }
        counts = {"cost": 1, "input": 1, "output": 1, "cache_read": 0, "cache_write": 0, "duration_ms": 0}
        flags = {
            "hit": False,
            "cache_type": "",
            "prompt_hit": False,
            "user": "",
            "us": time.time_ns() // 1000,
        }
        tracker.track_calls(Call(call_id=f"{export}-{n}", **words, **counts, **flags) for n in range(50))
        exports.append(export)


def test_who_hands_over_more_calls_than_are_shipped_waits_for_room(make_tracker, monkeypatch):
    monkeypatch.setattr(shipper, "MOST_EXPECTED", 100)
    monkeypatch.setattr(shipper, "ROOM_SECONDS", PATIENCE)
    tracker, exports = make_tracker(), []
    sender = threading.Thread(target=hand_over, args=(tracker, exports))
    with tracker._shipper._turn:  # nothing is shipped meanwhile
        sender.start()
        wait_until(lambda: len(exports) == 2, "what fits is taken")
        sender.join(0.05)
        assert len(exports) == 2
    sender.join()
    assert total(tracker) == 250


def test_nobody_waits_twice_for_room_where_nothing_is_shipped(make_tracker, monkeypatch):
    monkeypatch.setattr(shipper, "MOST_EXPECTED", 100)
    monkeypatch.setattr(shipper, "ROOM_SECONDS", 0.01)
    tracker, exports = make_tracker(), []
    with tracker._shipper._turn:
        hand_over(tracker, exports)
        assert not tracker._shipper._keeps_up
    assert total(tracker) == 250


def test_a_file_that_reached_its_size_is_followed_by_another_and_removed_when_shipped(make_tracker, tmp_path):
    tracker = make_tracker(max_file_size_mb=0.01)
    tracker._shipper.notice = lambda: None
    track(tracker, 200)
    assert len(spools(tmp_path)) > 3
    assert tracker.flush() == 200
    assert len(spools(tmp_path)) <= 1
    assert total(tracker) == 200


def test_a_clean_end_leaves_no_spool_and_no_place_in_redis(tracker, raw, tmp_path):
    track(tracker, 3)
    tracker.close()
    assert spools(tmp_path) == []
    assert list(raw.scan_iter("{telemetry}:usage:shipped:*")) == []
    track(tracker, 2)
    assert total(tracker) == 5


def test_an_end_without_redis_leaves_the_spool_to_whoever_comes_next(make_tracker, server, tmp_path):
    server.stop()
    away = make_tracker(memory=server.url)
    track(away, 4)
    away.close()
    assert len(spools(tmp_path)) == 1
    server.start()
    tracker = make_tracker(memory=server.url)
    assert tracker.flush() == 4
    assert spools(tmp_path) == []


def test_a_forked_child_has_a_spool_and_a_shipper_of_its_own(tracker, tmp_path):
    track(tracker, 1)
    mine = tracker._spool.id

    def child() -> None:
        track(tracker, 5)
        assert tracker._spool.id != mine
        assert tracker.flush() == 5

    assert in_child(child) == 0
    track(tracker, 1)
    assert total(tracker) == 7


def test_a_forked_child_that_ends_abruptly_is_adopted(tracker, tmp_path):
    track(tracker, 1)
    assert in_child(lambda: track(tracker, 40)) == 0
    tracker.flush()
    assert total(tracker) == 41
    assert len(spools(tmp_path)) == 1


def test_a_child_that_outlives_its_parent_does_not_keep_the_parents_spool_locked(
    make_tracker, server, tmp_path
):
    """The lock is inherited by a fork; a child must let go of it, or nobody could adopt the parent's calls."""
    server.stop()
    away = make_tracker(memory=server.url)
    hold, let_go = os.pipe()
    parent = os.fork()
    if parent == 0:
        track(away, 7)
        if os.fork() == 0:
            os.close(let_go)
            os.read(hold, 1)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)
    os.close(hold)
    os.waitpid(parent, 0)
    server.start()
    tracker = make_tracker(memory=server.url)
    assert tracker.flush() == 7
    os.close(let_go)


def test_a_living_owners_spool_is_not_adopted(make_tracker, tmp_path):
    living = make_tracker()
    living._shipper.notice = lambda: None
    track(living, 4)
    [spool] = spools(tmp_path)
    assert list(orphans(spool.parent)) == []
    assert make_tracker().flush() == 0


def test_of_two_adopters_one_gets_the_spool(make_tracker, tmp_path):
    away = make_tracker(memory="redis://127.0.0.1:1")
    track(away)
    away._spool.end(-1)
    [path] = spools(tmp_path)
    first, second = SpoolFile.adopt(path), SpoolFile.adopt(path)
    assert second is None
    first.remove()
    assert SpoolFile.adopt(path) is None


def test_a_file_that_is_closed_twice_leaves_the_one_that_has_its_number_by_then_alone(tmp_path):
    orphan = SpoolFile.create(tmp_path)
    orphan.remove()
    ours = SpoolFile.create(tmp_path)  # as a call that is tracked meanwhile makes it
    orphan.close()
    ours.append(b"a call\n", 0)
    assert SpoolFile.adopt(ours.path) is None
    ours.close()


def test_a_spool_gets_its_name_only_when_it_is_locked(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(os, "rename", lambda a, b: (seen.append(SpoolFile.adopt(a)), os.replace(a, b)))
    SpoolFile.create(tmp_path).close()
    assert seen == [None]


def test_the_last_line_of_a_process_that_died_in_the_middle_of_it_is_not_a_call(tracker, tmp_path, caplog):
    track(tracker)
    tracker.flush()
    [path] = spools(tmp_path)
    line = path.read_bytes()
    torn = path.parent / ("0" * 32 + ".calls")
    torn.write_bytes(line.replace(b"-1", b"-7") + line[: len(line) // 2])
    with caplog.at_level(logging.WARNING, "core.usage.shipper"):
        assert tracker.flush() == 1
    assert "never tracked whole" in caplog.text
    assert not torn.exists()
    assert total(tracker) == 2


@pytest.mark.parametrize(
    "damage",
    [
        b"no json\n",
        b"[]\n",
        b"{}\n",
        b'{"call_id":NaN}\n',
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
        b"x" * 300_000 + b"\n",
        b"\n",
    ],
    ids=["words", "list", "empty", "nan", "bytes", "deep", "long", "blank"],
)
def test_an_unreadable_line_is_set_aside_alone(tracker, tmp_path, damage):
    track(tracker)
    [path] = spools(tmp_path)
    line = path.read_bytes()
    tracker.flush()
    other = path.parent / ("0" * 32 + ".calls")
    other.write_bytes(line + damage + line)
    assert tracker.flush() == 2
    assert total(tracker) == 3
    assert other.with_suffix(".unreadable").stat().st_size >= len(damage)


def test_no_link_is_followed_that_somebody_put_among_the_spools(tmp_path):
    target = tmp_path / "elsewhere"
    target.write_bytes(b"not a call\n")
    link = tmp_path / f"{'a' * 32}{SUFFIX}"
    link.symlink_to(target)
    assert SpoolFile.adopt(link) is None
    own = SpoolFile.create(tmp_path / "own")
    own.path.with_suffix(UNREADABLE).symlink_to(target)
    with pytest.raises(OSError, match="symbolic links"):
        own.set_aside(b"ssh-rsa of somebody")
    own.close()
    assert target.read_bytes() == b"not a call\n"


def test_a_line_with_amounts_out_of_range_is_set_aside(tracker, tmp_path):
    track(tracker, cost=1)
    [path] = spools(tmp_path)
    line = path.read_bytes()
    tracker.flush()
    for number, cost in enumerate((b"-1000000000", b"1" + b"0" * 30, b"1.5", b'"1"', b"true")):
        forged = path.parent / f"{number:032d}.calls"
        forged.write_bytes(line.replace(b'"cost":1000000000', b'"cost":' + cost))
    assert tracker.flush() == 0
    assert tracker.get_stats(days=2, exact=True)["total_cost"] == 1


def test_an_emptied_redis_gets_the_calls_of_living_spools_again(tracker, raw):
    track(tracker, 3)
    tracker.flush()
    raw.flushall()
    track(tracker, 1)
    tracker.flush()
    assert total(tracker) == 4


def test_a_key_of_a_wrong_type_stops_the_whole_batch_and_nothing_is_lost(tracker, raw, caplog):
    track(tracker, 1)
    tracker.flush()
    today = next(raw.scan_iter("{telemetry}:usage:day:*"))
    kept = raw.dump(today)
    raw.set(today, "not a hash")
    track(tracker, 3)
    assert tracker.flush() == 0
    raw.restore(today, 0, kept, replace=True)
    wait_until(lambda: tracker.flush() == 0 and total(tracker) == 4, "shipped after the repair")
    assert raw.zcard("{telemetry}:usage:recent") == 4


def test_an_outage_is_logged_once_and_ends_by_itself(server, make_tracker, caplog):
    tracker = make_tracker(memory=server.url)
    track(tracker)
    assert tracker.flush() + total(tracker) >= 1
    server.stop()
    with caplog.at_level(logging.WARNING, "core.usage.shipper"):
        track(tracker, 100)
        wait_until(lambda: caplog.records, "the outage is noticed")
        time.sleep(1)  # further attempts say nothing
        assert len(caplog.records) == 1
        server.start()
        other = make_tracker(memory=server.url, telemetry_dir=tracker.telemetry_dir / "other")
        wait_until(lambda: total(other) >= 100, "the calls have come")
        wait_until(lambda: len(caplog.records) == 2, "the end of the outage is said")
    assert caplog.records[-1].getMessage() == "calls are shipped again"


def test_who_has_nothing_to_ship_says_no_end_of_an_outage_that_lasts(server, make_tracker, caplog):
    shipper = make_tracker(memory=server.url)._shipper
    server.stop()
    attempts: list[int] = []
    open_store = shipper._open_store
    shipper._open_store = lambda: attempts.append(1) or open_store()
    with caplog.at_level(logging.WARNING, "core.usage.shipper"):
        shipper.start()
        wait_until(lambda: len(attempts) > 2, "it has tried again")
    [record] = caplog.records
    assert record.getMessage().startswith("calls wait in ")


def test_tracking_costs_no_round_trip_and_idling_almost_none(tracker, raw):
    track(tracker, 10)
    tracker.flush()
    wait_until(lambda: tracker._shipper._wake.is_set() is False, "the shipper is at rest")
    time.sleep(0.5)  # the subject is what happens while nothing does
    raw.config_resetstat()
    time.sleep(1)
    calls = {name: stat["calls"] for name, stat in raw.info("commandstats").items()}
    assert sum(count for name, count in calls.items() if "config" not in name and "info" not in name) <= 1


def test_a_tracker_works_from_many_threads(tracker, background):
    workers = [background(track, tracker, 200, cost=D("0.000000001")) for _ in range(16)]
    for worker in workers:
        worker.result(60)
    assert tracker.get_stats(days=2, exact=True)["total_cost"] == D("0.0000032")
    assert total(tracker) == 3200


def test_a_locked_file_is_never_shared_with_a_new_program(tracker, tmp_path):
    track(tracker)
    for descriptor in os.listdir("/proc/self/fd") if sys.platform == "linux" else []:
        try:
            target = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            continue
        if target.endswith(".calls"):
            assert fcntl.fcntl(int(descriptor), fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    assert call()["workflow"] == "review"
