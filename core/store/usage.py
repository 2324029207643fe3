"""Tracked calls as Redis counts them: batches that arrive once, exact totals by day, the newest calls."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from ..errors import StoreUnavailable
from ..values.json import json_bytes
from ..values.moments import at, milliseconds_of
from ..values.pairs import pairs
from .client import Store
from .keys import DAY_MS, Keys
from .script import SCRIPTS, Command, refuse_errors

logger = logging.getLogger(__name__)

SHIP = SCRIPTS["usage/ship"]
RESET = SCRIPTS["usage/reset"]
REBUILD = SCRIPTS["usage/rebuild"]

# Lua's numbers are exact below 2^53: so many calls, each of at most so much, stay below it in one batch.
BATCH_CALLS = 200
MAX_AMOUNT = 40_000 * 10**9
DAY_US = DAY_MS * 1000
SEEN_DAYS = 3


# Further totals of a day that calls are in, each with the amount that it takes.
Also = tuple[tuple[str, str], ...]


@dataclass
class CallBatch:
    """Calls of one spool between two places in it, grouped as the script counts them."""

    spool: str
    start: int
    end: int
    _also: dict[int, Also] = field(default_factory=dict)
    _groups: dict[tuple[str, str, int], tuple[dict[str, int], list[tuple[int, bytes | str]]]] = field(
        default_factory=dict
    )

    def add(
        self, call_id: str, us: int, amounts: Mapping[str, int], text: bytes | str, also: Also = ()
    ) -> None:
        """Add a call; `call_id` is '' where nobody else can have used its id."""
        # The same few come again and again, and are one object: to compare them would take longer.
        key = (call_id, date_of(us), id(also))
        group = self._groups.get(key)
        if group is None:
            self._also[id(also)] = also
            self._groups[key] = dict(amounts), [(us, text)]
            return
        if call_id:
            return  # the same call twice in one batch
        sums, calls = group
        for name, amount in amounts.items():
            sums[name] = sums.get(name, 0) + amount
        calls.append((us, text))

    def parts(self, now_ms: int, retention_days: int) -> tuple[list[str], list[int], list[Any]]:
        """The days touched, when each expires in ms, and the script's other arguments.

        What comes later than its retention stays for a day: an end in the past would delete it unseen.
        """
        days = sorted({date for _, date, _ in self._groups})
        place = {date: index for index, date in enumerate(days, 1)}
        kind = {also: index for index, also in enumerate(self._also, 1)}
        groups, told = [], list[Any]()
        for (call_id, date, also), (sums, calls) in self._groups.items():
            groups.append((call_id, place[date], kind[also], len(calls), sums))
            for call in calls:
                told += call
        counted = json_bytes({"also": [*self._also.values()], "groups": groups})
        ends = [start_of(date) + (retention_days + 1) * DAY_MS for date in days]
        return days, [max(end, now_ms + DAY_MS) for end in ends], [self.start, self.end, counted, *told]


def date_of(us: int) -> str:
    """The UTC day of a moment, as in keys."""
    return _date_of_day(us // DAY_US)


@lru_cache(maxsize=512)
def _date_of_day(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_MS / 1000, UTC).date().isoformat()


def start_of(date: str) -> int:
    """When a UTC day begins, in ms."""
    return int(datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp()) * 1000


def dates_until(now_ms: int, days: int) -> list[str]:
    """The last `days` UTC days, today first."""
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    return [(today - timedelta(days=back)).isoformat() for back in range(days)]


def shipped_and_time(store: Store, spool: str) -> tuple[int, int]:
    """How far a spool is shipped, and the server's time in ms."""
    place, now = store.read_many([["GET", store.keys.usage_shipped(spool)], ["TIME"]])
    refuse_errors("the place in a spool", place)
    if place and not (place.isdigit() and len(place) <= 18):
        raise StoreUnavailable(f"{store.keys.usage_shipped(spool)} is no place in a spool: {place[:100]!r}")
    return int(place or 0), milliseconds_of(now)


def knows_spool(store: Store, spool: str) -> bool:
    """Whether a spool was shipped here before: then it is of this installation."""
    return bool(store.read("EXISTS", store.keys.usage_shipped(spool)))


class SpoiltSum(NamedTuple):
    """A sum of a day to which nothing could be added, and which is counted anew from 0."""

    date: str
    name: bytes
    value: bytes


class Shipped(NamedTuple):
    """How far a spool is shipped now, how many calls this run counted, and the sums that were set aside."""

    place: int
    counted: int
    spoilt: list[SpoiltSum]


