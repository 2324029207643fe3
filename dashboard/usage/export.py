"""Calls as a file in the forms of the command `export`, sent in pieces while they are read."""

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse

from core.cli.export import PIECES
from core.history.usage import reports as usage_reports
from dashboard.usage.period import Period

CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


def response(form: str, period: Period) -> StreamingHttpResponse:
    """The file of a period as `form`, csv or json, named after its days."""
    pieces = PIECES[form](usage_reports.exported(period.start, period.end))
    answer = StreamingHttpResponse(_sent(pieces), content_type=CONTENT_TYPES[form])
    name = f"calls-{period.first}-to-{period.last}.{form}"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


async def _sent(pieces: Iterator[str]) -> AsyncIterator[str]:
    # An asynchronous server would read a plain iterator to its end before it sends the first byte.
    def following() -> str | None:
        return next(pieces, None)

    while (piece := await sync_to_async(following)()) is not None:
        yield piece
