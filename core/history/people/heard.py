"""Agents that the record heard of, and whether a token ever spoke for them."""

from itertools import islice

from core.models import AgentRun, AgentToken, ApprovalRecord

NAMED = 3


def without_token(agent: str, is_prefix: bool = False) -> list[str]:
    """The first three of this name, or whose names begin so, that ran or asked while no token was theirs; in order."""
    match = {"agent_id__startswith": agent} if is_prefix else {"agent_id": agent}
    tokens = list(AgentToken.objects.order_by().values_list("agent", "is_prefix").distinct())
    names = {name for name, begins in tokens if not begins}
    beginnings = tuple(name for name, begins in tokens if begins)
    found: set[str] = set()
    for table in (AgentRun, ApprovalRecord):
        heard = (
            table.objects.filter(**match).order_by("agent_id").values_list("agent_id", flat=True).distinct()
        )
        # SQLite takes a beginning in capitals for the same.
        mine = (name for name in heard.iterator() if name.startswith(agent))
        found.update(
            islice((name for name in mine if name not in names and not name.startswith(beginnings)), NAMED)
        )
    return sorted(found)[:NAMED]
