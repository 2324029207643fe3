"""An export as records, in whichever form it came: both are read into the messages of OTLP, and those alike."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from core.api.otlp.records import (
    GONE_WRONG,
    LOGS,
    METRICS,
    TRACES,
    Attributes,
    Point,
    Record,
    Records,
    event_name,
)

CUMULATIVE = 2
MOST_PARTS = 60_000  # a resource and a scope for each of the 20,000 records that are taken


class Form(NamedTuple):
    """A form of exports. `parse`: the message in a body, by its signal, whose fields have protobuf's names.

    `attributes`: pairs of keys and values, with the text, number or flag of each, None for anything else. `answer`:
    what an export of a signal is answered: nothing, or so many refused and why.
    """

    parse: Callable[[str, bytes], Any]
    attributes: Callable[[Iterable[Any]], Attributes]
    answer: Callable[[str, int, str], bytes]


def read(form: Form, signal: str, body: bytes) -> Records:
    """The records of an export; ValueError where it is none, or has too many parts: empty ones are parts too."""
    resources, scopes, items, made = _PARTS[signal]
    each = _Each()
    for part in each.of(getattr(form.parse(signal, body), resources)):
        resource = form.attributes(part.resource.attributes)
        for scope in each.of(getattr(part, scopes)):
            for item in each.of(getattr(scope, items)):
                yield from made(form, item, resource)


class _Each:
    """Counts what is gone through. A body of 4 KB unpacks to two million resources without a record."""

    def __init__(self) -> None:
        self._left = MOST_PARTS

    def of(self, parts: Iterable[Any]) -> Iterator[Any]:
        """These, one after another."""
        for part in parts:
            if self._left == 0:
                raise ValueError(f"an export may have {MOST_PARTS:,} resources, scopes and records together")
            self._left -= 1
            yield part


def _log(form: Form, log: Any, resource: Attributes) -> Iterator[Record]:
    said = form.attributes(log.attributes)
    name = event_name(log.event_name, said.get("event.name"), log.body.string_value)
    at = _nano(log.time_unix_nano) or _nano(log.observed_time_unix_nano)
    yield Record(LOGS, name, at, at, _place(log), said, resource)


def _span(form: Form, span: Any, resource: Attributes) -> Iterator[Record]:
    times = (_nano(span.start_time_unix_nano), _nano(span.end_time_unix_nano))
    failed, said = span.status.code == GONE_WRONG, form.attributes(span.attributes)
    yield Record(TRACES, str(span.name or ""), *times, _place(span), said, resource, failed)


def _points(form: Form, metric: Any, resource: Attributes) -> Iterator[Point]:
    for kind in ("sum", "histogram"):
        data = getattr(metric, kind)
        cumulative = data.aggregation_temporality == CUMULATIVE
        for point in data.data_points:
            value = point.sum if kind == "histogram" else point.as_double or point.as_int
            times = (_nano(point.start_time_unix_nano), _nano(point.time_unix_nano))
            said = form.attributes(point.attributes)
            yield Point(str(metric.name or ""), *times, number(value or 0), cumulative, said, resource)


def number(said: Any) -> Any:
    """A number that may stand as a text: JSON so has those of 64 bits, and what is none. Anything else as it is."""
    if not isinstance(said, str):
        return said
    if len(said) <= 20 and said.removeprefix("-").isdecimal() and said.isascii():
        return int(said)
    return float(said) if said in ("NaN", "Infinity", "-Infinity") else said


def _nano(said: Any) -> int:
    """A time; 0 where none is told. ValueError for what is none."""
    at = 0 if said in (None, "") else number(said)
    if at.__class__ is not int:
        raise ValueError(f"{str(said)[:40]!r} is no number of nanoseconds")
    return int(at)


def _place(of: Any) -> str:
    """Trace and span, in hex: protobuf has bytes, and JSON texts."""
    if not of.span_id:
        return ""
    ids = (of.trace_id or "", of.span_id)
    return ":".join(said.hex() if isinstance(said, bytes) else str(said).lower() for said in ids)


_PARTS: dict[str, tuple[str, str, str, Callable[[Form, Any, Attributes], Records]]] = {
    LOGS: ("resource_logs", "scope_logs", "log_records", _log),
    TRACES: ("resource_spans", "scope_spans", "spans", _span),
    METRICS: ("resource_metrics", "scope_metrics", "metrics", _points),
}
