"""The audit chain: gapless, each entry hashed together with the one before it."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from core.models import AuditEntry, AuditHead


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


def append(facts: list[Fact]) -> int:
    """Append what is not in the record yet; returns how many. Call it last in the transaction it belongs to."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("an audit entry is written in the transaction of what it records")
    AuditHead.objects.get_or_create(pk=1)
    head = AuditHead.objects.select_for_update().get(pk=1)
    known = set(
        AuditEntry.objects.filter(event_id__in=[fact.event_id for fact in facts]).values_list(
            "event_id", flat=True
        )
    )
    entries = []
    for fact in facts:
        if fact.event_id in known:
            continue
        known.add(fact.event_id)
        head.sequence += 1
        entry = _entry(fact, head.sequence, head.hash)
        head.hash = entry.hash
        entries.append(entry)
    AuditEntry.objects.bulk_create(entries)
    head.save(update_fields=["sequence", "hash"])
    return len(entries)


def entry_hash(entry: AuditEntry) -> str:
    """SHA-256, hex, over the entry's canonical JSON: sorted keys, no spaces, UTF-8, times in UTC ISO 8601."""
    said = {
        "sequence": entry.sequence,
        "event_id": entry.event_id,
        "kind": entry.kind,
        "at": entry.at.isoformat(),
        "actor": entry.actor,
        "agent_id": entry.agent_id,
        "request_id": None if entry.request_id is None else str(entry.request_id),
        "details": entry.details,
        "previous_hash": entry.previous_hash,
    }
    return hashlib.sha256(_canonical(said).encode()).hexdigest()


def _entry(fact: Fact, sequence: int, previous_hash: str) -> AuditEntry:
    entry = AuditEntry(
        sequence=sequence,
        event_id=fact.event_id,
        kind=fact.kind,
        at=fact.at,
        actor=fact.actor,
        agent_id=fact.agent_id,
        request_id=fact.request_id,
        details=_canonical(fact.details),
        previous_hash=previous_hash,
    )
    entry.hash = entry_hash(entry)
    return entry


def _canonical(value: dict[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
