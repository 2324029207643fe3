"""Approval requests as Redis holds them, read strictly: what cannot be read is named, never guessed."""

import hashlib
import logging
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ..errors import MalformedRecord
from ..values.json import finite, loads_strictly, storable
from ..values.malformed import ODD, malformed
from ..values.names import checked_name
from .client import Store

logger = logging.getLogger(__name__)

# Every calendar and time zone can show what is before it.
LATEST_MS = 7_258_118_400_000  # the year 2200
STATUSES = ("pending", "approved", "rejected", "timeout", "cancelled")


class RequestRecord(NamedTuple):
    """A request with its exact context bytes and, once it has ended, how."""

    request_id: str
    agent_id: str
    approval_type: str
    context: bytes
    context_object: dict[str, Any]
    stored_digest: str
    requested_at: datetime
    deadline_at: datetime
    timeout_seconds: float
    status: str
    responder: str = ""
    reason: str = ""
    ended_at: datetime | None = None
    decision_id: str = ""
    channel: str = ""
    collected_at: datetime | None = None

    @property
    def digest(self) -> str:
        """The digest of what this record says now, to be compared with the one decided on."""
        return request_digest(self.agent_id, self.approval_type, self.context)


class WaitingRequest(NamedTuple):
    """A request without its body: enough to point to it."""

    request_id: str
    approval_type: str
    requested_at: datetime
    deadline_at: datetime


@dataclass(frozen=True)
class PendingRequests:
    """The queue, oldest request first; `unreadable` are the ids that were set aside."""

    records: list[RequestRecord]
    unreadable: list[str]


def request_digest(agent_id: str, approval_type: str, context: bytes) -> str:
    """SHA-256, hex, over agent, type and the exact context. Names hold no newline, so lines cannot shift."""
    return hashlib.sha256(b"\n".join([agent_id.encode(), approval_type.encode(), context])).hexdigest()


def at(milliseconds: bytes | str | int | float) -> datetime:
    """Server milliseconds as an aware datetime; ValueError for a time that no server has: before 1970, from 2200 on."""
    whole = int(milliseconds)
    if not 0 <= whole < LATEST_MS:
        raise ValueError(f"{storable(str(milliseconds)[:40])} is no time from 1970 to 2199 in milliseconds")
    return datetime.fromtimestamp(whole / 1000, UTC)


def valid_id(request_id: object) -> bool:
    """Whether this can be the id of a request at all."""
    if not isinstance(request_id, str):
        return False
    try:
        return str(uuid.UUID(request_id)) == request_id
    except ValueError:
        return False


def read_record(store: Store, request_id: str) -> RequestRecord | None:
    """The request, or None when the server has none of this id; MalformedRecord when it cannot be read."""
    return _parsed_or_none(request_id, _read_hashes(store, [request_id])[1][0])


def read_record_and_time(store: Store, request_id: str) -> tuple[RequestRecord | None, datetime]:
    """The request as `read_record`, and the server's time, in one round trip."""
    now, replies = _read_hashes(store, [request_id])
    return _parsed_or_none(request_id, replies[0]), now


def read_records(store: Store, request_ids: list[str]) -> list[RequestRecord | MalformedRecord | None]:
    """Several requests in one round trip, in order; a malformed one yields its error in its place."""
    results: list[RequestRecord | MalformedRecord | None] = []
    for request_id, reply in zip(request_ids, _read_hashes(store, request_ids)[1], strict=True):
        try:
            results.append(_parsed_or_none(request_id, reply))
        except MalformedRecord as error:
            results.append(error)
    return results


def read_pending(store: Store) -> PendingRequests:
    """The undecided requests that are not past their deadline: two round trips."""
    queue = [
        id_.decode(errors="replace") for id_ in store.read("ZRANGE", store.keys.approvals_pending, 0, -1)
    ]
    now, replies = _read_hashes(store, queue)
    records, unreadable = [], []
    for request_id, reply in zip(queue, replies, strict=True):
        try:
            record = _parsed_or_none(request_id, reply)
        except MalformedRecord as error:
            logger.warning("set aside: %s", error)
            unreadable.append(request_id)
            continue
        if record is not None and record.status == "pending" and record.deadline_at > now:
            records.append(record)
    records.sort(key=lambda record: (record.requested_at, record.request_id))
    return PendingRequests(records, unreadable)


