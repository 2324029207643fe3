"""Rules that answer by themselves: made by a person, applied by the recorder, by the way of that person's answers.

The intent is in SQL before Redis is asked, and with it the use is counted, under the lock of the rule's row; a use
is never given back. One rule at most tries a request, once: the id of its decision is made of both.
"""

import logging
import time
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import Error, transaction
from django.db.models import F
from django.utils import timezone

from core.approvals.deciding import MAX_REASON_LENGTH
from core.approvals.request import Decision
from core.errors import DecisionUnconfirmed, MalformedRecord, StoreUnavailable
from core.history.approvals import alarms
from core.history.approvals.alarms import AlteredRequest
from core.history.approvals.answerable import KindAndAgent
from core.history.approvals.decisions import (
    DecisionAttempt,
    NotAllowed,
    NotNoted,
    carry_out,
    new_intent,
    sign_intent,
)
from core.history.approvals.policy import FRESH, TYPED, AnswerEvidence, Powers, Verdict, powers_of
from core.history.approvals.signing import CannotSign
from core.history.approvals.terms import Scope, written
from core.history.audit import entries
from core.history.audit.entries import refusals_recorded
from core.models import AgentRun, ApprovalRecord, DecisionIntent, Rule
from core.models.policy import ANY
from core.models.sealed import keys
from core.store.approvals import RequestRecord, read_records
from core.store.client import Store
from core.values.approvals import OPEN, PENDING
from core.values.digests import text_digest
from core.values.json import checked_text
from core.values.malformed import ODD, without_nul
from core.values.moments import at
from core.values.text import visible

logger = logging.getLogger(__name__)

LONGEST = timedelta(days=90)
MOST_USES = 10_000
STUCK_WITHOUT_RUN = timedelta(days=1)
PART = 50
EVERY_SECONDS = 60.0
AGAIN_SECONDS = 5.0
NAMES = uuid.UUID("6f1b7d0c-55d4-4a52-9d43-0d6a5b0e7c11")  # decisions of rules are named within it

OFF = "Rules are switched off on this site."
NOT_BY_RULE = (
    "Requests of this kind are answered by people, one by one: they are of high risk, cannot be undone, need several "
    "people, or need proof of care."
)
NAMED_ANY = "Its agent is named “*”, which in a rule would be every agent, so no rule can be made from it."
OWN = "No rule of yours answers this, as it is your own agent or you asked."


class RuleDraft(NamedTuple):
    """A rule before it is made. `run_id`: the only run of the agent in which it counts."""

    scope: Scope
    reason: str
    lasts: timedelta
    most_uses: int
    request_id: str
    run_id: uuid.UUID | None = None

    def checked(self) -> "RuleDraft":
        """This; ValueError, as a sentence, for what no rule may be."""
        without_nul(checked_text(self.reason, "reason", MAX_REASON_LENGTH), "reason")
        if not visible(self.reason):
            raise ValueError("a rule needs a reason, in words that can be read")
        if not timedelta() < self.lasts <= LONGEST:
            raise ValueError(f"a rule lasts at most {LONGEST.days} days")
        if not 0 < self.most_uses <= MOST_USES:
            raise ValueError(f"a rule is used from 1 to {MOST_USES:,} times")
        for term in self.scope.terms:
            term.checked()
        return self


def by_rule(powers: Powers, approval_type: str) -> bool:
    """Whether rules may answer requests of this kind at all."""
    demands = powers.demands(approval_type)
    return demands.approvers == 1 and demands.bulk and not {TYPED, FRESH} & set(demands.needs)


def why_not(powers: Powers, verdict: Verdict, approval_type: str) -> str:
    """Why this person cannot make a rule from a request; '' where they can."""
    if not settings.TELEMETRY_RULES:
        return OFF
    if not verdict.allowed or verdict.why:
        return OWN if verdict.allowed else verdict.why
    return "" if by_rule(powers, approval_type) else NOT_BY_RULE


def make(store: Store, user: Any, draft: RuleDraft) -> Rule:
    """Make a rule. NotAllowed (recorded), ValueError for what no rule may be, StoreUnavailable, DatabaseError."""
    now = at(store.time_ms())
    with refusals_recorded():
        owner = get_user_model().objects.get(pk=user.pk)
        powers, scope = powers_of(owner), draft.checked().scope
        if refusal := _refusal(powers, KindAndAgent(scope.approval_type, scope.agent), draft):
            raise NotAllowed(refusal, fact=_fact("rule.refused", owner, draft, why=refusal))
        rule = _created(owner, draft, now)
        entries.append([_fact("rule.made", owner, draft, **said_of(rule))])
    return rule


