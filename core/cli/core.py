"""Commands about what calls cost: show, savings, cache_stats, compare, reset."""

from argparse import Namespace
from typing import Any

from ..usage.history import history
from ..usage.money import CALL_PLACES, money, places_for
from ..usage.savings import shown_levels
from ..usage_tracker import UsageTracker
from .commands import DONE, FAILED, command, days, option, whole_number
from .tables import Column, ask, moment, number, numeric, percent, print_facts, print_json, print_table


@command(
    "show",
    "the newest calls",
    option("--limit", type=whole_number, default=20, help="how many (20)"),
    option("--days", type=days, help="of the last so many UTC days alone"),
)
def cmd_telemetry_show(args: Namespace) -> int:
    """The newest calls, newest first; at most the 10,000 that Redis has."""
    entries = UsageTracker().get_recent_entries(args.limit, args.days, exact=True)
    if args.json:
        print_json(entries)
        return DONE
    print_table(f"The newest calls: {number(len(entries))}", CALL_COLUMNS, map(_call_row, entries))
    return DONE


CALL_COLUMNS = (
    *(Column("time (UTC)"), Column("workflow"), Column("stage", drop=4), Column("agent")),
    *(Column("tier"), Column("provider", drop=6), Column("model", drop=1)),
    *(Column("input", right=True, drop=2), Column("output", right=True, drop=3)),
    *(Column("cost", right=True), Column("ms", right=True, drop=5)),
)


def _call_row(entry: dict[str, Any]) -> list[Any]:
    tokens = entry["tokens"]
    return [
        *(moment(entry["ts"]), entry["workflow"], entry["stage"], entry["agent_id"]),
        *(entry["tier"], entry["provider"], entry["model"]),
        *(number(tokens["input"]), number(tokens["output"])),
        *(money(entry["cost"], CALL_PLACES), f"{entry['duration_ms']:,.0f}"),
    ]


@command(
    "savings",
    "what was saved against the premium models",
    option("--days", type=days, default=30, help="of the last so many UTC days (30)"),
)
def cmd_telemetry_savings(args: Namespace) -> int:
    """What was saved: baseline - routing - caching + difference = actual (docs/agents/usage.md)."""
    saved = UsageTracker().calculate_savings(args.days, exact=True)
    if args.json:
        print_json({"days": args.days, **saved})
        return DONE
    steps = ("baseline_cost", "routing_savings", "cache_savings", "actual_cost")
    levels, places = shown_levels(*(saved[name] for name in steps))
    baseline, uncached, book, actual = levels
    print_facts(
        f"Savings, last {args.days} days",
        [
            ("calls", number(saved["total_calls"])),
            ("baseline: all at the premium model", money(baseline, places)),
            ("less routing to other models", money(uncached - baseline, places)),
            ("less caching", money(book - uncached, places)),
            ("paid above or below the book", money(actual - book, places)),
            ("actual cost", money(actual, places)),
            ("saved", money(baseline - actual, places)),
            ("saved, percent", percent(saved["savings_percent"])),
            ("calls without a known price", number(saved["unpriced_calls"])),
            ("calls without a premium model", number(saved["no_baseline_calls"])),
        ],
    )
    if saved["unpriced"]:
        columns = [Column("model"), Column("calls", right=True), Column("why")]
        without = [(model["model"], number(model["calls"]), model["why"]) for model in saved["unpriced"]]
        print_table("Models without a known price", columns, without)
    tiers = sorted(saved["tier_distribution"].items(), key=lambda item: (-item[1], item[0]))
    rows = [(tier, percent(share)) for tier, share in tiers]
    print_table("Calls by tier", [Column("tier"), Column("share", right=True)], rows)
    return DONE


@command(
    "cache_stats",
    "how often providers found a prompt in their cache, and what that saved",
    option("--days", type=days, default=7, help="of the last so many UTC days (7)"),
)
def cmd_telemetry_cache_stats(args: Namespace) -> int:
    """The providers' prompt caches: hits, tokens, and what they saved net of writing to them."""
    found = UsageTracker().get_cache_stats(args.days, exact=True)
    if args.json:
        print_json({"days": args.days, **found})
        return DONE
    print_facts(
        f"Prompt caches, last {args.days} days",
        [
            ("calls", number(found["total_requests"])),
            ("calls that read a cache", number(found["hit_count"])),
            ("hit rate", percent(100 * found["hit_rate"])),
            ("tokens read", number(found["total_reads"])),
            ("tokens written", number(found["total_writes"])),
            ("saved, net of writing", money(found["savings"])),
        ],
    )
    workflows = sorted(found["by_workflow"].items(), key=lambda item: (-item[1]["savings"], item[0]))
    places = places_for(*(sums["savings"] for _name, sums in workflows))
    print_table(
        "By workflow",
        [Column("workflow"), *numeric(("calls", "hits", "hit rate", "saved"))],
        [_cache_row(name, sums, places) for name, sums in workflows],
    )
    return DONE


def _cache_row(name: str, sums: dict[str, Any], places: int) -> list[str]:
    counts = [number(sums["total_requests"]), number(sums["hit_count"])]
    return [name, *counts, percent(100 * sums["hit_rate"]), money(sums["savings"], places)]


@command(
    "reset",
    "forget every call and every total",
    option("--confirm", action="store_true", help="do not ask"),
    reads_history=True,
)
def cmd_telemetry_reset(args: Namespace) -> int:
    """Forget every call, in Redis and in the database, for good. Asks before; only `yes` goes on."""
    known = history("reset").count(None)
    question = f"This forgets all {number(known)} recorded calls and all totals, for good. Type yes: "
    if not args.confirm and ask(question) != "yes":
        print_json({"forgotten": 0}) if args.json else print("Nothing was forgotten.")
        return FAILED
    forgotten = UsageTracker().reset()
    print_json({"forgotten": forgotten}) if args.json else print(f"{number(forgotten)} calls forgotten.")
    return DONE
