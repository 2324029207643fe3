"""A database that is locked, full, read-only or emptied, by the own means of SQLite and of PostgreSQL."""

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from django.contrib.auth.models import User
from django.db import DatabaseError, OperationalError, connection

IN_MIB = 1024 * 1024
FILLERS = ("filler", "more_filler")
WAL_SEGMENT = 16 * IN_MIB  # a file of its own, into which the same process writes


def execute(statement: str, values: list | None = None) -> list:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def locked() -> Iterator[None]:
    """Somebody else holds the lock for writing, for longer than we wait; what stands there can be read."""
    if connection.vendor == "postgresql":
        execute("SET lock_timeout = 50")
        with psycopg.connect(**connection.get_connection_params() | {"options": ""}) as other:
            other.execute("LOCK TABLE core_decisionintent IN EXCLUSIVE MODE")
            yield
            other.rollback()
        execute("RESET lock_timeout")
        return
    execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()
        execute("PRAGMA busy_timeout = 20000")


@contextmanager
def full() -> Iterator[None]:
    """Not one page more may be written."""
    with full_postgresql() if connection.vendor == "postgresql" else full_sqlite():
        yield


@contextmanager
def full_sqlite() -> Iterator[None]:
    for table in FILLERS:
        execute(f"CREATE TABLE {table} (text TEXT)")
    [[pages]] = execute("PRAGMA page_count")
    execute(f"PRAGMA max_page_count = {pages}")
    # What is free in the pages that there are; small rows take the last page too. Where the table would need two
    # pages at once, one is left: a row of the other table takes one page beside its own.
    for table, size in (("filler", 2000), ("filler", 100), ("more_filler", 2250)):
        while _takes(table, size):
            pass
    assert execute("PRAGMA freelist_count") == [(0,)]
    try:
        yield
    finally:
        execute("PRAGMA max_page_count = 1073741823")
        for table in FILLERS:
            execute(f"DROP TABLE {table}")


def _takes(table: str, size: int) -> bool:
    """Whether there was room for a row of twice as many bytes; somebody else's lock is no answer."""
    try:
        execute(f"INSERT INTO {table} VALUES (hex(randomblob({size})))")
    except OperationalError as error:
        return "full" not in str(error)
    return True


FILL = """
INSERT INTO core_decisionintent
    (decision_id, request_id, user_id, approved, reason, digest, not_after, created_at, outcome,
     agent_id, approval_type)
SELECT gen_random_uuid(), gen_random_uuid(), %s, false, repeat('x', %s), 'filler', now(), now(), 'unknown', '', ''
FROM generate_series(1, %s)
"""


@contextmanager
def full_postgresql() -> Iterator[None]:
    """The process of our connection may not make the table of intents longer: it could not extend the file.

    Only so large a table: into the files of its write-ahead log the same process must write.
    """
    somebody = User.objects.values_list("pk", flat=True).first()
    execute(FILL, [somebody, 1_900, 10_000])
    [[size, pid]] = execute("SELECT pg_relation_size('core_decisionintent'), pg_backend_pid()")
    assert size > WAL_SEGMENT
    limit_files_of(pid, str(size + 4096))
    try:
        with suppress(DatabaseError):
            while True:  # what is free in the pages that there are
                execute(FILL, [somebody, 10, 1])
        yield
    finally:
        limit_files_of(pid, "unlimited")
        execute("DELETE FROM core_decisionintent WHERE digest = 'filler'")


def limit_files_of(pid: int, most: str) -> None:
    """Bytes, or `unlimited`. As the user that the process runs as: others may not."""
    owner = Path(f"/proc/{pid}").stat().st_uid
    subprocess.run(["prlimit", f"--pid={pid}", f"--fsize={most}:"], user=owner, cwd="/", check=True)


@contextmanager
def read_only() -> Iterator[None]:
    """As on a disk that was mounted again for reading alone, or a server that only follows another."""
    if connection.vendor == "postgresql":
        set_read_only(True)
        try:
            yield
        finally:
            set_read_only(False)
        return
    execute("PRAGMA query_only = on")
    try:
        yield
    finally:
        execute("PRAGMA query_only = off")


def set_read_only(value: bool) -> None:
    """For every connection from now on; ours begins anew."""
    name = connection.ops.quote_name(connection.settings_dict["NAME"])
    to_another = {**connection.get_connection_params(), "dbname": "postgres", "options": ""}
    connection.close()
    change = "SET default_transaction_read_only = on" if value else "RESET default_transaction_read_only"
    with psycopg.connect(**to_another, autocommit=True) as other:
        other.execute(f"ALTER DATABASE {name} {change}")


@contextmanager
def without_tables() -> Iterator[None]:
    """A database that was emptied, or was never migrated."""
    tables = ("core_decisionintent", "core_approvalrecord")
    for table in tables:
        execute(f"ALTER TABLE {table} RENAME TO {table}_away")
    try:
        yield
    finally:
        for table in tables:
            execute(f"ALTER TABLE {table}_away RENAME TO {table}")
