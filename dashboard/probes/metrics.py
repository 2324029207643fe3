"""The numbers for a monitoring system, read anew at each scrape."""

from collections.abc import Iterator, Mapping
from functools import partial

from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from core.errors import StoreUnavailable
from core.history import health
from core.history.health import Activity, Health
from core.values.approvals import APPROVED, CANCELLED, REJECTED, TIMEOUT
from dashboard.agents.row import NEED_A_LOOK
from dashboard.live.follower import follower

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def text() -> bytes:
    """Everything in the text format of Prometheus. What cannot be read is left out, and its `up` is 0."""
    registry = CollectorRegistry()
    try:
        now: Activity | None = health.read_activity()
    except StoreUnavailable:
        now = None
    registry.register(_Reading(health.read(), now))
    return generate_latest(registry)


class _Reading(Collector):
    def __init__(self, state: Health, now: Activity | None) -> None:
        self._state = state
        self._now = now

    def describe(self) -> list[Metric]:
        return []  # what there is depends on what answers

    def collect(self) -> Iterator[Metric]:
        state = self._state
        answers = {"database": state.database, "redis": state.recorder, "queue": state.queue}
        yield _gauge(
            "up", "Whether this part answers", "part", {k: v is not None for k, v in answers.items()}
        )
        yield _gauge("sockets", "Live pages connected to this process", value=follower.watching())
        if self._now is not None:
            yield from _activity(self._now)
        yield from self._recorder()
        yield from self._database()
        yield from self._record()
        yield from self._server()

    def _recorder(self) -> Iterator[Metric]:
        recorder = self._state.recorder
        if recorder is None:
            return
        yield _gauge("recorder_up", "Whether changes are being recorded", value=recorder.heartbeat.recording)
        yield _gauge("outbox_entries", "Entries in the outbox", value=recorder.outbox_length)
        if self._state.database is not None:
            waiting = "Outbox entries that are not recorded yet, counted up to about 1,000"
            yield _gauge("recorder_lag_entries", waiting, value=recorder.waiting)
            oldest = "How long the oldest of them has waited"
            yield _gauge("recorder_lag_seconds", oldest, value=recorder.lag_seconds)

    def _database(self) -> Iterator[Metric]:
        database = self._state.database
        if database is None:
            return
        yield _gauge("set_aside_entries", "Changes that could not be recorded", value=database.set_aside)
        if database.size is not None:
            yield _gauge("database_bytes", "Size of the database", value=database.size)
        ended = database.outcomes
        decided = {word: ended.get(word, 0) for word in (APPROVED, REJECTED)}
        yield _counter("decisions", "Requests that people decided, as recorded", "outcome", decided)
        yield _counter("expiries", "Requests that nobody answered in time", value=ended.get(TIMEOUT, 0))
        yield _counter("cancellations", "Requests that were cancelled", value=ended.get(CANCELLED, 0))

    def _record(self) -> Iterator[Metric]:
        record = self._state.record
        if record is None:
            return
        yield _gauge(
            "record_problems", "What the last verification of the record found", value=record.problems
        )
        ages = {"record_verified": record.verified_at, "checkpoint": record.checkpoint_at}
        for name, moment in ages.items():
            if moment is not None:
                age = (timezone.now() - moment).total_seconds()
                yield _gauge(f"{name}_seconds", "How long ago that was", value=age)

    def _server(self) -> Iterator[Metric]:
        if self._state.server is not None:
            yield _gauge("redis_memory_bytes", "Memory that Redis uses", value=self._state.server.memory)
        queue = self._state.queue
        if queue is not None:
            jobs = {"waiting": queue.waiting, "running": queue.running, "failed": queue.failed}
            yield _gauge("jobs", "Jobs in the background", "state", jobs)
            yield _gauge("workers", "Workers that run jobs", value=queue.workers)


def _activity(now: Activity) -> Iterator[Metric]:
    yield _gauge("approvals_pending", "Requests that wait for an answer", value=now.waiting)
    oldest = "How long the oldest of them has waited"
    yield _gauge("approvals_oldest_seconds", oldest, value=now.oldest_seconds)
    yield _gauge("agents", "Agents of the last day, by their beats", "state", now.agents)
    need = {state: now.states[state] for state in NEED_A_LOOK}
    yield _gauge("agents_in_need", "Agents that need a look, each in one state", "state", need)


def _gauge(
    name: str,
    says: str,
    label: str = "",
    by: Mapping[str, float] | None = None,
    *,
    value: float = 0,
    kind: type[GaugeMetricFamily | CounterMetricFamily] = GaugeMetricFamily,
) -> Metric:
    family = kind(f"telemetry_{name}", says, labels=[label] if label else [])
    for word, amount in (by or {"": value}).items():
        family.add_metric([word] if by else [], float(amount))
    return family


_counter = partial(_gauge, kind=CounterMetricFamily)
