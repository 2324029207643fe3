"""Single calls: those of a period that are asked for, sorted, a page at a time, and what all of them come to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import Coalesce

from core.models import LLMCall
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


@dataclass(frozen=True)
class Total:
    """What calls come to. Money in nano-dollars."""

    calls: int
    cost: int
    input: int
    output: int


@dataclass(frozen=True)
class Listing:
    """One page of calls, and the total of all pages."""

    calls: list[Call]
    total: Total


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
    """Page `page`, from 1, of the calls from `start` until before `end`: two queries, however many there are.

    `narrowed` holds names of NARROWED with what they must be, '' too; `by` is one of SORTED.
    """
    calls = _calls(start, end, narrowed)
    sums = {name: Coalesce(Sum(column), 0) for name, column in _TOTALS.items()}
    total = calls.order_by().aggregate(calls=Count("pk"), **sums)
    sign = "-" if falling else ""
    ordered = calls.order_by(f"{sign}{SORTED[by]}", f"{sign}pk")
    shown = [call_of(row) for row in ordered[(page - 1) * size : page * size]]
    return Listing(shown, Total(**total))


_TOTALS = {"cost": "cost_nano", "input": "input_tokens", "output": "output_tokens"}


def _calls(start: datetime, end: datetime, narrowed: Mapping[str, str]) -> QuerySet[Any, Any]:
    fields = {NARROWED[name]: value for name, value in narrowed.items()}
    return LLMCall.objects.filter(at__gte=start, at__lt=end, **fields)
