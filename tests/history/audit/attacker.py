"""Somebody with the database file in hand: takes the guards away, changes rows, puts the guards back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.db import connection, transaction

from core.history.audit import entries, guards
from core.history.proof.verification import VerificationResult, links, verify

ENTRIES, HEAD = guards.ENTRIES, guards.HEAD
FAR = 1_000_000
BEGAN = datetime(2026, 3, 1, tzinfo=UTC)


def fill(count: int) -> None:
    """A record of so many entries."""
    with transaction.atomic():
        entries.append(
            [
                entries.Fact(
                    f"fact-{number}",
                    "test.fact",
                    BEGAN + timedelta(seconds=number),
                    actor=f"person {number % 7}",
                    agent_id="déployer",
                    request_id=f"7f1c8e5e-5a45-4a3c-9d43-{number:012x}" if number % 3 else None,
                    details={"number": number, "text": "ä ⟦x⟧ \n\x00"},
                )
                for number in range(1, count + 1)
            ]
        )


def sql(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


@contextmanager
def without_guards() -> Iterator[None]:
    ours = guards.guards_of(connection)
    for guard in ours:
        sql(guards.removal(guard, connection.vendor))
    yield
    for guard in ours:
        for statement in guards._statements(guard, connection.vendor):
            sql(statement)


def after(attack: Callable[[], None], checkpoints: Path) -> VerificationResult:
    """What verification finds after an attack; then everything is as it was before."""
    with transaction.atomic():
        with without_guards():
            attack()
        verdict = verify(checkpoints)
        transaction.set_rollback(True)
    return verdict


def edit(number: int, column: str, value: object) -> None:
    sql(f"UPDATE {ENTRIES} SET {column} = %s WHERE sequence = %s", value, number)


def edit_as(number: int, column: str, stored: str) -> None:
    """Write what only SQLite keeps, such as `CAST(x'ff41' AS TEXT)`."""
    sql(f"UPDATE {ENTRIES} SET {column} = {stored} WHERE sequence = %s", number)


def renumber(first: int, by: int) -> None:
    """Move all entries from this one on."""
    sql(f"UPDATE {ENTRIES} SET sequence = sequence + {FAR} WHERE sequence >= %s", first)
    sql(f"UPDATE {ENTRIES} SET sequence = sequence - {FAR} + %s WHERE sequence >= {FAR}", by)


def delete_and_close_the_gap(number: int) -> None:
    sql(f"DELETE FROM {ENTRIES} WHERE sequence = %s", number)
    renumber(number + 1, -1)


def copy_as(number: int, new: int) -> None:
    columns = "kind, at, actor, agent_id, request_id, details, previous_hash, hash"
    sql(
        f"INSERT INTO {ENTRIES} (sequence, event_id, {columns}) "
        f"SELECT %s, 'forged', {columns} FROM {ENTRIES} WHERE sequence = %s",
        new,
        number,
    )


def insert_after(number: int) -> None:
    renumber(number + 1, 1)
    copy_as(number, number + 1)
    sql(f"UPDATE {HEAD} SET sequence = sequence + 1")


def swap(number: int) -> None:
    sql(f"UPDATE {ENTRIES} SET sequence = {FAR} WHERE sequence = %s", number)
    sql(f"UPDATE {ENTRIES} SET sequence = %s WHERE sequence = %s", number, number + 1)
    sql(f"UPDATE {ENTRIES} SET sequence = %s WHERE sequence = {FAR}", number + 1)


def cut_after(number: int) -> None:
    """Without a trace in the database: the head is moved too."""
    sql(f"DELETE FROM {ENTRIES} WHERE sequence > %s", number)
    last = list(links())[-1]
    sql(f"UPDATE {HEAD} SET sequence = %s, hash = %s", last.sequence, last.hash)


def rewrite_from(number: int, column: str = "actor", value: str = "mallory") -> None:
    """Change an entry and make every hash after it anew, as the software itself would."""
    edit(number, column, value)
    previous = None
    for link in list(links(after=number - 1)):
        if previous is not None:
            edit(link.sequence, "previous_hash", previous)
            link = next(links(after=link.sequence - 1))
        previous = link.computed_hash()
        edit(link.sequence, "hash", previous)
    sql(f"UPDATE {HEAD} SET hash = %s", previous)
