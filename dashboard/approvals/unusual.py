"""What is unusual: a value never approved before where an agent's requests of a kind repeat themselves, or one that
only looks like a known one.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Length

from core.history.search.words import lines_of
from core.models import ApprovalRecord
from core.models.sealed import is_sealed
from core.values.approvals import APPROVED
from dashboard.approvals import known_names
from dashboard.approvals.waiting import COMPARED_CHARACTERS, QueuedRequest

SECONDS = 15.0
LOOKED_AT = 500  # of what was approved, the newest
LOOKED_AT_ALONE = 50  # of a pair that these have no room for
ALONE = 20  # such pairs that are looked at, those that most wait of first
ENOUGH = 3  # approved before: then these say what is usual, and else those that wait do
PAIRS = 200  # of kind and agent that are asked for

Pair = tuple[str, str]
Row = tuple[str, str, UUID, str]  # kind, agent, request and context


@dataclass
class ValueCounts:
    """What was approved of one kind for one agent: how often each value stood in each place."""

    count: int = 0
    places: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, values: Iterable[tuple[str, str]]) -> None:
        """One more."""
        self.count += 1
        for name, text in values:
            self.places[name][text] += 1

    def is_odd(self, account: QueuedRequest) -> bool:
        """Whether a value of it was never there, in a place whose values repeat, or the place itself never was."""
        return any(
            name not in self.places or (text not in self.places[name] and _repeats(self.places[name]))
            for name, text in account.values
        )


_before: dict[Pair, ValueCounts] = {}
_asked_for: frozenset[Pair] = frozenset()
_marked: set[str] = set()  # requests that were unusual once: they stay so when the usual ones are answered
_read_at = -SECONDS


def refresh(accounts: Iterable[QueuedRequest]) -> None:
    """Read again what was approved, where that is old or another agent asks: none most of the time, and one query.

    Where one agent's fill that, a few more for the others.
    """
    global _before, _asked_for, _read_at
    counted = Counter((account.approval_type, account.agent_id) for account in accounts if account.values)
    pairs = frozenset(pair for pair, _count in counted.most_common(PAIRS))
    if not pairs or (pairs <= _asked_for and time.monotonic() - _read_at < SECONDS):
        return
    kinds, agents = {kind for kind, _agent in pairs}, {agent for _kind, agent in pairs}
    rows = ApprovalRecord.objects.filter(status=APPROVED, approval_type__in=kinds, agent_id__in=agents)
    # A sealed text is half as long again.
    sized = rows.annotate(size=Length("context")).filter(size__gt=0, size__lte=2 * COMPARED_CHARACTERS)
    texts = sized.order_by("-ended_at").values_list("approval_type", "agent_id", "pk", "context")
    newest = list(texts[:LOOKED_AT])
    if len(newest) == LOOKED_AT:
        newest = _with_the_rare(newest, texts, [pair for pair, _count in counted.most_common(PAIRS)])
    found: dict[Pair, ValueCounts] = defaultdict(ValueCounts)
    for kind, agent, pk, text in newest:
        context = ApprovalRecord.opened(text, pk)
        if len(context) <= COMPARED_CHARACTERS and not is_sealed(context):
            found[kind, agent].add(lines_of(context))
    _before, _asked_for, _read_at = dict(found), pairs, time.monotonic()


def _with_the_rare(newest: list[Row], texts: QuerySet[Any, Row], pairs: list[Pair]) -> list[Row]:
    """The same, with what was approved of those whom an agent that asks much leaves no room: a query for each."""
    heard = Counter((kind, agent) for kind, agent, _pk, _text in newest)
    rare = [pair for pair in pairs if heard[pair] < ENOUGH][:ALONE]
    common = [row for row in newest if row[:2] not in rare]
    return common + [
        row
        for kind, agent in rare
        for row in texts.filter(approval_type=kind, agent_id=agent)[:LOOKED_AT_ALONE]
    ]


def unusual_ids(accounts: Iterable[QueuedRequest]) -> set[str]:
    """The ids of those that are unusual, or were before; from memory alone."""
    global _marked
    accounts = list(accounts)
    crowds: dict[str, list[QueuedRequest]] = defaultdict(list)
    for account in accounts:
        if account.shape:
            crowds[account.shape].append(account)
    found = {account.request_id for crowd in crowds.values() for account in _odd_of(crowd)}
    found |= {one.request_id for one in accounts if one.warned or (one.shape and known_names.is_posing(one))}
    _marked = found | {account.request_id for account in accounts if account.request_id in _marked}
    return _marked


def _odd_of(crowd: list[QueuedRequest]) -> list[QueuedRequest]:
    before = _before.get((crowd[0].approval_type, crowd[0].agent_id), ValueCounts())
    if before.count >= ENOUGH:
        return [account for account in crowd if before.is_odd(account)]
    now: dict[str, Counter[str]] = defaultdict(Counter)
    for account in crowd:
        for name, text in account.values:
            now[name][text] += 1
    places = {name: texts for name, texts in now.items() if _repeats(texts)}
    return [
        account
        for account in crowd
        if any(places[name][text] * 10 <= len(crowd) for name, text in account.values if name in places)
    ]


def _repeats(texts: Counter[str]) -> bool:
    """Whether a value stands there four times on average."""
    return len(texts) * 4 <= texts.total()