def _refusal(powers: Powers, asked: KindAndAgent, draft: RuleDraft) -> str:
    verdict = powers.verdict(asked)
    if draft.scope.digest:  # a denial that stands on: whoever may deny may say so, of every kind
        return "" if settings.TELEMETRY_RULES and verdict.allowed else verdict.why or OFF
    return why_not(powers, verdict, asked.approval_type)


def _created(owner: Any, draft: RuleDraft, now: datetime) -> Rule:
    scope = draft.scope
    rule = Rule.objects.create(
        owner=owner,
        approved=scope.approved,
        approval_type=scope.approval_type,
        agent=scope.agent,
        terms="",
        digest=scope.digest,
        run_id=draft.run_id,
        reason=draft.reason,
        request_id=draft.request_id,
        created_at=now,
        expires_at=now + draft.lasts,
        most_uses=draft.most_uses,
    )
    rule.terms = written(scope.terms)  # sealed for its number, where there is a key
    rule.save(update_fields=["terms"])
    return rule


def said_of(rule: Rule) -> dict[str, Any]:
    """What the record says of a rule; of terms that are sealed their digest, for no line of it can be sealed anew."""
    said = {name: getattr(rule, name) for name in ("approved", "approval_type", "agent", "digest")}
    terms = {"terms_digest": text_digest(rule.terms)} if keys() else {"terms": rule.terms}
    return {
        **said,
        **terms,
        "what": str(rule),
        "reason": rule.reason,
        "expires_at": rule.expires_at.isoformat(),
        "most_uses": rule.most_uses,
        "run": str(rule.run_id or ""),
    }


def _fact(kind: str, user: Any, draft: RuleDraft, **said: Any) -> entries.Fact:
    return entries.new_fact(kind, user.get_username(), **said, request=draft.request_id)


def revoke(user: Any, number: int, now: datetime) -> Rule | None:
    """Stop a rule for good; None where there is none. It is recorded, once."""
    with transaction.atomic():
        rule = Rule.objects.select_for_update().filter(pk=number).first()
        if rule is None or rule.revoked_at is not None:
            return rule
        rule.revoked_at = now
        rule.save(update_fields=["revoked_at"])
        said = {"what": str(rule), "uses": rule.uses}
        entries.append([entries.new_fact("rule.revoked", user.get_username(), **said)])
    return rule


def stick(store: Store, user: Any, denial: Decision, digest: str) -> Rule:
    """Let a denial stand on: the same request is refused again for as long as this run of its agent goes on.

    Raises what `make` raises. An agent that never said that it runs is refused for a day.
    """
    if denial.agent_id == ANY:
        raise NotAllowed(NAMED_ANY)
    run = run_of(denial.agent_id, denial.requested_at) if denial.requested_at else None
    cited = f"denied before by {denial.responder} (request {denial.request_id})"
    scope = Scope(False, denial.approval_type, denial.agent_id, digest=digest)
    text = f"{cited}: {denial.reason}" if denial.reason else cited
    lasts = LONGEST if run else STUCK_WITHOUT_RUN
    return make(
        store, user, RuleDraft(scope, text[:MAX_REASON_LENGTH], lasts, MOST_USES, denial.request_id, run)
    )


def run_of(agent_id: str, moment: datetime) -> uuid.UUID | None:
    """The run in which an agent was then; None where it never said that it runs."""
    begun = AgentRun.objects.filter(agent_id=agent_id, started_at__lte=moment).order_by("-started_at")
    return begun.values_list("pk", flat=True).first()


