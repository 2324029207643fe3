"""Calls of language models in SQL: each call id once for ever, as its fullest telling has it, and sums by the hour."""

import json
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace as replace_fields
from datetime import UTC, date, datetime, timedelta
from functools import cache, reduce
from itertools import islice
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS, connection, models, transaction

from core.history.database.locks import hold_recorder, lift_statement_limit, without_statement_limit
from core.history.usage.hours import AGENT, AGENT_SUMS, KIND, HourSums, forget_agents
from core.history.usage.names import CallNames, forget_of_nobody
from core.models import AgentHour, Cursor, LLMCall, UsageHour
from core.usage.call import COLUMNS, Call, call_of, checked_call, row_of
from core.usage.pricing import PriceBook, configured_book
from core.usage.savings import SUMS, sums_of
from core.usage.telling import CallTellings, correction, group_tellings, merged_call
from core.values.malformed import ODD
from core.values.moments import at

logger = logging.getLogger(__name__)

SetAside = Callable[[str, str, Exception], None]

MAX_CALLS = 1_000
ROWS_AT_ONCE = 2_000
PRUNED_AT_ONCE = 1_000
REPLACED_AT_ONCE = 20  # rows of a statement, each with a value for every column
BEGINNING, END = datetime(1970, 1, 1, tzinfo=UTC), datetime(2201, 1, 1, tzinfo=UTC)  # calls are of before it


def record(said: Mapping[str, str], set_aside: SetAside) -> None:
    """Write the calls of a batch that are not known yet, and add them to their hours."""
    shipped_at = at(said["shipped_ms"])
    told = _read(said["calls"])
    if not isinstance(told, list) or len(told) > MAX_CALLS:
        raise ValueError("calls is no list of at most a thousand")
    calls: list[Call] = []
    for number, item in enumerate(told):
        try:
            calls.append(checked_call(item))
        except ODD as error:
            set_aside(str(number), json.dumps(item, ensure_ascii=False), error)
    tell(calls, shipped_at)


class CallCorrection(NamedTuple):
    """A row that stands otherwise than before."""

    row: LLMCall
    before: Call
    after: Call


class CallCounts(NamedTuple):
    """How many calls were new, and how many stand otherwise than before."""

    new: int
    corrected: int


def tell(calls: Iterable[Call], shipped_at: datetime, *, imported: bool = False) -> CallCounts:
    """Write calls that are not known yet, and correct those that are, with the sums of their hours.

    Days of which Redis may have another total are noted, to be made anew. In a transaction, in the recorder's turn.
    `imported`: Redis knows nothing of them, and of equals what is recorded stays.
    """
    coming = list(calls)
    names, batch = CallNames(coming), _Batch()
    for one in group_tellings(coming, names.held()):
        if one.told:
            stands = batch.take(one, names.rows, shipped_at, imported)
            names.stand_for(stands.call_id, one)
    _insert(batch.new, shipped_at)
    add_to_hours(batch.new)
    _delete(batch.gone)
    replace(batch.corrected)
    names.write()
    touch(batch.touched)
    if batch.corrected:
        logger.info("%d calls were told again and are corrected in the record", len(batch.corrected))
    return CallCounts(len(batch.new), len(batch.corrected))


