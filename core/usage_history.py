"""The whole history of calls, where there is one: the Django project says here who reads it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Protocol

from core.errors import HistoryUnavailable


class UsageHistory(Protocol):
    """What the project offers."""

    def entries(self, since: datetime | None) -> Iterator[dict[str, Any]]:
        """Every call since then, newest first."""

    def reset(self, until: datetime) -> int:
        """Forget every call that was shipped until then; returns how many there were."""


_registered: list[UsageHistory] = []


def register(history: UsageHistory) -> None:
    """Called by the project when it starts."""
    _registered[:] = [history]


def history(call: str) -> UsageHistory:
    """The registered history, or HistoryUnavailable saying where `call` reaches it."""
    if not _registered:
        raise HistoryUnavailable(
            "the whole history is in the site's database, which this process does not have: "
            f"call `UsageTracker().{call}` in `python manage.py shell` where the site runs"
        )
    return _registered[0]
