"""Doorbells: pages that differ by their address are told that something changed, and fetch it themselves.

A ring carries nothing. It may come too often, never too seldom: whoever was rung reads what is true then.
"""

import json
import time
from collections.abc import Callable, Iterable

from core.store.outbox import OutboxEntry, Watcher, numbers
from core.values.malformed import ODD
from dashboard.live.subscription import Subscription

LIVE = "live"  # the inbox: it is sent its head, and fetches its list
USAGE = "usage"
AGENTS = "agents"
_AGENT = "agent:"

RING_SECONDS = 1.0  # between two rings of one socket
RINGS_A_SECOND = 10.0  # to all sockets of a process: each ring costs a page
BEATS_SECONDS = 5.0  # between two rings for beats alone: of many agents somebody beats all the time


def agent(agent_id: str) -> str:
    """The topic of one agent's page."""
    return _AGENT + agent_id


def is_doorbell(topic: str) -> bool:
    """Whether pages of this topic fetch all that changed themselves."""
    return topic in (USAGE, AGENTS) or topic.startswith(_AGENT)


class Changes:
    """Which topics changed. What pages read from SQL counts as changed when the recorder has written it."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._beats_told = time.monotonic()
        self._beats = False
        self._changed: set[str] = set()
        # The first and the last change of a topic that SQL lacks: no more is kept, however long nobody records.
        self._unrecorded: dict[str, tuple[str, str]] = {}
        self._recorded = watcher.recorded  # as it was when those were looked through

    def of_agents(self, agent_ids: Iterable[str]) -> None:
        """These agents did something that is true at once, such as a beat."""
        self._changed.update(agent(agent_id) for agent_id in agent_ids)

    def of_fleet(self, *, changed: bool, moved: bool) -> None:
        """Agents beat; `moved`: one of them came, or is in another state than before."""
        self._beats |= changed
        if moved or (self._beats and time.monotonic() - self._beats_told >= BEATS_SECONDS):
            self._beats, self._beats_told = False, time.monotonic()
            self._changed.add(AGENTS)

    def of_request(self, agent_id: str, position: str) -> None:
        """A request moved: its agent's page shows it at once, and again when it is recorded."""
        self._changed.add(agent(agent_id))
        self._await(position, {agent(agent_id)})

    def of_queue(self) -> None:
        """What waits is not what it was."""
        self._changed.add(LIVE)

    def of_calls(self, entries: Iterable[OutboxEntry]) -> None:
        """Calls, and resets of them, among these entries of the outbox."""
        for entry in entries:
            if entry.type in ("llm_calls", "usage_reset"):
                self._await(entry.position, _topics_of(entry))

    def of_runs(self, entries: Iterable[OutboxEntry]) -> None:
        """Starts, ends and returns of agents among these entries of the outbox."""
        for entry in entries:
            if entry.type in ("agent_started", "agent_stopped", "agent_resumed"):
                self._await(entry.position, {agent(entry.fields.get("agent_id", ""))})

    def take(self) -> set[str]:
        """The topics that changed since the last call."""
        if self._watcher.recorded != self._recorded:
            self._recorded = self._watcher.recorded
            self._look_at_unrecorded()
        changed, self._changed = self._changed, set()
        return changed

    def _look_at_unrecorded(self) -> None:
        for topic, (first, last) in list(self._unrecorded.items()):
            if not self._watcher.is_recorded(first):
                continue
            self._changed.add(topic)
            if self._watcher.is_recorded(last):
                del self._unrecorded[topic]
            else:
                self._unrecorded[topic] = (last, last)

    def _await(self, position: str, topics: set[str]) -> None:
        if self._watcher.is_recorded(position):
            self._changed |= topics
            return
        for topic in topics:
            first, last = self._unrecorded.get(topic, (position, position))
            self._unrecorded[topic] = (min(first, position, key=numbers), max(last, position, key=numbers))


def _topics_of(entry: OutboxEntry) -> set[str]:
    try:
        calls = json.loads(entry.fields.get("calls", "[]"))
        agents = {str(call["agent_id"]) for call in calls if call["agent_id"]}
    except ODD:
        agents = set()  # the recorder sets it aside
    return {USAGE, *(agent(agent_id) for agent_id in agents)}


class Bells:
    """Who is to be rung, and when: each at most once a second, all together at most ten times a second.

    A door that is owed a ring keeps its place until it is rung, so the last change always rings.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._doors: dict[Subscription, float] = {}  # when each was rung last
        self._owed: dict[Subscription, None] = {}  # in the order in which they became so
        self._budget, self._counted_at = RINGS_A_SECOND, clock()

    def add(self, door: Subscription) -> None:
        """A page was opened; what happened since it was rendered is owed to it."""
        self._doors.setdefault(door, -RING_SECONDS)
        self._owed.setdefault(door)

    def remove(self, door: Subscription) -> None:
        """The page is gone."""
        self._doors.pop(door, None)
        self._owed.pop(door, None)

    @property
    def owes(self) -> bool:
        """Whether somebody is to be rung, now or soon."""
        return bool(self._owed)

    def changed(self, topics: set[str]) -> None:
        """Everybody who shows one of these is owed a ring."""
        for door in self._doors if topics else ():
            if door.topic in topics:
                self._owed.setdefault(door)

    def due(self) -> list[Subscription]:
        """Those to ring now."""
        now = self._clock()
        self._budget = min(RINGS_A_SECOND, self._budget + (now - self._counted_at) * RINGS_A_SECOND)
        self._counted_at = now
        ready = [door for door in self._owed if now - self._doors[door] >= RING_SECONDS]
        rung = ready[: int(self._budget)]
        for door in rung:
            del self._owed[door]
            self._doors[door] = now
        self._budget -= len(rung)
        return rung
