"""One agent: its page."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core.errors import StoreUnavailable
from core.values.names import checked_name
from dashboard import access, words
from dashboard.agents import page as agent_contexts


@require_safe
@never_cache
@access.viewer_required
def show(request: HttpRequest) -> HttpResponse:
    """The agent of `?id=` as it stands now; with 503 and what the record holds when Redis is away."""
    try:
        agent_id = checked_name(request.GET.get("id", ""), "id")
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
    context = agent_contexts.context_of(page, problem=problem)
    return render(request, "dashboard/agents/agent.html", context, status=503 if problem else 200)
