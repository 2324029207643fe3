"""Dataclasses as plain dictionaries and back, with one rule for time."""

import copy
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from typing import Any, Self, get_origin


def parse_timestamp(value: object, field: str) -> datetime:
    """ISO 8601 with `Z` or an offset as aware UTC, a naive one read as UTC; else ValueError naming `field`."""
    try:
        if not isinstance(value, (datetime, str)):
            raise ValueError("neither a str nor a datetime")
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        if moment.tzinfo is None:
            return moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{field} must be an ISO 8601 time, not {value!r}") from error


class PlainDict:
    """For dataclasses: `to_dict` writes times as ISO 8601, `from_dict(x.to_dict()) == x`."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, field by field."""
        return {item.name: _plain(getattr(self, item.name)) for item in fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_dict`. Ignores unknown keys; a missing or bad one is a ValueError naming it."""
        values = {}
        for item in fields(cls):  # type: ignore[arg-type]
            if item.name in data:
                values[item.name] = _typed(data[item.name], item.type, item.name)
            elif item.default is MISSING and item.default_factory is MISSING:
                raise ValueError(f"{item.name} is missing")
        return cls(**values)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else copy.deepcopy(value)


def _typed(value: Any, declared: Any, field: str) -> Any:
    if declared is datetime:
        return parse_timestamp(value, field)
    if declared is float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"{field} must be a number, not {value!r}")
        return value
    wanted = dict if get_origin(declared) is dict else declared
    if not isinstance(value, wanted):
        raise ValueError(f"{field} must be a {getattr(wanted, '__name__', wanted)}, not {value!r}")
    return copy.deepcopy(value)
