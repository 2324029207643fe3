"""Commands about what calls cost: show, savings, cache_stats, compare, reset."""

from argparse import Namespace

from core.cli.commands import DONE, command, days, option, whole_number
from core.cli.tables import Column, moment, money, number, print_json, print_table
from core.usage_tracker import UsageTracker


@command(
    "show",
    "the newest calls",
    option("--limit", type=whole_number, default=20, help="how many (20)"),
    option("--days", type=days, help="of the last so many UTC days alone"),
)
def cmd_telemetry_show(args: Namespace) -> int:
    """The newest calls, newest first; at most the 10,000 that Redis has."""
    entries = UsageTracker().get_recent_entries(args.limit, args.days)
    if args.json:
        print_json(entries)
        return DONE
    heads = ["time (UTC)", "workflow", "stage", "agent", "tier", "model"]
    numbers = ["input", "output", "cost", "ms"]
    print_table(
        f"The newest calls: {number(len(entries))}",
        [*map(Column, heads), *(Column(head, right=True) for head in numbers)],
        [
            [
                *(moment(entry["ts"]), entry["workflow"], entry["stage"], entry["agent_id"]),
                *(entry["tier"], f"{entry['provider']}/{entry['model']}"),
                *(number(entry["tokens"]["input"]), number(entry["tokens"]["output"])),
                *(money(entry["cost"], 6), f"{entry['duration_ms']:,.0f}"),
            ]
            for entry in entries
        ],
    )
    return DONE
