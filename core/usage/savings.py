"""What was saved: a waterfall that adds up to the nano-dollar.

baseline - routing - caching + difference = actual, for each call, each day and each period. All amounts are
whole nano-dollars, and each step is the difference of two of them, so no rounding can open a gap.
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from ..store.usage import Also
from .call import FIELDS, TOKENS, Call
from .money import dollars, places_for, rounded
from .valuation import unpriced


class SavingsSteps(NamedTuple):
    """Of one call: from what it would have cost to what it did. A step is negative when it cost more."""

    kind: str  # compared, unpriced or no_baseline
    baseline: int
    routing: int
    caching: int
    difference: int


# What is summed: the name in the totals of Redis, and the column of `UsageHour`.
APART = ("unpriced", "no_baseline")
_TOKENS = {name: field.column for name, field in FIELDS.items() if field.kind is TOKENS}
_TOKENS_OF = attrgetter(*_TOKENS)
UNPRICED = "unpriced_calls"
SUMS: dict[str, str] = {
    "calls": "calls",
    "cost": "cost_nano",
    **_TOKENS,
    "hits": "cache_hits",
    "prompt_hits": "prompt_cache_hits",
    "prompt_net": "prompt_cache_net_nano",
    **{step: f"{step}_nano" for step in SavingsSteps._fields[1:]},
    **{f"{kind}_calls": f"{kind}_calls" for kind in APART},
    **{f"{kind}_cost": f"{kind}_cost_nano" for kind in APART},
}


def steps_of(call: Call) -> SavingsSteps:
    """A call that cannot be compared has its own cost as its baseline, so that it saves nothing."""
    if call.book is None or call.uncached is None:
        return SavingsSteps("unpriced", call.cost, 0, 0, 0)
    if call.baseline is None:
        return SavingsSteps("no_baseline", call.cost, 0, 0, 0)
    book = 0 if call.answered_locally else call.book
    return SavingsSteps(
        "compared", call.baseline, call.baseline - call.uncached, call.uncached - book, call.cost - book
    )


def prompt_cache_net(call: Call) -> int:
    """What the provider's cache saved, less what writing to it cost on top; negative when true."""
    if call.book is None or call.uncached is None or call.answered_locally:
        return 0
    return call.uncached - call.book


def sums_of(call: Call) -> dict[str, int]:
    """What a call adds to the sums that it is in, by the names of SUMS."""
    steps = steps_of(call)
    sums = {
        "calls": 1,
        "cost": call.cost,
        **dict(zip(_TOKENS, _TOKENS_OF(call), strict=True)),
        "hits": int(call.hit),
        "prompt_hits": int(call.read_a_prompt_cache),
        "prompt_net": prompt_cache_net(call),
        "baseline": steps.baseline,
        "routing": steps.routing,
        "caching": steps.caching,
        "difference": steps.difference,
    }
    if steps.kind in APART:
        sums[f"{steps.kind}_calls"] = 1
        sums[f"{steps.kind}_cost"] = call.cost
    return sums


def named_amounts(
    workflow: str, tier: str, provider: str, model: str, sums: Mapping[str, int]
) -> dict[str, int]:
    """What calls of one kind add to the totals of their day in Redis, from their sums together."""
    names = also_in(workflow, tier, provider, model)
    return {**sums, **{name: sums[of] for name, of in names if of != UNPRICED or sums.get(of)}}


@lru_cache(maxsize=4096)
def also_in(workflow: str, tier: str, provider: str, model: str) -> Also:
    """The totals of a day that calls of one kind are in beside their sums, each with the sum that it takes."""
    return (
        (f"tier_calls:{tier}", "calls"),
        (f"tier_cost:{tier}", "cost"),
        (f"provider_cost:{provider}", "cost"),
        (f"model_cost:{provider}/{model}", "cost"),
        (f"model_calls:{provider}/{model}", "calls"),
        (f"workflow_calls:{workflow}", "calls"),
        (f"workflow_cost:{workflow}", "cost"),
        (f"workflow_prompt_hits:{workflow}", "prompt_hits"),
        (f"workflow_prompt_net:{workflow}", "prompt_net"),
        (f"unpriced_calls:{provider}/{model}", UNPRICED),
    )


