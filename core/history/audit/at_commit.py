"""Facts that a transaction gathers, and appends to the record as its very last statement before it commits.

Whoever changes something in the middle of a view cannot know what that view still does. So the head of the
chain is not taken there, but by the commit itself: docs/decisions/0011-facts-at-commit.md.

Django offers no hook at that moment: what `transaction.on_commit` runs comes after the commit, and a process that
is killed in between has made a change that nobody recorded. So `commit` of a connection is replaced, here alone.
"""

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from core.history.audit import entries
from core.history.audit.entries import Fact


class _Gathered:
    """A fact on Django's list of what to do after the commit, from which we take it before.

    Django strikes it off that list when its savepoint or transaction is rolled back.
    """

    def __init__(self, fact: Fact) -> None:
        self.fact = fact

    def __call__(self) -> None:
        """No transaction is open: a short one of its own."""
        with transaction.atomic():
            entries.append([self.fact])


def append_at_commit(fact: Fact) -> None:
    """Append a fact in the transaction that is open, at its end; or now, where none is."""
    connection = transaction.get_connection()
    if not isinstance(connection.__dict__.get("commit"), _Commit):
        connection.commit = _Commit(connection, connection.commit)  # type: ignore[method-assign]
    transaction.on_commit(_Gathered(fact))


class _Commit:
    """The commit of one connection, with what it appends first."""

    def __init__(self, connection: BaseDatabaseWrapper, commit: Callable[[], Any]) -> None:
        self._connection = connection
        self._commit = commit

    def __call__(self) -> None:
        """Append, then commit. What cannot be recorded does not happen."""
        facts = self._take()
        if facts:
            try:
                with transaction.atomic(using=self._connection.alias):
                    entries.append(facts)
            except BaseException:
                self._connection.rollback()
                raise
        self._commit()

    def _take(self) -> list[Fact]:
        waiting = self._connection.run_on_commit
        facts = [one[1].fact for one in waiting if isinstance(one[1], _Gathered)]
        self._connection.run_on_commit = [one for one in waiting if not isinstance(one[1], _Gathered)]
        return facts
