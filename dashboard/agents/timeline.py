"""The timeline of an agent: when status, task or progress changed, as spans of time and as a small chart."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from core.agents.heartbeat import FINAL_STATUSES
from core.agents.snapshot import TimelineEntry
from dashboard import words
from dashboard.display.amounts import whole_percent

WIDTH, HEIGHT = 1000, 100
SHOWN = 12


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
class ProgressLine:
    """The progress of one process over time, as steps."""

    points: str
    area: str


@dataclass(frozen=True)
class StatusMark:
    """A moment in the chart at which the status changed."""

    x: int
    kind: str


@dataclass(frozen=True)
class Timeline:
    """Spans newest first, earlier ones in `older`; a chart from `start` to `end`, with a line for each process."""

    spans: list[Span] = field(default_factory=list)
    older: list[Span] = field(default_factory=list)
    lines: list[ProgressLine] = field(default_factory=list)
    marks: list[StatusMark] = field(default_factory=list)
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
        axis = _Axis(ordered[0].at, max(until, ordered[-1].at))
        processes: dict[str, Sequence[TimelineEntry]] = (
            _by_process(ordered) if two_processes else {"": ordered}
        )
        spans = [span for name, own in processes.items() for span in _spans(own, axis.end, name)]
        spans = sorted(spans, key=lambda span: span.since)[::-1]  # of one moment, the later said comes first
        return cls(
            spans=spans[:SHOWN],
            older=spans[SHOWN:],
            lines=_lines(processes, axis),
            marks=_marks(ordered, axis) if not two_processes else [],
            start=axis.start,
            end=axis.end,
            unchanged_since=ordered[-1].at,
            said=words.PROGRESS.format(
                first=whole_percent(ordered[0].progress), last=whole_percent(ordered[-1].progress)
            ),
        )


@dataclass(frozen=True)
class _Axis:
    start: datetime
    end: datetime

    def x(self, moment: datetime) -> int:
        whole = (self.end - self.start).total_seconds()
        return round(WIDTH * (moment - self.start).total_seconds() / whole) if whole > 0 else WIDTH


def _by_process(ordered: Sequence[TimelineEntry]) -> dict[str, Sequence[TimelineEntry]]:
    found: dict[str, list[TimelineEntry]] = {}
    for entry in ordered:
        found.setdefault(entry.instance[:8], []).append(entry)
    return {**found}


def _spans(ordered: Sequence[TimelineEntry], end: datetime, process: str) -> list[Span]:
    """Entries that differ in progress alone are one span."""
    spans: list[Span] = []
    nexts = [entry.at for entry in ordered[1:]]
    for number, entry in enumerate(ordered):
        until = nexts[number] if number < len(nexts) else end
        goes_on = number == len(nexts) and entry.status not in FINAL_STATUSES
        percent = whole_percent(entry.progress)
        since, first_percent = entry.at, percent
        if spans and (spans[-1].status, spans[-1].task) == (entry.status, entry.task):
            begun = spans.pop()
            since, first_percent = begun.since, begun.first_percent
        spans.append(Span(since, until, entry.status, entry.task, first_percent, percent, process, goes_on))
    return spans


def _lines(processes: dict[str, Sequence[TimelineEntry]], axis: _Axis) -> list[ProgressLine]:
    """The process that spoke last comes last; all but the last two have ended where they fell silent."""
    by_last_word = sorted(processes.values(), key=lambda own: own[-1].at)
    ended, going_on = by_last_word[:-2], by_last_word[-2:]
    return [_line(own, axis, axis.x(own[-1].at)) for own in ended] + [
        _line(own, axis, WIDTH) for own in going_on
    ]


def _line(ordered: Sequence[TimelineEntry], axis: _Axis, until: int) -> ProgressLine:
    corners: list[tuple[int, int]] = []
    for entry in ordered:
        x, y = axis.x(entry.at), HEIGHT - whole_percent(entry.progress)
        if corners:
            corners.append((x, corners[-1][1]))
        corners.append((x, y))
    corners.append((until, corners[-1][1]))
    points = " ".join(f"{x},{y}" for x, y in corners)
    return ProgressLine(points, f"{corners[0][0]},{HEIGHT} {points} {until},{HEIGHT}")


def _marks(ordered: Sequence[TimelineEntry], axis: _Axis) -> list[StatusMark]:
    marks = []
    before = ""
    for entry in ordered:
        if entry.status != before:
            kind = "bad" if entry.status == "failed" else "start" if entry.status == "starting" else "other"
            marks.append(StatusMark(axis.x(entry.at), kind))
        before = entry.status
    return marks
