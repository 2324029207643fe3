"""Sealing the texts that stand in SQL already, and opening them again, while the site goes on.

Contexts, the arguments that people changed before they approved, and the values in rules.
"""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from core.history.audit.entries import append
from core.history.database import locks
from core.history.people.actor import acted
from core.history.search import index
from core.models import ApprovalRecord, DecisionIntent, Rule
from core.models.sealed import SealedTextField, is_sealed, key_of, keys, sealed_column

AT_ONCE = 200  # a context may have 256 KiB
HELD_SECONDS = 1.0  # so long the recorder waits at once; after 5 s it says that it cannot record
CONTEXTS = sealed_column(ApprovalRecord, "context")
SEALED = (
    CONTEXTS,
    sealed_column(ApprovalRecord, "edited_to"),
    sealed_column(DecisionIntent, "edited_to"),
    sealed_column(Rule, "terms"),
)

NEWEST = {ApprovalRecord: "-requested_at", DecisionIntent: "-created_at"}
Wanted = Callable[[SealedTextField, Any, str], str]


class NoKey(Exception):
    """The site has no key to seal with."""


class SealingCounts(NamedTuple):
    """How many texts changed: contexts of requests, and others, which are changed arguments and values of rules."""

    contexts: int
    others: int


def seal_all(unread: Counter[str]) -> SealingCounts:
    """Seal every text with the newest key, those of an older one too.

    unread: gets, by id of the key that is missing, how many cannot be read and stay as they are.
    """
    if not keys():
        raise NoKey
    newest = keys()[0].id

    def sealed(column: SealedTextField, pk: Any, text: str) -> str:
        if is_sealed(text) and key_of(text) == newest:
            return text
        opened = column.opened(text, pk)
        return opened if is_sealed(opened) else column.sealed(opened, pk)

    return _bring(sealed, unread, f"contexts sealed with the key {newest}")


def open_all(unread: Counter[str]) -> SealingCounts:
    """Put every text back in clear. unread: as above.

    The index keeps its digests for as long as there is a key.
    """
    return _bring(lambda column, pk, text: column.opened(text, pk), unread, "contexts put back in clear")


def newest_of_each(alias: str, most: int) -> list[str]:
    """So many of the newest texts of each column, as they stand there."""
    found: list[str] = []
    for column in SEALED:
        rows = column.model._base_manager.using(alias).exclude(**{column.attname: ""})
        newest = rows.order_by(NEWEST.get(column.model, "-pk")).values_list(column.attname, flat=True)
        found += [text for text in newest[:most] if isinstance(text, str)]
    return found


def _bring(wanted: Wanted, unread: Counter[str], what: str) -> SealingCounts:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA secure_delete = ON")
    changed = {column: _bring_column(column, wanted, unread) for column in SEALED}
    brought = SealingCounts(changed.pop(CONTEXTS), sum(changed.values()))
    with transaction.atomic():
        said = {"what": what, "requests": brought.contexts, "others": brought.others}
        append([acted("contexts.sealed", **said)])
    index.rebuild()
    _forget_what_was_there()
    return brought


def _bring_column(column: SealedTextField, wanted: Wanted, unread: Counter[str]) -> int:
    changed, after = 0, None
    while found := _some(column, after, wanted, unread):
        after, count = found
        changed += count
    return changed


def _some(
    column: SealedTextField, after: Any, wanted: Wanted, unread: Counter[str]
) -> tuple[Any, int] | None:
    """The next rows, in a transaction of their own: the last of them, and how many changed; None after all."""
    name = column.attname
    with transaction.atomic():
        locks.hold_recorder()
        rows = column.model._base_manager.exclude(**{name: ""}).order_by("pk")
        rows = rows if after is None else rows.filter(pk__gt=after)
        found = [row for row in rows.values_list("pk", name)[:AT_ONCE] if _is_whole(*row)]
        count, began, last = 0, time.monotonic(), None
        for pk, text in found:
            if last is not None and time.monotonic() - began > HELD_SECONDS:
                break
            last, said = pk, wanted(column, pk, text)
            if said != text:
                # Whoever wrote it meanwhile has sealed it.
                count += column.model._base_manager.filter(pk=pk, **{name: text}).update(**{name: said})
            elif is_sealed(said) and key_of(said) not in {key.id for key in keys()}:
                unread[key_of(said)] += 1
        return (last, count) if found else None


def _is_whole(pk: Any, text: Any) -> bool:
    """Whether neither was damaged."""
    return isinstance(pk, UUID | int) and isinstance(text, str)


def _forget_what_was_there() -> None:
    """SQLite keeps what was overwritten in free pages and in its log until both are written anew."""
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
