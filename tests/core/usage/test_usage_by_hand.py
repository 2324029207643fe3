"""Savings at the real prices of 1 March 2026, worked out by hand: every amount is a literal, in cents.

The prices that day, in cents for a thousand tokens: input, output, read from the cache, written to it.

    claude-opus-4-1     1.5    7.5   0.15    1.875       premium of anthropic
    claude-sonnet-4-5   0.3    1.5   0.03    0.375       over 200,000 tokens of input: 0.6  2.25  0.06  0.75
    claude-haiku-4-5    0.1    0.5   0.01    0.125
    o1                  1.5    6     0.75    as input    premium of openai
    gpt-4               3      6     -       -
    gpt-4o              0.25   1     0.125   as input
    gpt-4o-mini         0.015  0.06  0.0075  as input
    gpt-5               0.125  1     0.0125  as input
    gemini-2.5-pro      0.125  1     0.0125  as input    premium of google; over 200,000: 0.25  1.5  0.025
    gemini-2.5-flash    0.03   0.25  0.003   as input
    mistral-large       0.2    0.6   -       -           premium of mistral
    mistral-small       0.01   0.03  -       -
    deepseek-chat       0.027  0.11  0.007   as input    at noon; deepseek has no premium model here
"""

import time
from datetime import UTC, date, datetime
from decimal import Decimal as D
from typing import Any, NamedTuple

import pytest

from core.usage.pricing import PriceBook
from tests.core.usage.usage_help import track

DAY = date(2026, 3, 1)
NOON = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()) * 10**9
PREMIUM = "anthropic=claude-opus-4-1,openai=o1,google=gemini-2.5-pro,mistral=mistral-large-latest"
OPUS, SONNET, HAIKU = "claude-opus-4-1", "claude-sonnet-4-5", "claude-haiku-4-5"
INSIDE = {"cached_tokens_in_input": True}  # as OpenTelemetry counts
OWN_CACHE = {"cache_hit": True}


class Case(NamedTuple):
    provider: str
    model: str
    input: int
    output: int
    read: int
    written: int
    cost: str  # dollars
    cents: tuple[str, str, str, str, str]  # baseline, routing, caching, difference, actual
    more: dict[str, Any] = {}


