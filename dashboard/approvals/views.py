"""One request: its page, and the answer of a person to it."""

import logging
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import Error, transaction
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from core import failpoints
from core.agents import fleet
from core.approval_gates import Decision
from core.errors import DecisionUnconfirmed, MalformedRecord, StoreUnavailable
from core.history.approvals import decisions, rules
from core.history.approvals.alarms import AlteredRequest
from core.history.approvals.answers import presets
from core.history.approvals.answers.holds import HeldDecision
from core.history.approvals.policy import AnswerEvidence
from core.history.approvals.quorum import CountedVote
from core.history.approvals.signing import CannotSign
from core.history.audit import entries
from core.models import ApprovalRecord
from core.store.approvals import read_listened, read_record
from core.store.client import open_store
from core.values.approvals import ACCEPTED, ALREADY_DECIDED, UNKNOWN
from core.values.text import visible
from dashboard import access, words
from dashboard.access import Audience
from dashboard.address import BadAddress, page_at
from dashboard.approvals import answers
from dashboard.approvals import page as contexts
from dashboard.approvals.filters import Filters
from dashboard.approvals.outcome import FAILURES, OutcomeNotice
from dashboard.approvals.page import Asker
from dashboard.sign_in.freshness import is_fresh

logger = logging.getLogger(__name__)


