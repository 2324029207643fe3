"""What concerns one agent among published events, for its page: signals, and what it published itself."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..store import events
from ..store.client import Store, open_store
from ..values.malformed import ODD
from ..values.names import checked_name
from .event import StreamEvent, id_numbers, read_entry

logger = logging.getLogger(__name__)

SIGNALS = 200
ANNOUNCED, TYPES, ENTRIES, SHOWN = 100, 20, 50, 20
LONGEST_DATA = 4 * 1024


@dataclass(frozen=True)
class PublishedEvent:
    """An event. `data_bytes` is how long its data is; over 4 KiB `event.data` is left empty."""

    event: StreamEvent
    data_bytes: int

    @property
    def is_cut(self) -> bool:
        """Whether the data is too long to be read here."""
        return self.data_bytes > LONGEST_DATA


@dataclass(frozen=True)
class AgentEvents:
    """Newest first: published signals to, from or past the agent, and its own events.

    unreadable names what a key of a wrong kind hides.
    """

    signals: list[StreamEvent] = field(default_factory=list)
    published: list[PublishedEvent] = field(default_factory=list)
    unreadable: tuple[str, ...] = ()


def read_agent_events(agent_id: str, memory: object = None) -> AgentEvents:
    """Of the newest 200 signals those that concern the agent, and the newest 20 events that it published.

    These are looked for among the newest 50 of each of the 20 types that appeared last, our own left out.
    Two round trips. StoreUnavailable when Redis is away.
    """
    checked_name(agent_id, "agent_id")
    store = open_store(memory)
    asked: dict[str, list[Any]] = {
        "signals": ["XREVRANGE", store.keys.event_stream("coordination_signal"), "+", "-", "COUNT", SIGNALS],
        "events": ["XREVRANGE", store.keys.event_types, "+", "-", "COUNT", ANNOUNCED],
    }
    said = dict(zip(asked, store.read_many(list(asked.values())), strict=True))
    unreadable = tuple(name for name, reply in said.items() if isinstance(reply, Exception))
    for name in unreadable:
        logger.warning("the %s of %r cannot be read: %s", name, agent_id, said[name])
        said[name] = []
    signals = (read_entry("coordination_signal", id_, flat) for id_, flat in said["signals"])
    return AgentEvents(
        signals=[signal for signal in signals if signal is not None and _concerns(signal, agent_id)],
        published=published_by(store, agent_id, said["events"]),
        unreadable=unreadable,
    )


def _concerns(signal: StreamEvent, agent_id: str) -> bool:
    """Sent by the agent, to it, or to everybody."""
    sender, target = signal.data.get("source_agent"), signal.data.get("target_agent")
    return sender == agent_id or target is None or target == agent_id


def _types(announcements: Iterable[tuple[bytes, list[bytes]]]) -> list[str]:
    names: dict[str, None] = {}
    for _, flat in announcements:
        try:
            names.setdefault(checked_name(flat[-1].decode(), "event_type"))
        except ODD:
            continue  # those who follow events log it
    return [name for name in names if name not in events.OWN_TYPES][:TYPES]


def published_by(
    store: Store, agent_id: str, announcements: Iterable[tuple[bytes, list[bytes]]]
) -> list[PublishedEvent]:
    """What an agent published of the types that were announced, newest first; at most one round trip."""
    event_types = _types(announcements)
    if not event_types:
        return []
    command = events.published_by(store.keys, event_types, agent_id, newest=ENTRIES, longest=LONGEST_DATA)
    found = store.run(command)
    published = [
        PublishedEvent(event, entry.data_bytes)
        for event_type, entries in zip(event_types, found, strict=True)
        for entry in entries
        if (event := read_entry(event_type, entry.event_id, entry.fields)) is not None
    ]
    return sorted(published, key=lambda one: id_numbers(one.event.event_id), reverse=True)[:SHOWN]
