"""Locks and limits in the database: who waits for whom, and what may take long.

The order, in every transaction: the recorder's cursor, then rows of requests, intents and usage, last the head
of the audit chain. Who holds the head waits for nothing, so there is no deadlock.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections


def lift_statement_limit(alias: str, *, of_transaction: bool = False) -> None:
    """PostgreSQL ends a statement after half a minute; whole tables may need longer."""
    if connections[alias].vendor == "postgresql":
        with connections[alias].cursor() as cursor:
            cursor.execute(f"SET {'LOCAL ' if of_transaction else ''}statement_timeout = 0")


@contextmanager
def without_statement_limit(alias: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """While a whole table is read outside of a transaction: PostgreSQL makes all of it ready at the first row."""
    lift_statement_limit(alias)
    try:
        yield
    finally:
        after_migrate(alias)


def before_migrate(using: str, **_signal: Any) -> None:
    """A migration may rewrite a large table."""
    lift_statement_limit(using)


def after_migrate(using: str, **_signal: Any) -> None:
    """Back to the limit of DATABASE_URL."""
    if connections[using].vendor == "postgresql":
        with connections[using].cursor() as cursor:
            cursor.execute("RESET statement_timeout")
