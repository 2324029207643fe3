"""Flat lists of names and values, as Redis sends them."""

from collections.abc import Sequence
from typing import TypeVar

Part = TypeVar("Part")


def pairs(flat: Sequence[Part]) -> dict[Part, Part]:
    """Name, value, name, value as a dictionary; ValueError for a name without a value."""
    parts = iter(flat)
    return dict(zip(parts, parts, strict=True))


def text_pairs(flat: Sequence[bytes] | None) -> dict[str, str]:
    """The same as text; empty for none."""
    return pairs([part.decode(errors="replace") for part in flat or []])
