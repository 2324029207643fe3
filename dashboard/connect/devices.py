"""A command that shows a code: a person types it, sees who asks, and gives it a token or refuses."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from core.api.hooks import EVERY
from core.history.agents import devices
from core.models import DeviceCode
from dashboard import access
from dashboard.connect import terms, words
from dashboard.sign_in import throttle

TRIES, SECONDS = 10, 600  # codes that one person may look up in so many seconds


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@access.viewer_required
def show(request: HttpRequest) -> HttpResponse:
    """Where a code is typed; once it was, who waits with it. Looking it up decides nothing."""
    if request.method != "POST":
        return _page(request)
    asked, problem, status = _found(request)
    return _page(request, asked, status, problem=problem)


@require_POST
@access.viewer_required
def give(request: HttpRequest) -> HttpResponse:
    """Let the command have the token that the form says."""
    asked, problem, status = _found(request)
    if asked is None:
        return _page(request, None, status, problem=problem)
    try:
        given = devices.give(request.user, asked.code, terms.token_spec(request))
    except terms.REFUSED as error:
        refusal = terms.FormRefusal.of(error, request.user)
        return _page(request, asked, refusal.status, **refusal.shown)
    agent = request.POST.get("agent", "").strip()
    answers = terms.who_answers(request.user, agent, request.POST.get("is_prefix") == "1")
    said = {"machine": asked.machine, "agent": agent, "answers": answers}
    return _told(request, given, words.GIVEN.format(**said))


@require_POST
@access.viewer_required
def refuse(request: HttpRequest) -> HttpResponse:
    """Let it have none."""
    asked, problem, status = _found(request)
    if asked is None:
        return _page(request, None, status, problem=problem)
    refused = devices.refuse(request.user, asked.code)
    return _told(request, refused, words.REFUSED.format(machine=asked.machine))


def _found(request: HttpRequest) -> tuple[DeviceCode | None, str, int]:
    """Who waits with the code that was posted; else None, why, and the status of that."""
    if not access.may_connect(request.user):
        raise PermissionDenied(words.NOBODY)
    if throttle.counted("code", SECONDS, str(request.user.pk)) > TRIES:
        return None, words.TOO_MANY_CODES, 429
    asked = devices.find(request.POST.get("code", "")[:40])
    return (asked, "", 200) if asked is not None else (None, words.NO_CODE, 404)


def _told(request: HttpRequest, changed: DeviceCode | None, sentence: str) -> HttpResponse:
    if changed is None:
        messages.error(request, words.OVER)
    else:
        messages.success(request, sentence)
    return redirect("connect")


def _page(
    request: HttpRequest, asked: DeviceCode | None = None, status: int = 200, **more: Any
) -> HttpResponse:
    tried = request.POST if status in (400, 403, 409, 503) and asked is not None else None
    scopes = tried.getlist("scopes") if tried is not None else asked.scopes.split() if asked else ()
    said = tried or _proposed(asked)
    here = request.META.get("REMOTE_ADDR", "")
    context = {
        "asked": asked,
        "shown": devices.shown(asked.code) if asked else "",
        "here": here,
        "elsewhere": asked is not None and asked.address != here,
        "may_make": access.may_connect(request.user),
        "nobody": words.NOBODY,
        "heard_says": words.HEARD,
        **terms.fields(said, scopes),
        **more,
    }
    return render(request, "dashboard/connect/code.html", context, status=status)


def _proposed(asked: DeviceCode | None) -> dict[str, Any] | None:
    """What the form shows at first: what the command wants."""
    if asked is None:
        return None
    return {"agent": asked.agent, "label": str(asked)[:255], "days": terms.DAYS, "asks": EVERY}
