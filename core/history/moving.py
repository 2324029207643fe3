"""Moves an installation from SQLite to PostgreSQL: every row as it is, in one transaction of the target.

The source is held for as long as that takes and is not changed. Nothing is committed before everything was
read back from the target and compared.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from django.apps import apps
from django.db import DatabaseError, connections, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import AutoField, CharField, Field, Model, TextField

from core.history.audit import entry_hash
from core.models import AuditEntry, AuditHead

SOURCE, TARGET = "default", "target"
ROWS_AT_ONCE = 2_000
# What `migrate` writes into an empty database; the source's own rows take its place.
MADE_BY_MIGRATE = (
    "auth.Group_permissions",
    "auth.Permission",
    "auth.Group",
    "contenttypes.ContentType",
)
Table = type[Model]
Row = tuple[Any, ...]
Progress = Callable[[str, int], None]


class CannotMove(Exception):
    """Nothing was moved; the message is a sentence for whoever runs the command."""


@dataclass(frozen=True)
class Moved:
    """What the target holds now. `broken_at`: the first audit entry that does not fit, broken already before."""

    rows: int
    tables: int
    entries: int
    head: str
    broken_at: int | None


def move(progress: Progress) -> Moved:
    """Copy SOURCE, which is held by `exclusive_source`, to TARGET; compare; commit.

    `progress` hears a table's name and how many more of its rows were copied.
    """
    tables = in_order()
    with transaction.atomic(using=TARGET):
        _prepare_target(tables)
        sums = {table: _copy(table, progress) for table in tables}
        _set_sequences(tables)
        for table in tables:
            if _sum_of(table, TARGET) != sums[table]:
                raise CannotMove(f"{table._meta.db_table} reads differently in the target; nothing was moved")
        entries, head, broken_at = chain_of(TARGET)
        rows = sum(count for count, _ in sums.values())
    return Moved(rows, len(tables), entries, head, broken_at)


def in_order() -> list[Table]:
    """Every table that Django keeps here, those that others point to first."""
    tables = [
        table
        for table in apps.get_models(include_auto_created=True)
        if table._meta.managed and not table._meta.proxy
    ]
    graph = {
        table: {
            field.remote_field.model._meta.concrete_model
            for field in _fields(table)
            if field.remote_field and field.remote_field.model is not table
        }
        for table in tables
    }
    return [table for table in TopologicalSorter(graph).static_order() if table in graph]


def count_rows() -> int:
    """How many rows are to be moved."""
    return sum(table._base_manager.using(SOURCE).count() for table in in_order())


@contextmanager
def exclusive_source() -> Iterator[None]:
    """SQLite's exclusive lock on SOURCE: nobody else has the file open, and nobody opens it meanwhile."""
    connection = connections[SOURCE]
    connection.close()
    connection.settings_dict["OPTIONS"]["timeout"] = 0.5
    try:
        with connection.cursor() as cursor:
            try:
                cursor.execute("PRAGMA locking_mode=EXCLUSIVE")
                cursor.execute("BEGIN EXCLUSIVE")
            except DatabaseError as error:
                raise CannotMove(
                    "the database is in use: stop the site first (web, recorder, jobs, open shells), "
                    f"then run this again ({error})"
                ) from error
            yield
            cursor.execute("ROLLBACK")
    finally:
        connection.close()


def refuse_other_migrations() -> None:
    """Source and target must stand at the same migrations as this code."""
    on_disk = set(_applied(TARGET))
    missing = sorted(on_disk ^ set(_applied(SOURCE)))
    if missing:
        names = ", ".join(".".join(name) for name in missing[:5])
        raise CannotMove(
            f"source and target have not the same migrations ({names}): run `manage.py migrate` on both"
        )


def _applied(alias: str) -> list[tuple[str, str]]:
    return list(MigrationRecorder(connections[alias]).applied_migrations())


def _prepare_target(tables: list[Table]) -> None:
    """Hold every table of the target, see that it has no history of its own, and take out what `migrate` made."""
    quote = connections[TARGET].ops.quote_name
    names = ", ".join(quote(table._meta.db_table) for table in tables)
    with connections[TARGET].cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
        for table in tables:
            if table._meta.label not in MADE_BY_MIGRATE and table._base_manager.using(TARGET).exists():
                raise CannotMove(f"the target is not empty: {table._meta.db_table} has rows already")
        for label in MADE_BY_MIGRATE:
            cursor.execute(f"DELETE FROM {quote(apps.get_model(label)._meta.db_table)}")


