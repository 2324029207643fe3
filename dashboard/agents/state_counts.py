"""How many agents there are of each state: the one line that the inbox says of all of them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from core.agents.heartbeat import STATES
from dashboard.agents.row import NEED_A_LOOK, AgentRow


@dataclass(frozen=True)
class AgentCounts:
    """`counts` by state, those put away left out."""

    counts: dict[str, int]

    @classmethod
    def of_rows(cls, rows: Iterable[AgentRow]) -> "AgentCounts":
        """Of all that are here."""
        return cls(counts_of(row for row in rows if not row.away))

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
