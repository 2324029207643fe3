"""Asking somebody else to answer a request."""

import logging
from itertools import groupby
from typing import Any, NoReturn
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from core.errors import MalformedRecord, StoreUnavailable
from core.history.approvals.answers import handing
from core.store.client import open_store
from core.values.approvals import PENDING
from dashboard import access
from dashboard import words as common
from dashboard.approvals import words
from dashboard.approvals.outcome import FAILURES, OutcomeNotice, not_done

logger = logging.getLogger(__name__)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def hand_over(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """The form, and what came of it: back to the inbox, where the request still waits for whoever may answer it."""
    if not access.may_hand_over(request.user):
        _refuse(request, str(request_id))
    approval = access.approval_or_404(request.user, str(request_id))
    asked = approval.known
    problem, status = "", 200
    if request.method == "POST":
        notice = _handed(request, str(request_id), asked)
        if notice.kind == "done":
            messages.success(request, notice.text)
            return redirect(f"{reverse('live')}?selected={request_id}")
        if notice.status == 403:
            raise PermissionDenied(notice.text)
        problem, status = notice.text, notice.status
    waits = approval.live is not None and approval.live.status == PENDING
    choices = [
        (words.RECEIVERS[kind], list(found))
        for kind, found in groupby(handing.receivers() if waits else [], lambda one: one.kind)
    ]
    me = f"{handing.PERSON}:{request.user.pk}"
    about = {"asked": asked, "request_id": request_id, "choices": choices, "waits": waits}
    shown = {**about, "problem": problem, "me": me}
    return render(request, "dashboard/approvals/hand_over.html", shown, status=status)


def _refuse(request: HttpRequest, request_id: str) -> NoReturn:
    """No, with a line in the record where it was tried."""
    if request.method == "POST":
        try:
            handing.refuse(open_store(), request.user, request_id)
        except (MalformedRecord, StoreUnavailable, Error):  # a no stays a no
            logger.exception("a refused hand-over is not in the record")
    raise PermissionDenied(common.NO_HANDING)


def _handed(request: HttpRequest, request_id: str, asked: Any) -> OutcomeNotice:
    name = common.request_name(asked.approval_type, asked.agent_id)
    try:
        to = handing.hand_over(open_store(), request.user, request_id, request.POST.get("to", ""))
    except FAILURES as error:
        return not_done(error, words.NOT_HANDED)
    if to.kind == handing.PERSON and to.pk == request.user.pk:
        return OutcomeNotice("done", words.TAKEN.format(request=name), 200)
    text = words.HANDED.format(name=common.quoted(to.name), request=name, others=words.TOLD)
    return OutcomeNotice("done", text, 200)
