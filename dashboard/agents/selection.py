"""Which agents somebody meant who pressed a button of the list: those that it showed, when it showed them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

from core.agents import fleet
from core.agents.heartbeat import AgentState
from core.history.agents.putting_away import DEAD, dead_at
from core.store.client import open_store
from core.values.moments import at
from dashboard.agents.folds import shared_prefix
from dashboard.agents.listing import is_found
from dashboard.agents.row import AgentRow


class NothingSelected(ValueError):
    """A form says nothing that a page of ours would."""


@dataclass(frozen=True)
class AgentSelection:
    """One agent, or all of a state whose names begin with something or that a text finds.

    seen_at: when the page showed them, by Redis's clock. Who died later was not meant.
    """

    seen_at: datetime
    agent_id: str = ""
    state: str = ""
    beginning: str | None = None
    q: str = ""

    @classmethod
    def of(cls, said: Mapping[str, str]) -> "AgentSelection":
        """From a form with quoted names: `one`, an agent; `fold`, a state and a beginning; `all`, a state.

        With `all` go `q` and `begins`, as the address of the list has them.
        """
        try:
            seen_at = at(said.get("seen", ""))
        except ValueError as error:
            raise NothingSelected("seen must be a time in milliseconds") from error
        if said.get("one"):
            return cls(seen_at, agent_id=unquote(said["one"]))
        state, space, beginning = said.get("fold", "").partition(" ")
        meant = cls(seen_at, state=state, beginning=unquote(beginning))
        if not space:
            begins = said.get("begins") or None
            meant = cls(seen_at, state=said.get("all", ""), beginning=begins, q=said.get("q", ""))
        if meant.state not in DEAD:
            raise NothingSelected(f"state must be one of {', '.join(DEAD)}")
        return meant

    def among_all(self) -> list[AgentState]:
        """Those of them that are still as they were. StoreUnavailable when Redis is away."""
        return [
            state for state in dead_at(fleet.look(open_store(), None)[1], self.seen_at) if self._has(state)
        ]

    def _has(self, state: AgentState) -> bool:
        if self.agent_id:
            return state.heartbeat.agent_id == self.agent_id
        row = AgentRow.of(state, self.seen_at, waits=False)
        if row.state != self.state:
            return False
        if self.beginning is not None and shared_prefix(row.agent_id) != self.beginning:
            return False
        return not self.q or is_found(row, self.q)
