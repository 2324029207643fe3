"""UsageTracker as promised: keys and units, days, newest first, privacy, and bad input refused by name."""

import inspect
import json
import os
import re
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime
from decimal import Decimal as D
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import HistoryUnavailable, StoreUnavailable, UsageTracker
from core.store import usage
from core.store.client import open_store
from core.usage import history as usage_history
from tests.core.usage.usage_help import book, call, track
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = (ROOT / "docs/agents/usage.md").read_text()
GIVES = re.compile(r"^(tracker\.get.*?)  # ([^,\n]*).*$", re.MULTILINE)


@pytest.mark.long
def test_the_lines_of_the_document_give_what_it_says(url, tmp_path):
    first, second = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    kept = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "REDIS_URL": url}
    done = subprocess.run(
        [sys.executable, "-c", GIVES.sub(r"print(\1)", first + second)],
        env={**kept, "TELEMETRY_DATA_DIR": str(tmp_path)}, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == [said for _call, said in GIVES.findall(first + second)]


def test_the_signatures_that_others_port_to():
    def said(function, count):
        parameters = list(inspect.signature(function).parameters.values())[1 : count + 1]
        return ", ".join(p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in parameters)

    assert said(UsageTracker.__init__, 4) == (
        "telemetry_dir=None, retention_days=90, max_file_size_mb=10, buffer_size=50"
    )
    assert said(UsageTracker.track_llm_call, 16) == (
        "workflow, stage, tier, model, provider, cost=None, tokens=None, cache_hit=False, cache_type=None, "
        "duration_ms=0, "
        "user_id=None, prompt_cache_hit=False, prompt_cache_creation_tokens=0, "
        "prompt_cache_read_tokens=0, call_id=None, agent_id=None"
    )


def test_stats_have_the_promised_keys_and_units(tracker):
    track(tracker, 3, tier="CHEAP", workflow="a:*", cost=0.1)
    track(
        tracker, 1, tier="premium", provider="beta", model="grand", cache_hit=True, cache_type="hash", cost=0
    )
    stats = tracker.get_stats(days=2, exact=True)
    assert stats["total_calls"] == 4
    assert stats["total_cost"] == D("0.3")
    assert (stats["total_tokens_input"], stats["total_tokens_output"]) == (4000, 2000)
    assert (stats["cache_hits"], stats["cache_misses"], stats["cache_hit_rate"]) == (1, 3, 25.0)
    assert stats["by_tier"] == {"cheap": D("0.3"), "premium": 0}
    assert stats["by_workflow"] == {"a:*": D("0.3"), "review": 0}
    assert stats["by_provider"] == {"acme": D("0.3"), "beta": 0}
    distribution = tracker.calculate_savings(days=2, exact=True)["tier_distribution"]
    assert distribution == {"cheap": 75.0, "premium": 25.0}


def test_a_provider_is_one_however_it_is_written(tracker):
    for provider in ("acme", "ACME", "Acme"):
        track(tracker, provider=provider, cost=1)
    stats = tracker.get_stats(days=2, exact=True)
    assert stats["by_provider"] == {"acme": D(3)}
    assert stats["by_model"] == {"acme/middle": D(3)}
    assert {entry["provider"] for entry in tracker.get_recent_entries(exact=True)} == {"acme"}
    assert tracker.calculate_savings(days=2, exact=True)["no_baseline_calls"] == 0


def test_nothing_tracked_is_zero_everywhere(tracker):
    assert tracker.get_stats(exact=True)["total_calls"] == 0
    assert tracker.get_stats(exact=True)["cache_hit_rate"] == 0.0
    savings = tracker.calculate_savings(exact=True)
    assert (savings["savings"], savings["savings_percent"], savings["tier_distribution"]) == (0, 0.0, {})
    assert tracker.get_cache_stats(exact=True)["hit_rate"] == 0.0
    assert tracker.get_recent_entries(exact=True) == []
    assert tracker.flush() == 0


def test_cache_stats_by_workflow(tracker):
    track(tracker, 1, workflow="a", prompt_cache_read_tokens=1000)
    track(tracker, 3, workflow="a")
    track(tracker, 1, workflow="b", prompt_cache_creation_tokens=1000)
    stats = tracker.get_cache_stats(days=2, exact=True)
    assert stats["hit_rate"] == 0.2
    assert stats["by_workflow"]["a"] == {
        "hit_rate": 0.25, "hit_count": 1, "total_requests": 4, "savings": D("0.0027"),
    }  # fmt: skip
    assert stats["by_workflow"]["b"]["savings"] == D("-0.00075")


def test_recent_entries_are_the_newest_first_and_complete(tracker):
    for number in range(30):
        track(tracker, 1, stage=f"stage {number}", agent_id="worker", user_id="ann@example.org")
    entries = tracker.get_recent_entries(exact=True)
    assert [entry["stage"] for entry in entries] == [f"stage {number}" for number in range(29, 9, -1)]
    newest = entries[0]
    assert newest["cost"] == D("0.0105")
    assert newest["tokens"] == {"input": 1000, "output": 500}
    assert (newest["agent_id"], newest["tier"], newest["cache"]["type"]) == ("worker", "capable", None)
    assert newest["baseline_cost"] == D("0.0525")
    assert datetime.fromisoformat(newest["ts"]).tzinfo is not None
    assert len(tracker.get_recent_entries(limit=100, days=1, exact=True)) in (0, 30)  # 0 just after midnight
    assert tracker.get_recent_entries(limit=0, exact=True) == []


def test_cached_tokens_inside_or_beside_the_input(tracker, monkeypatch):
    monkeypatch.setenv("TELEMETRY_STRICT", "1")
    track(tracker, 1, prompt_cache_read_tokens=400)
    track(
        tracker,
        1,
        tokens={"input": 1400, "output": 500},
        prompt_cache_read_tokens=400,
        cached_tokens_in_input=True,
    )
    first, second = tracker.get_recent_entries(exact=True)
    assert first["tokens"] == second["tokens"] == {"input": 1000, "output": 500}
    assert first["book_cost"] == second["book_cost"]
    with pytest.raises(ValueError, match="input"):
        track(tracker, 1, prompt_cache_read_tokens=1001, cached_tokens_in_input=True)


def test_a_float_cost_means_what_it_says(tracker):
    track(tracker, 10, cost=0.1)
    track(tracker, 1, cost=1e-9)
    track(tracker, 1, cost=3)
    assert tracker.get_stats(days=2, exact=True)["total_cost"] == D("4.000000001")


def day_before(days: int) -> int:
    """Noon of a UTC day, in microseconds."""
    today = int(time.time()) // 86_400
    return ((today - days) * 86_400 + 43_200) * 1_000_000


def count_on(url: str, us: int, cost: int) -> None:
    """Count a call of another day, through the script that counts all."""
    store = open_store(url)
    batch = usage.CallBatch(f"{us:032d}", 0, 1)
    batch.add("", us, {"calls": 1, "cost": cost}, "{}")
    usage.ship(store, batch, store.time_ms(), 90)


def test_totals_cover_whole_utc_days(tracker, url):
    for days in range(10):
        count_on(url, day_before(days), 10**days)
    assert tracker.get_stats(days=1, exact=True)["total_cost"] == D("0.000000001")
    assert tracker.get_stats(days=3, exact=True)["total_cost"] == D("0.000000111")
    assert tracker.get_stats(days=30, exact=True)["total_calls"] == 10


def lifetime(raw, date: str) -> float:
    """Days for which the totals of a day are still kept."""
    return raw.pttl("{telemetry}:usage:day:" + date) / 86_400_000


def test_the_longest_retention_holds_and_a_late_call_deletes_nothing(make_tracker, raw, monkeypatch):
    month, day = make_tracker(retention_days=30), make_tracker(retention_days=1)
    for tracker in (month, day):
        tracker._shipper.notice = lambda: None
    date = usage.date_of(day_before(5))
    monkeypatch.setattr(time, "time_ns", lambda: day_before(5) * 1000)
    for count, tracker in ((10, month), (1, day), (1, month), (1, day)):
        track(tracker, count)
        tracker.flush()
        assert 24 < lifetime(raw, date) <= 26
    assert raw.hget("{telemetry}:usage:day:" + date, "calls") == b"13"


def test_a_longer_retention_lengthens_what_a_shorter_one_began(make_tracker, raw, monkeypatch):
    day, month = make_tracker(retention_days=1), make_tracker(retention_days=30)
    monkeypatch.setattr(time, "time_ns", lambda: day_before(5) * 1000)
    date = usage.date_of(day_before(5))
    for tracker, least, most in ((day, 0.9, 1), (month, 24, 26)):
        track(tracker)
        tracker.flush()
        assert least < lifetime(raw, date) <= most
    raw.persist("{telemetry}:usage:day:" + date)
    track(day)
    day.flush()
    assert 0 < lifetime(raw, date) <= 1


def test_a_clock_that_runs_ahead_counts_today(tracker, monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: 4_000_000_000 * 10**9)
    track(tracker)
    assert tracker.get_stats(days=2, exact=True)["total_calls"] == 1
    assert datetime.fromisoformat(tracker.get_recent_entries(exact=True)[0]["ts"]) <= datetime.now(UTC)


def test_calls_are_shipped_by_themselves(tracker, make_tracker):
    track(tracker, 3)
    other = make_tracker()
    wait_until(
        lambda: other.get_stats(days=2, exact=True)["total_calls"] == 3, "the background has shipped", 20
    )


@pytest.mark.anywhere
def test_one_instance_for_a_process(url, tmp_path, monkeypatch):
    monkeypatch.setattr(UsageTracker, "_instance", None)
    first = UsageTracker.get_instance(telemetry_dir=tmp_path, memory=url, price_book=book())
    assert UsageTracker.get_instance(telemetry_dir="elsewhere") is first


def test_every_call_is_an_event(tracker, raw):
    track(tracker, 3, workflow="nightly")
    tracker.flush()
    events = raw.xrange("{telemetry}:events:stream:llm_call")
    assert len(events) == 3
    fields = events[0][1]
    assert (fields[b"event_type"], fields[b"source"]) == (b"llm_call", b"core")
    assert json.loads(fields[b"data"])["workflow"] == "nightly"


def test_reading_says_when_redis_is_away(make_tracker):
    tracker = make_tracker(memory="redis://127.0.0.1:1")
    track(tracker)
    assert tracker.flush() == 0
    for question in (tracker.get_stats, tracker.calculate_savings, tracker.get_cache_stats):
        with pytest.raises(StoreUnavailable):
            question()


@pytest.mark.anywhere
def test_without_the_project_history_names_the_command(tracker, monkeypatch):
    monkeypatch.setattr(usage_history, "_registered", [])
    with pytest.raises(HistoryUnavailable, match=r"`python manage\.py telemetry export`"):
        tracker.export_to_dict(exact=True)
    with pytest.raises(HistoryUnavailable, match=r"`python manage\.py telemetry reset --confirm`"):
        tracker.reset()


def test_flush_counts_also_what_the_background_shipped(tracker, make_tracker):
    track(tracker, 60)
    other = make_tracker()
    wait_until(
        lambda: other.get_stats(days=2, exact=True)["total_calls"] == 60, "the background has shipped", 20
    )
    assert tracker.flush() == 60
    assert tracker.flush() == 0


# Bad input

BAD = {
    "workflow": ["", "a\nb", "x" * 256, "\ud800", None, 7, ["a"]],
    "stage": ["a\0", 7],
    "tier": ["", None, 3, "\u0130" * 128],
    "model": ["", None],
    "provider": ["", "\r", "\u0130" * 128],  # two characters each in lower case
    "tokens": [
        None,
        [1, 2],
        {"input": -1, "output": 0},
        {"input": 1.5, "output": 0},
        {"input": 0, "output": True},
        {"input": 0, "output": 2**53 + 1},
        {"input": "5", "output": 0},
        {},
        {"input": 5},
        {"output": 5},
        {"prompt": 5, "completion": 3},
        {"input_tokens": 5, "output_tokens": 3},
        {"input": 5, "output": 3, "cached": 900},
    ],
    "cache_hit": ["false", 1, None],
    "cache_type": ["\n", 1.0],
    "duration_ms": [float("nan"), float("-inf"), 10**11, -(10**11), "5", None, True],
    "user_id": ["x" * 256, "\ud800", 5],
    "prompt_cache_hit": ["yes", 0],
    "prompt_cache_creation_tokens": [-1, None, 0.5],
    "prompt_cache_read_tokens": [-1, 2**53 + 1],
    "call_id": ["", "a\nb", 9, "x" * 256],
    "agent_id": ["\x7f", 5],
    "cached_tokens_in_input": ["no"],
}


@pytest.mark.parametrize(
    ("argument", "value"), [(name, value) for name, values in BAD.items() for value in values]
)
def test_bad_input_is_refused_by_name_and_changes_nothing(tracker, monkeypatch, argument, value):
    monkeypatch.setenv("TELEMETRY_STRICT", "1")
    track(tracker)
    with pytest.raises((ValueError, TypeError), match=argument):
        tracker.track_llm_call(**call(**{argument: value}))
    assert tracker.get_stats(days=2, exact=True)["total_calls"] == 1


@pytest.mark.parametrize(
    "options",
    [
        {"retention_days": 0},
        {"retention_days": 1.5},
        {"max_file_size_mb": 0},
        {"buffer_size": 0},
        {"buffer_size": True},
    ],
)
def test_bad_options_are_refused_by_name(make_tracker, options):
    with pytest.raises(ValueError, match=next(iter(options))):
        make_tracker(**options)


@pytest.mark.anywhere
@pytest.mark.parametrize("days", [0, -1, 1.5, True, 10**6])
def test_bad_days_are_refused(tracker, days):
    with pytest.raises(ValueError, match="days"):
        tracker.get_stats(days=days, exact=True)


@pytest.mark.anywhere
def test_misnamed_tokens_are_told_what_they_are_called(tracker, monkeypatch):
    monkeypatch.setenv("TELEMETRY_STRICT", "1")
    with pytest.raises(ValueError, match=r"tokens must be a dict with the keys 'input' and 'output'"):
        track(tracker, tokens={"prompt": 5, "completion": 3})


@pytest.mark.parametrize("duration", [-1, -0.25, -3_600_000])
def test_a_clock_that_was_set_back_during_a_call_is_a_duration_of_0(tracker, duration):
    track(tracker, duration_ms=duration)
    [entry] = tracker.get_recent_entries(exact=True)
    assert (entry["duration_ms"], entry["cost"]) == (0, D("0.0105"))


names = st.text(st.characters(blacklist_categories=("Cc", "Cs")), min_size=1, max_size=255)
amounts = st.one_of(st.floats(0, 10_000), st.integers(0, 10_000), st.decimals(0, 10_000, places=9))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(workflow=names, model=names, call_id=names, cost=amounts, asked=st.integers(0, 10_000_000))
def test_whatever_is_accepted_comes_back_as_it_was_told(
    url, raw, tmp_path, workflow, model, call_id, cost, asked
):
    raw.flushall()
    tracker = UsageTracker(tmp_path / uuid.uuid4().hex, memory=url, price_book=book())
    told = call(workflow=workflow, model=model, call_id=call_id, cost=cost)
    tracker.track_llm_call(**{**told, "tokens": {"input": asked, "output": 0}})
    [entry] = tracker.get_recent_entries(exact=True)
    exact = D(repr(cost)) if isinstance(cost, float) else D(cost)
    assert (entry["workflow"], entry["model"], entry["call_id"]) == (workflow, model, call_id)
    assert entry["tokens"]["input"] == asked
    assert abs(entry["cost"] - exact) <= D("0.0000000005")
    assert tracker.get_stats(days=2, exact=True)["by_workflow"] == {workflow: entry["cost"]}
    tracker.close()
