"""The outbox entries of a request, made again from the request itself: their own were lost."""

from datetime import datetime

from core.store.approvals import RequestRecord
from core.store.outbox import OutboxEntry
from core.values.digests import edited_digest


def replayed(record: RequestRecord) -> list[OutboxEntry]:
    """Asked, ended and collected, as far as it came. SQL takes each of them once, so all may be told."""
    about = {
        "request_id": record.request_id,
        "agent_id": record.agent_id,
        "approval_type": record.approval_type,
        "digest": record.stored_digest,
    }
    entries = [
        {
            **about,
            "type": "requested",
            "requested_ms": milliseconds(record.requested_at),
            "deadline_ms": milliseconds(record.deadline_at),
            "timeout_seconds": repr(record.timeout_seconds),
            "key": record.key,
            "revises": record.revises,
        }
    ]
    if record.ended_at is not None:
        entries.append(
            {
                **about,
                "type": "ended",
                "status": record.status,
                "responder": record.responder,
                "reason": record.reason,
                "ended_ms": milliseconds(record.ended_at),
                "decision_id": record.decision_id,
                "channel": record.channel,
                "signature": record.signature,
                "answer": record.answer,
                "edited_digest": edited_digest(record.edited),
            }
        )
    if record.collected_at is not None:
        entries.append(_collected(record, record.collected_at))
    return [OutboxEntry("0-0", fields) for fields in entries]


def _collected(record: RequestRecord, collected_at: datetime) -> dict[str, str]:
    return {
        "type": "collected",
        "request_id": record.request_id,
        "status": record.status,
        "collected_ms": milliseconds(collected_at),
        "claim": record.claim,
    }


def milliseconds(moment: datetime) -> str:
    """Server milliseconds, as the scripts write them."""
    return str(round(moment.timestamp() * 1000))
