"""What Redis knows of one agent at one moment, in three round trips, whatever else it holds."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..signals import mailbox
from ..signals.signal import CoordinationSignal
from ..store import approvals
from ..store.approvals import WaitingRequest
from ..store.client import open_store
from ..values.json import finite
from ..values.malformed import ODD
from ..values.moments import at, milliseconds_of
from ..values.names import checked_name
from ..values.pairs import pairs
from .heartbeat import AgentState, readable_state

logger = logging.getLogger(__name__)

TIMELINE_ENTRIES = 100
MAIL = 20


@dataclass(frozen=True)
class TimelineEntry:
    """What an agent said when something changed; `instance` is the process that said it."""

    at: datetime
    instance: str
    status: str
    progress: float
    task: str


@dataclass(frozen=True)
class AgentSnapshot:
    """One agent as Redis has it. `state` is None when it has not beaten within a day.

    timeline is newest first, waiting and mail oldest first; unreadable names what a key of a wrong kind hides.
    """

    now: datetime
    state: AgentState | None
    timeline: list[TimelineEntry] = field(default_factory=list)
    waiting: list[WaitingRequest] = field(default_factory=list)
    mail: list[CoordinationSignal] = field(default_factory=list)
    more_mail: bool = False
    unreadable: tuple[str, ...] = ()


def read_timeline(agent_id: str, memory: object = None) -> list[TimelineEntry]:
    """The newest 100 entries, newest first. StoreUnavailable when Redis is away or the key holds something else."""
    store = open_store(memory)
    key = store.keys.agent_timeline(checked_name(agent_id, "agent_id"))
    entries = store.read("XREVRANGE", key, "+", "-", "COUNT", TIMELINE_ENTRIES)
    return timeline_of(agent_id, entries)


def timeline_of(agent_id: str, entries: Iterable[tuple[bytes, list[bytes]]]) -> list[TimelineEntry]:
    """Entries as Redis holds them; one that makes no sense is left out, with a line in the log."""
    read = (_timeline_entry(agent_id, id_, flat) for id_, flat in entries)
    return [entry for entry in read if entry is not None]


def read_snapshot(agent_id: str, memory: object = None) -> AgentSnapshot:
    """What is true of an agent now. Consumes nothing. StoreUnavailable when Redis is away."""
    checked_name(agent_id, "agent_id")
    store = open_store(memory)
    keys = store.keys
    asked: dict[str, list[Any]] = {
        "time": ["TIME"],
        "state": ["GET", keys.agent_record(agent_id)],
        "timeline": ["XREVRANGE", keys.agent_timeline(agent_id), "+", "-", "COUNT", TIMELINE_ENTRIES],
        "requests": ["ZRANGE", keys.approvals_pending, 0, -1],
    }
    said = dict(zip(asked, store.read_many(list(asked.values())), strict=True))
    unreadable = tuple(name for name, reply in said.items() if isinstance(reply, Exception))
    for name in unreadable:
        logger.warning("the %s of %r cannot be read: %s", name, agent_id, said[name])
        said[name] = None if name == "state" else []
    pending = [id_.decode(errors="replace") for id_ in said["requests"]]
    now = at(milliseconds_of(said["time"]))
    waiting = approvals.read_waiting(store, pending, agent_id)
    mail, more_mail = mailbox.oldest(store, agent_id, MAIL)
    return AgentSnapshot(
        now=now,
        state=readable_state(agent_id, said["state"]),
        timeline=timeline_of(agent_id, said["timeline"]),
        waiting=[request for request in waiting if request.deadline_at > now],
        mail=mail,
        more_mail=more_mail,
        unreadable=unreadable,
    )


def _timeline_entry(agent_id: str, entry_id: bytes, flat: list[bytes]) -> TimelineEntry | None:
    try:
        said = pairs([part.decode() for part in flat])
        progress = finite(said["progress"])
        if not 0.0 <= progress <= 1.0:
            raise ValueError(f"progress is {progress}")
        status = checked_name(said["status"], "status")
        moment = at(entry_id.partition(b"-")[0])
        return TimelineEntry(moment, said["instance"], status, progress, said["task"])
    except ODD as error:
        logger.warning("set aside in the timeline of %r: %s: %s", agent_id, type(error).__name__, error)
        return None
