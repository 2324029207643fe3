"""Checkpoints: how far the record was, in a file outside of the database, so that a cut or a rewrite shows."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from core.history.atomic_file import sync_folder
from core.history.people.sessions import count_unlisted
from core.models import AuditHead
from core.values.malformed import ODD

AFTER_TORN = "after_torn_line"


@dataclass(frozen=True)
class Checkpoint:
    """At `at`, UTC in ISO 8601, the record had `count` entries, the last of them with this hash."""

    at: str
    count: int
    hash: str


@dataclass(frozen=True)
class CheckpointLine:
    """One line of the file: a checkpoint, or what is wrong with it. `torn`: a write that did not end."""

    number: int
    checkpoint: Checkpoint | None
    torn: bool = False


def checkpoint(path: Path | None = None) -> Checkpoint:
    """Write the head into the file, unless it stands there as the newest; returns it. OSError when it cannot.

    A file that says it already is touched: so its time tells whether anybody looks.
    """
    path = path or settings.TELEMETRY_CHECKPOINT_FILE
    with transaction.atomic():
        count_unlisted(timezone.now())
    head = AuditHead.objects.filter(pk=1).first() or AuditHead()
    new = Checkpoint(timezone.now().isoformat(), head.sequence, head.hash)
    last = _last(path)
    if last is not None and (last.count, last.hash) == (new.count, new.hash):
        os.utime(path)
        return last
    _append(path, new)
    return new


def read(path: Path) -> Iterator[CheckpointLine]:
    """Every line of the file in order; nothing when there is no file. OSError when it cannot be read.

    Only the last line can be torn, or one that the next, written after a restart, says was torn.
    """
    if not path.exists():
        return
    waiting: CheckpointLine | None = None
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            text = line.strip()
            if not text:
                continue
            found = _parse(text)
            if waiting is not None:
                yield replace(waiting, torn=found is not None and _follows_a_torn_line(text))
                waiting = None
            if found is not None or text.endswith(b"}"):
                yield CheckpointLine(number, found)
            else:
                waiting = CheckpointLine(number, None, torn=not line.endswith(b"\n"))
    if waiting is not None:
        yield waiting


def _follows_a_torn_line(text: bytes) -> bool:
    return json.loads(text).get(AFTER_TORN) is True


def _parse(text: bytes) -> Checkpoint | None:
    try:
        said = json.loads(text)
        found = Checkpoint(said["at"], said["count"], said["hash"])
    except ODD:
        return None
    kinds = (type(found.at), type(found.count), type(found.hash))
    return found if kinds == (str, int, str) else None


def _last(path: Path) -> Checkpoint | None:
    """The checkpoint of the last whole line, read from the end of the file."""
    if not path.exists():
        return None
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
        lines = file.read().split(b"\n")
    return _parse(lines[-2]) if len(lines) > 1 and not lines[-1] else None


def _append(path: Path, new: Checkpoint) -> None:
    """One write, on the disk when it returns. After a torn line it begins a new one, and says so."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        said = asdict(new) | ({AFTER_TORN: True} if torn else {})
        text = (("\n" if torn else "") + json.dumps(said) + "\n").encode()
        if os.write(descriptor, text) != len(text):
            raise OSError(f"{path}: the checkpoint was written in part, the disk may be full")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if size == 0:
        sync_folder(path.parent)
