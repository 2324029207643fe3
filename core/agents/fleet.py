"""All agents at one moment: who changed since an earlier look, and what each said last."""

from collections.abc import Sequence
from datetime import datetime

from ..store import agents
from ..store.client import Store
from ..values.moments import at
from .heartbeat import LATE_SECONDS, LOST_SECONDS, AgentState, readable_state


def read_states(store: Store, agent_ids: Sequence[str]) -> list[AgentState]:
    """The last known state of these agents in one round trip; one that cannot be read is left out."""
    if not agent_ids:
        return []
    records = store.read("MGET", *(store.keys.agent_record(agent) for agent in agent_ids))
    states = (readable_state(agent, record) for agent, record in zip(agent_ids, records, strict=True))
    return [state for state in states if state is not None]


def look(store: Store, since: datetime | None) -> tuple[datetime, list[AgentState]]:
    """Redis's time, and the agents that changed since an earlier look; all of the last day when None.

    An agent has changed when it beat, or crossed into late or lost without writing anything. Two round trips.
    """
    command = agents.look(
        store.keys,
        since_ms=0 if since is None else int(since.timestamp() * 1000),
        late_ms=int(LATE_SECONDS * 1000),
        lost_ms=int(LOST_SECONDS * 1000),
    )
    now_ms, changed = store.run(command)
    return at(now_ms), read_states(store, changed)
