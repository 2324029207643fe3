"""How the site is doing: one read model for the health page, the metrics and the probe.

Each part is read with short limits and says by itself whether it could be read; one that is away hides no other.
"""

import functools
import platform
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any, NamedTuple

import django
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.models import CharField, Count, Q, Value
from django.utils import timezone

from core.agents import fleet
from core.agents.heartbeat import STATES
from core.errors import StoreUnavailable
from core.history.backups import backup
from core.history.callbacks import deliveries
from core.history.notices import delivery_status
from core.history.proof import verification
from core.history.proof.verification import RecordState
from core.models import ApprovalRecord, Cursor, SetAsideEntry
from core.store import queue as queues
from core.store import recorder as recorder_state
from core.store import server as redis_server
from core.store.approvals import count_waiting, read_all_waiting
from core.store.client import open_store
from core.store.queue import QueueState
from core.store.recorder import RecorderHeartbeat, RecorderState
from core.store.server import ServerInfo

LAG_SECONDS = CLOCK_SECONDS = 30.0
BACKUP_OLD = timedelta(hours=36)
PART_SECONDS = 0.9  # of the probe, which must not hang with a part

# A database that hangs holds a thread of these; while all are held it counts as away.
_threads = ThreadPoolExecutor(2, thread_name_prefix="readiness")
_seen: set[str] = set()


@dataclass(frozen=True)
class Database:
    """kind: `SQLite` or `PostgreSQL`. size in bytes, None where it cannot be told."""

    kind: str
    version: str
    size: int | None
    set_aside: int
    worrying: int  # of these, what nobody put away
    outcomes: dict[str, int]
    notices: dict[str, int]  # of the last day that did not arrive, or may not have: by state
    callbacks: dict[str, int]  # ends that their agents did not take: by state
    recorded_at: datetime | None
    installation: str
    position: str


@dataclass(frozen=True)
class Backups:
    """Backups by the clock: when the newest was made, None while there is none."""

    folder: str
    newest_at: datetime | None

    @property
    def old(self) -> bool:
        """Whether one is missing: they are made daily."""
        return self.newest_at is None or timezone.now() - self.newest_at > BACKUP_OLD


@dataclass(frozen=True)
class Health:
    """Everything. A part that is None is away; `problems` says why, by part: database, redis, queue, backups.

    `backups` is None also where none are wanted.
    """

    database: Database | None
    recorder: RecorderState | None
    server: ServerInfo | None
    queue: QueueState | None
    backups: Backups | None = None
    record: RecordState | None = None
    problems: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    clock_off: float = 0.0  # seconds between this machine's clock and that of Redis, where they are too many

    @property
    def behind(self) -> bool:
        """Whether SQL lags so far behind that somebody should look."""
        return self.recorder is not None and self.recorder.lag_seconds > LAG_SECONDS


@dataclass(frozen=True)
class Activity:
    """Requests that wait, for how many seconds the oldest has, and agents of the last day.

    agents: by what their beats alone say. states: by what lists say, first of STATES, those put away left out.
    """

    waiting: int
    oldest_seconds: float
    agents: dict[str, int]
    states: dict[str, int]


def read() -> Health:
    """Read everything: SQL in seven queries at most, Redis in three round trips."""
    problems: dict[str, str] = {}
    database = recorder = server = queue = record = None
    off = 0.0
    try:
        database = _database()
        record = verification.read_state()
    except DatabaseError as error:
        problems["database"] = str(error)
    try:
        store = open_store()
        position = (database.installation, database.position) if database else ("", "0")
        recorder = store.run(recorder_state.look(store.keys, *position))
        off = abs((timezone.now() - recorder.heartbeat.now).total_seconds())
        server = redis_server.read_info(store)
    except StoreUnavailable as error:
        problems["redis"] = str(error)
    try:
        queue = queues.read_queue(settings.TELEMETRY_QUEUE)
    except StoreUnavailable as error:
        problems["queue"] = str(error)
    off = off if off > CLOCK_SECONDS else 0.0
    return Health(database, recorder, server, queue, _backups(problems), record, problems, versions(), off)


