"""Calls of language models in SQL: each call id once for ever, and sums by the hour."""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, models, transaction

from core.history.database.locks import lift_statement_limit, without_statement_limit
from core.models import Cursor, LLMCall, UsageHour
from core.store.approvals import at
from core.usage.call import Call, parse_call, parse_prices
from core.usage.pricing import Prices
from core.usage.savings import prompt_cache_net, steps_of
from core.values.malformed import ODD

SetAside = Callable[[str, str, Exception], None]
Priced = tuple[Call, Prices]
Kind = tuple[datetime, str, str, str, str]

MAX_CALLS = 1_000
KIND = ("hour", "workflow", "tier", "provider", "model")
ROWS_AT_ONCE = 2_000
PRUNED_AT_ONCE = 1_000
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
SUMMED = [
    field.name
    for field in UsageHour._meta.get_fields()
    if isinstance(field, models.BigIntegerField | models.PositiveBigIntegerField)
    and not isinstance(field, models.BigAutoField)
]


def record(said: Mapping[str, str], set_aside: SetAside) -> None:
    """Write the calls of a batch that are not known yet, and add them to their hours."""
    shipped_at = at(said["shipped_ms"])
    told = _read(said["calls"])
    if not isinstance(told, list) or len(told) > MAX_CALLS:
        raise ValueError("calls is no list of at most a thousand")
    found: dict[str, Priced] = {}
    for number, item in enumerate(told):
        text = json.dumps(item, ensure_ascii=False)
        try:
            call = parse_call(text)
            found.setdefault(call.call_id, (call, parse_prices(text)))
        except ODD as error:
            set_aside(str(number), text, error)
    known = set(LLMCall.objects.filter(call_id__in=list(found)).values_list("call_id", flat=True))
    new = [priced for call_id, priced in found.items() if call_id not in known]
    LLMCall.objects.bulk_create([_row(*priced, shipped_at) for priced in new])
    _add_to_hours(new)


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("calls nests too deep") from error
    except ValueError:
        # A number of thousands of digits is the fault of one call: as a text it is refused there.
        return json.loads(text, parse_int=lambda digits: int(digits) if len(digits) < 30 else digits)


def forget(said: Mapping[str, str]) -> None:
    """A reset: forget what was shipped until then. Told again, later calls stay."""
    _forget_until(at(said["reset_ms"]))


def _forget_until(moment: datetime) -> int:
    with transaction.atomic():
        pruned = _keep_others_away()
        forgotten, _ = LLMCall.objects.filter(shipped_at__lte=moment).delete()
        # What was pruned cannot be summed anew. A reset that is told again must leave the sums that came after it.
        UsageHour.objects.filter(hour__lt=min(_hour_of(moment), pruned)).delete()
        rebuild_hours()
    return forgotten


def rebuild_hours() -> None:
    """Make the hourly sums anew from the calls; the sums of hours whose calls were pruned stay as they are."""
    with transaction.atomic():
        pruned = _keep_others_away()
        UsageHour.objects.filter(hour__gte=pruned).delete()
        rows = LLMCall.objects.filter(at__gte=pruned).order_by("at").iterator(ROWS_AT_ONCE)
        batch: list[Priced] = []
        for row in rows:
            batch.append(priced(row))
            if len(batch) == ROWS_AT_ONCE:
                _add_to_hours(batch)
                batch = []
        _add_to_hours(batch)


def calls_between(start: datetime, end: datetime) -> Iterator[Priced]:
    """The recorded calls from `start` until before `end`."""
    rows = LLMCall.objects.filter(at__gte=start, at__lt=end).order_by("at")
    return (priced(row) for row in rows.iterator(ROWS_AT_ONCE))


def rebuild_hours_between(start: datetime, end: datetime) -> None:
    """Make the hourly sums of a time anew from its calls; both ends are full hours. Pruned hours stay as they are."""
    with transaction.atomic():
        start = max(start, _keep_others_away())
        UsageHour.objects.filter(hour__gte=start, hour__lt=end).delete()
        _add_to_hours(calls_between(start, end))


def prune(now: datetime, days: int) -> int:
    """Delete the calls of before the last `days` days; returns how many. Their hourly sums stay for ever.

    Short transactions of 1,000 calls: the recorder writes in between, and a killed prune goes on at the next.
    """
    until = _hour_of(now - timedelta(days=days))
    with transaction.atomic():
        if until > _pruned_until():
            Cursor.objects.filter(name=Cursor.PRUNED).update(position=until.isoformat())
    pruned = 0
    while True:
        with transaction.atomic():
            _pruned_until()
            old = LLMCall.objects.filter(at__lt=until).order_by("at").values_list("pk", flat=True)
            count, _ = LLMCall.objects.filter(pk__in=list(old[:PRUNED_AT_ONCE])).delete()
        pruned += count
        if count < PRUNED_AT_ONCE:
            return pruned


def _pruned_until() -> datetime:
    """The hour before which calls may be gone, so that their sums are all there is; locked until we commit."""
    cursor, _ = Cursor.objects.select_for_update().get_or_create(name=Cursor.PRUNED)
    return BEGINNING if cursor.position == "0" else datetime.fromisoformat(cursor.position)


