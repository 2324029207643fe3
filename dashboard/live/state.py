"""What the head of the inbox shows, kept in memory and moved forward by changes; each change says what to send."""

import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import NamedTuple

from core.agents import fleet
from core.agents.heartbeat import AgentState
from core.history import health
from core.store.approvals import RequestRecord, read_records, valid_id
from core.store.client import open_store
from core.store.outbox import OutboxEntry, Watcher, numbers
from core.values.approvals import PENDING
from dashboard.agents.row import AgentRow
from dashboard.agents.state_counts import AgentCounts
from dashboard.approvals import page as contexts
from dashboard.approvals.page import SHOWN_ENDED, Asker, EndedRequest, Votes, why_gone
from dashboard.health import page as health_page
from dashboard.live import fragments, queue
from dashboard.live.doorbells import Changes
from dashboard.live.page import Deadlines, LivePage

BEHIND_SECONDS = 10.0
MOST_TOLD = (
    20  # requests that came or went at once, one by one; of more a page that reads slowly would be cut off
)


class PageMessage(NamedTuple):
    """What every page of the inbox is sent. everywhere: also pages that show one request alone."""

    text: str
    everywhere: bool = False


class LiveState:
    """The state of the head of the inbox. It belongs to one thread; `wait` alone may be called from another.

    It reads SQL when it is made and never later: what SQL knows afterwards is handed to `verify`.
    """

    def __init__(self) -> None:
        self._store = open_store()
        # The place in the outbox first, then the state: what happens in between is applied twice, to no effect.
        self._watcher = Watcher()
        self.changes = Changes(self._watcher)
        self._unrecorded: dict[str, str] = {}  # of requests: their last place in the outbox, in its order
        self._pending: dict[str, RequestRecord] = {}
        self._deadlines = Deadlines(())  # of those
        self._ended: list[EndedRequest] = []
        self._rows: dict[str, AgentRow] = {}
        self._gone: dict[str, str] = {}  # of requests: why nobody waits for the answer
        self._touched: set[str] = set()
        self._untold: set[str] = set()  # found in Redis before the outbox told of them
        self._votes: Votes = {}
        self._drawn = ""
        self._drawn_of: LivePage | None = None
        self._heard_of: set[str] = set()
        self._unreadable = 0
        self._behind = False
        self.alarm = health_page.alarm(health.read_heartbeat())
        self.agents = AgentCounts.of_rows(())
        self._looked_at: datetime  # by Redis's clock, and by ours
        self._looked: float
        self._load(contexts.known_of([]).ended, {})
        self._untold.clear()  # who comes now is given all of them
        self._touched.clear()
        self._votes = contexts.known_of(list(self._pending)).votes

    @property
    def now(self) -> datetime:
        """The time by Redis's clock, as it was at the last look at agents and has gone on since."""
        return self._looked_at + timedelta(seconds=time.monotonic() - self._looked)

    def close(self) -> None:
        """Give the connection back."""
        self._watcher.close()

    def cut(self) -> None:
        """From another thread than that which waits: `wait` ends."""
        self._watcher.cut()

    def region(self) -> str:
        """The whole head as it stands; rendered again only when something of it has changed."""
        page = LivePage(
            self.agents,
            len(self._pending),
            self._unreadable,
            self._ended,
            self.now,
            self._behind,
            deadlines=self._deadlines.soonest(),
        )
        # The page counts the time itself, so a later `now` alone is no change.
        if self._drawn_of is None or replace(page, now=self._drawn_of.now) != self._drawn_of:
            self._drawn_of, self._drawn = page, fragments.live_region(page)
        return self._drawn

    def take_touched(self) -> set[str]:
        """The requests whose own pages changed because their askers did, since this was asked last."""
        touched, self._touched = self._touched, set()
        return touched

    def tick(self) -> list[PageMessage]:
        """Warnings: when the recorder starts or stops lagging, and when something becomes wrong with the record."""
        messages = []
        behind = self._seconds_behind() > BEHIND_SECONDS
        if behind != self._behind:
            self._behind = behind
            messages.append(PageMessage(self._queue_head()))
        alarm = health_page.alarm(health.read_heartbeat())
        if alarm != self.alarm:
            self.alarm = alarm
            messages.append(PageMessage(fragments.alarm(alarm), everywhere=True))
        return messages

    @property
    def recorded(self) -> str:
        """How far SQL is, as far as `wait` heard."""
        return self._watcher.recorded

    def wait(self, seconds: float) -> list[OutboxEntry]:
        """What happened to requests, waiting at most `seconds` for it. From any thread, but not during `apply`."""
        return self._watcher.wait(seconds)

    def apply(self, entries: list[OutboxEntry]) -> tuple[list[PageMessage], set[str]]:
        """Move requests forward; returns messages, and the ids whose own pages changed."""
        self.changes.of_calls(entries)
        self.changes.of_runs(entries)
        positions = {
            entry.fields["request_id"]: entry.position
            for entry in entries
            if valid_id(entry.fields.get("request_id"))
        }
        recorded = self._take_recorded()
        for request_id, position in sorted(positions.items(), key=lambda held: numbers(held[1])):
            self._unrecorded.pop(request_id, None)  # to stand behind all others
            self._unrecorded[request_id] = position
        self._heard_of.update(positions)
        self._take_recorded()
        if not positions and not recorded:
            return [], set()
        waiting, ended = (len(self._pending), self._deadlines.soonest()), list(self._ended)
        self._ended = [replace(e, recorded=True) if e.request_id in recorded else e for e in self._ended]
        messages: list[PageMessage] = []
        ids = list(positions)
        known_before = self._pending.keys() & positions.keys() - self._untold
        for request_id, record in zip(ids, read_records(self._store, ids), strict=True):
            known = record if isinstance(record, RequestRecord) else None
            if known is not None:
                self.changes.of_request(known.agent_id, positions[request_id])
            messages += self._move(request_id, known)
        if messages:
            self.changes.of_queue()
        if len(messages) > MOST_TOLD:
            messages = [PageMessage(self.region())]  # the ring tells pages to fetch their lists
            many = len(self._pending.keys() & positions.keys() - known_before)
            messages += [PageMessage(fragments.crowd(many, self.now))] if many else []
        if (len(self._pending), self._deadlines.soonest()) != waiting:
            messages.append(PageMessage(self._queue_head()))
        if self._ended != ended:
            messages.append(PageMessage(fragments.ended_list(self._ended, self.now)))
        return messages, set(positions) | recorded

    def look(self) -> list[PageMessage]:
        """Look at the agents that beat or crossed a threshold since the last look."""
        changed = self._read_fleet(self._looked_at)
        self.changes.of_agents(state.heartbeat.agent_id for state in changed)
        before, rows = self.agents, self._rows_of(changed)
        if rows:
            self._look_at_askers(self._take_rows({row.agent_id: row for row in rows}, whole=False))
        return [] if self.agents == before else [PageMessage(fragments.agents_region(self.agents))]

    def begin_verification(self) -> list[str]:
        """SQL is about to be asked for `contexts.known_of` these: what is heard of from now on, it may lack."""
        self._heard_of = set(self._unrecorded)
        return list(self._pending)

    def verify(self, ended: list[EndedRequest], votes: Votes | None = None) -> list[PageMessage]:
        """Read Redis again, take SQL's word for what ended; where memory was wrong, send the head anew.

        votes: on what waits.
        """
        agents, before, waited = self.agents, self._standing(), self._bodies()
        self._load(ended, self._votes if votes is None else votes)
        if waited != self._bodies():
            self.changes.of_queue()
        if before != self._standing():
            return [PageMessage(self.region())]
        return [] if agents == self.agents else [PageMessage(fragments.agents_region(self.agents))]

    def _standing(self) -> tuple[object, ...]:
        """What is shown of requests."""
        return set(self._pending), self._ended, self._unreadable

    def _bodies(self) -> dict[str, tuple[object, ...]]:
        """What pages show of each request: somebody may have changed its bytes in Redis, or voted."""
        return {
            id_: (record.digest, record.deadline_at, self._votes.get(id_))
            for id_, record in self._pending.items()
        }

    # How the state moves

    def _read_fleet(self, since: datetime | None) -> list[AgentState]:
        self._looked_at, changed = fleet.look(self._store, since)
        self._looked = time.monotonic()
        return changed

    def _load(self, ended: list[EndedRequest], votes: Votes) -> None:
        states = self._read_fleet(None)
        pending, known = queue.read(self._store), set(self._pending)
        self._pending = {record.request_id: record for record in pending.records}
        self._deadlines = Deadlines(record.deadline_at for record in pending.records)
        self._untold = (self._untold | set(self._pending) - known) & set(self._pending)
        # The next look begins where this one was, so who changed just before is told of here.
        rows = {row.agent_id: row for row in self._rows_of(states)}
        self.changes.of_agents(self._take_rows(rows, whole=True))
        self._gone = {id_: why for id_, why in self._gone.items() if id_ in self._pending}
        self._look_at_askers({record.agent_id for record in self._pending.values()})
        self._unreadable = len(pending.unreadable)
        earlier = [end for end in self._ended if end.request_id in self._heard_of]
        # Memory may know more than SQL: that the agent has the answer.
        collected = {end.request_id for end in self._ended if end.collected}
        kept = [replace(e, collected=e.collected or e.request_id in collected) for e in ended]
        self._ended = _newest(kept, earlier)
        self._touched |= {id_ for id_ in self._pending if self._votes.get(id_) != votes.get(id_)}
        self._votes = votes

    def _move(self, request_id: str, record: RequestRecord | None) -> list[PageMessage]:
        known = self._pending.pop(request_id, None)
        if known is not None:
            self._deadlines.remove(known.deadline_at)
        if record is not None and record.status == PENDING and record.deadline_at > self.now:
            self._pending[request_id] = record = queue.shared_record(record)
            self._deadlines.add(record.deadline_at)
            told = known is not None and request_id not in self._untold
            if told and known == record:
                return []
            self._untold.discard(request_id)
            return [PageMessage(fragments.came(record, self.now, again=told))]
        if record is None or record.status == PENDING:
            return [PageMessage(self.region())] if known is not None else []
        end = EndedRequest.of(record, recorded=request_id not in self._unrecorded)
        self._ended = _newest([end], self._ended)
        return [] if known is None else [PageMessage(fragments.went(end, self.now))]

    def _take_rows(self, rows: dict[str, AgentRow], *, whole: bool) -> set[str]:
        """Agents as they are now, `whole` where those are all; returns which are not as they were."""
        before = self._rows
        looked_at = before.keys() | rows.keys() if whole else rows.keys()
        changed = {id_ for id_ in looked_at if before.get(id_) != rows.get(id_)}
        moved = any(_place(before.get(id_)) != _place(rows.get(id_)) for id_ in changed)
        if whole:
            self._rows = rows
        else:
            self._rows.update(rows)
        self.changes.of_fleet(changed=bool(changed), moved=moved)
        if moved:
            self.agents = AgentCounts.of_rows(self._rows.values())
        return changed

    def _look_at_askers(self, agent_ids: set[str]) -> None:
        """Requests whose askers came to be gone, or are back, are shown anew."""
        for request_id, record in self._pending.items() if agent_ids else ():
            if record.agent_id in agent_ids and self._gone.get(request_id, "") != self._why_gone(record):
                self._gone[request_id] = self._why_gone(record)
                self._touched.add(request_id)
                self.changes.of_queue()

    def _why_gone(self, record: RequestRecord) -> str:
        row = self._rows.get(record.agent_id)
        asker = None if row is None else Asker(row.liveness, row.last_beat)
        return why_gone(asker, record.requested_at)

    def _queue_head(self) -> str:
        return fragments.queue_head(
            len(self._pending), self._unreadable, self._deadlines.soonest(), behind=self._behind
        )

    def _take_recorded(self) -> set[str]:
        """The requests whose last change SQL holds by now; no later one is looked at."""
        behind = takewhile(lambda held: self._watcher.is_recorded(held[1]), self._unrecorded.items())
        recorded = {request_id for request_id, _position in behind}
        for request_id in recorded:
            del self._unrecorded[request_id]
        return recorded

    def _seconds_behind(self) -> float:
        oldest = next(iter(self._unrecorded.values()), None)
        return 0.0 if oldest is None else self.now.timestamp() - numbers(oldest)[0] / 1000

    def _rows_of(self, states: list[AgentState]) -> list[AgentRow]:
        waiting = {record.agent_id for record in self._pending.values()}
        return [AgentRow.of(state, self.now, waits=state.heartbeat.agent_id in waiting) for state in states]


def _place(row: AgentRow | None) -> tuple[object, ...] | None:
    """What the figures, and the list of agents, depend on."""
    return None if row is None else (row.state, row.away, row.name)


def _newest(first: Iterable[EndedRequest], second: Iterable[EndedRequest]) -> list[EndedRequest]:
    """Both lists as one, newest first, the first list's word on a request before the second's."""
    by_id = {end.request_id: end for end in [*second, *first]}
    ends = sorted(by_id.values(), key=lambda end: (end.ended_at, end.request_id), reverse=True)
    return ends[:SHOWN_ENDED]
