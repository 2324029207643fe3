"""Several requests answered at once: what is in it is shown first, and each is decided and recorded for itself."""

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import Error
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from core.errors import StoreUnavailable
from core.history.approvals.answers import holds, presets
from core.history.audit.kinds import read_details
from core.models import AuditEntry, DecisionIntent
from core.store.approvals import valid_id
from core.store.client import open_store
from core.values.approvals import HELD, VOID
from dashboard import access, words
from dashboard.access import Audience
from dashboard.approvals import known_names as names
from dashboard.approvals import unusual
from dashboard.approvals.inbox import MOST_TOGETHER, InboxLine, RequestGroup, may_go_together
from dashboard.approvals.views import answer_one, inbox_address, known_name
from dashboard.approvals.waiting import QueuedRequest, read_waiting
from dashboard.approvals.words import (
    GONE,
    NOT_BACK_NOW,
    NOT_TOGETHER,
    NOTHING_CHOSEN,
    OTHER_SORT,
    TOO_MANY,
    failed,
    taken_back,
    together,
    too_late,
)

logger = logging.getLogger(__name__)


@require_POST
@never_cache
@access.viewer_required
def confirm(request: HttpRequest) -> HttpResponse:
    """What would be answered, once more and whole. It decides nothing."""
    chosen, back = request.POST.getlist("id"), request.POST.get("back", "")
    if not 0 < len(chosen) <= MOST_TOGETHER:
        messages.error(request, TOO_MANY.format(most=MOST_TOGETHER) if chosen else NOTHING_CHOSEN)
        return redirect(inbox_address(back))
    try:
        sorted_out = _sorted_out(request, chosen)
    except StoreUnavailable as error:
        messages.error(request, words.unavailable(error))
        return redirect(inbox_address(back))
    answered = sorted_out.answered
    for sentence in sorted_out.sentences:
        messages.warning(request, sentence)
    if not answered:
        return redirect(inbox_address(back))
    audience: Any = Audience.of(request.user)
    shown = RequestGroup.of(InboxLine(answered[0], tuple(answered)), audience.verdict(answered[0]))
    approved = request.POST.get("answer") != "deny"
    context = {"together": shown, "approved": approved, "back": back, "inbox": {"now": sorted_out.now}}
    if not approved:
        context["presets"] = presets.offered(shown.first.approval_type, audience.powers.version)
    return render(request, "dashboard/approvals/together.html", context)


@require_POST
@login_required
def approve(request: HttpRequest) -> HttpResponse:
    """Say yes to each."""
    return _answer(request, approved=True)


@require_POST
@login_required
def deny(request: HttpRequest) -> HttpResponse:
    """Say no to each."""
    return _answer(request, approved=False)


def _answer(request: HttpRequest, *, approved: bool) -> HttpResponse:
    chosen, back = request.POST.getlist("id")[:MOST_TOGETHER], request.POST.get("back", "")
    try:
        _now, answered, barred, failures = _sorted_out(request, chosen)
    except StoreUnavailable as error:
        messages.error(request, words.unavailable(error))
        return redirect(inbox_address(back))
    decided = 0
    for account in (*answered, *barred):  # who may not is refused one by one, and each is in the record
        try:
            notice = answer_one(request, account.request_id, approved=approved, together=True)
        except Http404:
            failures.append(GONE.format(name=_name(account)))
            continue
        if notice.held is not None:
            continue  # the inbox says what is held, and offers to take it back
        if notice.kind == "done":
            decided += 1
        else:
            failures.append(notice.text)
    if decided:
        messages.success(request, together(decided, approved=approved))
    if failures:
        messages.error(request, " ".join([failed(len(failures)), *failures]))
    return redirect(inbox_address(back))


@require_POST
@login_required
def undo(request: HttpRequest) -> HttpResponse:
    """Take back each approval of this person that is held yet."""
    chosen = [one for one in dict.fromkeys(request.POST.getlist("id")) if valid_id(one)]
    taken = 0
    try:
        for request_id in chosen:
            taken += holds.take_back(request.user, request_id) is not None
    except Error:
        logger.exception("approvals could not be taken back")
        messages.warning(request, NOT_BACK_NOW)
    else:
        if taken < len(chosen):
            messages.error(request, too_late(len(chosen) - taken))
    if taken:
        messages.success(request, taken_back(taken))
    return redirect(inbox_address(request.POST.get("back", "")))


