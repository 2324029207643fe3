"""Settles what a crash or a restored Redis left: at the recorder's start, and then every minute.

Only what is open is looked at: open intents, requests that SQL has as pending, and the queue in Redis. A part at
a time, so that recording never waits for long. What SQL lacks is written in one transaction, under the
recorder's place in the outbox: nothing that the recorder has still to read is taken for lost.
"""

import logging
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import DatabaseError, OperationalError, transaction
from django.db.models import Q
from django.utils import timezone

from core import failpoints
from core.history.approvals import alarms, effects, ends
from core.history.approvals.ends import KnownEnd
from core.history.approvals.replay import milliseconds, replayed
from core.history.audit import entries
from core.models import ApprovalRecord, Cursor, DecisionIntent
from core.store import approvals, outbox
from core.store.client import Store
from core.store.keys import ENDED_TTL_MS
from core.store.recorder import UNREADABLE, EndState, RedisEnds, RequestState, read_states
from core.values.approvals import (
    ACCEPTED,
    ALREADY_DECIDED,
    APPROVED,
    CHANGED,
    LAPSED,
    OPEN,
    OUTCOME_OF_END,
    PENDING,
    UNKNOWN,
)
from core.values.digests import edited_digest
from core.values.malformed import ODD

logger = logging.getLogger(__name__)

PART = 200
EVERY_SECONDS = 60.0
FIRST_ID = uuid.UUID(int=0)
NOT_ASKED = "cancelled: the server held something else than was asked"
Standings = Mapping[str, RequestState | None]  # by id of the request: how it stands in Redis
Rows = Mapping[str, ApprovalRecord]  # what SQL has of them

# What came of an attempt that Redis did not take, by how its request stands.
OUTCOME_OF_STATUS = {**OUTCOME_OF_END, PENDING: LAPSED}


@dataclass
class Findings:
    """What one part of a round found. Ids of requests; intents with the outcome that they get."""

    now: datetime
    untold: list[str] = field(default_factory=list)  # Redis knows more than SQL, and the outbox says nothing
    intents: list[tuple[DecisionIntent, str]] = field(default_factory=list)
    restored: list[KnownEnd] = field(default_factory=list)  # SQL knows the end, Redis does not (any more)
    lost: list[str] = field(default_factory=list)  # SQL waits for an end, Redis has nothing
    altered: list[entries.Fact] = field(default_factory=list)  # Redis holds other bytes than were asked
    unmarked: list[KnownEnd] = field(default_factory=list)  # SQL knows who used it, Redis does not (any more)


