"""What an event is, and how one is read from Redis: strictly, or not at all."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Self

from ..errors import MalformedRecord
from ..values.json import loads_strictly
from ..values.malformed import ODD, malformed
from ..values.names import checked_name
from ..values.pairs import pairs
from ..values.records import PlainDict

logger = logging.getLogger(__name__)

DEFAULT_SOURCE = "attune"
MAX_DATA_BYTES = 256 * 1024
_ID = re.compile(r"([0-9]{1,20})(?:-([0-9]{1,20}))?")
_LARGEST_PART = 2**64 - 1
_FIELDS = (b"event_type", b"source", b"data")


@dataclass
class StreamEvent(PlainDict):
    """One event. `event_id` is given by Redis, and `timestamp` is Redis's time of it."""

    event_id: str
    event_type: str
    timestamp: datetime
    data: dict[str, Any]
    source: str = DEFAULT_SOURCE

    def __post_init__(self) -> None:
        # Many thousands are read at a time, nearly all of them made with a time in UTC.
        if getattr(self.timestamp, "tzinfo", None) is not UTC:
            super().__post_init__()

    @classmethod
    def from_redis_entry(cls, event_id: str | bytes, entry_data: Mapping[Any, Any]) -> Self:
        """Read an entry of a stream: names and values in bytes, or in str as a client that decodes has them.

        MalformedRecord names the event and the field that is wrong.
        """
        text = event_id.decode(errors="replace") if isinstance(event_id, bytes) else event_id
        field = "event_id"
        try:
            timestamp = _time_of(text)
            fields = {_in_bytes(name): value for name, value in entry_data.items()}
            field = "event_type"
            event_type = checked_name(_in_bytes(fields[b"event_type"]).decode(), field)
            field = "source"
            source = checked_name(_in_bytes(fields.get(b"source", b"attune")).decode(), field)
            field = "data"
            data = loads_strictly(_in_bytes(fields[b"data"]))
        except KeyError as error:
            raise malformed(f"event {text}", error) from error
        except ODD as error:
            raise malformed(f"event {text}: {field}", error) from error
        if not isinstance(data, dict):
            raise MalformedRecord(f"event {text}: data is no JSON object")
        return cls(text, event_type, timestamp, data, source)


def read_entry(event_type: str, event_id: bytes, flat: list[bytes]) -> StreamEvent | None:
    """The event of an entry in the stream of `event_type`; None, and a line in the log, for what is none."""
    # As our scripts write it, which is nearly always: half the time of the way below.
    try:
        first, kind, second, source, third, told = flat
        if (first, second, third) == _FIELDS and kind == event_type.encode():
            data = loads_strictly(told)
            if type(data) is dict:
                text = event_id.decode()
                timestamp = datetime.fromtimestamp(int(text.partition("-")[0]) / 1000, UTC)
                return StreamEvent(text, event_type, timestamp, data, _source(source))
    except ODD:
        pass  # said below
    try:
        event = StreamEvent.from_redis_entry(event_id, pairs(flat))
        if event.event_type != event_type:
            raise MalformedRecord(f"event {event.event_id}: event_type is {event.event_type!r}")
        return event
    except MalformedRecord as error:
        logger.warning("set aside in the stream of %r: %s", event_type, error)
        return None


@lru_cache(maxsize=10_000)
def _source(source: bytes) -> str:
    return checked_name(source.decode(), "source")


def id_numbers(event_id: bytes | str) -> tuple[int, int]:
    """The two numbers of an id: by them events are in order, over all types."""
    text = event_id.decode() if isinstance(event_id, bytes) else event_id
    milliseconds, _, sequence = text.partition("-")
    return int(milliseconds), int(sequence or 0)


def time_of_id(event_id: str) -> datetime | None:
    """Redis's time in an id; None for one that no calendar has."""
    try:
        return _time_of(event_id)
    except ODD:
        return None


def checked_id(value: object, argument: str, *words: str) -> str:
    """Return `value` if it is one of `words` or an id such as 1795331355624-0, else raise naming `argument`."""
    if not isinstance(value, str):
        raise TypeError(f"{argument} must be a str, not {type(value).__name__}")
    found = None if value in words else _ID.fullmatch(value)
    if value in words or (found and all(int(part or 0) <= _LARGEST_PART for part in found.groups())):
        return value
    said = ", ".join([*(repr(word) for word in words), "an event id"])
    raise ValueError(f"{argument} must be one of {said}, not {value[:60]!r}")


def _in_bytes(part: str | bytes) -> bytes:
    return part.encode() if isinstance(part, str) else part


def _time_of(event_id: str) -> datetime:
    if not _ID.fullmatch(event_id):
        raise ValueError(f"{event_id[:60]!r} is no id of a stream")
    return datetime.fromtimestamp(int(event_id.partition("-")[0]) / 1000, UTC)
