"""What the entries of the record tell: their details, also where somebody damaged them."""

import json
from typing import Any

from core.values.malformed import ODD

_TOLD = (
    "approval_type",
    "why",
    "outcome",
    "reason",
    "status",
    "name",
    "account",
    "group",
    "what",
    "process",
    "machine",
)
_LISTS = ("groups", "permissions", "changed", "guards", "named")
_COUNTS = {"more": "failed", "requests": "requests", "agents": "agents"}


def details_of(text: object) -> dict[str, Any] | None:
    """The details of an entry; None where somebody damaged them."""
    try:
        said = json.loads(text) if isinstance(text, str) else None
    except ODD:
        return None
    return said if isinstance(said, dict) else None


def read_details(text: str) -> dict[str, Any]:
    """The same for people. Where somebody damaged them, `why` says so and holds the text."""
    said = details_of(text)
    return {"why": f"this entry is damaged: {text}"} if said is None else said


def in_short(details: str) -> str:
    """The details of an entry in at most 200 characters."""
    said = read_details(details)
    try:
        words = [str(said[name]) for name in _TOLD if said.get(name)]
        words += [", ".join(said[name]) for name in _LISTS if said.get(name)]
        words += [f"{said[name]} {noun}" for name, noun in _COUNTS.items() if said.get(name)]
    except TypeError:
        return str(details)[:200]
    return "; ".join(words)[:200]
