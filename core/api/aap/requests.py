"""Requests by the protocol: made once for each key, read, waited for, withdrawn, used once, and what came of them."""

import hashlib
import time
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from core.api.aap.words import NOTE_LENGTH, AgentQuestion, fields, invalid, not_found, text
from core.api.answers import Refused, Reply, not_taken
from core.approval_gates import ApprovalGate
from core.approvals import waiting
from core.approvals.proof import Proof, public_keys
from core.errors import AlreadyCollected, StoreRefused
from core.history.protocol import requests as kept
from core.history.protocol.values import digest_of
from core.models import ApprovalRecord, ProtocolRequest
from core.store.approvals import RequestRecord, expect_no_call, read_record_and_time
from core.store.client import CONFIRM_SECONDS, open_store
from core.values.approvals import (
    APPROVAL_EXPIRED,
    APPROVED,
    CANCELLED,
    DENIED,
    EXPIRED,
    PENDING,
    REJECTED,
    TIMEOUT,
)
from core.values.json import loads_strictly
from core.values.moments import utc_text

STATUSES = {one: one for one in (PENDING, APPROVED, CANCELLED)} | {REJECTED: DENIED, TIMEOUT: EXPIRED}
OUTCOMES = ("succeeded", "failed")
AGAIN_SECONDS = 5
USED = "This approval was used before."
LOST = "The approval cannot be read now. Nothing was changed: ask again."


class RequestSnapshot(NamedTuple):
    """A request as it stands: what was asked, and how it ended. now: by the clock that decides."""

    tool: str
    about: dict[str, Any]
    status: str
    created_at: datetime
    deadline_at: datetime
    now: datetime
    ended_at: datetime | None = None
    reason: str = ""
    collected_at: datetime | None = None
    digest: str = ""

    def expires_at(self, row: ProtocolRequest) -> datetime:
        """Until when an approval may be used."""
        return (self.ended_at or self.created_at) + timedelta(seconds=row.valid_seconds)

    def consumed_at(self, row: ProtocolRequest) -> datetime | None:
        """When it was used; None where it was not, or too late."""
        used = self.status == APPROVED and self.collected_at is not None
        return self.collected_at if used and self._in_time(row) else None

    def _in_time(self, row: ProtocolRequest) -> bool:
        return self.collected_at is not None and self.collected_at < self.expires_at(row)


def create(agent: str, token: int, key: str, asked: AgentQuestion) -> Reply:
    """Ask: 201, or 200 with how it stands for a key that is known."""
    row, is_new = kept.reserve(agent, key, asked.digest, asked.timeout, token)
    if row.digest != asked.digest:
        raise Refused(409, "idempotency_conflict", "This Idempotency-Key was used for another request.")
    if row.request_id is None:
        _open(agent, row, asked)
    return Reply(201 if is_new else 200, request_body(row, look(row)))


def _open(agent: str, row: ProtocolRequest, asked: AgentQuestion) -> None:
    """Ask for it in Redis, where the same key is the same request whichever process asks."""
    gate, key = ApprovalGate(agent_id=agent), _key_of(row)
    try:
        request_id = gate.open_request(asked.tool, asked.about, asked.seconds, key=key).request_id
    except StoreRefused as error:
        raise not_taken(error, "arguments", "too_many_requests") from error
    except (TypeError, ValueError) as error:
        request_id = _same(gate, key, row)
        if not request_id:
            raise invalid("tool" if "approval_type" in str(error) else "arguments", str(error)) from error
    kept.note_approval(row, request_id)
    if kept.is_delivered(row):
        expect_no_call(open_store(), request_id, asked.seconds)
    if kept.is_deleted(row):
        gate.cancel_request(request_id)
        raise Refused(401, "credential_revoked", "This instance was deleted.")


def _key_of(row: ProtocolRequest) -> str:
    """Its key among those of our own words, which it can meet in none of them."""
    return f"agent approval protocol {hashlib.sha256(row.key.encode()).hexdigest()}"


def _same(gate: ApprovalGate, key: str, row: ProtocolRequest) -> str:
    """The request that stands under this key and says the same with its parts in another order, or ''."""
    for found in gate.find_requests(key=key):
        if digest_of([found.approval_type, row.timeout, found.context]) == row.digest:
            return found.request_id
    return ""


def own_request(agent: str, request_id: uuid.UUID | None) -> ProtocolRequest:
    """The request, where this agent asked it; 404 as for one that there never was."""
    row = None if request_id is None else kept.own_request(agent, request_id)
    if row is None:
        raise not_found()
    return row


def read(agent: str, request_id: uuid.UUID | None) -> Reply:
    """How it stands."""
    row = own_request(agent, request_id)
    return Reply(200, request_body(row, look(row)))


def ended(agent: str, request_id: uuid.UUID) -> tuple[Reply | None, float]:
    """How it ended; where it has not, None and in how many seconds it will."""
    row = own_request(agent, request_id)
    seen = look(row)
    if seen.status != PENDING:
        return Reply(200, request_body(row, seen)), 0.0
    return None, max(0.0, (seen.deadline_at - seen.now).total_seconds())


def cancel(agent: str, request_id: uuid.UUID | None) -> Reply:
    """Withdraw it; 409 for what has ended in another way."""
    row = own_request(agent, request_id)
    ApprovalGate(agent_id=agent).cancel_request(str(row.request_id))
    seen = look(row)
    if seen.status != CANCELLED:
        raise Refused(409, "already_terminal", f"It has ended: it is {STATUSES[seen.status]}.")
    return Reply(200, request_body(row, seen))


