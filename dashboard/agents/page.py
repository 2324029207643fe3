"""What the page of one agent prints: whether it lives, hangs or waits, what it costs, and what it did."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.safestring import SafeString

from core.agents.snapshot import AgentSnapshot, read_snapshot
from core.events.by_agent import AgentEvents, PublishedEvent, read_agent_events
from core.events.event import StreamEvent
from core.history.agents.history import AgentHistory, Spent, read_history
from core.models import AgentAssignment, AgentRun, AuditEntry, LLMCall
from core.signals.signal import CoordinationSignal
from core.store.approvals import WaitingRequest
from core.usage.money import CALL_PLACES, money
from core.values.approvals import SYSTEM
from core.values.secrets import masked_json
from dashboard import words
from dashboard.agents.row import AgentRow
from dashboard.agents.timeline import Timeline
from dashboard.approvals.page import EndedRequest, HistoryStep
from dashboard.display.amounts import whole_percent
from dashboard.display.context import visible_json

SHOWN_SIGNALS = 20
ON_A_LINE = 120


@dataclass(frozen=True)
class RunLine:
    """One run: when, how long, and how it ended."""

    word: str
    state: str
    started_at: datetime
    ended_at: datetime | None
    resumed_at: datetime | None
    percent: int | None
    task: str
    process: str
    rival: bool

    @classmethod
    def of(cls, run: AgentRun, row: AgentRow | None) -> "RunLine":
        """The run as it stands. A run that SQL takes for running is lost when its agent is by now."""
        state, ended_at = run.state, run.ended_at
        if state == "running" and row is not None and row.liveness == "lost":
            state, ended_at = "lost", row.last_beat
        word = (state == "stopped" and run.status) or words.RUN_STATES[state]
        return cls(
            word,
            state,
            run.started_at,
            ended_at,
            run.resumed_at,
            None if run.last_progress is None or state == "running" else whole_percent(run.last_progress),
            run.last_task,
            run.instance_id[:8],
            run.overlaps and state == "running" and row is not None and _conflict(row),
        )

    @property
    def lasted(self) -> timedelta | None:
        """None while it goes on."""
        return None if self.ended_at is None else self.ended_at - self.started_at


@dataclass(frozen=True)
class TaskLine:
    """One task that it was given. `state`: open, done or failed."""

    at: datetime
    kind: str
    state: str
    how: str
    lasted: timedelta | None

    @classmethod
    def of(cls, task: AgentAssignment) -> "TaskLine":
        """The task for a reader."""
        state = "open" if task.success is None else "done" if task.success else "failed"
        how = [word for name, word in words.TASK_HOW.items() if getattr(task, name)]
        lasted = None if task.completed_at is None else max(timedelta(), task.completed_at - task.at)
        return cls(task.at, task.task_type, state, ", ".join(how), lasted)


def _conflict(row: AgentRow) -> bool:
    """Two processes beat under the name now; once both are silent there is nothing left to stop."""
    return row.conflict and row.liveness != "lost"


@dataclass(frozen=True)
class RecordedEvent:
    """One fact of the record that concerns the agent. `kind` is that of the request."""

    at: datetime
    what: str
    who: str
    why: str
    request_id: str
    kind: str

    @classmethod
    def of(cls, fact: AuditEntry, agent_id: str, kinds: Mapping[str, str]) -> "RecordedEvent":
        """The fact for a reader who knows whose page it is."""
        step = HistoryStep.of(fact)
        request_id = str(fact.request_id or "")
        who = "" if fact.actor in (agent_id, SYSTEM) else fact.actor
        return cls(step.at, step.what, who, step.why, request_id, kinds.get(request_id, words.SOME_REQUEST))


@dataclass(frozen=True)
class SignalLine:
    """One signal, waiting in the mailbox or published as an event; `payload` only for the first."""

    at: datetime
    kind: str
    direction: str
    other: str
    payload: SafeString | str = ""

    @classmethod
    def waiting(cls, signal: CoordinationSignal) -> "SignalLine":
        """One that the agent has not consumed."""
        direction = words.RECEIVED[signal.target_agent is None]
        payload = visible_json(json.dumps(signal.payload, ensure_ascii=False)) if signal.payload else ""
        return cls(signal.timestamp, signal.signal_type, direction, signal.source_agent, payload)

    @classmethod
    def published(cls, event: StreamEvent, agent_id: str) -> "SignalLine":
        """One that its sender published too."""
        sender, target = str(event.data.get("source_agent", "")), event.data.get("target_agent")
        kind = str(event.data.get("signal_type", ""))
        sent = sender == agent_id
        direction = (words.SENT if sent else words.RECEIVED)[target is None]
        return cls(event.timestamp, kind, direction, str(target or "") if sent else sender)


@dataclass(frozen=True)
class EventLine:
    """One event that the agent published. `short` is its data on a line, `data` that which needs more room.

    kilobytes: how long its data is, when it is too long to be shown.
    """

    at: datetime
    kind: str
    short: str
    data: SafeString | str
    kilobytes: int

    @classmethod
    def of(cls, published: PublishedEvent) -> "EventLine":
        """The event for a reader."""
        event = published.event
        text = json.dumps(event.data, ensure_ascii=False) if event.data else ""
        short, data = ("", visible_json(text)) if len(text) > ON_A_LINE else (masked_json(text).text, "")
        kilobytes = published.data_bytes // 1024 if published.is_cut else 0
        return cls(event.timestamp, event.event_type, short, data, kilobytes)


@dataclass(frozen=True)
class CallLine:
    """One call of a model."""

    at: datetime
    model: str
    workflow: str
    stage: str
    tokens: str
    cost: str
    milliseconds: float

    @classmethod
    def of(cls, call: LLMCall) -> "CallLine":
        """The call for a reader."""
        tokens = call.input_tokens + call.output_tokens + call.cache_read_tokens + call.cache_write_tokens
        return cls(
            call.at,
            call.model,
            call.workflow,
            call.stage,
            f"{tokens:,}",
            money(call.cost_nano, CALL_PLACES),
            call.duration_ms,
        )


@dataclass(frozen=True)
class AgentPage:
    """Everything on the page of one agent. `row` is None when it has not beaten within a day."""

    agent_id: str
    name: str
    row: AgentRow | None
    metadata: SafeString | str
    timeline: Timeline
    waiting: list[WaitingRequest]
    ended: list[EndedRequest]
    runs: list[RunLine]
    tasks: list[TaskLine]
    mail: list[SignalLine]
    more_mail: bool
    published: list[SignalLine]
    events: list[EventLine]
    happenings: list[RecordedEvent]
    costs: list[Spent]
    calls: list[CallLine]
    unreadable: tuple[str, ...]
    now: datetime
    known: bool = True  # False while Redis is away

    @property
    def stands(self) -> str:
        """The word for how it is: what it said, or what lists conclude, before what its beats alone say."""
        if self.row is None:
            return ""
        return self.row.state if self.row.state in ("failed", "stuck") else self.row.liveness

    @property
    def conflict(self) -> bool:
        """Whether two processes beat under this name."""
        return self.row is not None and _conflict(self.row)

    @property
    def rivals(self) -> list[RunLine]:
        """The runs that go on at once under this name."""
        return [run for run in self.runs if run.rival]


def agent_page(agent_id: str) -> AgentPage | None:
    """The page, or None when nobody knows the agent: Redis in at most five round trips, SQL in six queries.

    StoreUnavailable when Redis is away.
    """
    snapshot = read_snapshot(agent_id)
    history = read_history(agent_id, snapshot.now)
    if snapshot.state is None and not snapshot.waiting and history.is_empty:
        return None
    return _page(agent_id, snapshot, history, read_agent_events(agent_id))


def remembered_page(agent_id: str) -> AgentPage | None:
    """The same from SQL alone, while Redis is away."""
    now = timezone.now()
    history = read_history(agent_id, now)
    if history.is_empty:
        return None
    return _page(agent_id, AgentSnapshot(now, None), history, None)


def _page(
    agent_id: str, snapshot: AgentSnapshot, history: AgentHistory, events: AgentEvents | None
) -> AgentPage:
    said = events or AgentEvents()
    state, now = snapshot.state, snapshot.now
    row = None if state is None else AgentRow.of(state, now, waits=bool(snapshot.waiting))
    heartbeat = None if state is None else state.heartbeat
    remembered = history.runs[0] if history.runs else None
    if heartbeat is not None:
        metadata = json.dumps(heartbeat.metadata, ensure_ascii=False) if heartbeat.metadata else ""
    else:
        metadata = remembered.metadata if remembered is not None and remembered.metadata != "{}" else ""
    kinds = {str(record.request_id): record.approval_type for record in history.ended}
    kinds |= {request.request_id: request.approval_type for request in snapshot.waiting}
    until = now if row is None or row.liveness in ("alive", "late") else row.last_beat
    return AgentPage(
        agent_id=agent_id,
        name=row.name if row else remembered.display_name or agent_id if remembered else agent_id,
        row=row,
        metadata=visible_json(metadata) if metadata else "",
        timeline=Timeline.of(snapshot.timeline, until, two_processes=row is not None and _conflict(row)),
        waiting=snapshot.waiting,
        ended=[EndedRequest.of(record, recorded=True) for record in history.ended],
        runs=[RunLine.of(run, row) for run in history.runs],
        tasks=[TaskLine.of(task) for task in history.tasks],
        mail=[SignalLine.waiting(signal) for signal in snapshot.mail],
        more_mail=snapshot.more_mail,
        published=[SignalLine.published(event, agent_id) for event in said.signals[:SHOWN_SIGNALS]],
        events=[EventLine.of(event) for event in said.published],
        happenings=[RecordedEvent.of(fact, agent_id, kinds) for fact in history.facts],
        costs=history.spent,
        calls=[CallLine.of(call) for call in history.calls],
        unreadable=(*snapshot.unreadable, *said.unreadable),
        now=now,
        known=events is not None,
    )
