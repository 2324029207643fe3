"""The command compare: two periods side by side, whatever their lengths."""

from argparse import ArgumentTypeError, Namespace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from ..usage.money import money, places_for
from ..usage_tracker import UsageTracker
from ..values.moments import MAX_DAYS
from .commands import DONE, command, option
from .tables import Column, number, numeric, percent, print_json, print_table

Period = tuple[date, date]
HOW = "a number of days until today, a UTC date, or two dates as 2026-11-01..2026-11-07"


def period(said: str | int) -> Period:
    """First and last day of: 7 (the last seven, today included), 2026-11-01, or 2026-11-01..2026-11-07."""
    text = str(said).strip()
    try:
        if text.isascii() and text.isdecimal() and 1 <= int(text) <= MAX_DAYS:
            today = datetime.now(UTC).date()
            return today - timedelta(days=int(text) - 1), today
        begin, _, end = text.partition("..")
        first = date.fromisoformat(begin)
        last = date.fromisoformat(end) if end else first
    except ValueError:
        first, last = date.max, date.min
    if not 0 <= (last - first).days < MAX_DAYS:
        raise ArgumentTypeError(f"must be {HOW}, not {text!r}")
    return first, last


@command(
    "compare",
    "two periods side by side",
    option("--period1", "-1", type=period, default=7, help=f"{HOW} (7)"),
    option("--period2", "-2", type=period, help="the same; by default as many days right before period1"),
)
def cmd_telemetry_compare(args: Namespace) -> int:
    """Calls, cost, tokens, cache and savings of two periods; the change is from period2 to period1, by the day."""
    first = _parsed("period1", args.period1)
    if args.period2 is None:
        length = first[1] - first[0]
        second = (first[0] - length - timedelta(days=1), first[0] - timedelta(days=1))
    else:
        second = _parsed("period2", args.period2)
    tracker = UsageTracker()
    one, two = (_figures(when, tracker.get_period(*when, exact=True)) for when in (first, second))
    changes = {
        f"{name}_per_day": _change(one[total] / one["days"], two[total] / two["days"])
        for name, total in (("calls", "total_calls"), ("cost", "total_cost"))
    }
    if args.json:
        print_json({"period1": one, "period2": two, "change_percent": changes})
        return DONE
    _print(one, two)
    return DONE


def _parsed(name: str, said: Any) -> Period:
    try:
        return said if isinstance(said, tuple) else period(said)
    except ArgumentTypeError as error:
        raise ValueError(f"{name} {error}") from error


def _figures(when: Period, sums: dict[str, Any]) -> dict[str, Any]:
    length = (when[1] - when[0]).days + 1
    return {
        "first": when[0].isoformat(),
        "last": when[1].isoformat(),
        "days": length,
        "calls_per_day": sums["total_calls"] / length,
        "cost_per_day": (sums["total_cost"] / length).quantize(Decimal("1e-9")),
        **sums,
    }


def _change(new: Any, old: Any) -> float | None:
    """In percent of the old one; None where there was nothing."""
    return float(100 * (new - old) / abs(old)) if old else None


def _print(one: dict[str, Any], two: dict[str, Any]) -> None:
    places = places_for(*(sums[key] for sums in (one, two) for key in ("total_cost", "savings")))

    def cost(amount: Decimal) -> str:
        return money(amount, places)

    def row(name: str, key: str, shown: Any) -> list[str]:
        change = _change(one[key] / one["days"], two[key] / two["days"])
        return [name, shown(one[key]), shown(two[key]), "-" if change is None else f"{change:+.1f}%"]

    def by_day(name: str, key: str, shown: Any) -> list[str]:
        return [name, shown(one[key]), shown(two[key]), ""]

    def rate(name: str, key: str) -> list[str]:
        change = f"{one[key] - two[key]:+.1f} points" if two["total_calls"] else "-"
        return [name, percent(one[key]), percent(two[key]), change]

    rows = [
        row("calls", "total_calls", number),
        by_day("calls per day", "calls_per_day", lambda value: f"{value:,.1f}"),
        row("cost", "total_cost", cost),
        by_day("cost per day", "cost_per_day", cost),
        row("input tokens", "total_tokens_input", number),
        row("output tokens", "total_tokens_output", number),
        row("saved", "savings", cost),
        rate("saved, share", "savings_percent"),
        rate("own cache hits", "cache_hit_rate"),
    ]
    heads = [_days_of(one), _days_of(two), "change"]
    print_table(
        "Two periods, and the change by the day",
        [Column("figure"), *numeric(heads)],
        rows,
    )


def _days_of(figures: dict[str, Any]) -> str:
    same = figures["first"] == figures["last"]
    return figures["first"] if same else f"{figures['first']}..{figures['last']}"
