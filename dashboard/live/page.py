"""The live page: who waits for an answer, which agents need a look, and what ended last."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from core.agents import fleet
from core.store.approvals import RequestRecord
from core.store.client import open_store
from dashboard.agents.look import Agents
from dashboard.agents.row import AgentRow
from dashboard.approvals.page import (
    Asker,
    Card,
    Ended,
    Known,
    known_of,
    most_urgent,
    recently_ended,
)
from dashboard.live import queue


@dataclass(frozen=True)
class LivePage:
    """Everything on the live page."""

    agents: Agents
    cards: list[Card]
    waiting: int
    unreadable: int
    ended: list[Ended]
    now: datetime
    behind: bool = False  # the recorder lags
    known: bool = True  # False while Redis is away: empty lists then say nothing

    @property
    def hidden(self) -> int:
        """Requests that wait behind the last card shown."""
        return self.waiting - len(self.cards)


def live_page() -> LivePage:
    """Read the live page: Redis in four round trips, SQL in two queries. StoreUnavailable when Redis is away."""
    store = open_store()
    now, states = fleet.look(store, None)
    pending = queue.read(store)
    waiting = {record.agent_id for record in pending.records}
    found = (AgentRow.of(state, now, waits=state.heartbeat.agent_id in waiting) for state in states)
    rows = {row.agent_id: row for row in found}
    shown = most_urgent(pending.records)
    known = known_of([record.request_id for record in shown])
    return LivePage(
        agents=Agents.of_rows(rows.values()),
        cards=[card_of(record, rows, known) for record in shown],
        waiting=len(pending.records),
        unreadable=len(pending.unreadable),
        ended=known.ended,
        now=now,
    )


def card_of(record: RequestRecord, rows: Mapping[str, AgentRow], known: Known) -> Card:
    """The card of a request, with what is known of its asker, of votes on it, and of what was asked."""
    request_id, asker = record.request_id, asker_of(rows.get(record.agent_id))
    votes, asked = known.votes.get(request_id, ()), known.asked.get(request_id)
    return Card.of(record, asker=asker, votes=votes, heard=asked)


def asker_of(row: AgentRow | None) -> Asker | None:
    """The agent that asked, as its row has it."""
    return None if row is None else Asker(row.liveness, row.last_beat)


def nothing_known() -> LivePage:
    """The live page while Redis is away."""
    return LivePage(Agents.of_rows([]), [], 0, 0, recently_ended(), timezone.now(), known=False)
