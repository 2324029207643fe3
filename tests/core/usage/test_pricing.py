"""The price book: dates, tiers, cache prices, own prices, premium models, and what is not in it."""

import json
from datetime import UTC, datetime
from decimal import Decimal as D

import pytest

from core.usage.pricing import PriceBook, parse_own_prices, parse_premium_models
from core.usage.quantities import Quantities as Tokens
from core.usage.valuation import value

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DOLLAR = 10**9


def prices(provider, model, tokens, at=NOW, premium="", own=()):
    book = PriceBook(premium, json.dumps(list(own)) if own else "")
    return value(book, provider, model, tokens, at).prices


def test_the_book_of_the_package_prices_input_output_and_cache():
    found = prices("anthropic", "claude-sonnet-4-5", Tokens(1000, 500, 20_000, 2000))
    assert found.book == int(D("0.024") * DOLLAR)
    assert found.uncached == int(D("0.0765") * DOLLAR)
    assert found.baseline is None


def test_a_price_that_depends_on_the_size_of_the_prompt_counts_cached_tokens_in():
    small = prices("anthropic", "claude-sonnet-4-5", Tokens(1000, 0, 199_000))
    large = prices("anthropic", "claude-sonnet-4-5", Tokens(1001, 0, 199_000))
    assert small.book == int((D("0.003") + D("0.0597")) * DOLLAR)
    assert large.book == int((D("0.006006") + D("0.1194")) * DOLLAR)


def test_the_book_is_dated():
    night = datetime(2026, 3, 1, 20, tzinfo=UTC)
    tokens = Tokens(1_000_000, 0)
    assert prices("deepseek", "deepseek-chat", tokens, NOW).book == int(D("0.27") * DOLLAR)
    assert prices("deepseek", "deepseek-chat", tokens, night).book == int(D("0.135") * DOLLAR)


def test_where_caching_has_no_price_of_its_own_it_costs_what_input_costs():
    assert prices("openai", "gpt-4o", Tokens(0, 0, 0, 1_000_000)).book == int(D("2.5") * DOLLAR)
    assert prices("openai", "gpt-4o", Tokens(0, 0, 1_000_000)).book == int(D("1.25") * DOLLAR)


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("acme", "gpt-4o"),
        ("openai", "not-a-model-at-all"),
        ("", "gpt-4o"),
        ("anthropic", "gpt-4o"),
        ("*", "*"),
    ],
)
def test_what_the_book_does_not_know_is_unpriced_never_guessed(provider, model):
    assert prices(provider, model, Tokens(1000, 500), premium="acme=gpt-4o") == (None, None, None)


def test_own_prices_go_before_the_book_and_have_dates():
    own = [
        {"model": "openai/gpt-4o", "input": "1", "output": 2},
        {"model": "OpenAI/GPT-4o", "input": 0.1, "output": "0.2", "since": "2026-03-01"},
        {"model": "openai/ours/tuned", "input": 4, "output": 8, "cache_read": "0.5", "cache_write": 5},
    ]
    tokens = Tokens(1_000_000, 0)
    before = datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC)
    assert prices("openai", "gpt-4o", tokens, before, own=own).book == DOLLAR
    assert prices("openai", "gpt-4o", tokens, NOW, own=own).book == DOLLAR // 10
    tuned = prices("openai", "ours/tuned", Tokens(0, 0, 1_000_000, 1_000_000), own=own)
    assert tuned.book == int(D("5.5") * DOLLAR)


def test_a_premium_model_holds_from_its_day_on():
    premium = "openai=gpt-4o, openai=o1@2026-03-01 ,anthropic=claude-opus-4-1"
    tokens = Tokens(1_000_000, 0)
    before = datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC)
    assert prices("openai", "gpt-4o-mini", tokens, before, premium).baseline == int(D("2.5") * DOLLAR)
    assert prices("openai", "gpt-4o-mini", tokens, NOW, premium).baseline == 15 * DOLLAR
    assert prices("OpenAI", "gpt-4o-mini", tokens, NOW, premium).baseline == 15 * DOLLAR
    assert prices("mistral", "mistral-large", tokens, NOW, premium).baseline is None
    assert prices("openai", "gpt-4o-mini", tokens, before, "openai=o1@2026-03-01").baseline is None


