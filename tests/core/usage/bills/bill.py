"""One row of the tables: a provider's answer, and what it costs."""

from typing import Any, NamedTuple


class Bill(NamedTuple):
    name: str
    provider: str
    model: str
    day: str  # at noon UTC where it names no hour
    usage: dict[str, Any]
    dollars: str
    said: dict[str, Any] = {}  # what the caller must say himself
