"""A bar over rows for commands that take a while: on a terminal alone, and not on standard output."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import DatabaseError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from core.history.backups.tables import CannotCopy
from core.history.database.url import why_unusable


class RowBar:
    """How many rows are done of how many."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("counting", total=None)

    def expect(self, rows: int) -> None:
        """So many rows are to be done altogether."""
        self._progress.update(self._task, total=rows)

    def advance(self, what: str, rows: int) -> None:
        """So many more are done, of the table or the work `what`."""
        self._progress.update(self._task, description=what, advance=rows)


@contextmanager
def copying(failure: str) -> Iterator[RowBar]:
    """A bar while a database is copied; a CommandError with `failure` and the reason where it cannot be."""
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    console = Console(stderr=True)
    try:
        with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
            yield RowBar(progress)
    except (CannotCopy, DatabaseError, OSError) as error:
        why = why_unusable(error) if isinstance(error, DatabaseError) else ""
        raise CommandError(f"{failure}: {why or str(error).strip()}") from error
