"""What each outbox entry does in SQL. Every effect is the same when it is applied twice."""

import logging
import math
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

from core.history import automation, runs, usage
from core.history.audit import Fact
from core.models import ApprovalRecord, DecisionIntent
from core.store.approvals import RequestRecord, at, read_records, valid_id
from core.store.client import Store
from core.store.outbox import OutboxEntry

logger = logging.getLogger(__name__)

Records = Mapping[str, RequestRecord]

LENGTHS = {
    field.name: field.max_length or 0
    for field in ApprovalRecord._meta.fields
    if field.name in ("agent_id", "approval_type", "digest", "responder", "decision_id", "channel")
}
ENDED = ("approved", "rejected", "timeout", "cancelled")
CHANGING = ("status", "responder", "decision_id", "reason", "channel", "ended_at", "collected_at")
# What becomes of the other attempts when a request ends so; else somebody was faster.
LOST = {"timeout": DecisionIntent.Outcome.EXPIRED, "cancelled": DecisionIntent.Outcome.CANCELLED}
# Telemetry: the audit chain is about decisions.
UNAUDITED: Mapping[str, Callable[[Mapping[str, str], usage.SetAside], None]] = {
    "llm_calls": usage.record,
    "usage_reset": lambda said, _set_aside: usage.forget(said),
    "automation": lambda said, _set_aside: automation.record(said),
    **dict.fromkeys(runs.TYPES, lambda said, _set_aside: runs.record(said)),
}


def read_requests(store: Store, entries: Iterable[OutboxEntry]) -> Records:
    """The bodies of the requests that entries speak of; the outbox carries ids and digests alone."""
    ids = {entry.fields.get("request_id", "") for entry in entries if entry.type == "requested"}
    valid = sorted(id_ for id_ in ids if valid_id(id_))
    found = zip(valid, read_records(store, valid), strict=True) if valid else []
    return {id_: record for id_, record in found if isinstance(record, RequestRecord)}


def apply(entry: OutboxEntry, records: Records, set_aside: usage.SetAside) -> Fact | None:
    """Apply one entry and return the fact to audit. KeyError or ValueError for an entry that makes no sense.

    `set_aside` takes a part of an entry that makes no sense, where the rest of it does.
    """
    if entry.type in UNAUDITED:
        UNAUDITED[entry.type](entry.fields, set_aside)
        return None
    batch = Batch([entry], records)
    fact = batch.take(entry)
    batch.write()
    return fact


