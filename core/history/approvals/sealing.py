"""Sealing the contexts that stand in SQL already, and opening them again, while the site goes on."""

from collections import Counter
from collections.abc import Callable
from uuid import UUID

from django.db import connection, transaction

from core.history.audit.entries import append, new_fact
from core.history.database import locks
from core.history.people.actor import actor
from core.history.search import index
from core.models import ApprovalRecord
from core.models.sealed import is_sealed, key_of, keys

AT_ONCE = 200  # a context may have 256 KiB

Wanted = Callable[[UUID, str], str]


class NoKey(Exception):
    """The site has no key to seal with."""


def seal_all(unread: Counter[str]) -> int:
    """Seal every context with the newest key, those of an older one too; returns how many changed.

    unread: gets, by id of the key that is missing, how many cannot be read and stay as they are.
    """
    if not keys():
        raise NoKey
    newest, column = keys()[0].id, ApprovalRecord.context_column()

    def sealed(pk: UUID, text: str) -> str:
        if is_sealed(text) and key_of(text) == newest:
            return text
        opened = column.opened(text, pk)
        return opened if is_sealed(opened) else column.sealed(opened, pk)

    return _bring(sealed, unread, f"contexts sealed with the key {newest}")


def open_all(unread: Counter[str]) -> int:
    """Put every context back in clear; returns how many changed. unread: as above.

    The index keeps its digests for as long as there is a key.
    """
    return _bring(lambda pk, text: ApprovalRecord.opened(text, pk), unread, "contexts put back in clear")


def _bring(wanted: Wanted, unread: Counter[str], what: str) -> int:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA secure_delete = ON")
    changed, after = 0, UUID(int=0)
    while found := _some(after, wanted, unread):
        after, count = found
        changed += count
    with transaction.atomic():
        name, how = actor()
        append([new_fact("contexts.sealed", name, what=what, requests=changed, **how)])
    index.rebuild()
    _forget_what_was_there()
    return changed


def _some(after: UUID, wanted: Wanted, unread: Counter[str]) -> tuple[UUID, int] | None:
    """The next rows, in a transaction of their own: the last of them, and how many changed; None after all."""
    with transaction.atomic():
        locks.hold_recorder()
        rows = ApprovalRecord.objects.filter(pk__gt=after).exclude(context="").order_by("pk")
        texts = [
            row
            for row in rows.values_list("pk", "context")[:AT_ONCE]
            if isinstance(row[0], UUID) and isinstance(row[1], str)
        ]
        count = 0
        for pk, text in texts:
            said = wanted(pk, text)
            if said != text:
                count += ApprovalRecord.objects.filter(pk=pk, context=text).update(context=said)
            elif is_sealed(said) and key_of(said) not in {key.id for key in keys()}:
                unread[key_of(said)] += 1
        return (texts[-1][0], count) if texts else None


def _forget_what_was_there() -> None:
    """SQLite keeps what was overwritten in free pages and in its log until both are written anew."""
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
