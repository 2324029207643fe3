"""Calls that others wrote down, taken into the record: in batches, each once, and the days they touch made right."""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice

from django.db import transaction

from core.errors import StoreUnavailable
from core.history.usage import calls as history
from core.history.usage import rebuild
from core.store.client import open_store
from core.usage.call import Call
from core.usage.history import ImportCounts
from core.usage.pricing import PriceBook, configured_book

logger = logging.getLogger(__name__)

AT_ONCE = 1_000


class RecordedCalls(history.CallHistory):
    """The whole history, which also takes calls from elsewhere."""

    def take(self, calls: Iterable[Call]) -> ImportCounts:
        """Write calls, each once; what is pruned does not come back. Days are made anew, now or by the recorder."""
        book, taken, coming = configured_book(), ImportCounts(), iter(calls)
        while batch := list(islice(coming, AT_ONCE)):
            taken = taken.plus(_take(batch, book))
        if taken.new or taken.corrected:
            try:
                rebuild.rebuild_touched_days(open_store(), patience=rebuild.CATCH_UP_SECONDS)
            except StoreUnavailable as error:
                logger.warning("the recorder makes the totals of these days anew, since now: %s", error)
        return taken


def _take(batch: list[Call], book: PriceBook) -> ImportCounts:
    for call in batch:
        call.price(book)
    with transaction.atomic():
        pruned = history.keep_others_away()
        kept = [call for call in batch if call.at >= pruned]
        told = history.tell(kept, datetime.now(UTC), imported=True)
    return ImportCounts(len(batch), told.new, told.corrected, len(batch) - len(kept))
