"""Which days a usage page shows, from its address: UTC days, or those of a zone that a person wants."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from core.history.usage.reports import DIMENSIONS, Dimension, next_hour

PRESETS = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
DEFAULT = "7d"
MAX_DAYS = 366
_DAY = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")
_HOUR = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9+_/-]{0,63}")


class BadPeriod(ValueError):
    """The address asks for days that cannot be shown; the message says which part and what it may be."""


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
        return self.start.astimezone(self.zone).date()

    @property
    def last(self) -> date:
        """The last day."""
        return (self.end - timedelta(hours=1)).astimezone(self.zone).date()

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
        day = moment.astimezone(self.zone).date()
        return urlencode({"from": day, "to": day} | self._zone_said)

    @property
    def words(self) -> str:
        """16 to 22 November 2026."""
        start, end = self.start.astimezone(self.zone), self.end.astimezone(self.zone)
        if self.preset == "24h":
            return f"{_words(self.first, year=False)} {start:%H:00} to {_words(self.last)} {end:%H:00}"
        if self.preset == "hour":
            return f"{_words(self.first)}, {start:%H:00} to {end:%H:00}"
        if self.first == self.last:
            return _words(self.first)
        same_month = (self.first.year, self.first.month) == (self.last.year, self.last.month)
        begin = (
            str(self.first.day) if same_month else _words(self.first, year=self.first.year != self.last.year)
        )
        return f"{begin} to {_words(self.last)}"

    def times(self) -> list[datetime]:
        """The start of each day in it, or of each hour; in UTC."""
        if self.hourly:
            hours = (self.end - self.start) // timedelta(hours=1)
            return [self.start + timedelta(hours=number) for number in range(hours)]
        days = (self.last - self.first).days + 1
        return [_start(self.first + timedelta(days=number), self.zone) for number in range(days)]

    def time_of(self, hour: datetime) -> datetime:
        """Which of `times` an hour belongs to."""
        return hour if self.hourly else _start(hour.astimezone(self.zone).date(), self.zone)

    def end_of(self, moment: datetime) -> datetime:
        """When one of `times` is over."""
        if self.hourly:
            return moment + timedelta(hours=1)
        return _start(moment.astimezone(self.zone).date() + timedelta(days=1), self.zone)


def period_of(said: Mapping[str, str], now: datetime, zone: tzinfo = UTC) -> Period:
    """`hour`, `range`, or `from` and `to`, or seven days; BadPeriod for anything else. Days are those of `zone`."""
    if "hour" in said:
        return _of_hour(said["hour"], zone)
    if "from" in said or "to" in said:
        return _chosen(said.get("from", ""), said.get("to", ""), now, zone)
    preset = said.get("range", DEFAULT)
    if preset not in PRESETS:
        raise BadPeriod(f"range must be one of {', '.join(PRESETS)}.")
    if preset == "24h":
        end = next_hour(now)
        return Period(end - timedelta(hours=24), end, preset, hourly=True, zone=zone)
    days = int(preset.removesuffix("d"))
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return Period(
        _start(tomorrow - timedelta(days=days), zone), _start(tomorrow, zone), preset, hourly=False, zone=zone
    )


def zone_of(name: str) -> tzinfo:
    """The zone of this name, UTC for ''. BadPeriod for one that is none, or whose days begin within an hour of UTC."""
    if name in ("", "UTC"):
        return UTC
    try:
        if not _ZONE.fullmatch(name):
            raise ValueError(name)
        zone = ZoneInfo(name)
    except (ValueError, LookupError, OSError) as error:
        raise BadPeriod("tz must be a time zone such as Europe/Vienna.") from error
    offsets = {datetime(year, month, 1, tzinfo=zone).utcoffset() for year in (2025, 2026) for month in (1, 7)}
    if any(offset is None or offset % timedelta(hours=1) for offset in offsets):
        raise BadPeriod("tz must be a zone of whole hours: costs are summed by the hour of UTC.")
    return zone


def dimension_of(said: Mapping[str, str]) -> Dimension:
    """By what costs are split: tier, model, workflow or agent."""
    for dimension in DIMENSIONS:
        if said.get("by", DIMENSIONS[0]) == dimension:
            return dimension
    raise BadPeriod(f"by must be one of {', '.join(DIMENSIONS)}.")


def _of_hour(text: str, zone: tzinfo) -> Period:
    try:
        if _HOUR.fullmatch(text):
            start = datetime.fromisoformat(f"{text}:00").replace(tzinfo=UTC)
            return Period(start, start + timedelta(hours=1), "hour", hourly=True, zone=zone)
    except ValueError:
        pass
    raise BadPeriod("hour must be an hour of UTC such as 2026-11-22T09.")


def _chosen(begin: str, end: str, now: datetime, zone: tzinfo) -> Period:
    first = _day(begin, "from")
    last = _day(end, "to") if end else now.astimezone(zone).date()
    if first > last:
        raise BadPeriod("from is after to: the first day comes first.")
    if (last - first).days >= MAX_DAYS:
        raise BadPeriod(f"from and to are more than {MAX_DAYS} days apart: choose fewer days.")
    hourly = (last - first).days < 2
    return Period(_start(first, zone), _start(last + timedelta(days=1), zone), "", hourly=hourly, zone=zone)


def _day(text: str, name: str) -> date:
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise BadPeriod(f"{name} must be a day such as 2026-11-22.")


def _start(day: date, zone: tzinfo) -> datetime:
    # Where a clock that is put forward skips midnight, the day begins with the hour that it is put to.
    return datetime.combine(day, time(), zone).astimezone(UTC).replace(minute=0, second=0)


def _words(day: date, *, year: bool = True) -> str:
    return f"{day.day} {day:%B}" + (f" {day.year}" if year else "")