def _keep_others_away() -> datetime:
    """While sums are made anew nobody may record and nobody may prune. Returns until when was pruned."""
    lift_statement_limit(DEFAULT_DB_ALIAS, of_transaction=True)
    Cursor.objects.select_for_update().filter(name=Cursor.OUTBOX).first()
    return _pruned_until()


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


class CallHistory:
    """What commands and `UsageTracker` ask for when they want the whole history."""

    def calls(
        self, since: datetime | None, tiers: Collection[str] = (), *, oldest_first: bool = False
    ) -> Iterator[Priced]:
        """Every call since then, newest first, of these tiers alone if any are named; never all in memory."""
        rows = _since(since, tiers)
        with without_statement_limit():
            for row in (rows.order_by("at", "pk") if oldest_first else rows).iterator(ROWS_AT_ONCE):
                yield priced(row)

    def count(self, since: datetime | None, tiers: Collection[str] = ()) -> int:
        """How many calls that would be."""
        return _since(since, tiers).count()

    def reset(self, until: datetime) -> int:
        """Forget every recorded call that was shipped until then; the recorder forgets those on their way."""
        return _forget_until(until)


def _since(since: datetime | None, tiers: Collection[str]) -> models.QuerySet[LLMCall]:
    calls = LLMCall.objects.all() if since is None else LLMCall.objects.filter(at__gte=since)
    return calls.filter(tier__in=tiers) if tiers else calls


def _row(call: Call, prices: Prices, shipped_at: datetime) -> LLMCall:
    return LLMCall(
        call_id=call.call_id,
        at=call.at,
        shipped_at=shipped_at,
        agent_id=call.agent_id,
        workflow=call.workflow,
        stage=call.stage,
        tier=call.tier,
        model=call.model,
        provider=call.provider,
        user=call.user,
        cost_nano=call.cost,
        book_nano=prices.book,
        uncached_nano=prices.uncached,
        baseline_nano=prices.baseline,
        input_tokens=call.input,
        output_tokens=call.output,
        cache_read_tokens=call.cache_read,
        cache_write_tokens=call.cache_write,
        cache_hit=call.hit,
        cache_type=call.cache_type,
        prompt_cache_hit=call.prompt_hit,
        duration_ms=call.duration_ms,
    )


def priced(row: LLMCall) -> Priced:
    """A recorded call with its prices."""
    call = Call(
        call_id=row.call_id,
        us=round(row.at.timestamp() * 1_000_000),
        workflow=row.workflow,
        stage=row.stage,
        tier=row.tier,
        model=row.model,
        provider=row.provider,
        agent_id=row.agent_id,
        user=row.user,
        cost=row.cost_nano,
        input=row.input_tokens,
        output=row.output_tokens,
        cache_read=row.cache_read_tokens,
        cache_write=row.cache_write_tokens,
        hit=row.cache_hit,
        cache_type=row.cache_type,
        prompt_hit=row.prompt_cache_hit,
        duration_ms=row.duration_ms,
    )
    return call, Prices(row.book_nano, row.uncached_nano, row.baseline_nano)


def _add_to_hours(calls: Iterable[Priced]) -> None:
    sums: dict[Kind, dict[str, int]] = defaultdict(lambda: dict.fromkeys(SUMMED, 0))
    for call, prices in calls:
        hour = call.at.replace(minute=0, second=0, microsecond=0)
        row = sums[hour, call.workflow, call.tier, call.provider, call.model]
        for name, amount in _amounts(call, prices).items():
            row[name] += amount
    # One statement for all, in words of our own: putting it together anew took longer than running it.
    added = ", ".join(f"{column} = {column} + %s" for column in SUMMED)
    here = " AND ".join(f"{column} = %s" for column in KIND)
    with connection.cursor() as cursor:
        for (hour, *names), amounts in sorted(sums.items()):
            moment = connection.ops.adapt_datetimefield_value(hour)
            values = [*(amounts[name] for name in SUMMED), moment, *names]
            cursor.execute(f"UPDATE {UsageHour._meta.db_table} SET {added} WHERE {here}", values)
            if not cursor.rowcount:
                UsageHour.objects.create(hour=hour, **dict(zip(KIND[1:], names, strict=True)), **amounts)


def _amounts(call: Call, prices: Prices) -> dict[str, int]:
    steps = steps_of(call, prices)
    amounts = {
        "calls": 1,
        "cost_nano": call.cost,
        "input_tokens": call.input,
        "output_tokens": call.output,
        "cache_read_tokens": call.cache_read,
        "cache_write_tokens": call.cache_write,
        "cache_hits": int(call.hit),
        "prompt_cache_hits": int(call.read_a_prompt_cache),
        "prompt_cache_net_nano": prompt_cache_net(call, prices),
        "baseline_nano": steps.baseline,
        "routing_nano": steps.routing,
        "caching_nano": steps.caching,
        "difference_nano": steps.difference,
    }
    if steps.kind != "compared":
        amounts[f"{steps.kind}_calls"] = 1
        amounts[f"{steps.kind}_cost_nano"] = call.cost
    return amounts
