"""Exports as protobuf: parsed by opentelemetry-proto, then made records."""

from collections.abc import Callable, Iterable
from typing import Any

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE

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

_SCALARS = ("string_value", "int_value", "double_value", "bool_value")
_REJECTED = {LOGS: "rejected_log_records", TRACES: "rejected_spans", METRICS: "rejected_data_points"}
_ANSWERS: dict[str, Callable[[], Message]] = {
    LOGS: ExportLogsServiceResponse,
    TRACES: ExportTraceServiceResponse,
    METRICS: ExportMetricsServiceResponse,
}


def read(signal: str, body: bytes) -> Records:
    """The records of an export; ValueError where it is none."""
    try:
        return _READERS[signal](body)
    except DecodeError as error:
        raise ValueError(f"this is no protobuf of {signal}") from error


def answer(signal: str, rejected: int, why: str) -> bytes:
    """The answer to an export: empty, or a partial success."""
    said: Any = _ANSWERS[signal]()
    if rejected:
        setattr(said.partial_success, _REJECTED[signal], rejected)
        said.partial_success.error_message = why
    return bytes(said.SerializeToString())


def _attributes(pairs: Iterable[Any]) -> Attributes:
    found = {}
    for pair in pairs:
        value = pair.value
        text = value.string_value
        if text:  # most are texts, and asking which kind it is takes twice as long
            found[pair.key] = text
            continue
        kind = value.WhichOneof("value")
        found[pair.key] = getattr(value, kind) if kind in _SCALARS else None
    return found


def _logs(body: bytes) -> Records:
    export = ExportLogsServiceRequest.FromString(body)
    return (record for part in export.resource_logs for record in _of_logs(part))


def _of_logs(part: Any) -> Records:
    resource = _attributes(part.resource.attributes)
    for scope in part.scope_logs:
        for log in scope.log_records:
            said = _attributes(log.attributes)
            name = event_name(log.event_name, said.get("event.name"), log.body.string_value)
            at = log.time_unix_nano or log.observed_time_unix_nano
            yield Record(LOGS, name, at, at, _place(log), said, resource)


def _spans(body: bytes) -> Records:
    export = ExportTraceServiceRequest.FromString(body)
    return (record for part in export.resource_spans for record in _of_spans(part))


def _of_spans(part: Any) -> Records:
    resource = _attributes(part.resource.attributes)
    for scope in part.scope_spans:
        for span in scope.spans:
            start, end = span.start_time_unix_nano, span.end_time_unix_nano
            failed = span.status.code == GONE_WRONG
            said = _attributes(span.attributes)
            yield Record(TRACES, span.name, start, end, _place(span), said, resource, failed)


def _place(of: Any) -> str:
    return f"{of.trace_id.hex()}:{of.span_id.hex()}" if of.span_id else ""


def _metrics(body: bytes) -> Records:
    export = ExportMetricsServiceRequest.FromString(body)
    return (point for part in export.resource_metrics for point in _of_metrics(part))


def _of_metrics(part: Any) -> Records:
    resource = _attributes(part.resource.attributes)
    for scope in part.scope_metrics:
        for metric in scope.metrics:
            kind = metric.WhichOneof("data")
            if kind not in ("sum", "histogram"):
                continue
            data = getattr(metric, kind)
            cumulative = data.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE
            for point in data.data_points:
                value = (
                    point.sum
                    if kind == "histogram"
                    else getattr(point, point.WhichOneof("value") or "as_int")
                )
                times = (point.start_time_unix_nano, point.time_unix_nano)
                yield Point(metric.name, *times, value, cumulative, _attributes(point.attributes), resource)


_READERS: dict[str, Callable[[bytes], Records]] = {LOGS: _logs, TRACES: _spans, METRICS: _metrics}
