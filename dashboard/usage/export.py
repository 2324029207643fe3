"""Calls as a file in the forms of the command `export`, sent in pieces while they are read."""

import csv
import io
from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse

from core.cli.export import COLUMNS, csv_row
from core.cli.tables import json_text
from core.history.usage import reports as usage_reports
from dashboard.usage.period import Period

CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


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
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    for batch in batches:
        lines.writerows(csv_row(entry) for entry in batch)
        yield text.getvalue()
        text.seek(0)
        text.truncate()
    yield text.getvalue()


def json_pieces(batches: Iterator[list[dict[str, Any]]]) -> Iterator[str]:
    """One list of calls."""
    before = "[\n"
    for batch in batches:
        yield before + ",\n".join(json_text(entry) for entry in batch)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


async def _sent(pieces: Iterator[str]) -> AsyncIterator[str]:
    # An asynchronous server would read a plain iterator to its end before it sends the first byte.
    def following() -> str | None:
        return next(pieces, None)

    while (piece := await sync_to_async(following)()) is not None:
        yield piece
