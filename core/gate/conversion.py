"""What a context may hold beside JSON, and the one form that each of it gets; how long, in words."""

import base64
import dataclasses
import math
import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from ..values.numbers import shown

_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(d|h|m|s)")
_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
FOREVER = "forever"


def plain(value: Any) -> Any:
    """The JSON that `value` becomes in a context; TypeError, naming its type, for what has no form.

    datetime, date, time: ISO 8601. timedelta: seconds. Decimal, UUID, paths: text, exact. Enum: its value.
    bytes: base64. Sets: a sorted list. Dataclasses and models of pydantic: an object of their fields. Scalars of
    numpy: the number.
    """
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (Decimal, UUID, PurePath)):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=lambda item: (type(item).__name__, str(item)))
    return _of_fields(value)


def _of_fields(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    # By their methods: an agent need not have these packages.
    if hasattr(value, "model_dump") and hasattr(value, "model_fields_set"):
        return value.model_dump(mode="json")
    if hasattr(value, "dtype") and getattr(value, "ndim", None) == 0:
        return value.item()
    if hasattr(value, "keys") and hasattr(value, "__getitem__"):
        return {key: value[key] for key in value.keys()}  # noqa: SIM118  a mapping that is no dict
    raise TypeError(
        f"context has a {type(value).__name__}, which has no form in JSON: "
        "give what people shall see of it, such as its name or its fields"
    )


def seconds_of(timeout: float | str | timedelta) -> float:
    """Seconds: of a number, a timedelta, "90s", "2h", "1h 30m", or "forever". ValueError for other words."""
    if isinstance(timeout, timedelta):
        return timeout.total_seconds()
    if not isinstance(timeout, str):
        return timeout
    words = timeout.strip()
    if words == FOREVER:
        return math.inf
    parts = _PART.findall(words)
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if not parts or _PART.sub("", words).strip() or math.isinf(seconds):  # so many digits are no word for it
        raise ValueError(
            f'timeout must be seconds or words such as "90s", "2h" or "forever", not {shown(timeout)}'
        )
    return seconds
