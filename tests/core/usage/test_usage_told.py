"""`track_llm_call` with what a provider's answer may hold: kept with its good part, priced, and in its own day."""

import json
import math
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.usage.pricing import PriceBook
from core.usage.telling import nano_dollars
from tests.core.usage.usage_help import call, track

HOUR_IN_A_CACHE = {
    "input_tokens": 0,
    "output_tokens": 0,
    "cache_creation_input_tokens": 344_139,
    "cache_read_input_tokens": 0,
    "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 344_139},
}


@pytest.fixture
def real(make_tracker):
    """A tracker with the book as it is installed."""
    return make_tracker(price_book=PriceBook())


def told(tracker, provider: str, model: str, usage: object, **said):
    tracker.track_llm_call("review", None, "capable", model, provider, usage=usage, **said)
    return tracker.get_recent_entries(limit=1, exact=True)[0]


def test_an_unknown_cost_is_the_price_of_the_book_and_marked(real):
    tokens = {"input": 1000, "output": 500}
    real.track_llm_call(
        "review", None, "capable", "claude-sonnet-4-5", "anthropic", None, tokens, False, None, 1
    )
    [entry] = real.get_recent_entries(exact=True)
    assert (entry["cost"], entry["cost_source"], entry["incomplete"]) == (D("0.0105"), "book", None)
    assert real.get_stats(days=2, exact=True)["total_cost"] == D("0.0105")


def test_a_cache_written_for_an_hour_costs_twice_the_input(real):
    entry = told(real, "anthropic", "claude-opus-5", HOUR_IN_A_CACHE)
    assert (entry["cost"], entry["cache_write_1h_tokens"]) == (D("3.44139"), 344_139)


def test_flex_costs_half_and_the_row_says_so(real):
    usage = {
        "prompt_tokens": 2000,
        "completion_tokens": 500,
        "prompt_tokens_details": {"cached_tokens": 1000},
    }
    entry = told(real, "openai", "gpt-5-mini", {"id": "c-1", "service_tier": "flex", "usage": usage})
    assert (entry["cost"], entry["service_tier"], entry["call_id"]) == (D("0.0006375"), "flex", "c-1")


def test_thoughts_are_output(real):
    usage = {"promptTokenCount": 7477, "candidatesTokenCount": 2060, "thoughtsTokenCount": 1939}
    entry = told(real, "google", "gemini-2.5-pro", usage)
    assert (entry["cost"], entry["tokens"]["output"]) == (D("0.04933625"), 3999)


def test_a_cost_that_the_provider_tells_goes_before_the_book_and_is_marked(real):
    usage = {"prompt_tokens": 10, "completion_tokens": 1, "cost": 0.5}
    entry = told(real, "openrouter", "openai/gpt-4o", usage)
    assert (entry["cost"], entry["cost_source"]) == (D("0.5"), "provider")


def test_the_answer_may_name_the_model(real):
    answer = {"model": "gpt-4o", "usage": {"prompt_tokens": 10, "completion_tokens": 1}}
    assert told(real, "openai", None, answer)["model"] == "gpt-4o"
    with pytest.raises(TypeError, match="model"):
        told(real, "openai", None, {"prompt_tokens": 10, "completion_tokens": 1})


def test_answered_by_an_own_cache_costs_nothing_by_the_book_in_totals_and_in_its_row(
    make_tracker,
):
    real = make_tracker(price_book=PriceBook("openai=gpt-5"))
    real.track_llm_call(
        "review", None, "capable", "gpt-5", "openai", None, {"input": 1000, "output": 500}, True, "own", 1
    )
    [entry] = real.get_recent_entries(exact=True)
    assert (entry["book_cost"], entry["cost"], entry["cache"]["hit"]) == (0, 0, True)
    assert real.get_stats(days=2, exact=True)["total_cost"] == 0
    # 1,000 * 1.25 + 500 * 10 is what it would have cost.
    assert real.calculate_savings(days=2, exact=True)["cache_savings"] == D("0.00625")
    assert real.get_cache_stats(days=2, exact=True)["savings"] == 0


ODD = {
    "cost": [math.nan, math.inf, -1, 10**400, "1.5", True],
    "tokens": [
        None,
        [1],
        {},
        {"input": 1000},
        {"input": 1000, "output": -5},
        {"input": 1000.0, "output": None},
    ],
    "duration_ms": [math.nan, None, "5", 10**400],
    "prompt_cache_read_tokens": [None, -1, 0.5],
    "usage": [[], {}, "words", {"input_tokens": math.nan}, object()],
}


