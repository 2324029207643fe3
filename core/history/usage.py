"""Calls of language models in SQL: each call id once for ever, and sums by the hour."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db import models, transaction
from django.db.models import F

from core.history.locks import hold_recorder
from core.models import LLMCall, UsageHour
from core.pricing import Prices
from core.store.approvals import at
from core.usage_calls import Call, parse_call, parse_prices, plain_entry
from core.usage_savings import prompt_cache_net, steps_of

SetAside = Callable[[str, str, Exception], None]
Priced = tuple[Call, Prices]
Kind = tuple[datetime, str, str, str, str]

MAX_CALLS = 1_000
ROWS_AT_ONCE = 2_000
_SUMMED = [
    field.name
    for field in UsageHour._meta.get_fields()
    if isinstance(field, models.BigIntegerField | models.PositiveBigIntegerField)
    and not isinstance(field, models.BigAutoField)
]


def record(said: Mapping[str, str], set_aside: SetAside) -> None:
    """Write the calls of a batch that are not known yet, and add them to their hours."""
    shipped_at = at(said["shipped_ms"])
    try:
        told = json.loads(said["calls"])
    except RecursionError as error:
        raise ValueError("calls nests too deep") from error
    if not isinstance(told, list) or len(told) > MAX_CALLS:
        raise ValueError("calls is no list of at most a thousand")
    found: dict[str, Priced] = {}
    for number, item in enumerate(told):
        text = json.dumps(item, ensure_ascii=False)
        try:
            call = parse_call(text)
            found.setdefault(call.call_id, (call, parse_prices(text)))
        except (ValueError, RecursionError, OverflowError) as error:
            set_aside(str(number), text, error)
    known = set(LLMCall.objects.filter(call_id__in=list(found)).values_list("call_id", flat=True))
    new = [priced for call_id, priced in found.items() if call_id not in known]
    LLMCall.objects.bulk_create([_row(*priced, shipped_at) for priced in new])
    _add_to_hours(new)


def forget(said: Mapping[str, str]) -> None:
    """A reset: forget what was shipped until then. Told again, later calls stay."""
    _forget_until(at(said["reset_ms"]))


def _forget_until(moment: datetime) -> int:
    hold_recorder()
    forgotten, _ = LLMCall.objects.filter(shipped_at__lte=moment).delete()
    rebuild_hours()
    return forgotten


def rebuild_hours() -> None:
    """Make the hourly sums anew from the calls."""
    with transaction.atomic():
        hold_recorder()
        UsageHour.objects.all().delete()
        rows = LLMCall.objects.order_by("at").iterator(ROWS_AT_ONCE)
        batch: list[Priced] = []
        for row in rows:
            batch.append(_priced(row))
            if len(batch) == ROWS_AT_ONCE:
                _add_to_hours(batch)
                batch = []
        _add_to_hours(batch)


class CallHistory:
    """What `UsageTracker` asks for when it wants the whole history."""

    def entries(self, since: datetime | None) -> Iterator[dict[str, Any]]:
        """Every call since then, newest first."""
        calls = LLMCall.objects.all() if since is None else LLMCall.objects.filter(at__gte=since)
        for row in calls.iterator(ROWS_AT_ONCE):
            yield plain_entry(*_priced(row))

    def reset(self, until: datetime) -> int:
        """Forget every recorded call that was shipped until then; the recorder forgets those on their way."""
        with transaction.atomic():
            return _forget_until(until)


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


def _priced(row: LLMCall) -> Priced:
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
    sums: dict[Kind, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_SUMMED, 0))
    for call, prices in calls:
        hour = call.at.replace(minute=0, second=0, microsecond=0)
        row = sums[hour, call.workflow, call.tier, call.provider, call.model]
        for name, amount in _amounts(call, prices).items():
            row[name] += amount
    for (hour, workflow, tier, provider, model), amounts in sorted(sums.items()):
        kind = {"hour": hour, "workflow": workflow, "tier": tier, "provider": provider, "model": model}
        added = {name: F(name) + amount for name, amount in amounts.items() if amount}
        if not UsageHour.objects.filter(**kind).update(**added):
            UsageHour.objects.create(**kind, **amounts)


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