def _backups(problems: dict[str, str]) -> Backups | None:
    folder = settings.TELEMETRY_BACKUP_DIR
    if folder is None:
        return None
    try:
        return Backups(str(folder), backup.newest_at(folder))
    except FileNotFoundError:
        return Backups(str(folder), None)
    except OSError as error:
        problems["backups"] = str(error)
        return None


def read_heartbeat() -> RecorderHeartbeat:
    """What the recorder says of itself: one round trip. StoreUnavailable when Redis is away."""
    return recorder_state.read_heartbeat(open_store())


def read_activity() -> Activity:
    """What goes on now: six round trips, however many agents and requests. StoreUnavailable when Redis is away."""
    store = open_store()
    waiting, oldest = count_waiting(store)
    asking = read_all_waiting(store)
    now, agents = fleet.look(store, None)
    counted = Counter(agent.liveness(now) for agent in agents)
    limit = settings.TELEMETRY_STUCK_SECONDS
    states = Counter(
        agent.state(now, limit, waits=agent.heartbeat.agent_id in asking)
        for agent in agents
        if not agent.away
    )
    return Activity(
        waiting,
        oldest,
        {word: counted[word] for word in ("alive", "late", "lost", "finished")},
        {word: states[word] for word in STATES},
    )


def _database() -> Database:
    cursor_row = Cursor.objects.filter(name=Cursor.OUTBOX).first()
    outcomes, bad_notices, callbacks = _counts()
    kind, version_said, size = _database_facts()
    return Database(
        kind=kind,
        version=version_said,
        size=size,
        **SetAsideEntry.objects.filter(repaired_at=None).aggregate(
            set_aside=Count("pk"), worrying=Count("pk", filter=Q(put_away_at=None))
        ),
        outcomes=outcomes,
        notices=bad_notices,
        callbacks=callbacks,
        recorded_at=cursor_row.updated_at if cursor_row else None,
        installation=cursor_row.installation if cursor_row else "",
        position=cursor_row.position if cursor_row else "0",
    )


def _counts() -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """Requests by outcome, and by state notices that did not arrive and ends that were not taken: one query."""
    requests = _by("request", ApprovalRecord.objects.all(), "status")
    notices = _by("notice", delivery_status.not_arrived(), "state")
    counted = list(requests.union(notices, _by("callback", deliveries.not_taken(), "state"), all=True))
    outcomes, failed, callbacks = (
        {state: count for what, state, count in counted if what == kind}
        for kind in ("request", "notice", "callback")
    )
    return outcomes, failed, callbacks


def _by(what: str, rows: Any, column: str) -> Any:
    what_of = Value(what, CharField())
    return rows.order_by().annotate(what=what_of).values_list("what", column).annotate(count=Count("pk"))


def _database_facts() -> tuple[str, str, int | None]:
    if connection.vendor == "sqlite":
        query = "SELECT sqlite_version(), page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    else:
        query = "SELECT current_setting('server_version'), pg_database_size(current_database())"
    with connection.cursor() as cursor:
        cursor.execute(query)
        said, size = cursor.fetchone()
    return connection.display_name, str(said), size


@functools.cache
def versions() -> dict[str, str]:
    """What runs here: name to version."""
    packages = ("channels", "rq", "django-rq", "redis", "uvicorn")
    own = {"Python": platform.python_version(), "Django": django.get_version()}
    return own | {name: version(name) for name in packages}


class _Sql(NamedTuple):
    answers: bool = False
    migrated: bool = False
    installation: str = ""
    position: str = "0"


def check_ready() -> dict[str, bool]:
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
        with open_store().line(time.monotonic() + PART_SECONDS) as line:
            state = line.run(recorder_state.look(line.keys, sql.installation, sql.position))
    except StoreUnavailable:
        return False, False
    behind = sql.migrated and state.lag_seconds > LAG_SECONDS
    return True, state.heartbeat.recording and not behind
