"""Calls as a file, CSV or JSON, sent in pieces while they are read."""

import csv
import io
import json
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse

from core.history import usage_reports
from dashboard.usage_period import Period

CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
COLUMNS = (
    "call_id", "ts", "agent_id", "workflow", "stage", "tier", "model", "provider", "cost", "book_cost",
    "baseline_cost", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cache_hit",
    "cache_type", "prompt_cache_hit", "duration_ms", "user_id",
)  # fmt: skip
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def response(form: str, period: Period) -> StreamingHttpResponse:
    """The file of a period as `form`, csv or json, named after its days."""
    batches = usage_reports.exported(period.start, period.end)
    pieces = csv_pieces(batches) if form == "csv" else json_pieces(batches)
    answer = StreamingHttpResponse(_sent(pieces), content_type=CONTENT_TYPES[form])
    name = f"calls-{period.first}-to-{period.last}.{form}"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def csv_pieces(batches: Iterator[list[dict[str, Any]]]) -> Iterator[str]:
    """A line of column names, then a line for each call."""
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(COLUMNS)
    for batch in batches:
        lines.writerows([_cell(value) for value in _flat(entry)] for entry in batch)
        yield text.getvalue()
        text.seek(0)
        text.truncate()
    yield text.getvalue()


def json_pieces(batches: Iterator[list[dict[str, Any]]]) -> Iterator[str]:
    """One list of calls, shaped as `UsageTracker.export_to_dict` shapes them."""
    before = "["
    for batch in batches:
        yield before + ",\n".join(json.dumps(entry, default=float) for entry in batch)
        before = ",\n"
    yield "[]" if before == "[" else "]"


def _flat(entry: dict[str, Any]) -> list[Any]:
    flat = {
        **entry,
        "input_tokens": entry["tokens"]["input"],
        "output_tokens": entry["tokens"]["output"],
        "cache_read_tokens": entry["prompt_cache"]["read_tokens"],
        "cache_write_tokens": entry["prompt_cache"]["creation_tokens"],
        "cache_hit": entry["cache"]["hit"],
        "cache_type": entry["cache"]["type"],
        "prompt_cache_hit": entry["prompt_cache"]["hit"],
    }
    return [flat[column] for column in COLUMNS]


def _cell(value: Any) -> Any:
    # A spreadsheet would run text that begins so as a formula. Numbers of ours are no text.
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return "'" + value
    return f"{value:f}" if isinstance(value, Decimal) else value


async def _sent(pieces: Iterator[str]) -> AsyncIterator[str]:
    # An asynchronous server would read a plain iterator to its end before it sends the first byte.
    def following() -> str | None:
        return next(pieces, None)

    while (piece := await sync_to_async(following)()) is not None:
        yield piece
