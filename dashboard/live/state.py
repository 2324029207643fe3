"""What the live page shows, kept in memory and moved forward by changes; each change says what to send."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from core.agents import fleet
from core.agents.heartbeat import AgentState
from core.history import health
from core.history.approvals.policy import Verdict
from core.history.approvals.quorum import votes_of
from core.store.approvals import RequestRecord, read_records, valid_id
from core.store.client import open_store
from core.store.outbox import OutboxEntry, Watcher
from core.values.approvals import PENDING
from dashboard.access import Audience
from dashboard.agents.folds import Line
from dashboard.agents.look import Agents
from dashboard.agents.row import NEED_A_LOOK, AgentRow
from dashboard.approvals import page as contexts
from dashboard.approvals.page import SHOWN_ENDED, Card, Ended, Known, Votes, most_urgent
from dashboard.health import page as health_page
from dashboard.live import fragments, queue
from dashboard.live.doorbells import Changes
from dashboard.live.page import LivePage, card_of

BEHIND_SECONDS = 10.0


class Message:
    """One fragment, rendered once for all audiences that may answer the same of its cards, in the same way.

    everywhere: also for pages that show one request alone.
    """

    def __init__(
        self, render: Callable[[Audience], str], cards: Sequence[Card] = (), *, everywhere: bool = False
    ) -> None:
        self._render = render
        self._cards = cards
        self._texts: dict[tuple[Verdict, ...], str] = {}
        self.everywhere = everywhere

    def text(self, audience: Audience) -> str:
        """The fragment for one audience."""
        seen = audience.verdicts(self._cards)
        if seen not in self._texts:
            self._texts[seen] = self._render(audience)
        return self._texts[seen]


def _same(text: str, *, everywhere: bool = False) -> Message:
    return Message(lambda _audience: text, everywhere=everywhere)


class LiveState:
    """The state of the live page. It belongs to one thread; `wait` alone may be called from another.

    It reads SQL when it is made and never later: what SQL knows afterwards is handed to `verify`.
    """

    def __init__(self) -> None:
        self._store = open_store()
        # The place in the outbox first, then the state: what happens in between is applied twice, to no effect.
        self._watcher = Watcher()
        self.changes = Changes(self._watcher)
        self._unrecorded: dict[str, str] = {}
        self._pending: dict[str, RequestRecord] = {}
        self._shown: list[str] = []
        self._ended: list[Ended] = []
        self._rows: dict[str, AgentRow] = {}
        self._cards: dict[str, Card] = {}
        self._liveness: dict[str, str] = {}
        self._touched: set[str] = set()
        self._votes: Votes = {}
        self._drawn: dict[tuple[Verdict, ...], str] = {}
        self._drawn_of: LivePage | None = None
        self._heard_of: set[str] = set()
        self._digests: dict[str, str]  # of what was asked, by request
        self._unreadable = 0
        self._behind = False
        self.alarm = health_page.alarm(health.read_heartbeat())
        self.now: datetime
        self.agents: Agents
        known = contexts.known_of([], every=True)
        self._digests = known.asked
        self._load(known.ended, {})
        self._votes = votes_of(self._shown)

    def close(self) -> None:
        """Give the connection back."""
        self._watcher.close()

    def region(self, audience: Audience) -> str:
        """The whole page as it stands; rendered again only when something on it has changed."""
        return self._draw(self._page(), audience)

    def _page(self) -> LivePage:
        return LivePage(
            agents=self.agents,
            cards=[self._card(id_) for id_ in self._shown],
            waiting=len(self._pending),
            unreadable=self._unreadable,
            ended=self._ended,
            now=self.now,
            behind=self._behind,
        )

    def _draw(self, page: LivePage, audience: Audience) -> str:
        # The page counts the time itself, so a later `now` alone is no change.
        if self._drawn_of is None or replace(page, now=self._drawn_of.now) != self._drawn_of:
            self._drawn_of, self._drawn = page, {}
        seen = (Verdict(audience.may_decide), *audience.verdicts(page.cards))
        if seen not in self._drawn:
            self._drawn[seen] = fragments.live_region(page, audience)
        return self._drawn[seen]

    def _card(self, request_id: str) -> Card:
        if request_id not in self._cards:
            known = Known(self._ended, self._digests, self._votes)
            self._cards[request_id] = card_of(self._pending[request_id], self._rows, known)
        return self._cards[request_id]

    def _cards_of(self, rows: Iterable[AgentRow]) -> list[Message]:
        """What cards say anew of their askers, when these came to be gone or are back."""
        askers = {row.agent_id for row in rows if self._liveness.get(row.agent_id) != row.liveness}
        self._liveness.update({row.agent_id: row.liveness for row in rows})
        asked = [id_ for id_, record in self._pending.items() if record.agent_id in askers]
        texts = []
        for request_id in asked:
            before = self._cards.pop(request_id, None)
            if before is not None and before.gone == self._card(request_id).gone:
                continue
            self._touched.add(request_id)
            if request_id in self._shown:
                texts.append(fragments.asker(self._card(request_id)))
        return [_same("".join(texts))] if texts else []

    def take_touched(self) -> set[str]:
        """The requests whose own pages changed because their askers did, since this was asked last."""
        touched, self._touched = self._touched, set()
        return touched

    def tick(self) -> list[Message]:
        """Warnings: when the recorder starts or stops lagging, and when something becomes wrong with the record."""
        messages = []
        behind = self._seconds_behind() > BEHIND_SECONDS
        if behind != self._behind:
            self._behind = behind
            messages.append(_same(self._queue_head()))
        alarm = health_page.alarm(health.read_heartbeat())
        if alarm != self.alarm:
            self.alarm = alarm
            messages.append(_same(fragments.alarm(alarm), everywhere=True))
        return messages

    @property
    def recorded(self) -> str:
        """How far SQL is, as far as `wait` heard."""
        return self._watcher.recorded

    def wait(self, seconds: float) -> list[OutboxEntry]:
        """What happened to requests, waiting at most `seconds` for it. From any thread, but not during `apply`."""
        return self._watcher.wait(seconds)

    def apply(self, entries: list[OutboxEntry]) -> tuple[list[Message], set[str]]:
        """Move requests forward; returns fragments, and the ids whose own pages changed."""
        self.changes.of_calls(entries)
        self.changes.of_runs(entries)
        positions = {
            entry.fields["request_id"]: entry.position
            for entry in entries
            if valid_id(entry.fields.get("request_id"))
        }
        recorded = {id_ for id_, position in self._unrecorded.items() if self._watcher.is_recorded(position)}
        self._unrecorded = {**self._unrecorded, **positions}
        for entry in entries:
            if entry.type == "requested":  # before anybody could have changed it
                self._digests.setdefault(entry.fields.get("request_id", ""), entry.fields.get("digest", ""))
        self._heard_of.update(positions)
        for request_id in list(self._unrecorded):
            if self._watcher.is_recorded(self._unrecorded[request_id]):
                del self._unrecorded[request_id]
        if not positions and not recorded:
            return [], set()
        before = (len(self._pending), list(self._ended))
        self._ended = [replace(e, recorded=e.recorded or e.request_id in recorded) for e in self._ended]
        messages: list[Message] = []
        ids = list(positions)
        for request_id, record in zip(ids, read_records(self._store, ids), strict=True):
            known = record if isinstance(record, RequestRecord) else None
            if known is not None:
                self.changes.of_request(known.agent_id, positions[request_id])
            messages += self._move(request_id, known)
        messages += self._fill_window()
        if len(self._pending) != before[0]:
            messages.append(_same(self._queue_head()))
        if self._ended != before[1]:
            messages.append(_same(fragments.ended_list(self._ended, self.now)))
        return messages, set(positions) | recorded

    def look(self) -> list[Message]:
        """Look at the agents that beat or crossed a threshold since the last look."""
        self.now, changed = fleet.look(self._store, self.now)
        self.changes.of_agents(state.heartbeat.agent_id for state in changed)
        rows = [row for row in self._rows_of(changed) if self._rows.get(row.agent_id) != row]
        moved = any(self._place(self._rows.get(row.agent_id)) != self._place(row) for row in rows)
        self._rows.update({row.agent_id: row for row in rows})
        told = self._cards_of(rows)
        self.changes.of_fleet(changed=bool(rows), moved=moved)
        if not moved:
            return told  # it beats on: nothing else of that is shown here
        before = self.agents
        self._arrange()
        return (
            told if self.agents == before else [_same(fragments.agents_region(self.agents, self.now)), *told]
        )

    def begin_verification(self) -> list[str]:
        """SQL is about to be asked for `contexts.known_of` these: what is heard of from now on, it may lack."""
        self._heard_of = set(self._unrecorded)
        return list(self._shown)

    def verify(
        self, ended: list[Ended], asked: dict[str, str] | None = None, votes: Votes | None = None
    ) -> list[Message]:
        """Read Redis again, take SQL's word for what ended; where memory was wrong, send the region anew.

        asked: the digest of each request that waits, as SQL knows it. votes: on those shown.
        """
        agents, before = self.agents, self._standing()
        self._load(ended, self._votes if votes is None else votes)
        heard = {id_: digest for id_, digest in self._digests.items() if id_ in self._pending}
        self._digests = {**heard, **(asked or {})}
        if before != self._standing():
            return [self._whole()]
        return [] if agents == self.agents else [_same(fragments.agents_region(self.agents, self.now))]

    def _standing(self) -> tuple[object, ...]:
        """What is shown of requests, with the digest of the bytes of each: somebody may have changed them."""
        digests = [self._pending[id_].digest for id_ in self._shown]
        return self._shown, digests, self._ended, self._unreadable, len(self._pending), self._votes

    # How the state moves

    def _load(self, ended: list[Ended], votes: Votes) -> None:
        self.now, states = fleet.look(self._store, None)
        pending = queue.read(self._store)
        self._pending = {record.request_id: record for record in pending.records}
        self._rows = {row.agent_id: row for row in self._rows_of(states)}
        self._liveness = {agent: row.liveness for agent, row in self._rows.items()}
        self._arrange()
        self._cards = {}
        self._unreadable = len(pending.unreadable)
        self._shown = self._most_urgent()
        earlier = [end for end in self._ended if end.request_id in self._heard_of]
        # Memory may know more than SQL: that the agent has the answer.
        collected = {end.request_id for end in self._ended if end.collected}
        kept = [replace(e, collected=e.collected or e.request_id in collected) for e in ended]
        self._ended = _newest(kept, earlier)
        self._touched |= {id_ for id_ in self._shown if self._votes.get(id_) != votes.get(id_)}
        self._votes = votes

    def _move(self, request_id: str, record: RequestRecord | None) -> list[Message]:
        if record is not None and record.status == PENDING and record.deadline_at > self.now:
            before = self._pending.setdefault(request_id, queue.held(record))
            if before.deadline_at == record.deadline_at:
                return []
            self._pending[request_id] = queue.held(record)  # it was given more time
            self._cards.pop(request_id, None)
            return [self._reload_shown()]
        known = self._pending.pop(request_id, None)
        if record is None or record.status == PENDING:
            return [self._reload_shown()] if known is not None else []
        end = Ended.of(record, recorded=request_id not in self._unrecorded)
        self._ended = _newest([end], self._ended)
        if request_id not in self._shown:
            return []
        self._shown.remove(request_id)
        return [_same(fragments.ended_card(end, self.now))]

    def _fill_window(self) -> list[Message]:
        """New requests, and those that wait behind the last card, stand where their deadline puts them."""
        wanted = self._most_urgent()
        added = [id_ for id_ in wanted if id_ not in self._shown]
        if not added:
            return []
        if [id_ for id_ in wanted if id_ in self._shown] != self._shown:
            return [self._reload_shown()]
        self._shown = wanted
        # From the last to the first, so that the card before which one goes is there.
        return [self._new(self._card(id_), wanted[wanted.index(id_) + 1 :]) for id_ in reversed(added)]

    def _new(self, card: Card, behind: list[str]) -> Message:
        now, before = self.now, behind[0] if behind else ""
        return Message(lambda audience: fragments.new_card(card, now, audience, before), [card])

    def _most_urgent(self) -> list[str]:
        return [record.request_id for record in most_urgent(self._pending.values())]

    def _reload_shown(self) -> Message:
        self._shown = self._most_urgent()
        return self._whole()

    def _whole(self) -> Message:
        page = self._page()  # as it is now: what follows in this batch changes it again
        return Message(lambda audience: self._draw(page, audience), page.cards)

    def _queue_head(self) -> str:
        waiting = len(self._pending)
        return fragments.queue_head(
            waiting, waiting - len(self._shown), self._unreadable, behind=self._behind
        )

    def _seconds_behind(self) -> float:
        oldest = min((int(position.split("-")[0]) for position in self._unrecorded.values()), default=None)
        return 0.0 if oldest is None else self.now.timestamp() - oldest / 1000

    def _rows_of(self, states: list[AgentState]) -> list[AgentRow]:
        waiting = {record.agent_id for record in self._pending.values()}
        return [AgentRow.of(state, self.now, waits=state.heartbeat.agent_id in waiting) for state in states]

    def _arrange(self) -> None:
        self.agents = Agents.of_rows(self._rows.values())

    @staticmethod
    def _place(row: AgentRow | None) -> tuple[object, ...] | None:
        """What a line of the live page depends on; the task and time of one that only beats are not shown."""
        if row is None:
            return None
        return (row.state, row.away, Line.of([row]) if row.state in NEED_A_LOOK else row.name)


def _newest(first: Iterable[Ended], second: Iterable[Ended]) -> list[Ended]:
    """Both lists as one, newest first, the first list's word on a request before the second's."""
    by_id = {end.request_id: end for end in [*second, *first]}
    ends = sorted(by_id.values(), key=lambda end: (end.ended_at, end.request_id), reverse=True)
    return ends[:SHOWN_ENDED]
