"""A heartbeat as Redis holds it: what it says, and what it means by Redis's clock."""

import logging
from collections.abc import Mapping
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
STUCK_AFTER = "stuck_after"  # in an agent's metadata: its own limit in seconds, or null for none
# Who needs a look most comes first.
STATES = ("failed", "lost", "stuck", "late", "doubled", "alive", "finished")


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
    """A heartbeat and what is known beside it: whether the agent stopped, and whether two beat as one.

    unchanged_since: when it began to say what it says; None of an agent of a version that did not tell.
    declared: it said that it blocks in something long. away: somebody put it away, and it has not beaten since.
    """

    heartbeat: AgentHeartbeat
    finished: bool
    rival: str
    unchanged_since: datetime | None = None
    declared: bool = False
    away: bool = False

    def liveness(self, now: datetime) -> str:
        """finished, lost from 30 s without a beat on, when its key has expired, late from 20 s on, or alive."""
        if self.finished:
            return "finished"
        silent = (now - self.heartbeat.last_beat).total_seconds()
        return "lost" if silent >= LOST_SECONDS else "late" if silent >= LATE_SECONDS else "alive"

    def state(self, now: datetime, stuck_seconds: float, *, waits: bool) -> str:
        """One of STATES at `now`: the first that is true of it.

        stuck_seconds: how long an agent without a limit of its own may say the same, 0 for ever. `waits`: it asked
        somebody who has not answered yet.
        """
        liveness = self.liveness(now)
        if liveness == "finished" and self.heartbeat.status == "failed":
            return "failed"
        if liveness in ("lost", "finished"):
            return liveness
        if not waits and self._is_stuck(now, stuck_seconds):
            return "stuck"
        return "doubled" if self.rival and liveness == "alive" else liveness

    def _is_stuck(self, now: datetime, stuck_seconds: float) -> bool:
        # One that is late says nothing, the same included.
        if self.unchanged_since is None or self.declared or self.liveness(now) != "alive":
            return False
        limit = own_limit(self.heartbeat.metadata, stuck_seconds)
        return 0 < limit <= (now - self.unchanged_since).total_seconds()


def own_limit(metadata: Mapping[str, Any], otherwise: float) -> float:
    """The limit in seconds that `stuck_after` sets, 0 for none; `otherwise` where it says no number above 0."""
    said = metadata.get(STUCK_AFTER, otherwise)
    if said is None:
        return 0.0
    return float(said) if type(said) in (int, float) and 0 < said < float("inf") else otherwise


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
        data["last_beat"] = at(data["last_beat_ms"])
        heartbeat = AgentHeartbeat.from_own_dict(data)
        if not 0.0 <= heartbeat.progress <= 1.0:
            raise ValueError(f"progress is {heartbeat.progress}")
        if heartbeat.agent_id != agent_id:
            raise ValueError(f"agent_id is {heartbeat.agent_id!r}")
        return AgentState(
            heartbeat,
            data["finished"] is True,
            str(data.get("rival", "")),
            at(data["changed_ms"]) if "changed_ms" in data else None,
            data.get("declared") is True,
            data.get("away") is True,
        )
    except ODD as error:
        raise malformed(f"heartbeat of {agent_id!r}", error) from error
