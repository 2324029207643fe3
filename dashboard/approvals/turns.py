"""Whose turn it is in the inbox: all names of a fleet share one, since its token makes as many as it likes."""

import time

from django.db.models import Exists, OuterRef

from core.models import AgentToken, ProtocolInstance

SECONDS = 60.0
MOST = 2_000
_fleets: dict[int, set[str]] = {}  # beginnings of names by their length, the longest first
_alone: frozenset[str] = frozenset()
_read_at = -SECONDS


def refresh() -> None:
    """Read again who has tokens, where that is old: one query, and none most of the time."""
    global _fleets, _alone, _read_at
    if time.monotonic() - _read_at < SECONDS:
        return
    made = ProtocolInstance.objects.filter(token=OuterRef("pk"))  # their names are those of a fleet
    tokens = AgentToken.objects.filter(~Exists(made)).order_by("-pk").values_list("agent", "is_prefix")
    found = list(tokens[:MOST])
    beginnings = sorted({name for name, begins in found if begins}, key=len, reverse=True)
    _fleets = {}
    for name in beginnings:
        _fleets.setdefault(len(name), set()).add(name)
    _alone = frozenset(name for name, begins in found if not begins)
    _read_at = time.monotonic()


def turn_of(agent_id: str) -> tuple[str, bool]:
    """The fleet of an agent, or else the agent itself, and which of the two; from memory alone."""
    if agent_id not in _alone:
        for length, names in _fleets.items():
            if agent_id[:length] in names:
                return agent_id[:length], True
    return agent_id, False
