"""Calls of language models: what they cost, what was saved, and every one of them counted once.

A call is written to the local disk and shipped to Redis in the background (docs/agents/usage.md).
"""

import atexit
import itertools
import json
import logging
import os
import threading
import weakref
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from .errors import StoreUnavailable
from .store import usage
from .store.client import Store, UsesStore, namespace_and_address, open_store
from .usage import history as usage_history
from .usage import savings as usage_savings
from .usage.call import Call, checked_flag, parse_call, plain_entry, shipped_bytes
from .usage.folders import SpoolFolders, default_dir
from .usage.money import floats
from .usage.people import People
from .usage.pricing import PriceBook, configured_book
from .usage.quantities import Quantities
from .usage.shipper import Shipper
from .usage.spool import Spool, forget_inherited_files
from .usage.telling import (
    Oddities,
    counts_of,
    group_tellings,
    identity_of,
    merged_call,
    moment_us,
    numbers_of,
    quantities_of,
    words_of,
)
from .values.moments import MAX_DAYS, start_of_days
from .values.names import checked_name
from .values.numbers import shown

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 2.0
RESET_DAYS = 400
Answer = TypeVar("Answer")
TOLD_AGAIN = 200  # so many more are read, since a call that was told again is there more than once
MOST_TOLD = 1_000  # different sentences about odd numbers, for a process


