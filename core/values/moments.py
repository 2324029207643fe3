"""Moments by Redis's clock: milliseconds since 1970 there, aware datetimes here."""

from collections.abc import Sequence
from datetime import UTC, datetime

from .json import storable

# Every calendar and time zone can show what is before it.
LATEST_MS = 7_258_118_400_000  # the year 2200


def at(milliseconds: bytes | str | int | float) -> datetime:
    """Server milliseconds as an aware datetime; ValueError for a time that no server has: before 1970, from 2200 on."""
    whole = int(milliseconds)
    if not 0 <= whole < LATEST_MS:
        raise ValueError(f"{storable(str(milliseconds)[:40])} is no time from 1970 to 2199 in milliseconds")
    return datetime.fromtimestamp(whole / 1000, UTC)


def utc_text(moment: datetime) -> str:
    """As protocols write it: ISO 8601 in UTC to the millisecond, such as 2026-11-29T22:40:05.123Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def milliseconds_of(time: Sequence[bytes]) -> int:
    """Server milliseconds in a reply to TIME, which has seconds and microseconds; whole ones, as scripts count."""
    seconds, microseconds = time
    return int(seconds) * 1000 + int(microseconds) // 1000
