"""Requests as Redis holds them, read strictly: what cannot be read is named, never guessed."""

import hashlib
import logging
import uuid
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, NamedTuple

from ...errors import MalformedRecord
from ...values.approvals import PENDING, STATUSES
from ...values.digests import request_body
from ...values.json import finite, loads_strictly
from ...values.malformed import ODD, malformed
from ...values.moments import at, milliseconds_of
from ...values.names import name_of
from ...values.pairs import in_parts, pairs
from ..client import Store
from ..keys import ASKED_LENGTH, Keys, is_of_another
from ..script import refuse_errors
from .listened import ask_listened, last_listened

logger = logging.getLogger(__name__)

EVERY = 1_000_000_000  # more than any queue holds
ID_LENGTH = 36  # of the text of a UUID
AT_ONCE = 100  # each may have 256 KiB of context, and two parts are in memory
Contexts = dict[str, dict[str, Any]]  # as values, by id of the request


class RequestRecord(NamedTuple):
    """A request with its exact context bytes and, once it has ended, how."""

    request_id: str
    agent_id: str
    approval_type: str
    context: bytes
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
    claim: str = ""
    key: str = ""
    signature: str = ""
    understands: tuple[str, ...] = ()
    revises: str = ""
    answer: str = ""
    edited: bytes = b""

    @property
    def context_object(self) -> dict[str, Any]:
        """The context as values: made when it is asked for, since it takes many times the room of its text."""
        found: dict[str, Any] = loads_strictly(self.context)
        return found

    @property
    def body(self) -> bytes:
        """What the digest is made of, as it stands now."""
        return request_body(self.agent_id, self.approval_type, self.context)

    @property
    def digest(self) -> str:
        """The digest of what this record says now, to be compared with the one decided on."""
        return hashlib.sha256(self.body).hexdigest()


class WaitingRequest(NamedTuple):
    """A request without its body: enough to point to it."""

    request_id: str
    agent_id: str
    approval_type: str
    requested_at: datetime
    deadline_at: datetime


@dataclass(frozen=True)
class PendingRequests:
    """The queue, oldest request first; `unreadable` are the ids that were set aside."""

    records: list[RequestRecord]
    unreadable: list[str]


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
    return read_record_and_time(store, request_id)[0]


def read_record_and_time(store: Store, request_id: str) -> tuple[RequestRecord | None, datetime]:
    """The request as `read_record`, and the server's time, in one round trip; none for what can be no id."""
    if not valid_id(request_id):
        return None, datetime.now(UTC)
    time, reply = store.read_many(_hashes(store.keys, [request_id]))
    return _parsed_or_none(request_id, reply), at(milliseconds_of(time))


class ReadResult(NamedTuple):
    """A request, or what is wrong with it, at the server's `now`.

    rights: their version, '' where unknown. listened_at: when a call over HTTP last waited for it, if one did.
    """

    record: RequestRecord | MalformedRecord | None
    now: datetime
    rights: str = ""
    listened_at: datetime | None = None


def read_request(store: Store, request_id: str) -> ReadResult:
    """The request and what stands beside it, in one round trip."""
    if not valid_id(request_id):
        return ReadResult(None, datetime.now(UTC))
    time, reply, rights, left = store.read_many(
        [
            ["TIME"],
            ["HGETALL", store.keys.approval_request(request_id)],
            ["GET", store.keys.rights],
            ask_listened(store.keys, request_id),
        ]
    )
    version = "" if isinstance(rights, Exception) else (rights or b"0").decode(errors="replace")
    now = at(milliseconds_of(time))
    try:
        record: RequestRecord | MalformedRecord | None = _parsed_or_none(request_id, reply)
    except MalformedRecord as error:
        record = error
    return ReadResult(record, now, version, last_listened(left, now))


def read_asker(store: Store, request_id: str) -> str | None:
    """Who asked a request, whatever else is in it; None where the server has none of this id."""
    if not valid_id(request_id):
        return None
    asker = store.read("HGET", store.keys.approval_request(request_id), "agent_id")
    return None if asker is None else str(asker.decode(errors="replace"))


def read_records(store: Store, request_ids: list[str]) -> list[RequestRecord | MalformedRecord | None]:
    """Several requests in order, a hundred in a round trip; a malformed one yields its error in its place."""
    return [record for _now, _id, record in _read_each(store, request_ids, {})]


