"""Recording a set aside entry again: by the recorder's own path, in one transaction, once."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from core.errors import StoreUnavailable
from core.history.audit import entries
from core.history.database import locks
from core.history.recorder import registry
from core.models import SetAsideEntry
from core.store.client import open_store
from core.store.outbox import OutboxEntry
from core.values.json import storable


@dataclass(frozen=True)
class Retry:
    """outcome: `repaired`, `already_repaired`, `refused` (it still makes no sense: `error` says why), `unknown`."""

    outcome: str
    error: str = ""


def record_again(entry_id: int, user: Any, memory: object = None) -> Retry:
    """Record a set aside entry now, in the name of a person.

    Raises StoreUnavailable when Redis is away: the body of a request is read there. DatabaseError when SQL is
    away or locked; nothing is changed then.
    """
    found = SetAsideEntry.objects.filter(pk=entry_id).first()
    if found is None:
        return Retry("unknown")
    entry = as_outbox_entry(found)
    records = registry.read_ahead(open_store(memory), [entry])
    with transaction.atomic():
        locks.hold_recorder()  # two that add to the same hour at once would undo each other
        aside = SetAsideEntry.objects.select_for_update().get(pk=entry_id)
        if aside.repaired_at is not None:
            return Retry("already_repaired")
        try:
            with transaction.atomic():
                facts = registry.record(entry, records, _refuse_part)
        except (OperationalError, InterfaceError, StoreUnavailable):
            raise
        except Exception as error:
            return _refused(aside, user, error)
        aside.repaired_at = timezone.now()
        aside.save(update_fields=["repaired_at"])
        repaired = _fact(aside, user, "record.repaired", event_id=f"repaired:{aside.pk}")
        entries.append([*facts, repaired])
    return Retry("repaired")


def as_outbox_entry(aside: SetAsideEntry) -> OutboxEntry:
    """The entry as the recorder read it. One call of a batch is a batch of one."""
    fields = {str(name): str(value) for name, value in json.loads(aside.fields).items()}
    position, _, part = aside.position.partition("/")
    if part:
        fields["calls"] = f"[{fields['calls']}]"
    return OutboxEntry(position, fields)


def _refuse_part(_part: str, _text: str, error: Exception) -> None:
    raise ValueError(str(error)) from error


def _refused(aside: SetAsideEntry, user: Any, error: Exception) -> Retry:
    aside.error = storable(f"{type(error).__name__}: {error}")
    aside.save(update_fields=["error"])
    fact = _fact(aside, user, "record.retried", event_id=f"retried:{uuid.uuid4()}", error=aside.error)
    entries.append([fact])
    return Retry("refused", aside.error)


def _fact(aside: SetAsideEntry, user: Any, kind: str, *, event_id: str, **details: str) -> entries.Fact:
    return entries.Fact(
        event_id=event_id,
        kind=kind,
        at=timezone.now(),
        actor=user.get_username(),
        details={"installation": aside.installation, "position": aside.position, **details},
    )
