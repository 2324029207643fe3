"""Whole tables: read in pieces, written as they are, read back. What moving, backup and restore share."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from graphlib import TopologicalSorter
from itertools import islice
from typing import Any

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, DataError, connections, transaction
from django.db.migrations import AddField, CreateModel, Migration
from django.db.migrations.loader import MigrationLoader
from django.db.models import AutoField, CharField, Field, Model, TextField

from core.history.audit.guards import gaps_allowed
from core.history.backups.damage import DamagedValue, watcher
from core.history.database.sqlite.base import exact_text
from core.history.search.index import INDEXES
from core.models import AuditEntry
from core.values.malformed import ODD

# A request's context may have 256 KiB: what is held in memory at once stays below 128 MiB.
ROWS_AT_ONCE = 500
INDEXING = "finding words"  # what is said of requests that are brought into the index, after all rows
# What `migrate` writes into an empty database; rows that are brought in take its place.
MADE_BY_MIGRATE = (
    "auth.Group_permissions",
    "auth.Permission",
    "auth.Group",
    "contenttypes.ContentType",
    "core.DecisionGrant",
    "core.DenyPreset",
    "core.PolicyState",
)
# Others' applications that came after the first release: a backup may know nothing of them.
LATER = ("account", "mfa", "socialaccount")
Table = type[Model]
Row = tuple[Any, ...]
Column = tuple[str, str]  # the name of its table, and its own
Sum = tuple[int, int]  # how many rows, and a sum of what they say
Progress = Callable[[str, int], None]  # hears what is done, and how many more rows of it are
Expect = Callable[[int], None]  # hears how many there will be altogether


class CannotCopy(Exception):
    """Nothing was written that stays; the message is a sentence for whoever runs the command."""


# Which tables, and how far they are migrated


def in_order(left_out: tuple[str, ...] = ()) -> list[Table]:
    """Every table that Django keeps here but `left_out` (labels), those that others point to first."""
    tables = [
        table
        for table in apps.get_models(include_auto_created=True)
        if table._meta.managed and not table._meta.proxy
    ]
    graph = {
        table: {
            field.remote_field.model._meta.concrete_model
            for field in fields(table)
            if field.remote_field and field.remote_field.model is not table
        }
        for table in tables
    }
    ordered = [table for table in TopologicalSorter(graph).static_order() if table in graph]
    return [table for table in ordered if table._meta.label not in left_out]


def fields(table: Table) -> "list[Field[Any, Any]]":
    """Its columns, always in the same order."""
    return list(table._meta.concrete_fields)


def columns(table: Table) -> list[str]:
    """The names of its columns, in the order of `fields`."""
    return [str(field.column) for field in fields(table)]


def migrations(alias: str = DEFAULT_DB_ALIAS) -> tuple[set[str], set[str]]:
    """Those that the database has, and those of this code; as `core.0001_initial`."""
    loader = MigrationLoader(connections[alias])
    had: Iterable[tuple[str, str]] = loader.applied_migrations or ()
    return {".".join(name) for name in had}, {".".join(name) for name in loader.disk_migrations or ()}


def keeping_rows() -> dict[str, Migration]:
    """Migrations of this code that leave rows as they are: what was backed up before them fits after them.

    They may add columns that have a default, and tables, which `fill` of the migration fills from other rows.
    """
    known = MigrationLoader(connections[DEFAULT_DB_ALIAS]).disk_migrations or {}
    return {
        ".".join(name): one
        for name, one in known.items()
        if getattr(one, "keeps_rows", False) or one.app_label in LATER
    }


def added_by(migrations: Iterable[Migration]) -> set[Column]:
    """The columns that these migrations add, those of whole tables too."""
    found = set()
    for migration in migrations:
        if migration.app_label in LATER:
            later = apps.get_app_config(migration.app_label).get_models(include_auto_created=True)
            found |= {(table._meta.db_table, name) for table in later for name in columns(table)}
            continue
        for operation in migration.operations:
            if isinstance(operation, CreateModel):
                table = apps.get_model(migration.app_label, operation.name)
                links = [link.remote_field.through for link in table._meta.local_many_to_many]
                found |= {(one._meta.db_table, name) for one in (table, *links) for name in columns(one)}
            if isinstance(operation, AddField):
                table = apps.get_model(migration.app_label, operation.model_name)
                found.add((table._meta.db_table, str(table._meta.get_field(operation.name).column)))
    return found


def fill_from_rows(migrations: Iterable[Migration]) -> None:
    """What these migrations would have made of the rows that were brought in."""
    for migration in migrations:
        fill = getattr(migration, "fill", None)
        if fill is not None:
            fill(apps, connections[DEFAULT_DB_ALIAS].schema_editor())


# Reading


@contextmanager
def snapshot() -> Iterator[None]:
    """What is read inside is of one moment, while others go on writing. Nothing can be written inside."""
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.in_atomic_block:
        raise RuntimeError("a snapshot is a transaction of its own")
    if connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            _lift_limits(DEFAULT_DB_ALIAS)
            yield
        return
    with connection.cursor() as cursor:
        # Not `atomic`: it takes the lock of a writer, and everybody would wait for us.
        cursor.execute("BEGIN DEFERRED")
        try:
            cursor.execute("PRAGMA query_only = ON")
            yield
        finally:
            cursor.execute("PRAGMA query_only = OFF")
            cursor.execute("ROLLBACK")


def rows(table: Table, alias: str = DEFAULT_DB_ALIAS) -> Iterator[Row]:
    """Every row as plain values, in pieces; what does not belong there is a DamagedValue.

    CannotCopy for a row that the database cannot make sense of.
    """
    watchers = [watcher(field) for field in fields(table)]
    names = [field.attname for field in fields(table)]
    query = table._base_manager.using(alias).order_by("pk").values_list(*names)
    try:
        with exact_text(alias):
            for row in query.iterator(ROWS_AT_ONCE):
                yield tuple([watch(value) for watch, value in zip(watchers, row, strict=True)])
    except (*ODD, DataError) as error:
        raise CannotCopy(f"a row of {table._meta.db_table} cannot be read: {error}") from error


def count_rows(tables: list[Table]) -> int:
    """How many rows they have together."""
    return sum(table._base_manager.count() for table in tables)


def pieces(many: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows in lists of so many, the last one shorter."""
    ready = iter(many)
    while piece := list(islice(ready, ROWS_AT_ONCE)):
        yield piece


