"""Commands that follow calls through the whole history: sonnet_opus_analysis."""

from argparse import Namespace

from ..usage.fallbacks import CAPABLE, PREMIUM, WINDOW_SECONDS, Fallbacks, find_fallbacks
from ..usage.history import history
from ..usage.money import money, places_for
from ..values.moments import start_of_days
from .commands import DONE, command, days, option, whole_number
from .tables import Column, number, numeric, percent, print_facts, print_json, print_table, with_progress

COSTS = ("actual_cost", "always_premium_cost", "savings")


@command(
    "sonnet_opus_analysis",
    "how often the capable model's work went on to the premium one, and what that cost",
    option("--days", type=days, default=30, help="of the last so many UTC days (30)"),
    option(
        "--window",
        type=whole_number,
        default=WINDOW_SECONDS,
        help=f"a premium call at most so many seconds later is a fallback ({WINDOW_SECONDS})",
    ),
    reads_history=True,
)
def cmd_sonnet_opus_analysis(args: Namespace) -> int:
    """Fallbacks from the capable to the premium model: attempts, success rate, cost against always-premium.

    An attempt is a capable call; it fell back when the next call of the same workflow, stage and agent is a
    premium one within the window.
    """
    since, tiers = start_of_days(args.days), (CAPABLE, PREMIUM)
    past = history("sonnet_opus_analysis")
    calls = past.calls(since, tiers, oldest_first=True)
    found = find_fallbacks(
        with_progress(calls, lambda: past.count(since, tiers), "reading calls"), args.window
    )
    total = sum(found.values(), Fallbacks())
    if args.json:
        workflows = {name: sums.answer() for name, sums in sorted(found.items())}
        print_json(
            {"days": args.days, "window_seconds": args.window, **total.answer(), "by_workflow": workflows}
        )
        return DONE
    _print(args.days, found, total)
    return DONE


def _print(asked_days: int, found: dict[str, Fallbacks], total: Fallbacks) -> None:
    said = total.answer()
    places = places_for(*(said[key] for key in COSTS))
    cost, always, saved = (money(said[key], places) for key in COSTS)
    facts = [
        ("capable calls (attempts)", number(total.attempts)),
        ("fell back to premium", number(total.fallbacks)),
        ("success rate", percent(said["success_rate"])),
        ("premium calls of their own", number(total.direct_premium)),
        ("cost, fallbacks included", cost),
        ("cost, always premium", always),
        ("saved", saved),
        ("saved, percent", percent(said["savings_percent"])),
        ("attempts without a premium price", number(total.not_compared)),
    ]
    print_facts(f"From capable to premium, last {asked_days} days", facts)
    heads = ["attempts", "fallbacks", "success", "cost", "always premium", "saved"]
    print_table(
        "By workflow",
        [Column("workflow"), *numeric(heads, "always premium", "cost")],
        [_row(name, sums, places) for name, sums in sorted(found.items())],
    )


def _row(name: str, sums: Fallbacks, places: int) -> list[str]:
    said = sums.answer()
    counts = [number(sums.attempts), number(sums.fallbacks), percent(said["success_rate"])]
    return [name, *counts, *(money(said[key], places) for key in COSTS)]
