"""An approval that its person can take back: for some seconds it stands in SQL alone, and Redis knows nothing of it.

Of a request one answer at most is held. Whoever wants to change that holds its row: the one who releases it, its
person, another who answers, or the recorder when the request has ended. So one of them has it.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.dispatch import Signal
from django.utils import timezone

from core import failpoints
from core.approvals.request import Decision
from core.history.approvals.policy import AnswerEvidence
from core.history.audit import entries
from core.history.audit.entries import Fact
from core.history.database.prepared import Query
from core.models import ApprovalRecord, Ballot, DecisionIntent, Vote
from core.store.approvals import RequestRecord
from core.values.approvals import HELD, PENDING, VOID

LEAST_LEFT = timedelta(seconds=15)  # a request with less time is answered at once
BY_ANOTHER = "{name} answered first."
BY_AN_END = "The request had ended before: {status}, by {name}."
BY_ITSELF = "You answered otherwise."

began = Signal()  # after the commit of one that is held: `decision_id` and `seconds` until its release
changed = Signal()  # after the commit that holds an answer of `request_id`, or lets it go: pages show it


@dataclass(frozen=True)
class HeldDecision(Decision):
    """The approval stands, and nothing is decided yet: until `release_at`, by Redis's clock, it can be taken back."""

    release_at: datetime | None = None
    now: datetime | None = None


class Holding(NamedTuple):
    """Whose approval of a request is held, and until when, by Redis's clock."""

    name: str
    release_at: datetime


def seconds_for(record: RequestRecord, digest: str, now: datetime) -> int:
    """For how long an approval of this request is held; 0 for not at all."""
    seconds = int(settings.TELEMETRY_UNDO_SECONDS)
    answerable = record.status == PENDING and record.digest == digest
    return seconds if answerable and record.deadline_at - now >= LEAST_LEFT else 0


def hold(intent: DecisionIntent, given: AnswerEvidence, now: datetime, seconds: int) -> None:
    """Make this attempt, which is not saved yet, one that is held."""
    intent.outcome = HELD
    intent.release_at = now + timedelta(seconds=seconds)
    intent.brought = ",".join(given.brings(intent.digest))


def held_decision(intent: DecisionIntent, now: datetime) -> HeldDecision:
    """What its person is told."""
    about = (intent.approval_type, intent.agent_id, intent.requested_at)
    said = (HELD, str(intent.request_id), str(intent.pk), PENDING, intent.responder, intent.reason)
    return HeldDecision(*said, None, *about, release_at=intent.release_at, now=now)


def locked(**of: Any) -> DecisionIntent | None:
    """The held answer that this describes, its row locked until the transaction ends; None where none is held."""
    found = DecisionIntent.objects.select_for_update(of=("self",)).select_related("user")
    return found.filter(outcome=HELD, **of).first()


def give_way(intent: DecisionIntent) -> DecisionIntent | None:
    """Let an attempt take the place of what is held on its request; returns that where it is the very same answer."""
    is_held = _IS_HELD.exists(uuid.UUID(str(intent.request_id)))
    before = locked(request_id=intent.request_id) if is_held else None
    if before is None:
        return None
    mine = before.user_id == intent.user_id
    if mine and _said(before) == _said(intent):
        return before
    why = BY_ITSELF if mine else BY_ANOTHER.format(name=intent.responder)
    entries.append([void(before, why)])
    return None


_IS_HELD = Query(
    lambda request_id: DecisionIntent.objects.filter(outcome=HELD, request_id=request_id).values_list("pk"),
    uuid.UUID,
)


def _said(intent: DecisionIntent) -> tuple[object, ...]:
    return intent.approved, intent.reason, intent.digest, intent.answer, intent.edited_to


def take_back(user: Any, request_id: str) -> DecisionIntent | None:
    """Void the held answer of this person, recorded; None where they have none, as when it was released."""
    with transaction.atomic():
        Ballot.objects.select_for_update().filter(pk=request_id).first()  # in the order of those who vote
        intent = locked(request_id=request_id, user=user)
        if intent is None:
            return None
        Vote.objects.filter(ballot_id=request_id, user=user).delete()
        entries.append([void(intent, "", "decision.taken_back")])
    failpoints.reach("site.after_undo")
    changed.send(HeldDecision, request_id=request_id)
    return intent


def void(intent: DecisionIntent, why: str, kind: str = "decision.voided") -> Fact:
    """Let a held answer, whose row is locked, go; returns what the record says of it."""
    intent.outcome, intent.settled_at = VOID, timezone.now()
    intent.save(update_fields=["outcome", "settled_at"])
    said = {"approved": intent.approved, "reason": intent.reason, "decision_id": str(intent.pk)}
    said |= {"why": why} if why else {}
    return entries.about(
        intent, f"intent:{intent.pk}:void", kind, intent.responder, intent.settled_at, **said
    )


def void_of_ended(decision_id: uuid.UUID, status: str, by: str) -> list[Fact]:
    """Let go what is held on a request that has ended; for use in a transaction."""
    intent = locked(pk=decision_id)
    return [] if intent is None else [void(intent, BY_AN_END.format(status=status, name=by))]


def with_holding(rows: QuerySet[ApprovalRecord]) -> QuerySet[ApprovalRecord]:
    """Rows of requests that also tell, in the same query, whose approval is held."""
    held = DecisionIntent.objects.filter(outcome=HELD, request_id=OuterRef("pk"))
    return rows.annotate(
        held_by=Subquery(held.values("user__username")[:1]),
        held_until=Subquery(held.values("release_at")[:1]),
    )


def holding_of(row: ApprovalRecord) -> Holding | None:
    """What such a row tells."""
    by, until = getattr(row, "held_by", None), getattr(row, "held_until", None)
    return Holding(by, until) if by and until else None


def held_by(user: Any) -> list[tuple[str, datetime]]:
    """The requests of which this person's approval is held, each with its release, the first to be released first."""
    rows = DecisionIntent.objects.filter(outcome=HELD, user=user, release_at__isnull=False).order_by(
        "release_at"
    )
    return [(str(request_id), at) for request_id, at in rows.values_list("request_id", "release_at") if at]


def last_attempts(user: Any, request_ids: Iterable[str]) -> list[DecisionIntent]:
    """The last attempt of this person to answer each of these requests, the oldest first; one query."""
    mine = DecisionIntent.objects.filter(user=user, request_id__in=list(request_ids)).defer("edited_to")
    last = {one.request_id: one for one in mine.order_by("created_at")}
    return sorted(last.values(), key=lambda one: one.created_at)


def holdings(request_ids: Iterable[str]) -> dict[str, Holding]:
    """Whose approvals of these requests are held, by request; one query."""
    rows = DecisionIntent.objects.filter(outcome=HELD, request_id__in=list(request_ids))
    found = rows.values_list("request_id", "user__username", "release_at")
    return {str(request_id): Holding(name, at) for request_id, name, at in found if at}
