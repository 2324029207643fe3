"""Exports as JSON, read by hand: protobuf's own reader takes the hex of an id for base64, without an error.

Names are lowerCamelCase, integers of 64 bits stand as texts or numbers, and what is unknown is passed over.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

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
from core.values.json import loads_strictly

_REJECTED = {LOGS: "rejectedLogRecords", TRACES: "rejectedSpans", METRICS: "rejectedDataPoints"}
_PARTS = {
    LOGS: ("resourceLogs", "scopeLogs", "logRecords"),
    TRACES: ("resourceSpans", "scopeSpans", "spans"),
    METRICS: ("resourceMetrics", "scopeMetrics", "metrics"),
}
_NUMBERS = ("NaN", "Infinity", "-Infinity")  # as JSON spells what it has no numbers for
CUMULATIVE = 2
Node = Mapping[str, Any]


def read(signal: str, body: bytes) -> Records:
    """The records of an export; ValueError where it is none."""
    try:
        said = loads_strictly(body)
    except RecursionError as error:
        raise ValueError("this nests too deep") from error
    except ValueError as error:
        raise ValueError(f"this is no JSON: {error}") from error
    if not isinstance(said, dict):
        raise ValueError("this is no JSON object")
    resources, scopes, items = _PARTS[signal]
    for part in _list(said, resources):
        resource = _attributes(_object(part, "resource"))
        for scope in _list(part, scopes):
            for item in _list(scope, items):
                yield from _MADE[signal](item, resource)


def answer(signal: str, rejected: int, why: str) -> bytes:
    """The answer to an export: empty, or a partial success."""
    partial = {"partialSuccess": {_REJECTED[signal]: str(rejected), "errorMessage": why}}
    return json.dumps(partial if rejected else {}).encode()


def _list(node: Node, name: str) -> list[Node]:
    found = node.get(name) or []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ValueError(f"{name} is no list of objects")
    return found


def _object(node: Node, name: str) -> Node:
    found = node.get(name) or {}
    if not isinstance(found, dict):
        raise ValueError(f"{name} is no object")
    return found


def _attributes(node: Node) -> Attributes:
    return {str(pair.get("key")): _value(_object(pair, "value")) for pair in _list(node, "attributes")}


def _value(said: Node) -> Any:
    for kind, value in said.items():
        if kind == "intValue":
            return _whole(value)
        if kind == "doubleValue":
            return float(value) if value in _NUMBERS else value
        if kind in ("stringValue", "boolValue"):
            return value
    return None


def _whole(value: Any) -> Any:
    """A number that may stand as a text; anything else as it is."""
    if (
        isinstance(value, str)
        and value.removeprefix("-").isdecimal()
        and value.isascii()
        and len(value) <= 20
    ):
        return int(value)
    return value


def _nano(node: Node, *names: str) -> int:
    """The first of these times that is told; 0 for none. ValueError where it is no time."""
    found = next((node[name] for name in names if node.get(name) not in (None, 0, "0", "")), 0)
    at = _whole(found)
    if isinstance(at, bool) or not isinstance(at, int):
        raise ValueError(f"{names[0]} is no number of nanoseconds")
    return at


def _log(log: Node, resource: Attributes) -> Iterator[Record]:
    said = _attributes(log)
    name = event_name(log.get("eventName"), said.get("event.name"), _value(_object(log, "body")))
    at = _nano(log, "timeUnixNano", "observedTimeUnixNano")
    yield Record(LOGS, name, at, at, _place(log), said, resource)


def _span(span: Node, resource: Attributes) -> Iterator[Record]:
    times = (_nano(span, "startTimeUnixNano"), _nano(span, "endTimeUnixNano"))
    failed = _object(span, "status").get("code") == GONE_WRONG
    yield Record(TRACES, str(span.get("name", "")), *times, _place(span), _attributes(span), resource, failed)


def _place(of: Node) -> str:
    span = of.get("spanId")
    return f"{str(of.get('traceId', '')).lower()}:{str(span).lower()}" if span else ""


def _points(metric: Node, resource: Attributes) -> Iterator[Point]:
    for kind in ("sum", "histogram"):
        data = _object(metric, kind)
        cumulative = data.get("aggregationTemporality") == CUMULATIVE
        for point in _list(data, "dataPoints"):
            value = _number(point, kind)
            times = (_nano(point, "startTimeUnixNano"), _nano(point, "timeUnixNano"))
            yield Point(str(metric.get("name", "")), *times, value, cumulative, _attributes(point), resource)


def _number(point: Node, kind: str) -> Any:
    value = point.get("sum", 0) if kind == "histogram" else point.get("asDouble", point.get("asInt", 0))
    return float(value) if value in _NUMBERS else _whole(value)


_MADE: dict[str, Any] = {LOGS: _log, TRACES: _span, METRICS: _points}
