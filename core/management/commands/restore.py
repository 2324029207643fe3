"""`manage.py restore FILE`: a backup into an empty installation."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from core.history.backups import restore
from core.history.backups.restore import RestoreResult
from core.management.row_bar import copying


class Command(BaseCommand):
    """Everything or nothing."""

    help = "Restore a backup into an empty installation, and verify it there (docs/running/backups.md)."
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Which one."""
        parser.add_argument("file", type=Path, help="a file that `manage.py backup` wrote")

    def handle(self, *args: Any, **options: Any) -> None:
        """Restore it, and say what to do now."""
        path = settings.TELEMETRY_CHECKPOINT_FILE
        with copying("Nothing was restored") as bar:
            done = restore.restore(options["file"], path, bar.advance, bar.expect)
        self._say(done)

    def _say(self, done: RestoreResult) -> None:
        manifest, chain = done.manifest, done.manifest.chain
        self.stdout.write(
            f"Restored {manifest.rows:,} rows of {len(manifest.parts)} tables from the backup of "
            f"{manifest.made_at}, and read all of them back.\n"
            f"The audit chain has {chain.entries:,} entries; its last hash is {chain.hash}, as in the backup. "
            "One more entry tells of this restore."
        )
        for notice in done.notices:
            self.stdout.write(f"note: {notice}")
        self.stdout.write(
            f"What was taken away after {manifest.made_at} is there again: tokens that were revoked, rights, people, "
            "uses of rules. Take it away before agents and people come.\n"
            "Now start the site. Everybody signs in again."
        )
        if chain.problems:
            self.stderr.write(
                f"The record was NOT whole when it was backed up, and is as it was: {chain.first_problem}."
            )