CASES = {
    # 10*1.5 + 2*7.5 = 30, and 10*0.3 + 2*1.5 = 6
    "plain": Case("anthropic", SONNET, 10_000, 2_000, 0, 0, "0.06", ("30", "24", "0", "0", "6")),
    # 50*1.5 + 4*7.5 = 105, and 50*0.1 + 4*0.5 = 7
    "small model": Case("anthropic", HAIKU, 50_000, 4_000, 0, 0, "0.07", ("105", "98", "0", "0", "7")),
    # 4*1.5 + 1*7.5 = 13.5
    "premium itself": Case("anthropic", OPUS, 4_000, 1_000, 0, 0, "0.135", ("13.5", "0", "0", "0", "13.5")),
    # 1*0.0015 for a token, and 0.0001
    "one token": Case("anthropic", HAIKU, 1, 0, 0, 0, "0.000001", ("0.0015", "0.0014", "0", "0", "0.0001")),
    "nothing": Case("anthropic", SONNET, 0, 0, 0, 0, "0", ("0", "0", "0", "0", "0")),
    # 41*1.5 + 7.5 = 69; 41*0.3 + 1.5 = 13.8; 1*0.3 + 40*0.03 + 1.5 = 3
    "cache read": Case(
        "anthropic", SONNET, 1_000, 1_000, 40_000, 0, "0.03", ("69", "55.2", "10.8", "0", "3")
    ),
    # 69; 13.8; 1*0.3 + 40*0.375 + 1.5 = 16.8: written and never read, 3 cents lost
    "cache written": Case(
        "anthropic", SONNET, 1_000, 1_000, 0, 40_000, "0.168", ("69", "55.2", "-3", "0", "16.8")
    ),
    # 10*1.5 + 2*7.5 = 30; 10*1.875 + 15 = 33.75: dearer than its baseline
    "negative saving": Case(
        "anthropic", OPUS, 0, 2_000, 0, 10_000, "0.3375", ("30", "0", "-3.75", "0", "33.75")
    ),
    # 102*1.5 + 7.5 = 160.5; 2*1.5 + 100*0.15 + 7.5 = 25.5
    "premium with a cache": Case(
        "anthropic", OPUS, 2_000, 1_000, 100_000, 0, "0.255", ("160.5", "0", "135", "0", "25.5")
    ),
    # 31*1.5 + 2*7.5 = 61.5; 31*0.1 + 2*0.5 = 4.1; 3*0.1 + 20*0.01 + 8*0.125 + 1 = 2.5
    "read and written": Case(
        "anthropic", HAIKU, 3_000, 2_000, 20_000, 8_000, "0.025", ("61.5", "57.4", "1.6", "0", "2.5")
    ),
    # 250*1.5 + 10*7.5 = 450; 250*0.6 + 10*2.25 = 172.5
    "long prompt": Case(
        "anthropic", SONNET, 250_000, 10_000, 0, 0, "1.725", ("450", "277.5", "0", "0", "172.5")
    ),
    # 201*1.5 + 7.5 = 309; 201*0.6 + 2.25 = 122.85; 1*0.6 + 200*0.06 + 2.25 = 14.85
    "long with its cache": Case(
        "anthropic", SONNET, 1_000, 1_000, 200_000, 0, "0.1485", ("309", "186.15", "108", "0", "14.85")
    ),
    # 200*1.5 + 7.5 = 307.5; 200*0.3 + 1.5 = 61.5; 1*0.3 + 199*0.03 + 1.5 = 7.77
    "just not long": Case(
        "anthropic", SONNET, 1_000, 1_000, 199_000, 0, "0.0777", ("307.5", "246", "53.73", "0", "7.77")
    ),
    # "cache read" as OpenTelemetry tells it: 41,000 with the 40,000
    "cached inside": Case(
        "anthropic", SONNET, 41_000, 1_000, 40_000, 0, "0.03", ("69", "55.2", "10.8", "0", "3"), INSIDE
    ),
    # the same numbers as Anthropic tells them: 81 thousand tokens.
    # 81*1.5 + 7.5 = 129; 81*0.3 + 1.5 = 25.8; 41*0.3 + 40*0.03 + 1.5 = 15
    "cached beside": Case(
        "anthropic", SONNET, 41_000, 1_000, 40_000, 0, "0.15", ("129", "103.2", "10.8", "0", "15")
    ),
    # "read and written" as OpenTelemetry tells it: 3 + 20 + 8
    "both inside": Case(
        "anthropic", HAIKU, 31_000, 2_000, 20_000, 8_000, "0.025", ("61.5", "57.4", "1.6", "0", "2.5"), INSIDE
    ),
    # 20*1.5 + 6 = 36; 20*0.25 + 1 = 6
    "openai": Case("openai", "gpt-4o", 20_000, 1_000, 0, 0, "0.06", ("36", "30", "0", "0", "6")),
    # 36; 6; 4*0.25 + 16*0.125 + 1 = 4
    "openai cached inside": Case(
        "openai", "gpt-4o", 20_000, 1_000, 16_000, 0, "0.04", ("36", "30", "2", "0", "4"), INSIDE
    ),
    # 10*1.5 + 6 = 21; 10*0.25 + 1 = 3.5, and as much with a write that has no price of its own
    "write without a price": Case(
        "openai", "gpt-4o", 0, 1_000, 0, 10_000, "0.035", ("21", "17.5", "0", "0", "3.5")
    ),
    # 100*1.5 + 10*6 = 210; 100*0.015 + 10*0.06 = 2.1
    "mini": Case("openai", "gpt-4o-mini", 100_000, 10_000, 0, 0, "0.021", ("210", "207.9", "0", "0", "2.1")),
    # 8*1.5 + 2*6 = 24; 8*0.125 + 2*1 = 3; 2 were paid
    "discount": Case("openai", "gpt-5", 8_000, 2_000, 0, 0, "0.02", ("24", "21", "0", "-1", "2")),
    # 1.5 + 6 = 7.5; 0.25 + 1 = 1.25; 10 were paid: 2.5 lost
    "overpaid": Case("openai", "gpt-4o", 1_000, 1_000, 0, 0, "0.10", ("7.5", "6.25", "0", "8.75", "10")),
    # 10*1.5 + 6 = 21; 10*3 + 6 = 36: dearer than the premium model
    "routed up": Case("openai", "gpt-4", 10_000, 1_000, 0, 0, "0.36", ("21", "-15", "0", "0", "36")),
    # 100*0.125 + 10*1 = 22.5; 100*0.03 + 10*0.25 = 5.5
    "google": Case("google", "gemini-2.5-flash", 100_000, 10_000, 0, 0, "0.055", ("22.5", "17", "0", "0", "5.5")),
    "gemini": Case("gemini", "gemini-2.5-flash", 100_000, 10_000, 0, 0, "0.055", ("22.5", "17", "0", "0", "5.5")),
    # 300*0.25 + 10*1.5 = 90; 300*0.03 + 10*0.25 = 11.5
    "long baseline": Case(
        "google", "gemini-2.5-flash", 300_000, 10_000, 0, 0, "0.115", ("90", "78.5", "0", "0", "11.5")
    ),
    # 100*0.125 + 5*1 = 17.5; 10*0.125 + 90*0.0125 + 5 = 7.375
    "google cached": Case(
        "google", "gemini-2.5-pro", 10_000, 5_000, 90_000, 0, "0.07375", ("17.5", "0", "10.125", "0", "7.375")
    ),
    # 200*0.2 + 50*0.6 = 70; 200*0.01 + 50*0.03 = 3.5
    "mistral": Case(
        "Mistral", "mistral-small-latest", 200_000, 50_000, 0, 0, "0.035", ("70", "66.5", "0", "0", "3.5")
    ),
    # "plain", answered by a cache of the agent's own: the book says 0
    "own cache": Case("anthropic", SONNET, 10_000, 2_000, 0, 0, "0", ("30", "24", "6", "0", "0"), OWN_CACHE),
    "own cache with a price": Case(
        "anthropic", SONNET, 10_000, 2_000, 0, 0, "0.01", ("30", "24", "6", "1", "1"), OWN_CACHE
    ),
    # nothing to compare with: the cost is its own baseline
    "unpriced model": Case("anthropic", "claude-next", 10_000, 1_000, 0, 0, "0.42", ("42", "0", "0", "0", "42")),
    "unpriced provider": Case("acme", SONNET, 10_000, 1_000, 5_000, 0, "1", ("100", "0", "0", "0", "100")),
    "no baseline": Case(
        "deepseek", "deepseek-chat", 100_000, 10_000, 0, 0, "0.038", ("3.8", "0", "0", "0", "3.8")
    ),
    "no baseline, with a cache": Case(
        "deepseek", "deepseek-chat", 1_000, 1_000, 9_000, 0, "0.05", ("5", "0", "0", "0", "5")
    ),
}  # fmt: skip
STEPS = ("baseline_cost", "routing_savings", "cache_savings", "price_difference", "actual_cost")


