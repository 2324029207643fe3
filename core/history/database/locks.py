"""Locks and limits in the database: who waits for whom, and what may take long.

The order, in every transaction: the recorder's cursor, or the lock of people; then rows; last the head of the
audit chain, after every foreign key was looked at. Who holds the head waits for nothing, so there is no deadlock.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from core import failpoints
from core.models import Cursor

_PEOPLE = 0x7465_6C65_6D00  # any number that is the same everywhere


def hold_people() -> None:
    """In a transaction, before it changes an account or a group: one such transaction at a time.

    Two admins who rename each other would wait for each other: the admin's log names who did it, and PostgreSQL
    locks a row that is named. SQLite has one writer anyway.
    """
    _tell_postgresql(DEFAULT_DB_ALIAS, f"SELECT pg_advisory_xact_lock({_PEOPLE})")


def hold_recorder() -> None:
    """In a transaction, before it changes many rows that the recorder may be changing too: it waits meanwhile."""
    Cursor.objects.select_for_update().filter(name=Cursor.OUTBOX).first()


def check_foreign_keys() -> None:
    """Now, and at once from here on: left to the commit, they may wait for a row while we hold the head."""
    _tell_postgresql(DEFAULT_DB_ALIAS, "SET CONSTRAINTS ALL IMMEDIATE")


def lift_statement_limit(alias: str, *, of_transaction: bool = False) -> None:
    """PostgreSQL ends a statement after half a minute; whole tables may need longer."""
    _tell_postgresql(alias, f"SET {'LOCAL ' if of_transaction else ''}statement_timeout = 0")


def _tell_postgresql(alias: str, statement: str) -> None:
    """SQLite has nothing of the kind."""
    if connections[alias].vendor == "postgresql":
        with connections[alias].cursor() as cursor:
            cursor.execute(statement)


@contextmanager
def without_statement_limit() -> Iterator[None]:
    """While a whole table is read outside of a transaction: PostgreSQL makes all of it ready at the first row."""
    lift_statement_limit(DEFAULT_DB_ALIAS)
    try:
        yield
    finally:
        after_migrate(DEFAULT_DB_ALIAS)


def before_migrate(using: str, **_signal: Any) -> None:
    """A migration may rewrite a large table."""
    lift_statement_limit(using)


def before_guards(**_signal: Any) -> None:
    """Between the last migration and what else belongs to it."""
    failpoints.reach("migrate.before_guards")


def after_migrate(using: str, **_signal: Any) -> None:
    """Back to the limit of DATABASE_URL."""
    _tell_postgresql(using, "RESET statement_timeout")


def after_a_migration(**_signal: Any) -> None:
    """Django writes each one down as a row."""
    failpoints.reach("migrate.after_one")
