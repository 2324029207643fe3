"""What is known of the agent that asks, beside its request: whether it lives, what it does, and what it costs."""

import json
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from core.agents.glance import Glance
from core.agents.snapshot import TimelineEntry
from core.events.by_agent import PublishedEvent
from core.history.agents.history import RunSpend, spent_in_run
from core.signals.signal import CoordinationSignal
from core.values.secrets import masked_json
from dashboard import words as house
from dashboard.approvals.detail import words
from dashboard.display.amounts import whole_percent

UNHEARD = "unheard"
ON_A_LINE = 160


@dataclass(frozen=True)
class Said:
    """What the agent said of itself when it changed. percent: of 100."""

    at: datetime
    status: str
    task: str
    percent: int

    @classmethod
    def of(cls, entry: TimelineEntry) -> "Said":
        """For a reader."""
        return cls(entry.at, entry.status, entry.task, whole_percent(entry.progress))


@dataclass(frozen=True)
class Published:
    """An event that it published, its data on a line; `cut` where that is not all."""

    at: datetime
    kind: str
    data: str
    cut: bool

    @classmethod
    def of(cls, published: PublishedEvent) -> "Published":
        """For a reader, without secrets."""
        event = published.event
        text = masked_json(json.dumps(event.data, ensure_ascii=False)).text if event.data else ""
        return cls(
            event.timestamp, event.event_type, text[:ON_A_LINE], published.is_cut or len(text) > ON_A_LINE
        )


@dataclass(frozen=True)
class Joined:
    """The agent at the moment of the page. `state`: one of STATES, or unheard. unread: what could not be read."""

    state: str
    meaning: str
    status: str
    task: str
    percent: int
    last_beat: datetime | None
    unchanged_since: datetime | None
    said: list[Said]
    events: list[Published]
    mail: list[CoordinationSignal]
    more_mail: bool
    spend: RunSpend
    unread: list[str]

    @classmethod
    def of(cls, glance: Glance, agent_id: str, now: datetime, *, calls: bool = False) -> "Joined":
        """Of an agent whose answer is waited for, by a call of it where it `calls`; two queries for what it spends."""
        state = glance.state
        beat = None if state is None else state.heartbeat
        word = UNHEARD if state is None else state.state(now, settings.TELEMETRY_STUCK_SECONDS, waits=True)
        return cls(
            state=word,
            meaning=_unheard(calls=calls) if state is None else house.AGENT_STATES[word],
            status="" if beat is None else beat.status,
            task="" if beat is None else beat.current_task,
            percent=0 if beat is None else whole_percent(beat.progress),
            last_beat=None if beat is None else beat.last_beat,
            unchanged_since=None if state is None else state.unchanged_since,
            said=[Said.of(entry) for entry in glance.timeline],
            events=[Published.of(event) for event in glance.events],
            mail=glance.mail,
            more_mail=glance.more_mail,
            spend=spent_in_run(agent_id, now),
            unread=[words.PARTS[name] for name in glance.unreadable],
        )


def _unheard(*, calls: bool) -> str:
    return words.ASKER_CALLS if calls else words.ASKER_UNHEARD
