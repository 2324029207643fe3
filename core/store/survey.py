"""What a repair asks of Redis: how requests stand, and what was not read yet; and how it closes what was restored."""

from datetime import datetime
from typing import NamedTuple

from . import approvals, scripts
from .client import Store
from .keys import Keys
from .outbox import OutboxEntry, entries_of
from .scripts import Run

UNREADABLE = "unreadable"
EVENT_OF_END = {"timeout": "approval_expired", "cancelled": "approval_cancelled"}


class Standing(NamedTuple):
    """How a request stands in Redis; status is `unreadable` where its key holds something else."""

    status: str
    decision_id: str
    digest: str


def pending_ids(store: Store, start: int, most: int) -> list[str]:
    """A part of the queue, in the order of deadlines."""
    members = store.read("ZRANGE", store.keys.approvals_pending, start, start + most - 1)
    names = [member.decode(errors="replace") for member in members]
    return [name for name in names if approvals.valid_id(name)]


def read_standings(store: Store, request_ids: list[str]) -> tuple[datetime, dict[str, Standing | None]]:
    """The server's time, and read after it how each request stands; None where the server has nothing."""
    keys = [store.keys.approval_request(request_id) for request_id in request_ids]
    commands = [["HMGET", key, "status", "decision_id", "digest"] for key in keys]
    (seconds, microseconds), *replies = store.read_many([["TIME"], *commands])
    now = approvals.at(int(seconds) * 1000 + int(microseconds) // 1000)
    return now, {id_: _standing(reply) for id_, reply in zip(request_ids, replies, strict=True)}


def _standing(reply: list[bytes | None] | Exception) -> Standing | None:
    if isinstance(reply, Exception):
        return Standing(UNREADABLE, "", "")
    if not any(reply):
        return None
    status, decision_id, digest = ((part or b"").decode(errors="replace") for part in reply)
    return Standing(status if status in approvals.STATUSES else UNREADABLE, decision_id, digest)


def unread(store: Store, position: str, most: int) -> list[OutboxEntry]:
    """The entries after `position`, at most so many."""
    return entries_of(store.read("XRANGE", store.keys.outbox, f"({position}", "+", "COUNT", most))


def restore_end(
    run: Run,
    keys: Keys,
    *,
    request_id: str,
    digest: str,
    status: str,
    responder: str,
    reason: str,
    ended_ms: int,
    decision_id: str,
    channel: str,
    lost: bool,
) -> str:
    """Give a pending request, or with `lost` one that is gone, the end that SQL knows."""
    event_type = EVENT_OF_END.get(status, "approval_decided")
    approved = "1" if status == "approved" else "0"
    args = [
        request_id,
        digest,
        event_type,
        status,
        approved,
        responder,
        reason,
        ended_ms,
        decision_id,
        channel,
        "1" if lost else "",
    ]
    return bytes(run(scripts.RESTORE_END, scripts.ending_keys(keys, request_id, event_type), args)).decode()
