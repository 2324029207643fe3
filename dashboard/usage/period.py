"""Which days a usage page shows, from its address. Days are UTC days."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from core.history.usage.reports import DIMENSIONS, Dimension, next_hour

PRESETS = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
DEFAULT = "7d"
MAX_DAYS = 366
_DAY = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")


class BadPeriod(ValueError):
    """The address asks for days that cannot be shown; the message says which part and what it may be."""


@dataclass(frozen=True)
class Period:
    """From the start of an hour to the start of another, and what an address says to mean it."""

    start: datetime
    end: datetime
    preset: str  # '' when days were chosen
    hourly: bool

    @property
    def first(self) -> date:
        """The first day."""
        return self.start.date()

    @property
    def last(self) -> date:
        """The last day."""
        return (self.end - timedelta(hours=1)).date()

    @property
    def query(self) -> str:
        """The part of an address that asks for this period."""
        if self.preset:
            return urlencode({"range": self.preset})
        return urlencode({"from": self.first, "to": self.last})

    @property
    def words(self) -> str:
        """16 to 22 November 2026."""
        if self.preset == "24h":
            return (
                f"{_words(self.first, year=False)} {self.start:%H:00} to {_words(self.last)} {self.end:%H:00}"
            )
        if self.first == self.last:
            return _words(self.first)
        same_month = (self.first.year, self.first.month) == (self.last.year, self.last.month)
        begin = (
            str(self.first.day) if same_month else _words(self.first, year=self.first.year != self.last.year)
        )
        return f"{begin} to {_words(self.last)}"

    def times(self) -> list[datetime]:
        """The start of each day in it, or of each hour."""
        step = timedelta(hours=1) if self.hourly else timedelta(days=1)
        return [self.start + step * number for number in range((self.end - self.start) // step)]


def period_of(said: Mapping[str, str], now: datetime) -> Period:
    """`range`, or `from` and `to`, or seven days; BadPeriod for anything else."""
    if "from" in said or "to" in said:
        return _chosen(said.get("from", ""), said.get("to", ""), now)
    preset = said.get("range", DEFAULT)
    if preset not in PRESETS:
        raise BadPeriod(f"range must be one of {', '.join(PRESETS)}.")
    if preset == "24h":
        end = next_hour(now)
        return Period(end - timedelta(hours=24), end, preset, hourly=True)
    days = int(preset.removesuffix("d"))
    tomorrow = now.astimezone(UTC).date() + timedelta(days=1)
    return Period(_start(tomorrow - timedelta(days=days)), _start(tomorrow), preset, hourly=False)


def dimension_of(said: Mapping[str, str]) -> Dimension:
    """By what costs are split: tier, model or workflow."""
    for dimension in DIMENSIONS:
        if said.get("by", DIMENSIONS[0]) == dimension:
            return dimension
    raise BadPeriod(f"by must be one of {', '.join(DIMENSIONS)}.")


def _chosen(begin: str, end: str, now: datetime) -> Period:
    first = _day(begin, "from")
    last = _day(end, "to") if end else now.astimezone(UTC).date()
    if first > last:
        raise BadPeriod("from is after to: the first day comes first.")
    if (last - first).days >= MAX_DAYS:
        raise BadPeriod(f"from and to are more than {MAX_DAYS} days apart: choose fewer days.")
    hourly = (last - first).days < 2
    return Period(_start(first), _start(last + timedelta(days=1)), "", hourly=hourly)


def _day(text: str, name: str) -> date:
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise BadPeriod(f"{name} must be a day such as 2026-11-22.")


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _words(day: date, *, year: bool = True) -> str:
    return f"{day.day} {day:%B}" + (f" {day.year}" if year else "")
