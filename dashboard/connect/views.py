"""Tokens of agents: the form that makes one and shows it once, the list of them, and their end."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.api.elicitation import ELICITATION
from core.api.hooks import BEFORE, ENDED, EVERY, PROMPT, TOLD
from core.history.agents import coverage, renewal
from core.history.people import tokens
from core.history.people.tokens import NotYours
from core.models import AgentToken
from dashboard import access
from dashboard.connect import terms, words
from dashboard.connect.package import package
from dashboard.connect.snippets import SNIPPETS, curl, environment

logger = logging.getLogger(__name__)

LISTED = 50
COVERAGE_DAYS = 7
HOOK_SECONDS = 600
FIRST = ("ask", "beat")  # what a new token may, unless somebody says otherwise


@dataclass(frozen=True)
class TokenLine:
    """One token in the list."""

    token: AgentToken
    state: str
    scopes: list[str]
    old_until: datetime | None
    is_mine: bool

    @classmethod
    def of(cls, token: AgentToken, now: datetime, user: Any) -> "TokenLine":
        """As it stands now, for who looks."""
        until, is_mine = token.previous_until, token.owner_id == user.pk
        old = until if until is not None and until > now else None
        return cls(token, _state(token, now), token.scopes.split(), old, is_mine)

    @property
    def word(self) -> str:
        """Its state in words."""
        return words.STATES[self.state]


def _state(token: AgentToken, now: datetime) -> str:
    if token.revoked_at is not None:
        return "revoked"
    if token.expires_at <= now:
        return "over"
    return "works" if token.owner.is_active else "owner"


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@access.viewer_required
def show(request: HttpRequest) -> HttpResponse:
    """The form and the list; what is posted becomes a token, whose secret is in this one answer alone."""
    if request.method != "POST":
        return _page(request)
    if not access.may_connect(request.user):
        raise PermissionDenied(words.NOBODY)
    try:
        token, secret = tokens.make(request.user, terms.token_spec(request))
    except terms.REFUSED as error:
        refusal = terms.FormRefusal.of(error, request.user)
        return _page(request, refusal.status, **refusal.shown)
    return _made(request, token, secret)


@require_safe
def fetch(request: HttpRequest) -> HttpResponse:
    """The package that agents install, for `pip`, which signs in nowhere: nothing in it is of this site alone."""
    return HttpResponse(package().content, content_type="application/zip")


@require_POST
@access.viewer_required
def revoke(request: HttpRequest, number: int) -> HttpResponse:
    """End a token for good."""
    token = _ended(request, number, tokens.revoke)
    messages.success(request, words.REVOKED.format(token=f"T{str(token)[1:]}"))
    return redirect("connect")


@require_POST
@never_cache
@access.viewer_required
def renew(request: HttpRequest, number: int) -> HttpResponse:
    """A new secret for a token, in this one answer alone; the old one works on for a while."""
    try:
        renewed = renewal.renew(request.user, number)
    except NotYours as refusal:
        raise PermissionDenied(str(refusal)) from refusal
    except DatabaseError:
        logger.exception("a renewal could not be recorded, so nothing was renewed")
        return _page(request, 503, problem=words.AWAY)
    if renewed is None:
        raise Http404(words.NO_TOKEN)
    token, secret = renewed
    return _made(request, token, secret, renewed=True)


@require_POST
@access.viewer_required
def end_old(request: HttpRequest, number: int) -> HttpResponse:
    """End the secret from before a renewal now."""
    token = _ended(request, number, renewal.end_previous)
    messages.success(request, words.SHORTENED.format(token=str(token)))
    return redirect("connect")


def _ended(request: HttpRequest, number: int, end: Callable[[Any, int], AgentToken | None]) -> AgentToken:
    """The token of which something was ended; 403 for another's, 404 for none."""
    try:
        token = end(request.user, number)
    except NotYours as refusal:
        raise PermissionDenied(str(refusal)) from refusal
    if token is None:
        raise Http404(words.NO_TOKEN)
    return token


def settings_of(address: str, is_fleet: bool = False) -> str:
    """The hooks of a coding agent, a line each, as they stand in its settings: what cannot be asked is blocked."""
    rest = "&agent=1" if is_fleet else ""
    hook = {
        "type": "http",
        "url": f"{address}/api/v1/hooks/claude-code?timeout={HOOK_SECONDS}&understands=edited{rest}",
        "headers": {"Authorization": "Bearer $TELEMETRY_TOKEN"},
        "allowedEnvVars": ["TELEMETRY_TOKEN"],
        "timeout": HOOK_SECONDS,
    }
    held = [{"matcher": "*", "hooks": [{**hook, "onFailure": "block"}]}]
    asked = {**dict.fromkeys((BEFORE, PROMPT), held), ELICITATION: [{"hooks": held[0]["hooks"]}]}
    hooks = asked | {event: [{"hooks": [hook]}] for event in (*TOLD, ENDED)}
    lines = ",\n".join(f"    {json.dumps(event)}: {json.dumps(said)}" for event, said in hooks.items())
    return f'{{\n  "hooks": {{\n{lines}\n  }}\n}}'


def _made(request: HttpRequest, token: AgentToken, secret: str, renewed: bool = False) -> HttpResponse:
    hooks = settings_of(_address(request), token.is_prefix)
    program = _program(request, secret, token.is_prefix)
    answers = terms.who_answers(request.user, token.agent, token.is_prefix)
    return _page(request, made=token, secret=secret, renewed=renewed, hooks=hooks, answers=answers, **program)


def _program(request: HttpRequest, secret: str, is_fleet: bool = False) -> dict[str, Any]:
    """The lines that use a token."""
    address = _address(request)
    return {"environment": environment(address, secret, is_fleet), "curl": curl(address, is_fleet)}


def _address(request: HttpRequest) -> str:
    return request.build_absolute_uri("/").rstrip("/")


def _page(request: HttpRequest, status: int = 200, **more: object) -> HttpResponse:
    now = timezone.now()
    page = Paginator(tokens.listed(request.user), LISTED).get_page(request.GET.get("page"))
    posted = request.POST if status != 200 and "agent" in request.POST else None
    named = {"agent": request.GET["agent"][:255]} if "agent" in request.GET else {}
    usual = {"days": terms.DAYS, "asks": EVERY, **named}
    context = {
        "page": page,
        "lines": [TokenLine.of(token, now, request.user) for token in page],
        "may_make": access.may_connect(request.user),
        "nobody": words.NOBODY,
        "address": _address(request),
        # With its digest `pip` checks it, and takes no older one that it kept.
        "package": f"{_address(request)}{reverse('agent-package')}#sha256={package().digest}",
        "opened": posted is not None,
        "snippets": SNIPPETS,
        **_program(request, words.PLACE_OF_TOKEN),
        "ungated": coverage.ungated(now, COVERAGE_DAYS),
        "coverage_days": COVERAGE_DAYS,
        "heard_says": words.HEARD,
        **terms.fields(posted or usual, posted.getlist("scopes") if posted is not None else FIRST),
        **more,
    }
    return render(request, "dashboard/connect/connect.html", context, status=status)
