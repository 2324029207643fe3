"""What each outbox entry does in SQL. Every effect is the same when it is applied twice."""

import logging
import math
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

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
    request_id = entry.fields["request_id"]
    if not valid_id(request_id):
        raise ValueError(f"request_id is {request_id!r}")
    _refuse_unfit(entry.fields)
    if entry.type == "requested":
        return _requested(request_id, entry.fields, records.get(request_id))
    if entry.type == "ended":
        return _ended(request_id, entry.fields, entry.position)
    if entry.type == "collected":
        return _collected(request_id, entry.fields)
    if entry.type == "restored":
        return _restored(request_id, entry)
    raise ValueError(f"type is {entry.type!r}")


def _requested(request_id: str, said: Mapping[str, str], record: RequestRecord | None) -> Fact:
    requested_at = at(said["requested_ms"])
    # Only the body that was hashed is kept; without it the digest still tells what was asked.
    body = record.context.decode() if record and record.digest == said["digest"] else ""
    ApprovalRecord.objects.get_or_create(
        request_id=request_id,
        defaults={
            "agent_id": said["agent_id"],
            "approval_type": said["approval_type"],
            "context": body,
            "digest": said["digest"],
            "requested_at": requested_at,
            "deadline_at": at(said["deadline_ms"]),
            "timeout_seconds": _seconds(said["timeout_seconds"]),
        },
    )
    return Fact(
        event_id=f"request:{request_id}:requested",
        kind="approval.requested",
        at=requested_at,
        actor=said["agent_id"],
        agent_id=said["agent_id"],
        request_id=request_id,
        details={"approval_type": said["approval_type"], "digest": said["digest"]},
    )


def _ended(request_id: str, said: Mapping[str, str], position: str) -> Fact:
    status, ended_at = said["status"], at(said["ended_ms"])
    if status not in ENDED:
        raise ValueError(f"status is {status!r}")
    end = {name: said[name] for name in ("status", "responder", "decision_id")}
    end["reason"] = said["reason"].replace("\x00", "\u2400")  # PostgreSQL keeps no NUL; this is its picture
    end["channel"] = _proven_channel(request_id, said)
    record, created = ApprovalRecord.objects.get_or_create(
        request_id=request_id,
        # The request itself was never told to us; what is known of it is kept.
        defaults={
            **end,
            "ended_at": ended_at,
            "agent_id": said["agent_id"],
            "approval_type": said["approval_type"],
            "digest": said["digest"],
            "requested_at": ended_at,
            "deadline_at": ended_at,
            "timeout_seconds": 0.0,
        },
    )
    if not created and record.status == ApprovalRecord.Status.PENDING:
        ApprovalRecord.objects.filter(pk=request_id).update(**end, ended_at=ended_at)
    _settle_intents(request_id, said, end["channel"])
    if record.status not in (ApprovalRecord.Status.PENDING, status) and not created:
        return _contradicted(request_id, record, said, ended_at, position)
    return Fact(
        event_id=f"request:{request_id}:ended",
        kind=f"approval.{status}",
        at=ended_at,
        actor=said["responder"],
        agent_id=record.agent_id,
        request_id=request_id,
        details={
            "reason": end["reason"],
            "channel": end["channel"],
            "decision_id": said["decision_id"],
            "digest": said["digest"] or record.digest,
        },
    )


def _proven_channel(request_id: str, said: Mapping[str, str]) -> str:
    """`site` only where the intent of that very person stands in SQL; else whoever said so is not verified."""
    if said["channel"] != "site":
        return said["channel"]
    intent = DecisionIntent.objects.filter(
        pk=_uuid_or_none(said["decision_id"]) or uuid.UUID(int=0),
        request_id=request_id,
        approved=said["status"] == "approved",
        user__username=said["responder"],
    )
    if intent.exists():
        return "site"
    logger.error(
        "request %s: its decision says it came through the site, which knows nothing of it", request_id
    )
    return "direct"


def _settle_intents(request_id: str, said: Mapping[str, str], channel: str) -> None:
    """The intent that took effect is accepted; every other one of this request has lost."""
    outcome = DecisionIntent.Outcome
    now: datetime = timezone.now()
    intents = DecisionIntent.objects.filter(request_id=request_id)
    mine = _uuid_or_none(said["decision_id"]) or uuid.UUID(int=0)  # of no intent
    if channel == "site":
        intents.filter(pk=mine).update(outcome=outcome.ACCEPTED, settled_at=now)
    lost = {"timeout": outcome.EXPIRED, "cancelled": outcome.CANCELLED}.get(
        said["status"], outcome.ALREADY_DECIDED
    )
    intents.filter(outcome=outcome.OPEN).exclude(pk=mine).update(outcome=lost, settled_at=now)


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


def _collected(request_id: str, said: Mapping[str, str]) -> Fact:
    collected_at = at(said["collected_ms"])
    record = ApprovalRecord.objects.filter(pk=request_id).first()
    if record is None:
        raise ValueError("the outcome of an unknown request was collected")
    # What the agent holds is not what stands here, where Redis was restored and ended the request once more.
    held = said.get("status", record.status)
    if held == record.status:
        ApprovalRecord.objects.filter(pk=request_id, collected_at=None).update(collected_at=collected_at)
    return Fact(
        event_id=f"request:{request_id}:collected",
        kind="approval.collected",
        at=collected_at,
        actor=record.agent_id,
        agent_id=record.agent_id,
        request_id=request_id,
        details={"status": held},
    )


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
