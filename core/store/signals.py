"""The commands of signals: sending one, and reading a mailbox."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from .client import Line
from .keys import Keys
from .script import SCRIPTS, Argument, Command, nothing, refuse_errors


def send(
    keys: Keys,
    *,
    signal_id: str,
    signal_type: str,
    source: str,
    target: str | None,
    payload: bytes,
    ttl_ms: int,
    ttl_text: str,
    event: str | None,
) -> Command[None]:
    """Put a signal into the inbox of `target`, or among the broadcasts when it is None."""
    if target is None:
        script_keys = [keys.signals_broadcast, keys.signals_broadcast_expiry, keys.signals_order]
    else:
        script_keys = [keys.signals_inbox(target), keys.signals_expiry(target), keys.signals_order]
    args: list[Argument] = [signal_id, signal_type, source, payload, ttl_ms, ttl_text]
    if event is not None:
        script_keys += [keys.event_stream("coordination_signal"), keys.event_types]
        args.append(event)
    return Command(SCRIPTS["signals/send"], script_keys, args, nothing)


class MailboxPosition(NamedTuple):
    """How far a mailbox was read: the last inbox entry and the last broadcast, '' before the first."""

    inbox: str = ""
    broadcast: str = ""


START = MailboxPosition()


class MailboxPage(NamedTuple):
    """What `mailbox` found. `signals`: inbox or broadcast, id, type, source, sent ms, ttl, payload."""

    more: bool
    position: MailboxPosition
    matches: int
    malformed: list[str]
    signals: list[list[bytes]]


def mailbox(
    keys: Keys,
    mode: str,
    *,
    agent_id: str,
    signal_type: str | None,
    source: str | None,
    most: int = 1,
    after: MailboxPosition = START,
    claim: str | None = None,
    asked_before: bool = False,
) -> Command[MailboxPage]:
    """Matching signals, oldest first. mode: 'look', 'take' (one) or 'clear'.

    With a `claim`, an id of the caller's own, a 'take' that is `asked_before` answers the same again.
    """
    script_keys = [
        keys.signals_inbox(agent_id),
        keys.signals_expiry(agent_id),
        keys.signals_broadcast,
        keys.signals_broadcast_expiry,
        keys.signals_consumed(agent_id),
    ]
    if claim is not None:
        script_keys.append(keys.signals_claimed(claim))
    args = [mode, most, signal_type or "", source or "", *after, "1" if asked_before else ""]
    return Command(SCRIPTS["signals/mailbox"], script_keys, args, _page)


def _page(reply: list[Any]) -> MailboxPage:
    more, inbox, broadcast, count, malformed, signals = reply
    position = MailboxPosition(inbox.decode(), broadcast.decode())
    return MailboxPage(bool(more), position, count, [entry.decode() for entry in malformed], signals)


def newest(line: Line, agents: Collection[str | None]) -> dict[str | None, str]:
    """The id of the newest entry in each agent's inbox, and among the broadcasts for None; 0-0 where there is none."""
    looks: list[list[Argument]] = [
        ["XREVRANGE", _stream(line.keys, agent), "+", "-", "COUNT", 1] for agent in agents
    ]
    found = line.read_many(looks)
    refuse_errors("a mailbox", *found)
    return {
        agent: entries[0][0].decode() if entries else "0-0"
        for agent, entries in zip(agents, found, strict=True)
    }


def arrived(line: Line, after: Mapping[str | None, str], seconds: float) -> dict[str | None, str]:
    """In which of these mailboxes something is behind these ids, and its id: waiting so long for the first."""
    names = {_stream(line.keys, agent): agent for agent in after}
    found = line.read_streams({name: after[agent] for name, agent in names.items()}, seconds)
    return {names[key.decode()]: entries[-1][0].decode() for key, entries in found if entries}


def _stream(keys: Keys, agent: str | None) -> str:
    return keys.signals_broadcast if agent is None else keys.signals_inbox(agent)
