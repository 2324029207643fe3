"""The audit chain: gapless, each entry hashed together with the one before it."""

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from django.db import transaction
from django.utils import timezone

from core.history.audit.chain import END, START, Link, canonical
from core.history.database import locks
from core.history.database.prepared import Insert, Query, Save
from core.models import AuditEntry, AuditHead

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fact:
    """Something that happened. `event_id` names it for ever: told twice, it is written once."""

    event_id: str
    kind: str
    at: datetime
    actor: str = ""
    agent_id: str = ""
    request_id: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


def new_fact(kind: str, actor: str = "", **details: Any) -> Fact:
    """A fact of this moment that nobody else can tell."""
    return Fact(f"{kind}:{uuid.uuid4()}", kind, timezone.now(), actor=actor, details=details)


def about(
    request: Any, event_id: str, kind: str, actor: str, at: datetime | None = None, **details: Any
) -> Fact:
    """A fact about a request, of a row, a record or an attempt that tells which and whose it is. at: None is now."""
    said = (actor, request.agent_id, str(request.request_id), details)
    return Fact(event_id, kind, at or timezone.now(), *said)


def repaired(what: str, **details: Any) -> Fact:
    """Something of the record was mended by the software itself: `what` in words, the rest in numbers."""
    return new_fact("record.repaired", what=what, **details)


class Refusal(Exception):
    """A no that the record keeps, by its `fact`. The message is a sentence for whoever is refused.

    Raised in `refusals_recorded`, before anything is written.
    """

    def __init__(self, sentence: str, fact: Fact | None = None) -> None:
        super().__init__(sentence)
        self.fact = fact


@contextmanager
def refusals_recorded() -> Iterator[None]:
    """A transaction. A Refusal that is raised in it is recorded by it, and is raised again once that is committed."""
    refusal = None
    with transaction.atomic():
        try:
            yield
        except Refusal as error:
            refusal = error
            if error.fact is not None:
                append([error.fact])
    if refusal is not None:
        raise refusal


def append(facts: list[Fact]) -> int:
    """Append what is not in the record yet; returns how many. Call it last in the transaction it belongs to."""
    head = locked_head()
    known = {event_id for (event_id,) in _KNOWN.rows([fact.event_id for fact in facts])} if facts else set()
    mended = _mend(head)
    entries = []
    for fact in [*mended, *facts]:
        if fact.event_id in known:
            continue
        known.add(fact.event_id)
        head.sequence += 1
        entry = _entry(fact, head.sequence, head.hash)
        head.hash = entry.hash
        entries.append(entry)
    if entries:
        _APPEND.run(entries)
        _GO_ON.run(head)
    return len(entries) - len(mended)


def locked_head() -> AuditHead:
    """The head of the chain; nobody else appends until this transaction ends."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("an audit entry is written in the transaction of what it records")
    locks.check_foreign_keys()
    head = _HEAD.one(1)
    if head is None:
        AuditHead.objects.get_or_create(pk=1)
        head = _HEAD.one(1)
    return cast(AuditHead, head)


_KNOWN = Query(
    lambda ids: AuditEntry.objects.filter(event_id__in=ids).order_by().values_list("event_id"), [str]
)
_HEAD = Query(lambda pk: AuditHead.objects.select_for_update().filter(pk=pk), int)
_BEYOND = Query(
    lambda sequence: (
        AuditEntry.objects.filter(sequence__gt=sequence, sequence__lt=END)
        .order_by("-sequence")
        .values_list("sequence", "hash")[:1]
    ),
    int,
)
_APPEND = Insert(AuditEntry)
_GO_ON = Save(AuditHead, "sequence", "hash")


def _mend(head: AuditHead) -> list[Fact]:
    """A head that was put back, lost or damaged must not end the recording: go on from the newest entry, and say so."""
    stood: object = head.sequence
    if type(stood) is not int or not 0 <= stood < END or not isinstance(head.hash, str):
        head.sequence, head.hash = -1, START
    newest = next(iter(_BEYOND.rows(head.sequence)), None)
    if newest is None and head.sequence >= 0:
        return []
    head.sequence, head.hash = newest or (0, START)
    if not isinstance(head.hash, str):
        head.hash = START
    logger.error("the audit head stood at #%s, but there is #%s: run verify_audit", stood, head.sequence)
    stood = stood if type(stood) is int else repr(stood)
    return [repaired("the head stood elsewhere than the newest entry", head=stood, newest=head.sequence)]


def link_of(entry: AuditEntry) -> Link:
    """The entry as plain values."""
    return Link(
        sequence=entry.sequence,
        event_id=entry.event_id,
        kind=entry.kind,
        at=entry.at.astimezone(UTC).isoformat(),
        actor=entry.actor,
        agent_id=entry.agent_id,
        request_id=None if entry.request_id is None else str(entry.request_id),
        details=entry.details,
        previous_hash=entry.previous_hash,
        hash=entry.hash,
    )


def entry_hash(entry: AuditEntry) -> str:
    """SHA-256, hex, over the entry's canonical JSON: sorted keys, no spaces, UTF-8, times in UTC ISO 8601."""
    return link_of(entry).computed_hash()


def _entry(fact: Fact, sequence: int, previous_hash: str) -> AuditEntry:
    entry = AuditEntry(
        sequence=sequence,
        event_id=fact.event_id,
        kind=fact.kind,
        at=fact.at,
        actor=fact.actor,
        agent_id=fact.agent_id,
        request_id=fact.request_id,
        details=canonical(fact.details),
        previous_hash=previous_hash,
    )
    entry.hash = entry_hash(entry)
    return entry
