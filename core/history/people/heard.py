"""Agents that the record heard of, and whether a token ever spoke for them."""

from core.models import AgentRun, AgentToken, ApprovalRecord

LOOKED_AT = 1_000  # names that begin alike


def without_token(agent: str, is_prefix: bool = False) -> list[str]:
    """Those of this name, or whose names begin so, that ran or asked while no token was theirs; in order."""
    match = {"agent_id__startswith": agent} if is_prefix else {"agent_id": agent}
    found: set[str] = set()
    for table in (AgentRun, ApprovalRecord):
        names = table.objects.filter(**match).order_by().values_list("agent_id", flat=True).distinct()
        found |= {name for name in names[:LOOKED_AT] if name == agent or is_prefix}
    bound = Bound() if found else None
    return sorted(name for name in found if bound is not None and not bound.has(name))


class Bound:
    """The names that tokens speak for, also those that ended."""

    def __init__(self) -> None:
        rows = AgentToken.objects.order_by().values_list("agent", "is_prefix").distinct()
        self._names, beginnings = set(), []
        for name, begins in rows:
            if begins:
                beginnings.append(name)
            else:
                self._names.add(name)
        self._beginnings = tuple(beginnings)

    def has(self, agent: str) -> bool:
        """Whether a token was made for this name."""
        return agent in self._names or agent.startswith(self._beginnings)
