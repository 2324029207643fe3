"""What the page of all agents prints: one page of rows, and how many there are of each state."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from core.agents import fleet
from core.history.agents.history import spent_today
from core.history.agents.putting_away import AT_ONCE, DEAD
from core.store.approvals import WaitingRequest, read_all_waiting
from core.store.client import open_store
from core.usage.money import money
from dashboard.agents.folds import folded, in_order, name_sort_key, shared_prefix
from dashboard.agents.list_query import ListQuery
from dashboard.agents.row import NEED_A_LOOK, AgentRow
from dashboard.agents.state_counts import AgentCounts, counts_of

PAGE_ROWS = 50

Waiting = dict[str, list[WaitingRequest]]


@dataclass(frozen=True)
class Entry:
    """One agent in the table, or `count` folded into one line, of which `row` is the first.

    last_beat: of the newest of them.
    """

    row: AgentRow
    count: int
    last_beat: datetime
    waiting: WaitingRequest | None = None
    cost: str = ""

    @property
    def beginning(self) -> str:
        """How the names of all begin; '' where that is no word."""
        return shared_prefix(self.row.agent_id)

    @property
    def query(self) -> str:
        """The query that shows them one by one."""
        return ListQuery(state=self.row.state, begins=self.beginning).query

    @property
    def may_go(self) -> bool:
        """Whether it is dead, and so can be put away."""
        return self.row.state in DEAD and not self.row.away


@dataclass(frozen=True)
class Group:
    """Agents whose names begin alike. `counts` by state, those with none left out."""

    beginning: str
    query: str
    worst: str
    count: int
    counts: dict[str, int]


@dataclass(frozen=True)
class FleetPage:
    """One page of the list. `found` counts agents, `first` and `last` their lines, from 1 on."""

    asked: ListQuery
    entries: list[Entry]
    groups: list[Group]
    here: AgentCounts
    away: int
    found: int
    lines: int
    first: int
    last: int
    pages: int
    now: datetime
    known: bool = True  # False while Redis is away

    @property
    def all_may_go(self) -> bool:
        """Whether all that was found is dead, so that it can be put away at once."""
        return self.asked.state in DEAD and self.found > 1

    @property
    def at_once(self) -> int:
        """How many of them one press puts away."""
        return min(self.found, AT_ONCE)


def fleet_page(asked: ListQuery) -> FleetPage:
    """The page: Redis in four round trips, SQL in one query. StoreUnavailable when Redis is away."""
    store = open_store()
    now, states = fleet.look(store, None)
    waiting = read_all_waiting(store)
    rows = [AgentRow.of(state, now, waits=state.heartbeat.agent_id in waiting) for state in states]
    found = [row for row in rows if _is_asked_for(row, asked)]
    costs = spent_today(None, now) if asked.sort.endswith("cost") else {}
    groups = _groups(found, asked) if asked.group else []
    alike = folded(found) if asked.folds else [[row] for row in _sorted(found, asked, waiting, costs)]
    lines = len(groups if asked.group else alike)
    pages = max(1, -(-lines // PAGE_ROWS))
    asked = asked.to_page(min(asked.page, pages))  # agents go: a page that was there may be gone
    start = (asked.page - 1) * PAGE_ROWS
    shown = slice(start, start + PAGE_ROWS)
    return FleetPage(
        asked,
        entries=_entries([] if asked.group else alike[shown], waiting, now),
        groups=groups[shown],
        here=AgentCounts.of_rows(rows),
        away=sum(row.away for row in rows),
        found=len(found),
        lines=lines,
        first=min(start + 1, lines),
        last=min(start + PAGE_ROWS, lines),
        pages=pages,
        now=now,
    )


def unavailable_page(asked: ListQuery) -> FleetPage:
    """The page while Redis is away."""
    return FleetPage(asked, [], [], AgentCounts.of_rows([]), 0, 0, 0, 0, 0, 1, timezone.now(), known=False)


def is_found(row: AgentRow, q: str) -> bool:
    """Whether a text stands in its id, name, status or task, in upper or lower case."""
    wanted = q.casefold()
    return any(wanted in text.casefold() for text in (row.agent_id, row.name, row.status, row.task))


def _is_asked_for(row: AgentRow, asked: ListQuery) -> bool:
    if row.away != (asked.state == "away"):
        return False
    of_state = asked.state in ("", "away", row.state) or (asked.state == "need" and row.state in NEED_A_LOOK)
    begins = not asked.begins or shared_prefix(row.agent_id) == asked.begins
    return of_state and begins and (not asked.q or is_found(row, asked.q))


def _sorted(
    rows: list[AgentRow], asked: ListQuery, waiting: Waiting, costs: dict[str, int]
) -> list[AgentRow]:
    """By the column asked for, and rows that are equal in it as ever; those that have nothing there come last."""

    def deadline(row: AgentRow) -> datetime | None:
        return waiting[row.agent_id][0].deadline_at if row.agent_id in waiting else None

    keys: dict[str, Callable[[AgentRow], Any]] = {
        "state": lambda row: row.rank,
        "name": lambda row: name_sort_key(row.name),
        "task": lambda row: row.task.casefold() or None,
        "progress": lambda row: row.percent,
        "unchanged": lambda row: row.unchanged_since,
        "waiting": deadline,
        "cost": lambda row: costs.get(row.agent_id),
        "beat": lambda row: row.last_beat,
    }
    key = keys[asked.sort.removeprefix("-")]
    rows = in_order(rows)
    there = [row for row in rows if key(row) is not None]
    there.sort(key=key, reverse=asked.sort.startswith("-"))
    return there + [row for row in rows if key(row) is None]


def _groups(rows: Iterable[AgentRow], asked: ListQuery) -> list[Group]:
    """The group with the agent that needs a look most comes first."""
    by_beginning: dict[str, list[AgentRow]] = defaultdict(list)
    for row in in_order(rows):
        by_beginning[shared_prefix(row.agent_id)].append(row)
    return [
        Group(
            beginning,
            asked.within(beginning),
            alike[0].state,
            len(alike),
            {state: count for state, count in counts_of(alike).items() if count},
        )
        for beginning, alike in by_beginning.items()
    ]


def _entries(shown: list[list[AgentRow]], waiting: Waiting, now: datetime) -> list[Entry]:
    alone = [alike[0].agent_id for alike in shown if len(alike) == 1]
    costs = spent_today(alone, now)
    entries = []
    for alike in shown:
        row, last_beat = alike[0], max(row.last_beat for row in alike)
        if len(alike) > 1:
            entries.append(Entry(row, len(alike), last_beat))
            continue
        asks, cost = waiting.get(row.agent_id), costs.get(row.agent_id)
        entries.append(
            Entry(row, 1, last_beat, asks[0] if asks else None, "" if cost is None else money(cost))
        )
    return entries