def shipping(keys: Keys, batch: CallBatch, now_ms: int, retention_days: int) -> Command[Shipped]:
    """Count a batch of calls and move the place in its spool forward with them."""
    days, expires_ms, arguments = batch.parts(now_ms, retention_days)
    script_keys = [
        keys.usage_shipped(batch.spool),
        keys.usage_recent,
        *(keys.usage_seen(date) for date in dates_until(now_ms, SEEN_DAYS)),
        keys.outbox,
        keys.installation,
        keys.event_stream("llm_call"),
        keys.event_types,
        *(keys.usage_day(date) for date in days),
    ]

    def shipped(reply: list[Any]) -> Shipped:
        place, counted, spoilt = reply
        told = zip(spoilt[::3], spoilt[1::3], spoilt[2::3], strict=True)
        return Shipped(
            int(place), int(counted), [SpoiltSum(days[day - 1], name, value) for day, name, value in told]
        )

    return Command(SHIP, script_keys, [*arguments[:2], len(days), *expires_ms, *arguments[2:]], shipped)


def ship(store: Store, batch: CallBatch, now_ms: int, retention_days: int) -> tuple[int, int]:
    """Count a batch, once however often it is sent: (how far the spool is shipped, calls counted now)."""
    command = shipping(store.keys, batch, now_ms, retention_days)
    place, counted, spoilt = store.run_confirmed(lambda line: line.run(command))
    for date, name, value in spoilt:
        logger.error(
            "the total %r of %s was %r, to which nothing can be added, and is counted anew from 0; "
            "when the day is over the job that rebuilds totals makes it right from the record",
            _text(name), date, value,
        )  # fmt: skip
    return place, counted


def forget_spool(store: Store, spool: str) -> None:
    """A spool that is gone needs no place any more."""
    store.write("DEL", store.keys.usage_shipped(spool))


def totals(store: Store, days: int) -> dict[str, int]:
    """The sums of the last `days` UTC days, field by field: two round trips, however many calls there were."""
    return totals_of(store, dates_until(store.time_ms(), days))


def totals_of(store: Store, dates: Sequence[str]) -> dict[str, int]:
    """The sums of these UTC days."""
    keys = [store.keys.usage_day(date) for date in dates]
    sums: dict[bytes, int] = {}
    for date, reply in zip(dates, store.read_many([["HGETALL", key] for key in keys]), strict=True):
        refuse_errors("the totals of a day", reply)
        for name, amount in pairs(reply).items():
            try:
                sums[name] = sums.get(name, 0) + int(amount)
            except ValueError:
                logger.error("the total %r of %s is left out: it is no whole number", _text(name), date)
    return {_text(name): amount for name, amount in sums.items()}


def _text(name: bytes) -> str:
    return name.decode(errors="replace")


def recent(store: Store, limit: int, since_us: int | None) -> list[bytes]:
    """The newest calls as they were stored, newest first."""
    oldest = "-inf" if since_us is None else since_us
    reply = store.read("ZRANGE", store.keys.usage_recent, "+inf", oldest, "BYSCORE", "REV", "LIMIT", 0, limit)
    return list(reply)


def reset(store: Store, days: int) -> datetime:
    """Forget the calls of the last `days` UTC days, here and in what the recorder writes; the server's time of it."""
    keys, dates = store.keys, dates_until(store.time_ms(), max(days, SEEN_DAYS))
    forgotten = [*(keys.usage_seen(date) for date in dates[:SEEN_DAYS]), *map(keys.usage_day, dates)]
    return at(
        store.run(Command(RESET, [keys.usage_recent, keys.outbox, keys.installation, *forgotten], [], int))
    )


def calls_and_place(store: Store, date: str) -> tuple[str, str]:
    """How many calls a day counts, as it stands there, and the newest place in the outbox: they are told by then."""
    calls, newest = store.read_many(
        [
            ["HGET", store.keys.usage_day(date), "calls"],
            ["XREVRANGE", store.keys.outbox, "+", "-", "COUNT", 1],
        ]
    )
    refuse_errors("the totals of a day", calls, newest)
    return _text(calls or b"0"), newest[0][0].decode() if newest else "0-0"


def rebuild(store: Store, date: str, *, calls: str, amounts: Mapping[str, int], retention_days: int) -> int:
    """Write a day's totals anew, unless it counts other than `calls` by now: fields that were wrong, or -1.

    An old day stays for a day more: an end in the past would delete it unseen.
    """
    expires_ms = max(start_of(date) + (retention_days + 1) * DAY_MS, store.time_ms() + DAY_MS)
    said = [part for name, amount in amounts.items() for part in (name, str(amount))]
    return store.run(Command(REBUILD, [store.keys.usage_day(date)], [calls, expires_ms, *said], int))