def read_pending(
    store: Store, known: Mapping[str, RequestRecord] | None = None, contexts: Contexts | None = None
) -> PendingRequests:
    """The undecided requests that are not past their deadline: a round trip, and one for each hundred.

    known: records that somebody holds, by id. One that says the same is returned itself: it takes no more room.
    contexts: gets the context of each by its id, as values, for who would read them a second time.
    """
    held = known or {}
    found = store.read("ZRANGE", store.keys.approvals_pending, 0, -1)
    records, unreadable = [], []
    queue = [id_.decode(errors="replace") for id_ in found]
    for now, request_id, record in _read_each(store, queue, held, contexts):
        if isinstance(record, MalformedRecord):
            logger.warning("set aside: %s", record)
            unreadable.append(request_id)
        elif record is not None and record.status == PENDING and record.deadline_at > now:
            records.append(held[request_id] if held.get(request_id) == record else record)
    records.sort(key=attrgetter("requested_at", "request_id"))
    return PendingRequests(records, unreadable)


def read_asked(store: Store, agent_id: str, key: str | None = None) -> tuple[datetime, list[RequestRecord]]:
    """The server's time, and an agent's newest 1,000 requests, or the one of a key; newest first.

    One that cannot be read is left out, with a line in the log. A round trip, and one for each hundred.
    """
    now, found = datetime.now(UTC), []
    for now, record in each_asked(store, agent_id, key):  # noqa: B007  the last one is said
        found.append(record)
    return now, sorted(found, key=lambda record: record.requested_at, reverse=True)


def each_asked(
    store: Store, agent_id: str, key: str | None = None, older_than: str = "", at_once: int = AT_ONCE
) -> Generator[tuple[datetime, RequestRecord], None, None]:
    """The same one after the other, each with the server's time, so many in a round trip.

    older_than: those that were asked before the request of this id; none where that is none of them.
    """
    if key is None:
        reply = store.read("ZRANGE", store.keys.approvals_asked(agent_id), 0, ASKED_LENGTH - 1, "REV")
    else:
        named = store.read("GET", store.keys.approval_key(agent_id, key))
        reply = [] if named is None else [named[:ID_LENGTH]]
    ids = [id_.decode(errors="replace") for id_ in reply]
    if older_than:
        ids = ids[ids.index(older_than) + 1 :] if older_than in ids else []
    for now, _id, record in _read_each(store, ids, {}, at_once=at_once):
        if isinstance(record, MalformedRecord):
            logger.warning("set aside: %s", record)
        elif record is not None and record.agent_id == agent_id:
            yield now, record


def _read_each(
    store: Store,
    request_ids: list[str],
    known: Mapping[str, RequestRecord],
    contexts: Contexts | None = None,
    at_once: int = AT_ONCE,
) -> Iterator[tuple[datetime, str, RequestRecord | MalformedRecord | None]]:
    """The server's time, each id and what is there; some are read while those before them are gone through."""
    parts = list(in_parts(request_ids, at_once))
    read = store.read_ahead(_hashes(store.keys, part) for part in parts)
    for part, (time, *replies) in zip(parts, read, strict=True):
        now = at(milliseconds_of(time))
        for request_id, reply in zip(part, replies, strict=True):
            try:
                yield now, request_id, _parsed_or_none(request_id, reply, known.get(request_id), contexts)
            except MalformedRecord as error:
                yield now, request_id, error


def count_waiting(store: Store) -> tuple[int, float]:
    """How many requests wait for an answer, and for how many seconds the oldest has: two round trips, no bodies."""
    queue = store.read("ZRANGE", store.keys.approvals_pending, 0, -1, "WITHSCORES")
    names, deadlines = queue[::2], queue[1::2]
    ids = [id_.decode(errors="replace") for id_ in names]
    commands = [["HGET", store.keys.approval_request(id_), "requested_ms"] for id_ in ids]
    time, *asked = store.read_many([["TIME"], *commands])
    now_ms = milliseconds_of(time)
    undecided = [reply for reply, deadline in zip(asked, deadlines, strict=True) if float(deadline) > now_ms]
    times = [int(reply) for reply in undecided if isinstance(reply, bytes) and reply.isdigit()]
    return len(times), max(0.0, (now_ms - min(times, default=now_ms)) / 1000)


def read_deadlines(store: Store) -> tuple[datetime, dict[str, float]]:
    """The server's time, and each queued request with its deadline in milliseconds, by deadline: one round trip."""
    time, queue = store.read_many([["TIME"], ["ZRANGE", store.keys.approvals_pending, 0, -1, "WITHSCORES"]])
    refuse_errors("the queue", queue)
    named = zip(queue[::2], queue[1::2], strict=True)
    return at(milliseconds_of(time)), {id_.decode(errors="replace"): float(due) for id_, due in named}