class Repair:
    """Rounds over what is open. `begin` after every start, `step` whenever `due`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.begin()

    def begin(self, *, older: bool = False) -> None:
        """Start a round now. `older`: the server may be from an older file, so what was used is looked at too."""
        self._next = 0.0
        self._after, self._after_intent, self._start = FIRST_ID, FIRST_ID, 0
        self._records_done = self._queue_done = self._intents_done = False
        self._used: int | None = 0 if older else None
        self.first_round = True

    @property
    def due(self) -> bool:
        """Whether there is a part of a round to do now."""
        return time.monotonic() >= self._next

    def postpone(self) -> None:
        """Go on in a minute, with a new round."""
        self.begin()
        self.first_round = False
        self._next = time.monotonic() + EVERY_SECONDS

    def step(self, position: str) -> None:
        """One part of a round: a few queries and a few round trips. `position`: how far SQL has read the outbox."""
        findings = self._look(position)
        if findings.untold or findings.intents or findings.altered:
            self._write(position, findings)
        if findings.restored or findings.lost:
            failpoints.reach("repair.before_redis")
        # A closed one leaves the queue, so those behind it move up; one of a lost key stays.
        self._start -= [self._close(end) for end in findings.restored].count(True)
        for end in findings.unmarked:
            self._close(end)
        for request_id in findings.lost:
            if self._store.run(approvals.cancel_lost(self._store.keys, request_id)):
                logger.error("request %s was lost by the server: it is ended as cancelled", request_id)
        if self._records_done and self._queue_done and self._intents_done and self._used is None:
            self.postpone()

    def _look(self, position: str) -> Findings:
        open_records = self._next_records()
        queue = self._next_queue()
        # Before Redis is asked: what was accepted by then, and is not there, Redis has lost.
        open_intents = self._next_intents()
        asked = {str(intent.request_id) for intent in open_intents}
        used = self._next_used()
        ids = sorted({*open_records, *queue, *asked, *used})
        now, standings = read_states(self._store, ids)
        known = {str(row.pk): row for row in ApprovalRecord.objects.defer("context").filter(pk__in=ids)}
        findings = Findings(now, unmarked=_unmarked(used, standings, known))
        if (
            not findings.unmarked
        ):  # a server has everything up to some moment: those used before have their mark
            self._used = None
        for request_id in queue:
            row, standing = known.get(request_id), standings[request_id]
            if row is not None and row.status != PENDING and standing and standing.status == PENDING:
                findings.restored.append(KnownEnd.of_record(row))
        findings.altered = _altered(standings, known)
        findings.restored += _noted(open_intents, standings, known)
        findings.lost = _not_tried([id_ for id_ in open_records if standings[id_] is None], now)
        unread = outbox.unread(self._store, position, PART)
        if len(unread) < PART:
            mentioned = {entry.fields.get("request_id") for entry in unread}
            findings.untold = _untold([id_ for id_ in ids if id_ not in mentioned], standings, known)
            quiet = [intent for intent in open_intents if str(intent.request_id) not in mentioned]
            findings.intents = _settled(quiet, standings, known, now)
            unknown = {str(intent.request_id) for intent, outcome in findings.intents if outcome == UNKNOWN}
            # It was never recorded. Its end as lost makes it a row, which has a page to tell of the attempt.
            findings.lost += sorted(id_ for id_ in unknown if id_ not in known)
        return findings

    def _next_records(self) -> list[str]:
        rows = ApprovalRecord.objects.filter(status=PENDING, pk__gt=self._after).order_by("pk")
        found = list(rows.values_list("pk", flat=True)[:PART])
        self._after = found[-1] if found else self._after
        self._records_done = len(found) < PART
        return [str(request_id) for request_id in found]

    def _next_intents(self) -> list[DecisionIntent]:
        rows = DecisionIntent.objects.filter(outcome=OPEN, pk__gt=self._after_intent).order_by("pk")
        found = list(rows.select_related("user")[:PART])
        self._after_intent = found[-1].pk if found else self._after_intent
        self._intents_done = len(found) < PART
        return found

    def _next_queue(self) -> list[str]:
        found = approvals.pending_ids(self._store, max(0, self._start), PART)
        self._start = max(0, self._start) + len(found)
        self._queue_done = len(found) < PART
        return found

    def _next_used(self) -> list[str]:
        """Approvals that were used, newest use first, of which Redis may still know."""
        if self._used is None:
            return []
        since = timezone.now() - timedelta(milliseconds=ENDED_TTL_MS)
        rows = ApprovalRecord.objects.filter(status=APPROVED, ended_at__gte=since, collected_at__isnull=False)
        found = rows.order_by("-collected_at").values_list("pk", flat=True)[self._used : self._used + PART]
        self._used += PART
        return [str(request_id) for request_id in found]

    def _write(self, position: str, findings: Findings) -> None:
        bodies = dict(
            zip(findings.untold, approvals.read_records(self._store, findings.untold), strict=True)
            if findings.untold
            else ()
        )
        with transaction.atomic():
            cursor = Cursor.objects.select_for_update().filter(name="outbox").first()
            if cursor is None or cursor.position != position:
                return  # another recorder has read on: what we found may be told by now
            facts = list(findings.altered)
            for request_id, record in bodies.items():
                if isinstance(record, approvals.RequestRecord):
                    facts += _tell(record, findings.now)
                elif record is not None:
                    logger.error("request %s cannot be repaired: %s", request_id, record)
            for intent, outcome in findings.intents:
                facts += _settle(intent, outcome, findings.now)
            entries.append(facts)
            failpoints.reach("repair.before_commit")

    def _close(self, known: KnownEnd) -> bool:
        """Whether it has an end in Redis now."""
        outcome, end = known.bring_to(self._store), known.end
        if outcome == "collected":
            logger.error("Redis had lost that request %s was collected: it is again", end.request_id)
        elif outcome == "restored":
            logger.error("Redis had lost the end of request %s: it is %s again", end.request_id, end.status)
        elif outcome == CHANGED:
            logger.critical(
                "request %s in Redis is not the one that SQL knows: it is cancelled", end.request_id
            )
            self._store.run(approvals.cancel(self._store.keys, end.request_id, NOT_ASKED))
        return outcome != UNREADABLE


def _unmarked(used: list[str], standings: Standings, known: Rows) -> list[KnownEnd]:
    """Approvals that were used, and that a restored Redis would give to the next who claims them."""
    found = []
    for request_id in used:
        standing, row = standings[request_id], known.get(request_id)
        if standing is None or row is None or standing.collected or standing.status != row.status:
            continue
        if standing.decision_id == row.decision_id:
            found.append(KnownEnd.of_record(row))
    return found


def _noted(intents: list[DecisionIntent], standings: Standings, known: Rows) -> list[KnownEnd]:
    """The ends of which the site alone knows: Redis had accepted them, and offers the request again or lost it."""
    found: dict[str, list[DecisionIntent]] = {}
    for intent in intents:
        row, standing = known.get(str(intent.request_id)), standings[str(intent.request_id)]
        if (row is None or row.status == PENDING) and (standing is None or standing.status == PENDING):
            found.setdefault(str(intent.request_id), []).append(intent)
    first = (ends.first_accepted(tried) for tried in found.values())
    return [KnownEnd.of_intent(intent) for intent in first if intent is not None]


def _altered(standings: Standings, known: Rows) -> list[entries.Fact]:
    """Requests that wait, and of which Redis does not hold what was asked."""
    return [
        alarms.fact_of_altered(id_, row.agent_id, row.digest, standing.found)
        for id_, row in known.items()
        if row.status == PENDING
        and (standing := standings[id_])
        and standing.status == PENDING
        and standing.found != row.digest
    ]


def _not_tried(gone: list[str], now: datetime) -> list[str]:
    """Without those that somebody decided, or may be about to: the site may note yet that Redis had accepted it."""
    if not gone:
        return []
    tried = DecisionIntent.objects.filter(outcome=OPEN, request_id__in=gone)
    held = tried.filter(Q(not_after__gte=now) | Q(accepted_at__isnull=False))
    waiting = {str(request_id) for request_id in held.values_list("request_id", flat=True)}
    return [request_id for request_id in gone if request_id not in waiting]


def _untold(ids: list[str], standings: Standings, known: Rows) -> list[str]:
    """Requests of which Redis knows, and SQL does not, that they were asked or that they have ended."""
    found = []
    for request_id in ids:
        standing, row = standings[request_id], known.get(request_id)
        if standing is None or standing.status == UNREADABLE:
            continue
        if row is None or (row.status == PENDING and standing.status != PENDING):
            found.append(request_id)
    return found


def _settled(
    intents: list[DecisionIntent], standings: Standings, known: Rows, now: datetime
) -> list[tuple[DecisionIntent, str]]:
    """The intents that can be settled: what stands was read after Redis's clock had passed their limit."""
    found = []
    for intent in intents:
        standing, row = standings[str(intent.request_id)], known.get(str(intent.request_id))
        if standing is not None and standing.status == UNREADABLE:
            continue
        mine = str(intent.pk) in (standing.decision_id if standing else "", row.decision_id if row else "")
        if mine:
            found.append((intent, ACCEPTED))
        elif intent.accepted_at is not None:
            if row is not None and row.status != PENDING:
                found.append((intent, OUTCOME_OF_STATUS[row.status]))
        elif now > intent.not_after:
            found.append((intent, _without_an_answer(standing, row)))
    return found


