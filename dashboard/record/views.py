"""The record by content: its page, and what was found as a file."""

import csv
import logging
from collections.abc import Iterator
from io import StringIO

from django.db import transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from core.history.audit import entries
from core.history.exports import COLUMNS, cells
from core.history.search.find import NoIndex, SearchQuery, everything, find
from core.models import ApprovalRecord, AuditCheck
from core.values.approvals import PENDING
from dashboard import access, words
from dashboard.address import BadAddress
from dashboard.display.sending import in_pieces
from dashboard.record import words as sentences
from dashboard.record.address import OUTCOMES, before_of, form_fields, question_of
from dashboard.record.page import record_page, suggested, took

logger = logging.getLogger(__name__)

TEMPLATE = "dashboard/record/record.html"
TOOK = "took_seconds"  # in no table: what the page shows is in the file


@require_safe
@never_cache
@access.viewer_required
def show(request: HttpRequest) -> HttpResponse:
    """A page of what is found; 400 with a sentence for a search that cannot be, 503 without an index."""
    context = _form(request.GET.dict())
    try:
        context["page"] = record_page(question_of(request.GET), before_of(request.GET))
    except (BadAddress, NoIndex) as error:
        return _not_searched(request, context, error)
    return render(request, TEMPLATE, context)


@require_POST
@access.export_required
def export(request: HttpRequest) -> HttpResponseBase:
    """All that is found, every page of it, as CSV. That it was taken away is recorded first."""
    try:
        question = question_of(request.POST)
        find(question, 1)
    except (BadAddress, NoIndex) as error:
        return _not_searched(request, _form(request.POST.dict()), error)
    with transaction.atomic():
        chosen = form_fields(question)
        entries.append([entries.new_fact("record.exported", request.user.get_username(), chosen=chosen)])
    headers = {
        "Content-Disposition": f'attachment; filename="found-{timezone.now():%Y-%m-%dT%H%M%SZ}.csv"',
        "Cache-Control": "no-store",
    }
    pieces = in_pieces(_rows(question), request)
    return StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8", headers=headers)


def _not_searched(
    request: HttpRequest, context: dict[str, object], error: BadAddress | NoIndex
) -> HttpResponse:
    if isinstance(error, BadAddress):
        return render(request, TEMPLATE, {**context, "refused": str(error)}, status=400)
    logger.error("the record cannot be searched: %s", error)
    return render(request, TEMPLATE, {**context, "problem": sentences.NO_INDEX}, status=503)


def _form(said: dict[str, str]) -> dict[str, object]:
    outcomes = [(outcome, words.STATUSES[outcome]) for outcome in OUTCOMES]
    # Read where the page says it: to those who may read the record.
    return {
        "said": said,
        "outcomes": outcomes,
        "names": suggested(),
        "last_check": AuditCheck.objects.filter(pk=1).first,
        "now": timezone.now(),
    }


def _rows(question: SearchQuery) -> Iterator[str]:
    columns = COLUMNS["approvals"]
    yield _lines([[*columns, TOOK]])
    for rows in everything(question):
        found = [{name: getattr(row, name) for name in columns} | {TOOK: _seconds(row)} for row in rows]
        yield _lines([cells(row) for row in found])


def _seconds(row: ApprovalRecord) -> float | None:
    """How long its end took, as the page says it."""
    span = took(row.requested_at, None if row.status == PENDING else row.ended_at)
    return None if span is None else span.total_seconds()


def _lines(rows: list[list[str]]) -> str:
    written = StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows(rows)
    return written.getvalue()