def add(total: Sum, row: Row) -> Sum:
    """A sum that does not depend on the order of the rows: two databases sort text differently."""
    said = int.from_bytes(hashlib.sha256(repr(row).encode(errors="surrogatepass")).digest())
    return total[0] + 1, (total[1] + said) % (1 << 256)


def sum_of(table: Table, alias: str = DEFAULT_DB_ALIAS, progress: Progress = lambda what, rows: None) -> Sum:
    """Number and sum of the rows that stand there."""
    total = (0, 0)
    for piece in pieces(rows(table, alias)):
        for row in piece:
            total = add(total, row)
        progress("reading back", len(piece))
    return total


def refuse_other_sums(
    written: dict[Table, Sum], alias: str = DEFAULT_DB_ALIAS, progress: Progress = lambda what, rows: None
) -> None:
    """Read everything back. CannotCopy when a table reads differently than it was written."""
    for table, said in written.items():
        if sum_of(table, alias, progress) != said:
            raise CannotCopy(f"{table._meta.db_table} reads differently than it was written")


def last_numbers(tables: list[Table], alias: str = DEFAULT_DB_ALIAS) -> dict[str, int]:
    """The last number that each table gave to a row, also where that row is gone."""
    connection = connections[alias]
    numbered = _numbered(tables)
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name, seq FROM sqlite_sequence")
            given = dict(cursor.fetchall())
            return {name: given[name] for name in numbered if given.get(name)}
        found = {}
        for name, key in numbered.items():
            cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [connection.ops.quote_name(name), key])
            cursor.execute(f"SELECT last_value FROM {cursor.fetchone()[0]} WHERE is_called")
            if row := cursor.fetchone():
                found[name] = row[0]
        return found


# Writing


