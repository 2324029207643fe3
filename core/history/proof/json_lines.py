"""The record as JSON Lines: each line holds all that is needed to verify it away from here."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time

from django.db.models import Max, Min
from django.utils.dateparse import parse_date, parse_datetime

from core.history.audit.chain import Link
from core.history.proof.verification import read_piece
from core.models import AuditEntry
from core.values.malformed import ODD


@dataclass(frozen=True)
class Selection:
    """Which entries: from a moment on, before another, of one kind, of one agent. Empty means all.

    Of times alone they are all from the first of them to the last, without a gap: an entry is appended when it is
    recorded, so one of another time may stand between them, and the chain is checked through it.
    """

    since: str = ""
    before: str = ""
    kind: str = ""
    agent: str = ""

    @classmethod
    def of(cls, since: str = "", before: str = "", kind: str = "", agent: str = "") -> "Selection":
        """From what a person wrote: a UTC day, or a time in ISO 8601. ValueError naming the value."""
        return cls(_moment(since), _moment(before), kind, agent)

    def takes(self, link: Link) -> bool:
        """Whether this entry of their `span` is among them. Times compare as text: all are UTC in ISO 8601.

        One with a time that is none is among those of any time.
        """
        if not (self.kind or self.agent):
            return True
        if (self.kind and link.kind != self.kind) or (self.agent and link.agent_id != self.agent):
            return False
        if not isinstance(link.at, str):
            return True
        return (not self.since or link.at >= self.since) and (not self.before or link.at < self.before)

    @property
    def span(self) -> tuple[int, int | None]:
        """Between which numbers they stand; no end where nothing bounds it."""
        if not (self.since or self.before):
            return 0, None
        found = AuditEntry.objects.order_by()
        if self.since:
            found = found.filter(at__gte=self.since)
        if self.before:
            found = found.filter(at__lt=self.before)
        ends = found.aggregate(first=Min("sequence"), last=Max("sequence"))
        return (1, 0) if ends["first"] is None else (ends["first"], ends["last"])


def _moment(text: str) -> str:
    if not text:
        return ""
    try:
        day = parse_date(text) if len(text) == 10 else None
        moment = datetime.combine(day, time()) if day else parse_datetime(text)
        if moment is not None:
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    except ODD:
        pass
    raise ValueError(f"{text[:50]!r} is neither a day such as 2026-03-01 nor a time in ISO 8601")


def pieces(selection: Selection) -> Iterator[str]:
    """Lines in pieces; one piece is held in memory, however long the record is."""
    first, last = selection.span
    after: int | None = first - 1
    while after is not None:
        links = read_piece(after, last)
        yield "".join(link.line() for link in links if selection.takes(link))
        after = links[-1].sequence if links else None
