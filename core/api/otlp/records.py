"""What an export holds, in one form for protobuf and JSON: records of logs, spans, and points of sums."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

LOGS, TRACES, METRICS = "logs", "traces", "metrics"
Attributes = Mapping[str, Any]  # texts, numbers and flags; None stands for what is none of them
NAME_LENGTH = 100  # of the name of an event
GONE_WRONG = 2  # a span's status


class Record(NamedTuple):
    """One record. `at` and `end` are nanoseconds since 1970, 0 where they are not told; of a log both are the same.

    `id`: trace and span of a span, or of the span in which a log was written; '' for none. `failed`: the span says so.
    """

    signal: str
    name: str
    at: int
    end: int
    id: str
    attributes: Attributes
    resource: Attributes
    failed: bool = False


class Point(NamedTuple):
    """One point of a sum, or of a histogram's sum, from `start` to `at`. `cumulative`: since the process began."""

    name: str
    start: int
    at: int
    value: Any
    cumulative: bool
    attributes: Attributes
    resource: Attributes


Records = Iterator[Record | Point]


def event_name(*said: object) -> str:
    """The name of a log's event, of the places where exporters put it: the first that looks like one.

    Codex has a line of its source there, as in "event otel/src/events.rs:7", and the name beside it.
    """
    for name in said:
        fits = isinstance(name, str) and "." in name and len(name) <= NAME_LENGTH and name.isprintable()
        if fits and " " not in str(name):
            return str(name)
    return ""
