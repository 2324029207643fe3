"""Heartbeats, signals, events and calls over HTTP: what an agent says of itself, by the same doors as in Python."""

import re
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

from core.agent_coordination import CoordinationSignals
from core.agent_tracking import HeartbeatCoordinator
from core.agents.instance import AgentInstance
from core.api.answers import Refused, Reply, sentence, server_sent
from core.event_streaming import EventStreamer, StreamEvent
from core.events import publishing
from core.feedback_loop import FeedbackLoop
from core.gate.heartbeats import NamedInstance
from core.signals import mailbox
from core.signals.signal import CoordinationSignal, SignalFilter
from core.store.client import open_store
from core.store.events import OWN_TYPES, TooManyTypes
from core.store.signals import START
from core.usage_tracker import UsageTracker
from core.values.names import checked_name

KEPT = 10_000  # agents whose last word a process remembers
CALLS_AT_ONCE = 1_000
EVENTS_AT_ONCE = 1_000
BYTES_AT_ONCE = 1024 * 1024
SPACE = uuid.UUID("7b1f7c52-6d0d-4a52-9f43-8a6f1a4f7a57")
BEAT = ("agent", "status", "progress", "task", "run", "display_name", "metadata")
SIGNAL = ("agent", "type", "target", "payload", "ttl")
EVENT = ("agent", "type", "data")
RATING = ("agent", "workflow", "stage", "tier", "quality", "metadata")


class RunKey(NamedTuple):
    """One run of an agent, whichever process of the site hears of it: by the token, its agent and the client's word."""

    token: int
    agent: str
    said: str


class _Beats(HeartbeatCoordinator):
    """For an agent that is elsewhere: by one token under one name it is one process to its watchers."""

    def __init__(self, run: RunKey) -> None:
        super().__init__()
        name, said = f"{run.token} {run.agent}", f"{run.token} {run.said} {run.agent}"
        self._instance: AgentInstance = NamedInstance(SPACE, name, said)

    def report(self, said: Mapping[str, Any], mode: str) -> None:
        """One beat; a first one begins what this process knows of the run."""
        if mode == "start" or self.agent_id is None:
            self.start_heartbeat(said["agent_id"], said.get("metadata"), said.get("display_name"))
        if mode == "stop":
            self.stop_heartbeat(said.get("status", "completed"))
        elif mode == "beat":
            self.beat(said.get("status", "running"), said.get("progress", 0.0), said.get("task"))


class RunRegistry:
    """The runs that this process hears of, each with its last word; the oldest are forgotten."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: OrderedDict[RunKey, _Beats] = OrderedDict()

    def take(self, mode: str, token: int, agent: str, body: dict[str, Any]) -> Reply:
        """A start, a beat or a stop."""
        refuse_other_fields(body, BEAT)
        said_run = body.get("run", "")
        if not isinstance(said_run, str) or len(said_run) > 255:
            raise Refused(400, "run", "run must be a text of at most 255 characters.", of="run")
        run = RunKey(token, agent, said_run)
        with self._lock:
            beats = self._runs.get(run)
            if beats is None:
                beats = self._runs[run] = _Beats(run)
            self._runs.move_to_end(run)
            while len(self._runs) > KEPT:
                self._runs.popitem(last=False)
        with_fields(
            lambda: beats.report({**body, "agent_id": agent}, mode),
            {"current_task": "task", "final_status": "status"},
        )
        return Reply(200, {"agent": agent, "conflict": beats.conflict})


def send_signal(agent: str, body: dict[str, Any]) -> Reply:
    """Send to one agent, or to all without a target."""
    refuse_other_fields(body, SIGNAL)
    names = {"signal_type": "type", "target_agent": "target", "ttl_seconds": "ttl"}
    signals = CoordinationSignals(agent_id=agent)
    signal_id = with_fields(
        lambda: signals.signal(
            body.get("type"),  # type: ignore[arg-type]
            None,
            body.get("target"),
            body.get("payload"),
            body.get("ttl"),
        ),
        names,
    )
    return Reply(201, {"id": signal_id})


def take_signal(agent: str, query: Mapping[str, str]) -> CoordinationSignal | None:
    """Consume the oldest that matches. With `claim`, the client's own word, it hears the same again for ten seconds."""
    wanted = with_fields(
        lambda: SignalFilter(
            agent,
            checked_name(query.get("type"), "type"),
            checked_name(query["from"], "from") if "from" in query else None,
        ),
        {},
    )
    claim = mailbox.Claim()
    if query.get("claim"):
        claim.id, claim.unanswered = uuid.uuid5(SPACE, f"{agent} {query['claim']}").hex, True
    found: CoordinationSignal | None = open_store().run_confirmed(
        lambda line: mailbox.take(line, wanted, claim, START)
    )[0]
    return found


