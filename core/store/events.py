"""The commands of events: publishing, and what there is to read."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..errors import StoreRefused
from ..values.approvals import EVENTS
from ..values.pairs import pairs
from .keys import Keys
from .script import SCRIPTS, Command, nothing

# Written by the scripts and doors of this package: what a stranger publishes under these names would be believed.
OWN_TYPES = frozenset({*EVENTS, "agent_heartbeat", "coordination_signal", "llm_call", "quality_feedback"})


class TooManyTypes(StoreRefused):
    """A source would make more types of events than the site allows."""


def publish(keys: Keys, *, event_type: str, source: str, data: bytes) -> Command[tuple[str, int]]:
    """Publish an event: its id, and how many types are known when this one was born, else 0.

    TooManyTypes where its source would make more than the site allows.
    """
    script_keys = [keys.event_stream(event_type), keys.event_types]
    script_keys += [keys.events_born(source), keys.approvals_limits]
    return Command(SCRIPTS["events/publish"], script_keys, [event_type, source, data], _id_and_types)


def _id_and_types(reply: list[Any]) -> tuple[str, int]:
    id_, known = reply
    if id_ == b"over":
        raise TooManyTypes(
            f"its source made {int(known)} new types of events within 7 days, and the site allows no more: "
            "put what differs into the data, not into the type"
        )
    return bytes(id_).decode(), int(known)


def newest_ids(keys: Keys, event_types: Sequence[str]) -> Command[list[str]]:
    """The id of the newest event of each type, 0-0 where there is none."""
    return Command(SCRIPTS["events/newest"], [keys.event_stream(name) for name in event_types], [], _ids)


def _ids(reply: list[bytes]) -> list[str]:
    return [id_.decode() for id_ in reply]


class StreamBounds(NamedTuple):
    """How many entries a stream ever had, how many it has, the id of the first of these, and the id given last."""

    added: int
    length: int
    first_id: str
    last_id: str


def stream_bounds(keys: Keys, event_types: Sequence[str]) -> Command[list[StreamBounds]]:
    """How much is left of each type's stream; zeros where there is none."""
    return Command(
        SCRIPTS["events/kept"], [keys.event_stream(name) for name in event_types], [], _stream_bounds
    )


def _stream_bounds(reply: list[Any]) -> list[StreamBounds]:
    return [
        StreamBounds(int(added), int(length), first.decode(), last.decode())
        for added, length, first, last in reply
    ]


Entry = tuple[bytes, dict[bytes, bytes]]


class StreamInfo(NamedTuple):
    """The ends of a type's stream: entries as Redis has them, None where there is none; milliseconds to live."""

    length: int
    first: Entry | None
    last: Entry | None
    newest_id: str
    ttl_ms: int


def stream_info(keys: Keys, event_type: str) -> Command[StreamInfo | None]:
    """The ends of a type's stream, None where there is no stream."""
    return Command(SCRIPTS["events/stream_info"], [keys.event_stream(event_type)], [], _info)


def _info(reply: list[Any]) -> StreamInfo | None:
    if not reply:
        return None
    length, first, last, newest, ttl_ms = reply
    return StreamInfo(int(length), _entry(first), _entry(last), bytes(newest).decode(), int(ttl_ms))


def _entry(entry: list[Any]) -> Entry | None:
    return (entry[0], pairs(entry[1])) if entry else None


class StreamEntry(NamedTuple):
    """An entry of a stream as Redis has it. `data_bytes` is how long its data is, `fields` may lack it."""

    event_id: bytes
    fields: list[bytes]
    data_bytes: int


def published_by(
    keys: Keys, event_types: Sequence[str], source: str, *, newest: int, longest: int
) -> Command[list[list[StreamEntry]]]:
    """For each type what `source` published among its `newest` entries, newest first.

    Data of more than `longest` bytes comes as an empty object.
    """
    streams = [keys.event_stream(name) for name in event_types]
    return Command(SCRIPTS["events/published_by"], streams, [source, newest, longest], _published)


def _published(reply: list[Any]) -> list[list[StreamEntry]]:
    return [[StreamEntry(*entry) for entry in found] for found in reply]


def tidy_types(keys: Keys, entries: dict[str, str]) -> Command[None]:
    """Take the types out whose stream is gone; `entries` is type to id."""
    streams = [keys.event_stream(name) for name in entries]
    return Command(SCRIPTS["events/tidy"], [keys.event_types, *streams], list(entries.values()), nothing)
