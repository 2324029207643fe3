"""The database after a test: every table emptied, and what the migrations had brought put back as it was.

Django's own way makes content types, permissions and groups anew after each test, which takes longer than most
tests do.
"""

from functools import cache
from typing import Any

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.management.color import no_style
from django.core.management.sql import sql_flush
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder

from core.history.audit import guards

_brought: dict[str, tuple[list[str], list[tuple[Any, ...]]]] = {}


def remember_what_the_migrations_brought() -> None:
    """Once in a process, before its first test."""
    if _brought:
        return
    with connection.cursor() as cursor:
        for table in connection.introspection.django_table_names(only_existing=True, include_views=False):
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
    """In place of `TransactionTestCase._fixture_teardown`. The guards refuse it, so they are away meanwhile."""
    quoted = connection.ops.quote_name
    with connection.cursor() as cursor:
        for guard in guards.guards_of(connection):
            cursor.execute(guards.removal(guard, connection.vendor))
    connection.ops.execute_sql_flush(sql_flush(no_style(), connection, allow_cascade=False))
    with transaction.atomic(), connection.cursor() as cursor:
        for table, (columns, rows) in _brought.items():
            names, places = ", ".join(map(quoted, columns)), ", ".join(["%s"] * len(columns))
            cursor.executemany(f"INSERT INTO {quoted(table)} ({names}) VALUES ({places})", rows)
        for statement in _numbers_go_on():
            cursor.execute(statement)
    guards.install()
    ContentType.objects.clear_cache()  # a test may have made them anew