@require_safe
@never_cache
@access.viewer_required
def show(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """The request with its history."""
    approval = access.approval_or_404(request.user, str(request_id))
    page = contexts.approval_page(str(request_id), approval)
    context = {"page": page, "audience": Audience.of(request.user)}
    return render(request, "dashboard/approvals/approval.html", context)


@require_POST
@never_cache
@access.reveal_required
def reveal(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """The whole text with its secrets, once that somebody looked is in the record."""
    approval = access.approval_or_404(request.user, str(request_id))
    context = contexts.revealed(str(request_id), approval)
    with transaction.atomic():
        who, fact = request.user.get_username(), entries.new_fact("secrets.shown")
        entries.append([replace(fact, actor=who, agent_id=context["agent_id"], request_id=str(request_id))])
    return render(request, "dashboard/approvals/revealed.html", context)


@require_POST
@login_required
def approve(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Say yes."""
    return answer(request, str(request_id), approved=True)


@require_POST
@login_required
def deny(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Say no."""
    return answer(request, str(request_id), approved=False)


def answer(request: HttpRequest, request_id: str, *, approved: bool, **beside: Any) -> HttpResponse:
    """Answer as the form says. beside: what is said beside yes and no, as `decisions.decide` takes it."""
    notice = answer_one(request, request_id, approved=approved, **beside)
    failpoints.reach("site.before_reply")
    if request.headers.get("HX-Request") == "true":
        if notice.held is not None:
            return answers.show_held(request, notice.held)
        return render(
            request,
            "dashboard/_notice.html",
            {"kind": notice.kind, "text": notice.text},
            status=notice.status,
        )
    if notice.status == 403:
        raise PermissionDenied(notice.text)
    if notice.held is None:  # else the page says so itself, with its Undo
        messages.add_message(request, notice.level, notice.text)
    own = request.POST.get("page") == request_id
    return redirect(
        reverse("approval", args=[request_id]) if own else inbox_address(request.POST.get("back", ""))
    )


def inbox_address(back: str) -> str:
    """The inbox as it was; of what a form says of it, only what can be in an address of ours."""
    try:
        return page_at("live", Filters.of(QueryDict(back)).query)
    except BadAddress:
        return page_at("live", "")


def answer_one(
    request: HttpRequest, request_id: str, *, approved: bool, together: bool = False, **beside: Any
) -> OutcomeNotice:
    """Decide one request as a form says, together with others or alone; Http404 for one that nobody knows."""
    # Where a form is about several requests, each field's name ends with the one it belongs to.
    reason = _reason(request, "" if together else f"-{request_id}", approved=approved)
    digest, store = request.POST.get(f"digest-{request_id}", ""), open_store()
    said_ = {"reason": reason, "digest": digest, "given": _given(request, request_id), **beside}
    try:
        decision = decisions.decide(store, request.user, request_id, approved=approved, **said_)
    except decisions.NotNoted as stands:
        told = _notice_of(stands.decision, approved=approved, by=request.user.get_username())
        return OutcomeNotice("unsure", words.ONLY_IN_REDIS.format(told=told.text), told.status)
    except (*FAILURES, CannotSign, DecisionUnconfirmed) as error:
        failed = _failed(error)
        return replace(failed, text=words.about(known_name(request_id), failed.text))
    if decision.outcome == UNKNOWN:
        raise Http404(words.NO_REQUEST)
    notice = _notice_of(decision, approved=approved, by=request.user.get_username())
    sticks = not approved and decision.accepted and request.POST.get(f"sticks-{request_id}") == "1"
    return _stuck(request.user, decision, digest, notice) if sticks else notice


def _failed(error: Exception) -> OutcomeNotice:
    """Why there is no decision, or none that is known."""
    match error:
        case decisions.NotAllowed():
            return OutcomeNotice("refused", str(error), 400 if error.need else 403)
        case AlteredRequest():
            return OutcomeNotice("refused", str(error), 409)
        case CannotSign():
            logger.error("nothing can be decided: %s", error)
            return OutcomeNotice("refused", words.NOT_SIGNED, 503)
        case DecisionUnconfirmed():
            logger.error("decision unconfirmed: %s", error)
            return OutcomeNotice("unsure", words.NOT_CONFIRMED, 503)
        case MalformedRecord():
            return OutcomeNotice("refused", words.UNREADABLE_REQUEST.format(error=error), 409)
        case StoreUnavailable():
            logger.error("Redis is needed for a decision", exc_info=error)
            return OutcomeNotice("refused", f"{words.NOTHING_DECIDED} {words.unavailable(error)}", 503)
        case Error():
            logger.error("a decision could not be recorded, so it was not made", exc_info=error)
            return OutcomeNotice("refused", words.NOT_WRITTEN, 503)
    return OutcomeNotice("refused", words.BAD_ANSWER.format(why=error), 400)


def _reason(request: HttpRequest, ending: str, *, approved: bool) -> str:
    """What somebody chose for a denial, and wrote; what nobody can see is no reason."""
    typed = request.POST.get(f"reason{ending}", "").replace("\r\n", "\n").strip()
    said = presets.joined([] if approved else request.POST.getlist(f"preset{ending}"), typed)
    return said if visible(said) else ""


def _stuck(user: Any, denial: Decision, digest: str, notice: OutcomeNotice) -> OutcomeNotice:
    """Let a denial stand on, and say so."""
    try:
        rules.stick(open_store(), user, denial, digest)
    except (decisions.NotAllowed, ValueError, StoreUnavailable) as error:
        return replace(notice, kind="unsure", text=words.NOT_STUCK.format(told=notice.text, why=error))
    except Error:
        logger.exception("that a denial stands on could not be recorded")
        why = words.NOTHING_WRITTEN
        return replace(notice, kind="unsure", text=words.NOT_STUCK.format(told=notice.text, why=why))
    return replace(notice, text=words.STUCK.format(told=notice.text))


def _given(request: HttpRequest, request_id: str) -> AnswerEvidence:
    """What came beside the button."""
    said = request.POST
    return AnswerEvidence(
        override=said.get(f"override-{request_id}") == "1",
        typed=said.get(f"typed-{request_id}", ""),
        fresh=is_fresh(request),
    )


def _notice_of(decision: Decision, *, approved: bool, by: str) -> OutcomeNotice:
    """What came of a decision that was answered."""
    name = words.request_name(decision.approval_type, decision.agent_id)
    if decision.outcome == ACCEPTED:
        return OutcomeNotice("done", words.accepted(name, approved=approved, gone=_why_gone(decision)), 200)
    if isinstance(decision, HeldDecision):
        return OutcomeNotice("done", name, 200, decision)
    if isinstance(decision, CountedVote):
        return OutcomeNotice("done", words.counted(name, len(decision.votes), decision.approvers), 200)
    if decision.outcome == ALREADY_DECIDED:
        who = words.YOU if decision.responder == by else decision.responder
        return OutcomeNotice(
            "refused", words.already_decided(name, decision.status, who, decision.ended_at), 409
        )
    return OutcomeNotice("refused", words.about(name, words.NOT_DECIDED[decision.outcome]), 409)


def known_name(request_id: str) -> str:
    """What a notice calls a request that was not decided; '' where neither store can tell."""
    with suppress(Error):
        kept = ApprovalRecord.objects.filter(pk=request_id).only("approval_type", "agent_id").first()
        if kept is not None:
            return words.request_name(kept.approval_type, kept.agent_id)
    with suppress(StoreUnavailable, MalformedRecord):
        live = read_record(open_store(), request_id)
        if live is not None:
            return words.request_name(live.approval_type, live.agent_id)
    return ""


def _why_gone(decision: Decision) -> str:
    """Why nobody hears an answer that took effect; '' where that is not known."""
    if decision.ended_at is None:
        return ""
    at = decision.ended_at
    try:
        states = fleet.read_states(open_store(), [decision.agent_id])
        listened = read_listened(open_store(), [decision.request_id], at).get(decision.request_id)
    except StoreUnavailable:
        return ""
    asker = next((Asker.of(state, at) for state in states), None)
    return contexts.why_gone(asker, decision.requested_at or at, listened, at)
