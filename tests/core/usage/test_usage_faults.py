"""The faults of the original, one by one: each test fails on the faulty behaviour."""

import math
import os
import signal
import subprocess
import sys
from decimal import Decimal as D
from enum import Enum
from pathlib import Path

import pytest

from tests.core.usage.usage_help import call, track
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import sys
from core.usage_tracker import UsageTracker
from tests.core.usage.usage_help import book, track
tracker = UsageTracker(sys.argv[1], memory=sys.argv[2], price_book=book())
track(tracker, int(sys.argv[3]), cost=0.001)
print("tracked", flush=True)
"""


def run(program: str, *arguments: object) -> subprocess.Popen:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_savings_ignore_tokens(tracker):
    """100 calls of a few tokens cannot have saved hundreds of dollars."""
    track(tracker, 1, model="large", tier="premium", cost=D("10.00"))
    track(tracker, 100, model="small", tier="cheap", cost=D("0.001"), tokens={"input": 100, "output": 10})
    savings = tracker.calculate_savings(days=2, exact=True)
    assert savings["actual_cost"] == D("10.1")
    # 1,000 and 500 tokens at the premium model, and 100 times 100 and 10 tokens
    assert savings["baseline_cost"] == D("0.0525") + 100 * D("0.00225")
    assert savings["savings"] == savings["baseline_cost"] - D("10.1")
    assert savings["savings"] < 0


def test_with_no_premium_call_a_baseline_is_invented(make_tracker):
    from tests.core.usage.usage_help import book

    tracker = make_tracker(price_book=book(premium=""))
    track(tracker, 5, model="small", tier="cheap", cost=D("0.5"))
    savings = tracker.calculate_savings(days=2, exact=True)
    assert savings["no_baseline_calls"] == 5
    assert savings["baseline_cost"] == savings["actual_cost"] == D("2.5")
    assert (savings["savings"], savings["savings_percent"]) == (0, 0.0)


def test_the_enums_own_premium_is_not_recognised(tracker):
    class Tier(str, Enum):  # noqa: UP042  as the contract's own
        PREMIUM = "premium"

    for tier in (Tier.PREMIUM, "premium", "PREMIUM", "Premium"):
        track(tracker, tier=tier, cost=1)
    assert tracker.get_stats(days=2, exact=True)["by_tier"] == {"premium": D(4)}
    assert tracker.calculate_savings(days=2, exact=True)["tier_distribution"] == {"premium": 100.0}


def test_other_processes_calls_are_never_seen(tracker, url, tmp_path):
    track(tracker, 2)
    processes = [run(PROGRAM, tmp_path / "usage", url, 3), run(PROGRAM, tmp_path / "elsewhere", url, 4)]
    for process in processes:
        process.communicate(timeout=60)
    wait_until(lambda: tracker.get_stats(days=2)["total_calls"] == 9, "all three processes are in the total")


def test_sigkill_loses_49_calls(make_tracker, server, tmp_path):
    """Killed right after its 49th call, before any batch is full."""
    program = PROGRAM + "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    server.stop()
    process = run(program, tmp_path / "usage", server.url, 49)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    server.start()
    tracker = make_tracker(memory=server.url)
    assert tracker.flush() == 49
    stats = tracker.get_stats(days=2, exact=True)
    assert (stats["total_calls"], stats["total_cost"]) == (49, D("0.049"))
    assert not list((tmp_path / "usage").rglob("*.calls"))


def test_the_same_call_twice_is_billed_twice(tracker, make_tracker):
    track(tracker, 3, call_id="answer-7", cost=2)
    tracker.flush()
    other = make_tracker()
    track(other, 2, call_id="answer-7", cost=2)
    track(other, 1, call_id="answer-8", cost=2)
    assert other.flush() == 1
    stats = tracker.get_stats(days=2, exact=True)
    assert (stats["total_calls"], stats["total_cost"]) == (2, D(4))


@pytest.mark.parametrize("cost", [math.nan, math.inf, -math.inf, -1, 1e308, "1,5", "1.5", True, D("NaN")])
def test_one_nan_poisons_the_total(tracker, monkeypatch, cost):
    monkeypatch.setenv("TELEMETRY_STRICT", "1")
    track(tracker, cost=1)
    with pytest.raises(ValueError, match="cost"):
        tracker.track_llm_call(**call(cost=cost))
    stats = tracker.get_stats(days=2, exact=True)
    assert (stats["total_calls"], stats["total_cost"]) == (1, D(1))


def test_cache_savings_ignore_the_price_of_writes(tracker):
    """Written once and never read: caching cost money."""
    track(tracker, prompt_cache_creation_tokens=1_000_000)
    assert tracker.get_cache_stats(days=2, exact=True)["savings"] == D("-0.75")
    assert tracker.calculate_savings(days=2, exact=True)["cache_savings"] == D("-0.75")
    track(tracker, prompt_cache_read_tokens=1_000_000, prompt_cache_hit=True)
    stats = tracker.get_cache_stats(days=2, exact=True)
    assert stats["savings"] == D("2.7") - D("0.75")
    assert (stats["total_reads"], stats["total_writes"]) == (1_000_000, 1_000_000)
    assert (stats["hit_count"], stats["total_requests"], stats["hit_rate"]) == (1, 2, 0.5)


def test_a_process_that_is_killed_while_it_tracks_loses_nothing_that_was_tracked(tracker, url, tmp_path):
    """What the killed process had counted after each call is in the total, and at most the call in the middle."""
    program = """
import os, sys
from core.usage_tracker import UsageTracker
from tests.core.usage.usage_help import book, call
tracker = UsageTracker(sys.argv[1], memory=sys.argv[2], price_book=book())
arguments = call(cost=0.001)
while True:
    tracker.track_llm_call(**arguments)
    os.write(1, b".")
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "usage"), url], cwd=ROOT, stdout=subprocess.PIPE
    )
    counted = len(process.stdout.read(5_000))
    os.kill(process.pid, signal.SIGKILL)
    counted += len(process.stdout.read())
    process.wait(30)
    tracker.flush()
    assert counted <= tracker.get_stats(days=2, exact=True)["total_calls"] <= counted + 1
