"""How a request ended, as SQL knows it: recorded, or accepted by Redis and noted by the site before it is recorded.

What the site told a person must outlive Redis. So the site notes on the intent that Redis accepted it. A request
that Redis offers again, or has lost, gets its end from there.
"""

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from core.approvals.request import Decision
from core.history.approvals import signing
from core.history.approvals.replay import milliseconds
from core.history.audit.entries import Fact, about
from core.history.audit.kinds import details_of
from core.history.database.prepared import Query, Update
from core.models import ApprovalRecord, AuditEntry, DecisionIntent
from core.models.sealed import key_lost
from core.store import approvals
from core.store.approvals import End
from core.store.client import Store
from core.store.recorder import UNREADABLE
from core.values.approvals import ACCEPTED, CANCELLED, LOST_REASON, OPEN, PENDING, status_of_answer
from core.values.digests import edited_digest

logger = logging.getLogger(__name__)


class KnownEnd(NamedTuple):
    """The end of one request. `noted`: the site knows of it, and it is not recorded yet."""

    end: End
    noted: bool = False

    @classmethod
    def of_record(cls, row: ApprovalRecord) -> "KnownEnd":
        """The end of a row that has one."""
        return cls(
            End(
                request_id=str(row.pk),
                digest=row.digest,
                status=row.status,
                responder=row.responder,
                reason=row.reason,
                ended_at=row.ended_at or row.requested_at,
                decision_id=row.decision_id,
                channel=row.channel,
                signature=row.signature,
                answer=row.answer,
                edited=row.edited_to.encode(),
                collected_at=row.collected_at,
                claim=_claim_of(row),
            )
        )

    @classmethod
    def of_intent(cls, intent: DecisionIntent) -> "KnownEnd":
        """What an accepted intent made of its request."""
        end = End(
            request_id=str(intent.request_id),
            digest=intent.digest,
            status=status_of_answer(intent.approved),
            responder=signing.name_of(intent),
            reason=intent.reason,
            ended_at=intent.accepted_at or intent.created_at,
            decision_id=str(intent.pk),
            channel=intent.channel,
            signature=intent.signature,
            answer=intent.answer,
            edited=intent.edited_to.encode(),
        )
        return cls(end, noted=True)

    def bring_to(self, store: Store) -> str:
        """Give it to a request that Redis offers again or, where it is only noted, has lost; see `restore`.

        `unreadable`, and nothing is done, where what it was changed to is sealed with a key that is not here.
        """
        if lost := key_lost(self.end.edited.decode(errors="replace")):
            logger.error("request %s does not get its end: %s", self.end.request_id, lost)
            return UNREADABLE
        return store.run(approvals.restore(store.keys, self.end, lost=self.noted))


def _claim_of(row: ApprovalRecord) -> str:
    """Under which name it was collected: the record alone has it."""
    if row.collected_at is None:
        return ""
    entry = AuditEntry.objects.filter(event_id=collection_id(str(row.pk))).first()
    said = details_of(entry.details) if entry else None
    return str((said or {}).get("claim", ""))  # of a damaged entry no claim fits, and nobody uses it again


def collection_id(request_id: str) -> str:
    """The event of the record that tells of a request's first collection."""
    return f"request:{request_id}:collected"


def fact_of(end: End, agent_id: str) -> Fact:
    """What the record says of an end."""
    details = {name: getattr(end, name) for name in ("reason", "channel", "decision_id", "digest")}
    more = {
        "signature": end.signature,
        "answer": end.answer,
        "edited_digest": edited_digest(end.edited),
    }
    return Fact(
        event_id=f"request:{end.request_id}:ended",
        kind=f"approval.{end.status}",
        at=end.ended_at,
        actor=end.responder,
        agent_id=agent_id,
        request_id=end.request_id,
        details={**details, **{name: said for name, said in more.items() if said}},
    )


def known_end(request_id: str) -> KnownEnd | None:
    """The end that SQL knows, or None. A Redis restored from an older file would take a second decision."""
    # An agent waits for this, and mostly there is none: to ask whether takes a tenth of the time of reading.
    of = UUID(request_id)
    if _HAS_ENDED.exists(of) and (row := _ended(of).defer("context").first()) is not None:
        return KnownEnd.of_record(row)
    intent = first_accepted(_accepted(of).select_related("user")) if _WAS_ACCEPTED.exists(of) else None
    return KnownEnd.of_intent(intent) if intent else None


def _ended(request_id: UUID) -> QuerySet[ApprovalRecord]:
    return ApprovalRecord.objects.filter(pk=request_id).exclude(status=PENDING)


def _accepted(request_id: UUID) -> QuerySet[DecisionIntent]:
    return DecisionIntent.objects.filter(request_id=request_id).exclude(accepted_at=None)


_HAS_ENDED = Query(lambda request_id: _ended(request_id).values_list("pk"), UUID)
_WAS_ACCEPTED = Query(lambda request_id: _accepted(request_id).values_list("pk"), UUID)


def first_accepted(intents: Iterable[DecisionIntent]) -> DecisionIntent | None:
    """The one that Redis accepted first; a restored Redis may have accepted another after it."""
    accepted = [intent for intent in intents if intent.accepted_at is not None]
    return min(accepted, key=lambda intent: (intent.accepted_at, intent.pk), default=None)


def request_fields(intent: DecisionIntent) -> dict[str, str]:
    """What the outbox said when its request was asked, but the context; empty for an intent that was not told."""
    if intent.requested_at is None or intent.deadline_at is None:
        return {}
    return {
        "agent_id": intent.agent_id,
        "approval_type": intent.approval_type,
        "digest": intent.digest,
        "requested_ms": milliseconds(intent.requested_at),
        "deadline_ms": milliseconds(intent.deadline_at),
        "timeout_seconds": repr((intent.deadline_at - intent.requested_at).total_seconds()),
    }


def was_lost(row: ApprovalRecord | None) -> bool:
    """Whether all that SQL has is that Redis lost the request: how it ended there, nobody knows."""
    return row is None or row.status == PENDING or (row.status == CANCELLED and row.reason == LOST_REASON)


def note_accepted(intent: DecisionIntent, decision: Decision) -> bool:
    """Note that Redis accepted an intent; False when the record says otherwise already.

    One statement, and it touches no column that the recorder writes.
    """
    return _NOTE.run(intent.pk, decision.ended_at or timezone.now()) > 0


_NOTE = Update(
    lambda pk, at: (
        DecisionIntent.objects.filter(pk=pk, outcome__in=[OPEN, ACCEPTED]),
        {"accepted_at": at},
    ),
    UUID,
    datetime,
)


def came_too_late(intent: DecisionIntent) -> Fact:
    """Redis accepted it, somebody may have acted on it, and the record says otherwise."""
    logger.critical(
        "request %s: the answer of %s took effect, and the record says %s",
        intent.request_id,
        intent.responder,
        intent.outcome,
    )
    return about(
        intent,
        f"contradicted:{intent.request_id}:{intent.pk}",
        "record.contradicted",
        intent.responder,
        stands=intent.outcome,
        told=status_of_answer(intent.approved),
        reason="the telemetry server accepted this answer, and lost it before it was recorded",
    )


def may_have_taken_effect(intent: DecisionIntent, now: datetime) -> Fact:
    """Nobody heard what Redis said to it: the process ended before that, and Redis lost the request."""
    return about(
        intent,
        f"uncertain:{intent.pk}",
        "decision.uncertain",
        intent.responder,
        now,
        approved=intent.approved,
        decision_id=str(intent.pk),
        reason=intent.reason,
        sent_at=intent.created_at.isoformat(),
    )
