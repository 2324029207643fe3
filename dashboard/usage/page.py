"""What the usage page prints: sums shaped into figures, tables and what charts draw."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any
from urllib.parse import urlencode

from core.history.usage import reports as usage_reports
from core.history.usage.calls import whole_hour
from core.history.usage.reports import DIMENSIONS, Costs, Dimension
from core.usage.call import Call
from core.usage.money import dollars, money, places_for
from core.usage.savings import APART, shown_levels, unpriced_models
from dashboard import words
from dashboard.display.amounts import percent
from dashboard.display.text import plain
from dashboard.usage.period import Period, clock_of, day_begins

COMPARED_DAYS = 7
OTHERS = "All others"
COLOURS = 8
REST = "rest"  # the colour of all the others


def colour_of(name: str | None) -> str:
    """The colour that belongs to a name, always the same: a number, or REST. Two names may share one."""
    if name is None:
        return REST
    return str(1 + hashlib.sha256(name.encode(errors="surrogatepass")).digest()[0] % COLOURS)


@dataclass(frozen=True)
class Column:
    """One name in the costs: its colour, its sums, and the query of its calls. `name` is None for all the others.

    saved: of what it would have cost; None where nobody knows that.
    """

    colour: str
    name: str | None
    calls: int
    tokens: int
    cost: int
    saved: int | None
    share: str
    narrowed: str  # what an address says to mean it; '' for all the others


@dataclass(frozen=True)
class Row:
    """One day or hour in the table of costs."""

    at: datetime
    costs: list[int]
    total: int
    unfinished: bool


@dataclass(frozen=True)
class CostTable:
    """Costs by time and name, and what their chart draws."""

    columns: list[Column]
    rows: list[Row]
    places: int
    period: Period

    @property
    def hourly(self) -> bool:
        """Whether a row is an hour."""
        return self.period.hourly

    @classmethod
    def of(cls, costs: Costs, period: Period, now: datetime, by: Dimension = "tier") -> "CostTable":
        """Newest first."""
        whole = sum(share.cost for share in costs.shares)
        columns = [
            Column(
                colour_of(share.name),
                share.name,
                share.calls,
                share.input + share.output,
                share.cost,
                None if share.baseline is None else share.baseline - share.cost,
                percent(share.cost, whole),
                "" if share.name is None else urlencode([(by, share.name)], errors="replace"),
            )
            for share in costs.shares
        ]
        names = [share.name for share in costs.shares]
        by_time = _by_times_of(period, costs)
        rows = []
        for at in reversed(period.times()):
            amounts = [by_time.get((at, name), 0) for name in names]
            shown = at if period.hourly else clock_of(at, period.zone)
            rows.append(Row(shown, amounts, sum(amounts), at <= now < period.end_of(at)))
        return cls(columns, rows, places_for(*(row.total for row in rows)), period)

    @property
    def chart(self) -> dict[str, Any]:
        """Bars from left to right, oldest first; names as text for a canvas."""
        rows, zone = self.rows[::-1], self.period.zone
        label = "{0:%H:%M}" if self.hourly else "{0.day} {0:%b}"
        title = "{0.day} {0:%B %Y}" + (", {0:%H:%M} {0:%Z}" if self.hourly else "")
        times = [row.at.astimezone(zone) for row in rows]
        return {
            "places": self.places,
            "labels": [label.format(at) for at in times],
            "titles": [title.format(at) for at in times],
            "periods": [self.period.query_at(row.at) for row in rows],
            "series": [
                {
                    "name": OTHERS if column.name is None else plain(column.name),
                    "colour": column.colour,
                    "narrowed": column.narrowed,
                    "values": [float(dollars(row.costs[place])) for row in rows],
                }
                for place, column in enumerate(self.columns)
            ],
        }


def _by_times_of(period: Period, costs: Costs) -> dict[tuple[datetime, str | None], int]:
    """Costs by the times of a period; read by the hour where its days are not those of UTC."""
    if period.hourly or period.zone is UTC:
        return costs.by_time
    found: dict[tuple[datetime, str | None], int] = {}
    times = {hour: period.time_of(hour) for hour in {hour for hour, _name in costs.by_time}}
    for (hour, name), cost in costs.by_time.items():
        key = times[hour], name
        found[key] = found.get(key, 0) + cost
    return found


@dataclass(frozen=True)
class WaterfallStep:
    """One line of the waterfall: a level, or what leads from one level to the next."""

    kind: str  # level, less, more or same
    name: str
    text: str
    low: int
    high: int
    why: str


@dataclass(frozen=True)
class Savings:
    """From what the calls would have cost to what they did. As printed it adds up to the last decimal."""

    steps: list[WaterfallStep]
    places: int
    saved: int
    share: str
    compared: int

    @classmethod
    def of(cls, sums: dict[str, int]) -> "Savings":
        """From the sums of a period."""
        levels, places = shown_levels(sums["baseline"], sums["routing"], sums["caching"], sums["cost"])
        steps = [_level("Baseline", levels[0], places, "all at the premium model, without a cache")]
        for place, (name, why) in enumerate(_STEPS):
            steps.append(_step(name, levels[place], levels[place + 1], places, why))
        steps.append(_level("Actual", levels[3], places, "what agents said it cost"))
        saved = levels[0] - levels[3]
        apart = sum(sums[f"{kind}_calls"] for kind in APART)
        return cls(steps, places, saved, percent(abs(saved), levels[0]), sums["calls"] - apart)

    @property
    def chart(self) -> dict[str, Any]:
        """Floating bars."""
        return {
            "places": self.places,
            "labels": [step.name for step in self.steps],
            "kinds": [step.kind for step in self.steps],
            "bars": [[float(dollars(step.low)), float(dollars(step.high))] for step in self.steps],
            "texts": [step.text for step in self.steps],
        }


_STEPS = (
    ("Routing", "cheaper models did the work"),
    ("Caching", "reads less writes, and answers of own caches"),
    ("Price difference", "actual against the price book"),
)


def _level(name: str, amount: int, places: int, why: str) -> WaterfallStep:
    return WaterfallStep("level", name, money(amount, places), min(0, amount), max(0, amount), why)


def _step(name: str, before: int, after: int, places: int, why: str) -> WaterfallStep:
    kind = "more" if after > before else "less" if after < before else "same"
    text = money(after - before, places, sign=True)
    return WaterfallStep(kind, name, text, min(before, after), max(before, after), why)


@dataclass(frozen=True)
class SpendRate:
    """What today cost so far, and what the days before cost by the last full hour of now."""

    cost: int
    per_hour: int | None  # None in the first quarter of an hour of a day
    until: datetime  # the last full hour
    begun: bool  # whether one of the day is over
    by_then: int
    average: int | None
    days: int  # that the average is of

    @classmethod
    def of(
        cls, hours: dict[datetime, int], first: datetime | None, now: datetime, zone: tzinfo = UTC
    ) -> "SpendRate":
        """`hours` holds today and the seven days before; days before the first call do not count."""
        hours = {clock_of(hour, zone): amount for hour, amount in hours.items()}
        until = clock_of(now, zone)
        today = datetime.combine(until.date(), time(), zone)
        cost = sum(amount for hour, amount in hours.items() if hour >= today)
        passed = (now - day_begins(today.date(), zone)) / timedelta(hours=1)
        days = (
            0
            if first is None
            else min(COMPARED_DAYS, max(0, (today.date() - clock_of(first, zone).date()).days))
        )
        before = sum(
            amount
            for hour, amount in hours.items()
            if today - timedelta(days=days) <= hour < today and hour.hour < until.hour
        )
        return cls(
            cost,
            round(cost / passed) if passed >= 0.25 else None,
            whole_hour(now).astimezone(zone),
            until.hour > 0,
            sum(amount for hour, amount in hours.items() if today <= hour < until),
            before // days if days else None,
            days,
        )

    @property
    def comparison(self) -> str:
        """In words, and honest about what is compared with what."""
        if self.average is None:
            return words.NO_EARLIER_DAY
        if not self.begun:
            return words.COMPARED_LATER.format(then=self.until + timedelta(hours=1))
        change = self.by_then - self.average
        word = words.share_of_change(change, percent(abs(change), self.average))
        form = words.COMPARED if self.average else words.COMPARED_WITH_NOTHING
        return form.format(
            until=self.until,
            cost=money(self.by_then),
            change=word,
            average_of=words.average_of(self.days),
            average=money(self.average),
        )


@dataclass(frozen=True)
class UsagePage:
    """Everything on the usage page below its head."""

    period: Period
    by: Dimension
    sums: dict[str, int]
    costs: CostTable
    savings: Savings
    burn: SpendRate
    calls: list[Call]
    unpriced: list[dict[str, Any]]
    recorded: tuple[datetime, datetime] | None

    @property
    def tabs(self) -> list[tuple[Dimension, str]]:
        """By what else costs can be split, and the address of it."""
        return [(name, f"?{self.period.query}&by={name}") for name in DIMENSIONS]

    @property
    def prompt_hits(self) -> str:
        """The share of calls that read from their provider's cache."""
        return percent(self.sums["prompt_hits"], self.sums["calls"])

    @property
    def own_hits(self) -> str:
        """The share of calls that an own cache answered."""
        return percent(self.sums["hits"], self.sums["calls"])


def usage_page(period: Period, by: Dimension, now: datetime) -> UsagePage:
    """Read the page: as many queries however many calls there were, and one more where some have no price."""
    zone = period.zone
    today = clock_of(now, zone).date()
    first, last = (day_begins(today + timedelta(days=days), zone) for days in (-COMPARED_DAYS, 1))
    recorded = usage_reports.recorded_hours()
    sums = usage_reports.totals(period.start, period.end)
    by_hour = period.hourly or zone is not UTC
    costs = usage_reports.costs(period.start, period.end, by, hourly=by_hour)
    hours = usage_reports.by_hour(first, last)
    return UsagePage(
        period=period,
        by=by,
        sums=sums,
        costs=CostTable.of(costs, period, now, by),
        savings=Savings.of(sums),
        burn=SpendRate.of(hours, recorded[0] if recorded else None, now, zone),
        calls=usage_reports.recent_calls(period.start, period.end),
        unpriced=_unpriced(sums, period),
        recorded=recorded,
    )


def _unpriced(sums: dict[str, int], period: Period) -> list[dict[str, Any]]:
    if not sums["unpriced_calls"]:
        return []
    return unpriced_models(usage_reports.unpriced(period.start, period.end))
