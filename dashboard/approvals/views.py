"""One request: its page, and the answer of a person to it."""

import logging
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import Error
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from core import failpoints
from core.approval_gates import ApprovalGate
from core.errors import DecisionUnconfirmed, MalformedRecord, StoreUnavailable
from core.history.approvals import decisions
from dashboard import access
from dashboard.access import Audience
from dashboard.approvals import page as contexts
from dashboard.approvals.notices import Notice, notice_of
from dashboard.words import UNAVAILABLE

logger = logging.getLogger(__name__)

NOT_WRITTEN = (
    "Nothing was decided, because the record cannot be written. Answer again in a minute. If it stays so, whoever "
    "runs the site looks at its database and the disk below it."
)


@require_safe
@never_cache
@access.viewer_required
def show(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """The request with its history."""
    try:
        approval = access.approval_or_404(request.user, str(request_id))
    except StoreUnavailable as error:
        return render(request, "503.html", {"why": f"{UNAVAILABLE} ({error})"}, status=503)
    page = contexts.approval_page(str(request_id), approval)
    context = {"page": page, "audience": Audience.of(request.user)}
    return render(request, "dashboard/approvals/approval.html", context)


@require_POST
@login_required
def approve(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Say yes."""
    return _answer(request, str(request_id), approved=True)


@require_POST
@login_required
def deny(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Say no."""
    return _answer(request, str(request_id), approved=False)


def _answer(request: HttpRequest, request_id: str, *, approved: bool) -> HttpResponse:
    notice = _decide(request, request_id, approved=approved)
    failpoints.reach("site.before_reply")
    if request.headers.get("HX-Request") == "true":
        return render(
            request,
            "dashboard/_notice.html",
            {"kind": notice.kind, "text": notice.text},
            status=notice.status,
        )
    if notice.status == 403:
        raise PermissionDenied(notice.text)
    messages.add_message(request, notice.level, notice.text)
    page = (
        reverse("approval", args=[request_id]) if request.POST.get("page") == request_id else reverse("live")
    )
    return redirect(page)


def _decide(request: HttpRequest, request_id: str, *, approved: bool) -> Notice:
    # A page has one form for all its cards: each field's name ends with the request it belongs to.
    reason = request.POST.get(f"reason-{request_id}", "").replace("\r\n", "\n").strip()
    digest = request.POST.get(f"digest-{request_id}", "")
    try:
        decision = decisions.decide(
            ApprovalGate(), request.user, request_id, approved=approved, reason=reason, digest=digest
        )
    except decisions.NotNoted as stands:
        return Notice.not_noted(stands.decision, approved=approved, by=request.user.get_username())
    except decisions.NotAllowed as refusal:
        return Notice("refused", str(refusal), 403)
    except ValueError as error:
        return Notice("refused", f"Nothing was decided: {error}.", 400)
    except MalformedRecord as error:
        return Notice("refused", f"Nothing was decided, because the request cannot be read: {error}", 409)
    except DecisionUnconfirmed as error:
        logger.error("decision unconfirmed: %s", error)
        return Notice.unconfirmed()
    except StoreUnavailable as error:
        return Notice("refused", f"Nothing was decided. {UNAVAILABLE} ({error})", 503)
    except Error:
        logger.exception("a decision could not be recorded, so it was not made")
        return Notice("refused", NOT_WRITTEN, 503)
    if decision.outcome == "unknown":
        raise Http404("No such request.")
    return notice_of(decision, approved=approved, by=request.user.get_username())
