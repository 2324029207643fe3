"""The way of a person's decision.

The intent is in SQL before Redis is asked. That Redis accepted it is in SQL before the person hears it.
"""

import logging
import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db import Error, IntegrityError, transaction
from django.utils import timezone

from core import failpoints
from core.approvals import deciding
from core.approvals.deciding import MAX_REASON_LENGTH
from core.approvals.request import Decision
from core.errors import StoreUnavailable
from core.history.approvals import alarms, ends, quorum, signing
from core.history.approvals.answers import edits, holds
from core.history.approvals.answers.holds import HeldDecision
from core.history.approvals.policy import ALONE, LACKING, AnswerEvidence, Powers, Verdict, powers_of
from core.history.approvals.quorum import CountedVote
from core.history.approvals.signing import CannotSign
from core.history.audit import entries
from core.history.audit.entries import Fact, Refusal, refusals_recorded
from core.history.database.prepared import Insert, Query
from core.models import DecisionIntent
from core.models.sealed import key_lost
from core.store.approvals import Answer, End, RequestRecord, read_record_and_time
from core.store.client import Store
from core.values.approvals import (
    ACCEPTED,
    ALREADY_DECIDED,
    CHANGED,
    CHANGES,
    EDITED,
    EXPIRED,
    HELD,
    OPEN,
    OUTCOME_OF_END,
    PENDING,
    TIMEOUT,
    UNKNOWN,
    VOTED,
    status_of_answer,
)
from core.values.json import checked_text, is_unicode
from core.values.malformed import without_nul

logger = logging.getLogger(__name__)

INTENT_SECONDS = 10  # an intent that did not reach Redis by then can never take effect
DIGEST_LENGTH = 64
DELETED = "This account was deleted."
OVER = "it does not wait for an answer any more"
NOTHING = AnswerEvidence()


class NotAllowed(Refusal):
    """This person may not decide this request, or not so.

    `need`: what the answer lacks, a word of policy.py; '' where nothing would help.
    """

    def __init__(self, sentence: str, need: str = "", fact: Fact | None = None) -> None:
        super().__init__(sentence, fact)
        self.need = need