@require_safe
@never_cache
@access.viewer_required
def held(request: HttpRequest) -> HttpResponse:
    """What became of approvals that this person gave together: which are held yet, and which did not count, and why."""
    asked = [one for name in ("id", "of") for one in request.GET.getlist(name) if valid_id(one)]
    if not asked:  # somebody's own eyes: what follows is a part of a page
        return redirect("live")
    intents = holds.last_attempts(request.user, asked[:MOST_TOGETHER])
    try:
        waiting = read_waiting(open_store())
    except StoreUnavailable as error:
        return HttpResponse(words.unavailable(error), status=503, content_type="text/plain")
    names_of = {account.request_id: _name(account) for account in waiting.accounts}
    why = _why_void([intent for intent in intents if intent.outcome == VOID])
    why |= {one.pk: words.OUTCOMES[one.outcome] for one in intents if one.outcome in words.OUTCOMES}
    refused = (
        (names_of.get(str(one.request_id)) or _name_of(one), str(one.request_id), why[one.pk])
        for one in intents
        if one.pk in why
    )
    still = [
        (str(one.request_id), one.release_at)
        for one in intents
        if one.outcome == HELD and one.release_at is not None
    ]
    released = [one for one in intents if one.outcome not in (HELD, VOID) and one.pk not in why]
    context = {
        "held": sorted(still, key=lambda one: one[1]),
        "refused": sorted(refused),
        "released": [str(one.request_id) for one in released],
        "inbox": {"now": waiting.now, "filters": {"query": request.GET.get("back", "")}},
    }
    return render(request, "dashboard/approvals/_held_together.html", context)


def _why_void(intents: list[DecisionIntent]) -> dict[UUID, str]:
    """Why these did not count, as the record says it; nothing of those that were taken back."""
    entries = AuditEntry.objects.filter(
        kind="decision.voided", request_id__in=[one.request_id for one in intents]
    )
    said = [read_details(details) for details in entries.values_list("details", flat=True)]
    why = {one.get("decision_id"): str(one.get("why", "")) for one in said}
    return {one.pk: why[str(one.pk)] for one in intents if str(one.pk) in why}


def _name_of(intent: DecisionIntent) -> str:
    return words.request_name(intent.approval_type, intent.agent_id)


class _Sorted(NamedTuple):
    """The chosen: those that may be answered together, those that this person may not answer, and why not the rest."""

    now: datetime
    answered: list[QueuedRequest]
    barred: list[QueuedRequest]
    left: list[str]

    @property
    def sentences(self) -> list[str]:
        """One for each that may not be answered so."""
        return [*(NOT_TOGETHER.format(name=_name(account)) for account in self.barred), *self.left]


def _sorted_out(request: HttpRequest, chosen: Iterable[str]) -> _Sorted:
    waiting, audience = read_waiting(open_store()), Audience.of(request.user)
    by_id = {account.request_id: account for account in waiting.accounts}
    unusual.refresh(waiting.accounts)
    names.refresh()
    odd = unusual.unusual_ids(waiting.accounts)
    found = _Sorted(waiting.now, [], [], [])
    for request_id in dict.fromkeys(chosen):
        account = by_id.get(request_id)
        if account is None:
            name = known_name(request_id) if valid_id(request_id) else ""
            found.left.append(GONE.format(name=name or request_id))
        elif audience is None or not audience.verdict(account).allowed:
            found.barred.append(account)
        elif not may_go_together(audience, account) or request_id in odd or not account.shape:
            found.left.append(NOT_TOGETHER.format(name=_name(account)))
        elif found.answered and account.shape != found.answered[0].shape:
            found.left.append(OTHER_SORT.format(name=_name(account)))
        else:
            found.answered.append(account)
    return found


def _name(account: QueuedRequest) -> str:
    """What tells it from others of its kind too."""
    name = words.request_name(account.approval_type, account.agent_id)
    return f"{name} ({account.facts})" if account.facts else name
