"""How the site itself is doing, for people."""

import logging

from django.contrib import messages
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from core.errors import StoreUnavailable
from core.history.recorder.retry import Retry, record_again
from dashboard import access, words
from dashboard.health.page import read_page

logger = logging.getLogger(__name__)


@require_safe
@never_cache
@access.health_required
def show(request: HttpRequest) -> HttpResponse:
    """The page as it stands now."""
    context = {"page": read_page(), "may_retry": access.may_retry(request.user)}
    return render(request, "dashboard/health/health.html", context)


@require_POST
@access.retry_required
def retry(request: HttpRequest, entry_id: int) -> HttpResponse:
    """Record a set aside change now."""
    try:
        level, text = _told(record_again(entry_id, request.user))
    except StoreUnavailable as error:
        level, text = messages.ERROR, words.nothing_changed(error)
    except DatabaseError as error:
        # What it said is in the log alone: it names hosts.
        logger.error("a set aside change cannot be recorded again: %s", error)
        level, text = messages.ERROR, words.NOTHING_WRITTEN
    messages.add_message(request, level, text)
    return redirect("health")


def _told(done: Retry) -> tuple[int, str]:
    if done.outcome == "unknown":
        raise Http404(words.NO_ENTRY)
    if done.outcome == "repaired":
        return messages.SUCCESS, words.SET_ASIDE_REPAIRED
    if done.outcome == "already_repaired":
        return messages.SUCCESS, words.SET_ASIDE_REPAIRED_BEFORE
    return messages.ERROR, words.still_set_aside(done.error)
