"""What an outbox entry about a request does in SQL. Every effect is the same when it is applied twice."""

import logging
import math
import uuid
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone

from core.history.approvals import alarms, ends, signing
from core.history.approvals.answers import deadlines, holds, intents
from core.history.approvals.ends import KnownEnd, fact_of, first_accepted, was_lost
from core.history.approvals.replay import milliseconds
from core.history.audit.entries import Fact, about, append, new_fact
from core.history.database import locks
from core.history.database.prepared import Insert, Query, Save
from core.history.search import index as search
from core.models import ApprovalRecord, DecisionIntent
from core.store.approvals import End, RequestRecord, read_records, valid_id
from core.store.client import Store
from core.store.outbox import OutboxEntry
from core.store.recorder import RedisEnds, read_ends, read_queued
from core.values.approvals import (
    ACCEPTED,
    ALREADY_DECIDED,
    ANSWER_OF,
    DIRECT,
    ENDS,
    OF_INTENTS,
    OPEN,
    OUTCOME_OF_END,
    PENDING,
    TIMEOUT,
)
from core.values.malformed import with_visible_nul, without_nul
from core.values.moments import at
from core.values.signature import SignaturePayload, signed_status

logger = logging.getLogger(__name__)


class Records(NamedTuple):
    """What Redis holds of the requests that entries speak of: the bodies of new ones, and the ends of ended ones.

    now: by Redis's clock, when that was read. gone: new ones that it does not have, and whether a queue names them.
    words: of contexts, for the index of requests.
    """

    bodies: Mapping[str, RequestRecord]
    told: Mapping[str, RedisEnds]
    now: datetime
    gone: Mapping[str, bool] = MappingProxyType({})
    words: search.Known = search.NOTHING


LENGTHS = {
    field.name: field.max_length or 0
    for field in ApprovalRecord._meta.fields
    if field.name
    in ("agent_id", "approval_type", "digest", "responder", "decision_id", "channel", "signature", "answer")
}
CHANGING = (
    "status",
    "responder",
    "decision_id",
    "reason",
    "channel",
    "signature",
    *("answer", "edited_to", "ended_at", "collected_at", "deadline_at", "timeout_seconds"),
)
_ROWS = Query(
    lambda ids: ApprovalRecord.objects.defer("context").select_for_update().filter(pk__in=ids).order_by("pk"),
    [uuid.UUID],
)
_ADD, _CHANGE = Insert(ApprovalRecord), Save(ApprovalRecord, *CHANGING)
NOTED = "an answer that was accepted, which Redis lost before it was recorded or known to have been heard"
OFFERED_AGAIN = "a request that Redis, restored from an older file, offered again"
CLAIMS = ("ended", "collected", "restored", "doubted")  # believed where the request itself says so
UNCOLLECTED = "uncollected"
USED = "an approval that was used, which Redis, restored from an older file, would have given once more"
PRUNED_AT_ONCE = 500
MOST_DAYS = 36_500


def read_requests(store: Store, entries: Sequence[OutboxEntry]) -> Records:
    """What Redis holds of the requests that entries speak of; the outbox carries ids and digests, and it may lie."""
    asked, ended = _ids(entries, "requested"), _ids(entries, *CLAIMS)
    found = dict(zip(asked, read_records(store, asked), strict=True)) if asked else {}
    now, told = read_ends(store, ended) if ended else (timezone.now(), {})
    bodies = {id_: record for id_, record in found.items() if isinstance(record, RequestRecord)}
    lost = {id_ for id_, record in found.items() if record is None}
    said = {
        entry.fields["request_id"]: entry.fields.get("agent_id", "")
        for entry in entries
        if _asks(entry, lost)
    }
    new = [record.context.decode() for record in bodies.values()]
    words = search.read_ahead(new, [uuid.UUID(id_) for id_ in _ids(entries, "ended") if id_ not in bodies])
    return Records(bodies, told, now, read_queued(store, said) if said else {}, words)


def _asks(entry: OutboxEntry, ids: Container[str]) -> bool:
    return entry.type == "requested" and entry.fields.get("request_id", "") in ids


def _ids(entries: Sequence[OutboxEntry], *types: str) -> list[str]:
    ids = {entry.fields.get("request_id", "") for entry in entries if entry.type in types}
    return sorted(id_ for id_ in ids if valid_id(id_))


