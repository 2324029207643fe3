"""Backups: the whole record in one file, as it was at one moment, while the site goes on."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.db import connection
from django.utils import timezone

from core import __version__, failpoints
from core.history import atomic_file
from core.history.backups import tables
from core.history.backups.file import Chain, Manifest, Writer
from core.history.backups.tables import CannotCopy, Progress
from core.history.proof import verification
from core.models import Cursor

# Sessions: who holds a backup could go on as somebody who is signed in. Exports: their files are elsewhere.
LEFT_OUT = ("sessions.Session", "core.Export", "core.WebSession")
NAMED = "telemetry-%Y%m%dT%H%M%SZ.zip"
NAME = re.compile(r"telemetry-\d{8}T\d{6}Z\.zip")


class DamagedRecord(Exception):
    """The backup was made, of a record that is not whole: older ones may be the better ones."""


@dataclass(frozen=True)
class BackupResult:
    """A backup that was made: where, how large in bytes, and what it holds."""

    path: Path
    size: int
    manifest: Manifest


def take(path: Path, progress: Progress, expect: tables.Expect = lambda rows: None) -> BackupResult:
    """Write a backup to `path`, or into the folder `path` under a name of its own.

    CannotCopy when the database is not at this code's migrations; OSError when it cannot be written.
    """
    if path.is_dir():
        path = path / datetime.now(UTC).strftime(NAMED)
    with atomic_file.atomic_file(path) as file, tables.snapshot(), Writer(file) as writer:
        manifest = _write(writer, progress, expect)
        failpoints.reach("backup.before_rename")
    return BackupResult(path, path.stat().st_size, manifest)


def _write(writer: Writer, progress: Progress, expect: tables.Expect) -> Manifest:
    had, ours = tables.migrations()
    if had != ours:
        differing = ", ".join(sorted(had ^ ours)[:5])
        raise CannotCopy(f"the database is not at the migrations of this version ({differing})")
    every = tables.in_order(LEFT_OUT)
    expect(tables.count_rows(every))
    place = Cursor.objects.filter(name=Cursor.OUTBOX).first() or Cursor()
    verdict = verification.verify_copy()
    manifest = Manifest(
        made_at=timezone.now().isoformat(),
        version=__version__,
        database=connection.vendor,
        migrations=sorted(had),
        left_out=list(LEFT_OUT),
        numbers=tables.last_numbers(every),
        chain=Chain(verdict.entries, verdict.hash, verdict.count, "".join(verdict.problems[:1])),
        installation=place.installation,
        position=place.position,
        parts=[writer.write(table, progress) for table in every],
    )
    writer.finish(manifest)
    return manifest


# By the clock


def existing_backups(folder: Path) -> list[Path]:
    """The backups in a folder that have a name of ours, the newest first."""
    return sorted((path for path in folder.iterdir() if NAME.fullmatch(path.name)), reverse=True)


def newest_at(folder: Path) -> datetime | None:
    """When the newest one was made, by its name. OSError when the folder cannot be read."""
    found = existing_backups(folder)
    return datetime.strptime(found[0].name, NAMED).replace(tzinfo=UTC) if found else None


def take_and_tidy(folder: Path, keep: int) -> BackupResult:
    """Write one more, and then delete all but the newest `keep`. DamagedRecord: it is written, nothing is deleted."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    taken = take(folder, lambda what, rows: None)
    if taken.manifest.chain.problems:
        raise DamagedRecord(
            f"the record is not whole: {taken.manifest.chain.first_problem}. {taken.path} holds it as it is, and "
            "no older backup was deleted. Run `manage.py verify_audit`"
        )
    for path in existing_backups(folder)[keep:]:
        path.unlink(missing_ok=True)
    atomic_file.tidy(folder)
    return taken
