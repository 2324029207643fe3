"""The waterfall, case by case: what is expected follows from prices written out, by the rules of docs/agents/usage.md.

Amounts that were worked out by hand are in test_usage_by_hand.py.
"""

from decimal import Decimal as D

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.usage.call import Call
from core.usage.savings import steps_of
from core.usage.telling import nano_dollars
from tests.core.usage.usage_help import book, track

M = D(1_000_000)
# input, output, cache read, cache write; dollars for a million tokens
PRICE = {
    "acme/large": (D("15"), D("75"), D("1.5"), D("18.75")),
    "acme/middle": (D("3"), D("15"), D("0.3"), D("3.75")),
    "acme/small": (D("0.25"), D("1.25"), D("0.03"), D("0.3")),
    "acme/huge": (D("30"), D("150"), D("30"), D("30")),  # no cache prices: as input
    "beta/grand": (D("2.5"), D("10"), D("1.25"), D("2.5")),
    "beta/tiny": (D("0.0375"), D("0.15"), D("0.0375"), D("0.0375")),
    "solo/only": (D("1"), D("2"), D("0.1"), D("1.25")),
    "gone/here": (D("1"), D("2"), D("1"), D("1")),
}
PREMIUM = {"acme": "acme/large", "beta": "beta/grand"}

# model, input, output, cache read, cache write, cost, own cache had the answer
CASES = [
    ("acme/middle", 1000, 500, 0, 0, "0.0105", False),
    ("acme/middle", 1000, 500, 20_000, 2_000, "0.025", False),
    ("acme/middle", 0, 0, 0, 0, "0", False),
    ("acme/middle", 0, 0, 0, 0, "0.01", False),
    ("acme/middle", 1, 0, 0, 0, "0.000003", False),
    ("acme/middle", 0, 1, 0, 0, "0.000015", False),
    ("acme/middle", 1_000_000, 100_000, 0, 0, "4.5", False),
    ("acme/middle", 10_000_000, 10_000_000, 0, 0, "180", False),
    ("acme/middle", 5000, 800, 0, 0, "0.020", False),  # cheaper than the book
    ("acme/middle", 5000, 800, 0, 0, "0.090", False),  # dearer than the book
    ("acme/middle", 5000, 800, 0, 0, "9999.99", False),  # dearer than the baseline: negative
    ("acme/middle", 200, 100, 50_000, 0, "0.0171", False),
    ("acme/middle", 200, 100, 0, 50_000, "0.1896", False),  # written and never read: caching is negative
    ("acme/middle", 200, 100, 50_000, 50_000, "0.2046", False),
    ("acme/middle", 0, 0, 1, 0, "0.0000003", False),
    ("acme/middle", 0, 0, 0, 1, "0.00000375", False),
    ("acme/middle", 1000, 500, 0, 0, "0", True),  # answered by a cache of their own
    ("acme/middle", 1000, 500, 0, 0, "0.0001", True),  # which had a price
    ("acme/middle", 1000, 500, 3000, 0, "0.0114", True),  # the provider's cache, told as a hit
    ("acme/large", 1000, 500, 0, 0, "0.0525", False),  # the premium model itself
    ("acme/large", 1000, 500, 10_000, 0, "0.0675", False),
    ("acme/large", 1000, 500, 0, 10_000, "0.24", False),
    ("acme/large", 1000, 500, 0, 0, "0.05", False),
    ("acme/large", 333, 777, 55, 66, "0.0646425", False),
    ("acme/small", 1000, 500, 0, 0, "0.000875", False),
    ("acme/small", 1000, 500, 1000, 1000, "0.001205", False),
    ("acme/small", 123_457, 76_543, 0, 0, "0.126543", False),
    ("acme/small", 7, 11, 13, 17, "0.00002099", False),
    ("acme/small", 0, 0, 1, 0, "0.00000003", False),
    ("acme/small", 999, 1, 0, 0, "0.000251", False),
    ("acme/huge", 1000, 500, 0, 0, "0.105", False),  # dearer than the premium model: routing is negative
    ("acme/huge", 1000, 500, 4000, 0, "0.225", False),
    ("acme/huge", 1000, 500, 0, 4000, "0.225", False),
    ("acme/huge", 1000, 500, 0, 0, "0", True),
    ("beta/grand", 4000, 1000, 0, 0, "0.02", False),
    ("beta/grand", 4000, 1000, 8000, 0, "0.03", False),
    ("beta/grand", 4000, 1000, 0, 8000, "0.04", False),  # writes without a price of their own
    ("beta/tiny", 1, 0, 0, 0, "0", False),  # 37.5 nano-dollars: half to even
    ("beta/tiny", 3, 0, 0, 0, "0", False),  # 112.5
    ("beta/tiny", 1, 0, 1, 1, "0.0000001", False),
    ("beta/tiny", 40_000, 9_000, 0, 0, "0.00285", False),
    ("beta/tiny", 40_000, 9_000, 60_000, 0, "0.0051", False),
    ("solo/only", 1000, 500, 0, 0, "0.002", False),  # a provider without a premium model
    ("solo/only", 1000, 500, 9000, 10, "0.0029125", False),
    ("solo/only", 1000, 500, 0, 0, "0", True),
    ("gone/here", 1000, 500, 0, 0, "0.002", False),  # a premium model that no book knows
    ("acme/unheard-of", 1000, 500, 0, 0, "0.5", False),  # unpriced
    ("acme/unheard-of", 1000, 500, 100, 100, "0", False),
    ("nobody/large", 1000, 500, 0, 0, "1.25", False),
    ("acme/unheard-of", 0, 0, 0, 0, "0.000000001", False),
]


