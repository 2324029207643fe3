"""What was saved: a waterfall that adds up to the nano-dollar.

baseline - routing - caching + difference = actual, for each call, each day and each period. All amounts are
whole nano-dollars, and each step is the difference of two of them, so no rounding can open a gap.
"""

from typing import Any, NamedTuple

from .call import Call, dollars
from .pricing import Prices


class Steps(NamedTuple):
    """Of one call: from what it would have cost to what it did. A step is negative when it cost more."""

    kind: str  # compared, unpriced or no_baseline
    baseline: int
    routing: int
    caching: int
    difference: int


def steps_of(call: Call, prices: Prices) -> Steps:
    """A call that cannot be compared has its own cost as its baseline, so that it saves nothing."""
    if prices.book is None or prices.uncached is None:
        return Steps("unpriced", call.cost, 0, 0, 0)
    if prices.baseline is None:
        return Steps("no_baseline", call.cost, 0, 0, 0)
    book = 0 if call.answered_locally else prices.book
    return Steps(
        "compared",
        prices.baseline,
        prices.baseline - prices.uncached,
        prices.uncached - book,
        call.cost - book,
    )


def prompt_cache_net(call: Call, prices: Prices) -> int:
    """What the provider's cache saved, less what writing to it cost on top; negative when true."""
    if prices.book is None or prices.uncached is None:
        return 0
    return prices.uncached - prices.book


def amounts_of(call: Call, prices: Prices) -> dict[str, int]:
    """What a call adds to the totals of its day."""
    steps = steps_of(call, prices)
    net = prompt_cache_net(call, prices)
    read = int(call.read_a_prompt_cache)
    amounts = {
        "calls": 1,
        "cost": call.cost,
        "input": call.input,
        "output": call.output,
        "cache_read": call.cache_read,
        "cache_write": call.cache_write,
        "hits": int(call.hit),
        "prompt_hits": read,
        "prompt_net": net,
        "baseline": steps.baseline,
        "routing": steps.routing,
        "caching": steps.caching,
        "difference": steps.difference,
        f"tier_calls:{call.tier}": 1,
        f"tier_cost:{call.tier}": call.cost,
        f"provider_cost:{call.provider}": call.cost,
        f"model_cost:{call.provider}/{call.model}": call.cost,
        f"model_calls:{call.provider}/{call.model}": 1,
        f"workflow_calls:{call.workflow}": 1,
        f"workflow_cost:{call.workflow}": call.cost,
        f"workflow_prompt_hits:{call.workflow}": read,
        f"workflow_prompt_net:{call.workflow}": net,
    }
    if steps.kind != "compared":
        amounts[f"{steps.kind}_calls"] = 1
        amounts[f"{steps.kind}_cost"] = call.cost
    return amounts


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
        "no_baseline_calls": sums.get("no_baseline_calls", 0),
        "no_baseline_cost": dollars(sums.get("no_baseline_cost", 0)),
        "total_calls": calls,
    }


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


def _named(sums: dict[str, int], kind: str) -> dict[str, int]:
    start = kind + ":"
    return {name[len(start) :]: amount for name, amount in sums.items() if name.startswith(start)}


def _money(sums: dict[str, int], kind: str) -> dict[str, Any]:
    return {name: dollars(amount) for name, amount in _named(sums, kind).items()}


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0