@pytest.mark.parametrize("said", ["google", "gemini", "Google", "vertex-ai"])
@pytest.mark.parametrize("provider", ["google", "gemini", "GEMINI", "google-vertex"])
def test_premium_models_know_the_names_of_a_provider_that_the_book_knows(provider, said):
    found = prices(provider, "gemini-2.5-flash", Tokens(1_000_000, 0), premium=f"{said}=gemini-2.5-pro")
    assert found.book == int(D("0.3") * DOLLAR)
    assert found.baseline == int(D("2.5") * DOLLAR)  # more than 200,000 tokens


def test_the_very_name_of_a_provider_goes_before_its_other_names():
    premium = "google=gemini-2.5-pro,gemini=gemini-2.5-flash,gemini=gemini-2.5-pro@2026-03-02"
    assert (
        prices("gemini", "gemini-2.5-flash", Tokens(1_000_000, 0), premium=premium).baseline
        == 3 * DOLLAR // 10
    )
    assert (
        prices("vertex", "gemini-2.5-flash", Tokens(1_000_000, 0), premium=premium).baseline
        == 5 * DOLLAR // 2
    )


def test_own_prices_know_the_names_of_a_provider_too_and_its_very_name_goes_first():
    own = [
        {"model": "google/gemini-2.5-flash", "input": 7, "output": 7},
        {"model": "ours/tuned", "input": 4, "output": 4},
    ]
    tokens = Tokens(1_000_000, 0)
    assert prices("gemini", "Gemini-2.5-Flash", tokens, own=own).book == 7 * DOLLAR
    own.append({"model": "gemini/gemini-2.5-flash", "input": 8, "output": 8})
    assert prices("gemini", "gemini-2.5-flash", tokens, own=own).book == 8 * DOLLAR
    assert prices("OURS", "tuned", tokens, own=own, premium="ours=tuned").baseline == 4 * DOLLAR
    assert prices("theirs", "tuned", tokens, own=own).book is None


def test_a_premium_model_may_have_an_at_sign_in_its_name():
    assert parse_premium_models("google=claude@latest@2026-01-01")["google"][0] == (
        "2026-01-01",
        "claude@latest",
    )


def test_a_premium_model_that_no_book_knows_is_said_once_and_gives_no_baseline(caplog):
    book = PriceBook("openai=vanished")
    for _ in range(3):
        assert value(book, "openai", "gpt-4o", Tokens(1, 1), NOW).prices.baseline is None
    assert caplog.text.count("vanished") == 1


def test_a_baseline_has_no_cache():
    found = prices(
        "anthropic", "claude-opus-4-1", Tokens(0, 0, 1_000_000), premium="anthropic=claude-opus-4-1"
    )
    assert (found.baseline, found.book) == (15 * DOLLAR, int(D("1.5") * DOLLAR))


@pytest.mark.parametrize(
    "text",
    [
        "claude-opus",
        "=x",
        "a=",
        "a=b@",
        "a=b@soon",
        "a=b@2026-13-01",
        "a=b@2026-1-1",
        "a=b,a=c",
        "a=b@2026-01-01,A=c@2026-01-01",
    ],
)
def test_unclear_premium_models_are_refused(text):
    with pytest.raises(ValueError, match=r"TELEMETRY_PREMIUM_MODELS|two entries"):
        parse_premium_models(text)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[1]",
        "not json",
        '[{"input": 1, "output": 2}]',
        '[{"model": "no slash", "input": 1, "output": 2}]',
        '[{"model": "a/b", "input": 1}]',
        '[{"model": "a/b", "input": -1, "output": 2}]',
        '[{"model": "a/b", "input": "x", "output": 2}]',
        '[{"model": "a/b", "input": NaN, "output": 2}]',
        '[{"model": "a/b", "input": 1001, "output": 2}]',
        '[{"model": "a/b", "input": null, "output": 2}]',
        '[{"model": "a/b", "input": 1, "output": 2, "reasoning": 3}]',
        '[{"model": "a/b", "input": 1, "output": 2, "since": "May"}]',
        '[{"model": "a/b", "input": 1, "output": 2}, {"model": "A/b", "input": 1, "output": 2}]',
    ],
)
def test_unclear_own_prices_are_refused(text):
    with pytest.raises(ValueError, match=r"TELEMETRY_PRICES|two entries"):
        parse_own_prices(text)


def test_nothing_set_is_fine():
    assert parse_premium_models(" , ") == {}
    assert parse_own_prices(" ") == {}
