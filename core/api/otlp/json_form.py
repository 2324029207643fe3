"""Exports as JSON, in the shapes of OTLP: protobuf's own reader takes the hex of an id for base64, without an error.

Names are lowerCamelCase, integers of 64 bits stand as texts or numbers, and what is unknown is passed over.
"""

import json
from collections.abc import Iterable
from types import GenericAlias
from typing import Any

import msgspec

from core.api.otlp.reading import Form, number
from core.api.otlp.records import LOGS, METRICS, TRACES, Attributes
from core.values.json import loads_strictly

_Scalar = str | int | float | bool | None
_REJECTED = {LOGS: "rejectedLogRecords", TRACES: "rejectedSpans", METRICS: "rejectedDataPoints"}


def _message(name: str, told: str = "", /, **parts: Any) -> Any:
    """A message with protobuf's names. `told`: fields that its reader looks at; `parts`: texts, messages, and lists."""
    fields: list[tuple[str, Any, Any]] = [(field, _Scalar, None) for field in told.split()]
    for field, of in parts.items():
        fields.append((field, GenericAlias(list, *of), []) if isinstance(of, list) else (field, of, of()))
    return msgspec.defstruct(name, fields, rename="camel", frozen=True, gc=False)


_VALUE = _message("Value", "string_value int_value double_value bool_value")
_PAIRS = [_message("KeyValue", key=str, value=_VALUE)]
_RESOURCE = _message("Resource", attributes=_PAIRS)
_IDS, _TIMES = (
    "trace_id span_id",
    "start_time_unix_nano end_time_unix_nano time_unix_nano observed_time_unix_nano",
)
_LOG = _message("LogRecord", f"event_name {_IDS} {_TIMES}", attributes=_PAIRS, body=_VALUE)
_STATUS = _message("Status", "code")
_SPAN = _message("Span", f"name {_IDS} {_TIMES}", attributes=_PAIRS, status=_STATUS)
_POINT = _message("DataPoint", f"as_double as_int sum {_TIMES}", attributes=_PAIRS)
_DATA = _message("Data", "aggregation_temporality", data_points=[_POINT])
_METRIC = _message("Metric", "name", sum=_DATA, histogram=_DATA)


def _export(resources: str, scopes: str, **items: Any) -> msgspec.json.Decoder[Any]:
    scope = _message("Scope", **items)
    resource = _message("ResourceOf", resource=_RESOURCE, **{scopes: [scope]})
    return msgspec.json.Decoder(_message("Export", **{resources: [resource]}))


_DECODERS = {
    LOGS: _export("resource_logs", "scope_logs", log_records=[_LOG]),
    TRACES: _export("resource_spans", "scope_spans", spans=[_SPAN]),
    METRICS: _export("resource_metrics", "scope_metrics", metrics=[_METRIC]),
}


def _parse(signal: str, body: bytes) -> Any:
    decoder = _DECODERS[signal]
    try:
        try:
            return decoder.decode(body)
        except msgspec.MsgspecError:
            # A text cut within a character, as JavaScript does, or a null where nothing is told: it may be good yet.
            return msgspec.convert(_told(loads_strictly(body)), decoder.type)
    except RecursionError as error:
        raise ValueError("this nests too deep") from error
    except (ValueError, msgspec.MsgspecError) as error:
        raise ValueError(f"this is no JSON of {signal}: {error}") from error


def _told(said: Any) -> Any:
    """Without what is null."""
    if isinstance(said, list):
        return [_told(one) for one in said]
    if isinstance(said, dict):
        return {name: _told(value) for name, value in said.items() if value is not None}
    return said


def _attributes(pairs: Iterable[Any]) -> Attributes:
    return {
        pair.key: text if (text := (value := pair.value).string_value) is not None else _other(value)
        for pair in pairs
    }


def _other(value: Any) -> Any:
    said = value.double_value if value.int_value is None else value.int_value
    return value.bool_value if said is None else number(said)


def _answer(signal: str, rejected: int, why: str) -> bytes:
    partial = {"partialSuccess": {_REJECTED[signal]: str(rejected), "errorMessage": why}}
    return json.dumps(partial if rejected else {}).encode()


JSON = Form(_parse, _attributes, _answer)
