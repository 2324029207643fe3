"""Calls of models that had no price when they were told, priced once there is one."""

import logging
from datetime import UTC, date, datetime

from django.db import transaction

from core.history.audit import entries
from core.history.usage import calls as history
from core.models import LLMCall
from core.usage.call import call_of
from core.usage.pricing import PriceBook, configured_book

logger = logging.getLogger(__name__)

AT_ONCE = 500


def price_late(book: PriceBook | None = None) -> dict[str, int]:
    """Price what the book, or TELEMETRY_PRICES, knows by now: how many calls by provider/model.

    The record says so. Days that were touched are to be made anew.
    """
    known, now = configured_book() if book is None else book, datetime.now(UTC)
    priced = {}
    waiting = LLMCall.objects.filter(book_nano=None).order_by().values_list("provider", "model").distinct()
    for provider, model in list(waiting):
        # A price that has begun never ends: where there is none today, there was none on the day of any call.
        if known.find(provider, model, now) is not None and (count := _price(known, provider, model)):
            priced[f"{provider}/{model}"] = count
            logger.info("%d calls of %s/%s had no price and have one now", count, provider, model)
    return priced


def _price(book: PriceBook, provider: str, model: str) -> int:
    total, after = 0, 0
    while True:
        with transaction.atomic():
            history.keep_others_away()
            unpriced = LLMCall.objects.filter(book_nano=None, provider=provider, model=model, pk__gt=after)
            rows = list(unpriced.order_by("pk")[:AT_ONCE])
            count = _price_rows(book, rows)
            if count:
                what = f"calls of {provider}/{model} that had no price were priced"
                entries.append([entries.repaired(what, calls=count)])
        total += count
        if len(rows) < AT_ONCE:
            return total
        after = rows[-1].pk


def _price_rows(book: PriceBook, rows: list[LLMCall]) -> int:
    changed: list[history.CallCorrection] = []
    touched: set[date] = set()
    for row in rows:
        before, after = call_of(row), call_of(row)
        after.price(book)
        if after.book is not None:
            changed.append(history.CallCorrection(row, before, after))
            touched.add(before.at.date())
    history.replace(changed)
    history.touch(touched)
    return len(changed)
