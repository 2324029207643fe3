"""What Redis knows of an agent that waits for an answer: a little of everything, in two round trips."""

import logging
from dataclasses import dataclass, field
from typing import Any

from ..events.by_agent import ANNOUNCED, PublishedEvent, published_by
from ..signals import mailbox
from ..signals.signal import CoordinationSignal
from ..store.client import Store
from ..values.names import checked_name
from .heartbeat import AgentState, readable_state
from .snapshot import TimelineEntry, timeline_of

logger = logging.getLogger(__name__)

SAID, MAIL, EVENTS = 5, 5, 5


@dataclass(frozen=True)
class Glance:
    """An agent at one moment. `state` is None when it has not beaten within a day, or that cannot be read.

    timeline and events are newest first, mail is oldest first; unreadable names what is not known.
    """

    state: AgentState | None = None
    timeline: list[TimelineEntry] = field(default_factory=list)
    mail: list[CoordinationSignal] = field(default_factory=list)
    more_mail: bool = False
    events: list[PublishedEvent] = field(default_factory=list)
    unreadable: tuple[str, ...] = ()


def glance(store: Store, agent_id: str) -> Glance:
    """Look at an agent; consumes nothing. StoreUnavailable when Redis is away."""
    checked_name(agent_id, "agent_id")
    keys = store.keys
    look = mailbox.look_at(keys, agent_id, MAIL)
    asked: dict[str, list[Any]] = {
        "state": ["GET", keys.agent_record(agent_id)],
        "timeline": ["XREVRANGE", keys.agent_timeline(agent_id), "+", "-", "COUNT", SAID],
        "mailbox": look.call,
        "events": ["XREVRANGE", keys.event_types, "+", "-", "COUNT", ANNOUNCED],
    }
    said = dict(zip(asked, store.read_many(list(asked.values())), strict=True))
    lost = tuple(name for name, reply in said.items() if isinstance(reply, Exception))
    mail: list[CoordinationSignal] = []
    more_mail = False
    if "mailbox" not in lost:
        mail, more_mail = mailbox.read(agent_id, look.parse(said["mailbox"]))
    elif "matching script" in str(said["mailbox"]):
        lost = tuple(name for name in lost if name != "mailbox")
        mail, more_mail = mailbox.oldest(store, agent_id, MAIL)  # which loads it for the next time
    for name in lost:
        logger.warning("the %s of %r cannot be read: %s", name, agent_id, said[name])
    return Glance(
        readable_state(agent_id, None if "state" in lost else said["state"]),
        timeline_of(agent_id, [] if "timeline" in lost else said["timeline"]),
        mail,
        more_mail,
        [] if "events" in lost else published_by(store, agent_id, said["events"])[:EVENTS],
        lost,
    )
