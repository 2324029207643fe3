"""The database after a test: every table emptied, and what the migrations had brought put back as it was.

Django's own way makes content types, permissions and groups anew after each test, which takes longer than most
tests do.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder

from core.history.audit import guards

WITHOUT_REFERENCES = "SET LOCAL session_replication_role = replica"  # they are not looked at
NUMBERS_FROM_THE_BEGINNING = "UPDATE sqlite_sequence SET seq = 0 WHERE seq"

Rows = list[tuple[Any, ...]]
_brought: dict[str, tuple[list[str], Rows]] = {}
_tables: list[str] = []


def remember_what_the_migrations_brought() -> None:
    """Once in a process, before its first test."""
    if _brought:
        return
    with connection.cursor() as cursor:
        _tables[:] = connection.introspection.django_table_names(only_existing=True, include_views=False)
        for table in _tables:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            columns, rows = [column[0] for column in cursor.description], cursor.fetchall()
            if rows and table != MigrationRecorder.Migration._meta.db_table:
                _brought[table] = columns, rows


@cache
def _numbers_go_on() -> list[str]:
    """What lets the next rows of those tables have numbers of their own: a test may have set them back."""
    models = [m for m in apps.get_models(include_auto_created=True) if m._meta.db_table in _brought]
    return connection.ops.sequence_reset_sql(no_style(), models)


def empty_the_tables(_case: object = None) -> None:
    """In place of `TransactionTestCase._fixture_teardown`. The guards refuse it, so they are away meanwhile.

    To empty sixty tables takes longer than most tests do; a test fills few of them.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            WITHOUT_REFERENCES if connection.vendor == "postgresql" else NUMBERS_FROM_THE_BEGINNING
        )
        changed = [table for table in _brought if _is_changed(cursor, table)]
        doomed = [table for table in _filled(cursor) if table not in _brought] + changed
        with _guards_away(cursor) if {guards.ENTRIES, guards.HEAD} & set(doomed) else nullcontext():
            for table in doomed:
                cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")
            _put_back(cursor, changed)
    guards.install()
    ContentType.objects.clear_cache()  # a test may have made them anew


def _put_back(cursor: Any, tables: list[str]) -> None:
    quoted = connection.ops.quote_name
    for table in tables:
        columns, rows = _brought[table]
        names, places = ", ".join(map(quoted, columns)), ", ".join(["%s"] * len(columns))
        cursor.executemany(f"INSERT INTO {quoted(table)} ({names}) VALUES ({places})", rows)
    for statement in _numbers_go_on() if tables else []:
        cursor.execute(statement)


def _filled(cursor: Any) -> list[str]:
    """The tables that have rows."""
    quoted = connection.ops.quote_name
    each = (f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {quoted(table)})" for table in _tables)
    cursor.execute(" UNION ALL ".join(each))
    return [row[0] for row in cursor.fetchall()]


def _is_changed(cursor: Any, table: str) -> bool:
    cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
    return bool(sorted(map(repr, cursor.fetchall())) != sorted(map(repr, _brought[table][1])))


@contextmanager
def _guards_away(cursor: Any) -> Iterator[None]:
    """On PostgreSQL those that stand are switched off and on again, which is less work than to make them anew."""
    if connection.vendor == "sqlite":
        refusing = [guard for guard in guards.guards_of(connection) if guard.event == "DELETE"]
        for guard in refusing:
            cursor.execute(guards.removal(guard, connection.vendor))
        yield
        for guard in refusing:
            cursor.execute(guard.sqlite)
        return
    gone = guards.missing()
    standing = [guard for guard in guards.guards_of(connection) if guard not in gone]
    for table in {guard.table for guard in standing}:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    yield
    for guard in standing:
        cursor.execute(f"ALTER TABLE {guard.table} ENABLE ALWAYS TRIGGER {guard.name}")
