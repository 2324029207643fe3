"""Moves an installation from SQLite to PostgreSQL: every row as it is, in one transaction of the target.

The source is held for as long as that takes and is not changed. Nothing is committed before everything was
read back from the target and compared.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from django.db import DatabaseError, connections, transaction

from core.history.backups import tables
from core.history.backups.tables import CannotCopy, Progress
from core.history.proof import verification
from core.history.proof.verification import VerificationResult
from core.history.search import index as search

SOURCE, TARGET = "default", "target"
ELSEWHERE = "take an empty database"


@dataclass(frozen=True)
class MoveResult:
    """What the target holds now. `chain`: what is wrong there was wrong before."""

    rows: int
    tables: int
    chain: VerificationResult


def move(progress: Progress) -> MoveResult:
    """Copy SOURCE, which is held by `exclusive_source`, to TARGET; compare; commit."""
    every = tables.in_order()
    with transaction.atomic(using=TARGET):
        tables.hold(every, TARGET)
        tables.refuse_rows("the target", ELSEWHERE, TARGET)
        tables.clear_made_by_migrate(TARGET)
        sums = {table: tables.write(table, tables.rows(table, SOURCE), progress, TARGET) for table in every}
        tables.set_numbers(every, tables.last_numbers(every, SOURCE), TARGET)
        tables.refuse_other_sums(sums, TARGET, progress)
        chain = verification.verify_copy(using=TARGET)
    search.rebuild_after_copy(partial(progress, tables.INDEXING), TARGET)
    return MoveResult(sum(count for count, _ in sums.values()), len(every), chain)


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
                raise CannotCopy(
                    "the database is in use: stop the site first (web, recorder, worker, open shells), "
                    f"then run this again ({error})"
                ) from error
            yield
            cursor.execute("ROLLBACK")
    finally:
        connection.close()


def refuse_other_migrations() -> None:
    """Source and target must stand at the same migrations."""
    differing = sorted(tables.migrations(TARGET)[0] ^ tables.migrations(SOURCE)[0])
    if differing:
        raise CannotCopy(
            f"source and target have not the same migrations ({', '.join(differing[:5])}): "
            "run `manage.py migrate` on the source first"
        )
