"""The scripts of events: publishing, and what there is to read."""

from collections.abc import Sequence
from typing import NamedTuple

from .keys import Keys
from .scripts import NEWEST, PUBLISH, PUBLISHED_BY, STREAM_INFO, TIDY, Run


def publish(run: Run, keys: Keys, *, event_type: str, source: str, data: bytes) -> tuple[str, int]:
    """Publish an event: its id, and how many types are known when this one was born, else 0."""
    script_keys = [keys.event_stream(event_type), keys.event_types]
    id_, known = run(PUBLISH, script_keys, [event_type, source, data])
    return bytes(id_).decode(), int(known)


def newest_ids(run: Run, keys: Keys, event_types: Sequence[str]) -> list[str]:
    """The id of the newest event of each type, 0-0 where there is none."""
    ids: list[bytes] = run(NEWEST, [keys.event_stream(name) for name in event_types], [])
    return [id_.decode() for id_ in ids]


def stream_info(run: Run, keys: Keys, event_type: str) -> tuple[int, str, str, int]:
    """Length, first id, last id and the milliseconds to live of a type's stream."""
    length, first, last, ttl_ms = run(STREAM_INFO, [keys.event_stream(event_type)], [])
    return int(length), bytes(first).decode(), bytes(last).decode(), int(ttl_ms)


class Published(NamedTuple):
    """An entry of a stream as Redis has it. `data_bytes` is how long its data is, `fields` may lack it."""

    event_id: bytes
    fields: list[bytes]
    data_bytes: int


def published_by(
    run: Run, keys: Keys, event_types: Sequence[str], source: str, *, newest: int, longest: int
) -> list[list[Published]]:
    """For each type what `source` published among its `newest` entries, newest first.

    Data of more than `longest` bytes comes as an empty object.
    """
    streams = [keys.event_stream(name) for name in event_types]
    return [
        [Published(*entry) for entry in found]
        for found in run(PUBLISHED_BY, streams, [source, newest, longest])
    ]


def tidy_types(run: Run, keys: Keys, entries: dict[str, str]) -> int:
    """Take the types out whose stream is gone; `entries` is type to id. Returns how many went."""
    streams = [keys.event_stream(name) for name in entries]
    return int(run(TIDY, [keys.event_types, *streams], list(entries.values())))
