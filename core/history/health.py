"""How the site is doing: one read model for the health page and the metrics.

Each part is read with short limits and says by itself whether it could be read; one that is away hides no other.
"""

import functools
import platform
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.metadata import version

import django
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Count
from django.utils import timezone

from core.errors import StoreUnavailable
from core.history.backups import backup
from core.history.proof import state as record_state
from core.history.proof.state import RecordState
from core.models import ApprovalRecord, Cursor, SetAsideEntry
from core.store import queue as queues
from core.store import recorder as recorder_state
from core.store import server as redis_server
from core.store.client import open_store
from core.store.queue import QueueState
from core.store.recorder import RecorderState, RecorderWord
from core.store.server import ServerInfo

LAG_SECONDS = 30.0
BACKUP_OLD = timedelta(hours=36)


@dataclass(frozen=True)
class Database:
    """kind: `SQLite` or `PostgreSQL`. size in bytes, None where it cannot be told."""

    kind: str
    version: str
    size: int | None
    set_aside: int
    outcomes: dict[str, int]
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

    @property
    def behind(self) -> bool:
        """Whether SQL lags so far behind that somebody should look."""
        return self.recorder is not None and self.recorder.lag_seconds > LAG_SECONDS


def read() -> Health:
    """Read everything: SQL in seven queries at most, Redis in three round trips."""
    problems: dict[str, str] = {}
    database = recorder = server = queue = record = None
    try:
        database = _database()
        record = record_state.read()
    except DatabaseError as error:
        problems["database"] = str(error)
    try:
        store = open_store()
        position = (database.installation, database.position) if database else ("", "0")
        recorder = store.run(recorder_state.look(store.keys, *position))
        server = redis_server.read_info(store)
    except StoreUnavailable as error:
        problems["redis"] = str(error)
    try:
        queue = read_queue()
    except StoreUnavailable as error:
        problems["queue"] = str(error)
    return Health(database, recorder, server, queue, _backups(problems), record, problems, versions())


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


def read_queue() -> QueueState:
    """The queue of background jobs. StoreUnavailable when its Redis is away."""
    return queues.read_queue(settings.TELEMETRY_QUEUE)


def read_word() -> RecorderWord:
    """What the recorder says of itself: one round trip. StoreUnavailable when Redis is away."""
    return recorder_state.read_word(open_store())


def _database() -> Database:
    cursor_row = Cursor.objects.filter(name=Cursor.OUTBOX).first()
    outcomes = ApprovalRecord.objects.order_by().values_list("status").annotate(Count("pk"))
    kind, version_said, size = _database_facts()
    return Database(
        kind=kind,
        version=version_said,
        size=size,
        set_aside=SetAsideEntry.objects.filter(repaired_at=None).count(),
        outcomes=dict(outcomes),
        recorded_at=cursor_row.updated_at if cursor_row else None,
        installation=cursor_row.installation if cursor_row else "",
        position=cursor_row.position if cursor_row else "0",
    )


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