def apply(entry: OutboxEntry, records: Records) -> list[Fact]:
    """Apply one entry and return the facts to audit. KeyError or ValueError for an entry that makes no sense."""
    batch = Batch([entry], records)
    facts = batch.take(entry)
    batch.write()
    return facts


class Batch:
    """What entries about requests do, worked out in memory and then written at once: few queries for many entries.

    For use in one transaction: the rows that it reads are locked until that ends.
    """

    def __init__(self, entries: Iterable[OutboxEntry], records: Records) -> None:
        said = [entry.fields for entry in entries]
        ids = {fields.get("request_id", "") for fields in said}
        valid = [uuid.UUID(id_) for id_ in ids if valid_id(id_)]
        self._rows: dict[str, ApprovalRecord] = (
            {str(row.pk): row for row in _ROWS.objects(valid)} if valid else {}
        )
        self._records = records
        self._new: dict[str, ApprovalRecord] = {}
        self._changed: dict[str, ApprovalRecord] = {}
        self._ended_now: set[uuid.UUID] = set()  # what else changes is no word of the index
        self._accepted: list[uuid.UUID] = []
        self._standing: set[uuid.UUID] = set()
        self._lost: dict[str, set[uuid.UUID]] = {}
        self._intents = intents.tried_on(said, records.gone)
        self._held = intents.without_held(self._intents)

    def take(self, entry: OutboxEntry) -> list[Fact]:
        """Work out one entry; KeyError, ValueError and the like for one that makes no sense, and does nothing.

        So a step reads all that an entry says before it changes a row.
        """
        request_id = entry.fields["request_id"]
        if not valid_id(request_id):
            raise ValueError(f"request_id is {request_id!r}")
        _refuse_unfit(entry.fields)
        if entry.type not in STEPS:
            raise ValueError(f"type is {entry.type!r}")
        return STEPS[entry.type](self, request_id, entry)

    def write(self) -> None:
        """Write what was worked out; a DatabaseError where the database does not take it."""
        _ADD.run(self._new.values())
        for row in self._changed.values():
            _CHANGE.run(row)
        search.index(self._new.values(), self._records.words)
        search.index_again(self._ended_now, self._records.words)
        now: datetime = timezone.now()
        if self._accepted:
            intents.accept(self._accepted, now)
        for outcome, ids in self._lost.items():
            intents.lose(list(ids), list(self._standing), outcome, now)

    def _add(self, request_id: str, **fields: Any) -> ApprovalRecord:
        row = ApprovalRecord(request_id=request_id, **fields)
        self._rows[request_id] = self._new[request_id] = row
        return row

    def _change(self, request_id: str, **fields: Any) -> None:
        row = self._rows[request_id]
        for name, value in fields.items():
            setattr(row, name, value)
        if request_id not in self._new:
            self._changed[request_id] = row
            if "status" in fields:
                self._ended_now.add(row.pk)

    def _requested(self, request_id: str, entry: OutboxEntry) -> list[Fact]:
        said = entry.fields
        requested_at, deadline_at = at(said["requested_ms"]), at(said["deadline_ms"])
        asked = {"approval_type": said["approval_type"], "digest": said["digest"]}
        fact = Fact(
            event_id=f"request:{request_id}:requested",
            kind="approval.requested",
            at=requested_at,
            actor=said["agent_id"],
            agent_id=said["agent_id"],
            request_id=request_id,
            details={**asked, **_said(said, "key"), **_said(said, "revises")},
        )
        timeout_seconds = _seconds(said["timeout_seconds"])
        doubts = self._unconfirmed_asking(request_id, entry)
        is_known, is_queued = request_id in self._rows, self._records.gone.get(request_id, False)
        may_be = is_queued or alarms.was_asked(request_id, said, deadline_at, self._records.now)
        if doubts and (is_known or not may_be):
            return doubts
        facts = [fact, *doubts]
        if is_known:
            return facts
        # Only the body that was hashed is kept; without it the digest still tells what was asked.
        record = self._records.bodies.get(request_id)
        if record is not None and alarms.is_altered(record, said["digest"], deadline_at):
            facts.append(alarms.fact_of_altered(request_id, said["agent_id"], said["digest"], record.digest))
        self._add(
            request_id,
            agent_id=said["agent_id"],
            approval_type=said["approval_type"],
            context=record.context.decode() if record and record.digest == said["digest"] else "",
            digest=said["digest"],
            requested_at=requested_at,
            deadline_at=deadline_at,
            timeout_seconds=timeout_seconds,
            revises=_uuid_or_none(said.get("revises", "")),
        )
        return facts

    def _unconfirmed_asking(self, request_id: str, entry: OutboxEntry) -> list[Fact]:
        """The alarm where nothing but the outbox says that this was asked, or where something else was."""
        row, said = self._rows.get(request_id), entry.fields
        if row is not None:
            is_so = not alarms.is_another(row, said)
        else:
            tried = self._intents.get(request_id, ())
            is_so = request_id not in self._records.gone or intents.confirm_asking(tried, said)
        return [] if is_so else [alarms.fact_of_unconfirmed(request_id, entry, said["agent_id"])]

    def _ended(self, request_id: str, entry: OutboxEntry) -> list[Fact]:
        said = entry.fields
        status, digest, ended_at = said["status"], said["digest"], at(said["ended_ms"])
        if status not in ENDS:
            raise ValueError(f"status is {status!r}")
        end: dict[str, Any] = {name: said[name] for name in ("status", "responder", "decision_id")}
        end |= self._proven(request_id, said)
        end["answer"], end["edited_to"] = self._answered(request_id, said)
        if not self._is_confirmed(request_id, said, ended_at):
            return [alarms.fact_of_unconfirmed(request_id, entry, said["agent_id"])]
        facts = [] if request_id in self._rows else self._never_told(request_id, entry, ended_at)
        row = self._rows[request_id]
        if row.status == PENDING:
            facts += self._noted_before(row, said)
        if row.status == PENDING:
            self._change(request_id, **end, ended_at=ended_at)
        self._settle_intents(row)
        if (held := self._held.pop(request_id, None)) is not None:
            facts += holds.void_of_ended(held, row.status, row.responder)
        if (row.status, row.decision_id) != (status, said["decision_id"]):
            return [*facts, _contradicted(row, entry, ended_at)]
        edited = end.pop("edited_to").encode()
        known = End(request_id, digest or row.digest, **end, edited=edited, ended_at=ended_at)
        return [*facts, fact_of(known, row.agent_id), *self._told_otherwise(row)]

    def _is_confirmed(self, request_id: str, said: Mapping[str, str], ended_at: datetime) -> bool:
        """Whether anything but the outbox knows of this end; one that contradicts what stands is told as that."""
        row, told = self._rows.get(request_id), self._records.told.get(request_id)
        if row is not None and row.status != PENDING:
            return True
        if told is not None and (told.ends or ())[:3] == (
            said["status"],
            said["responder"],
            said["ended_ms"],
        ):
            return True
        if said["status"] == TIMEOUT and row is not None:
            return row.deadline_at <= min(ended_at, self._records.now)  # so it ends by itself
        how = signed_status(said["status"], said.get("answer", ""), said.get("edited_digest", ""))
        digest = row.digest if row else said["digest"]
        signed = SignaturePayload(request_id, digest, how, said["responder"], said["reason"])
        tried = self._intents.get(request_id, ())
        mine = [intent for intent in tried if intent.outcome in (OPEN, ACCEPTED) or intent.accepted_at]
        return intents.intent_of(mine, said) is not None or signing.is_signed(
            signed, said.get("signature", "")
        )

    def _told_otherwise(self, row: ApprovalRecord) -> list[Fact]:
        """What of this request in Redis is not so, now that it has ended."""
        told, facts = self._records.told.get(str(row.pk)), []
        if told is not None and told.digest not in ("", row.digest):
            facts.append(alarms.fact_of_altered(str(row.pk), row.agent_id, row.digest, told.digest))
        own, heard = (None, None) if told is None else (told.own, told.heard)
        if own is not None and heard not in (None, own) and own.status == row.status:
            facts.append(alarms.fact_of_told_otherwise(row, heard.status))
        return facts

    def _noted_before(self, row: ApprovalRecord, said: Mapping[str, str]) -> list[Fact]:
        """The end that the site told a person comes first, where Redis lost it and now tells another."""
        intent = first_accepted(self._intents.get(str(row.pk), ()))
        if intent is None or str(intent.pk) == said["decision_id"]:
            return []
        end = KnownEnd.of_intent(intent).end
        names = ("status", "responder", "reason", "ended_at", "decision_id", "channel", "signature", "answer")
        said_ = {name: getattr(end, name) for name in names}
        self._change(end.request_id, **said_, edited_to=end.edited.decode())
        fact = repaired(
            f"repaired:{row.pk}:noted",
            end.request_id,
            timezone.now(),
            what=f"{NOTED}, and ended in another way",
            was=PENDING,
            now_is=row.status,
            agent_id=row.agent_id,
        )
        return [fact_of(end, row.agent_id), fact]

    def _never_told(self, request_id: str, entry: OutboxEntry, ended_at: datetime) -> list[Fact]:
        """A row for a request of which only the end is known; what its end or an intent tells of it is kept."""
        tried = self._intents.get(request_id, [])
        intent = first_accepted(tried) or next(iter(tried), None)
        if intent is not None and (asked := ends.request_fields(intent)):
            return self._requested(request_id, OutboxEntry(entry.position, asked))
        self._add(
            request_id,
            **{name: entry.fields[name] for name in ("agent_id", "approval_type", "digest")},
            requested_at=ended_at,
            deadline_at=ended_at,
            timeout_seconds=0.0,
        )
        return []

    def _collected(self, request_id: str, entry: OutboxEntry) -> list[Fact]:
        collected_at = at(entry.fields["collected_ms"])
        row = self._rows.get(request_id)
        if row is None:
            raise ValueError("the outcome of an unknown request was collected")
        # What the agent holds is not what stands here, where Redis was restored and ended the request once more.
        held = entry.fields.get("status", row.status)
        told = self._records.told.get(request_id)
        if told is None or told.own is None or told.collected_ms != entry.fields["collected_ms"]:
            return [alarms.fact_of_unconfirmed(request_id, entry, row.agent_id)]
        if held == row.status and row.collected_at is None:
            self._change(request_id, collected_at=collected_at)
        # A server that was restored may let somebody collect it once more: that is told too.
        again = held == row.status and row.collected_at != collected_at
        first = ends.collection_id(request_id)
        event_id = f"{first}:{milliseconds(collected_at)}" if again else first
        said = {"status": held, **_said(entry.fields, "claim")}
        return [about(row, event_id, "approval.collected", row.agent_id, collected_at, **said)]

    def _restored(self, request_id: str, entry: OutboxEntry) -> list[Fact]:
        was, told = entry.fields.get("was", PENDING), self._records.told.get(request_id)
        moment = at(entry.fields["restored_ms"])
        stands = told.ends.status if told and told.ends else ""
        if stands != entry.fields["status"] or (was == UNCOLLECTED and not (told and told.collected_ms)):
            row = self._rows.get(request_id)
            return [alarms.fact_of_unconfirmed(request_id, entry, row.agent_id if row else "")]
        fact = repaired(
            # A server may be restored more than once, and each time is told.
            f"repaired:{request_id}:restored:{entry.position}",
            request_id,
            moment,
            what={"lost": NOTED, UNCOLLECTED: USED}.get(was, OFFERED_AGAIN),
            was=was,
            now_is="collected" if was == UNCOLLECTED else entry.fields["status"],
        )
        return [fact]

    def _doubted(self, request_id: str, entry: OutboxEntry) -> list[Fact]:
        row = self._rows.get(request_id)
        if row is None:
            raise ValueError("the end of an unknown request was not believed")
        told = self._records.told.get(request_id)
        if told is None or not told.says_yes:
            return [alarms.fact_of_unconfirmed(request_id, entry, row.agent_id)]
        return [alarms.fact_of_doubted(row, entry)]

    def _answered(self, request_id: str, said: Mapping[str, str]) -> tuple[str, str]:
        """How it was answered beside yes and no, and the changed arguments: those of the very intent."""
        answer, intent = said.get("answer", ""), intents.intent_of(self._intents.get(request_id, ()), said)
        if answer and answer not in ANSWER_OF:
            raise ValueError(f"answer is {answer!r}")
        return answer, intent.edited_to if intent is not None else ""

    def _extended(self, request_id: str, entry: OutboxEntry) -> list[Fact]:
        row, extension = self._rows[request_id], deadlines.extension_of(request_id, entry.fields)
        fact = deadlines.fact_of(extension, row, at(entry.fields["extended_ms"]))
        if row.status == PENDING and row.deadline_at < extension.deadline_at:
            seconds = (extension.deadline_at - row.requested_at).total_seconds()
            self._change(request_id, deadline_at=extension.deadline_at, timeout_seconds=seconds)
        return [fact]

    def _proven(self, request_id: str, said: Mapping[str, str]) -> dict[str, str]:
        """Channel, reason and signature as that very intent in SQL has them; else whoever said so is not verified."""
        told = {"reason": with_visible_nul(said["reason"]), "signature": said.get("signature", "")}
        if said["channel"] not in OF_INTENTS:
            return {**told, "channel": said["channel"]}
        intent = intents.intent_of(self._intents.get(request_id, ()), said)
        if intent is not None:
            return {name: getattr(intent, name) for name in ("channel", *told)}
        logger.error(
            "request %s: its decision says it came through the site, which knows nothing of it", request_id
        )
        return {**told, "channel": DIRECT}

    def _settle_intents(self, row: ApprovalRecord) -> None:
        """By what stands now, which another end that Redis tells later does not change."""
        mine = _uuid_or_none(row.decision_id)
        if mine is not None:
            self._standing.add(mine)
            if row.channel in OF_INTENTS:
                self._accepted.append(mine)
        if was_lost(row):
            return  # an attempt left open may have taken effect: the repair says so
        lost = OUTCOME_OF_END.get(row.status, ALREADY_DECIDED)
        self._lost.setdefault(lost, set()).add(uuid.UUID(str(row.pk)))