class UsageTracker(UsesStore):
    """Tracks calls and answers what they cost: dollars as float, or with `exact` as Decimal to the nano-dollar.

    Tracking never raises because Redis or the disk is away or a provider's answer is odd, and loses nothing. A bad
    name or flag is a ValueError or TypeError that names it. Reading raises StoreUnavailable.

    What `track_llm_call` takes:
    workflow, stage, tier: what the call was for, in your own words; tier such as "cheap", "capable", "premium".
    model, provider: as the provider, a gateway or a standard spells them.
    usage: the provider's answer or its usage, as a dict or an object, instead of tokens, cache and cost.
    cost: dollars; None is the book's price. tokens: {"input": ..., "output": ...}, input without the cached ones.
    cached_tokens_in_input: the cached ones are in tokens["input"], as OpenTelemetry counts.
    prompt_cache_hit, prompt_cache_read_tokens, prompt_cache_creation_tokens: the provider's cache.
    cache_hit, cache_type: a cache of your own; no provider was asked.
    call_id: the same id is the same call. agent_id: on whose page it stands. user_id: kept as a digest alone.
    at: when it was made, a datetime with a zone or seconds since 1970; by default now. duration_ms: how long it took.
    """

    _instance: ClassVar["UsageTracker | None"] = None

    def __init__(
        self,
        telemetry_dir: str | Path | None = None,
        retention_days: int = 90,
        max_file_size_mb: float = 10,
        buffer_size: int = 50,
        *,
        memory: object = None,
        price_book: PriceBook | None = None,
    ) -> None:
        """A tracker of this process.

        telemetry_dir: holds calls that wait, by default the folder `usage` of the data directory.
        retention_days: so long day totals are kept.
        max_file_size_mb: where a file of calls that wait ends and another begins.
        buffer_size: calls are shipped when so many wait, at the latest 0.2 s after the first.
        memory: None for the configured Redis, a `redis://` URL, a client of redis-py, or what has one as `_client`.
        """
        _within("retention_days", retention_days, 1, MAX_DAYS)
        _within("max_file_size_mb", max_file_size_mb, 0.001, 1024)
        _within("buffer_size", buffer_size, 1, 1_000_000)
        if "://" in str(telemetry_dir):  # a folder of that name would hold the password of the address
            raise ValueError("telemetry_dir is a folder: give an address of Redis as memory=")
        self.telemetry_dir = default_dir() if telemetry_dir is None else Path(telemetry_dir)
        self.retention_days = retention_days
        self._max_bytes = int(max_file_size_mb * 1024 * 1024)
        self._buffer_size = buffer_size
        self._book = configured_book() if price_book is None else price_book
        self._people = People(self.telemetry_dir)
        self._told: set[tuple[str, str]] = set()
        super().__init__(memory)
        _trackers.add(self)

    @property
    def _is_used(self) -> bool:
        return self._used or self._shipper.has_begun

    def _lead_to(self, memory: object) -> None:
        # One that was given is opened at once, unlike elsewhere: its installation names the folder of the spools.
        self._opened = None if memory is None else open_store(memory)
        self._given, self._prepared, self._used = memory, self._opened, False
        self._folders = _folders_of(self.telemetry_dir, self._opened)
        self._begin()

    def _begin(self) -> None:
        """A spool and a shipper of this process's own: at the start, and again in a forked child."""
        self._spool = Spool(self._folders.own, self._max_bytes)
        self._shipper = Shipper(
            self._open, self._book, self._spool, self._folders, self.retention_days, self._buffer_size
        )
        self._numbers = itertools.count(1)

    def _open(self) -> Store:
        self._used = True
        return self._store

    @classmethod
    def get_instance(cls, **kwargs: Any) -> "UsageTracker":
        """The tracker of this process; the first call makes it with these arguments."""
        with _instance_lock:
            if cls._instance is None:
                cls._instance = cls(**kwargs)
            return cls._instance

    # Tracking

    def track_llm_call(
        self,
        workflow: str,
        stage: str | None,
        tier: str,
        model: str | None,
        provider: str,
        cost: float | Decimal | None = None,
        tokens: dict[str, int] | None = None,
        cache_hit: bool = False,
        cache_type: str | None = None,
        duration_ms: float = 0,
        user_id: str | None = None,
        prompt_cache_hit: bool = False,
        prompt_cache_creation_tokens: int = 0,
        prompt_cache_read_tokens: int = 0,
        call_id: str | None = None,
        agent_id: str | None = None,
        cached_tokens_in_input: bool = False,
        *,
        usage: object = None,
        at: datetime | float | None = None,
        correct: bool = False,
    ) -> None:
        """Keep one call; it is counted soon. The class says what each argument is.

        Told again with the same `call_id` the fuller telling holds; with `correct` this one, also where it lowers.
        """
        odd, inside = Oddities(), checked_flag(cached_tokens_in_input, "cached_tokens_in_input")
        found = quantities_of(usage, odd)
        named = model or (found and found.model) or model
        flags = (cache_hit, prompt_cache_hit, correct)
        words = _words(workflow, stage, tier, named, provider, cache_type, agent_id, *flags)
        cached = (prompt_cache_read_tokens, prompt_cache_creation_tokens)
        numbers = numbers_of(cost, counts_of(found, tokens, cached, inside, odd), duration_ms, odd, found)
        user = "" if user_id is None else self._people.digest(user_id)
        self._keep(f'"us":{moment_us(at)},{words},{numbers},"user":"{user}"', call_id, found)
        self._tell_once(odd, provider, named)

    def track_calls(self, calls: Iterable[Call]) -> None:
        """Keep calls that are checked already and have names, in one write; each stands as it is, at its price."""
        told, lines = list(calls), []
        for call in told:
            call.price(self._book)
            lines.append(shipped_bytes(call) + b"\n")
        if lines:
            self._shipper.expect(lines, told)
            self._spool.append(*lines)
            self._shipper.notice(len(lines))

    def _keep(self, said: str, call_id: str | None, found: Quantities | None) -> None:
        known = identity_of(found) if call_id is None else checked_name(call_id, "call_id")
        if known is None:
            # Nobody else can have this name, so Redis need not remember it.
            named, given = f'"{self._spool.id}-{next(self._numbers)}"', "false"
        else:
            named, given = json.dumps(known), "true"
        self._spool.append(f'{{"call_id":{named},{said},"given":{given}}}\n'.encode())
        self._shipper.notice()

    def _tell_once(self, odd: Oddities, provider: str, name: str | None) -> None:
        for sentence in odd.said:
            model = f"{provider}/{name}"
            if (model, sentence) not in self._told and len(self._told) < MOST_TOLD:
                self._told.add((model, sentence))
                logger.warning("calls of %s are incomplete: %s; the rest of them counts", model, sentence)

    def flush(self) -> int:
        """Ship what waits here, and what processes that are gone left in this directory.

        Returns how many calls this process has counted since the last flush, in the background too.

        When Redis or the disk is away this logs and returns 0: the calls wait.
        """
        try:
            return self._shipper.flush()
        except (StoreUnavailable, OSError) as error:
            logger.warning("calls wait in %s: %s", self.telemetry_dir, error)
            return 0

    def adopt_orphans(self) -> None:
        """For as long as this process lives, ship in the background what dead processes left in this directory."""
        self._shipper.start()

    def close(self) -> None:
        """Ship what waits, trying for about 2 s, and end the shipper. Tracking afterwards begins anew."""
        self._shipper.close(CLOSE_SECONDS)
        self._begin()

    # Reading

    def get_stats(self, days: int = 30, *, exact: bool = False) -> dict[str, Any]:
        """The last `days` UTC days, today included, 1 to 3,660, as far as totals are kept.

        total_calls, total_cost, total_tokens_input, total_tokens_output; cache_hits, cache_misses and
        cache_hit_rate (percent) of your own caches; by_tier, by_workflow, by_provider, by_model: cost by name.
        """
        return _answer(usage_savings.stats(self._totals(days)), exact)

    def calculate_savings(self, days: int = 30, *, exact: bool = False) -> dict[str, Any]:
        """What was saved against the premium models: baseline - routing - caching + difference = actual.

        baseline_cost, routing_savings, cache_savings, price_difference, actual_cost; savings (baseline - actual) and
        savings_percent; tier_distribution (percent of calls); total_calls; unpriced_calls, unpriced_cost and
        unpriced (model, calls, why); no_baseline_calls, no_baseline_cost.
        """
        return _answer(usage_savings.savings(self._totals(days)), exact)

    def get_cache_stats(self, days: int = 7, *, exact: bool = False) -> dict[str, Any]:
        """How often providers found a prompt in their cache, and what that saved net of writing to it.

        hit_rate (0..1), hit_count, total_requests, total_reads and total_writes (tokens), savings; by_workflow:
        the first three and savings by name.
        """
        return _answer(usage_savings.cache_stats(self._totals(days)), exact)

    def get_period(self, first: date, last: date, *, exact: bool = False) -> dict[str, Any]:
        """What `get_stats` and `calculate_savings` say, of the UTC days `first` to `last`, both included."""
        days = (last - first).days + 1
        _within("the days of a period", days, 1, MAX_DAYS)
        self._shipper.ship_own()
        dates = [(first + timedelta(days=day)).isoformat() for day in range(days)]
        sums = usage.totals_of(self._open(), dates)
        return _answer({**usage_savings.stats(sums), **usage_savings.savings(sums)}, exact)

    def _totals(self, days: int) -> dict[str, int]:
        _within("days", days, 1, MAX_DAYS)
        self._shipper.ship_own()
        return usage.totals(self._open(), days)

    def get_recent_entries(
        self, limit: int = 20, days: int | None = None, *, exact: bool = False
    ) -> list[dict[str, Any]]:
        """The newest calls, newest first; of all processes, at most 10,000. A call that was told again stands once.

        Each has the fields of the command `export`; what belongs together, such as tokens, is a dict of its own.
        """
        _within("limit", limit, 0, 1_000_000)
        self._shipper.ship_own()
        store, since_us = self._open(), None
        if days is not None:
            _within("days", days, 1, MAX_DAYS)
            since_us = usage.start_of(usage.dates_until(store.time_ms(), days)[-1]) * 1000
        found: list[Call] = []
        for text in reversed(usage.recent(store, limit and limit + TOLD_AGAIN, since_us)):
            try:
                found.append(parse_call(text))
            except ValueError as error:
                logger.warning("a call is left out, since it cannot be read: %s", error)
        once = [reduce(merged_call, one.told) for one in group_tellings(found)]
        newest = sorted(once, key=lambda call: call.us, reverse=True)[:limit]
        return _answer([plain_entry(call) for call in newest], exact)

    def export_to_dict(self, days: int | None = None, *, exact: bool = False) -> list[dict[str, Any]]:
        """Every recorded call, newest first; of the last `days` UTC days if given.

        HistoryUnavailable outside of the Django project; its message names the command.
        """
        since = None if days is None else start_of_days(days)
        calls = usage_history.history("export").calls(since)
        return _answer([plain_entry(call) for call in calls], exact)

    def reset(self) -> int:
        """Forget every call, in Redis and in the database; returns how many the database had.

        HistoryUnavailable outside of the Django project; its message names the command.
        """
        history = usage_history.history("reset --confirm")
        self.flush()
        return history.reset(usage.reset(self._open(), max(RESET_DAYS, self.retention_days + 2)))


