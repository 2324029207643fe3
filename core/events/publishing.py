"""How an event is published: checked, stored, and the list of types kept short. Whoever publishes hears what fails."""

import logging
from typing import Any, NamedTuple

from ..errors import StoreUnavailable
from ..store import events as commands
from ..store.client import Store
from ..values.json import encode_json_object
from ..values.names import checked_name
from .event import MAX_DATA_BYTES

logger = logging.getLogger(__name__)

TIDY_EVERY = 500


class NewEvent(NamedTuple):
    """An event that was checked; `data` is its JSON."""

    event_type: str
    source: str
    data: bytes


def checked_event(event_type: str, data: dict[str, Any], source: str) -> NewEvent:
    """The event; ValueError or TypeError that names the argument that is wrong."""
    checked_name(event_type, "event_type")
    checked_name(source, "source")
    return NewEvent(event_type, source, encode_json_object(data, "data", MAX_DATA_BYTES))


def publish(store: Store, event: NewEvent) -> str:
    """Its id. StoreUnavailable where nobody knows whether it was stored, TooManyTypes where it is refused for good."""
    event_id, known = store.run(commands.publish(store.keys, **event._asdict()))
    if known and known % TIDY_EVERY == 0:
        _tidy_types(store)
    return event_id


def _tidy_types(store: Store) -> None:
    """Leave one entry for each living type, so that the stream of types never loses one of them."""
    newest: dict[str, str] = {}
    superseded = []
    try:
        for event_id, flat in store.read("XRANGE", store.keys.event_types, "-", "+"):
            name = flat[-1].decode(errors="replace")
            if name in newest:
                superseded.append(newest[name])
            newest[name] = event_id.decode()
        if superseded:
            store.write("XDEL", store.keys.event_types, *superseded)
        store.run(commands.tidy_types(store.keys, newest))
    except StoreUnavailable as error:
        logger.warning("the list of event types was not tidied: %s", error)