def put_back(agent: str, signal: CoordinationSignal) -> None:
    """Into the mailbox of this agent alone, for as long as it is still good."""
    left = signal.ttl_seconds - (datetime.now(UTC) - signal.timestamp).total_seconds()
    if left > 0:
        sender = CoordinationSignals(agent_id=signal.source_agent)
        sender.signal(signal.signal_type, None, agent, signal.payload, left)


def publish(agent: str, body: dict[str, Any]) -> Reply:
    """Publish an event with the agent as its source; types of our own are nobody's."""
    refuse_other_fields(body, EVENT)
    _refuse_own(body.get("type"))
    event = with_fields(
        lambda: publishing.checked_event(body.get("type"), body.get("data", {}), agent),  # type: ignore[arg-type]
        {"event_type": "type"},
    )
    try:
        return Reply(201, {"id": publishing.publish(open_store(), event)})
    except TooManyTypes as error:
        raise Refused(422, "too_many_types", sentence(error), of="type") from error


def _refuse_own(kind: object) -> None:
    if isinstance(kind, str) and kind in OWN_TYPES:
        raise Refused(403, "type", f"Events of type {kind!r} are the site's own.", of="type")


def read_events(query: Mapping[str, str]) -> Reply:
    """What agents published after `after`, oldest first; of one type, or of all but the site's own."""
    found = _read(query.get("type", ""), query.get("after", "0"))
    return Reply(200, {"events": [event.to_dict() for event, _piece in found.events]})


def told_after(kind: str, after: str) -> tuple[list[bytes], str, bool]:
    """The same as a stream tells it, up to which id was read, and whether there is more than was read at once.

    At its end stands how many were removed before they were read, if any. Refused for a type that is the site's own,
    and for what is no type or no id.
    """
    found = _read(kind, after)
    pieces = [piece for _event, piece in found.events]
    if found.missed:
        pieces.append(server_sent("missed", "", {"missed": found.missed}))
    return pieces, found.after, found.more


class _Read(NamedTuple):
    """Events of agents, each with how a stream tells it; up to which id was read, whether there is more, how many were
    removed before.
    """

    events: list[tuple[StreamEvent, bytes]]
    after: str
    more: bool
    missed: int


def _read(kind: str, after: str) -> _Read:
    """What is there after an id, as much as is read at once."""
    _refuse_own(kind)
    follow = partial(EventStreamer().consume_events, [kind] if kind else None, count=100, idle_timeout=0)
    names = {"event_types": "type", "start_id": "after"}
    events: list[tuple[StreamEvent, bytes]] = []
    left, more = BYTES_AT_ONCE, False
    with closing(with_fields(partial(follow, start_id=after), names)) as following:
        for event in following:
            after = event.event_id
            if event.event_type not in OWN_TYPES:
                events.append((event, event_bytes(event)))
                left -= len(events[-1][1])
            more = left <= 0 or len(events) >= EVENTS_AT_ONCE
            if more:
                break
        return _Read(events, after, more, following.missed)