@pytest.fixture
def tracker(make_tracker, monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: NOON)
    tracker = make_tracker(price_book=PriceBook(PREMIUM))
    tracker._shipper.notice = lambda: None
    return tracker


def told(tracker, case: Case) -> None:
    track(
        tracker, provider=case.provider, model=case.model, cost=D(case.cost),
        tokens={"input": case.input, "output": case.output}, prompt_cache_read_tokens=case.read,
        prompt_cache_creation_tokens=case.written, **case.more,
    )  # fmt: skip


def cents(period: dict[str, Any]) -> list[D]:
    return [period[step] * 100 for step in STEPS]


@pytest.mark.parametrize("name", CASES)
def test_a_case_worked_out_by_hand(tracker, name):
    told(tracker, CASES[name])
    found = tracker.get_period(DAY, DAY, exact=True)
    baseline, routing, caching, difference, actual = right = [D(text) for text in CASES[name].cents]
    assert cents(found) == right
    assert baseline - routing - caching + difference == actual  # else the case itself is wrong
    assert found["savings"] * 100 == baseline - actual
    assert found["unpriced_calls"] == name.startswith("unpriced")
    assert found["no_baseline_calls"] == name.startswith("no baseline")


def test_a_day_of_all_of_them(tracker):
    for case in CASES.values():
        told(tracker, case)
    found = tracker.get_period(DAY, DAY, exact=True)
    assert cents(found) == [sum(D(case.cents[step]) for case in CASES.values()) for step in range(5)]
    assert (found["unpriced_calls"], found["no_baseline_calls"], found["total_calls"]) == (2, 2, len(CASES))
