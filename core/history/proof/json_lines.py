"""The record as JSON Lines: each line holds all that is needed to verify it away from here."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time

from asgiref.sync import sync_to_async
from django.utils.dateparse import parse_date, parse_datetime

from core.history.audit.chain import Link
from core.history.proof.verification import read_piece
from core.values.malformed import ODD


@dataclass(frozen=True)
class Selection:
    """Which entries: from a moment on, before another, of one kind, of one agent. Empty means all."""

    since: str = ""
    before: str = ""
    kind: str = ""
    agent: str = ""

    @classmethod
    def of(cls, since: str = "", before: str = "", kind: str = "", agent: str = "") -> "Selection":
        """From what a person wrote: a UTC day, or a time in ISO 8601. ValueError naming the value."""
        return cls(_moment(since), _moment(before), kind, agent)

    @property
    def contiguous(self) -> bool:
        """Whether no entry between two others is left out, where times ascend."""
        return not (self.kind or self.agent or self.since or self.before)

    def takes(self, link: Link) -> bool:
        """Whether this entry is among them. Times compare as text: all of them are UTC in ISO 8601.

        One with a time that is none is among those of any time.
        """
        if not isinstance(link.at, str):
            return (not self.kind or link.kind == self.kind) and (
                not self.agent or link.agent_id == self.agent
            )
        return (
            (not self.since or link.at >= self.since)
            and (not self.before or link.at < self.before)
            and (not self.kind or link.kind == self.kind)
            and (not self.agent or link.agent_id == self.agent)
        )


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
    after: int | None = -1
    while after is not None:
        text, after = _piece(after, selection)
        yield text


async def async_pieces(selection: Selection) -> AsyncIterator[str]:
    """The same for a response that is served asynchronously."""
    after: int | None = -1
    while after is not None:
        text, after = await sync_to_async(_piece)(after, selection)
        yield text


def _piece(after: int, selection: Selection) -> tuple[str, int | None]:
    """The lines of the next piece, and where the one after it begins; None at the end."""
    links = read_piece(after)
    text = "".join(link.line() for link in links if selection.takes(link))
    return text, links[-1].sequence if links else None