class _Batch:
    """What a batch changes: calls that are new, rows that stand otherwise, and rows that were another's all along."""

    def __init__(self) -> None:
        self.new: list[Call] = []
        self.corrected: list[CallCorrection] = []
        self.gone: list[tuple[LLMCall, Call]] = []
        self.touched: set[date] = set()

    def take(
        self, one: CallTellings, rows: Mapping[str, LLMCall], shipped_at: datetime, imported: bool
    ) -> Call:
        """One call of it; what stands of it now."""
        told = reduce(merged_call, one.told)
        days = {call.at.date() for call in (*one.held, *one.told)}
        if not one.held:
            self.new.append(told)
            # Under two names Redis has counted it twice.
            if imported or len({call.call_id for call in one.told}) > 1:
                self.touched |= days
            return told
        mine = sorted(((rows[call.call_id], call) for call in one.held), key=lambda held: held[0].pk)
        (row, before), *others = mine
        again = imported or any(shipped_at < held.shipped_at for held, _call in mine)
        whole = _of_rows([call for _row, call in mine])
        after = correction(whole, told, _book, again=again) or whole
        self.gone += others
        if after != before:
            row.shipped_at = max(shipped_at, *(held.shipped_at for held, _call in mine), row.shipped_at)
            self.corrected.append(CallCorrection(row, before, after))
        if after != before or not imported:
            self.touched |= days
        return after


def _of_rows(held: list[Call]) -> Call:
    """What stands of rows that are one call, as is known only now."""
    whole = held[0]
    for other in held[1:]:
        tellings = whole.tellings + other.tellings
        whole = replace_fields(correction(whole, other, _book, again=False) or whole, tellings=tellings)
    return whole


def _delete(gone: Collection[tuple[LLMCall, Call]]) -> None:
    if gone:
        LLMCall.objects.filter(pk__in=[row.pk for row, _call in gone]).delete()
        add_to_hours((call for _row, call in gone), sign=-1)


def _insert(calls: Collection[Call], shipped_at: datetime) -> None:
    """In one statement, in words of our own: putting it together for each row took longer than all else of a row."""
    columns = [*COLUMNS.values(), "shipped_at"]
    fields = [LLMCall._meta.get_field(column) for column in columns]
    adapted = [
        (place, field.get_db_prep_value)
        for place, field in enumerate(fields)
        if isinstance(field, models.DateTimeField | models.JSONField)
    ]
    rows = []
    for call in calls:
        row = [*row_of(call).values(), shipped_at]
        for place, adapt in adapted:
            row[place] = adapt(row[place], connection)
        rows.append(row)
    names = ", ".join(map(connection.ops.quote_name, columns))
    marks = ", ".join(["%s"] * len(columns))
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {LLMCall._meta.db_table} ({names}) VALUES ({marks})", rows)


def replace(changes: Collection[CallCorrection]) -> None:
    """Write these rows anew, and move the sums of their hours by the difference."""
    for row, _before, after in changes:
        for column, value in row_of(after).items():
            setattr(row, column, value)
    columns = [*COLUMNS.values(), "shipped_at"]
    LLMCall.objects.bulk_update([change.row for change in changes], columns, batch_size=REPLACED_AT_ONCE)
    add_to_hours((change.before for change in changes), sign=-1)
    add_to_hours(change.after for change in changes)


@cache
def _book() -> PriceBook:
    return configured_book()


def touch(days: Iterable[date]) -> None:
    """Note days whose totals in Redis are to be made anew from the record."""
    noted = [Cursor(name=f"{Cursor.TOUCHED}{day.isoformat()}") for day in sorted(days)]
    Cursor.objects.bulk_create(
        noted, update_conflicts=True, unique_fields=["name"], update_fields=["updated_at"]
    )


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
        pruned = keep_others_away()
        forgotten, _ = LLMCall.objects.filter(shipped_at__lte=moment).delete()
        # What was pruned cannot be summed anew. A reset that is told again must leave the sums that came after it.
        UsageHour.objects.filter(hour__lt=min(whole_hour(moment), pruned)).delete()
        forget_agents(BEGINNING, min(whole_hour(moment), pruned))
        forget_of_nobody()
        rebuild_hours()
    return forgotten


def rebuild_hours(start: datetime = BEGINNING, end: datetime = END) -> None:
    """Make the hourly sums of a time anew from its calls; both ends are full hours. Pruned hours stay as they are."""
    with transaction.atomic():
        start = max(start, keep_others_away())
        UsageHour.objects.filter(hour__gte=start, hour__lt=end).delete()
        forget_agents(start, end)
        calls = _each(LLMCall.objects.filter(at__gte=start, at__lt=end).order_by("at"))
        while batch := list(islice(calls, ROWS_AT_ONCE)):
            add_to_hours(batch)


