"""Agents that need a look: the few lines that the live page shows of all of them."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from core.agents.heartbeat import STATES
from dashboard.agents.folds import Line, folded
from dashboard.agents.row import NEED_A_LOOK, AgentRow

SHOWN_LINES = 10


@dataclass(frozen=True)
class Agents:
    """The agents region. `counts` by state, those put away left out; `more` need a look and have no line."""

    lines: list[Line]
    counts: dict[str, int]
    more: int

    @classmethod
    def of_rows(cls, rows: Iterable[AgentRow]) -> "Agents":
        """At most ten lines, of which each state has its share: many that are lost hide none that is stuck."""
        here = [row for row in rows if not row.away]
        by_state: dict[str, list[Line]] = defaultdict(list)
        for alike in folded(row for row in here if row.state in NEED_A_LOOK):
            by_state[alike[0].state].append(Line.of(alike))
        places = [(place, line) for lines in by_state.values() for place, line in enumerate(lines)]
        first = sorted(places, key=lambda each: (each[0], STATES.index(each[1].state)))[:SHOWN_LINES]
        shown = sorted(first, key=lambda each: (STATES.index(each[1].state), each[0]))
        lines = [line for _place, line in shown]
        counts = counts_of(here)
        needing = sum(counts[state] for state in NEED_A_LOOK)
        return cls(lines, counts, needing - sum(line.count for line in lines))

    @property
    def needing(self) -> int:
        """How many need a look."""
        return sum(self.counts[state] for state in NEED_A_LOOK)

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(self.counts.values())


def counts_of(rows: Iterable[AgentRow]) -> dict[str, int]:
    """How many there are of each state, in order."""
    counted = Counter(row.state for row in rows)
    return {state: counted[state] for state in STATES}
