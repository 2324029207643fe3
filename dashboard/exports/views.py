"""Files of the record, for whoever may read it: proof that is sent at once, and tables that a job writes."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from core import jobs
from core.errors import StoreUnavailable
from core.history import exports
from core.history.proof import verification
from core.models import AuditCheck, Export
from dashboard import access, words
from dashboard.display.sending import in_pieces
from dashboard.exports import proof

PIECE = 256 * 1024
SHOWN = 20


@require_safe
@never_cache
@access.export_required
def show(request: HttpRequest) -> HttpResponse:
    """What this person asked for within a day."""
    found = [export for export in _own(request.user)[:SHOWN] if not exports.expired(export)]
    try:
        states, problem = jobs.export_states(found), ""
    except StoreUnavailable as error:
        states, problem = [jobs.ExportState("waiting") for _ in found], str(error)
    rows = list(zip(found, states, strict=True))
    busy = any(state.state in ("waiting", "writing") for state in states)
    context = {
        "rows": rows,
        "busy": busy,
        "problem": problem,
        "kinds": Export.Kind.choices,
        "check": AuditCheck.objects.filter(pk=1).first(),
        "state": verification.read_state(),
        "now": timezone.now(),
    }
    return render(request, "dashboard/exports/exports.html", context)


@require_POST
@access.export_required
def prove(request: HttpRequest) -> HttpResponseBase:
    """Every entry of some days, both included, or of all, with its hash."""
    first, last = request.POST.get("from", ""), request.POST.get("to", "")
    try:
        after = str(parse_date(last) + timedelta(days=1)) if last else ""  # type: ignore[operator]
        return proof.sent(request, {"from": first, "to": after})
    except (ValueError, TypeError, OverflowError):
        messages.error(request, words.NO_DAYS)
        return redirect("exports")


@require_POST
@access.export_required
def ask(request: HttpRequest) -> HttpResponse:
    """Have a file written."""
    try:
        jobs.request_export(request.user, request.POST.get("kind", ""))
    except (ValueError, exports.TooManyExports) as error:
        messages.error(request, str(error))
    except StoreUnavailable as error:
        messages.error(request, words.NOT_STARTED.format(error=error))
    return redirect("exports")


@require_safe
@never_cache
@access.export_required
def fetch(request: HttpRequest, export_id: UUID) -> HttpResponseBase:
    """The file, for whoever asked for it, within a day."""
    export = _own(request.user).filter(pk=export_id).exclude(finished_at=None).first()
    path = exports.path_of(export) if export and not exports.expired(export) else None
    if export is None or path is None or not path.exists():
        raise Http404(words.NO_FILE)
    name = f"{export.kind}-{export.requested_at:%Y-%m-%d-%H%M}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Length": path.stat().st_size}
    pieces = in_pieces(_pieces(path), request)
    return StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8", headers=headers)


def _own(user: Any) -> QuerySet[Export]:
    return Export.objects.filter(user=user)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece
