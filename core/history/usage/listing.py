"""Single calls: those of a period that are asked for, sorted, a page at a time, and what all of them come to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import Coalesce

from core.history.usage.calls import pruned_until
from core.models import AgentHour, LLMCall, UsageHour
from core.usage.call import Call, call_of

# What an address calls it, and the column.
NARROWED = {
    "agent": "agent_id",
    "workflow": "workflow",
    "stage": "stage",
    "tier": "tier",
    "provider": "provider",
    "model": "model",
}
SORTED = {
    "time": "at",
    "cost": "cost_nano",
    "input": "input_tokens",
    "output": "output_tokens",
    "duration": "duration_ms",
}


# What calls are narrowed by where sums of hours know as much, so that a million of them need not be counted.
_OF_KINDS, _OF_AGENTS = {"workflow", "tier", "provider", "model"}, {"agent"}


class Total(NamedTuple):
    """What calls come to. Money in nano-dollars."""

    calls: int
    cost: int
    input: int
    output: int

    @classmethod
    def of(cls, rows: QuerySet[Any, Any], calls: Count | Sum) -> "Total":
        """Of rows that each are a call, or sums of calls; `calls` counts them."""
        columns = ("cost_nano", "input_tokens", "output_tokens")
        sums = [Coalesce(amount, 0) for amount in (calls, *map(Sum, columns))]
        names = [f"of_{name}" for name in cls._fields]  # their own are those of columns too
        found = rows.order_by().aggregate(**dict(zip(names, sums, strict=True)))
        return cls(*(found[name] for name in names))

    def plus(self, other: "Total") -> "Total":
        """Both together."""
        return Total(*map(sum, zip(self, other, strict=True)))


@dataclass(frozen=True)
class Listing:
    """One page of calls, the total of all pages, and which page it is of how many."""

    calls: list[Call]
    total: Total
    page: int
    pages: int


def listing(
    start: datetime,
    end: datetime,
    narrowed: Mapping[str, str],
    *,
    by: str,
    falling: bool,
    page: int,
    size: int,
) -> Listing:
    """Page `page`, from 1, of the calls from `start` until before `end`, both whole hours; the last for one beyond it.

    `narrowed` holds names of NARROWED with what they must be, '' too; `by` is one of SORTED.
    """
    total = _total(start, end, narrowed)
    pages = max(1, -(-total.calls // size))
    page = min(page, pages)
    sign = "-" if falling else ""
    ordered = _calls(start, end, narrowed).order_by(f"{sign}{SORTED[by]}", f"{sign}pk")
    shown = [call_of(row) for row in ordered[(page - 1) * size : page * size]]
    return Listing(shown, total, page, pages)


def _total(start: datetime, end: datetime, narrowed: Mapping[str, str]) -> Total:
    if narrowed.keys() <= _OF_KINDS:
        hours: QuerySet[Any, Any] = UsageHour.objects.all()
    elif narrowed.keys() == _OF_AGENTS:
        hours = AgentHour.objects.all()
    else:
        return Total.of(_calls(start, end, narrowed), Count("pk"))
    # Before it, hours have sums of calls that are not there any more.
    kept_since = min(max(start, pruned_until()), end)
    whole = hours.filter(hour__gte=kept_since, hour__lt=end, **_fields(narrowed))
    left = _calls(start, kept_since, narrowed)
    return Total.of(whole, Sum("calls")).plus(Total.of(left, Count("pk")))


def _calls(start: datetime, end: datetime, narrowed: Mapping[str, str]) -> QuerySet[Any, Any]:
    return LLMCall.objects.filter(at__gte=start, at__lt=end, **_fields(narrowed))


def _fields(narrowed: Mapping[str, str]) -> dict[str, str]:
    return {NARROWED[name]: value for name, value in narrowed.items()}
