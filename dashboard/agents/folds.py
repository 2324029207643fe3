"""Agents that are dead in numbers, folded by how their names begin: 230 lost, pod-."""

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from core.history.agents.putting_away import DEAD
from dashboard.agents.row import AgentRow

FOLDED_FROM = 3
_PART = re.compile(r"[-_.:/@#\s]+")
# What a machine put at the end: with a digit, or of the letters from which Kubernetes makes names.
_MADE_UP = re.compile(r"\S*\d\S*|[bcdfghjklmnpqrstvwxz]{4,10}")
_NUMBER = re.compile(r"\d+$")
_NAMED = re.compile(r"([^0-9]*)([0-9]{0,18})")


def shared_prefix(agent_id: str) -> str:
    """What a name shares with those that were made like it: `pod-` of `pod-7d9f8b6c5-x2x4z`; '' when all is made up."""
    parts, marks = _PART.split(agent_id), _PART.findall(agent_id)
    kept = len(parts)
    while kept and _MADE_UP.fullmatch(parts[kept - 1]):
        kept -= 1
    if kept == len(parts):
        return agent_id
    if not kept:  # worker12 is one of worker, gpt4-7 of gpt4-, 7f1c8e5e of nothing
        named = parts[0] if parts[0][:3].isalpha() else ""
        return named + marks[0] if named and marks else _NUMBER.sub("", named)
    return "".join(part + mark for part, mark in zip(parts[:kept], marks, strict=False))


@lru_cache(maxsize=8192)
def name_sort_key(name: str) -> tuple[tuple[str, int], ...]:
    """What names are sorted by: capitals do not count, and worker-2 stands before worker-10."""
    return tuple((text, int(number or 0)) for text, number in _NAMED.findall(name.casefold()))


def in_order(rows: Iterable[AgentRow]) -> list[AgentRow]:
    """Those that need a look first, then by name."""
    return sorted(rows, key=lambda row: (row.rank, name_sort_key(row.name), row.agent_id))


def folded(rows: Iterable[AgentRow]) -> list[list[AgentRow]]:
    """In order, each alone but the dead: three or more whose names begin alike are one, where the first would be."""
    found: dict[Any, list[AgentRow]] = defaultdict(list)
    for row in in_order(rows):
        alike = (row.state, shared_prefix(row.agent_id)) if row.state in DEAD else row.agent_id
        found[alike].append(row)
    lines: list[list[AgentRow]] = []
    for together in found.values():
        lines += [together] if len(together) >= FOLDED_FROM else [[row] for row in together]
    return lines
