"""All agents at one moment: who changed since an earlier look, and what each said last."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from ..store import agents
from ..store.client import Store
from ..store.keys import Keys
from ..store.script import Argument
from ..values.moments import at
from .heartbeat import LATE_SECONDS, LOST_SECONDS, AgentState, readable_state


def read_states(store: Store, agent_ids: Sequence[str]) -> list[AgentState]:
    """The last known state of these agents in one round trip; one that cannot be read is left out."""
    return states_of(agent_ids, store.read(*ask_states(store.keys, agent_ids))) if agent_ids else []


def ask_states(keys: Keys, agent_ids: Sequence[str]) -> list[Argument]:
    """The command whose reply `states_of` understands; of one agent at least."""
    return ["MGET", *(keys.agent_record(agent) for agent in agent_ids)]


def states_of(agent_ids: Sequence[str], records: Sequence[Any]) -> list[AgentState]:
    """The states in such a reply; one that cannot be read is left out."""
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


def put_away(store: Store, states: Iterable[AgentState]) -> list[str]:
    """Put away what was looked at: the agents that are away now and were not. One round trip.

    One that beat after it was looked at stays; one that beats later is back by that alone.
    """
    seen = {s.heartbeat.agent_id: round(s.heartbeat.last_beat.timestamp() * 1000) for s in states}
    return store.run(agents.put_away(store.keys, seen)) if seen else []
