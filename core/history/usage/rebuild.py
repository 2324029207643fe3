"""The totals of days, made anew from the record, which is the truth: of closed days, and of those that were touched.

Redis counts a call again whose id comes back after 48 hours, and knows nothing of corrections, imports and late
prices; SQL does. A day that changes while it is rebuilt is left alone: calls still arrive in it.
"""

import logging
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta

from django.db.models import Sum

from core.history.usage import calls as history
from core.models import Cursor, LLMCall, SetAsideEntry, UsageHour
from core.store import outbox, usage
from core.store.client import Store, open_store
from core.usage.savings import SUMS, named_amounts

logger = logging.getLogger(__name__)

DAYS = 7
RETENTION_DAYS = 90
CATCH_UP_SECONDS = 10.0


def rebuild_closed_days(memory: object = None) -> dict[str, int]:
    """Rebuild the last seven closed UTC days: how many totals of each were wrong, -1 for one left alone.

    A day before the second day of recording, or from before calls were pruned, is left out: SQL does not know
    all of it. StoreUnavailable when Redis is away.
    """
    store = open_store(memory)
    first = LLMCall.objects.order_by("shipped_at").values_list("shipped_at", flat=True).first()
    if first is None:
        return {}
    known_after = max(first, history.pruned_until()).astimezone(UTC).date().isoformat()
    dates = usage.dates_until(store.time_ms(), DAYS + 1)[1:]
    return {date: _rebuild_closed(store, date) for date in dates if date > known_after}


def rebuild_touched_days(store: Store, *, patience: float = 0.0) -> dict[str, int]:
    """Make the totals of touched days anew, of any age: how many of each were wrong, -1 for one that stays touched.

    From the sums by the hour, so it takes as long for a million calls, and knows days whose calls were pruned.
    """
    rebuilt = {}
    for cursor in Cursor.objects.filter(name__startswith=Cursor.TOUCHED).order_by("name"):
        date = cursor.name.removeprefix(Cursor.TOUCHED)
        rebuilt[date] = wrong = _rebuild(store, date, patience, emptied=True)
        if wrong >= 0:
            # Touched again meanwhile, it is kept.
            Cursor.objects.filter(name=cursor.name, updated_at=cursor.updated_at).delete()
    return rebuilt


def day_amounts(start: datetime, end: datetime) -> dict[str, int]:
    """The totals of a time as Redis has them, by the sums of its hours."""
    added = {name: Sum(column) for name, column in SUMS.items()}
    rows = UsageHour.objects.filter(hour__gte=start, hour__lt=end)
    amounts: dict[str, int] = defaultdict(int)
    names = ("workflow", "tier", "provider", "model")
    # The names of the sums are those of columns too, so they are asked for by their places.
    for row in (
        rows.values_list(*names).annotate(**{f"sum_{name}": by for name, by in added.items()}).order_by()
    ):
        workflow, tier, provider, model, *found = row
        sums = dict(zip(SUMS, found, strict=True))
        for name, amount in named_amounts(workflow, tier, provider, model, sums).items():
            amounts[name] += amount
    return amounts


def _rebuild_closed(store: Store, date: str) -> int:
    history.rebuild_hours(*_day(date))
    wrong = _rebuild(store, date, CATCH_UP_SECONDS)
    if wrong < 0:
        logger.warning("the totals of %s stay as they are: not every call of it is recorded", date)
    elif wrong > 0:
        logger.warning("%d totals of %s were wrong and are made anew from the record", wrong, date)
    return wrong


def _rebuild(store: Store, date: str, patience: float, *, emptied: bool = False) -> int:
    """`emptied`: no recorded call may be left of a day of which Redis has some."""
    calls, place = usage.calls_and_place(store, date)
    if not _recorded_until(store, place, patience) or _set_aside_calls():
        return -1
    sums = day_amounts(*_day(date))
    if not (sums or emptied):
        return 0 if calls == "0" else -1
    return usage.rebuild(store, date, calls=calls, amounts=sums, retention_days=RETENTION_DAYS)


def _day(date: str) -> tuple[datetime, datetime]:
    start = datetime.fromisoformat(date).replace(tzinfo=UTC)
    return start, start + timedelta(days=1)


def _recorded_until(store: Store, place: str, patience: float) -> bool:
    """Whether SQL holds the outbox up to a place, waiting a little for the recorder."""
    end = time.monotonic() + patience
    while True:
        cursor = Cursor.objects.filter(name=Cursor.OUTBOX).first()
        if cursor is None or cursor.installation != outbox.current_installation(store):
            return False
        if outbox.numbers(cursor.position) >= outbox.numbers(place):
            return True
        if time.monotonic() >= end:
            return False
        time.sleep(0.2)


def _set_aside_calls() -> bool:
    waiting = SetAsideEntry.objects.filter(repaired_at=None, fields__contains='"llm_calls"')
    return waiting.exists()
