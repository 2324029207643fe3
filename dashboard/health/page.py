"""What the health page prints, and the alarm that live pages show."""

import json
from dataclasses import dataclass
from datetime import datetime

from django.db import DatabaseError
from django.utils import timezone

from core.history import health
from core.history.health import Health
from core.history.proof import verification
from core.models import SetAsideEntry
from core.store.recorder import RecorderHeartbeat

SHOWN_SET_ASIDE = 50
SHOWN_CHARACTERS = 2_000
STATES = {
    "recording": ("good", "Recording"),
    "troubled": ("bad", "Cannot record"),
    "silent": ("bad", "Silent"),
    "never": ("bad", "Not running"),
}


@dataclass(frozen=True)
class SetAside:
    """One change that is not in the record, and why."""

    entry_id: int
    at: datetime
    position: str
    error: str
    kind: str
    fields: list[tuple[str, str]]

    @classmethod
    def of(cls, entry: SetAsideEntry) -> "SetAside":
        """The row for a reader."""
        fields = {str(name): str(value) for name, value in json.loads(entry.fields).items()}
        kind = fields.get("type", "of no type")
        shown = [(name, _shortened(value)) for name, value in fields.items()]
        return cls(entry.pk, entry.at, entry.position, _shortened(entry.error), kind, shown)


@dataclass(frozen=True)
class HealthPage:
    """Everything on the health page. `worries` are sentences for people, the worst first."""

    state: Health
    worries: list[str]
    set_aside: list[SetAside]
    now: datetime

    @property
    def recorder_word(self) -> tuple[str, str]:
        """How the recorder is: a class for its colour, and a word."""
        recorder = self.state.recorder
        if recorder is None:
            return ("bad", "Unknown: Redis does not answer")
        if recorder.heartbeat.recording and self.state.behind:
            return ("warn", "Recording, but behind")
        return STATES[recorder.heartbeat.state]

    @property
    def hidden_set_aside(self) -> int:
        """How many are not listed."""
        total = self.state.database.set_aside if self.state.database else 0
        return max(0, total - len(self.set_aside))


def _shortened(text: str) -> str:
    more = len(text) - SHOWN_CHARACTERS
    return (
        text if more <= 0 else f"{text[:SHOWN_CHARACTERS]} … and {more:,} more characters, kept in the record"
    )


def read_page() -> HealthPage:
    """Read everything; a part that is away is a worry, not an error."""
    state = health.read()
    entries: list[SetAsideEntry] = []
    try:
        entries = list(SetAsideEntry.objects.filter(repaired_at=None)[:SHOWN_SET_ASIDE])
    except DatabaseError as error:
        state.problems.setdefault("database", str(error))
    now = state.recorder.heartbeat.now if state.recorder else timezone.now()
    return HealthPage(state, _worries(state), [SetAside.of(entry) for entry in entries], now)


def alarm(heartbeat: RecorderHeartbeat) -> str:
    """One sentence when somebody should look at the health page now, else ''."""
    if not heartbeat.recording:
        return _recorder_worry(heartbeat)
    return _set_aside_worry(heartbeat.set_aside)


def _recorder_worry(heartbeat: RecorderHeartbeat) -> str:
    sentences = {
        "never": "No recorder runs: answers reach the agents, but nothing is recorded.",
        "silent": "The recorder is silent: answers reach the agents, but nothing is recorded.",
        "troubled": "The recorder cannot record: answers reach the agents, but they wait for the record.",
    }
    return sentences.get(heartbeat.state, "")


def _set_aside_worry(count: int) -> str:
    if not count:
        return ""
    return f"{count} {'change is' if count == 1 else 'changes are'} set aside and not in the record."


def _worries(state: Health) -> list[str]:
    found = []
    if state.database is None:
        found.append("The database does not answer: nobody can sign in, and nothing is recorded.")
    if state.recorder is None:
        found.append("Redis does not answer: nothing can be approved or denied now.")
    else:
        found.append(_recorder_worry(state.recorder.heartbeat))
    if state.behind:
        found.append("The recorder is behind: changes wait longer than they should.")
    if state.database is not None:
        found.append(_set_aside_worry(state.database.set_aside))
    return [
        worry
        for worry in [
            *found,
            *_record_worries(state),
            *_server_worries(state),
            *_job_worries(state),
            _backup_worry(state),
        ]
        if worry
    ]


def _record_worries(state: Health) -> list[str]:
    if state.record is None:
        return []
    return [verification.verification_worry(state.record), verification.checkpoint_worry(state.record)]


def _server_worries(state: Health) -> list[str]:
    server = state.server
    if server is None:
        return []
    found = []
    if server.policy != "noeviction":
        found.append(f"Redis may throw away requests when it is full: its policy is {server.policy}.")
    if not server.aof:
        found.append("Redis keeps nothing on disk: a restart loses what is open.")
    elif server.aof_failed:
        found.append("Redis cannot write to its disk.")
    if server.memory_limit and server.memory > 0.9 * server.memory_limit:
        found.append("Redis has almost no memory left.")
    return found


def _job_worries(state: Health) -> list[str]:
    queue = state.queue
    if queue is None:
        return ["The queue of background jobs does not answer."]
    found = []
    if queue.workers == 0:
        found.append("No worker runs: background jobs wait.")
    if queue.failed:
        found.append(f"{queue.failed} background {'job has' if queue.failed == 1 else 'jobs have'} failed.")
    return found


def _backup_worry(state: Health) -> str:
    if "backups" in state.problems:
        return "The folder of the backups cannot be read."
    if state.backups is None or not state.backups.old:
        return ""
    if state.backups.newest_at is None:
        return "There is no backup yet: a worker makes the next one at 2:00 UTC."
    return "The newest backup is more than a day and a half old."