def stats(sums: dict[str, int]) -> dict[str, Any]:
    """The answer of `get_stats`."""
    calls, hits = sums.get("calls", 0), sums.get("hits", 0)
    return {
        "total_calls": calls,
        "total_cost": dollars(sums.get("cost", 0)),
        "total_tokens_input": sums.get("input", 0),
        "total_tokens_output": sums.get("output", 0),
        "cache_hits": hits,
        "cache_misses": calls - hits,
        "cache_hit_rate": _percent(hits, calls),
        "by_tier": _money(sums, "tier_cost"),
        "by_workflow": _money(sums, "workflow_cost"),
        "by_provider": _money(sums, "provider_cost"),
        "by_model": _money(sums, "model_cost"),
    }


def savings(sums: dict[str, int]) -> dict[str, Any]:
    """The answer of `calculate_savings`."""
    calls = sums.get("calls", 0)
    actual, baseline = sums.get("cost", 0), sums.get("baseline", 0)
    return {
        "actual_cost": dollars(actual),
        "baseline_cost": dollars(baseline),
        "savings": dollars(baseline - actual),
        "savings_percent": _percent(baseline - actual, baseline),
        "tier_distribution": {
            tier: _percent(count, calls) for tier, count in _named(sums, "tier_calls").items()
        },
        "cache_savings": dollars(sums.get("caching", 0)),
        "routing_savings": dollars(sums.get("routing", 0)),
        "price_difference": dollars(sums.get("difference", 0)),
        "unpriced_calls": sums.get("unpriced_calls", 0),
        "unpriced_cost": dollars(sums.get("unpriced_cost", 0)),
        "unpriced": unpriced_models(_named(sums, "unpriced_calls")),
        "no_baseline_calls": sums.get("no_baseline_calls", 0),
        "no_baseline_cost": dollars(sums.get("no_baseline_cost", 0)),
        "total_calls": calls,
    }


def unpriced_models(calls: Mapping[str, int]) -> list[dict[str, Any]]:
    """Models without a price, most calls first: provider/model, calls, and in words the setting that gives it one."""
    told = sorted(calls.items(), key=lambda item: (-item[1], item[0]))
    return [
        {"model": model, "calls": count, "why": unpriced(*model.split("/", 1))}
        for model, count in told
        if count > 0 and "/" in model
    ]


def cache_stats(sums: dict[str, int]) -> dict[str, Any]:
    """The answer of `get_cache_stats`."""
    hits, net = _named(sums, "workflow_prompt_hits"), _named(sums, "workflow_prompt_net")
    return {
        "hit_rate": _share(sums.get("prompt_hits", 0), sums.get("calls", 0)),
        "total_reads": sums.get("cache_read", 0),
        "total_writes": sums.get("cache_write", 0),
        "savings": dollars(sums.get("prompt_net", 0)),
        "hit_count": sums.get("prompt_hits", 0),
        "total_requests": sums.get("calls", 0),
        "by_workflow": {
            name: {
                "hit_rate": _share(hits.get(name, 0), calls),
                "hit_count": hits.get(name, 0),
                "total_requests": calls,
                "savings": dollars(net.get(name, 0)),
            }
            for name, calls in _named(sums, "workflow_calls").items()
        },
    }


def shown_levels(
    baseline: int | Decimal, routing: int | Decimal, caching: int | Decimal, actual: int | Decimal
) -> tuple[list[int], int]:
    """The levels of the waterfall as they are shown, in nano-dollars, and their places.

    They are baseline, without a cache, book and actual. Steps are their differences, so no rounding can open a gap.
    """
    places = places_for(baseline, actual)
    uncached = baseline - routing
    return [rounded(level, places) for level in (baseline, uncached, uncached - caching, actual)], places


def _named(sums: dict[str, int], kind: str) -> dict[str, int]:
    start = kind + ":"
    return {name[len(start) :]: amount for name, amount in sums.items() if name.startswith(start)}


def _money(sums: dict[str, int], kind: str) -> dict[str, Any]:
    return {name: dollars(amount) for name, amount in _named(sums, kind).items()}


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0
