"""The inbox: who waits for an answer, the one that is looked at, and how the agents are."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core.errors import StoreUnavailable
from core.history import health
from core.history.approvals.answers import holds
from core.history.approvals.answers.request_standings import standing_for
from core.store.approvals import valid_id
from core.store.client import open_store
from dashboard import access, words
from dashboard.access import Audience
from dashboard.address import BadAddress, page_at
from dashboard.approvals import page as requests
from dashboard.approvals.filters import Filters
from dashboard.approvals.inbox import inbox_page, unavailable_page
from dashboard.approvals.waiting import read_waiting
from dashboard.health import page as health_page
from dashboard.live import page as contexts


@require_safe
@never_cache
@access.viewer_required
def show(request: HttpRequest) -> HttpResponse:
    """The inbox as it stands now; with 503 and a sentence when Redis is away.

    With `X-Part` the list and the request alone, as a page that is open fetches them.
    """
    try:
        filters, refused, problem, status = Filters.of(request.GET), "", "", 200
    except BadAddress as error:
        chosen = request.GET.get("selected", "")
        filters = Filters(selected=chosen if valid_id(chosen) else "")
        refused, problem, status = str(error), "", 400
    try:
        context = _known(request, filters)
    except StoreUnavailable as error:
        problem, status = words.unavailable(error), 503
        context = {"inbox": unavailable_page(filters, timezone.now()), "head": contexts.unavailable_page()}
    if "X-Part" in request.headers:
        return render(request, "dashboard/approvals/_inbox.html", context, status=status)
    told = {"refused": refused, "problem": problem}  # no page that is live takes the first away
    return render(request, "dashboard/live/live.html", {**context, **told}, status=status)


@require_safe
@access.viewer_required
def moved(request: HttpRequest) -> HttpResponse:
    """The list has another address now; what it asked for stays asked."""
    return redirect(page_at("live", request.GET.urlencode()))


def _known(request: HttpRequest, filters: Filters) -> dict[str, Any]:
    audience = Audience.of(request.user)
    assert audience is not None  # the view lets in nobody else
    waiting = read_waiting(open_store())
    standing = standing_for(request.user)
    inbox = inbox_page(filters, audience, waiting, standing)
    context: dict[str, Any] = {"inbox": inbox, "audience": audience, **_selected(filters)}
    if "X-Part" not in request.headers:
        context["head"] = contexts.live_page(waiting)
        context["alarm"] = health_page.alarm(health.read_heartbeat())
        context["keys"] = standing.keys
        context["held"] = (
            holds.held_by(request.user) if request.user.get_username() in standing.held.values() else ()
        )
    return context


def _selected(filters: Filters) -> dict[str, Any]:
    """The request that is looked at; none where nobody knows it any more."""
    approval = access.read_approval(filters.selected) if valid_id(filters.selected) else None
    return {} if approval is None else {"page": requests.approval_page(filters.selected, approval)}
