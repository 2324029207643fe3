"""How a subscriber follows the streams of many types as one: in order, through outages, missing nothing.

Ids grow over all types, so the order of ids is the order of publishing. A reply holds each stream up to some
id; events are handed out only up to the id that every stream was read to, and the rest is held back until then.
"""

import logging
import math
import time
from bisect import bisect_right
from collections.abc import Generator, Iterator, Sequence
from typing import Any

from ..errors import StoreRefused, StoreUnavailable
from ..store import events as commands
from ..store.client import Store
from ..values.names import checked_name
from ..values.pairs import pairs
from ..values.trouble import Trouble
from .event import StreamEvent, id_numbers, read_entry
from .stream_position import StreamPosition

logger = logging.getLogger(__name__)

SLICE_SECONDS = 30.0
READ_AHEAD = 500
READ_AHEAD_BYTES = 2 * 1024 * 1024
MANY_TYPES = 1_000
ASIDE_SECONDS = 30.0
UNWATCHED_SECONDS = 0.1

Entry = tuple[str, bytes, list[bytes]]


class Follower:
    """One subscription. `event_types` None: all types, found in the stream of types as they are born.

    `longest_read`: seconds after which a read that found nothing is asked again. `silence`: seconds without an
    event after which it ends, None for never.
    """

    def __init__(
        self,
        store: Store,
        event_types: list[str] | None,
        *,
        longest_read: float,
        silence: float | None,
        count: int,
        start_id: str,
    ) -> None:
        self._store = store
        self._keys = store.keys
        self._longest_read = min(longest_read, SLICE_SECONDS) if longest_read > 0 else SLICE_SECONDS
        self._silence = silence
        self._count = self._batch = self._asked = count
        self._types_after = None if event_types is not None else "0-0"
        self._start = "0-0" if start_id == "$" else start_id
        # Who follows one type goes on from an event of that type.
        self._own = int(event_types is not None and len(event_types) == 1 and "-" in self._start)
        self.missed, self._look_at = 0, 0.0
        self._places: dict[bytes, StreamPosition] = {}
        self._many = MANY_TYPES
        self._pause, self._trouble = 0.0, Trouble(logger)
        self._line = store.line()
        for name in event_types or []:
            self._add(name)
        if start_id == "$":
            self._start_at_the_end()

    def events(self) -> "Following":
        """The events, until nobody asks for more, or until nothing came for `silence` seconds."""
        return Following(self, self._events())

    def _events(self) -> Generator[StreamEvent]:
        try:
            while (entries := self._next_entries()) is not None:
                for event_type, event_id, flat in entries:
                    event = read_entry(event_type, event_id, flat)
                    if event is not None:
                        yield event
        finally:
            self._line.close()

    def _start_at_the_end(self) -> None:
        if self._types_after is not None:
            announced = self._store.read("XRANGE", self._keys.event_types, "-", "+")
            for _, flat in announced:
                self._announced(flat)
            # A type announced after this one is new, and so are all of its events.
            self._types_after = announced[-1][0].decode() if announced else "0-0"
        places = list(self._places.values())
        newest = self._store.run(commands.newest_ids(self._keys, [place.event_type for place in places]))
        for place, event_id in zip(places, newest, strict=True):
            place.after = event_id
        self._look_for_gaps()
        self._line.close()

    def _look_for_gaps(self) -> None:
        """Tell what was removed before it was read. Streams count what they ever had, so it shows at any later look."""
        self._look_at = time.monotonic() + UNWATCHED_SECONDS
        places = [place for place in self._places.values() if not place.held]
        if not places:
            return
        left = self._line.run(commands.stream_bounds(self._keys, [place.event_type for place in places]))
        for place, kept in zip(places, left, strict=True):
            gone = place.gap(kept)
            if gone:
                self.missed += gone
                logger.warning(
                    "up to %d events of type %r after %s were removed before they were read",
                    *(gone, place.event_type, place.after),
                )

    def _add(self, event_type: str) -> bool:
        key = self._keys.event_stream(event_type).encode()
        if key in self._places:
            self._places[key].aside_until = 0.0
            return False
        self._places[key] = StreamPosition(event_type, self._start, self._own)
        self._look_at = 0.0
        return True

    def _announced(self, flat: list[bytes]) -> bool:
        """Whether an entry of the stream of types names a type that is new here."""
        fields = pairs(flat)
        try:
            return self._add(checked_name(fields.get(b"event_type", b"").decode(), "event_type"))
        except ValueError as error:
            logger.warning("set aside in the stream of types: %s", error)
            return False

    def _next_entries(self) -> list[Entry] | None:
        """The next events in order, waiting for them; None after the silence."""
        silent_at = math.inf if self._silence is None else time.monotonic() + self._silence
        while True:
            began = time.monotonic()
            held = [place for place in self._places.values() if place.held]
            try:
                if not held and len(self._places) >= self._many and self._types_after is not None:
                    self._forget_the_dead()
                if began >= self._look_at:
                    self._look_for_gaps()
                reply = self._read(0.0 if held else min(self._longest_read, silent_at - began))
            except StoreUnavailable as error:
                self._wait_for_redis(error)
                silent_at += time.monotonic() - began  # nobody knows whether it was silent meanwhile
                continue
            self._redis_is_there()
            self._look_at = time.monotonic() + UNWATCHED_SECONDS
            entries = self._in_order(reply, self._safe_until(reply, held))
            if entries:
                return entries
            if not reply and not held and time.monotonic() >= silent_at:
                return None

    def _read(self, seconds: float) -> list[tuple[bytes, Any]]:
        now = time.monotonic()
        after: dict[str | bytes, str] = {
            key: place.after
            for key, place in self._places.items()
            if not place.held and place.aside_until <= now
        }
        if self._types_after is not None:
            after[self._keys.event_types.encode()] = self._types_after
        if not after:
            time.sleep(max(0.0, min(1.0, seconds)))
            return []
        self._asked = max(1, min(self._batch, READ_AHEAD * 10 // len(after)))
        return self._line.read_streams(after, seconds, count=self._asked)

    def _safe_until(
        self, reply: list[tuple[bytes, Any]], held_before: Sequence[StreamPosition]
    ) -> tuple[int, int] | None:
        """Take a reply in; the id up to which no stream has an event that was not read. None: all of them."""
        bounds = [id_numbers(place.held[-1][0]) for place in held_before]
        types_key = self._keys.event_types.encode()
        size, full = 0, False
        for key, entries in reply:
            if not entries:  # Redis 7.0 also wakes for an entry that was taken back
                continue
            whole = len(entries) < self._asked
            if key == types_key:
                whole = self._take_announcements(entries, bounds) and whole
                self._types_after = entries[-1][0].decode()
            else:
                place = self._places[key]
                place.hold(entries)
                size += sum([len(flat[-1]) for _, flat in entries])
                full = full or not whole
            if not whole:
                bounds.append(id_numbers(entries[-1][0]))
        self._choose_batch(size, full)
        return min(bounds, default=None)

    def _take_announcements(self, entries: list[Any], bounds: list[tuple[int, int]]) -> bool:
        """Begin to follow new types. What was published from their birth on waits until they are read."""
        new = [event_id for event_id, flat in entries if self._announced(flat)]
        if new:
            milliseconds, sequence = id_numbers(new[0])
            bounds.append((milliseconds, sequence - 1))
        return not new

    def _choose_batch(self, size: int, full: bool) -> None:
        # Nothing is consumed by reading, so it may read ahead of the caller's count; large events bound it.
        if size > READ_AHEAD_BYTES:
            self._batch = max(1, self._batch // 4)
        elif full and size * 4 < READ_AHEAD_BYTES:
            self._batch = min(max(self._count, READ_AHEAD), self._batch * 8)

    def _in_order(self, reply: list[tuple[bytes, Any]], until: tuple[int, int] | None) -> list[Entry]:
        runs = [place for place in self._places.values() if place.held]
        entries: list[Entry] = []
        for place in runs:
            held = place.held
            if until is None or id_numbers(held[-1][0]) <= until:
                ready, place.held = held, []
            else:
                cut = bisect_right(held, until, key=lambda entry: id_numbers(entry[0]))
                ready, place.held = held[:cut], held[cut:]
            entries += [(place.event_type, event_id, flat) for event_id, flat in ready]
        if len(runs) > 1:
            entries.sort(key=lambda entry: id_numbers(entry[1]))
        return entries

    def _forget_the_dead(self) -> None:
        """Stop asking for types whose stream is gone: of all types, the next event announces its own again."""
        keys = list(self._places)
        for key, exists in zip(keys, self._line.read_many([["EXISTS", key] for key in keys]), strict=True):
            if exists == 0:
                del self._places[key]
        self._many = max(MANY_TYPES, 2 * len(self._places))

    def _wait_for_redis(self, error: StoreUnavailable) -> None:
        if isinstance(error, StoreRefused) and self._set_wrong_keys_aside():
            return
        self._line.close()
        self._trouble.begins("events do not arrive: %s", error)
        time.sleep(self._pause)
        self._pause = min(1.0, max(0.05, self._pause * 2))

    def _redis_is_there(self) -> None:
        self._trouble.ends("events arrive again")
        self._pause = 0.0

    def _set_wrong_keys_aside(self) -> bool:
        """A key that is no stream stops the reading of all: leave it out for a while."""
        keys = list(self._places)
        try:
            kinds = self._line.read_many([["TYPE", key] for key in keys])
        except StoreUnavailable:
            return False
        wrong = [key for key, kind in zip(keys, kinds, strict=True) if kind not in (b"stream", b"none")]
        now = time.monotonic()
        fresh = [self._places[key] for key in wrong if self._places[key].aside_until <= now]
        for place in fresh:
            if not place.aside_until:
                logger.warning("set aside: the key of event type %r is no stream", place.event_type)
            place.aside_until = now + ASIDE_SECONDS
        return bool(fresh)


class Following(Iterator[StreamEvent]):
    """The events of a subscription, one after the other. For one thread at a time.

    `close()` it, or drop it, to give its connection back.
    """

    def __init__(self, follower: Follower, events: Generator[StreamEvent]) -> None:
        self._follower, self._events = follower, events

    def __next__(self) -> StreamEvent:
        return next(self._events)

    @property
    def missed(self) -> int:
        """How many events were removed before they were read, at most: trimmed, or pushed out by newer ones."""
        return self._follower.missed

    def close(self) -> None:
        """End it; the next event asked for is a StopIteration."""
        self._events.close()