def hold(tables: list[Table], alias: str = DEFAULT_DB_ALIAS) -> None:
    """In a transaction: nobody else reads or writes these tables until it ends, and it may take its time."""
    if connections[alias].vendor != "postgresql":
        return  # SQLite's transaction has the lock of the one writer already
    _lift_limits(alias)
    quote = connections[alias].ops.quote_name
    names = ", ".join(quote(table._meta.db_table) for table in tables)
    with connections[alias].cursor() as cursor:
        cursor.execute(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")


def _lift_limits(alias: str) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")


def refuse_unfit(where: str, way_out: str, alias: str = DEFAULT_DB_ALIAS) -> None:
    """CannotCopy where rows are already, or migrations of a newer version. Without rows, a `migrate` goes on."""
    had, ours = migrations(alias)
    if newer := sorted(had - ours):
        raise CannotCopy(
            f"{where} has migrations that this version does not know ({', '.join(newer[:5])}); {way_out}"
        )
    refuse_rows(where, way_out, alias)


def refuse_rows(where: str, way_out: str, alias: str = DEFAULT_DB_ALIAS) -> None:
    """CannotCopy when any table that there is, at whatever migration, has a row beside those that `migrate` made."""
    made = {apps.get_model(label)._meta.db_table for label in MADE_BY_MIGRATE}
    quote = connections[alias].ops.quote_name
    names = set(connections[alias].introspection.table_names()) - made - {"django_migrations"}
    with connections[alias].cursor() as cursor:
        for name in sorted(name for name in names if not name.startswith(INDEXES)):
            cursor.execute(f"SELECT 1 FROM {quote(name)} LIMIT 1")
            if cursor.fetchone():
                raise CannotCopy(f"{where} is not empty: {name} has rows already; {way_out}")


def clear_made_by_migrate(alias: str = DEFAULT_DB_ALIAS) -> None:
    """Take out what `migrate` made."""
    quote = connections[alias].ops.quote_name
    with connections[alias].cursor() as cursor:
        for label in MADE_BY_MIGRATE:
            cursor.execute(f"DELETE FROM {quote(apps.get_model(label)._meta.db_table)}")


def write(table: Table, many: Iterable[Row], progress: Progress, alias: str = DEFAULT_DB_ALIAS) -> Sum:
    """Write these rows as they are; returns their number and sum."""
    total, name = (0, 0), table._meta.db_table
    copy = _copy_in if connections[alias].vendor == "postgresql" else _insert
    with gaps_allowed(alias) if table is AuditEntry else nullcontext(), copy(table, alias) as put:
        for piece in pieces(many):
            put(piece)
            for row in piece:
                total = add(total, row)
            progress(name, len(piece))
    return total


@contextmanager
def _copy_in(table: Table, alias: str) -> Iterator[Callable[[list[Row]], None]]:
    ready = _ready(table, alias)
    with (
        connections[alias].wrap_database_errors,  # Django knows nothing of `copy`
        connections[alias].cursor() as cursor,
        cursor.copy(f"COPY {_place(table, alias)} FROM STDIN") as copy,
    ):

        def put(piece: list[Row]) -> None:
            for row in piece:
                _refuse_unfit(table, row)
                copy.write_row(ready(row))

        yield put


@contextmanager
def _insert(table: Table, alias: str) -> Iterator[Callable[[list[Row]], None]]:
    ready, begin = _ready(table, alias), f"INSERT INTO {_place(table, alias)} VALUES "
    marks = ", ".join(["%s"] * len(fields(table)))
    with connections[alias].cursor() as cursor:

        def put(piece: list[Row]) -> None:
            if not any(isinstance(value, DamagedValue) for row in piece for value in row):
                cursor.executemany(f"{begin}({marks})", [ready(row) for row in piece])
                return
            for row in piece:
                cursor.execute(f"{begin}({', '.join(map(_mark, row))})", ready(row))

        yield put


def _mark(value: Any) -> str:
    return "CAST(%s AS TEXT)" if isinstance(value, DamagedValue) and value.is_text else "%s"


def _place(table: Table, alias: str) -> str:
    quote = connections[alias].ops.quote_name
    return f"{quote(table._meta.db_table)} ({', '.join(quote(name) for name in columns(table))})"


def _ready(table: Table, alias: str) -> Callable[[Row], list[Any]]:
    """A row as this database stores it. What is damaged is kept as it is."""
    connection, known = connections[alias], fields(table)

    def prepared(row: Row) -> list[Any]:
        return [
            value.stored if isinstance(value, DamagedValue) else field.get_db_prep_save(value, connection)
            for field, value in zip(known, row, strict=True)
        ]

    return prepared


def set_numbers(tables: list[Table], given: dict[str, int], alias: str = DEFAULT_DB_ALIAS) -> None:
    """Go on after these numbers: no number is given twice."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        for name, key in _numbered(tables).items():
            if not given.get(name):
                continue
            if connection.vendor == "sqlite":
                cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [name])
                cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [name, given[name]])
                continue
            quoted = connection.ops.quote_name(name)
            cursor.execute("SELECT setval(pg_get_serial_sequence(%s, %s), %s)", [quoted, key, given[name]])


def _numbered(tables: list[Table]) -> dict[str, str]:
    """Table and column of those whose rows get their number from the database."""
    keys = {table._meta.db_table: table._meta.pk for table in tables}
    return {name: str(key.column) for name, key in keys.items() if isinstance(key, AutoField)}


def _refuse_unfit(table: Table, row: Row) -> None:
    """SQLite takes text that PostgreSQL does not; the row is named, and stays where it is."""
    known = fields(table)
    for field, value in zip(known, row, strict=True):
        what = _unfit(field, value)
        if what:
            key = row[known.index(table._meta.pk)]
            key = key.plain() if isinstance(key, DamagedValue) else key
            raise CannotCopy(
                f"{field.column} of {table._meta.db_table} {key} {what}; PostgreSQL cannot keep it"
            )


def _unfit(field: "Field[Any, Any]", value: Any) -> str:
    if isinstance(value, DamagedValue):
        return "is damaged"
    if not isinstance(value, str) or not isinstance(field, CharField | TextField):
        return ""
    if field.max_length is not None and len(value) > field.max_length:
        return f"is longer than {field.max_length} characters"
    return "has a NUL character" if "\x00" in value else ""
