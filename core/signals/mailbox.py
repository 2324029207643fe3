"""One agent's mailbox: looked at, taken from, waited at, cleared. Its inbox and the broadcasts are read as one."""

import logging
import os
import time

from ..errors import MalformedRecord
from ..store import signals
from ..store.client import READ_OVERTIME, Line, Store
from ..store.keys import Keys
from ..store.script import Command
from ..store.signals import START, MailboxPage, MailboxPosition
from ..values.numbers import checked_count
from .signal import CoordinationSignal, SignalFilter, parsed

logger = logging.getLogger(__name__)

PAGE = 500
SLICE_SECONDS = 30.0


class Claim:
    """The id under which one call takes: asked again with it, Redis answers what it answered before."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """For the next signal, after one that could not be read."""
        self.id = os.urandom(16).hex()
        self.unanswered = False


def look(store: Store, wanted: SignalFilter, most: int | None) -> list[CoordinationSignal]:
    """What matches and is not consumed, oldest first; all of it, in as many round trips as it takes, for None."""
    found: list[CoordinationSignal] = []
    more, position = True, START
    while more and (most is None or len(found) < most):
        page = store.run(
            signals.mailbox(store.keys, "look", **wanted._asdict(), most=most or PAGE, after=position)
        )
        _log_malformed(wanted.agent_id, page)
        readable = (_readable(wanted.agent_id, parts) for parts in page.signals)
        found += [signal for signal in readable if signal is not None]
        more, position = page.more, page.position
    return found


def oldest(store: Store, agent_id: str, most: int) -> tuple[list[CoordinationSignal], bool]:
    """The oldest signals that an agent has not consumed, in one round trip, and whether there are more."""
    checked_count(most, "most", 1)
    return read(agent_id, store.run(look_at(store.keys, agent_id, most)))


def look_at(keys: Keys, agent_id: str, most: int) -> Command[MailboxPage]:
    """The command that looks at the oldest of them."""
    return signals.mailbox(keys, "look", **SignalFilter(agent_id, None, None)._asdict(), most=most)


def read(agent_id: str, page: MailboxPage) -> tuple[list[CoordinationSignal], bool]:
    """What such a look found, without what cannot be read, and whether there is more."""
    _log_malformed(agent_id, page)
    readable = (_readable(agent_id, parts) for parts in page.signals)
    return [signal for signal in readable if signal is not None], page.more


def clear(store: Store, wanted: SignalFilter) -> int:
    """Consume what matches unseen; returns how many."""
    cleared, more, position = 0, True, START
    while more:
        page = store.run(signals.mailbox(store.keys, "clear", **wanted._asdict(), most=PAGE, after=position))
        _log_malformed(wanted.agent_id, page)
        cleared, more, position = cleared + page.matches, page.more, page.position
    return cleared


def take(
    line: Line, wanted: SignalFilter, claim: Claim, position: MailboxPosition
) -> tuple[CoordinationSignal | None, MailboxPosition]:
    """The oldest match behind `position`, consumed, and how far the mailbox was read."""
    while True:
        asked_before, claim.unanswered = claim.unanswered, True
        command = signals.mailbox(
            line.keys,
            "take",
            agent_id=wanted.agent_id,
            signal_type=wanted.signal_type,
            source=wanted.source,
            after=position,
            claim=claim.id,
            asked_before=asked_before,
        )
        page = line.run(command)
        claim.unanswered = False
        _log_malformed(wanted.agent_id, page)
        if not page.signals:
            return None, page.position
        signal = _readable(wanted.agent_id, page.signals[0])
        if signal is not None:
            return signal, page.position
        claim.renew()


def block(line: Line, agent_id: str, position: MailboxPosition, end: float) -> None:
    """Wait until something arrives behind `position`, whatever it is, or until `end`.

    What arrived since `position` was read ends the wait at once, so nothing is missed in between.
    """
    after = {
        line.keys.signals_inbox(agent_id): position.inbox or "0-0",
        line.keys.signals_broadcast: position.broadcast or "0-0",
    }
    while (left := end - time.monotonic()) > 0:
        if line.read_streams(after, min(SLICE_SECONDS, left), overtime=READ_OVERTIME):
            return


def _readable(agent_id: str, parts: list[bytes]) -> CoordinationSignal | None:
    try:
        return parsed(agent_id, parts)
    except MalformedRecord as error:
        logger.warning("set aside: %s", error)
        return None


def _log_malformed(agent_id: str, page: MailboxPage) -> None:
    if page.malformed:
        some = ", ".join(page.malformed[:10])
        logger.warning("set aside: %s malformed entries met by %r: %s", len(page.malformed), agent_id, some)
