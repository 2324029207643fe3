"""Tokens of agents: the form that makes one and shows it once, the list of them, and their end."""

import json
import logging
from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from core.api.hooks import BEFORE, EVERY, PROMPT, PROMPTED, TOLD
from core.history.people import tokens
from core.history.people.tokens import LONGEST_DAYS, PROVISION, SCOPES, NotYours, Wanted
from core.models import AgentToken
from dashboard import access
from dashboard.connect import words

logger = logging.getLogger(__name__)

LISTED = 50
DAYS = 90
HOOK_SECONDS = 600
LISTED_TOOLS = "tools"  # of a form: those that are typed beside it
FIRST = ("ask", "beat")  # what a new token may, unless somebody says otherwise


@dataclass(frozen=True)
class Line:
    """One token in the list."""

    token: AgentToken
    state: str
    scopes: list[str]

    @classmethod
    def of(cls, token: AgentToken, now: datetime) -> "Line":
        """As it stands now."""
        return cls(token, _state(token, now), token.scopes.split())

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
        token, secret = tokens.make(request.user, _wanted(request))
    except NotYours as refusal:
        return _page(request, 403, problem=str(refusal))
    except ValueError as error:
        return _page(request, 400, problem=words.NOT_MADE.format(why=error))
    except DatabaseError:
        logger.exception("a token could not be recorded, so it was not made")
        return _page(request, 503, problem=words.AWAY)
    address = request.build_absolute_uri("/").rstrip("/")
    return _page(
        request, made=token, secret=secret, address=address, hooks=settings_of(address, token.is_prefix)
    )


@require_POST
@access.viewer_required
def revoke(request: HttpRequest, number: int) -> HttpResponse:
    """End a token for good."""
    try:
        token = tokens.revoke(request.user, number)
    except NotYours as refusal:
        raise PermissionDenied(str(refusal)) from refusal
    if token is None:
        raise Http404(words.NO_TOKEN)
    messages.success(request, words.REVOKED.format(token=f"T{str(token)[1:]}"))
    return redirect("connect")


def settings_of(address: str, is_fleet: bool = False) -> str:
    """The hooks of a coding agent, as they stand in its settings: what cannot be asked is blocked."""
    rest = "&agent=1" if is_fleet else ""
    hook = {
        "type": "http",
        "url": f"{address}/api/v1/hooks/claude-code?timeout={HOOK_SECONDS}{rest}",
        "headers": {"Authorization": "Bearer $AGENT_TOKEN"},
        "allowedEnvVars": ["AGENT_TOKEN"],
        "timeout": HOOK_SECONDS,
    }
    held = [{"matcher": "*", "hooks": [{**hook, "onFailure": "block"}]}]
    hooks = dict.fromkeys((BEFORE, PROMPT), held) | {
        event: [{"hooks": [hook]}] for event in (*TOLD, "SessionEnd")
    }
    return json.dumps({"hooks": hooks}, indent=2)


def _wanted(request: HttpRequest) -> Wanted:
    said = request.POST
    days = said.get("days", "")
    if not days.isascii() or not days.isdigit() or len(days) > 4:
        raise ValueError(words.NO_DAYS)
    agent = said.get("agent", "").strip()
    label = said.get("label", "").strip() or agent
    asks = said.get("tools", "") if said.get("asks") == LISTED_TOOLS else said.get("asks", EVERY)
    return Wanted(label, agent, said.get("is_prefix") == "1", tuple(said.getlist("scopes")), int(days), asks)


def _page(request: HttpRequest, status: int = 200, **more: object) -> HttpResponse:
    now = timezone.now()
    page = Paginator(tokens.listed(request.user), LISTED).get_page(request.GET.get("page"))
    posted = request.POST if status != 200 else None
    chosen = posted.getlist("scopes") if posted is not None else FIRST
    context = {
        "page": page,
        "lines": [Line.of(token, now) for token in page],
        "may_make": access.may_connect(request.user),
        "nobody": words.NOBODY,
        "scopes": [(scope, words.SCOPES[scope], scope in chosen) for scope in (*SCOPES, PROVISION)],
        "asks": [(word, words.ASKS[word]) for word in (EVERY, PROMPTED, LISTED_TOOLS)],
        "longest": LONGEST_DAYS,
        "said": posted or {"days": DAYS, "asks": EVERY},
        **more,
    }
    return render(request, "dashboard/connect/connect.html", context, status=status)
