"""Kills at random moments and Redis away in between: the totals are the sum of what was tracked."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from django.db.models import Sum

from core import StoreUnavailable, UsageTracker
from core.history.recorder.recorder import Recorder
from core.models import LLMCall, SetAsideEntry, UsageHour
from tests.core.usage.usage_help import book
from tests.history.usage.usage_worker import TIERS, cost_of
from tests.memory_disk import memory_folder
from tests.servers import faulty_server
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
CALLS = 25_000  # each of four workers
WORKERS = ("a", "b", "c", "d")
KILLS = 8


class Workers:
    """Two parents, each with a child forked after its first call; whoever is killed is started again."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder, self._url = folder, url
        self._started: list[subprocess.Popen] = []
        self.start("a", "b")
        self.start("c", "d")

    def start(self, *names: str) -> None:
        command = [
            sys.executable,
            "-m",
            "tests.history.usage.usage_worker",
            str(self._folder),
            self._url,
            str(CALLS),
        ]
        self._started.append(subprocess.Popen([*command, *names], cwd=ROOT))

    def progress(self, name: str) -> int:
        with suppress(FileNotFoundError):
            return (self._folder / f"progress-{name}").stat().st_size
        return 0

    def done(self) -> bool:
        return all(self.progress(name) >= CALLS for name in WORKERS)

    def kill(self, name: str) -> bool:
        """Kill a worker that is not done and start it again; False when it was done."""
        if self.progress(name) >= CALLS:
            return False
        file = self._folder / f"pid-{name}"
        pid = int(wait_until(lambda: file.exists() and file.read_text(), f"{name} works"))
        os.kill(pid, signal.SIGKILL)
        for process in self._started:
            if process.pid == pid:
                process.wait(30)
        file.unlink()
        self.start(name)
        return True

    def end(self) -> None:
        for process in self._started:
            process.kill()
            process.wait()
        for name in WORKERS:
            with suppress(FileNotFoundError, ProcessLookupError, ValueError):
                os.kill(int((self._folder / f"pid-{name}").read_text()), signal.SIGKILL)


def kill_at_random_with_an_outage(workers: Workers, server) -> int:
    chance, kills = random.Random(11), 0
    for turn in range(KILLS):
        time.sleep(chance.uniform(0.2, 0.8))  # the moment of a death
        kills += workers.kill(chance.choice(WORKERS))
        if turn == KILLS // 2:
            server.stop()
            time.sleep(10)  # the subject is an outage
            kills += workers.kill("a") + workers.kill("b")
            server.start()
    return kills


@pytest.fixture
def folder():
    with memory_folder("usage-") as folder:
        yield folder


@pytest.fixture
def durable_server():
    with faulty_server(durable=True) as server:
        yield server


@pytest.mark.long
def test_a_hundred_thousand_calls_of_four_processes_killed_at_random(
    durable_server, transactional_db, running, folder
):
    server = durable_server
    running(Recorder(server.url))
    workers = Workers(folder, server.url)
    try:
        assert kill_at_random_with_an_outage(workers, server) >= KILLS // 2
        wait_until(workers.done, "every worker is done", 300)
    finally:
        workers.end()
    tracker = UsageTracker(folder / "usage", memory=server.url, price_book=book())
    wait_until(lambda: tracker.flush() == 0, "what was left behind is shipped", 300)
    assert list((folder / "usage").rglob("*.calls")) == []
    in_redis(tracker)
    wait_until(lambda: LLMCall.objects.count() == 4 * CALLS, "everything is recorded", 300)
    in_sql()
    tracker.close()


def in_redis(tracker: UsageTracker) -> None:
    """Totals by tier and workflow, to the nano-dollar."""
    by_tier: Counter[str] = Counter()
    by_workflow: Counter[str] = Counter()
    for number in range(CALLS):
        by_tier[TIERS[number % 3]] += 4 * cost_of(number)
        by_workflow[f"workflow {number % 5}"] += 4 * cost_of(number)
    stats = tracker.get_stats(days=2)
    assert stats["total_calls"] == 4 * CALLS
    assert int(stats["total_cost"] * 10**9) == sum(by_tier.values())
    assert {tier: int(cost * 10**9) for tier, cost in stats["by_tier"].items()} == by_tier
    assert {name: int(cost * 10**9) for name, cost in stats["by_workflow"].items()} == by_workflow
    assert stats["total_tokens_input"] == 4 * sum(range(CALLS))


def in_sql() -> None:
    """The same, in the calls and in the hours."""
    expected = 4 * sum(map(cost_of, range(CALLS)))
    assert SetAsideEntry.objects.count() == 0
    assert LLMCall.objects.aggregate(total=Sum("cost_nano"))["total"] == expected
    hours = UsageHour.objects.aggregate(
        calls=Sum("calls"),
        cost=Sum("cost_nano"),
        up=Sum("baseline_nano") + Sum("difference_nano") - Sum("routing_nano") - Sum("caching_nano"),
    )
    assert hours == {"calls": 4 * CALLS, "cost": expected, "up": expected}
    for worker in WORKERS:
        assert LLMCall.objects.filter(call_id__startswith=f"{worker}-").count() == CALLS


def test_reading_during_an_outage_says_so_and_tracking_goes_on(durable_server, tmp_path):
    tracker = UsageTracker(tmp_path / "usage", memory=durable_server.url, price_book=book())
    durable_server.stop()
    from tests.core.usage.usage_help import track

    track(tracker, 10)
    with pytest.raises(StoreUnavailable):
        tracker.get_stats()
    durable_server.start()
    assert wait_until(lambda: tracker.get_stats(days=2)["total_calls"] == 10, "shipped")
    tracker.close()
