"""The commands of events: publishing, and what there is to read."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from .keys import Keys
from .script import SCRIPTS, Command

PUBLISH = SCRIPTS["events/publish"]
NEWEST = SCRIPTS["events/newest"]
STREAM_INFO = SCRIPTS["events/stream_info"]
PUBLISHED_BY = SCRIPTS["events/published_by"]
TIDY = SCRIPTS["events/tidy"]


def publish(keys: Keys, *, event_type: str, source: str, data: bytes) -> Command[tuple[str, int]]:
    """Publish an event: its id, and how many types are known when this one was born, else 0."""
    script_keys = [keys.event_stream(event_type), keys.event_types]
    return Command(PUBLISH, script_keys, [event_type, source, data], _id_and_types)


def _id_and_types(reply: list[Any]) -> tuple[str, int]:
    id_, known = reply
    return bytes(id_).decode(), int(known)


def newest_ids(keys: Keys, event_types: Sequence[str]) -> Command[list[str]]:
    """The id of the newest event of each type, 0-0 where there is none."""
    return Command(NEWEST, [keys.event_stream(name) for name in event_types], [], _ids)


def _ids(reply: list[bytes]) -> list[str]:
    return [id_.decode() for id_ in reply]


def stream_info(keys: Keys, event_type: str) -> Command[tuple[int, str, str, int]]:
    """Length, first id, last id and the milliseconds to live of a type's stream."""
    return Command(STREAM_INFO, [keys.event_stream(event_type)], [], _info)


def _info(reply: list[Any]) -> tuple[int, str, str, int]:
    length, first, last, ttl_ms = reply
    return int(length), bytes(first).decode(), bytes(last).decode(), int(ttl_ms)


class Published(NamedTuple):
    """An entry of a stream as Redis has it. `data_bytes` is how long its data is, `fields` may lack it."""

    event_id: bytes
    fields: list[bytes]
    data_bytes: int


def published_by(
    keys: Keys, event_types: Sequence[str], source: str, *, newest: int, longest: int
) -> Command[list[list[Published]]]:
    """For each type what `source` published among its `newest` entries, newest first.

    Data of more than `longest` bytes comes as an empty object.
    """
    streams = [keys.event_stream(name) for name in event_types]
    return Command(PUBLISHED_BY, streams, [source, newest, longest], _published)


def _published(reply: list[Any]) -> list[list[Published]]:
    return [[Published(*entry) for entry in found] for found in reply]


def tidy_types(keys: Keys, entries: dict[str, str]) -> Command[int]:
    """Take the types out whose stream is gone; `entries` is type to id. How many went."""
    streams = [keys.event_stream(name) for name in entries]
    return Command(TIDY, [keys.event_types, *streams], list(entries.values()), int)