@pytest.mark.parametrize(
    ("argument", "value"), [(name, value) for name, values in ODD.items() for value in values]
)
def test_what_is_odd_about_numbers_never_stops_an_agent(tracker, caplog, monkeypatch, argument, value):
    for _ in range(2):
        tracker.track_llm_call(**call(**{argument: value}))
    entries = tracker.get_recent_entries(exact=True)
    assert len(entries) == 2
    assert all(entry["incomplete"] for entry in entries)
    said = [record.message for record in caplog.records if "incomplete" in record.message]
    assert len(said) == len(set(said)) >= 1
    monkeypatch.setenv("TELEMETRY_STRICT", "1")
    with pytest.raises((ValueError, TypeError)):
        tracker.track_llm_call(**call(**{argument: value}))


@given(st.floats(0, 10_000) | st.integers(0, 10**13 - 1).map(lambda half: (half + 0.5) / 1e9))
def test_a_cost_is_rounded_as_its_decimal_text_says(cost):
    exact = (D(repr(cost)) * 10**9).to_integral_value(ROUND_HALF_EVEN)
    assert nano_dollars(cost) == nano_dollars(D(repr(cost))) == exact


def test_the_good_part_of_odd_tokens_counts_and_has_its_price(tracker):
    track(tracker, cost=math.nan, tokens={"input": 1000, "output": "many", "thoughts": 5})
    [entry] = tracker.get_recent_entries(exact=True)
    assert (entry["tokens"], entry["cost"]) == ({"input": 1000, "output": 0}, D("0.003"))


def test_counts_of_any_size_are_exact(tracker):
    size = 2**53
    track(tracker, 3, tokens={"input": size, "output": 0}, cost=1)
    track(tracker, 3, tokens={"input": 1, "output": 30_000_000}, cost=1)
    stats = tracker.get_stats(days=2)
    assert (stats["total_tokens_input"], stats["total_tokens_output"]) == (3 * size + 3, 90_000_000)


def test_a_call_of_another_day_is_in_that_day_at_its_prices(real):
    now = datetime.now(UTC)
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=3)
    entry = told(real, "anthropic", "claude-opus-5", HOUR_IN_A_CACHE, at=noon)
    assert entry["ts"] == noon.isoformat()
    assert real.get_stats(days=3)["total_calls"] == 0
    assert real.get_period(noon.date(), noon.date())["total_calls"] == 1
    told(real, "anthropic", "claude-opus-5", HOUR_IN_A_CACHE, at=noon.timestamp())
    assert real.get_period(noon.date(), noon.date())["total_calls"] == 2


@pytest.mark.anywhere
@pytest.mark.parametrize("at", ["noon", datetime(2026, 11, 1), math.nan, -1.0, True, 10**12])
def test_a_moment_that_cannot_be_is_refused_by_name(tracker, at):
    with pytest.raises((ValueError, TypeError), match=r"^at "):
        track(tracker, at=at)


def test_answers_are_floats_of_the_exact_sum_and_decimals_where_wanted(tracker):
    track(tracker, 10, cost=0.1)
    stats = tracker.get_stats(days=2)
    assert stats["total_cost"] + 0.5 == 1.5
    for answer in (
        stats,
        tracker.calculate_savings(2),
        tracker.get_cache_stats(2),
        tracker.get_recent_entries(),
    ):
        json.dumps(answer)
    assert tracker.get_stats(days=2, exact=True)["total_cost"] == D(1)


def test_rows_of_one_streamed_message_are_one_call_the_fullest(tracker):
    for output in (1, 3, 427, 5):
        track(tracker, call_id="message", tokens={"input": 1000, "output": output}, cost=None)
    [entry] = tracker.get_recent_entries(exact=True)
    assert entry["tokens"]["output"] == 427
    assert tracker.get_stats(days=2)["total_calls"] == 1


def test_a_model_without_a_price_is_named_with_the_setting_that_gives_it_one(tracker):
    track(tracker, 2, provider="acme", model="house-model-7")
    [found] = tracker.calculate_savings(days=2)["unpriced"]
    assert (found["model"], found["calls"]) == ("acme/house-model-7", 2)
    assert 'TELEMETRY_PRICES=[{"model": "acme/house-model-7"' in found["why"]


@pytest.mark.anywhere
def test_a_name_of_another_type_still_raises(tracker):
    for name in ("workflow", "model", "provider", "tier", "call_id"):
        with pytest.raises(TypeError, match=name):
            track(tracker, **{name: 7})
