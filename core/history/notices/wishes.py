"""When a person wants to be told of a request: kinds and agents, delays, quiet hours in their own time zone."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from core.history.notices.texts import FIRST, REMINDER
from core.models import NoticeWish
from core.models.policy import ANY
from core.values.approvals import NO_DEADLINE

APART = timedelta(seconds=30)  # a reminder that would come sooner after the first notice says nothing new
LIKE_OTHERS, ALWAYS = NoticeWish.Urgent.LIKE_OTHERS, NoticeWish.Urgent.ALWAYS


class NoticeSubject(NamedTuple):
    """What is looked at of a request that waits. Never its context."""

    request_id: UUID
    approval_type: str
    agent_id: str
    requested_at: datetime
    deadline_at: datetime


def wanted_step(wish: NoticeWish, asked: NoticeSubject, now: datetime, *, high_risk: bool) -> str:
    """Why this person should hear of it now, by what they asked for: FIRST, REMINDER, or '' for not now."""
    if not matches(wish.kinds, asked.approval_type) or not matches(wish.agents, asked.agent_id):
        return ""
    if is_quiet(wish, now) and not (high_risk and wish.high_risk == ALWAYS):
        return ""
    at_once = high_risk and wish.high_risk != LIKE_OTHERS
    first_at = asked.requested_at + timedelta(seconds=0 if at_once else wish.after_seconds)
    remind_at = _remind_at(wish, asked)
    if (
        remind_at is not None
        and now >= remind_at
        and (first_at >= remind_at or first_at + APART <= remind_at)
    ):
        return REMINDER
    return FIRST if now >= first_at else ""


def _remind_at(wish: NoticeWish, asked: NoticeSubject) -> datetime | None:
    if not wish.remind_seconds or asked.deadline_at >= NO_DEADLINE:
        return None
    return asked.deadline_at - timedelta(seconds=wish.remind_seconds)


def matches(lines: str, name: str) -> bool:
    """Whether one of the lines is this name, or its beginning before a `*`."""
    return any(name.startswith(line[:-1]) if line.endswith(ANY) else name == line for line in _lines(lines))


@lru_cache(maxsize=1024)
def _lines(lines: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in lines.splitlines() if line.strip())


def is_quiet(wish: NoticeWish, now: datetime) -> bool:
    """Whether it is a quiet hour where this person lives; from 22:00 to 07:00 goes over midnight."""
    begins, ends = wish.quiet_from, wish.quiet_to
    if begins is None or ends is None or begins == ends:
        return False
    there = now.astimezone(zone_of(wish)).time()
    return begins <= there < ends if begins < ends else there >= begins or there < ends


def zone_of(wish: NoticeWish | None) -> ZoneInfo:
    """The person's time zone; UTC where there is none of this name."""
    try:
        return ZoneInfo(wish.time_zone if wish else "UTC")
    except (ValueError, OSError, KeyError):
        return ZoneInfo("UTC")


def in_lines(names: Iterable[str]) -> str:
    """Names as they are kept, one a line; every name where there is none."""
    return "\n".join(dict.fromkeys(name.strip() for name in names if name.strip())) or ANY