def nano(amount: D) -> int:
    """Dollars as nano-dollars, half to even, as docs/agents/usage.md says."""
    return int((amount * 10**9).to_integral_value("ROUND_HALF_EVEN"))


def expected(case) -> dict[str, int]:
    """The waterfall as docs/agents/usage.md says how, in nano-dollars."""
    model, asked, answered, read, written, cost, hit = case
    actual, provider = nano(D(cost)), model.split("/")[0]
    if model not in PRICE or provider not in PREMIUM:
        return {"actual": actual, "baseline": actual, "routing": 0, "caching": 0, "difference": 0}
    per_input, per_output, per_read, per_write = (price / M for price in PRICE[model])
    whole = asked + read + written
    best_input, best_output = PRICE[PREMIUM[provider]][0] / M, PRICE[PREMIUM[provider]][1] / M
    baseline = nano(whole * best_input + answered * best_output)
    uncached = nano(whole * per_input + answered * per_output)
    book_price = nano(asked * per_input + read * per_read + written * per_write + answered * per_output)
    if hit and not (read or written):
        book_price = 0
    return {
        "actual": actual,
        "baseline": baseline,
        "routing": baseline - uncached,
        "caching": uncached - book_price,
        "difference": actual - book_price,
    }


def arguments(case) -> dict:
    model, asked, answered, read, written, cost, hit = case
    return {
        "provider": model.split("/")[0],
        "model": model.split("/")[1],
        "cost": D(cost),
        "tokens": {"input": asked, "output": answered},
        "cache_hit": hit,
        "prompt_cache_read_tokens": read,
        "prompt_cache_creation_tokens": written,
    }


def said(savings) -> dict[str, int]:
    names = {
        "actual": "actual_cost",
        "baseline": "baseline_cost",
        "routing": "routing_savings",
        "caching": "cache_savings",
        "difference": "price_difference",
    }
    return {name: int(savings[key] * 10**9) for name, key in names.items()}


def priced(provider, model, cost, **counted) -> Call:
    """A call of these counts at the prices of the tests."""
    told = Call(
        call_id="id", us=1_790_000_000_000_000, workflow="w", stage="", tier="t", model=model, provider=provider,
        agent_id="", user="", cost=nano_dollars(cost), cache_type="", prompt_hit=False, duration_ms=1.0, **counted,
    )  # fmt: skip
    told.price(BOOK)
    return told


@pytest.mark.anywhere
@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
def test_a_case_is_as_the_document_says_how(case):
    name, asked, answered, read, written, cost, hit = case
    counted = {"input": asked, "output": answered, "cache_read": read, "cache_write": written, "hit": hit}
    told, right = priced(*name.split("/"), D(cost), **counted), expected(case)
    steps = steps_of(told)._asdict()
    assert {name: steps.get(name, told.cost) for name in right} == right
    assert right["baseline"] - right["routing"] - right["caching"] + right["difference"] == right["actual"]


def test_all_cases_together_add_up(tracker):
    for case in CASES:
        track(tracker, **arguments(case))
    tracker.flush()
    savings = tracker.calculate_savings(days=2, exact=True)
    rows = [expected(case) for case in CASES]
    assert said(savings) == {name: sum(row[name] for row in rows) for name in rows[0]}
    assert savings["savings"] == savings["baseline_cost"] - savings["actual_cost"]
    assert savings["total_calls"] == len(CASES)
    assert (savings["unpriced_calls"], savings["no_baseline_calls"]) == (4, 4)
    assert savings["unpriced_cost"] == D("1.750000001")
    assert savings["no_baseline_cost"] == D("0.0069125")


def test_the_example_of_the_document(make_tracker):
    from core.usage.pricing import PriceBook

    tracker = make_tracker(price_book=PriceBook("anthropic=claude-opus-4-1"))
    track(
        tracker,
        model="claude-sonnet-4-5",
        provider="anthropic",
        cost=0.025,
        prompt_cache_read_tokens=20_000,
        prompt_cache_creation_tokens=2_000,
    )
    tracker.flush()
    savings = tracker.calculate_savings(days=2, exact=True)
    assert savings["baseline_cost"] == D("0.3825")
    assert savings["routing_savings"] == D("0.306")
    assert savings["cache_savings"] == D("0.0525")
    assert savings["price_difference"] == D("0.001")
    assert savings["actual_cost"] == D("0.025")


tokens = st.integers(0, 10_000_000)
costs = st.decimals(0, 10_000, places=9)


@settings(max_examples=300)
@given(st.sampled_from([*PRICE, "acme/unheard-of"]), tokens, tokens, tokens, tokens, costs, st.booleans())
def test_every_waterfall_adds_up_to_the_nano_dollar(model, asked, answered, read, written, cost, hit):
    counted = {"input": asked, "output": answered, "cache_read": read, "cache_write": written, "hit": hit}
    told = priced(*model.split("/"), cost, **counted)
    steps = steps_of(told)
    assert steps.baseline - steps.routing - steps.caching + steps.difference == told.cost
    if steps.kind != "compared":
        assert steps[1:] == (told.cost, 0, 0, 0)


BOOK = book()
