"""Flat lists of names and values, as Redis sends them."""

from collections.abc import Sequence
from typing import TypeVar

Part = TypeVar("Part")


def pairs(flat: Sequence[Part]) -> dict[Part, Part]:
    """Name, value, name, value as a dictionary; ValueError for a name without a value."""
    return dict(zip(flat[::2], flat[1::2], strict=True))