class Rules:
    """The rules at work: what was recorded just now is answered, and each minute what a crash left unanswered."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.begin()

    def begin(self) -> None:
        """Look at all that waits, now."""
        self._next, self._left = 0.0, list[str]()

    def answer(self, asked: Iterable[RequestRecord]) -> None:
        """Answer those of these requests, which SQL has, that a rule covers. What fails is tried again."""
        waiting = [record for record in asked if record.status == PENDING]
        if not waiting or not settings.TELEMETRY_RULES:
            return
        try:
            found = _standing_rules()
            for record in waiting if found else ():
                self._answer_one(record, found)
        except (Error, StoreUnavailable, CannotSign) as error:
            # What cannot be answered must not keep the rest from being recorded.
            logger.error("rules did not answer, tried again: %s", error)
            self._next = time.monotonic() + AGAIN_SECONDS

    def sweep(self) -> None:
        """Answer a part of what waits, where a round is due."""
        if not settings.TELEMETRY_RULES or (not self._left and time.monotonic() < self._next):
            return
        if not self._left:
            self._next, self._left = time.monotonic() + EVERY_SECONDS, _waiting(_standing_rules())
        part, self._left = self._left[:PART], self._left[PART:]
        if part:
            found = read_records(self._store, part)
            self.answer([record for record in found if isinstance(record, RequestRecord)])

    def _answer_one(self, record: RequestRecord, rules: "list[tuple[Rule, Scope]]") -> None:
        about = (record.approval_type, record.agent_id, record.context_object, record.digest)
        try:
            for rule, scope in rules:
                if scope.covers(*about) and _in_its_run(rule, record) and self._use(rule, record):
                    return
        except (AlteredRequest, MalformedRecord, *ODD) as error:
            logger.error("request %s: left to people, its rule failed: %s", record.request_id, error)

    def _use(self, rule: Rule, record: RequestRecord) -> bool:
        """Let a rule answer; False where it may not, so that another is asked."""
        intent = _intend(rule.pk, record, at(self._store.time_ms()))
        if intent is None:
            return False
        if intent.outcome != OPEN or intent.accepted_at is not None:
            return True  # it tried this request before; what is left of that is for the repair
        try:
            carry_out(self._store, intent, record)
        except (DecisionUnconfirmed, MalformedRecord, NotNoted) as error:
            logger.error("request %s: the repair says what came of its rule: %s", record.request_id, error)
        return True


def _standing_rules() -> list[tuple[Rule, Scope]]:
    """Those that may answer, in their order: first those that deny, then as they were made."""
    lately = timezone.now() - timedelta(days=1)  # it is Redis's clock that says when one is over
    rules = Rule.objects.filter(revoked_at=None, uses__lt=F("most_uses"), expires_at__gt=lately)
    found = []
    for rule in rules.order_by("approved", "pk"):
        try:
            found.append((rule, Scope.of(rule)))
        except ODD as error:
            logger.error("rule %s cannot be read and answers nothing: %s", rule.pk, error)
    return found


def _waiting(rules: list[tuple[Rule, Scope]]) -> list[str]:
    """Requests that wait and may be meant by one of the rules, oldest first, without their bodies."""
    if not rules:
        return []
    rows = ApprovalRecord.objects.filter(status=PENDING).order_by("requested_at", "pk")
    names = rows.values_list("pk", "approval_type", "agent_id")
    return [str(pk) for pk, *about in names if any(scope.names(*about) for _rule, scope in rules)]


def _in_its_run(rule: Rule, record: RequestRecord) -> bool:
    return rule.run_id is None or run_of(record.agent_id, record.requested_at) == rule.run_id


def _intend(number: int, record: RequestRecord, now: datetime) -> DecisionIntent | None:
    """The intent of this rule on this request, with its use counted; the one that it has already; None for no.

    AlteredRequest, which is recorded, where Redis does not hold what was asked: that is for people. CannotSign.
    """
    with refusals_recorded():
        alarms.refuse_altered(record)
        return _attempt(number, record, now)


def _attempt(number: int, record: RequestRecord, now: datetime) -> DecisionIntent | None:
    decision_id = uuid.uuid5(NAMES, f"{number}:{record.request_id}")
    rule = Rule.objects.select_for_update().filter(pk=number).first()
    tried = DecisionIntent.objects.select_related("user").filter(request_id=record.request_id)
    known = tried.filter(rule__isnull=False).first()
    if known is not None or rule is None:
        return known
    owner, powers = rule.owner, powers_of(rule.owner)
    if not _stands(rule, record, now) or not _may(rule, powers, record):
        return None
    said = DecisionAttempt(record, rule.approved, record.digest, AnswerEvidence(reason=rule.reason), now)
    intent = new_intent(owner, powers, said, rule=rule, decision_id=decision_id)
    # `now` was read before the row was waited for: Redis's own clock says that the rule is not over.
    intent.not_after = min(intent.not_after, rule.expires_at)
    sign_intent(intent, now)
    intent.save(force_insert=True)
    rule.uses += 1
    rule.save(update_fields=["uses"])
    return intent


def _stands(rule: Rule, record: RequestRecord, now: datetime) -> bool:
    """Whether the row, which is held, lets it answer now what was asked after it was made."""
    in_time = rule.created_at < record.requested_at and now < rule.expires_at
    return in_time and rule.revoked_at is None and rule.uses < rule.most_uses


def _may(rule: Rule, powers: Powers, record: RequestRecord) -> bool:
    """Whether its owner may answer this at this moment, as everybody may: not for themselves, nor alone."""
    verdict = powers.verdict(record)
    return (
        verdict.allowed and not verdict.why and (bool(rule.digest) or by_rule(powers, record.approval_type))
    )
