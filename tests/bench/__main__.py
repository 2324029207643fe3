"""`make bench`: what `core` costs beside the least that Redis and its client could do.

python -m tests.bench [--json] [--only GROUP ...]
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict

from tests.bench import (
    beats,
    decisions,
    events,
    feedback,
    listings,
    live,
    pages,
    record,
    search,
    signals,
    usage,
)
from tests.bench.idle import IdleWaiters
from tests.bench.measure import Bench, Row, plain_client, started

# A group is a function from the servers to rows, in a file of its own.
GROUPS: dict[str, Callable[[Bench], Iterable[Row]]] = {
    "decisions": decisions.rows,
    "beats": beats.rows,
    "listings": listings.rows,
    "feedback": feedback.rows,
    "live": live.rows,
    "signals": signals.rows,
    "events": events.rows,
    "usage": usage.rows,
    "record": record.rows,
    "pages": pages.rows,
    "search": search.rows,
}
SCANS = ("cmdstat_scan", "cmdstat_keys", "cmdstat_hscan", "cmdstat_zscan", "cmdstat_sscan")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON list instead of a table")
    parser.add_argument("--only", nargs="+", choices=[*GROUPS, "idle"], help="these groups alone")
    options = parser.parse_args()
    wanted = options.only or [*GROUPS, "idle"]
    began = time.monotonic()
    with started() as bench:
        waiters = IdleWaiters(bench) if "idle" in wanted else None
        rows = [row for name, group in GROUPS.items() if name in wanted for row in group(bench)]
        if waiters is not None:
            rows.append(waiters.row())
        rows.append(_scans(bench))
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        print(table(rows))
        print(f"\n{sum(row.met for row in rows)} of {len(rows)} met, in {time.monotonic() - began:.0f} s")
    return 0


def table(rows: list[Row]) -> str:
    """Aligned columns: text to the left, numbers to the right."""
    cells = [("work", "size", "ours", "floor", "unit", "ratio", "aim", "")]
    cells += [
        (
            row.work, row.size, _number(row.ours), _number(row.floor), row.unit, _number(row.ratio), row.aim,
            "met" if row.met else "MISSED",
        )
        for row in rows
    ]  # fmt: skip
    widths = [max(len(line[column]) for line in cells) for column in range(8)]
    return "\n".join(
        "  ".join(
            text.rjust(width) if column in (2, 3, 5) else text.ljust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    )


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" if value < 0.1 else f"{value:.2f}"


def _scans(bench: Bench) -> Row:
    """What searches the keyspace or a whole key, on every server of the run."""
    calls = sum(
        stat["calls"]
        for url in bench.urls
        for name, stat in plain_client(url).info("commandstats").items()
        if name in SCANS
    )
    return Row("SCAN, KEYS in INFO commandstats", "", calls, 0, "calls", None, "none", calls == 0)


if __name__ == "__main__":
    sys.exit(main())
