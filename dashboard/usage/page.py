"""What the usage page prints: sums shaped into figures, tables and what charts draw."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from core.history.usage import reports as usage_reports
from core.history.usage.calls import whole_hour
from core.history.usage.reports import DIMENSIONS, Costs, Dimension
from core.usage.call import Call
from core.usage.money import dollars, money, places_for
from core.usage.savings import APART, shown_levels, unpriced_models
from dashboard import words
from dashboard.display.amounts import percent
from dashboard.display.text import plain
from dashboard.usage.period import Period

COMPARED_DAYS = 7
OTHERS = "All others"


@dataclass(frozen=True)
class Column:
    """One name in the costs: its colour by number, and its sums. `name` is None for all the others together."""

    number: int
    name: str | None
    calls: int
    tokens: int
    cost: int
    share: str


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
    hourly: bool

    @classmethod
    def of(cls, costs: Costs, period: Period, now: datetime) -> "CostTable":
        """Newest first."""
        whole = sum(share.cost for share in costs.shares)
        columns = [
            Column(
                8 if share.name is None else number,
                share.name,
                share.calls,
                share.input + share.output,
                share.cost,
                percent(share.cost, whole),
            )
            for number, share in enumerate(costs.shares, 1)
        ]
        names = [share.name for share in costs.shares]
        step = timedelta(hours=1 if period.hourly else 24)
        rows = []
        for at in reversed(period.times()):
            amounts = [costs.by_time.get((at, name), 0) for name in names]
            rows.append(Row(at, amounts, sum(amounts), at <= now < at + step))
        return cls(columns, rows, places_for(*(row.total for row in rows)), period.hourly)

    @property
    def chart(self) -> dict[str, Any]:
        """Bars from left to right, oldest first; names as text for a canvas."""
        rows = self.rows[::-1]
        label = "{0:%H:00}" if self.hourly else "{0.day} {0:%b}"
        title = "{0.day} {0:%B %Y}" + (", {0:%H:00} UTC" if self.hourly else "")
        return {
            "places": self.places,
            "labels": [label.format(row.at) for row in rows],
            "titles": [title.format(row.at) for row in rows],
            "series": [
                {
                    "name": OTHERS if column.name is None else plain(column.name),
                    "colour": column.number,
                    "values": [float(dollars(row.costs[place])) for row in rows],
                }
                for place, column in enumerate(self.columns)
            ],
        }


@dataclass(frozen=True)
class Step:
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

    steps: list[Step]
    places: int
    saved: int
    share: str
    compared: int
    calls: int

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
        return cls(steps, places, saved, percent(abs(saved), levels[0]), sums["calls"] - apart, sums["calls"])

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


def _level(name: str, amount: int, places: int, why: str) -> Step:
    return Step("level", name, money(amount, places), min(0, amount), max(0, amount), why)


def _step(name: str, before: int, after: int, places: int, why: str) -> Step:
    kind = "more" if after > before else "less" if after < before else "same"
    text = money(after - before, places, sign=True)
    return Step(kind, name, text, min(before, after), max(before, after), why)


@dataclass(frozen=True)
class Burn:
    """What today cost so far, and what the days before cost by the last full hour of now."""

    cost: int
    per_hour: int | None  # None in the first quarter of an hour of a day
    until: datetime  # the last full hour
    by_then: int
    average: int | None
    days: int  # that the average is of

    @classmethod
    def of(cls, hours: dict[datetime, int], first: datetime | None, now: datetime) -> "Burn":
        """`hours` holds today and the seven days before; days before the first call do not count."""
        today = datetime.combine(now.date(), time(), UTC)
        until = whole_hour(now)
        cost = sum(amount for hour, amount in hours.items() if hour >= today)
        passed = (now - today) / timedelta(hours=1)
        days = 0 if first is None else min(COMPARED_DAYS, max(0, (today.date() - first.date()).days))
        before = sum(
            amount
            for hour, amount in hours.items()
            if today - timedelta(days=days) <= hour < today and hour.hour < until.hour
        )
        return cls(
            cost,
            round(cost / passed) if passed >= 0.25 else None,
            until,
            sum(amount for hour, amount in hours.items() if today <= hour < until),
            before // days if days else None,
            days,
        )

    @property
    def comparison(self) -> str:
        """In words, and honest about what is compared with what."""
        if self.average is None:
            return words.NO_EARLIER_DAY
        if self.until.hour == 0:
            return words.COMPARED_LATER
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
    burn: Burn
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
    """Read the page: six queries however many calls there were, and one more where some have no price."""
    now = now.astimezone(UTC)
    today = datetime.combine(now.date(), time(), UTC)
    recorded = usage_reports.recorded_hours()
    sums = usage_reports.totals(period.start, period.end)
    costs = usage_reports.costs(period.start, period.end, by, hourly=period.hourly)
    hours = usage_reports.by_hour(today - timedelta(days=COMPARED_DAYS), today + timedelta(days=1))
    return UsagePage(
        period=period,
        by=by,
        sums=sums,
        costs=CostTable.of(costs, period, now),
        savings=Savings.of(sums),
        burn=Burn.of(hours, recorded[0].astimezone(UTC) if recorded else None, now),
        calls=usage_reports.recent_calls(period.start, period.end),
        unpriced=_unpriced(sums, period),
        recorded=recorded,
    )


def _unpriced(sums: dict[str, int], period: Period) -> list[dict[str, Any]]:
    if not sums["unpriced_calls"]:
        return []
    return unpriced_models(usage_reports.unpriced(period.start, period.end))
