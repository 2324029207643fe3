"""A backup as a file: a ZIP archive with a part for each table, a row in each line, and a manifest at its end.

A part is JSON Lines, so that a backup can be read without this program, and restored into another database.
"""

import hashlib
import io
import json
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import IO, Any, get_args

from django.db.models import DateTimeField, Field, ForeignKey, JSONField, UUIDField

from core.history.backups import tables
from core.history.backups.damage import DamagedValue
from core.history.backups.tables import CannotCopy, Column, Progress, Row, Table
from core.values.malformed import ODD

FORMAT = 1
PRODUCT = "agent-telemetry"
MANIFEST = "manifest.json"
MOST_OF_MANIFEST = 16 * 1024 * 1024
# A hundred times the longest row of ours; a file of a megabyte may unpack to more.
MOST_OF_LINE = 64 * 1024 * 1024
MOST = 2**63 - 1
COMPRESSION = 3  # of 9: higher ones take twice as long for a tenth less


@dataclass(frozen=True)
class BackupPart:
    """One table: `bytes` and `sha256` (hex) are of its lines, uncompressed."""

    table: str
    columns: list[str]
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Chain:
    """The audit chain as it was: `hash` of its newest entry, and what was wrong with it already."""

    entries: int
    hash: str
    problems: int
    first_problem: str


@dataclass(frozen=True)
class Manifest:
    """What a backup holds. `made_at` is UTC in ISO 8601, `numbers` the last one that each table gave to a row.

    `installation` and `position`: how far the recorder had come, and in which Redis.
    """

    made_at: str
    version: str
    database: str
    migrations: list[str]
    left_out: list[str]
    numbers: dict[str, int]
    chain: Chain
    installation: str
    position: str
    parts: list[BackupPart]

    @property
    def rows(self) -> int:
        """How many, of all tables."""
        return sum(part.rows for part in self.parts)

    def rows_of(self, table: Table) -> int:
        """How many of this one."""
        return sum(part.rows for part in self.parts if part.table == table._meta.db_table)


class Writer:
    """Writes parts one after another, and the manifest last: without it the file is no backup."""

    def __init__(self, file: IO[bytes]) -> None:
        self._archive = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION)

    def write(self, table: Table, progress: Progress) -> BackupPart:
        """Write every row of a table as it stands in the database."""
        name, digest, size, count = table._meta.db_table, hashlib.sha256(), 0, 0
        with self._archive.open(_name_of(name), "w", force_zip64=True) as part:
            for piece in tables.pieces(tables.rows(table)):
                text = "".join(_line(name, row) for row in piece).encode()
                digest.update(text)
                part.write(text)
                size, count = size + len(text), count + len(piece)
                progress(name, len(piece))
        return BackupPart(name, tables.columns(table), count, size, digest.hexdigest())

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, kind: object, *_error: object) -> None:
        if kind is not None:
            self._archive.fp = None  # it is thrown away: nothing more is written into it

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest and close the archive."""
        said = {"product": PRODUCT, "format": FORMAT, **asdict(manifest)}
        self._archive.writestr(MANIFEST, json.dumps(said, indent=1))
        self._archive.close()


class Backup:
    """A backup that is read."""

    def __init__(self, archive: zipfile.ZipFile, manifest: Manifest) -> None:
        self._archive = archive
        self.manifest = manifest
        self._parts = {part.table: part for part in manifest.parts}

    def check(self, progress: Progress) -> None:
        """Read everything and compare it with the manifest. CannotCopy when a part is not as it was written."""
        for part in self.manifest.parts:
            for piece in tables.pieces(() for _line in self._lines(part)):
                progress("checking the file", len(piece))

    def rows(self, table: Table) -> Iterator[Row]:
        """Every row of a table. CannotCopy when they are not what was written, at the latest at their end.

        A column that the backup does not have yet holds its default.
        """
        part = self._parts.get(table._meta.db_table)
        if part is None:
            return  # the table is younger than the backup
        known = tables.fields(table)
        missing = {field.column: field.get_default() for field in known if field.column not in part.columns}
        readers = [_reader(field) for field in known if field.column not in missing]
        for number, line in enumerate(self._lines(part), 1):
            try:
                values = (read(value) for read, value in zip(readers, json.loads(line), strict=True))
                row = dict(zip(part.columns, values, strict=True)) | missing
                yield tuple(row[field.column] for field in known)
            except ODD as error:
                raise CannotCopy(f"line {number} of {_name_of(part.table)} is no row: {error}") from error

    def refuse_other_tables(self, expected: list[Table], younger: set[Column]) -> None:
        """CannotCopy unless it holds exactly these, with their columns; those that are younger may be missing."""
        here = {table._meta.db_table: tables.columns(table) for table in expected}
        there = {part.table: part.columns for part in self.manifest.parts}
        old = {
            name: [column for column in known if (name, column) not in younger]
            for name, known in here.items()
        }
        differing = sorted(
            name for name in {*here, *there} if there.get(name, []) not in (here.get(name), old.get(name))
        )
        if differing:
            raise CannotCopy(f"the backup has other tables or columns than this site: {', '.join(differing)}")

    def _lines(self, part: BackupPart) -> Iterator[bytes]:
        digest, size, count = hashlib.sha256(), 0, 0
        try:
            with self._archive.open(_name_of(part.table)) as file:
                lines: IO[bytes] = io.BufferedReader(file)  # type: ignore[type-var]  # it reads as a raw file does
                while line := lines.readline(MOST_OF_LINE + 1):
                    if len(line) > MOST_OF_LINE:
                        raise EOFError(f"line {count + 1} does not end within {MOST_OF_LINE:,} bytes")
                    digest.update(line)
                    size, count = size + len(line), count + 1
                    yield line
        except (zipfile.BadZipFile, KeyError, EOFError, RuntimeError, zlib.error) as error:
            raise CannotCopy(f"the backup is damaged: {_name_of(part.table)}: {error}") from error
        if (count, size, digest.hexdigest()) != (part.rows, part.bytes, part.sha256):
            raise CannotCopy(f"the backup is damaged: {_name_of(part.table)} is not what was written")


@contextmanager
def opened(path: Path) -> Iterator[Backup]:
    """A backup for reading. CannotCopy when the file is none, or is of a format that this version cannot read."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield Backup(archive, _manifest(archive))
    except (OSError, zipfile.BadZipFile) as error:
        raise CannotCopy(f"{path} cannot be read as a backup: {error}") from error


