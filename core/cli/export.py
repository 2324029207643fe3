"""The command export: every recorded call, one after the other, into a file that is whole or not there."""

import csv
import io
import os
import stat
import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import TextIO

from ..usage.call import EXPORTED, Call, flat_entry, plain_entry
from ..usage.history import history
from ..values.moments import start_of_days
from ..values.secrets import masked_json, masked_text
from ..values.text import no_formula, one_line
from .commands import DONE, command, days, option
from .tables import json_text, with_progress


@command(
    "export",
    "every recorded call as JSON or CSV",
    option("--format", choices=("json", "csv"), default="json", help="json (default) or csv"),
    option(
        "--output", "-o", default="-", help="a file, made anew and for its owner alone; - is standard output"
    ),
    option("--days", type=days, help="of the last so many UTC days alone"),
    reads_history=True,
)
def cmd_telemetry_export(args: Namespace) -> int:
    """Every recorded call, newest first. A file appears when it is whole; a failed export leaves none behind."""
    form = "json" if args.json else args.format
    if form not in PIECES:
        raise ValueError(f"format must be json or csv, not {form!r}")
    since, past = None if args.days is None else start_of_days(args.days), history("export")
    calls: Iterable[Call] = past.calls(since)
    output = args.output or "-"
    if output != "-" or not sys.stdout.isatty():
        calls = with_progress(calls, lambda: past.count(since), "exporting calls")
    with _opened(str(output)) as file:
        file.writelines(PIECES[form]([call] for call in calls))
    return DONE


def json_pieces(batches: Iterable[Iterable[Call]]) -> Iterator[str]:
    """One array, a call a line; a piece for each batch, and the end."""
    before = "[\n"
    for batch in batches:
        yield before + ",\n".join(json_text(plain_entry(call)) for call in batch)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def csv_pieces(batches: Iterable[Iterable[Call]]) -> Iterator[str]:
    """A line of heads and a line for each call, safe to open in a spreadsheet; a piece for each batch, and the end."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    lines.writerow(EXPORTED)
    for batch in batches:
        lines.writerows(map(csv_cell, flat_entry(call)) for call in batch)
        yield text.getvalue()
        text.seek(0)
        text.truncate()
    yield text.getvalue()


PIECES = {"json": json_pieces, "csv": csv_pieces}


def csv_cell(value: object) -> str:
    """Numbers as they are; text on one line, no formula and no secret; JSON for an object; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    said = masked_json(json_text(value)) if isinstance(value, dict) else masked_text(str(value))
    return one_line(no_formula(said.text))


@contextmanager
def _opened(output: str) -> Iterator[TextIO]:
    """Standard output for `-`; a device or pipe as it is; else a file that appears when all is written."""
    if output == "-":
        yield sys.stdout
        return
    path = Path(os.path.realpath(output))
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        with open(path, "w", encoding="utf-8", newline="") as file:
            yield file
        return
    try:
        descriptor, draft = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    except OSError as error:
        # Nobody asked for the draft: what cannot be made is the file.
        raise OSError(error.errno, error.strerror, output) from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft)
        raise
