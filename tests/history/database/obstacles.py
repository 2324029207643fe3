"""A database that refuses or is held, on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

REFUSE = {
    "sqlite": ["CREATE TRIGGER refuse BEFORE {what} ON {table} BEGIN SELECT RAISE(ABORT, '{why}'); END"],
    "postgresql": [
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE '{why}'; END $$",
        "CREATE TRIGGER refuse BEFORE {what} ON {table} EXECUTE FUNCTION refuse()",
    ],
}
ADMIT = {
    "sqlite": ["DROP TRIGGER refuse"],
    "postgresql": ["DROP TRIGGER refuse ON {table}", "DROP FUNCTION refuse"],
}
HOLD = {
    "sqlite": ["BEGIN IMMEDIATE"],
    "postgresql": ["BEGIN", "LOCK TABLE core_cursor, core_auditentry IN ACCESS EXCLUSIVE MODE"],
}


def execute(statements: list[str], **words: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement.format(**words))


@contextmanager
def refusing(table: str, why: str, what: str = "INSERT") -> Iterator[None]:
    """No row can be written into this table; or none changed, with `what` as UPDATE."""
    execute(REFUSE[connection.vendor], table=table, why=why, what=what)
    try:
        yield
    finally:
        execute(ADMIT[connection.vendor], table=table)


@contextmanager
def held() -> Iterator[None]:
    """Somebody else holds the lock that writing needs."""
    execute(HOLD[connection.vendor])
    try:
        yield
    finally:
        execute(["COMMIT"])
