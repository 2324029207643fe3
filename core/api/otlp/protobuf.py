"""Exports as protobuf, parsed by opentelemetry-proto."""

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

from core.api.otlp.reading import Form
from core.api.otlp.records import LOGS, METRICS, TRACES, Attributes

_SCALARS = ("string_value", "int_value", "double_value", "bool_value")
_REJECTED = {LOGS: "rejected_log_records", TRACES: "rejected_spans", METRICS: "rejected_data_points"}
_EXPORTS: dict[str, Callable[[bytes], Message]] = {
    LOGS: ExportLogsServiceRequest.FromString,
    TRACES: ExportTraceServiceRequest.FromString,
    METRICS: ExportMetricsServiceRequest.FromString,
}
_ANSWERS: dict[str, Callable[[], Message]] = {
    LOGS: ExportLogsServiceResponse,
    TRACES: ExportTraceServiceResponse,
    METRICS: ExportMetricsServiceResponse,
}


def _parse(signal: str, body: bytes) -> Message:
    try:
        return _EXPORTS[signal](body)
    except DecodeError as error:
        raise ValueError(f"this is no protobuf of {signal}") from error


def _attributes(pairs: Iterable[Any]) -> Attributes:
    # Nearly all are texts or numbers, and to ask which kind one is takes twice as long.
    return {
        pair.key: (value := pair.value).string_value or value.int_value or value.double_value or _other(value)
        for pair in pairs
    }


def _other(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind in _SCALARS else None


def _answer(signal: str, rejected: int, why: str) -> bytes:
    said: Any = _ANSWERS[signal]()
    if rejected:
        setattr(said.partial_success, _REJECTED[signal], rejected)
        said.partial_success.error_message = why
    return bytes(said.SerializeToString())


PROTOBUF = Form(_parse, _attributes, _answer)
