"""The way of a person's decision.

The intent is in SQL before Redis is asked. That Redis accepted it is in SQL before the person hears it.
"""

import logging
import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import Error, transaction
from django.utils import timezone

from core import failpoints
from core.approvals import deciding
from core.approvals.deciding import MAX_REASON_LENGTH
from core.approvals.request import Decision
from core.errors import StoreUnavailable
from core.history.approvals import alarms, ends, signing
from core.history.approvals.alarms import Altered
from core.history.audit import entries
from core.models import DecisionIntent
from core.store.approvals import Answer, RequestRecord, read_record_and_time
from core.store.client import Store
from core.values.approvals import (
    ACCEPTED,
    ALREADY_DECIDED,
    OPEN,
    OUTCOME_OF_END,
    PENDING,
    SITE,
    UNKNOWN,
    status_of_answer,
)
from core.values.json import checked_text
from core.values.malformed import without_nul
from core.values.signature import Said

logger = logging.getLogger(__name__)

INTENT_SECONDS = 10  # an intent that did not reach Redis by then can never take effect
DIGEST_LENGTH = 64
ALTERED_SINCE = (
    "Nothing was decided, and nobody can decide this: what the telemetry server holds is not what the agent asked. "
    "Somebody changed it there. That is recorded, and whoever runs the site should look who can write to that server."
)


class NotAllowed(Exception):
    """This person may not decide this request; the message is a sentence for them."""


class NotNoted(Exception):
    """Redis accepted `decision`, which took effect, and the database did not take the note of it."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(f"the decision on {decision.request_id} stands in Redis alone until it is recorded")
        self.decision = decision


def decide(store: Store, user: Any, request_id: str, *, approved: bool, reason: str, digest: str) -> Decision:
    """Decide a request in the name of a signed-in user.

    digest: of the request as the user saw it. Raises NotAllowed and Altered (both recorded: this person may not, or
    Redis does not hold what was asked), CannotSign and StoreUnavailable (nothing was decided), DecisionUnconfirmed (the
    intent stays open), MalformedRecord for a request that cannot be read, ValueError for a bad reason or no digest,
    DatabaseError (nothing was decided), NotNoted (it was).
    The same answer of the same person again is already_decided, and leaves nothing in the record.
    """
    record, now = read_record_and_time(store, request_id)
    if record is None:
        return Decision(UNKNOWN, request_id, "")
    failpoints.reach("site.before_intent")
    intent = _intend(user, record, approved, reason, digest, now + timedelta(seconds=INTENT_SECONDS))
    if intent._state.adding:
        return _about(_standing(record, intent), record)
    failpoints.reach("site.after_intent")
    decision = _known_end(store, record, intent) or deciding.decide(store, _answer(intent, record))
    decision = _about(decision, record)
    failpoints.reach("site.after_script")
    if decision.accepted:
        _note_accepted(intent, decision)
        failpoints.reach("site.after_note")
    else:
        _settle_refused(intent, decision, record)
    return decision


def _standing(record: RequestRecord, intent: DecisionIntent) -> Decision:
    """The end that Redis has, as the answer to an attempt that it was not asked about."""
    end = (record.status, record.responder, record.reason, record.ended_at)
    return Decision(ALREADY_DECIDED, record.request_id, str(intent.pk), *end)


def _is_repeat(intent: DecisionIntent, decision: Decision) -> bool:
    """Whether what stands is this very answer of this very person: a double click, or a form that was sent again."""
    mine = (status_of_answer(intent.approved), intent.user.get_username(), intent.reason)
    if mine != (decision.status, decision.responder, decision.reason):
        return False
    same = DecisionIntent.objects.filter(
        request_id=intent.request_id,
        user=intent.user,
        approved=intent.approved,
        reason=intent.reason,
        digest=intent.digest,
        outcome__in=[OPEN, ACCEPTED],
    )
    return same.exclude(pk=intent.pk).exists()


def _about(decision: Decision, record: RequestRecord) -> Decision:
    """The decision with what it is about."""
    return replace(
        decision,
        approval_type=record.approval_type,
        agent_id=record.agent_id,
        requested_at=record.requested_at,
    )


def _answer(intent: DecisionIntent, record: RequestRecord) -> Answer:
    """What the intent says to Redis, with the bytes that were read: none where they are not those of the screen."""
    return Answer(
        request_id=str(intent.request_id),
        approved=intent.approved,
        responder=intent.user.get_username(),
        reason=intent.reason,
        channel=SITE,
        decision_id=str(intent.pk),
        not_after=intent.not_after,
        digest=intent.digest,
        seen=record.body if record.digest == intent.digest else b"",
        signature=intent.signature,
    )


def _known_end(store: Store, record: RequestRecord, intent: DecisionIntent) -> Decision | None:
    """The end that SQL knows. Redis may be restored from an older file; then it gets this end again."""
    known = ends.known_end(record.request_id)
    if known is None:
        return None
    end = known.end
    if record.status == PENDING:
        try:
            if known.bring_to(store) == "restored":
                logger.error("request %s was offered again: it is %s", record.request_id, end.status)
        except StoreUnavailable as error:
            logger.warning("request %s is closed by the recorder: %s", record.request_id, error)
    about = (end.status, end.responder, end.reason, end.ended_at)
    return Decision(
        OUTCOME_OF_END.get(end.status, ALREADY_DECIDED), record.request_id, str(intent.pk), *about
    )


def _note_accepted(intent: DecisionIntent, decision: Decision) -> None:
    """Its outcome is the recorder's to write, from what Redis did. If Redis loses that, this note is what stands."""
    try:
        if ends.note_accepted(intent, decision):
            return
        with transaction.atomic():
            settled = DecisionIntent.objects.select_for_update().select_related("user").get(pk=intent.pk)
            settled.accepted_at = decision.ended_at
            settled.save(update_fields=["accepted_at"])
            entries.append([ends.came_too_late(settled)])
    except Error as error:
        logger.exception("request %s: a decision that took effect could not be noted", intent.request_id)
        raise NotNoted(decision) from error


