"""What everybody reads at the head of the inbox: how many wait, how the agents are, and what ended last."""

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from core.agents import fleet
from core.store.client import open_store
from core.values.approvals import NO_DEADLINE
from dashboard.agents.row import AgentRow
from dashboard.agents.state_counts import AgentCounts
from dashboard.approvals.page import EndedRequest, recently_ended
from dashboard.approvals.waiting import Waiting, read_waiting
from dashboard.display.tags import milliseconds

SOONEST = 50


@dataclass(frozen=True)
class LivePage:
    """The head of the inbox."""

    agents: AgentCounts
    waiting: int
    unreadable: int
    ended: list[EndedRequest]
    now: datetime
    behind: bool = False  # the recorder lags
    known: bool = True  # False while Redis is away: empty lists then say nothing
    deadlines: str = ""  # the next ones, in ms since 1970, as a page reads them


class Deadlines:
    """The deadlines of all that wait, in their order: one that comes or goes costs no look at the others."""

    def __init__(self, deadlines: Iterable[datetime]) -> None:
        self._in_order = sorted(milliseconds(at) for at in deadlines if at != NO_DEADLINE)

    def add(self, at: datetime) -> None:
        """One more waits until then."""
        if at != NO_DEADLINE:
            insort(self._in_order, milliseconds(at))

    def remove(self, at: datetime) -> None:
        """One that did waits no more."""
        if at != NO_DEADLINE:
            del self._in_order[bisect_left(self._in_order, milliseconds(at))]

    def soonest(self) -> str:
        """The next ones, so that a page can say how many expire soon."""
        return " ".join(map(str, self._in_order[:SOONEST]))


def live_page(waiting: Waiting | None = None) -> LivePage:
    """Read the head: Redis in two round trips, SQL in one query. StoreUnavailable when Redis is away."""
    store = open_store()
    waiting = waiting or read_waiting(store)
    now, states = fleet.look(store, None)
    asking = {account.agent_id for account in waiting.accounts}
    found = (AgentRow.of(state, now, waits=state.heartbeat.agent_id in asking) for state in states)
    return LivePage(
        agents=AgentCounts.of_rows({row.agent_id: row for row in found}.values()),
        waiting=len(waiting.accounts),
        unreadable=waiting.unreadable,
        ended=recently_ended(),
        now=now,
        deadlines=Deadlines(account.deadline_at for account in waiting.accounts).soonest(),
    )


def unavailable_page() -> LivePage:
    """The head while Redis is away."""
    return LivePage(AgentCounts.of_rows([]), 0, 0, recently_ended(), timezone.now(), known=False)
