"""The live page: who works, and who waits for an answer."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core.errors import StoreUnavailable
from core.history import health
from dashboard import access, words
from dashboard.access import Audience
from dashboard.approvals import page as contexts
from dashboard.health import page as health_page


@require_safe
@never_cache
@access.viewer_required
def show(request: HttpRequest) -> HttpResponse:
    """The page as it stands now; with 503 and a sentence when Redis is away."""
    try:
        page, problem, alarm = contexts.live_page(), "", health_page.alarm(health.read_heartbeat())
    except StoreUnavailable as error:
        page, problem, alarm = contexts.nothing_known(), words.unavailable(error), ""
    audience = Audience.of(request.user)
    context = {"page": page, "problem": problem, "alarm": alarm, "audience": audience}
    return render(request, "dashboard/live/live.html", context, status=503 if problem else 200)