class NotNoted(Exception):
    """Redis accepted `decision`, which took effect, and the database did not take the note of it."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(f"the decision on {decision.request_id} stands in Redis alone until it is recorded")
        self.decision = decision


class DecisionAttempt(NamedTuple):
    """What a person wants to do to a request, and by when it must have taken effect. `now`: by Redis's clock.

    answer: edited or changes where it is that. edited: the changed arguments, as JSON.
    """

    record: RequestRecord
    approved: bool
    digest: str
    given: AnswerEvidence
    now: datetime
    answer: str = ""
    edited: str = ""

    @property
    def not_after(self) -> datetime:
        """From then on it takes no effect any more."""
        return self.now + timedelta(seconds=INTENT_SECONDS)


def decide(
    store: Store,
    user: Any,
    request_id: str,
    *,
    approved: bool,
    reason: str,
    digest: str,
    given: AnswerEvidence = NOTHING,
    edited: str = "",
    asks_back: bool = False,
) -> Decision:
    """Decide a request in the name of a signed-in user; a CountedVote where more people must approve.

    edited: JSON to approve in the place of what was asked. asks_back: a denial whose reason is a question.
    digest: of the request as the user saw it. given: what came beside the button; its reason is `reason`. A
    HeldDecision where it can be taken back for some seconds first. Raises NotAllowed and AlteredRequest (both recorded:
    this person may not, or Redis does not hold what was asked), CannotSign and StoreUnavailable (nothing was decided),
    DecisionUnconfirmed (the intent stays open), MalformedRecord for a request that cannot be read, ValueError for a bad
    reason or no digest, DatabaseError (nothing was decided), NotNoted (it was). The same answer of the same person
    again is already_decided, and leaves nothing in the record.
    """
    record, now = read_record_and_time(store, request_id)
    if record is None:
        return Decision(UNKNOWN, request_id, "")
    failpoints.reach("site.before_intent")
    answer = EDITED if edited else CHANGES if asks_back else ""
    tried = DecisionAttempt(record, approved, digest, given._replace(reason=reason), now, answer, edited)
    try:
        intent = _intend(store, user, tried)
    except IntegrityError:  # another was held in the same moment: it is seen now
        intent = _intend(store, user, tried)
    if isinstance(intent, Decision):
        if isinstance(intent, CountedVote):
            quorum.voted.send(CountedVote)
        return _about(intent, record)
    if intent.outcome == HELD:
        return _held(intent, tried)
    return carry_out(store, intent, record)


def still_waiting(store: Store, request_id: str) -> RequestRecord:
    """A request that waits for an answer; ValueError, as a sentence, for one that does not."""
    record, now = read_record_and_time(store, request_id)
    if record is None or record.status != PENDING or record.deadline_at <= now:
        raise ValueError(OVER)
    return record


def _held(intent: DecisionIntent, tried: DecisionAttempt) -> HeldDecision:
    failpoints.reach("site.after_hold")
    told = holds.held_decision(intent, tried.now)
    left = ((intent.release_at or tried.now) - tried.now).total_seconds()
    holds.began.send(HeldDecision, decision_id=intent.pk, seconds=left)
    holds.changed.send(HeldDecision, request_id=told.request_id)
    return told


def carry_out(store: Store, intent: DecisionIntent, record: RequestRecord) -> Decision:
    """Bring a committed intent to Redis and write down what came of it; raises what `decide` raises from there on."""
    failpoints.reach("site.after_intent")
    known = _known_end(store, record, str(intent.pk))
    decision = known or deciding.decide(store, _answer(intent, record))
    decision = _about(decision, record)
    failpoints.reach("site.after_script")
    if decision.accepted:
        _note_accepted(intent, decision)
        failpoints.reach("site.after_note")
    else:
        _settle_refused(intent, decision, record)
    return decision


def _standing(end: RequestRecord | End, decision_id: str) -> Decision:
    """The end that Redis or SQL has, as the answer to an attempt about which Redis was not asked."""
    outcome = OUTCOME_OF_END.get(end.status, ALREADY_DECIDED)
    said = (end.status, end.responder, end.reason, end.ended_at)
    return Decision(outcome, end.request_id, decision_id, *said)


def _is_repeat(intent: DecisionIntent, decision: Decision) -> bool:
    """Whether what stands is this very answer of this very person: a double click, or a form that was sent again."""
    mine = (status_of_answer(intent.approved), intent.responder, intent.reason)
    if mine != (decision.status, decision.responder, decision.reason):
        return False
    same = DecisionIntent.objects.filter(
        request_id=intent.request_id,
        user=intent.user,
        approved=intent.approved,
        reason=intent.reason,
        digest=intent.digest,
        answer=intent.answer,
        outcome__in=[OPEN, ACCEPTED],
    )
    # What it was changed to is sealed where it stands, each time otherwise.
    return any(one.edited_to == intent.edited_to for one in same.exclude(pk=intent.pk))


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
        responder=intent.responder,
        reason=intent.reason,
        channel=intent.channel,
        decision_id=str(intent.pk),
        not_after=intent.not_after,
        digest=intent.digest,
        seen=record.body if record.digest == intent.digest else b"",
        signature=intent.signature,
        answer=intent.answer,
        edited=intent.edited_to.encode(),
    )


def _known_end(store: Store, record: RequestRecord, decision_id: str) -> Decision | None:
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
    mine = end.decision_id == decision_id != ""  # of a rule that two recorders let answer
    standing = _standing(end, decision_id)
    return replace(standing, outcome=ACCEPTED) if mine else standing


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


def _intend(store: Store, user: Any, tried: DecisionAttempt) -> DecisionIntent | Decision:
    """The intent, in SQL; or what came of it already: a vote of several, or a repeat of the answer that stands."""
    record = tried.record
    with refusals_recorded():
        fresh, powers, verdict = allowed(user, record)
        if need := _lacking(verdict, tried):
            raise refused(fresh, record, LACKING[need], need)
        if record.status == PENDING:
            alarms.refuse_altered(record)
        said = edits.checked(verdict, record, tried.answer, tried.edited, tried.given.reason)
        return _attempt(store, fresh, powers, verdict, tried._replace(edited=said))


def fresh_powers(user: Any) -> tuple[Any, Powers]:
    """Somebody and their powers from fresh rows, None for one who is gone: a right taken a second ago is gone."""
    fresh = _ACCOUNT.one(user.pk)
    return fresh, powers_of(fresh) if fresh else Powers()


def allowed(user: Any, record: RequestRecord) -> tuple[Any, Powers, Verdict]:
    """Somebody who may answer this request by fresh rows, their powers, and how; NotAllowed, to be recorded, else."""
    fresh, powers = fresh_powers(user)
    verdict = powers.verdict(record) if fresh else Verdict(False, DELETED)
    if not verdict.allowed:
        raise refused(fresh or user, record, verdict.why)
    return fresh, powers, verdict


_TRY = Insert(DecisionIntent)
_ACCOUNT = Query(lambda pk: get_user_model().objects.filter(pk=pk), int)


def _attempt(
    store: Store, user: Any, powers: Powers, verdict: Verdict, tried: DecisionAttempt
) -> DecisionIntent | Decision:
    """What is left of it once this person may, of this request as it was asked."""
    record = tried.record
    if tried.approved and verdict.approvers > 1:
        return _vote(store, user, powers, tried)
    intent = new_intent(user, powers, tried)
    if record.status != PENDING:
        if _is_repeat(intent, _standing(record, str(intent.pk))):
            return _standing(record, str(intent.pk))
        _TRY.run([intent])
    elif (before := _write(intent, tried)) is not None:
        return holds.held_decision(before, tried.now)
    if verdict.why:
        entries.append([exception(intent, verdict)])
    return intent


def _write(intent: DecisionIntent, tried: DecisionAttempt) -> DecisionIntent | None:
    """Write an attempt down, held or signed. One that is held on the request gives way; the same one is returned."""
    before = holds.give_way(intent) if tried.digest == tried.record.digest else None
    if before is not None:
        return before
    seconds = holds.seconds_for(tried.record, tried.digest, tried.now) if tried.approved else 0
    if seconds:
        holds.hold(intent, tried.given, tried.now, seconds)
        signing.keyring()  # or it could not be released
    else:
        sign_intent(intent)
    _TRY.run([intent])
    return None


def _lacking(verdict: Verdict, tried: DecisionAttempt) -> str:
    """What the answer lacks; ValueError for what no answer may hold."""
    without_nul(checked_text(tried.given.reason, "reason", MAX_REASON_LENGTH), "reason")
    digest = tried.digest
    # As `deciding` takes it: what is refused there would leave an attempt that nobody made.
    if not 0 < len(digest) <= DIGEST_LENGTH or not digest.isprintable() or not is_unicode(digest):
        raise ValueError("the form does not say what was on the screen")
    return tried.given.lacks(verdict, tried.record.digest, approved=tried.approved)


def new_intent(user: Any, powers: Powers, tried: DecisionAttempt, **of_rule: Any) -> DecisionIntent:
    """The attempt, not written down yet. `of_rule`: the rule of theirs that makes it, and the id of its decision."""
    record = tried.record
    return DecisionIntent(
        **{"decision_id": uuid.uuid4(), **of_rule},
        request_id=record.request_id,
        agent_id=record.agent_id,
        approval_type=record.approval_type,
        requested_at=record.requested_at,
        deadline_at=record.deadline_at,
        user=user,
        approved=tried.approved,
        reason=tried.given.reason,
        digest=tried.digest,
        answer=tried.answer,
        edited_to=tried.edited,
        not_after=tried.not_after,
        created_at=timezone.now(),
        policy=powers.version,
    )


def sign_intent(intent: DecisionIntent, moment: datetime | None = None) -> None:
    """Sign what it says, in the name of who decides by it; CannotSign where there is no key.

    moment: by Redis's clock; else that from which its limit counts.
    """
    if lost := key_lost(intent.edited_to):
        raise CannotSign(lost)
    moment = moment or intent.not_after - timedelta(seconds=INTENT_SECONDS)
    intent.signature = signing.sign(signing.payload_of(intent, intent.responder), moment)
    failpoints.reach("site.after_signature")


def _vote(store: Store, user: Any, powers: Powers, tried: DecisionAttempt) -> DecisionIntent | Decision:
    """Count an approval; the one that completes them decides."""
    record = tried.record
    ended, intent = _ended(store, tried), new_intent(user, powers, tried)
    if ended is not None:
        if not _is_repeat(intent, ended):
            told = _told(tried.approved, ended)
            entries.append([_fact_of_refusal(f"refused:{uuid.uuid4()}", user.get_username(), record, told)])
        return ended
    count = quorum.cast(user, powers, record, tried.given.reason)
    before = _write(intent, tried) if count.complete else None
    if before is not None:
        return holds.held_decision(before, tried.now)
    entries.append(count.facts)
    counted = CountedVote(VOTED, record.request_id, "", PENDING, votes=count.votes, approvers=count.approvers)
    return intent if count.complete else counted


def _ended(store: Store, tried: DecisionAttempt) -> Decision | None:
    """Why nobody votes on this any more, where Redis is not asked."""
    record = tried.record
    if record.status != PENDING:
        return _standing(record, "")
    if record.deadline_at <= tried.now:
        return Decision(EXPIRED, record.request_id, "", TIMEOUT)
    if tried.digest != record.digest:
        return Decision(CHANGED, record.request_id, "", PENDING)
    return _known_end(store, record, "")


def exception(intent: DecisionIntent, verdict: Verdict) -> Fact:
    """That somebody answers for their own agent, and why they may."""
    kind = "decision.alone" if verdict.why == ALONE else "decision.overridden"
    said = {"why": verdict.why, "approved": intent.approved, "reason": intent.reason}
    said |= {"decision_id": str(intent.pk), "policy": intent.policy}
    event_id = f"intent:{intent.pk}:exception"
    return entries.about(intent, event_id, kind, intent.user.get_username(), intent.created_at, **said)


def refused(user: Any, record: RequestRecord, why: str, need: str = "") -> NotAllowed:
    """The no to somebody who tries what they may not, to be raised where it is recorded."""
    fact = _fact_of_refusal(f"refused:{uuid.uuid4()}", user.get_username(), record, {"why": why})
    return NotAllowed(why, need, fact)


def _fact_of_refusal(event_id: str, actor: str, record: RequestRecord, details: dict[str, Any]) -> Fact:
    return entries.about(record, event_id, "decision.refused", actor, **details)


def _told(approved: bool, decision: Decision) -> dict[str, Any]:
    return {
        "approved": approved,
        "outcome": decision.outcome,
        "standing": decision.status,
        "standing_responder": decision.responder,
    }


def _settle_refused(intent: DecisionIntent, decision: Decision, record: RequestRecord) -> None:
    with transaction.atomic():
        DecisionIntent.objects.filter(pk=intent.pk, outcome=OPEN).update(
            outcome=decision.outcome, settled_at=timezone.now()
        )
        if _is_repeat(intent, decision):
            return  # two presses at once: nobody tried anything that is not in the record
        said = _told(intent.approved, decision)
        entries.append([_fact_of_refusal(f"intent:{intent.pk}:refused", intent.responder, record, said)])
