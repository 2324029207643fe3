"""Putting agents away: those that fell silent or failed leave the lists, and the record says who did it."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import transaction

from core.agents import fleet
from core.agents.heartbeat import AgentState
from core.history.audit import entries
from core.store.client import open_store

PUT_AWAY = "agents.put_away"
AT_ONCE = 500
DEAD = ("failed", "lost")


def dead_at(states: Iterable[AgentState], seen_at: datetime) -> list[AgentState]:
    """Those that had failed or were lost at a moment, have said nothing since, and are not away."""
    return [
        state
        for state in states
        if not state.away
        and state.heartbeat.last_beat <= seen_at
        and state.state(seen_at, 0, waits=False) in DEAD
    ]


def put_away(states: list[AgentState], user: Any) -> list[str]:
    """Put these away, at most 500 of them, as one entry of the record; those that are away now and were not.

    StoreUnavailable or DatabaseError when that cannot be: then the record says nothing of it.
    """
    with transaction.atomic():
        entries.locked_head()  # a record that cannot be written refuses here, before anything is put away
        put = sorted(fleet.put_away(open_store(), states[:AT_ONCE]))
        if put:
            fact = entries.new_fact(PUT_AWAY, user.get_username(), agents=len(put), named=put)
            entries.append([replace(fact, agent_id=put[0] if len(put) == 1 else "")])
    return put
