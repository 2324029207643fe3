"""The whole history of calls, where there is one: the Django project says here who reads it."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import NamedTuple, Protocol

from ..errors import HistoryUnavailable
from .call import Call


class ImportCounts(NamedTuple):
    """What became of calls from elsewhere; those that are neither new nor corrected nor too old were known."""

    read: int = 0
    new: int = 0
    corrected: int = 0
    too_old: int = 0

    def plus(self, other: "ImportCounts") -> "ImportCounts":
        """Both together."""
        return ImportCounts(*map(sum, zip(self, other, strict=True)))


class UsageHistory(Protocol):
    """What the project offers."""

    def calls(
        self, since: datetime | None, tiers: Collection[str] = (), *, oldest_first: bool = False
    ) -> Iterator[Call]:
        """Every call since then, newest first, of these tiers alone if any are named; never all in memory."""

    def count(self, since: datetime | None, tiers: Collection[str] = ()) -> int:
        """How many calls that would be."""

    def take(self, calls: Iterable[Call]) -> ImportCounts:
        """Write calls that came from elsewhere, each once."""

    def reset(self, until: datetime) -> int:
        """Forget every call that was shipped until then; returns how many there were."""


_registered: list[UsageHistory] = []


def register(history: UsageHistory) -> None:
    """Called by the project when it starts."""
    _registered[:] = [history]


def history(command: str) -> UsageHistory:
    """The registered history, or HistoryUnavailable naming the command that reaches it."""
    if not _registered:
        raise HistoryUnavailable(
            "the whole history is in the site's database, which this process does not have: "
            f"run `python manage.py telemetry {command}` where the site runs"
        )
    return _registered[0]