def pending_ids(store: Store, start: int, most: int) -> list[str]:
    """A part of the queue, in the order of deadlines."""
    members = store.read("ZRANGE", store.keys.approvals_pending, start, start + most - 1)
    return [name for member in members if valid_id(name := member.decode(errors="replace"))]


def read_waiting(store: Store, request_ids: list[str], agent_id: str) -> list[WaitingRequest]:
    """Those of these requests that an agent waits for, oldest first; without their bodies, in one round trip.

    Those whose id tells of another agent are not asked for.
    """
    ids = [id_ for id_ in request_ids if not is_of_another(id_, agent_id)]
    found = _waiting(ids, store.read_many(_without_bodies(store.keys, ids))) if ids else []
    mine = [request for request in found if request.agent_id == agent_id]
    return sorted(mine, key=lambda request: (request.requested_at, request.request_id))


def read_all_waiting(store: Store) -> dict[str, list[WaitingRequest]]:
    """What each agent waits for, by deadline; without their bodies: two round trips.

    What is past its deadline, or cannot be read, is left out.
    """
    ids = pending_ids(store, 0, EVERY)
    time, *replies = store.read_many([["TIME"], *_without_bodies(store.keys, ids)])
    now, waiting = at(milliseconds_of(time)), dict[str, list[WaitingRequest]]()
    for request in _waiting(ids, replies):
        if request.deadline_at > now:
            waiting.setdefault(request.agent_id, []).append(request)
    return waiting


def _without_bodies(keys: Keys, request_ids: list[str]) -> list[list[str]]:
    fields = ("agent_id", "status", "approval_type", "requested_ms", "deadline_ms")
    return [["HMGET", keys.approval_request(id_), *fields] for id_ in request_ids]


def _waiting(request_ids: list[str], replies: list[Any]) -> list[WaitingRequest]:
    waiting = []
    for request_id, reply in zip(request_ids, replies, strict=True):
        if isinstance(reply, Exception) or reply[1] != PENDING.encode():
            continue
        try:
            agent_id, kind = name_of(reply[0], "agent_id"), name_of(reply[2], "kind")
            waiting.append(WaitingRequest(request_id, agent_id, kind, at(reply[3]), at(reply[4])))
        except ODD as error:
            logger.warning("set aside: approval request %s: %s", request_id, error)
    return waiting


def _hashes(keys: Keys, request_ids: Sequence[str]) -> list[list[str]]:
    """The commands that read the server's time and these requests."""
    return [["TIME"], *(["HGETALL", keys.approval_request(id_)] for id_ in request_ids)]


def _parsed_or_none(
    request_id: str, reply: Any, known: RequestRecord | None = None, contexts: Contexts | None = None
) -> RequestRecord | None:
    if isinstance(reply, Exception):
        raise MalformedRecord(f"approval request {request_id}: {reply}") from reply
    if not reply:
        return None
    fields = pairs(reply)
    try:
        # What was looked through once is not looked through again.
        if known is None or known.context != fields[b"context"]:
            values = loads_strictly(fields[b"context"])
            if not isinstance(values, dict):
                raise ValueError("context is no JSON object")
            if contexts is not None:
                contexts[request_id] = values
        return _parsed(request_id, fields)
    except ODD as error:
        raise malformed(f"approval request {request_id}", error) from error


def _parsed(request_id: str, fields: dict[bytes, bytes]) -> RequestRecord:
    status = fields.get(b"status", b"").decode()
    if status not in STATUSES:
        raise ValueError(f"status is {status!r}")
    record = RequestRecord(
        request_id,
        name_of(fields[b"agent_id"], "agent_id"),
        name_of(fields[b"approval_type"], "approval_type"),
        fields[b"context"],
        fields.get(b"digest", b"").decode(),
        at(fields[b"requested_ms"]),
        at(fields[b"deadline_ms"]),
        finite(fields[b"timeout_seconds"].decode()),
        status,
        key=fields.get(b"key", b"").decode(),
        understands=tuple(fields.get(b"understands", b"").decode().split(",")),
        revises=fields.get(b"revises", b"").decode(),
    )
    edited = fields.get(b"arguments", b"")
    return record if status == PENDING else record._replace(**_parsed_end(fields), edited=edited)


def _parsed_end(fields: dict[bytes, bytes]) -> dict[str, Any]:
    said = {
        name: fields.get(name.encode(), b"").decode()
        for name in ("responder", "reason", "decision_id", "channel", "claim", "signature", "answer")
    }
    ended, collected = (fields.get(name, b"").decode() for name in (b"ended_ms", b"collected_ms"))
    return {
        **said,
        "ended_at": at(ended) if ended else None,
        "collected_at": at(collected) if collected else None,
    }