def _each(rows: models.QuerySet[LLMCall]) -> Iterator[Call]:
    return (call_of(row) for row in rows.iterator(ROWS_AT_ONCE))


def prune(now: datetime, days: int) -> int:
    """Delete the calls of before the last `days` days; returns how many. Their hourly sums stay for ever.

    Short transactions of 1,000 calls: the recorder writes in between, and a killed prune goes on at the next.
    """
    until = whole_hour(now - timedelta(days=days))
    with transaction.atomic():
        if until > pruned_until(locked=True):
            Cursor.objects.filter(name=Cursor.PRUNED).update(position=until.isoformat())
    pruned = 0
    while True:
        with transaction.atomic():
            pruned_until(locked=True)
            old = LLMCall.objects.filter(at__lt=until).order_by("at").values_list("pk", flat=True)
            count, _ = LLMCall.objects.filter(pk__in=list(old[:PRUNED_AT_ONCE])).delete()
        pruned += count
        if count < PRUNED_AT_ONCE:
            forget_of_nobody()
            return pruned


def pruned_until(*, locked: bool = False) -> datetime:
    """The hour before which calls may be gone, so that their sums are all there is; `locked` until we commit."""
    if locked:
        cursor, _ = Cursor.objects.select_for_update().get_or_create(name=Cursor.PRUNED)
    else:
        cursor = Cursor.objects.filter(name=Cursor.PRUNED).first() or Cursor(name=Cursor.PRUNED)
    return BEGINNING if cursor.position == "0" else datetime.fromisoformat(cursor.position)


def keep_others_away() -> datetime:
    """While sums are made anew nobody may record and nobody may prune. Returns until when was pruned."""
    lift_statement_limit(DEFAULT_DB_ALIAS, of_transaction=True)
    hold_recorder()
    return pruned_until(locked=True)


def whole_hour(moment: datetime) -> datetime:
    """The start of its UTC hour."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


class CallHistory:
    """What commands and `UsageTracker` ask for when they want the whole history; `RecordedCalls` also takes calls."""

    def calls(
        self, since: datetime | None, tiers: Collection[str] = (), *, oldest_first: bool = False
    ) -> Iterator[Call]:
        """Every call since then, newest first, of these tiers alone if any are named; never all in memory."""
        rows = _since(since, tiers)
        with without_statement_limit():
            yield from _each(rows.order_by("at", "pk") if oldest_first else rows)

    def count(self, since: datetime | None, tiers: Collection[str] = ()) -> int:
        """How many calls that would be."""
        return _since(since, tiers).count()

    def reset(self, until: datetime) -> int:
        """Forget every recorded call that was shipped until then; the recorder forgets those on their way."""
        return _forget_until(until)


def _since(since: datetime | None, tiers: Collection[str]) -> models.QuerySet[LLMCall]:
    calls = LLMCall.objects.all() if since is None else LLMCall.objects.filter(at__gte=since)
    return calls.filter(tier__in=tiers) if tiers else calls


def add_to_hours(calls: Iterable[Call], sign: int = 1) -> None:
    """Add calls to the sums of their hours; with a sign of -1 take them away, and hours without calls with them."""
    kinds, agents = HourSums(UsageHour, KIND, SUMS), HourSums(AgentHour, AGENT, AGENT_SUMS)
    for call in calls:
        hour = whole_hour(call.at)
        amounts = {name: sign * amount for name, amount in sums_of(call).items()}
        kinds.add((hour, call.workflow, call.tier, call.provider, call.model), amounts)
        agents.add((hour, call.agent_id), amounts)
    agents.write()
    kinds.write()
    if sign < 0:
        UsageHour.objects.filter(hour__in=kinds.hours, calls=0).delete()
