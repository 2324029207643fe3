"""What model calls cost, read from the hourly sums; single calls are read only where single calls are shown.

Money is in whole nano-dollars, hours and days are UTC, and a period includes its start and excludes its end.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from django.db.models import Case, F, Q, Subquery, Sum, TextField, Value, When
from django.db.models.functions import Cast, Coalesce, Left

from core.history.usage.calls import whole_hour
from core.models import AgentHour, LLMCall, UsageHour
from core.usage.call import Call, call_of
from core.usage.savings import SUMS

Dimension = Literal["tier", "model", "workflow", "agent"]
DIMENSIONS: tuple[Dimension, ...] = ("tier", "model", "workflow", "agent")
COLUMNS: dict[Dimension, str] = {name: name for name in DIMENSIONS} | {"agent": "agent_id"}
NAMED = 7  # so many names stand alone; the rest is one sum
RECENT = 50
UNPRICED = 10
EXPORTED_AT_ONCE = 1_000


@dataclass(frozen=True)
class Share:
    """What one tier, model, workflow or agent did in a period; `name` is None for all the others together.

    baseline: what it would have cost; None of an agent, whose hours do not know it.
    """

    name: str | None
    calls: int
    cost: int
    input: int
    output: int
    baseline: int | None = None


@dataclass(frozen=True)
class Costs:
    """Shares with the dearest first, and the cost of each by the start of its day or hour."""

    shares: list[Share]
    by_time: dict[tuple[datetime, str | None], int]


def totals(start: datetime, end: datetime) -> dict[str, int]:
    """Every sum by its name in SUMS; 0 without calls."""
    sums = {name: Coalesce(Sum(column), 0) for name, column in SUMS.items()}
    return dict(_hours(start, end).aggregate(**sums))


def costs(start: datetime, end: datetime, dimension: Dimension, *, hourly: bool) -> Costs:
    """Costs by `dimension`, in two queries whose answers have a bounded length, however many names there are."""
    column, hours, sums = COLUMNS[dimension], _hours(start, end, dimension), _sums(dimension)
    dearest = hours.values_list(column).annotate(cost=Sum(SUMS["cost"])).order_by("-cost", column)
    names = [name for name, _cost in dearest[:NAMED]]
    label = Case(When(Q(**{f"{column}__in": names}), then=F(column)), default=Value(None))
    # Time first: that is nearly the order in which rows are read, and they are sorted by it.
    by_time = hours.annotate(time=_as_text(_HOUR if hourly else _DAY), label=label).values("time", "label")
    found: dict[tuple[datetime, str | None], int] = {}
    whole: dict[str | None, dict[str, int]] = {name: dict.fromkeys(sums, 0) for name in (*names, None)}
    for row in by_time.annotate(**sums).order_by():
        time = datetime.fromisoformat(row["time"] + (":00" if hourly else "")).replace(tzinfo=UTC)
        found[time, row["label"]] = row["cost"]
        of_name = whole[row["label"]]
        for shown in sums:
            of_name[shown] += row[shown]
    shares = [_share(name, of_name) for name, of_name in whole.items()]
    return Costs(shares if shares[-1].calls else shares[:-1], found)


def unpriced(start: datetime, end: datetime) -> dict[str, int]:
    """Calls without a price by provider/model, of the ten with the most."""
    rows = _hours(start, end).filter(unpriced_calls__gt=0).values("provider", "model")
    found = rows.annotate(count=Sum("unpriced_calls")).order_by("-count", "provider", "model")[:UNPRICED]
    return {f"{row['provider']}/{row['model']}": row["count"] for row in found}


def by_hour(start: datetime, end: datetime) -> dict[datetime, int]:
    """What each hour with calls cost."""
    rows = _hours(start, end).values("hour").annotate(cost=Sum("cost_nano")).order_by()
    return {row["hour"].astimezone(UTC): row["cost"] for row in rows}


def recorded_hours() -> tuple[datetime, datetime] | None:
    """The first and the last hour with calls; None when there never was one."""
    # Each by its own look into the index: SQLite reads every hour for Min and Max together.
    last = UsageHour.objects.order_by("-hour").values("hour")[:1]
    return UsageHour.objects.order_by("hour").values_list("hour", Subquery(last)).first()


def recent_calls(start: datetime, end: datetime) -> list[Call]:
    """The newest fifty calls of a period, newest first."""
    return [call_of(row) for row in LLMCall.objects.filter(at__gte=start, at__lt=end)[:RECENT]]


def exported(start: datetime, end: datetime) -> Iterator[list[Call]]:
    """Every call of a period, oldest first, a thousand at a time.

    Each batch is a query of its own, so that a slow reader holds no transaction open.
    """
    calls = LLMCall.objects.filter(at__lt=end).order_by("at", "pk")
    after = Q(at__gte=start)
    while rows := list(calls.filter(after)[:EXPORTED_AT_ONCE]):
        yield [call_of(row) for row in rows]
        last = rows[-1]
        # With one bound of the time: as two ranges SQLite sorts all that is left for every thousand.
        after = Q(at__gte=last.at) & (Q(at__gt=last.at) | Q(pk__gt=last.pk))


_DAY, _HOUR = len("2026-11-22"), len("2026-11-22 09")
_SHOWN = ("calls", "cost", "input", "output")


def _hours(start: datetime, end: datetime, dimension: Dimension = "tier") -> Any:
    # An hour belongs to a period when it begins in it: both ends are whole hours.
    sums = AgentHour if dimension == "agent" else UsageHour
    return sums._default_manager.filter(hour__gte=start, hour__lt=end)


def _sums(dimension: Dimension) -> dict[str, Sum]:
    baseline = () if dimension == "agent" else ("baseline",)
    return {name: Sum(SUMS[name]) for name in (*_SHOWN, *baseline)}


def _as_text(length: int) -> Left:
    # Both databases hold UTC and write it in this order. TruncDay would be a call of Python for each row of SQLite.
    return Left(Cast("hour", TextField()), length)


def _share(name: str | None, sums: dict[str, int]) -> Share:
    calls, cost, read, written = (sums[shown] for shown in _SHOWN)
    return Share(name, calls, cost, read, written, sums.get("baseline"))


def next_hour(moment: datetime) -> datetime:
    """The start of the UTC hour after it."""
    return whole_hour(moment) + timedelta(hours=1)
