"""What the health page prints, the alarm that live pages show, and the banner of every page."""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import DatabaseError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from core.history import health
from core.history.callbacks import deliveries
from core.history.health import Health
from core.history.notices import delivery_status
from core.history.proof import verification
from core.models import Callback, Notice, SetAsideEntry
from core.store.recorder import RecorderHeartbeat
from dashboard import words
from dashboard.approvals.detail import callback
from dashboard.health import words as said
from dashboard.notices import words as notice_words
from dashboard.notices.lines import NoticeLine

SHOWN_SET_ASIDE = 50
SHOWN_CHARACTERS = 2_000


class Worry(NamedTuple):
    """What needs a look, and what helps; '' for nothing."""

    says: str
    helps: str = ""


@dataclass(frozen=True)
class SetAside:
    """One change that is not in the record, and why."""

    entry_id: int
    at: datetime
    position: str
    error: str
    kind: str
    fields: list[tuple[str, str]]
    put_away_at: datetime | None

    @classmethod
    def of(cls, entry: SetAsideEntry) -> "SetAside":
        """The row for a reader."""
        fields = {str(name): str(value) for name, value in json.loads(entry.fields).items()}
        kind = fields.get("type", words.NO_TYPE)
        shown = [(name, _shortened(value)) for name, value in fields.items()]
        return cls(
            entry.pk, entry.at, entry.position, _shortened(entry.error), kind, shown, entry.put_away_at
        )


@dataclass(frozen=True)
class HealthPage:
    """Everything on the health page. `worries`: the worst first."""

    state: Health
    worries: list[Worry]
    set_aside: list[SetAside]
    now: datetime
    not_told: list[NoticeLine]
    not_taken: list[callback.CallbackLine]

    @property
    def recorder_word(self) -> tuple[str, str]:
        """How the recorder is: a class for its colour, and a word."""
        recorder = self.state.recorder
        if recorder is None:
            return ("bad", words.RECORDER_UNKNOWN)
        if recorder.heartbeat.recording and self.state.behind:
            return ("warn", words.RECORDER_BEHIND)
        return (
            "good" if recorder.heartbeat.recording else "bad",
            words.RECORDER_STATES[recorder.heartbeat.state],
        )

    @property
    def newest_worrying(self) -> int:
        """The id of the newest one of which the banner tells; 0 for none."""
        return max((entry.entry_id for entry in self.set_aside if entry.put_away_at is None), default=0)

    @property
    def hidden_set_aside(self) -> int:
        """How many are not listed."""
        total = self.state.database.set_aside if self.state.database else 0
        return max(0, total - len(self.set_aside))


def _shortened(text: str) -> str:
    more = len(text) - SHOWN_CHARACTERS
    return text if more <= 0 else words.CUT.format(text=text[:SHOWN_CHARACTERS], more=more)


def read_page() -> HealthPage:
    """Read everything; a part that is away is a worry, not an error."""
    state = health.read()
    entries: list[SetAsideEntry] = []
    not_told: list[Notice] = []
    not_taken: list[Callback] = []
    try:
        entries = list(SetAsideEntry.objects.filter(repaired_at=None)[:SHOWN_SET_ASIDE])
        if state.database and state.database.notices:
            not_told = delivery_status.newest_not_arrived()
        if state.database and state.database.callbacks:
            not_taken = deliveries.newest_not_taken()
    except DatabaseError as error:
        state.problems.setdefault("database", str(error))
    now = state.recorder.heartbeat.now if state.recorder else timezone.now()
    lines = [NoticeLine.of(notice) for notice in not_told]
    ends = [callback.CallbackLine.of(row) for row in not_taken]
    return HealthPage(state, _worries(state), [SetAside.of(entry) for entry in entries], now, lines, ends)


