"""Tracking calls, and asking for totals over many of them.

The floor of tracking is one JSON line a call; the floor of a question is reading the days in one pipeline.
"""

import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from core.store import usage
from core.store.client import Store
from core.usage.call import Call
from core.usage.pricing import PriceBook
from core.usage.savings import named_amounts, sums_of
from core.usage_tracker import UsageTracker
from tests.bench.measure import Bench, Row, medians, plain_client, rate_row, store_in

BATCH, ROUNDS = 2_000, 15
LONG = 40_000
KILLED_AFTER = 5_000
DAYS = 30
ASKED = 200
MIB = 1024
BOOK = PriceBook("anthropic=claude-opus-4-1")
SAID: dict[str, Any] = {
    "workflow": "code-review", "stage": "analysis", "tier": "capable", "model": "claude-sonnet-4-5",
    "provider": "anthropic", "cost": 0.0105, "tokens": {"input": 1000, "output": 500}, "cache_hit": False,
    "cache_type": None, "duration_ms": 120, "user_id": "ann", "agent_id": "reviewer",
}  # fmt: skip
VICTIM = """
import sys
from core.usage_tracker import UsageTracker
from tests.bench.measure import store_in
from tests.bench.usage import BOOK, SAID
tracker = UsageTracker(sys.argv[1], memory=store_in(sys.argv[3], "usage-killed"), price_book=BOOK)
for _ in range(int(sys.argv[2])):
    tracker.track_llm_call(**SAID)
import os, signal
os.kill(os.getpid(), signal.SIGKILL)
"""


def rows(bench: Bench) -> Iterator[Row]:
    with TemporaryDirectory(prefix="bench-usage") as folder:
        yield from _tracking(bench, Path(folder))
        yield _killed(bench, Path(folder) / "killed")
        for number, most_ms in ((200_000, 2), (1_000_000, 5)):
            yield from _asking(bench, Path(folder), number, most_ms)


def _tracking(bench: Bench, folder: Path) -> Iterator[Row]:
    tracker = UsageTracker(folder / "track", memory=store_in(bench.url, "usage"), price_book=BOOK)
    file = os.open(folder / "plain", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def track(calls: int) -> None:
        for _ in range(calls):
            tracker.track_llm_call(**SAID)

    def plain(calls: int) -> None:
        for _ in range(calls):
            os.write(file, json.dumps({"at": time.time(), **SAID}).encode() + b"\n")

    track(200)
    tracker.flush()  # the price book is read now
    for work, calls, rounds in (("track_llm_call", BATCH, ROUNDS), ("the same, in a row", LONG, 5)):
        ours, floor = _in_turns(rounds, tracker, lambda n=calls: track(n), lambda n=calls: plain(n))
        yield rate_row(work, f"{calls:,} calls", ours, floor, calls, 3)
    track(20_000)
    tracker.flush()
    track(20_000)
    began = time.perf_counter()
    shipped = tracker.flush()
    seconds = time.perf_counter() - began
    yield Row("shipping", f"{shipped:,} calls", shipped / seconds, None, "/s", None, "reported", True)
    tracker.close()
    os.close(file)


def _in_turns(rounds: int, tracker: UsageTracker, *works: Callable[[], object]) -> list[float]:
    """Medians as everywhere; but each turn begins when all is shipped, so that the floor does not pay for it."""
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, samples in zip(works, seconds, strict=True):
            tracker.flush()
            began = time.perf_counter()
            work()
            samples.append(time.perf_counter() - began)
    return [statistics.median(samples) for samples in seconds]


def _killed(bench: Bench, folder: Path) -> Row:
    """A process that is killed right after its last call; another one then ships what it left."""
    victim = subprocess.run(
        [sys.executable, "-c", VICTIM, str(folder), str(KILLED_AFTER), bench.url],
        check=False,
        timeout=60,
        stderr=subprocess.DEVNULL,
    )
    assert victim.returncode == -signal.SIGKILL
    tracker = UsageTracker(folder, memory=store_in(bench.url, "usage-killed"), price_book=BOOK)
    tracker.flush()
    lost = KILLED_AFTER - tracker.get_stats()["total_calls"]
    tracker.close()
    return Row("calls lost by SIGKILL", f"of {KILLED_AFTER:,}", lost, None, "calls", None, "none", lost == 0)


def _asking(bench: Bench, folder: Path, calls: int, most_ms: float) -> Iterator[Row]:
    store = store_in(bench.crowded_url, f"usage-{calls}")
    _fill(store, calls)
    tracker = UsageTracker(folder / f"ask-{calls}", memory=store, price_book=BOOK)
    assert tracker.get_stats(DAYS)["total_calls"] == calls
    client = plain_client(bench.crowded_url)
    keys = [store.keys.usage_day(date) for date in usage.dates_until(store.time_ms(), DAYS)]

    def floor() -> int:
        pipeline = client.pipeline(transaction=False)
        for key in keys:
            pipeline.hget(key, "cost")
        return sum(int(cost or 0) for cost in pipeline.execute())

    questions: dict[str, Callable[[], object]] = {
        "get_stats": lambda: tracker.get_stats(DAYS),
        "calculate_savings": lambda: tracker.calculate_savings(DAYS),
        "get_cache_stats": lambda: tracker.get_cache_stats(DAYS),
    }

    def after_a_call() -> None:
        tracker.track_llm_call(**SAID)
        tracker.get_stats(DAYS)

    questions["get_stats right after a call"] = after_a_call
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, question in questions.items():
        ours, least = medians(ASKED, question, floor)
        aim = f"under {most_ms:g} ms"
        size = f"{calls:,} calls, {DAYS} days"
        yield Row(name, size, ours * 1000, least * 1000, "ms", ours / least, aim, ours * 1000 < most_ms)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / MIB
    yield Row(
        "memory for these questions", f"{calls:,} calls", grown, None, "MiB", None, "under 1 MiB", grown < 1
    )


def _fill(store: Store, calls: int) -> None:
    """Day totals of so many calls, through the script that counts every call; 5 workflows, 3 tiers, 6 models."""
    now_ms, numbers = store.time_ms(), count()
    together = 1_000
    for _ in range(calls // together):
        number = next(numbers)
        us = (now_ms - number % DAYS * 86_400_000) * 1000
        batch = usage.CallBatch(f"{number:032x}", 0, 1)
        batch.add("", us, {name: amount * together for name, amount in _some_call(number, us).items()}, "{}")
        usage.ship(store, batch, now_ms, 90)


def _some_call(number: int, us: int) -> dict[str, int]:
    tier = ("cheap", "capable", "premium")[number % 3]
    call = Call(
        call_id=f"{number}", us=us, workflow=f"workflow-{number % 5}", stage="", tier=tier, model=f"model-{number % 6}",
        provider=("anthropic", "openai")[number % 2], agent_id="", user="", cost=10_500_000, input=1000, output=500,
        cache_read=0, cache_write=0, hit=False, cache_type="", prompt_hit=False, duration_ms=1.0,
        book=10_500_000, uncached=10_500_000, baseline=52_500_000,
    )  # fmt: skip
    return named_amounts(call.workflow, call.tier, call.provider, call.model, sums_of(call))
