"""The usage page: what model calls cost, what was saved, and every call as a file."""

import logging

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core.features import TelemetryFeatures
from dashboard import access, words
from dashboard.usage import export as usage_export
from dashboard.usage.page import usage_page
from dashboard.usage.period import PRESETS, BadPeriod, dimension_of, period_of

logger = logging.getLogger(__name__)


@require_safe
@never_cache
@access.viewer_required
def show(request: HttpRequest) -> HttpResponse:
    """The page; 400 with a sentence for days that cannot be, 503 when the database is away."""
    context: dict[str, object] = {"presets": PRESETS, "query": request.GET}
    now = timezone.now()
    try:
        context["page"] = usage_page(period_of(request.GET, now), dimension_of(request.GET), now)
        context["problem"] = "" if TelemetryFeatures.is_redis_available() else words.USAGE_NOT_NEW
        return render(request, "dashboard/usage/usage.html", context)
    except BadPeriod as error:
        return render(request, "dashboard/usage/usage.html", {**context, "refused": str(error)}, status=400)
    except DatabaseError as error:
        # What it said is in the log alone: it names hosts.
        logger.error("the usage page cannot be read: %s", error)
        return render(
            request, "dashboard/usage/usage.html", {**context, "problem": words.USAGE_UNREADABLE}, status=503
        )


@require_safe
@never_cache
@access.viewer_required
def export(request: HttpRequest, form: str) -> HttpResponseBase:
    """Every call of the same days as a file, sent while it is read."""
    try:
        period = period_of(request.GET, timezone.now())
    except BadPeriod as error:
        return render(
            request, "dashboard/usage/usage.html", {"presets": PRESETS, "refused": str(error)}, status=400
        )
    return usage_export.response(form, period)