def consume(agent: str, request_id: uuid.UUID | None, key: str) -> Reply:
    """Use the approval up, once: the same key hears the same again, every other one 409."""
    row = own_request(agent, request_id)
    seen = look(row)
    if seen.status != APPROVED:
        raise Refused(409, "not_approved", f"It is {STATUSES[seen.status]}.")
    if seen.collected_at is None:
        if seen.now >= seen.expires_at(row):
            raise Refused(409, APPROVAL_EXPIRED, "This approval was not used in time.")
        _collect(agent, row, seen, key)
        seen = look(row)
    elif row.consumed_by and row.consumed_by != key:
        raise Refused(409, "already_consumed", USED)
    elif not row.consumed_by:
        _collect(agent, row, seen, key)  # Redis knows whose it is, where this row does not yet
    if seen.consumed_at(row) is None:
        raise Refused(409, APPROVAL_EXPIRED, "This approval was not used in time.")
    return Reply(200, request_body(own_request(agent, request_id), seen))


def _collect(agent: str, row: ProtocolRequest, seen: RequestSnapshot, key: str) -> None:
    gate = ApprovalGate(agent_id=agent)
    try:
        answer = gate.wait_for_decision(str(row.request_id), timeout=0, claim=key, digest=seen.digest or None)
    except AlreadyCollected as error:
        raise Refused(409, "already_consumed", USED) from error
    if answer is None or not answer.approved:
        raise Refused(503, "dependency", LOST, after=AGAIN_SECONDS)
    kept.note_consumption(row, key)


def report(agent: str, request_id: uuid.UUID | None, body: Mapping[str, Any]) -> Reply:
    """What came of the call that was approved: kept the first time; 409 for another one later."""
    row = own_request(agent, request_id)
    fields(body, ("status",), ("note",))
    outcome, note = body["status"], text(body, "note", NOTE_LENGTH) if "note" in body else ""
    if outcome not in OUTCOMES:
        raise invalid("status", f"status must be {' or '.join(OUTCOMES)}.")
    seen = look(row)
    used = seen.consumed_at(row)
    if used is None:
        raise Refused(409, "not_consumed", "Nothing is reported of what was not used.")
    row = kept.report(row, outcome, note, max(used, seen.now))
    if (row.outcome, row.note) != (outcome, note):
        raise Refused(409, "outcome_conflict", "Another outcome was reported before.")
    return Reply(200, request_body(row, seen))


def look(row: ProtocolRequest) -> RequestSnapshot:
    """How it stands by Redis, or by the record where Redis has nothing of it any more. What is due ends now."""
    request_id = str(row.request_id)
    if row.request_id is None:
        raise Refused(503, "dependency", LOST, after=AGAIN_SECONDS)
    store = open_store()
    waiting.seconds_left(store, request_id, time.monotonic() + CONFIRM_SECONDS)
    record, now = read_record_and_time(store, request_id)
    if record is not None:
        _refuse_unproven(record)
        return _seen(record, record.context_object, now)
    known = kept.approval_record(row.request_id)
    if known is None or known.status == PENDING or not known.context:
        raise Refused(503, "dependency", LOST, after=AGAIN_SECONDS)
    return _seen(known, loads_strictly(known.context), now)


def _refuse_unproven(record: RequestRecord) -> None:
    """A yes that is not signed as it must be is told to nobody."""
    keys = public_keys()
    if not keys or record.status != APPROVED:
        return
    said_ = (record.request_id, record.status, record.responder, record.reason, record.signature)
    if Proof(keys, record.digest).why_not(*said_):
        raise Refused(503, "dependency", "There is a yes that is not believed.", after=AGAIN_SECONDS)


def _seen(known: RequestRecord | ApprovalRecord, about: dict[str, Any], now: datetime) -> RequestSnapshot:
    return RequestSnapshot(
        known.approval_type,
        about,
        known.status,
        known.requested_at,
        known.deadline_at,
        now,
        known.ended_at,
        known.reason,
        known.collected_at,
        known.digest,
    )


def request_body(row: ProtocolRequest, seen: RequestSnapshot) -> dict[str, Any]:
    """The request as the protocol writes it."""
    body = {
        "id": str(row.request_id),
        "tool": seen.tool,
        "timeout": row.timeout,
        **seen.about,
        "status": STATUSES[seen.status],
        "created_at": utc_text(seen.created_at),
        "deadline_at": utc_text(seen.deadline_at),
    }
    if seen.status == PENDING or seen.ended_at is None:
        return body
    body["decision"] = {"status": body["status"], "decided_at": utc_text(seen.ended_at)}
    if seen.reason:
        body["decision"]["note"] = seen.reason
    if seen.status == APPROVED:
        body["decision"]["expires_at"] = utc_text(seen.expires_at(row))
    used = seen.consumed_at(row)
    if used is not None:
        body["consumption"] = {"consumed_at": utc_text(used), **_outcome(row)}
    return body


def _outcome(row: ProtocolRequest) -> dict[str, Any]:
    if not row.outcome or row.reported_at is None:
        return {}
    note = {"note": row.note} if row.note else {}
    return {"outcome": {"status": row.outcome, "reported_at": utc_text(row.reported_at), **note}}