def _intend(
    user: Any, record: RequestRecord, approved: bool, reason: str, digest: str, not_after: Any
) -> DecisionIntent:
    """The attempt, written down; not written where it only repeats the answer that stands."""
    with transaction.atomic():
        # Fresh rows: a right that was taken a second ago is gone.
        fresh = get_user_model().objects.filter(pk=user.pk).first()
        refusal = _refusal(fresh, record) if fresh else "This account was deleted."
        if fresh and not refusal:
            without_nul(checked_text(reason, "reason", MAX_REASON_LENGTH), "reason")
            if not 0 < len(without_nul(digest, "digest")) <= DIGEST_LENGTH:
                raise ValueError("the form does not say what was on the screen")
            intent = _intent(fresh, record, approved, reason, digest, not_after)
            if record.status != PENDING:
                if not _is_repeat(intent, _standing(record, intent)):
                    intent.save(force_insert=True)
                return intent
            alarm = alarms.altered(record)
            if alarm is None:
                _sign(intent)
                intent.save(force_insert=True)
                return intent
            entries.append([alarm])
        else:
            _record_refusal(fresh or user, record, refusal)
    if refusal:
        raise NotAllowed(refusal)
    raise Altered(ALTERED_SINCE)


def _intent(
    user: Any, record: RequestRecord, approved: bool, reason: str, digest: str, not_after: datetime
) -> DecisionIntent:
    return DecisionIntent(
        decision_id=uuid.uuid4(),
        request_id=record.request_id,
        agent_id=record.agent_id,
        approval_type=record.approval_type,
        requested_at=record.requested_at,
        deadline_at=record.deadline_at,
        user=user,
        approved=approved,
        reason=reason,
        digest=digest,
        not_after=not_after,
        created_at=timezone.now(),
    )


def _sign(intent: DecisionIntent) -> None:
    who, status = intent.user.get_username(), status_of_answer(intent.approved)
    said = Said(str(intent.request_id), intent.digest, status, who, intent.reason)
    intent.signature = signing.sign(said, intent.not_after - timedelta(seconds=INTENT_SECONDS))
    failpoints.reach("site.after_signature")


def _refusal(user: Any, record: RequestRecord) -> str:
    if not user.is_active:
        return "This account is not active."
    if not user.has_perms(["core.view_approvalrecord", "core.decide_approval"]):
        return "You may look, but not approve or deny. Ask an administrator for the group “approver”."
    if user.get_username() == record.agent_id:
        return "You asked for this yourself, so somebody else must answer."
    return ""


def _record_refusal(user: Any, record: RequestRecord, why: str) -> None:
    fact = entries.Fact(
        event_id=f"refused:{uuid.uuid4()}",
        kind="decision.refused",
        at=timezone.now(),
        actor=user.get_username(),
        agent_id=record.agent_id,
        request_id=record.request_id,
        details={"why": why},
    )
    entries.append([fact])


def _settle_refused(intent: DecisionIntent, decision: Decision, record: RequestRecord) -> None:
    with transaction.atomic():
        DecisionIntent.objects.filter(pk=intent.pk, outcome=OPEN).update(
            outcome=decision.outcome, settled_at=timezone.now()
        )
        if _is_repeat(intent, decision):
            return  # two presses at once: nobody tried anything that is not in the record
        fact = entries.Fact(
            event_id=f"intent:{intent.pk}:refused",
            kind="decision.refused",
            at=timezone.now(),
            actor=intent.user.get_username(),
            agent_id=record.agent_id,
            request_id=record.request_id,
            details={
                "approved": intent.approved,
                "outcome": decision.outcome,
                "standing": decision.status,
                "standing_responder": decision.responder,
            },
        )
        entries.append([fact])
