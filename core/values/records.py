"""Dataclasses as plain dictionaries and back, with one rule for time."""

import copy
from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from types import NoneType
from typing import Any, Self, get_args, get_origin

from .numbers import shown

_PLAIN = frozenset({str, int, float, bool, dict, list})


def parse_timestamp(value: object, field: str) -> datetime:
    """ISO 8601 as aware UTC, a naive one read as UTC; else ValueError naming `field`."""
    try:
        if not isinstance(value, (datetime, str)):
            raise ValueError("neither a str nor a datetime")
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        if moment.tzinfo is UTC:
            return moment
        return moment.replace(tzinfo=UTC) if moment.utcoffset() is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{field} must be an ISO 8601 time, not {shown(value)}") from error


class PlainDict:
    """For dataclasses: `to_dict` writes times as ISO 8601, `from_dict(x.to_dict()) == x`.

    A time that one is made with becomes UTC; a naive one is taken as UTC.
    """

    def __post_init__(self) -> None:
        for name in _moments(type(self)):  # type: ignore[arg-type]
            moment = getattr(self, name)
            # Nearly always UTC, and asked of every event that is read. A date has no time zone at all.
            if getattr(moment, "tzinfo", UTC) is not UTC:
                object.__setattr__(self, name, parse_timestamp(moment, name))  # a frozen one too

    def to_dict(self) -> dict[str, Any]:
        """Plain values, field by field."""
        return {item.name: _plain(getattr(self, item.name)) for item in fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_dict`. Ignores unknown keys; a missing or bad one is a ValueError naming it."""
        if not isinstance(data, Mapping):
            raise ValueError(f"data of {cls.__name__} must be a dict, not {type(data).__name__}")
        names = [name for name, *_ in _rules(cls) if name in data]  # type: ignore[arg-type]
        return cls.from_own_dict({name: copy.deepcopy(data[name]) for name in names})

    @classmethod
    def from_own_dict(cls, data: dict[str, Any]) -> Self:
        """`from_dict` of data that nobody else holds, so nothing is copied."""
        values = {}
        for name, wanted, required, plain in _rules(cls):  # type: ignore[arg-type]
            if name in data:
                value = data[name]
                values[name] = value if type(value) in plain else _typed(value, wanted, name)
            elif required:
                raise ValueError(f"{name} is missing")
        return cls(**values)


@cache
def _moments(cls: type) -> tuple[str, ...]:
    """The fields of a dataclass that are times."""
    return tuple(item.name for item in fields(cls) if item.type in (datetime, datetime | None))


@cache
def _rules(cls: type) -> list[tuple[str, Any, bool, frozenset[type]]]:
    """Name, wanted type, whether it is required, and types that need no second look, for each field of a dataclass."""
    return [
        (
            item.name,
            wanted := get_origin(item.type) if get_origin(item.type) in (dict, list) else item.type,
            item.default is MISSING and item.default_factory is MISSING,
            _taken_as_they_are(wanted),
        )
        for item in fields(cls)
    ]


def _taken_as_they_are(wanted: Any) -> frozenset[type]:
    """A moment among them, which a dataclass that is made looks at itself."""
    kinds = {int, float} if wanted is float else get_args(wanted) or {wanted}
    return frozenset(kind for kind in kinds if kind in _PLAIN | {datetime, NoneType})


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else copy.deepcopy(value)


def _typed(value: Any, wanted: Any, field: str) -> Any:
    if wanted is datetime or (wanted == datetime | None and value is not None):
        return parse_timestamp(value, field)
    if wanted is float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"{field} must be a number, not {shown(value)}")
        return value
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        allowed = [member.value for member in wanted]
        if isinstance(value, bool) or value not in allowed:
            raise ValueError(f"{field} must be one of {allowed}, not {shown(value)}")
        return wanted(value)
    if not isinstance(value, wanted):
        raise ValueError(f"{field} must be a {getattr(wanted, '__name__', wanted)}, not {shown(value)}")
    return value