def _answer(said: Answer, exact: bool) -> Answer:
    return said if checked_flag(exact, "exact") else floats(said)


def _folders_of(directory: Path, opened: Store | None) -> SpoolFolders:
    try:
        return SpoolFolders(directory, *namespace_and_address(opened), configured=opened is None)
    except ValueError as error:
        # Tracking begins all the same; a setting that is mended later finds these calls.
        logger.error("calls are kept in %s without the name of their installation: %s", directory, error)
        return SpoolFolders(directory, "", "", configured=True)


def _words(*words: Any) -> str:
    try:
        return words_of(*words)
    except TypeError:
        # Nothing that cannot be hashed is a name either: asked again, it is refused by its own name.
        return words_of.__wrapped__(*words)


def _within(argument: str, value: float, least: float, most: float) -> None:
    whole = isinstance(value, int) or argument == "max_file_size_mb"
    if isinstance(value, bool) or not whole or not least <= value <= most:
        raise ValueError(f"{argument} must be {least:,} to {most:,}, not {shown(value)}")


_instance_lock = threading.Lock()
_trackers: "weakref.WeakSet[UsageTracker]" = weakref.WeakSet()


def _in_forked_child() -> None:
    global _instance_lock
    _instance_lock = threading.Lock()
    forget_inherited_files()
    for tracker in list(_trackers):
        tracker._begin()


def _at_exit() -> None:
    for tracker in list(_trackers):
        tracker._shipper.close(CLOSE_SECONDS)


os.register_at_fork(after_in_child=_in_forked_child)
atexit.register(_at_exit)