def alarm(heartbeat: RecorderHeartbeat) -> str:
    """One sentence when somebody should look at the health page now, else ''."""
    worry = words.RECORDER_WORRIES.get(heartbeat.state, "") or words.set_aside_worry(heartbeat.set_aside)
    return said.forgery_worry(heartbeat.alarms) or worry or said.unanswerable_worry(heartbeat.unanswerable)


def record_worry(_request: HttpRequest) -> dict[str, Any]:
    """For every template: `record_worry`, a sentence or ''. Read when a template asks for it, so for few people."""
    return {"record_worry": SimpleLazyObject(_read_record_worry)}


def _read_record_worry() -> str:
    try:
        return words.verification_worry(verification.read_state())
    except DatabaseError:
        return ""  # the page itself says that the database is away


def _worries(state: Health) -> list[Worry]:
    worries = [
        *_recording_worries(state),
        *_record_worries(state),
        *_server_worries(state),
        *_job_worries(state),
        *_backup_worries(state),
    ]
    return [worry for worry in worries if worry.says]


def _recording_worries(state: Health) -> Iterator[Worry]:
    recorder = state.recorder
    if recorder is not None:
        yield Worry(said.forgery_worry(recorder.heartbeat.alarms))
        yield Worry(said.unanswerable_worry(recorder.heartbeat.unanswerable))
    if state.database is None:
        yield Worry(words.WITHOUT_DATABASE, said.DATABASE_HELP)
    if recorder is None:
        yield Worry(words.WITHOUT_REDIS, said.REDIS_HELP)
    elif recorder.heartbeat.state in words.RECORDER_WORRIES:
        word = recorder.heartbeat.state
        yield Worry(words.RECORDER_WORRIES[word], said.RECORDER_HELP[word])
    if state.behind:
        yield Worry(words.CHANGES_WAIT, said.BEHIND_HELP)
    if state.database is not None:
        yield Worry(words.set_aside_worry(state.database.worrying), said.SET_ASIDE_HELP)
        yield Worry(notice_words.trouble(state.database.notices))
        yield Worry(said.callback_worry(state.database.callbacks))


def _record_worries(state: Health) -> Iterator[Worry]:
    if state.record is not None:
        yield Worry(words.verification_worry(state.record))
        yield Worry(said.checkpoint_worry(state.record), said.CHECKPOINT_HELP)


def _server_worries(state: Health) -> Iterator[Worry]:
    server = state.server
    if server is None:
        return
    if state.clock_off:
        worry = said.CLOCK_OFF.format(host=socket.gethostname(), seconds=round(state.clock_off))
        yield Worry(worry, said.CLOCK_HELP)
    if server.policy != "noeviction":
        yield Worry(words.EVICTS.format(policy=server.policy), said.EVICTS_HELP)
    if not server.aof:
        yield Worry(words.NOT_ON_DISK, said.NOT_ON_DISK_HELP)
    elif server.aof_failed:
        yield Worry(words.DISK_FAILS, said.DISK_HELP)
    if server.memory_limit and server.memory > 0.9 * server.memory_limit:
        yield Worry(words.NO_MEMORY, said.MEMORY_HELP)


def _job_worries(state: Health) -> Iterator[Worry]:
    if state.queue is None:
        yield Worry(words.WITHOUT_QUEUE, said.QUEUE_HELP)
        return
    if state.queue.workers == 0:
        yield Worry(words.NO_WORKER, said.WORKER_HELP)
    if state.queue.failed:
        yield Worry(words.failed_jobs(state.queue.failed), said.FAILED_JOBS_HELP)


def _backup_worries(state: Health) -> Iterator[Worry]:
    if "backups" in state.problems:
        yield Worry(words.BACKUPS_UNREADABLE, said.BACKUPS_UNREADABLE_HELP)
    elif state.backups is not None and state.backups.old:
        made = state.backups.newest_at is not None
        yield Worry(words.OLD_BACKUP, said.OLD_BACKUP_HELP) if made else Worry(words.NO_BACKUP)
