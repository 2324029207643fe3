"""A heartbeat as Redis holds it: what it says, and what it means by Redis's clock."""

import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..errors import MalformedRecord
from ..values.json import loads_strictly
from ..values.malformed import ODD, malformed
from ..values.moments import at
from ..values.records import PlainDict

logger = logging.getLogger(__name__)

FINAL_STATUSES = ("completed", "failed", "cancelled")
LATE_SECONDS = 20.0
LOST_SECONDS = 30.0


@dataclass
class AgentHeartbeat(PlainDict):
    """The last sign of life of an agent. `progress` is 0..1, `last_beat` is Redis's time of it.

    `status` is starting, running, completed, failed, cancelled or the agent's own word.
    """

    agent_id: str
    status: str
    progress: float
    current_task: str
    last_beat: datetime
    metadata: dict[str, Any] = field(default_factory=dict)
    display_name: str | None = None


@dataclass(frozen=True)
class AgentState:
    """A heartbeat and what is known beside it: whether the agent stopped, and whether two beat as one."""

    heartbeat: AgentHeartbeat
    finished: bool
    rival: str

    def liveness(self, now: datetime) -> str:
        """alive, late, lost or finished at `now`, by Redis's clock."""
        if self.finished:
            return "finished"
        return liveness((now - self.heartbeat.last_beat).total_seconds())


def liveness(seconds_since_beat: float) -> str:
    """alive; late after 20 s without a beat; lost after 30 s, when the agent's key has expired."""
    if seconds_since_beat >= LOST_SECONDS:
        return "lost"
    return "late" if seconds_since_beat >= LATE_SECONDS else "alive"


def readable_state(agent_id: str, record: bytes | None) -> AgentState | None:
    """The state that a record tells; None without one, and with a line in the log for one that is malformed."""
    if record is None:
        return None
    try:
        return parsed_state(agent_id, record)
    except MalformedRecord as error:
        logger.warning("set aside: %s", error)
        return None


def parsed_state(agent_id: str, record: bytes) -> AgentState:
    """The state that a record tells; MalformedRecord, saying why, where it tells none."""
    try:
        data = loads_strictly(record)
        heartbeat = AgentHeartbeat.from_own_dict({**data, "last_beat": at(data["last_beat_ms"])})
        if not 0.0 <= heartbeat.progress <= 1.0:
            raise ValueError(f"progress is {heartbeat.progress}")
        if heartbeat.agent_id != agent_id:
            raise ValueError(f"agent_id is {heartbeat.agent_id!r}")
        return AgentState(heartbeat, data["finished"] is True, str(data.get("rival", "")))
    except ODD as error:
        raise malformed(f"heartbeat of {agent_id!r}", error) from error
