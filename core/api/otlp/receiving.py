"""One export, taken: its calls are counted, its tools told to the record, its senders seen to live."""

import time
from collections.abc import Callable, Iterable
from itertools import islice
from typing import NamedTuple

from core.api.answers import Refused
from core.api.bearers import agent_of
from core.api.otlp import calls, intervals, json_form, protobuf, tools
from core.api.otlp.calls import Told, first
from core.api.otlp.dialects import dialect_of
from core.api.otlp.records import METRICS, Attributes, Point, Record
from core.api.otlp.signs import Signs, Who
from core.history.people.tokens import Bearer
from core.usage_tracker import UsageTracker
from core.values.names import NAME_LENGTH

MOST_RECORDS = 20_000
TIER = "unknown"  # telemetry does not know for which of our tiers a call was
TASK_LENGTH = 120
RUNS = ("session.id", "conversation.id", "gen_ai.conversation.id")
AGENTS = ("gen_ai.agent.name", "agent.name")


class Taken(NamedTuple):
    """What became of an export: how many of its records were refused, and why the first of them was."""

    rejected: int = 0
    why: str = ""


class _Refusals:
    def __init__(self) -> None:
        self.count, self.why = 0, ""

    def __call__(self, why: str) -> None:
        self.count += 1
        self.why = self.why or why


class Receiver:
    """Takes exports. `metrics`: of which services metrics are money; `*` of all. Safe from several threads."""

    def __init__(self, signs: Signs, metrics: Callable[[], Iterable[str]]) -> None:
        self._signs, self._metrics = signs, metrics

    def take(self, bearer: Bearer, signal: str, body: bytes, *, is_json: bool) -> Taken:
        """Everything that can be taken; ValueError where the whole is no export, and nothing of it is kept."""
        read = json_form.read if is_json else protobuf.read
        found = list(islice(read(signal, body), MOST_RECORDS + 1))
        if len(found) > MOST_RECORDS:
            raise ValueError(f"an export may have {MOST_RECORDS:,} records")
        refuse, export = _Refusals(), _Export(bearer)
        if signal == METRICS:
            self._take_points([one for one in found if isinstance(one, Point)], export, refuse)
        else:
            self._take_records([one for one in found if isinstance(one, Record)], export, refuse)
        for who, task in export.heard.items():
            if "beat" in bearer.scopes:
                self._signs.hear(who, task)
        return Taken(refuse.count, refuse.why)

    def _take_records(self, records: list[Record], export: "_Export", refuse: _Refusals) -> None:
        now, uses, told = time.time(), [], []
        for record in records:
            try:
                agent = export.agent(record.resource, record.attributes)
                dialect = dialect_of(record)
                if dialect is not None:
                    call = calls.told_by(record, dialect, now)
                    told.append((agent, call))
                    export.hear(agent, record, call.model)
                    continue
                use = tools.use_of(record, agent)
                if use is not None:
                    uses.append(use)
                export.hear(agent, record, "" if use is None else use.tool)
            except (ValueError, Refused) as error:
                refuse(str(error))
        tools.remember(uses)
        for agent, call in told:
            _track(agent, call)

    def _take_points(self, points: list[Point], export: "_Export", refuse: _Refusals) -> None:
        money, known = [], set(self._metrics())
        for point in points:
            try:
                export.hear(export.agent(point.resource, point.attributes), point, "")
            except Refused as error:
                refuse(str(error))
                continue
            if known & {"*", calls.workflow_of(point.resource, "")}:
                money.append(point)
        for point, call in intervals.intervals(money, refuse, time.time()):
            _track(export.agent(point.resource, point.attributes), call)


class _Export:
    """Who speaks in one export: the token's agent, or of a fleet's token each by the name it gives itself."""

    def __init__(self, bearer: Bearer) -> None:
        self._bearer = bearer
        self._names: dict[str, str] = {}
        self.heard: dict[Who, str] = {}

    def agent(self, resource: Attributes, said: Attributes) -> str:
        """In whose name; Refused where a fleet's token has nothing to go by."""
        if not self._bearer.is_prefix:
            return self._bearer.agent
        rest = first(said, AGENTS) or first(resource, AGENTS) or calls.workflow_of(resource, "")
        rest = str(rest or first(said, RUNS) or "")
        if rest not in self._names:
            self._names[rest] = agent_of(self._bearer, rest)
        return self._names[rest]

    def hear(self, agent: str, record: Record | Point, task: str) -> None:
        """A sign of life of one run, and what it does."""
        said = first(record.attributes, RUNS) or record.resource.get("service.instance.id") or ""
        run = str(said)[:NAME_LENGTH]
        who = Who(self._bearer.number, agent, run if run.isprintable() else "")
        shown = task[:TASK_LENGTH] if task.isprintable() else ""
        self.heard[who] = shown or self.heard.get(who, "")


def _track(agent: str, call: Told) -> None:
    UsageTracker.get_instance().track_llm_call(
        workflow=call.workflow,
        stage=call.stage,
        tier=TIER,
        model=call.model,
        provider=call.provider,
        cost=call.cost,
        duration_ms=call.duration_ms,
        call_id=call.call_id,
        agent_id=agent,
        usage=call.quantities,
        at=call.at,
    )
