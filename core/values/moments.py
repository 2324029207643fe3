"""Moments by Redis's clock: milliseconds since 1970 there, aware datetimes here."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from .json import storable
from .numbers import shown

# Every calendar and time zone can show what is before it.
LATEST_MS = 7_258_118_400_000  # the year 2200
MAX_DAYS = 3660


def at(milliseconds: bytes | str | int | float) -> datetime:
    """Server milliseconds as an aware datetime; ValueError for a time that no server has: before 1970, from 2200 on."""
    whole = int(milliseconds)
    if not 0 <= whole < LATEST_MS:
        raise ValueError(f"{storable(str(milliseconds)[:40])} is no time from 1970 to 2199 in milliseconds")
    return datetime.fromtimestamp(whole / 1000, UTC)


def start_of_days(days: int) -> datetime:
    """When the last `days` UTC days began, today included; ValueError unless 1 to 3,660."""
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= MAX_DAYS:
        raise ValueError(f"days must be 1 to {MAX_DAYS:,}, not {shown(days)}")
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=days - 1)


def utc_text(moment: datetime) -> str:
    """As protocols write it: ISO 8601 in UTC to the millisecond, such as 2026-11-29T22:40:05.123Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def milliseconds_of(time: Sequence[bytes]) -> int:
    """Server milliseconds in a reply to TIME, which has seconds and microseconds; whole ones, as scripts count."""
    seconds, microseconds = time
    return int(seconds) * 1000 + int(microseconds) // 1000