class Batch:
    """What entries about requests do, worked out in memory and then written at once: few queries for many entries.

    For use in one transaction: the rows that it reads are locked until that ends.
    """

    def __init__(self, entries: Iterable[OutboxEntry], records: Records) -> None:
        said = [entry.fields for entry in entries]
        ids = {fields.get("request_id", "") for fields in said}
        known = ApprovalRecord.objects.defer("context").select_for_update().order_by("pk")
        self._rows = {str(row.pk): row for row in known.filter(pk__in=[id_ for id_ in ids if valid_id(id_)])}
        self._records = records
        self._new: dict[str, ApprovalRecord] = {}
        self._changed: dict[str, ApprovalRecord] = {}
        self._accepted: list[uuid.UUID] = []
        self._standing: set[uuid.UUID] = set()
        self._lost: dict[str, set[str]] = {}
        self._intents = _intents_named(said)

    def take(self, entry: OutboxEntry) -> Fact:
        """Work out one entry; KeyError, ValueError and the like for one that makes no sense, and does nothing."""
        request_id = entry.fields["request_id"]
        if not valid_id(request_id):
            raise ValueError(f"request_id is {request_id!r}")
        _refuse_unfit(entry.fields)
        if entry.type == "requested":
            return self._requested(request_id, entry.fields)
        if entry.type == "ended":
            return self._ended(request_id, entry.fields, entry.position)
        if entry.type == "collected":
            return self._collected(request_id, entry.fields)
        if entry.type == "restored":
            return _restored(request_id, entry)
        raise ValueError(f"type is {entry.type!r}")

    def write(self) -> None:
        """Write what was worked out; a DatabaseError where the database does not take it."""
        ApprovalRecord.objects.bulk_create(self._new.values())
        for row in self._changed.values():
            row.save(update_fields=CHANGING)
        now: datetime = timezone.now()
        if self._accepted:
            DecisionIntent.objects.filter(pk__in=self._accepted).update(outcome="accepted", settled_at=now)
        for outcome, ids in self._lost.items():
            # Of each request that ended, every other attempt has lost.
            lost = DecisionIntent.objects.filter(request_id__in=ids, outcome=DecisionIntent.Outcome.OPEN)
            lost.exclude(pk__in=self._standing).update(outcome=outcome, settled_at=now)

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

    def _requested(self, request_id: str, said: Mapping[str, str]) -> Fact:
        requested_at, deadline_at = at(said["requested_ms"]), at(said["deadline_ms"])
        fact = Fact(
            event_id=f"request:{request_id}:requested",
            kind="approval.requested",
            at=requested_at,
            actor=said["agent_id"],
            agent_id=said["agent_id"],
            request_id=request_id,
            details={"approval_type": said["approval_type"], "digest": said["digest"]},
        )
        timeout_seconds = _seconds(said["timeout_seconds"])
        if request_id in self._rows:
            return fact
        # Only the body that was hashed is kept; without it the digest still tells what was asked.
        record = self._records.get(request_id)
        self._add(
            request_id,
            agent_id=said["agent_id"],
            approval_type=said["approval_type"],
            context=record.context.decode() if record and record.digest == said["digest"] else "",
            digest=said["digest"],
            requested_at=requested_at,
            deadline_at=deadline_at,
            timeout_seconds=timeout_seconds,
        )
        return fact

    def _ended(self, request_id: str, said: Mapping[str, str], position: str) -> Fact:
        status, ended_at = said["status"], at(said["ended_ms"])
        if status not in ENDED:
            raise ValueError(f"status is {status!r}")
        end: dict[str, Any] = {name: said[name] for name in ("status", "responder", "decision_id")}
        end["reason"] = said["reason"].replace(
            "\x00", "\u2400"
        )  # PostgreSQL keeps no NUL; this is its picture
        end["channel"] = self._proven_channel(request_id, said)
        row = self._rows.get(request_id) or self._never_told(request_id, said, ended_at)
        stood = row.status
        if stood == ApprovalRecord.Status.PENDING:
            self._change(request_id, **end, ended_at=ended_at)
        self._settle_intents(request_id, said, end["channel"])
        if stood not in (ApprovalRecord.Status.PENDING, status):
            return _contradicted(request_id, row, said, ended_at, position)
        details = {name: end[name] for name in ("reason", "channel", "decision_id")}
        return Fact(
            event_id=f"request:{request_id}:ended",
            kind=f"approval.{status}",
            at=ended_at,
            actor=said["responder"],
            agent_id=row.agent_id,
            request_id=request_id,
            details={**details, "digest": said["digest"] or row.digest},
        )

    def _never_told(self, request_id: str, said: Mapping[str, str], ended_at: datetime) -> ApprovalRecord:
        """A row for a request of which only the end is known; what its end tells of it is kept."""
        return self._add(
            request_id,
            agent_id=said["agent_id"],
            approval_type=said["approval_type"],
            digest=said["digest"],
            requested_at=ended_at,
            deadline_at=ended_at,
            timeout_seconds=0.0,
        )

    def _collected(self, request_id: str, said: Mapping[str, str]) -> Fact:
        collected_at = at(said["collected_ms"])
        row = self._rows.get(request_id)
        if row is None:
            raise ValueError("the outcome of an unknown request was collected")
        # What the agent holds is not what stands here, where Redis was restored and ended the request once more.
        held = said.get("status", row.status)
        if held == row.status and row.collected_at is None:
            self._change(request_id, collected_at=collected_at)
        return Fact(
            event_id=f"request:{request_id}:collected",
            kind="approval.collected",
            at=collected_at,
            actor=row.agent_id,
            agent_id=row.agent_id,
            request_id=request_id,
            details={"status": held},
        )

    def _proven_channel(self, request_id: str, said: Mapping[str, str]) -> str:
        """`site` only where the intent of that very person stands in SQL; else whoever said so is not verified."""
        if said["channel"] != "site":
            return said["channel"]
        stands = (request_id, said["status"] == "approved", said["responder"])
        if self._intents.get(_uuid_or_none(said["decision_id"])) == stands:
            return "site"
        logger.error(
            "request %s: its decision says it came through the site, which knows nothing of it", request_id
        )
        return "direct"

    def _settle_intents(self, request_id: str, said: Mapping[str, str], channel: str) -> None:
        mine = _uuid_or_none(said["decision_id"])
        if mine is not None:
            self._standing.add(mine)
            if channel == "site":
                self._accepted.append(mine)
        lost = LOST.get(said["status"], DecisionIntent.Outcome.ALREADY_DECIDED).value
        if not any(request_id in ids for ids in self._lost.values()):
            self._lost.setdefault(lost, set()).add(request_id)


def _intents_named(said: Iterable[Mapping[str, str]]) -> dict[uuid.UUID | None, tuple[str, bool, str]]:
    """Request, answer and person of each attempt whose id these entries name as the decision."""
    named = (_uuid_or_none(fields.get("decision_id", "")) for fields in said)
    ids = {decision_id for decision_id in named if decision_id is not None}
    if not ids:
        return {}
    rows = DecisionIntent.objects.filter(pk__in=ids)
    names = ("pk", "request_id", "approved", "user__username")
    return {pk: (str(request_id), *rest) for pk, request_id, *rest in rows.values_list(*names)}


def _refuse_unfit(said: Mapping[str, str]) -> None:
    """What PostgreSQL would not take is refused on SQLite too, so that a record can move."""
    for name, limit in LENGTHS.items():
        if len(said.get(name, "")) > limit or "\x00" in said.get(name, ""):
            raise ValueError(f"{name} has a NUL character or more than {limit} characters")


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


def _contradicted(
    request_id: str, record: ApprovalRecord, said: Mapping[str, str], moment: datetime, position: str
) -> Fact:
    logger.critical("request %s is %s here, and Redis says %s", request_id, record.status, said["status"])
    return Fact(
        event_id=f"contradicted:{request_id}:{position}",
        kind="record.contradicted",
        at=moment,
        actor=said["responder"],
        agent_id=record.agent_id,
        request_id=request_id,
        details={"stands": record.status, "told": said["status"], "reason": said["reason"]},
    )


def _restored(request_id: str, entry: OutboxEntry) -> Fact:
    said = entry.fields
    return repaired(
        # A server may be restored more than once, and each time is told.
        f"repaired:{request_id}:restored:{entry.position}",
        request_id,
        at(said["restored_ms"]),
        what="a request that Redis, restored from an older file, offered again",
        was="pending",
        now_is=said["status"],
    )


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
