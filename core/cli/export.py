"""The command export: every recorded call, one after the other, into a file that is whole or not there."""

import csv
import os
import stat
import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

from ..usage.call import plain_entry
from ..usage.history import history
from ..usage_tracker import start_of_days
from ..values.text import one_line
from .commands import DONE, command, days, option
from .tables import json_text, with_progress

FORMATS = ("json", "csv")
COLUMNS = (
    *("call_id", "ts", "workflow", "stage", "tier", "model", "provider", "agent_id", "cost"),
    *("input_tokens", "output_tokens", "cache_hit", "cache_type"),
    *("prompt_cache_hit", "prompt_cache_creation_tokens", "prompt_cache_read_tokens"),
    *("duration_ms", "user_id", "book_cost", "baseline_cost"),
)
# A spreadsheet takes a text that begins so for a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@command(
    "export",
    "every recorded call as JSON or CSV",
    option("--format", choices=FORMATS, default="json", help="json (default) or csv"),
    option(
        "--output", "-o", default="-", help="a file, made anew and for its owner alone; - is standard output"
    ),
    option("--days", type=days, help="of the last so many UTC days alone"),
    reads_history=True,
)
def cmd_telemetry_export(args: Namespace) -> int:
    """Every recorded call, newest first. A file appears when it is whole; a failed export leaves none behind."""
    form = "json" if args.json else args.format
    if form not in FORMATS:
        raise ValueError(f"format must be json or csv, not {form!r}")
    since, past = None if args.days is None else start_of_days(args.days), history("export")
    calls: Iterable[Any] = past.calls(since)
    output = args.output or "-"
    if output != "-" or not sys.stdout.isatty():
        calls = with_progress(calls, lambda: past.count(since), "exporting calls")
    entries = (plain_entry(*priced) for priced in calls)
    with _opened(str(output)) as file:
        write_csv(entries, file) if form == "csv" else write_json(entries, file)
    return DONE


def write_json(entries: Iterable[dict[str, Any]], file: TextIO) -> None:
    """One array, an entry a line."""
    before = "[\n"
    for entry in entries:
        file.write(before + json_text(entry))
        before = ",\n"
    file.write("[]\n" if before == "[\n" else "\n]\n")


def write_csv(entries: Iterable[dict[str, Any]], file: TextIO) -> None:
    """A line of heads and a line for each entry, safe to open in a spreadsheet."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for entry in entries:
        writer.writerow(csv_row(entry))


def csv_row(entry: dict[str, Any]) -> list[str]:
    """The cells of one entry, in the order of COLUMNS."""
    flat = _flat(entry)
    return [csv_cell(flat[name]) for name in COLUMNS]


def csv_cell(value: object) -> str:
    """Numbers as they are; text on one line, never a formula; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    text = str(value)
    return ("'" if text.startswith(FORMULA_STARTS) else "") + one_line(text)


def _flat(entry: dict[str, Any]) -> dict[str, Any]:
    tokens, cache, prompt_cache = entry["tokens"], entry["cache"], entry["prompt_cache"]
    return {
        **entry,
        "input_tokens": tokens["input"],
        "output_tokens": tokens["output"],
        "cache_hit": cache["hit"],
        "cache_type": cache["type"],
        **{f"prompt_cache_{name}": value for name, value in prompt_cache.items()},
    }


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
