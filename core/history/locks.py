"""Locks and limits in the database: who waits for whom, and what may take long.

The order, in every transaction: the recorder's cursor, then rows of requests, intents and usage, last the head
of the audit chain. Who holds the head waits for nothing, so there is no deadlock.
"""

from typing import Any

from django.db import connections


def lift_statement_limit(alias: str, *, of_transaction: bool = False) -> None:
    """PostgreSQL ends a statement after half a minute; whole tables may need longer."""
    if connections[alias].vendor == "postgresql":
        with connections[alias].cursor() as cursor:
            cursor.execute(f"SET {'LOCAL ' if of_transaction else ''}statement_timeout = 0")


def before_migrate(using: str, **_signal: Any) -> None:
    """A migration may rewrite a large table."""
    lift_statement_limit(using)


def after_migrate(using: str, **_signal: Any) -> None:
    """Back to the limit of DATABASE_URL."""
    if connections[using].vendor == "postgresql":
        with connections[using].cursor() as cursor:
            cursor.execute("RESET statement_timeout")
