"""What SQL remembers of one agent, in six queries, however much it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Aggregate, Count, F, Q, Sum

from core.models import AgentAssignment, AgentRun, ApprovalRecord, AuditEntry, LLMCall
from core.values.approvals import PENDING

RUNS, TASKS, ENDED, FACTS, CALLS = 20, 20, 10, 20, 20
RUN_DAYS = 30  # of a run that are summed
TOKENS = F("input_tokens") + F("output_tokens") + F("cache_read_tokens") + F("cache_write_tokens")
SPANS = {"today": 0, "7 days": 6, "30 days": 29}  # whole UTC days before today


@dataclass(frozen=True)
class Spent:
    """Calls of a span of UTC days that ends now. Money in nano-dollars."""

    span: str
    calls: int
    cost_nano: int
    tokens: int


@dataclass(frozen=True)
class AgentHistory:
    """The newest of each kind, newest first; `spent` for today, 7 and 30 days."""

    runs: list[AgentRun]
    tasks: list[AgentAssignment]
    ended: list[ApprovalRecord]
    facts: list[AuditEntry]
    calls: list[LLMCall]
    spent: list[Spent]

    @property
    def is_empty(self) -> bool:
        """Whether nothing of this agent was ever recorded."""
        return not (self.runs or self.tasks or self.facts or self.calls or self.ended)


def read_history(agent_id: str, now: datetime) -> AgentHistory:
    """The record of an agent."""
    ended = ApprovalRecord.objects.filter(agent_id=agent_id).exclude(status=PENDING)
    return AgentHistory(
        runs=list(AgentRun.objects.filter(agent_id=agent_id)[:RUNS]),
        tasks=list(AgentAssignment.objects.filter(agent_id=agent_id)[:TASKS]),
        # The bodies stay where they are: a list shows none.
        ended=list(ended.defer("context").order_by("-ended_at", "-pk")[:ENDED]),
        facts=list(AuditEntry.objects.filter(agent_id=agent_id)[:FACTS]),
        calls=list(LLMCall.objects.filter(agent_id=agent_id)[:CALLS]),
        spent=_spent(agent_id, now),
    )


@dataclass(frozen=True)
class RunSpend:
    """What an agent spent, in nano-dollars: in the UTC day of now, and in its newest run, or in `days` of that.

    run_since: from when on the run is summed; None where no run is recorded.
    """

    today_nano: int
    run_nano: int
    run_since: datetime | None
    days: int | None = None


def spent_in_run(agent_id: str, now: datetime) -> RunSpend:
    """In two queries, however long it runs."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    runs = AgentRun.objects.filter(agent_id=agent_id).order_by("-started_at")
    began = runs.values_list("started_at", flat=True).first()
    earliest = now - timedelta(days=RUN_DAYS)
    since = None if began is None else max(began, earliest)
    sums: dict[str, Aggregate] = {"today": Sum("cost_nano", filter=Q(at__gte=today), default=0)}
    if since is not None:
        sums["run"] = Sum("cost_nano", filter=Q(at__gte=since), default=0)
    calls = LLMCall.objects.filter(agent_id=agent_id, at__gte=min(today, since or today))
    found = calls.order_by().aggregate(**sums)
    cut = RUN_DAYS if began is not None and began < earliest else None
    return RunSpend(found["today"], found.get("run", 0), since, cut)


def spent_today(agent_ids: Sequence[str] | None, now: datetime) -> dict[str, int]:
    """Nano-dollars of each of these agents in the UTC day of `now`, of all where None; one query."""
    calls = LLMCall.objects.filter(at__gte=now.replace(hour=0, minute=0, second=0, microsecond=0))
    mine = calls.exclude(agent_id="") if agent_ids is None else calls.filter(agent_id__in=agent_ids)
    return dict(mine.order_by().values_list("agent_id").annotate(Sum("cost_nano")))


def _spent(agent_id: str, now: datetime) -> list[Spent]:
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    starts = {span: today - timedelta(days=days) for span, days in SPANS.items()}
    sums: dict[str, Aggregate] = {}
    for number, since in enumerate(starts.values()):
        within = Q(at__gte=since)
        sums[f"calls_{number}"] = Count("pk", filter=within)
        sums[f"cost_{number}"] = Sum("cost_nano", filter=within, default=0)
        sums[f"tokens_{number}"] = Sum(TOKENS, filter=within, default=0)
    found = LLMCall.objects.filter(agent_id=agent_id, at__gte=min(starts.values())).aggregate(**sums)
    return [
        Spent(span, *(found[f"{sum_of}_{number}"] for sum_of in ("calls", "cost", "tokens")))
        for number, span in enumerate(starts)
    ]