def _manifest(archive: zipfile.ZipFile) -> Manifest:
    try:
        if archive.getinfo(MANIFEST).file_size > MOST_OF_MANIFEST:
            raise ValueError("it is too large")
        said = json.loads(archive.read(MANIFEST))
        if said.pop("product") != PRODUCT:
            raise ValueError("another program made it")
        if (made_as := said.pop("format")) != FORMAT:
            raise CannotCopy(f"the backup has format {made_as}, and this version reads {FORMAT}")
        said["chain"] = Chain(**said["chain"])
        said["parts"] = [BackupPart(**part) for part in said["parts"]]
        if not all(isinstance(name, str) for name in said["migrations"]):
            raise ValueError("a migration has no name")
        manifest = Manifest(**said)
        _refuse_other_types(manifest, manifest.chain, *manifest.parts)
        told = (manifest.made_at, manifest.version, *manifest.migrations, *(p.table for p in manifest.parts))
        if not all(map(str.isprintable, told)):  # it is told on a terminal
            raise ValueError("it holds characters that are not seen")
    except (KeyError, ValueError, TypeError, AttributeError, RuntimeError, zlib.error) as error:
        raise CannotCopy(f"this is no backup: its {MANIFEST} is missing or damaged ({error})") from error
    return manifest


def _refuse_other_types(*found: Any) -> None:
    """A name, a number, or a list or a table of these where one belongs; numbers as both databases keep them."""
    for one in found:
        for field in fields(one):
            value, kind = getattr(one, field.name), getattr(field.type, "__origin__", field.type)
            if type(value) is not kind:
                raise ValueError(f"{field.name} is no {_kind(kind)}")
            each, of = [value], kind
            if kind in (list, dict):
                each, of = list(value.values() if kind is dict else value), get_args(field.type)[-1]
            wrong = next((item for item in each if type(item) is not of), None)
            if wrong is not None:
                raise ValueError(f"{field.name} holds {wrong!r:.100}, which is no {_kind(of)}")
            if of is int and not all(0 <= item <= MOST for item in each):
                raise ValueError(f"{field.name} is not from 0 to {MOST}")


def _kind(kind: Any) -> str:
    names: dict[Any, str] = {str: "text", int: "whole number", list: "list", dict: "object"}
    return names.get(kind, "part of a backup")


def _name_of(table: str) -> str:
    return f"tables/{table}.jsonl"


def _line(table: str, row: Row) -> str:
    text = json.dumps(row, separators=(",", ":"), default=_plain) + "\n"
    if len(text) > MOST_OF_LINE:
        raise CannotCopy(
            f"row {row[0]} of {table} is larger than {MOST_OF_LINE:,} bytes, and no restore takes it"
        )
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, DamagedValue):
        return value.plain()
    raise TypeError(f"{type(value).__name__} is not kept in a backup")


def _reader(field: "Field[Any, Any]") -> Callable[[Any], Any]:
    """What makes the value of a row from that of a line."""
    while isinstance(field, ForeignKey):
        field = field.target_field
    read: Callable[[Any], Any] = lambda value: value  # noqa: E731
    if isinstance(field, JSONField):
        return read  # an object is its value
    if isinstance(field, DateTimeField):
        read = datetime.fromisoformat
    if isinstance(field, UUIDField):
        read = uuid.UUID
    return lambda value: (
        None if value is None else DamagedValue.of_plain(value) if isinstance(value, dict) else read(value)
    )