def event_bytes(event: StreamEvent) -> bytes:
    """An event as a stream tells it."""
    return server_sent(event.event_type, event.event_id, event.to_dict())


def now_as_id() -> str:
    """The id that an event of this moment would have."""
    return f"{open_store().time_ms()}-0"


def rate(body: dict[str, Any]) -> Reply:
    """Keep what somebody thinks of a stage's work."""
    refuse_other_fields(body, RATING)
    names = {"workflow_name": "workflow", "stage_name": "stage", "quality_score": "quality"}
    said = [body.get(name) for name in ("workflow", "stage", "tier", "quality", "metadata")]
    return Reply(201, {"id": with_fields(lambda: FeedbackLoop().record_feedback(*said), names)})  # type: ignore[arg-type]


def track(agent: str, body: dict[str, Any]) -> Reply:
    """Keep calls: one, or the list `calls`. All are checked by the tracker, which never loses one that it took."""
    calls = (
        body["calls"]
        if set(body) - {"agent"} == {"calls"}
        else [{k: v for k, v in body.items() if k != "agent"}]
    )
    if not isinstance(calls, list) or not 1 <= len(calls) <= CALLS_AT_ONCE:
        raise Refused(400, "calls", f"calls must be a list of 1 to {CALLS_AT_ONCE:,}.", of="calls")
    for number, call in enumerate(calls):
        try:
            _track(agent, call)
        except (TypeError, ValueError) as error:
            said = f"Call {number} of {len(calls)}: {in_json(str(error))}. Those before it are kept."
            raise Refused(400, "call", said, of="calls") from error
    return Reply(202, {"kept": len(calls)})


def _track(agent: str, call: Any) -> None:
    if not isinstance(call, dict):
        raise TypeError("a call must be an object")
    said = {**call, "agent_id": agent}
    if isinstance(said.get("at"), str):
        said["at"] = datetime.fromisoformat(said["at"])
    for name, otherwise in (("stage", None), ("model", None), ("tier", "unknown")):
        said.setdefault(name, otherwise)
    UsageTracker.get_instance().track_llm_call(**said)


def refuse_other_fields(body: Mapping[str, Any], fields: tuple[str, ...]) -> None:
    """Refused for a field that there is not."""
    unknown = sorted(set(body) - set(fields))
    if unknown:
        said = f"There is no field {unknown[0]!r}; there are {', '.join(fields)}."
        raise Refused(400, "field", said, of=unknown[0])


def with_fields(action: Callable[[], Any], names: Mapping[str, str]) -> Any:
    """What the action answers; a bad argument is Refused under the name that it has over HTTP."""
    try:
        return action()
    except (TypeError, ValueError) as error:
        message = in_json(str(error))
        argument = message.split(" ", 1)[0].split("[", 1)[0]
        field = names.get(argument, argument)
        raise Refused(400, field, message.replace(argument, field, 1), of=field) from error


def in_json(message: str) -> str:
    """What Python's own errors and ours say, in the words of who sent JSON."""
    for python, said in _WORDS:
        message = python.sub(said, message)
    return message


_WORDS = [
    (re.compile(python), said)
    for python, said in (
        (r"\ba str\b", "a text"),
        (r" \(a dict\)", ""),
        (r", or math\.inf\b", ", or null for no end"),
        (r"several words such as \('(\w+)',\)", r'a list of words such as ["\1"]'),
        (r", not NoneType$", "; it is missing, or null"),
        (r"\bnot str$", "not a text"),
        (r"\bnot (int|float)$", "not a number"),
        (r"\bnot bool$", "not a boolean"),
        (r"\bnot dict$", "not an object"),
        (r"\bnot list$", "not a list"),
        (r"^.*missing \d+ required \w+ arguments?: '(\w+)'.*$", r"\1 is missing"),
        (r"^.*unexpected keyword argument '(\w+)'.*$", r"there is no field \1"),
    )
]
