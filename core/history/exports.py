"""Files of the record that people ask for: written by a job, kept for a day, for whoever asked alone."""

import csv
import os
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils import timezone

from core.history.audit import entries
from core.history.database.locks import without_statement_limit
from core.models import ApprovalRecord, AuditEntry, Export
from core.models.sealed import key_lost
from core.values.approvals import NO_DEADLINE
from core.values.secrets import masked_json, masked_text
from core.values.text import no_formula, plain

KEPT = timedelta(days=1)
ROWS_AT_ONCE = 1_000
MAX_UNFINISHED = 3
_WITHOUT_SECRETS = {"context": masked_json, "reason": masked_text, "details": masked_text}

COLUMNS: dict[str, list[str]] = {
    "audit": [
        *("sequence", "at", "kind", "actor", "agent_id", "request_id", "event_id", "details"),
        *("previous_hash", "hash"),
    ],
    "approvals": [
        *("request_id", "requested_at", "deadline_at", "agent_id", "approval_type", "status", "ended_at"),
        *("responder", "channel", "reason", "collected_at", "digest", "context"),
    ],
}
Progress = Callable[[int, int], object]


class TooManyExports(Exception):
    """This person has asked for enough already; the message is a sentence for them."""


def unfinished(user: Any) -> list[Export]:
    """What this person asked for within a day and does not have yet, whatever became of its job."""
    since = timezone.now() - KEPT
    return list(Export.objects.filter(user=user, finished_at=None, requested_at__gt=since))


def request(user: Any, kind: str, failed: Collection[uuid.UUID] = ()) -> Export:
    """Note that somebody wants a file. ValueError for an unknown kind, TooManyExports while three are being written.

    `failed`: ids of those that nobody writes any more. Of requests at once each one counts.
    """
    if kind not in COLUMNS:
        raise ValueError(f"there is no export of {kind!r}")
    with transaction.atomic():
        get_user_model().objects.select_for_update(no_key=True).get(pk=user.pk)
        if len([export for export in unfinished(user) if export.pk not in failed]) >= MAX_UNFINISHED:
            raise TooManyExports("Three of your files are still being written. Wait for one of them.")
        return Export.objects.create(
            export_id=uuid.uuid4(), user=user, kind=kind, requested_at=timezone.now()
        )


def path_of(export: Export) -> Path:
    """Where its file is, once it is written."""
    return Path(settings.TELEMETRY_DATA_DIR) / "exports" / f"{export.export_id}.csv"


def expired(export: Export) -> bool:
    """Whether its day is over."""
    return bool(export.requested_at < timezone.now() - KEPT)


def write(export: Export, progress: Progress) -> int:
    """Write the file whole or not at all, and that it was taken into the record; returns its rows.

    Written again, it is the record as it is then, and still one entry.
    """
    path = path_of(export)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    rows, total = 0, _records(export.kind).count()
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, quoting=csv.QUOTE_ALL)
            writer.writerow(COLUMNS[export.kind])
            with without_statement_limit():
                for row in _rows(export.kind):
                    writer.writerow(row)
                    rows += 1
                    if rows % ROWS_AT_ONCE == 0:
                        progress(rows, total)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    progress(rows, rows)
    _finish(export, rows)
    return rows


def _finish(export: Export, rows: int) -> None:
    now = timezone.now()
    with transaction.atomic():
        Export.objects.filter(pk=export.pk).update(finished_at=now, rows=rows)
        fact = entries.Fact(
            event_id=f"exported:{export.pk}",
            kind="record.exported",
            at=now,
            actor=export.user.get_username(),
            details={"what": export.kind, "rows": rows},
        )
        entries.append([fact])


def tidy() -> int:
    """Delete what is older than a day, and files that nobody asked for; returns how many files went."""
    Export.objects.filter(requested_at__lt=timezone.now() - KEPT).delete()
    folder = Path(settings.TELEMETRY_DATA_DIR) / "exports"
    kept = {path_of(export) for export in Export.objects.all()}
    oldest = (timezone.now() - KEPT).timestamp()
    gone = 0
    for path in folder.glob("*") if folder.is_dir() else ():
        left_behind = path.suffix == ".part" and path.stat().st_mtime < oldest
        if left_behind or (path.suffix == ".csv" and path not in kept):
            path.unlink(missing_ok=True)
            gone += 1
    return gone


def _records(kind: str) -> "QuerySet[Any, Any]":
    model: type[Model] = AuditEntry if kind == "audit" else ApprovalRecord
    return model._default_manager.order_by("sequence" if kind == "audit" else "requested_at")


def _rows(kind: str) -> Iterator[list[str]]:
    columns = COLUMNS[kind]
    for values in _records(kind).values_list(*columns).iterator(ROWS_AT_ONCE):
        row = dict(zip(columns, values, strict=True))
        if "context" in row:
            row["context"] = ApprovalRecord.opened(row["context"], row["request_id"])
        yield cells(row)


def cells(row: Mapping[str, Any]) -> list[str]:
    """A row by column as cells for people: no formula, nothing unseen without its mark, no secret."""
    return [_cell(name, value) for name, value in row.items()]


def _cell(name: str, value: Any) -> str:
    if value is None or value == NO_DEADLINE:
        return ""
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    if lost := key_lost(value):
        return lost
    if name in _WITHOUT_SECRETS:
        text = _WITHOUT_SECRETS[name](text).text
    return no_formula(plain(text))
