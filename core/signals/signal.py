"""What a signal is, which one a reader wants, and how Redis's words become one: strictly."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from ..values.json import finite, loads_strictly
from ..values.malformed import ODD, malformed
from ..values.moments import at
from ..values.names import checked_name
from ..values.records import PlainDict


@dataclass
class CoordinationSignal(PlainDict):
    """A message to one agent, or to all when `target_agent` is None. `timestamp` is when Redis stored it."""

    signal_id: str
    signal_type: str
    source_agent: str
    target_agent: str | None
    payload: dict[str, Any]
    timestamp: datetime
    ttl_seconds: float = 60


class SignalFilter(NamedTuple):
    """Whose mailbox, and which signals in it; None means any."""

    agent_id: str
    signal_type: str | None
    source: str | None


def parsed(agent_id: str, parts: list[bytes]) -> CoordinationSignal:
    """A signal from what `signals/mailbox.lua` returns for it; MalformedRecord names what cannot be read."""
    where, signal_id, signal_type, source, sent_ms, ttl, payload = parts
    try:
        content = loads_strictly(payload)
        if not isinstance(content, dict):
            raise ValueError("payload is no JSON object")
        return CoordinationSignal(
            signal_id=checked_name(signal_id.decode(), "signal_id"),
            signal_type=checked_name(signal_type.decode(), "signal_type"),
            source_agent=checked_name(source.decode(), "source_agent"),
            target_agent=agent_id if where == b"inbox" else None,
            payload=content,
            timestamp=at(sent_ms),
            ttl_seconds=int(ttl) if ttl.isdigit() else finite(ttl.decode()),
        )
    except ODD as error:
        raise malformed(f"signal to {agent_id!r}", error) from error
