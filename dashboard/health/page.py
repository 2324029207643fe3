"""What the health page prints, the alarm that live pages show, and the banner of every page."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from core.history import health
from core.history.callbacks import deliveries
from core.history.health import Health
from core.history.notices import told
from core.history.proof import verification
from core.models import Callback, Notice, SetAsideEntry
from core.store.recorder import RecorderHeartbeat
from dashboard import words
from dashboard.approvals.detail import callback
from dashboard.health import words as said
from dashboard.health.words import checkpoint_worry
from dashboard.notices import words as notice_words
from dashboard.notices.lines import Line

SHOWN_SET_ASIDE = 50
SHOWN_CHARACTERS = 2_000


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
    """Everything on the health page. `worries` are sentences for people, the worst first."""

    state: Health
    worries: list[str]
    set_aside: list[SetAside]
    now: datetime
    not_told: list[Line]
    not_taken: list[callback.Line]

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
            not_told = told.newest_not_arrived()
        if state.database and state.database.callbacks:
            not_taken = deliveries.newest_not_taken()
    except DatabaseError as error:
        state.problems.setdefault("database", str(error))
    now = state.recorder.heartbeat.now if state.recorder else timezone.now()
    lines = [Line.of(notice) for notice in not_told]
    ends = [callback.Line.of(row) for row in not_taken]
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


def _worries(state: Health) -> list[str]:
    worries = [
        *_recording_worries(state),
        *_record_worries(state),
        *_server_worries(state),
        *_job_worries(state),
        _backup_worry(state),
    ]
    return [worry for worry in worries if worry]


def _recording_worries(state: Health) -> Iterator[str]:
    if state.recorder is not None:
        yield said.forgery_worry(state.recorder.heartbeat.alarms)
        yield said.unanswerable_worry(state.recorder.heartbeat.unanswerable)
    if state.database is None:
        yield words.WITHOUT_DATABASE
    recorder = state.recorder
    yield words.WITHOUT_REDIS if not recorder else words.RECORDER_WORRIES.get(recorder.heartbeat.state, "")
    if state.behind:
        yield words.CHANGES_WAIT
    if state.database is not None:
        yield words.set_aside_worry(state.database.worrying)
        yield notice_words.trouble(state.database.notices)
        yield said.callback_worry(state.database.callbacks)


def _record_worries(state: Health) -> Iterator[str]:
    if state.record is not None:
        yield words.verification_worry(state.record)
        yield checkpoint_worry(state.record)


def _server_worries(state: Health) -> Iterator[str]:
    server = state.server
    if server is None:
        return
    if server.policy != "noeviction":
        yield words.EVICTS.format(policy=server.policy)
    if not server.aof:
        yield words.NOT_ON_DISK
    elif server.aof_failed:
        yield words.DISK_FAILS
    if server.memory_limit and server.memory > 0.9 * server.memory_limit:
        yield words.NO_MEMORY


def _job_worries(state: Health) -> Iterator[str]:
    if state.queue is None:
        yield words.WITHOUT_QUEUE
        return
    if state.queue.workers == 0:
        yield words.NO_WORKER
    if state.queue.failed:
        yield words.failed_jobs(state.queue.failed)


def _backup_worry(state: Health) -> str:
    if "backups" in state.problems:
        return words.BACKUPS_UNREADABLE
    if state.backups is None or not state.backups.old:
        return ""
    return words.NO_BACKUP if state.backups.newest_at is None else words.OLD_BACKUP
