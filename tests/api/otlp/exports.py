"""Exports as objects, in the form of OTLP's JSON; `packed` writes them as bytes of either form."""

import json
import time
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

MESSAGES = {
    "logs": ExportLogsServiceRequest,
    "traces": ExportTraceServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}


def packed(signal: str, export: dict[str, Any], form: str) -> bytes:
    """The bytes of an export."""
    if form == "json":
        return json.dumps(export).encode()
    # Ids are hex in OTLP's JSON and base64 in that of protobuf: bytes.fromhex puts them right.
    message = MESSAGES[signal]()
    json_format.ParseDict(_without_ids(export), message)
    if signal == "traces":
        for part, told in zip(message.resource_spans, export["resourceSpans"], strict=True):
            for span, said in zip(part.scope_spans[0].spans, told["scopeSpans"][0]["spans"], strict=True):
                span.trace_id, span.span_id = (bytes.fromhex(said[name]) for name in ("traceId", "spanId"))
    return bytes(message.SerializeToString())


def _without_ids(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: _without_ids(said) for name, said in node.items() if name not in ("traceId", "spanId")}
    return [_without_ids(one) for one in node] if isinstance(node, list) else node


def attributes(said: dict[str, Any]) -> list[dict[str, Any]]:
    """Attributes as OTLP has them."""
    return [{"key": name, "value": value(one)} for name, one in said.items()]


def value(said: Any) -> dict[str, Any]:
    """A value with its type; 64-bit integers are texts."""
    if isinstance(said, bool):
        return {"boolValue": said}
    if isinstance(said, int):
        return {"intValue": str(said)}
    return {"doubleValue": said} if isinstance(said, float) else {"stringValue": said}


def logs(service: str, *events: dict[str, Any], at: int | None = None) -> dict[str, Any]:
    """An export of log events; each an object of attributes with its name under `event`."""
    records = [
        {
            "timeUnixNano": str(at or time.time_ns()),
            "body": {"stringValue": event["event"]},
            "attributes": attributes({name: said for name, said in event.items() if name != "event"}),
        }
        for event in events
    ]
    resource = {"attributes": attributes({"service.name": service} if service else {})}
    return {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]}


def spans(service: str, *told: dict[str, Any], at: int | None = None) -> dict[str, Any]:
    """An export of spans; each an object of attributes with its id of 16 digits under `id`."""
    start = at or time.time_ns()
    records = [
        {
            "traceId": "0af7651916cd43dd8448eb211c80319c",
            "spanId": one["id"],
            "name": one.get("name", "chat"),
            "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(start + 1_500_000_000),
            "status": {"code": one.get("status", 0)},
            "attributes": attributes(
                {n: said for n, said in one.items() if n not in ("id", "name", "status")}
            ),
        }
        for one in told
    ]
    resource = {"attributes": attributes({"service.name": service} if service else {})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": records}]}]}


def points(
    service: str, name: str, *told: dict[str, Any], start: int, at: int, cumulative: bool = False
) -> dict[str, Any]:
    """An export of a sum; each point an object of attributes with its number under `value`."""
    found = [
        {
            "startTimeUnixNano": str(start),
            "timeUnixNano": str(at),
            **(
                {"asDouble": one["value"]}
                if isinstance(one["value"], float)
                else {"asInt": str(one["value"])}
            ),
            "attributes": attributes({n: said for n, said in one.items() if n != "value"}),
        }
        for one in told
    ]
    data = {"dataPoints": found, "aggregationTemporality": 2 if cumulative else 1, "isMonotonic": True}
    resource = {"attributes": attributes({"service.name": service})}
    scope = {"metrics": [{"name": name, "sum": data}]}
    return {"resourceMetrics": [{"resource": resource, "scopeMetrics": [scope]}]}
