"""How the site itself is doing, for people."""

import logging

from django.contrib import messages
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from core.errors import StoreUnavailable
from core.history.recorder import putting_away
from core.history.recorder.retry import Retry, record_again
from dashboard import access, words
from dashboard.health.page import read_page
from dashboard.health.words import NOTHING_PUT_AWAY, put_away_words

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
        level, text = messages.ERROR, words.NOTHING_CHANGED.format(error=error)
    except DatabaseError as error:
        # What it said is in the log alone: it names hosts.
        logger.error("a set aside change cannot be recorded again: %s", error)
        level, text = messages.ERROR, words.NOTHING_WRITTEN
    messages.add_message(request, level, text)
    return redirect("health")


@require_POST
@access.retry_required
def put_away(request: HttpRequest) -> HttpResponse:
    """Take the banner of those away that the page showed."""
    newest = request.POST.get("newest", "")
    is_number = newest.isascii() and newest.isdigit() and len(newest) < 19
    try:
        count = putting_away.put_away(int(newest), request.user) if is_number else 0
        level, text = (
            (messages.SUCCESS, put_away_words(count)) if count else (messages.ERROR, NOTHING_PUT_AWAY)
        )
    except DatabaseError as error:
        logger.error("the banner of set aside changes cannot be put away: %s", error)
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
    return messages.ERROR, words.STILL_SET_ASIDE.format(error=done.error)
