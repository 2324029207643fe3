"""Agents that telemetry tells of and that nobody could stop: they never asked, and no token lets them ask."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Max, Value

from core.history.people import tokens
from core.models import AgentHour, AgentRun, ApprovalRecord

LOOKED_AT = 1_000


class Ungated(NamedTuple):
    """One of them, when it was last heard of, and by what: runs or calls."""

    agent: str
    heard_at: datetime
    by: str


def ungated(now: datetime, days: int = 7) -> list[Ungated]:
    """Those that were heard of in the last days, the last one first; of the newest 1,000. At most three queries."""
    since, found = now - timedelta(days=days), dict[str, Ungated]()
    runs = _latest(AgentRun.objects.filter(started_at__gte=since), "started_at", "runs")
    calls = _latest(AgentHour.objects.filter(hour__gte=since), "hour", "calls")
    for agent, at, by in runs.union(calls).order_by("-last")[:LOOKED_AT]:
        found.setdefault(agent, Ungated(agent, at, by))
    gated = _gated(set(found), now) if found else set()
    return [one for one in found.values() if one.agent not in gated]


def _latest(rows: Any, moment: str, by: str) -> Any:
    """For each agent when it was heard of last."""
    named = rows.exclude(agent_id="").order_by().values("agent_id")
    return named.annotate(last=Max(moment), by=Value(by)).values_list("agent_id", "last", "by")


def _gated(agents: set[str], now: datetime) -> set[str]:
    asked = ApprovalRecord.objects.filter(agent_id__in=agents).order_by()
    found = set(asked.values_list("agent_id", flat=True).distinct())
    rows = tokens.valid_tokens(now).order_by().values_list("agent", "is_prefix", "scopes").distinct()
    for name, begins, scopes in rows:
        if "ask" in scopes.split():
            found |= {agent for agent in agents if (agent.startswith(name) if begins else agent == name)}
    return found
