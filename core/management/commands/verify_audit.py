"""`manage.py verify_audit`: is the record still what was written?"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from rich.console import Console
from rich.progress import Progress

from core.history.proof import verification
from core.history.proof.verification import VerificationResult


class Command(BaseCommand):
    """Exit code 0 when the record is whole, 1 when it is not."""

    help = "Verify the audit record: every hash and link, the head, the triggers and the checkpoints."

    def add_arguments(self, parser: CommandParser) -> None:
        """The database, or a file that was exported."""
        parser.add_argument("--file", type=Path, help="verify an exported file, without the database")
        parser.add_argument(
            "--selection",
            action="store_true",
            help="with --file: the file was exported with a choice, so entries between others are left out",
        )
        parser.add_argument(
            "--checkpoints", type=Path, help="the checkpoint file (TELEMETRY_CHECKPOINT_FILE)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify, say what was found, and keep the result for the admin."""
        if options["file"]:
            verdict = self._file(options["file"], options["checkpoints"], options["selection"])
        else:
            path = options["checkpoints"] or settings.TELEMETRY_CHECKPOINT_FILE
            verdict = with_bar(lambda progress: verification.verify(path, progress))
            try:
                verification.keep(verdict)
            except DatabaseError as error:
                verdict.notices.append(f"the result was not kept for the admin: {str(error).strip()}")
        self._say(verdict)
        if not verdict.whole:
            sys.exit(1)

    def _file(self, path: Path, checkpoints: Path | None, selection: bool) -> VerificationResult:
        try:
            with path.open(encoding="utf-8", newline="\n") as lines:
                return verification.verify_lines(lines, checkpoints, selection=selection)
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{path} cannot be read: {error}") from error

    def _say(self, verdict: VerificationResult) -> None:
        for notice in verdict.notices:
            self.stdout.write(f"note: {notice}")
        if verdict.whole:
            self.stdout.write(f"The record is whole: {verdict.entries:,} entries, newest hash {verdict.hash}")
            return
        for problem in verdict.problems:
            self.stdout.write(f"wrong: {problem}")
        more = verdict.count - len(verdict.problems)
        if more:
            self.stdout.write(f"and {more:,} more")
        found = "1 problem" if verdict.count == 1 else f"{verdict.count:,} problems"
        self.stdout.write(f"The record is NOT whole: {found} in {verdict.entries:,} entries")


def with_bar(work: Callable[[verification.Progress], VerificationResult]) -> VerificationResult:
    """Do the work, below a bar that shows how far it is, on a terminal alone."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Verifying", total=None)
        return work(lambda done, of: bar.update(task, completed=done, total=of))
