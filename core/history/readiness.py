"""Whether this process can serve: each part checked with a short limit, so that a probe never hangs with it."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections
from django.db.migrations.executor import MigrationExecutor

from core.errors import StoreUnavailable
from core.history.health import LAG_SECONDS
from core.models import Cursor
from core.store import recorder as recorder_state
from core.store.client import open_store

PART_SECONDS = 0.9

# A database that hangs holds a thread of these; while all are held it counts as away.
_threads = ThreadPoolExecutor(2, thread_name_prefix="readiness")
_seen: set[str] = set()


class _Sql(NamedTuple):
    answers: bool = False
    migrated: bool = False
    installation: str = ""
    position: str = "0"


def check() -> dict[str, bool]:
    """Which parts are ready: database, migrations, redis, recorder. Takes two seconds at most."""
    sql = _sql()
    redis, recorder = _redis_and_recorder(sql)
    return {"database": sql.answers, "migrations": sql.migrated, "redis": redis, "recorder": recorder}


def _sql() -> _Sql:
    checking = _threads.submit(_ask_sql)
    try:
        return checking.result(PART_SECONDS)
    except (TimeoutError, DatabaseError):
        checking.cancel()
        return _Sql()


def _ask_sql() -> _Sql:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        if not _migrated():
            return _Sql(answers=True)
        place = Cursor.objects.filter(name=Cursor.OUTBOX).first() or Cursor()
        return _Sql(True, True, place.installation, place.position)
    finally:
        connections.close_all()


def _migrated() -> bool:
    """Whether every migration of this code is in the database. Once true, it stays so for this process."""
    if "migrated" not in _seen:
        executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return False
        _seen.add("migrated")
    return True


def _redis_and_recorder(sql: _Sql) -> tuple[bool, bool]:
    try:
        line = open_store().line(time.monotonic() + PART_SECONDS)
        try:
            state = line.run(recorder_state.look(line.keys, sql.installation, sql.position))
        finally:
            line.close()
    except StoreUnavailable:
        return False, False
    behind = sql.migrated and state.lag_seconds > LAG_SECONDS
    return True, state.word.recording and not behind
