"""What the entries of the record tell: their details, also where somebody damaged them."""

import json
from typing import Any

from core.values.malformed import ODD

_TOLD = ("approval_type", "why", "outcome", "reason", "status", "name", "account", "group", "what", "process")
_LISTS = ("groups", "permissions", "changed", "guards")
_COUNTS = {"more": "failed", "requests": "requests"}


def read_details(text: str) -> dict[str, Any]:
    """The details of an entry. Where somebody damaged them, `why` says so and holds the text."""
    try:
        said = json.loads(text)
        if isinstance(said, dict):
            return said
    except ODD:
        pass
    return {"why": f"this entry is damaged: {text}"}


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