def _copy(table: Table, progress: Progress) -> tuple[int, int]:
    """Write every row of the source; returns their number and sum."""
    fields = _fields(table)
    target = connections[TARGET]
    columns = ", ".join(target.ops.quote_name(str(field.column)) for field in fields)
    count = total = 0
    with target.cursor() as cursor:
        statement = f"COPY {target.ops.quote_name(table._meta.db_table)} ({columns}) FROM STDIN"
        with cursor.copy(statement) as copy:
            for row in _rows(table, SOURCE):
                _refuse_unfit(table, fields, row)
                copy.write_row(
                    [field.get_db_prep_save(value, target) for field, value in zip(fields, row, strict=True)]
                )
                count, total = count + 1, _add(total, row)
                if count % ROWS_AT_ONCE == 0:
                    progress(table._meta.db_table, ROWS_AT_ONCE)
    progress(table._meta.db_table, count % ROWS_AT_ONCE)
    return count, total


def _set_sequences(tables: list[Table]) -> None:
    """Go on after the last number that the source gave, also where its row is gone: no number is given twice."""
    with connections[SOURCE].cursor() as cursor:
        cursor.execute("SELECT name, seq FROM sqlite_sequence")
        given = dict(cursor.fetchall())
    with connections[TARGET].cursor() as cursor:
        for table in tables:
            name, key = table._meta.db_table, table._meta.pk
            if isinstance(key, AutoField) and given.get(name):
                quoted = connections[TARGET].ops.quote_name(name)
                cursor.execute(
                    "SELECT setval(pg_get_serial_sequence(%s, %s), %s)", [quoted, key.column, given[name]]
                )


def _sum_of(table: Table, alias: str) -> tuple[int, int]:
    count = total = 0
    for row in _rows(table, alias):
        count, total = count + 1, _add(total, row)
    return count, total


def _add(total: int, row: Row) -> int:
    """A sum that does not depend on the order of the rows: two databases sort text differently."""
    return (total + int.from_bytes(hashlib.sha256(repr(row).encode()).digest())) % (1 << 256)


def _rows(table: Table, alias: str) -> Iterator[Row]:
    names = [field.attname for field in _fields(table)]
    rows: Iterator[Row] = table._base_manager.using(alias).values_list(*names).iterator(ROWS_AT_ONCE)
    return rows


def _fields(table: Table) -> "list[Field[Any, Any]]":
    return list(table._meta.concrete_fields)


def _refuse_unfit(table: Table, fields: "list[Field[Any, Any]]", row: Row) -> None:
    """SQLite takes text that PostgreSQL does not; the row is named, and stays where it is."""
    for field, value in zip(fields, row, strict=True):
        if not isinstance(value, str) or not isinstance(field, CharField | TextField):
            continue
        too_long = field.max_length is not None and len(value) > field.max_length
        if too_long or "\x00" in value:
            what = f"is longer than {field.max_length} characters" if too_long else "has a NUL character"
            key = row[fields.index(table._meta.pk)]
            raise CannotMove(
                f"{field.column} of {table._meta.db_table} {key} {what}; PostgreSQL cannot keep it"
            )


def chain_of(alias: str) -> tuple[int, str, int | None]:
    """Length and head of the audit chain, recomputed, and the first entry that does not fit."""
    previous, count, broken_at = "0" * 64, 0, None
    for entry in AuditEntry.objects.using(alias).order_by("sequence").iterator(ROWS_AT_ONCE):
        count += 1
        fits = (entry.sequence, entry.previous_hash, entry.hash) == (count, previous, entry_hash(entry))
        if not fits and broken_at is None:
            broken_at = entry.sequence
        previous = entry.hash
    head = AuditHead.objects.using(alias).first()
    if head is not None and (head.sequence, head.hash) != (count, previous) and broken_at is None:
        broken_at = count
    return count, previous, broken_at
