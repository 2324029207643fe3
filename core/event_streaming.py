"""Events: what agents tell whoever listens. A stream for each type, kept for 7 days and about 10,000 events."""

import logging
import time
from collections.abc import Iterable
from typing import Any

from .errors import StoreRefused, StoreUnavailable
from .events.event import DEFAULT_SOURCE, StreamEvent, checked_id, read_entry, time_of_id
from .events.following import SLICE_SECONDS, Follower, Following
from .events.publishing import checked_event, publish
from .store import events as commands
from .store.client import KeyPrefix, UsesStore
from .store.keys import EVENT_STREAM_LENGTH
from .values.names import checked_name
from .values.numbers import checked_count, checked_limit

__all__ = ["EventStreamer", "StreamEvent"]

logger = logging.getLogger(__name__)

SLOW_SECONDS = 0.5
QUIET_SECONDS = 1.0
CHUNK = 200
REFUSALS_LOGGED = 100


class EventStreamer(UsesStore):
    """Publishes events, follows them and reads those of the past.

    memory: None for the configured Redis, a `redis://` URL, a client of redis-py, or an object whose `_client` is one.

    Publishing never raises because Redis is away: it logs once and goes on by itself when Redis is back.
    Reading raises StoreUnavailable.

    A subclass may set DEFAULT_BLOCK_MS, the longest single read of `consume_events` in milliseconds. MAX_STREAM_LENGTH,
    about how many events a type keeps, and STREAM_PREFIX, how their keys begin, are for all processes alike: a
    subclass that sets one is a TypeError.
    """

    MAX_STREAM_LENGTH = EVENT_STREAM_LENGTH
    STREAM_PREFIX = KeyPrefix("events", "stream")
    _SHARED = ("MAX_STREAM_LENGTH", "STREAM_PREFIX")

    DEFAULT_BLOCK_MS = int(SLICE_SECONDS * 1000)

    def __init__(self, memory: object = None) -> None:
        super().__init__(memory)
        self._away = False
        self._refused: set[str] = set()
        self._quiet_until = 0.0

    def publish_event(self, event_type: str, data: dict[str, Any], source: str = DEFAULT_SOURCE) -> str:
        """Publish an event and return its id; '' when nobody knows whether Redis stored it.

        data: a JSON object of at most 256 KiB. Raises ValueError or TypeError for a bad argument, nothing
        else. Ids grow over all types: an event published later has the larger id. After a call that Redis
        left unanswered, the next second's events are dropped unsent, so that a hung server does not hold
        the agent.
        """
        event = checked_event(event_type, data, source)
        began = time.monotonic()
        if began < self._quiet_until:
            return ""
        try:
            event_id = publish(self._store, event)
        except StoreUnavailable as error:
            self._note_trouble(event_type, error)
            if time.monotonic() - began > SLOW_SECONDS:
                self._quiet_until = time.monotonic() + QUIET_SECONDS
            return ""
        if self._away or self._refused:
            self._note_success(event_type)
        return event_id

    def consume_events(
        self,
        event_types: Iterable[str] | None = None,
        block_ms: int | None = None,
        count: int = 10,
        start_id: str = "$",
        *,
        idle_timeout: float | None = None,
    ) -> Following:
        """Follow events in the order in which they were published, across types. It never ends by itself.

        event_types: None for all types, also those first published later.
        block_ms: the longest single read; DEFAULT_BLOCK_MS by default and at most; 0 sets no limit of its own.
        count: how many events to ask Redis for at first; a backlog is read in larger batches.
        start_id: an id, to go on after it; '0' for all that is kept; '$' for what is published after this call.
        idle_timeout: end when nothing came for so many seconds while Redis answered; 0 ends once what is there
        was read; None never ends.

        Outages are waited for. With '$' this call itself raises StoreUnavailable without Redis. To go on after a
        restart, keep the `event_id` of the last event, and give it as start_id. Events that were removed before they
        could be read are a warning, and `missed` of the iterator counts them. `close` gives its connection back.
        """
        names = None if event_types is None else _checked_types(event_types)
        block = self.DEFAULT_BLOCK_MS if block_ms is None else block_ms
        checked_count(block, "DEFAULT_BLOCK_MS" if block_ms is None else "block_ms")
        checked_count(count, "count", 1)
        checked_id(start_id, "start_id", "$")
        if idle_timeout is not None:
            idle_timeout = checked_limit(idle_timeout, "idle_timeout")
        return Follower(
            self._store,
            names,
            longest_read=block / 1000,
            silence=idle_timeout,
            count=count,
            start_id=start_id,
        ).events()

    def get_recent_events(
        self, event_type: str, count: int = 100, start_id: str = "-", end_id: str = "+"
    ) -> list[StreamEvent]:
        """The newest `count` events of a type between two ids, both included; newest first."""
        stream = self._stream(event_type)
        checked_count(count, "count")
        oldest, newest = checked_id(start_id, "start_id", "-"), checked_id(end_id, "end_id", "+")
        events: list[StreamEvent] = []
        while len(events) < count:
            wanted = min(CHUNK, count - len(events))
            entries = self._store.read("XREVRANGE", stream, newest, oldest, "COUNT", wanted)
            read = (read_entry(event_type, event_id, flat) for event_id, flat in entries)
            events += [event for event in read if event is not None]
            if len(entries) < wanted:
                break
            newest = "(" + entries[-1][0].decode()
        return events

    def get_stream_info(self, event_type: str) -> dict[str, Any]:
        """What is kept of a type: length, first_id, last_id, first_time, last_time, ttl in seconds.

        Beside these, as XINFO names them, first-entry and last-entry, each an id and fields that
        `StreamEvent.from_redis_entry` takes, and last-generated-id. Of a stream with no event left: the id '0-0', and
        None for times and entries. {} for a type that nobody published.
        """
        checked_name(event_type, "event_type")
        info = self._store.run(commands.stream_info(self._store.keys, event_type))
        if info is None:
            return {}
        first, last = (entry[0].decode() if entry else "0-0" for entry in (info.first, info.last))
        return {
            "length": info.length,
            "first_id": first,
            "last_id": last,
            "first_time": time_of_id(first) if info.first else None,
            "last_time": time_of_id(last) if info.last else None,
            "ttl": max(0, info.ttl_ms) / 1000,
            "first-entry": info.first,
            "last-entry": info.last,
            "last-generated-id": info.newest_id,
        }

    def delete_stream(self, event_type: str) -> bool:
        """Delete all events of a type; False when there were none. Those who follow it stay."""
        return bool(self._store.write("UNLINK", self._stream(event_type)))

    def trim_stream(self, event_type: str, max_length: int = 1000) -> int:
        """Keep the newest `max_length` events of a type, exactly; returns how many were removed."""
        stream = self._stream(event_type)
        checked_count(max_length, "max_length")
        return int(self._store.write("XTRIM", stream, "MAXLEN", "=", max_length))

    def _stream(self, event_type: str) -> str:
        return self._store.keys.event_stream(checked_name(event_type, "event_type"))

    def _note_trouble(self, event_type: str, error: StoreUnavailable) -> None:
        if isinstance(error, StoreRefused):
            if event_type not in self._refused and len(self._refused) < REFUSALS_LOGGED:
                logger.warning("events of type %r are not published: %s", event_type, error)
                self._refused.add(event_type)
            return
        if not self._away:
            logger.warning("events are not published: %s", error)
        self._away = True

    def _note_success(self, event_type: str) -> None:
        if self._away or event_type in self._refused:
            logger.warning("events of type %r are published again", event_type)
        self._away = False
        self._refused.discard(event_type)


def _checked_types(event_types: Iterable[str]) -> list[str]:
    if isinstance(event_types, (str, bytes)) or not isinstance(event_types, Iterable):
        raise TypeError(f"event_types must be a list of names or None, not {type(event_types).__name__}")
    names = list(dict.fromkeys(checked_name(name, "event_types") for name in event_types))
    if not names:
        raise ValueError("event_types is empty; None means all types")
    return names
