"""How commands print: tables for a terminal, plain columns for a pipe, JSON for programs.

What agents wrote never reaches a terminal as it is: whatever could control one is shown as ⟦U+001B⟧.
"""

import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeVar

from ..values.text import one_line

WIDEST = 160
NARROWEST = 5  # of a column that folds its text
PATIENCE_SECONDS = 1.0  # whoever waits longer wants to see that it goes on
NOTHING = "-"
Item = TypeVar("Item")


@dataclass(frozen=True)
class Column:
    """A column's head; numbers stand at the right. On a terminal that is too narrow, the highest `drop` goes first."""

    title: str
    right: bool = False
    drop: int = 0


def numeric(heads: Sequence[str], *dropped: str) -> list[Column]:
    """Columns of numbers; on a narrow terminal the first of `dropped` goes first."""
    drops = {head: len(dropped) - place for place, head in enumerate(dropped)}
    return [Column(head, right=True, drop=drops.get(head, 0)) for head in heads]


def print_table(title: str, columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
    """Print rows of cells. Cells are shown as text on one line; None is shown as `-`.

    On a terminal this is a table as wide as needed, at most 160 characters; it says which columns it left out.
    Elsewhere it is a line `# title`, the heads and the rows, in columns two spaces apart, nothing cut or coloured.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    if _fancy():
        _print_rich(title, columns, cells)
    else:
        _print_plain(title, columns, cells)


def print_facts(title: str, facts: Iterable[tuple[str, object]]) -> None:
    """A table of names and values."""
    print_table(title, [Column("what"), Column("value", right=True)], facts)


def print_json(value: Any) -> None:
    """One JSON value: money as text such as "0.010500000", times as ISO 8601, ASCII alone."""
    print(json_text(value, indent=2))


def json_text(value: Any, indent: int | None = None) -> str:
    """The same as text; NaN and infinity become null."""
    return json.dumps(_jsonable(value), indent=indent, ensure_ascii=True, allow_nan=False)


def with_progress(items: Iterable[Item], count: Callable[[], int], label: str) -> Iterator[Item]:
    """Pass items on; a bar on standard error when that takes longer than a second and somebody looks.

    `count` says how many there are; it is asked only where a bar may be shown.
    """
    looks = sys.stderr.isatty() and importlib.util.find_spec("rich") is not None
    if not looks:
        yield from items
        return
    from rich.console import Console
    from rich.progress import Progress

    bar, task, began = Progress(console=Console(stderr=True), transient=True), None, time.monotonic()
    try:
        for done, item in enumerate(items):
            if task is None and time.monotonic() - began > PATIENCE_SECONDS:
                bar.start()
                task = bar.add_task(label, total=count())
            if task is not None and done % 100 == 0:
                bar.update(task, completed=done)
            yield item
    finally:
        bar.stop()


def ask(question: str) -> str:
    """One line from standard input; '' when there is none. The question goes to standard error."""
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


# Values as people read them


def percent(value: float | None) -> str:
    """12.3%; `-` for None."""
    return NOTHING if value is None else f"{value:.1f}%"


def number(value: int) -> str:
    """1,234,567."""
    return f"{value:,}"


def moment(at: datetime | str) -> str:
    """2026-11-22 09:14:41, as its own clock says."""
    stamp = datetime.fromisoformat(at) if isinstance(at, str) else at
    return stamp.strftime("%Y-%m-%d %H:%M:%S")


def _cell(value: object) -> str:
    return NOTHING if value is None or value == "" else one_line(value)


def _fancy() -> bool:
    """Whether standard output is a terminal that can draw, and rich is installed."""
    with suppress(ValueError, AttributeError):
        if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
            return importlib.util.find_spec("rich") is not None
    return False


def _print_rich(title: str, columns: Sequence[Column], rows: list[list[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, color_system=None)  # no escape sequence at all, so none can be forged
    console.width = min(console.width, WIDEST)
    widths = _widths(columns, rows)
    kept = _that_fit(columns, widths, console.width)
    left_out = [column.title for place, column in enumerate(columns) if place not in kept]
    note = Text(f"left out: {', '.join(left_out)} (widen the terminal, or --json)") if left_out else None
    table = Table(
        title=Text(one_line(title)), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    table.caption, table.caption_justify = note, "left"
    for column in (columns[place] for place in kept):
        justify: Literal["left", "right"] = "right" if column.right else "left"
        table.add_column(column.title, justify=justify, overflow="fold", no_wrap=column.right)
    for row in rows:
        table.add_row(*(Text(row[place]) for place in kept))
    console.print(table)


def _that_fit(columns: Sequence[Column], widths: list[int], most: int) -> list[int]:
    """The places of the columns that a terminal has room for, with two spaces between cells.

    What may be dropped goes until whole cells fit. The rest fold their text; where even that has no room, they go
    too, texts before numbers and the last first, for the library would leave them out without a word.
    """
    kept = list(range(len(columns)))
    droppable = sorted(
        (place for place in kept if columns[place].drop), key=lambda place: columns[place].drop
    )
    while droppable and sum(widths[place] + 2 for place in kept) + 1 > most:
        kept.remove(droppable.pop())
    folded = [
        width if column.right else min(width, NARROWEST)
        for column, width in zip(columns, widths, strict=True)
    ]
    others = sorted(kept[1:], key=lambda place: (not columns[place].right, place))
    while others and sum(folded[place] + 2 for place in kept) + 1 > most:
        kept.remove(others.pop())
    return kept


def _widths(columns: Sequence[Column], rows: list[list[str]]) -> list[int]:
    return [
        max([len(column.title), *(len(row[place]) for row in rows)]) for place, column in enumerate(columns)
    ]


def _print_plain(title: str, columns: Sequence[Column], rows: list[list[str]]) -> None:
    lines = [[column.title for column in columns], *rows]
    widths = _widths(columns, rows)
    print(f"# {one_line(title)}")
    for line in lines:
        cells = zip(columns, widths, line, strict=True)
        padded = [text.rjust(width) if column.right else text.ljust(width) for column, width, text in cells]
        print("  ".join(padded).rstrip())


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _jsonable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
