"""`make bench`: what `core` costs beside the least that Redis and its client could do.

python -m tests.bench [--json] [--only GROUP ...] [--large]

Each row is printed as soon as it is known, so nothing of a run that is ended is lost.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict

from tests.bench import (
    beats,
    decisions,
    events,
    exports,
    feedback,
    imports,
    listings,
    pages,
    record,
    search,
    signals,
    usage,
)
from tests.bench.door import agents
from tests.bench.idle import IdleWaiters
from tests.bench.live import press, sockets
from tests.bench.measure import Bench, Row, plain_client, started

# A group is a function from the servers to rows, in a file of its own.
GROUPS: dict[str, Callable[[Bench], Iterable[Row]]] = {
    "decisions": decisions.rows,
    "beats": beats.rows,
    "listings": listings.rows,
    "feedback": feedback.rows,
    "live": sockets.rows,
    "press": press.rows,
    "door": agents.rows,
    "signals": signals.rows,
    "exports": exports.rows,
    "events": events.rows,
    "usage": usage.rows,
    "imports": imports.rows,
    "record": record.rows,
    "pages": pages.rows,
    "search": search.rows,
}
SCANS = ("cmdstat_scan", "cmdstat_keys", "cmdstat_hscan", "cmdstat_zscan", "cmdstat_sscan")
HEADS = ("work", "size", "ours", "floor", "unit", "ratio", "aim", "")
WIDTHS = (40, 31, 9, 9, 6, 6, 15, 6)
NUMBERS = (2, 3, 5)  # columns that stand to the right


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="a JSON object a line instead of a table")
    parser.add_argument("--only", nargs="+", choices=[*GROUPS, "idle"], help="these groups alone")
    parser.add_argument(
        "--large",
        action="store_true",
        help="search, imports and agents over HTTP at the sizes of the documents",
    )
    options = parser.parse_args()
    began, met = time.monotonic(), []
    if not options.json:
        print(_line(HEADS), flush=True)
    with started(large=options.large) as bench:
        for row in _rows(bench, options.only or [*GROUPS, "idle"]):
            print(json.dumps(asdict(row)) if options.json else _line(_cells(row)), flush=True)
            met.append(row.met)
    if not options.json:
        print(f"\n{sum(met)} of {len(met)} met, in {time.monotonic() - began:.0f} s")
    return 0


def _rows(bench: Bench, wanted: list[str]) -> Iterator[Row]:
    waiters = IdleWaiters(bench) if "idle" in wanted else None
    for name, group in GROUPS.items():
        if name in wanted:
            began = time.monotonic()
            yield from group(bench)
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    if waiters is not None:
        yield waiters.row()
    yield _scans(bench)


def _cells(row: Row) -> tuple[str, ...]:
    numbers = [_number(value) for value in (row.ours, row.floor, row.ratio)]
    met = "met" if row.met else "MISSED"
    return row.work, row.size, numbers[0], numbers[1], row.unit, numbers[2], row.aim, met


def _line(cells: tuple[str, ...]) -> str:
    """Columns of known widths, since the rows to come are not known: text to the left, numbers to the right."""
    return "  ".join(
        text.rjust(width) if column in NUMBERS else text.ljust(width)
        for column, (text, width) in enumerate(zip(cells, WIDTHS, strict=True))
    ).rstrip()


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
