"""What a person may do to a request beside yes and no at once."""

import logging
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from core.history.approvals.answers import extensions, holds
from core.history.approvals.answers.holds import HeldDecision, Holding
from core.models import ApprovalRecord
from core.store.client import open_store
from core.values.approvals import PENDING
from dashboard import words as common
from dashboard.approvals import words
from dashboard.approvals.outcome import FAILURES, OutcomeNotice, not_done
from dashboard.display.tags import local_time

logger = logging.getLogger(__name__)


def show_held(request: HttpRequest, decision: HeldDecision) -> HttpResponse:
    """That an approval is held, with the button that takes it back, to stand beside the page."""
    assert decision.release_at is not None
    held = Holding(decision.responder, decision.release_at)
    shown = {"card": {"asked": decision, "held": held, "now": decision.now}, "mine": True}
    return render(request, "dashboard/approvals/_held.html", shown, status=202)


@require_POST
@login_required
def undo(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Take back what is held."""
    return _said(request, request_id, _undone(request, str(request_id)))


@require_POST
@login_required
def extend(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Let a request wait longer."""
    notice = _extended(request, str(request_id))
    if notice.status == 403 and request.headers.get("HX-Request") != "true":
        raise PermissionDenied(notice.text)
    return _said(request, request_id, notice)


def _said(request: HttpRequest, request_id: UUID, notice: OutcomeNotice) -> HttpResponse:
    """What came of it: beside the page, or on the request's own."""
    if request.headers.get("HX-Request") == "true":
        shown = {"kind": notice.kind, "text": notice.text}
        return render(request, "dashboard/_notice.html", shown, status=notice.status)
    messages.add_message(request, notice.level, notice.text)
    return redirect("approval", request_id)


def _extended(request: HttpRequest, request_id: str) -> OutcomeNotice:
    said = request.POST
    minutes = said.get(f"minutes-{request_id}", "")
    try:
        until = extensions.extend(
            open_store(),
            request.user,
            request_id,
            int(minutes) if minutes.isascii() and minutes.isdecimal() and len(minutes) < 6 else 0,
            said.get(f"digest-{request_id}", ""),
        )
    except FAILURES as error:
        return not_done(error, words.NOT_EXTENDED)
    return OutcomeNotice("done", words.LONGER.format(until=f"{local_time(until):%Y-%m-%d %H:%M:%S %Z}"), 200)


def _undone(request: HttpRequest, request_id: str) -> OutcomeNotice:
    try:
        intent = holds.take_back(request.user, request_id)
        if intent is not None:
            name = common.request_name(intent.approval_type, intent.agent_id)
            return OutcomeNotice("done", words.TAKEN_BACK.format(name=name), 200)
        of_another = holds.holdings([request_id]).get(request_id)
        if of_another is not None:
            return OutcomeNotice("refused", words.NOT_YOURS.format(name=of_another.name), 403)
        return OutcomeNotice("refused", words.NOT_TAKEN_BACK.format(what=_what_stands(request_id)), 409)
    except Error:
        logger.exception("an approval could not be taken back")
        return OutcomeNotice("unsure", words.NOT_BACK_NOW, 503)


def _what_stands(request_id: str) -> str:
    row = ApprovalRecord.objects.defer("context").filter(pk=request_id).exclude(status=PENDING).first()
    if row is None:
        return words.NOTHING_HELD
    return words.STOOD.format(status=common.STATUSES[row.status].lower(), by=row.responder)
