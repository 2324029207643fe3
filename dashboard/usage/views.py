"""The usage pages: what model calls cost, what was saved, the calls themselves, and every call as a file."""

import logging
from collections.abc import Callable
from datetime import UTC

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core.cli.export import PIECES
from core.features import TelemetryFeatures
from core.history.usage import reports as usage_reports
from dashboard import access, words
from dashboard.address import BadAddress
from dashboard.display.sending import in_pieces
from dashboard.usage.calls import calls_page
from dashboard.usage.page import usage_page
from dashboard.usage.period import PRESETS, Period, dimension_of, period_of, zone_of

logger = logging.getLogger(__name__)

USAGE, CALLS = "dashboard/usage/usage.html", "dashboard/usage/calls.html"
COOKIE = "usage_tz"
YEAR = 366 * 86_400
CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


@require_safe
@never_cache
@access.viewer_required
def show(request: HttpRequest) -> HttpResponse:
    """The page; 400 with a sentence for days that cannot be, 503 when the database is away."""
    now = timezone.now()
    return _answer(request, USAGE, lambda period: usage_page(period, dimension_of(request.GET), now))


@require_safe
@never_cache
@access.viewer_required
def calls(request: HttpRequest) -> HttpResponse:
    """Single calls, narrowed, sorted and paged as the address says; the same answers otherwise."""
    return _answer(request, CALLS, lambda period: calls_page(request.GET, period))


@require_safe
@never_cache
@access.viewer_required
def export(request: HttpRequest, form: str) -> HttpResponseBase:
    """Every call of the same days as a file, sent while it is read."""
    try:
        period = _period_of(request)
    except BadAddress as error:
        return render(request, USAGE, {"presets": PRESETS, "refused": str(error)}, status=400)
    pieces = in_pieces(PIECES[form](usage_reports.exported(period.start, period.end)), request)
    name = f"calls-{period.first}-to-{period.last}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(pieces, content_type=CONTENT_TYPES[form], headers=headers)


def _answer(request: HttpRequest, template: str, read: Callable[[Period], object]) -> HttpResponse:
    context: dict[str, object] = {"presets": PRESETS, "query": request.GET}
    try:
        period = _period_of(request)
        context["page"] = read(period)
        context["problem"] = "" if TelemetryFeatures.is_redis_available() else words.USAGE_NOT_NEW
        return _remembering(request, period, render(request, template, context))
    except BadAddress as error:
        return render(request, template, {**context, "refused": str(error)}, status=400)
    except DatabaseError as error:
        # What it said is in the log alone: it names hosts.
        logger.error("the usage page cannot be read: %s", error)
        return render(request, template, {**context, "problem": words.USAGE_UNREADABLE}, status=503)


def _period_of(request: HttpRequest) -> Period:
    """The days of the address, in the zone of the address, else in the one that this browser asked for last."""
    if "tz" in request.GET:
        zone = zone_of(request.GET["tz"])
    else:
        try:
            zone = zone_of(request.COOKIES.get(COOKIE, ""))
        except BadAddress:
            zone = UTC
    return period_of(request.GET, timezone.now(), zone)


def _remembering(request: HttpRequest, period: Period, response: HttpResponse) -> HttpResponse:
    if "tz" in request.GET and request.COOKIES.get(COOKIE, "UTC") != period.zone_name:
        response.set_cookie(
            COOKIE, period.zone_name, max_age=YEAR, secure=request.is_secure(), httponly=True, samesite="Lax"
        )
    return response
