"""One export, taken: its calls are counted, its tools told to the record, its senders seen to live."""

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from core.api.answers import Refused
from core.api.bearers import agent_of
from core.api.otlp import calls, intervals, tools
from core.api.otlp.calls import first
from core.api.otlp.dialects import dialect_of, tells_by_events
from core.api.otlp.reading import Form, read
from core.api.otlp.records import METRICS, Point, Record
from core.api.otlp.signs import Signs, TelemetryRun
from core.history.people.tokens import Bearer
from core.usage_tracker import UsageTracker
from core.values.names import NAME_LENGTH

Refuse = Callable[[str], None]
MOST_RECORDS = 20_000
MOST_HEARD = 500  # runs of which one export is a sign of life: each is a beat, while other exports wait
TASK_LENGTH = 120
AGENTS = ("gen_ai.agent.name", "agent.name")


class ExportResult(NamedTuple):
    """What became of an export: how many of its records were refused, and why the first of them was."""

    rejected: int = 0
    why: str = ""


class ExportReceiver:
    """Takes exports. `metrics`: of which services metrics are money; `*` of all. Safe from several threads."""

    def __init__(self, signs: Signs, metrics: Callable[[], Iterable[str]]) -> None:
        self._signs, self._metrics = signs, metrics

    def take(self, bearer: Bearer, signal: str, body: bytes, form: Form) -> ExportResult:
        """Everything that can be taken; ValueError where the whole is no export, and nothing of it is kept."""
        found = list(islice(read(form, signal, body), MOST_RECORDS + 1))
        if len(found) > MOST_RECORDS:
            raise ValueError(f"an export may have {MOST_RECORDS:,} records")
        export, refused = _Export(bearer), list[str]()
        if signal == METRICS:
            self._take_points([one for one in found if isinstance(one, Point)], export, refused.append)
        else:
            self._take_records([one for one in found if isinstance(one, Record)], export, refused.append)
        if "beat" in bearer.scopes:
            for who, task in islice(export.heard(), MOST_HEARD):
                self._signs.hear(who, task)
        return ExportResult(len(refused), refused[0] if refused else "")

    def _take_records(self, records: list[Record], export: "_Export", refuse: Refuse) -> None:
        now, uses, told = time.time(), [], []
        for record in records:
            try:
                agent = export.agent_of(record)
                dialect = dialect_of(record)
                if dialect is not None:
                    call = calls.call_of(record, dialect, agent, now)
                    told.append(call)
                    export.hear(agent, record, call.model)
                    continue
                use = tools.use_of(record, agent)
                if use is not None:
                    uses.append(use)
                export.hear(agent, record, "" if use is None else use.tool)
            except (ValueError, Refused) as error:
                refuse(str(error))
        tools.remember(uses)
        UsageTracker.get_instance().track_calls(told)

    def _take_points(self, points: list[Point], export: "_Export", refuse: Refuse) -> None:
        money, known = [], set(self._metrics())
        for point in points:
            try:
                export.hear(export.agent_of(point), point, "")
            except Refused as error:
                refuse(str(error))
                continue
            others = set() if tells_by_events(point.resource) else {"*"}
            if known & {*others, calls.workflow_of(point.resource, "")}:
                money.append(point)
        told = intervals.intervals(money, export.agent_of, refuse, time.time())
        UsageTracker.get_instance().track_calls(told)


class _Export:
    """Who speaks in one export: the token's agent, or of a fleet's token each by the name it gives itself."""

    def __init__(self, bearer: Bearer) -> None:
        self._bearer = bearer
        self._names: dict[str, str] = {}
        self._heard: dict[tuple[str, Any], str] = {}

    def agent_of(self, record: Record | Point) -> str:
        """In whose name; Refused where a fleet's token has nothing to go by."""
        if not self._bearer.is_prefix:
            return self._bearer.agent
        said, resource = record.attributes, record.resource
        rest = first(said, AGENTS) or first(resource, AGENTS) or calls.workflow_of(resource, "")
        rest = str(rest or first(said, tools.SESSIONS) or "")
        if rest not in self._names:
            self._names[rest] = agent_of(self._bearer, rest)
        return self._names[rest]

    def hear(self, agent: str, record: Record | Point, task: str) -> None:
        """A sign of life of one run, and what it does."""
        run = first(record.attributes, tools.SESSIONS) or record.resource.get("service.instance.id") or ""
        shown = task[:TASK_LENGTH] if task.isprintable() else ""
        self._heard[agent, run] = shown or self._heard.get((agent, run), "")

    def heard(self) -> Iterator[tuple[TelemetryRun, str]]:
        """Each run of which the export tells, and what it does last."""
        for (agent, said), task in self._heard.items():
            run = str(said)[:NAME_LENGTH]
            yield TelemetryRun(self._bearer.number, agent, run if run.isprintable() else ""), task