def _without_an_answer(standing: RequestState | None, row: ApprovalRecord | None) -> str:
    """What an attempt without a noted answer came to; where Redis lost the request, it may have taken effect."""
    if standing is not None:
        return OUTCOME_OF_STATUS[standing.status]
    return UNKNOWN if row is None or ends.was_lost(row) else OUTCOME_OF_STATUS[row.status]


def _tell(record: approvals.RequestRecord, now: datetime) -> list[entries.Fact]:
    """Write what the outbox should have told of a request."""
    request_id, facts = record.request_id, []
    stands = ApprovalRecord.objects.filter(pk=request_id).values_list("status", flat=True)
    before = stands.first()
    about = (record.status, record.responder, edited_digest(record.edited))
    own = EndState(*about[:2], milliseconds(record.ended_at), about[2]) if record.ended_at else None
    collected_ms = milliseconds(record.collected_at) if record.collected_at else ""
    told = {request_id: RedisEnds(own, None, record.digest, collected_ms)}
    try:
        with transaction.atomic():
            for entry in replayed(record):
                facts += effects.apply(entry, effects.Records({request_id: record}, told, now))
    except OperationalError:
        raise
    except (*ODD, DatabaseError) as error:
        logger.error("request %s cannot be repaired: %s", request_id, error)
        return []
    logger.error("request %s was missing in the record as %s: it is there now", request_id, record.status)
    fact = effects.repaired(
        f"repaired:{request_id}:{record.status}",
        request_id,
        now,
        what="a change of which the outbox had lost the entry",
        was=before or "not recorded",
        now_is=stands.get(),
        agent_id=record.agent_id,
    )
    return [*facts, fact]


def _settle(intent: DecisionIntent, outcome: str, now: datetime) -> list[entries.Fact]:
    """Settle an attempt that its process left open."""
    others = DecisionIntent.objects.filter(request_id=intent.request_id, outcome=ACCEPTED)
    if outcome == ACCEPTED and others.exists():
        outcome = ALREADY_DECIDED
    still_open = DecisionIntent.objects.filter(
        pk=intent.pk, outcome=OPEN, accepted_at__isnull=intent.accepted_at is None
    )
    if not still_open.update(outcome=outcome, settled_at=timezone.now()):
        return []  # settled by the end that was written just now, or noted as accepted meanwhile
    logger.warning("an attempt to decide request %s was left open: %s", intent.request_id, outcome)
    intent.outcome = outcome
    if intent.accepted_at is not None and outcome != ACCEPTED:
        return [ends.came_too_late(intent)]
    if outcome == UNKNOWN:
        return [ends.may_have_taken_effect(intent, now)]
    return [
        effects.repaired(
            f"repaired:intent:{intent.pk}",
            str(intent.request_id),
            now,
            what=f"the attempt of {intent.responder} to {'approve' if intent.approved else 'deny'}",
            was=OPEN,
            now_is=outcome,
        )
    ]
