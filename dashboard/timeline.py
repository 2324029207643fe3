"""The timeline of an agent: when status, task or progress changed, as spans of time and as a small chart."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from core.agent_snapshot import TimelineEntry
from core.agent_tracking import FINAL_STATUSES

WIDTH, HEIGHT = 1000, 100
SHOWN = 30


@dataclass(frozen=True)
class Span:
    """One status and task, from when until when, and how far the progress went meanwhile."""

    since: datetime
    until: datetime
    status: str
    task: str
    first_percent: int
    percent: int
    process: str
    goes_on: bool

    @property
    def lasted(self) -> timedelta:
        """How long."""
        return self.until - self.since


@dataclass(frozen=True)
class Mark:
    """A moment in the chart at which the status changed."""

    x: int
    kind: str


@dataclass(frozen=True)
class Timeline:
    """Spans newest first; `points` draw the progress over time as steps, from `start` to `end`."""

    spans: list[Span] = field(default_factory=list)
    hidden: int = 0
    points: str = ""
    area: str = ""
    marks: list[Mark] = field(default_factory=list)
    start: datetime | None = None
    end: datetime | None = None
    unchanged_since: datetime | None = None
    said: str = ""

    @classmethod
    def of(cls, entries: Sequence[TimelineEntry], until: datetime, *, two_processes: bool) -> "Timeline":
        """From entries, newest first. `until`: now, or the last beat of an agent that is not alive."""
        if not entries:
            return cls()
        ordered = entries[::-1]
        end = max(until, ordered[-1].at)
        spans = _spans(ordered, end, two_processes=two_processes)[::-1]
        points = _points(ordered, end)
        first, last = ordered[0], ordered[-1]
        return cls(
            spans=spans[:SHOWN],
            hidden=max(0, len(spans) - SHOWN),
            points=points,
            area=f"0,{HEIGHT} {points} {WIDTH},{HEIGHT}",
            marks=_marks(ordered, end),
            start=first.at,
            end=end,
            unchanged_since=last.at,
            said=f"Progress from {_percent(first)} % to {_percent(last)} %",
        )


def _spans(ordered: Sequence[TimelineEntry], end: datetime, *, two_processes: bool) -> list[Span]:
    """Entries that differ in progress alone are one span."""
    spans: list[Span] = []
    nexts: list[datetime] = [entry.at for entry in ordered[1:]]
    for number, entry in enumerate(ordered):
        until = nexts[number] if number < len(nexts) else end
        goes_on = number == len(nexts) and entry.status not in FINAL_STATUSES
        same = spans and (spans[-1].status, spans[-1].task) == (entry.status, entry.task)
        if same and not two_processes:
            begun = spans.pop()
            since, first_percent = begun.since, begun.first_percent
        else:
            since, first_percent = entry.at, _percent(entry)
        process = entry.instance[:8] if two_processes else ""
        spans.append(
            Span(since, until, entry.status, entry.task, first_percent, _percent(entry), process, goes_on)
        )
    return spans


def _points(ordered: Sequence[TimelineEntry], end: datetime) -> str:
    corners: list[tuple[int, int]] = []
    for entry in ordered:
        x, y = _x(entry.at, ordered[0].at, end), HEIGHT - _percent(entry)
        if corners:
            corners.append((x, corners[-1][1]))
        corners.append((x, y))
    corners.append((WIDTH, corners[-1][1]))
    return " ".join(f"{x},{y}" for x, y in corners)


def _marks(ordered: Sequence[TimelineEntry], end: datetime) -> list[Mark]:
    marks = []
    before = ""
    for entry in ordered:
        if entry.status != before:
            kind = "bad" if entry.status == "failed" else "start" if entry.status == "starting" else "other"
            marks.append(Mark(_x(entry.at, ordered[0].at, end), kind))
        before = entry.status
    return marks


def _x(moment: datetime, start: datetime, end: datetime) -> int:
    whole = (end - start).total_seconds()
    return round(WIDTH * (moment - start).total_seconds() / whole) if whole > 0 else WIDTH


def _percent(entry: TimelineEntry) -> int:
    return int(round(100 * entry.progress, 6))
