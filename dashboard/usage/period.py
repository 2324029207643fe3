"""Which days a usage page shows, from its address: UTC days, or those of a zone that a person wants.

Costs are summed by the hour of UTC. Where midnight falls into such an hour, as in India, the hour is counted whole
with the day that begins in it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import cast
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from core.history.usage.calls import whole_hour
from core.history.usage.reports import DIMENSIONS, Dimension, next_hour
from dashboard import words
from dashboard.address import BadAddress, day_of, in_order, one_of

PRESETS = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
DEFAULT = "7d"
MAX_DAYS = 366
_HOUR = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9+_/-]{0,63}")


@dataclass(frozen=True)
class Period:
    """From the start of an hour to the start of another, and what an address says to mean it."""

    start: datetime
    end: datetime
    preset: str  # '' when days were chosen, 'hour' for a single one
    hourly: bool
    zone: tzinfo = UTC

    @property
    def first(self) -> date:
        """The first day."""
        return clock_of(self.start, self.zone).date()

    @property
    def last(self) -> date:
        """The last day."""
        return clock_of(self.end - timedelta(hours=1), self.zone).date()

    @property
    def zone_name(self) -> str:
        """The name of its zone, as an address says it."""
        return str(self.zone)

    @property
    def query(self) -> str:
        """The part of an address that asks for this period."""
        return urlencode(self._said | self._zone_said)

    @property
    def _said(self) -> dict[str, object]:
        if self.preset == "hour":
            return {"hour": f"{self.start:%Y-%m-%dT%H}"}
        return {"range": self.preset} if self.preset else {"from": self.first, "to": self.last}

    @property
    def _zone_said(self) -> dict[str, object]:
        return {} if self.zone is UTC else {"tz": self.zone_name}

    def query_at(self, moment: datetime) -> str:
        """The same for one of `times` alone."""
        if self.hourly:
            return urlencode({"hour": f"{moment.astimezone(UTC):%Y-%m-%dT%H}"} | self._zone_said)
        day = clock_of(moment, self.zone).date()
        return urlencode({"from": day, "to": day} | self._zone_said)

    @property
    def words(self) -> str:
        """16 to 22 November 2026."""
        start, end = self.start.astimezone(self.zone), self.end.astimezone(self.zone)
        if self.preset == "24h":
            last = (self.end - timedelta(hours=1)).astimezone(self.zone).date()
            return f"{_words(start.date(), year=False)} {start:%H:%M} to {_words(last)} {end:%H:%M}"
        if self.preset == "hour":
            return f"{_words(start.date())}, {start:%H:%M} to {end:%H:%M}"
        if self.first == self.last:
            return _words(self.first)
        same_month = (self.first.year, self.first.month) == (self.last.year, self.last.month)
        begin = (
            str(self.first.day) if same_month else _words(self.first, year=self.first.year != self.last.year)
        )
        return f"{begin} to {_words(self.last)}"

    @property
    def split(self) -> str:
        """A sentence for a zone whose midnight falls into an hour of UTC; '' for others."""
        for day in (self.first, self.last + timedelta(days=1)):
            begins = day_begins(day, self.zone).astimezone(self.zone)
            if begins.minute:
                return words.SPLIT_HOUR.format(zone=self.zone_name, at=begins)
        return ""

    def times(self) -> list[datetime]:
        """The start of each day in it, or of each hour; in UTC."""
        if self.hourly:
            hours = (self.end - self.start) // timedelta(hours=1)
            return [self.start + timedelta(hours=number) for number in range(hours)]
        days = (self.last - self.first).days + 1
        return [day_begins(self.first + timedelta(days=number), self.zone) for number in range(days)]

    def time_of(self, hour: datetime) -> datetime:
        """Which of `times` an hour belongs to."""
        return hour if self.hourly else day_begins(clock_of(hour, self.zone).date(), self.zone)

    def end_of(self, moment: datetime) -> datetime:
        """When one of `times` is over."""
        if self.hourly:
            return moment + timedelta(hours=1)
        return day_begins(clock_of(moment, self.zone).date() + timedelta(days=1), self.zone)


def period_of(said: Mapping[str, str], now: datetime, zone: tzinfo = UTC) -> Period:
    """`hour`, `range`, or `from` and `to`, or seven days; BadAddress for anything else. Days are those of `zone`."""
    if "hour" in said:
        return _of_hour(said["hour"], zone)
    if "from" in said or "to" in said:
        return _chosen(said.get("from", ""), said.get("to", ""), now, zone)
    preset = one_of("range", said.get("range", DEFAULT), PRESETS)
    if preset == "24h":
        end = next_hour(now)
        return Period(end - timedelta(hours=24), end, preset, hourly=True, zone=zone)
    days = int(preset.removesuffix("d"))
    tomorrow = clock_of(now, zone).date() + timedelta(days=1)
    return Period(
        day_begins(tomorrow - timedelta(days=days), zone),
        day_begins(tomorrow, zone),
        preset,
        hourly=False,
        zone=zone,
    )


def zone_of(name: str) -> tzinfo:
    """The zone of this name, UTC for ''. BadAddress for one that is none."""
    if name in ("", "UTC"):
        return UTC
    try:
        if not _ZONE.fullmatch(name):
            raise ValueError(name)
        return ZoneInfo(name)
    except (ValueError, LookupError, OSError) as error:
        raise BadAddress("tz must be a time zone such as Europe/Vienna.") from error


def clock_of(moment: datetime, zone: tzinfo) -> datetime:
    """The full hour by a zone's clock as which the UTC hour of a moment counts: where it begins in one, the next."""
    begins = whole_hour(moment).astimezone(zone)
    past = begins.minute
    return (begins.astimezone(UTC) + timedelta(minutes=60 - past if past else 0)).astimezone(zone)


def dimension_of(said: Mapping[str, str]) -> Dimension:
    """By what costs are split: tier, model, workflow or agent."""
    return cast(Dimension, one_of("by", said.get("by", DIMENSIONS[0]), DIMENSIONS))


def _of_hour(text: str, zone: tzinfo) -> Period:
    try:
        if _HOUR.fullmatch(text):
            start = datetime.fromisoformat(f"{text}:00").replace(tzinfo=UTC)
            return Period(start, start + timedelta(hours=1), "hour", hourly=True, zone=zone)
    except ValueError:
        pass
    raise BadAddress("hour must be an hour of UTC such as 2026-11-22T09.")


def _chosen(begin: str, end: str, now: datetime, zone: tzinfo) -> Period:
    first = day_of("from", begin)
    last = day_of("to", end) if end else clock_of(now, zone).date()
    in_order(first, last)
    if (last - first).days >= MAX_DAYS:
        raise BadAddress(f"from and to are more than {MAX_DAYS} days apart: choose fewer days.")
    hourly = (last - first).days < 2
    return Period(
        day_begins(first, zone), day_begins(last + timedelta(days=1), zone), "", hourly=hourly, zone=zone
    )


def day_begins(day: date, zone: tzinfo) -> datetime:
    """The first UTC hour that is counted with a day of a zone."""
    # Where a clock that is put forward skips midnight, the day begins with the hour that it is put to.
    return datetime.combine(day, time(), zone).astimezone(UTC).replace(minute=0, second=0)


def _words(day: date, *, year: bool = True) -> str:
    return f"{day.day} {day:%B}" + (f" {day.year}" if year else "")