def count_waiting(store: Store) -> tuple[int, float]:
    """How many requests wait for an answer, and for how many seconds the oldest has: two round trips, no bodies."""
    queue = store.read("ZRANGE", store.keys.approvals_pending, 0, -1, "WITHSCORES")
    ids = [id_.decode(errors="replace") for id_ in queue[::2]]
    commands = [["HGET", store.keys.approval_request(id_), "requested_ms"] for id_ in ids]
    (seconds, microseconds), *asked = store.read_many([["TIME"], *commands])
    now_ms = int(seconds) * 1000 + int(microseconds) // 1000
    undecided = [
        reply for reply, deadline in zip(asked, queue[1::2], strict=True) if float(deadline) > now_ms
    ]
    times = [int(reply) for reply in undecided if isinstance(reply, bytes) and reply.isdigit()]
    return len(undecided), max(0.0, (now_ms - min(times)) / 1000) if times else 0.0


def read_waiting(store: Store, request_ids: list[str], agent_id: str) -> list[WaitingRequest]:
    """Those of these requests that an agent waits for, oldest first; without their bodies, in one round trip."""
    fields = ("agent_id", "status", "approval_type", "requested_ms", "deadline_ms")
    replies = store.read_many([["HMGET", store.keys.approval_request(id_), *fields] for id_ in request_ids])
    waiting = []
    for request_id, reply in zip(request_ids, replies, strict=True):
        if isinstance(reply, Exception) or reply[:2] != [agent_id.encode(), b"pending"]:
            continue
        try:
            kind = checked_name(reply[2].decode(), "approval_type")
            waiting.append(WaitingRequest(request_id, kind, at(reply[3]), at(reply[4])))
        except ODD as error:
            logger.warning("set aside: approval request %s: %s", request_id, error)
    return sorted(waiting, key=lambda request: (request.requested_at, request.request_id))


def _read_hashes(store: Store, request_ids: list[str]) -> tuple[datetime, list[Any]]:
    commands: list[list[str]] = [["HGETALL", store.keys.approval_request(id_)] for id_ in request_ids]
    (seconds, microseconds), *replies = store.read_many([["TIME"], *commands])
    return at(int(seconds) * 1000 + int(microseconds) // 1000), replies


def _parsed_or_none(request_id: str, reply: Any) -> RequestRecord | None:
    if isinstance(reply, Exception):
        raise MalformedRecord(f"approval request {request_id}: {reply}") from reply
    return _parsed(request_id, dict(zip(reply[::2], reply[1::2], strict=True))) if reply else None


def _parsed(request_id: str, fields: dict[bytes, bytes]) -> RequestRecord:
    try:
        context = fields[b"context"]
        context_object = loads_strictly(context)
        if not isinstance(context_object, dict):
            raise ValueError("context is no JSON object")
        status = fields.get(b"status", b"").decode()
        if status not in STATUSES:
            raise ValueError(f"status is {status!r}")
        return RequestRecord(
            request_id=request_id,
            agent_id=checked_name(fields[b"agent_id"].decode(), "agent_id"),
            approval_type=checked_name(fields[b"approval_type"].decode(), "approval_type"),
            context=context,
            context_object=context_object,
            stored_digest=fields.get(b"digest", b"").decode(),
            requested_at=at(fields[b"requested_ms"]),
            deadline_at=at(fields[b"deadline_ms"]),
            timeout_seconds=finite(fields[b"timeout_seconds"].decode()),
            status=status,
            **({} if status == "pending" else _parsed_end(fields)),
        )
    except ODD as error:
        raise malformed(f"approval request {request_id}", error) from error


def _parsed_end(fields: dict[bytes, bytes]) -> dict[str, Any]:
    said = {
        name: fields.get(name.encode(), b"").decode()
        for name in ("responder", "reason", "decision_id", "channel", "ended_ms", "collected_ms")
    }
    ended, collected = said.pop("ended_ms"), said.pop("collected_ms")
    return {
        **said,
        "ended_at": at(ended) if ended else None,
        "collected_at": at(collected) if collected else None,
    }
