"""Lists: flat ones of names and values, as Redis sends them, and long ones in parts."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

Part = TypeVar("Part")


def pairs(flat: Sequence[Part]) -> dict[Part, Part]:
    """Name, value, name, value as a dictionary; ValueError for a name without a value."""
    parts = iter(flat)
    return dict(zip(parts, parts, strict=True))


def in_parts(whole: Sequence[Part], most: int) -> Iterator[Sequence[Part]]:
    """The list in parts of at most so many."""
    return (whole[first : first + most] for first in range(0, len(whole), most))


def text_pairs(flat: Sequence[bytes] | None) -> dict[str, str]:
    """The same as text; empty for none."""
    return pairs([part.decode(errors="replace") for part in flat or []])
