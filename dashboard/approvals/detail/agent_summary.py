"""What is known of the agent that asks, beside its request: whether it lives, what it does, and what it costs."""

import json
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from core.agents.glance import Glance
from core.events.by_agent import PublishedEvent
from core.history.agents.history import RunSpend, spent_in_run
from core.values.secrets import masked_json
from dashboard import words as house
from dashboard.approvals.detail import words

UNHEARD = "unheard"
ON_A_LINE = 160


@dataclass(frozen=True)
class PublishedLine:
    """An event that it published, its data on a line; `cut` where that is not all."""

    at: datetime
    kind: str
    data: str
    cut: bool

    @classmethod
    def of(cls, published: PublishedEvent) -> "PublishedLine":
        """For a reader, without secrets."""
        event = published.event
        text = masked_json(json.dumps(event.data, ensure_ascii=False)).text if event.data else ""
        return cls(
            event.timestamp, event.event_type, text[:ON_A_LINE], published.is_cut or len(text) > ON_A_LINE
        )


@dataclass(frozen=True)
class AgentSummary:
    """The agent at the moment of the page. `state`: one of STATES, or unheard. unread: what could not be read."""

    state: str
    meaning: str
    glance: Glance
    events: list[PublishedLine]
    spend: RunSpend
    unread: list[str]

    @classmethod
    def of(cls, glance: Glance, agent_id: str, now: datetime, *, calls: bool = False) -> "AgentSummary":
        """Of an agent whose answer is waited for, by a call of it where it `calls`; two queries for what it spends."""
        if glance.state is None:
            word, meaning = UNHEARD, words.ASKER_CALLS if calls else words.ASKER_UNHEARD
        else:
            word = glance.state.state(now, settings.TELEMETRY_STUCK_SECONDS, waits=True)
            meaning = house.AGENT_STATES[word]
        events = [PublishedLine.of(event) for event in glance.events]
        unread = [words.PARTS[name] for name in glance.unreadable]
        return cls(word, meaning, glance, events, spent_in_run(agent_id, now), unread)
