"""Agents: the page of all, the page of one, and putting the dead away."""

import logging

from django.contrib import messages
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from core.errors import StoreUnavailable
from core.history.agents import putting_away
from core.values.names import checked_name
from dashboard import access, words
from dashboard.address import BadAddress, page_at
from dashboard.agents import page as agent_contexts
from dashboard.agents.list_query import ListQuery
from dashboard.agents.listing import fleet_page, unavailable_page
from dashboard.agents.selection import AgentSelection, NothingSelected

logger = logging.getLogger(__name__)

LIST = "dashboard/agents/agents.html"


@require_safe
@never_cache
@access.viewer_required
def show(request: HttpRequest) -> HttpResponse:
    """The agent of `?id=`, or the list that the address asks for; with 503 and what is known when Redis is away."""
    return _one(request, request.GET["id"]) if "id" in request.GET else _list(request)


@require_POST
@access.put_away_required
def put_away(request: HttpRequest) -> HttpResponse:
    """Take agents that failed or are lost off the lists: those that the page showed, as they stood then."""
    try:
        meant = AgentSelection.of(request.POST)
        dead = meant.among_all()
        put = putting_away.put_away(dead, request.user)
        left = max(0, len(dead) - putting_away.AT_ONCE)
        level, text = messages.SUCCESS, words.put_away(len(put), left) if put else words.NOBODY_PUT_AWAY
    except NothingSelected:
        level, text = messages.ERROR, words.NOT_MEANT
    except StoreUnavailable as error:
        level, text = messages.ERROR, words.NOTHING_CHANGED.format(error=error)
    except DatabaseError as error:
        # What it said is in the log alone: it names hosts.
        logger.error("agents cannot be put away: %s", error)
        level, text = messages.ERROR, words.NOT_PUT_AWAY
    messages.add_message(request, level, text)
    return redirect(_address(request.POST.get("back", "")))


def _list(request: HttpRequest) -> HttpResponse:
    try:
        asked = ListQuery.of(request.GET)
    except BadAddress as error:
        context = {"page": unavailable_page(ListQuery()), "refused": str(error)}
        return render(request, LIST, context, status=400)
    try:
        page, problem = fleet_page(asked), ""
    except StoreUnavailable as error:
        page, problem = unavailable_page(asked), words.unavailable(error)
    context = {"page": page, "problem": problem, "may_put_away": access.may_put_away(request.user)}
    return render(request, LIST, context, status=503 if problem else 200)


def _one(request: HttpRequest, name: str) -> HttpResponse:
    try:
        agent_id = checked_name(name, "id")
    except ValueError as error:
        raise Http404(words.NO_AGENT) from error
    try:
        page, problem = agent_contexts.agent_page(agent_id), ""
    except StoreUnavailable as error:
        page, problem = agent_contexts.remembered_page(agent_id), words.unavailable(error)
        if page is None:
            return render(request, "503.html", {"why": problem}, status=503)
    if page is None:
        raise Http404(words.NO_AGENT)
    context = {"page": page, "row": page.row, "now": page.now, "problem": problem}
    return render(request, "dashboard/agents/agent.html", context, status=503 if problem else 200)


def _address(back: str) -> str:
    """The list as it was; of what a form says of it, only what can be in an address of ours."""
    try:
        return page_at("agents", ListQuery.of(QueryDict(back)).query)
    except BadAddress:
        return page_at("agents", "")
