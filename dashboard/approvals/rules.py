"""Rules: the list of them, the form that makes one from a request, and the end of one."""

import logging
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.core.paginator import Page, Paginator
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.text import capfirst
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.errors import StoreUnavailable
from core.history.approvals import rules
from core.history.approvals.decisions import NotAllowed
from core.history.approvals.precedents import precedents_of
from core.history.approvals.terms import FREE, ValueTerm, read_terms
from core.history.people import rights
from core.models import Rule
from core.models.sealed import key_lost
from core.store.client import open_store
from core.values.approvals import APPROVED, REJECTED
from core.values.malformed import ODD
from dashboard import access, words
from dashboard.approvals import words as answers
from dashboard.approvals.drafts import RuleForm, draft_digest

logger = logging.getLogger(__name__)

LISTED = 50
SHOWN = 10


@dataclass(frozen=True)
class RuleLine:
    """One rule in the list. `state`: works, revoked, over, used or idle."""

    rule: Rule
    terms: list[tuple[ValueTerm, str]]
    state: str
    unread: str = ""  # why nobody can say which values it looks at

    @classmethod
    def of(cls, rule: Rule, deciders: set[int], now: datetime) -> "RuleLine":
        """As it stands now."""
        state = _state(rule, deciders, now)
        try:
            named = [(term, words.HOW[term.how]) for term in read_terms(rule.terms) if term.how != FREE]
        except ODD:
            return cls(rule, [], state, f"{key_lost(rule.terms)} {answers.ANSWERS_NOTHING}".strip())
        return cls(rule, named, state)

    @property
    def word(self) -> str:
        """Its state in words."""
        return words.RULE_STATES[self.state]


def _state(rule: Rule, deciders: set[int], now: datetime) -> str:
    if rule.revoked_at is not None:
        return "revoked"
    if rule.expires_at <= now:
        return "over"
    if rule.uses >= rule.most_uses:
        return "used"
    return "works" if rule.owner_id in deciders else "idle"


@require_safe
@never_cache
@access.viewer_required
def show(request: HttpRequest) -> HttpResponse:
    """All rules, newest first, a part at a time: three queries however many there are."""
    page: Page[Rule] = Paginator(Rule.objects.select_related("owner"), LISTED).get_page(
        request.GET.get("page")
    )
    owners = {rule.owner_id for rule in page}
    deciders = set(rights.deciders(get_user_model()).filter(pk__in=owners).values_list("pk", flat=True))
    now = timezone.now()
    context = {
        "page": page,
        "lines": [RuleLine.of(rule, deciders, now) for rule in page],
        "may_revoke": access.may_revoke(request.user),
        "off": not settings.TELEMETRY_RULES,
    }
    return render(request, "dashboard/approvals/rules.html", context)


@require_POST
@access.revoke_required
def revoke(request: HttpRequest, number: int) -> HttpResponse:
    """Stop a rule for good."""
    try:
        rule = rules.revoke(request.user, number, timezone.now())
    except DatabaseError:
        logger.exception("a rule could not be revoked")
        messages.error(request, words.NOTHING_WRITTEN)
        return redirect("rules")
    if rule is None:
        raise Http404(words.NO_RULE)
    messages.success(request, words.REVOKED.format(rule=capfirst(str(rule))))
    return redirect("rules")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@access.viewer_required
def draft(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """The form of a rule made from a request; what is posted twice the same is saved, once its past was shown."""
    approval = access.approval_or_404(request.user, str(request_id))
    writing = RuleForm.of(approval, request.POST.dict() if request.method == "POST" else {})
    powers = access.powers(request.user)
    barred = rules.why_not(powers, powers.verdict(approval.known), writing.kind)
    context = {"writing": writing, "barred": barred or writing.barred}
    if request.method != "POST" or (barred and "save" not in request.POST):
        return _form(request, context, 403 if barred else 200)
    return _posted(request, writing, context)


def _posted(request: HttpRequest, writing: RuleForm, context: dict[str, object]) -> HttpResponse:
    try:
        if writing.barred:
            raise ValueError(writing.barred.rstrip("."))
        wanted = writing.draft()
        mark = draft_digest(wanted)
        if "save" in request.POST and (context["barred"] or request.POST.get("seen") == mark):
            rule = rules.make(open_store(), request.user, wanted)
            messages.success(request, words.MADE.format(rule=capfirst(str(rule))))
            return redirect("rules")
        past = precedents_of(wanted.scope)
    except NotAllowed as refusal:
        return _form(request, {**context, "barred": str(refusal)}, 403)
    except ValueError as error:
        return _form(request, {**context, "problem": words.NOT_MADE.format(why=error)}, 400)
    except StoreUnavailable as error:
        return _form(request, {**context, "problem": words.unavailable(error)}, 503)
    except DatabaseError:
        logger.exception("a rule could not be recorded, so it was not made")
        return _form(request, {**context, "problem": words.NO_RULE_MADE}, 503)
    counts = {"approved": past.count(APPROVED), "denied": past.count(REJECTED), "others": past.others}
    shown = {"past": past, "counts": counts, "newest": past.covered[:SHOWN], "mark": mark}
    return _form(request, {**context, **shown}, 200)


def _form(request: HttpRequest, context: dict[str, object], status: int) -> HttpResponse:
    return render(request, "dashboard/approvals/rule.html", context, status=status)
