"""One agent as lists show it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from core.agents.heartbeat import STATES, AgentState
from dashboard.display.amounts import whole_percent

NEED_A_LOOK = STATES[: STATES.index("alive")]


@dataclass(frozen=True)
class AgentRow:
    """One agent at a moment. `state` is one of STATES; `liveness` is what its beats alone say."""

    agent_id: str
    name: str
    state: str
    liveness: str
    status: str
    percent: int
    task: str
    last_beat: datetime
    unchanged_since: datetime | None
    conflict: bool
    away: bool
    dom_id: str

    @classmethod
    def of(cls, state: AgentState, now: datetime, *, waits: bool) -> "AgentRow":
        """The row as it stands at `now`, by Redis's clock; `waits`: it asked, and nobody answered yet."""
        beat, liveness = state.heartbeat, state.liveness(now)
        return cls(
            agent_id=beat.agent_id,
            name=beat.display_name or beat.agent_id,
            state=state.state(now, settings.TELEMETRY_STUCK_SECONDS, waits=waits),
            liveness=liveness,
            status=beat.status,
            percent=whole_percent(beat.progress),
            task=beat.current_task,
            last_beat=beat.last_beat,
            unchanged_since=state.unchanged_since if liveness in ("alive", "late") else None,
            conflict=bool(state.rival) and liveness != "finished",
            away=state.away,
            dom_id="agent-" + hashlib.sha256(beat.agent_id.encode()).hexdigest()[:16],
        )

    @property
    def rank(self) -> int:
        """The smaller, the more it needs a look."""
        return STATES.index(self.state)