STEPS: Mapping[str, Callable[[Batch, str, OutboxEntry], list[Fact]]] = {
    "requested": Batch._requested,
    "ended": Batch._ended,
    "collected": Batch._collected,
    "restored": Batch._restored,
    "doubted": Batch._doubted,
    "more_time": Batch._extended,
}


def _refuse_unfit(said: Mapping[str, str]) -> None:
    """What PostgreSQL would not take is refused on SQLite too, so that a record can move."""
    for name, limit in LENGTHS.items():
        if len(without_nul(said.get(name, ""), name)) > limit:
            raise ValueError(f"{name} has more than {limit} characters")


def _said(fields: Mapping[str, str], name: str) -> dict[str, str]:
    """What few entries say, and those of former versions never."""
    return {name: fields[name]} if fields.get(name) else {}


def _seconds(text: str) -> float:
    seconds = float(text)
    if not math.isfinite(seconds):
        raise ValueError(f"timeout_seconds is {text!r}")
    return seconds


def _uuid_or_none(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _contradicted(row: ApprovalRecord, entry: OutboxEntry, moment: datetime) -> Fact:
    said = entry.fields
    logger.critical("request %s is %s here, and Redis says %s", row.pk, row.status, said["status"])
    event_id = f"contradicted:{row.pk}:{entry.position}"
    told = {"stands": row.status, "told": said["status"], "reason": said["reason"]}
    return about(row, event_id, "record.contradicted", said["responder"], moment, **told)


def repaired(
    event_id: str, request_id: str, moment: datetime, *, what: str, was: str, now_is: str, agent_id: str = ""
) -> Fact:
    """The fact that something was mended: what it was about, how it stood, and how it stands now."""
    return Fact(
        event_id=event_id,
        kind="record.repaired",
        at=moment,
        actor="recorder",
        agent_id=agent_id,
        request_id=request_id,
        details={"what": what, "was": was, "is": now_is},
    )


def prune_bodies(now: datetime, days: int) -> int:
    """Remove the contexts of requests that ended `days` ago or earlier; returns how many.

    In short transactions, each with its entry in the record.
    """
    until = now - timedelta(days=min(days, MOST_DAYS))
    removed = 0
    while count := _prune_some(until, now, days):
        removed += count
    return removed


def _prune_some(until: datetime, now: datetime, days: int) -> int:
    with transaction.atomic():
        locks.hold_recorder()
        old = ApprovalRecord.objects.filter(ended_at__lte=until, body_pruned_at=None).exclude(context="")
        ids = list(old.order_by("-ended_at").values_list("pk", flat=True)[:PRUNED_AT_ONCE])
        if not ids:
            return 0
        count = ApprovalRecord.objects.filter(pk__in=ids).update(context="", edited_to="", body_pruned_at=now)
        DecisionIntent.objects.filter(request_id__in=ids).exclude(edited_to="").update(edited_to="")
        search.index_again(ids)
        fact = new_fact("record.pruned", requests=count, ended_until=until.isoformat(), days=days)
        append([fact])
        return count
