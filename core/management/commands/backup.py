"""`manage.py backup FILE`: everything that the site remembers in one file, while it runs."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from core.history.backups import backup
from core.history.backups.backup import BackupResult
from core.management.row_bar import copying


class Command(BaseCommand):
    """Whole or not at all."""

    help = "Back up the database into one file, consistently, while the site runs (docs/running/backups.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to."""
        parser.add_argument(
            "file",
            type=Path,
            help="a file that is not there yet, or a folder: then the file is named by the time",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Write it, and say what it holds."""
        with copying("No backup was made") as bar:
            taken = backup.take(options["file"], bar.advance, bar.expect)
        self._say(taken)

    def _say(self, taken: BackupResult) -> None:
        manifest, chain = taken.manifest, taken.manifest.chain
        self.stdout.write(
            f"{taken.path}: {manifest.rows:,} rows of {len(manifest.parts)} tables, {taken.size:,} bytes.\n"
            f"The audit chain has {chain.entries:,} entries; its last hash is {chain.hash}.\n"
            "Sessions are not in it. Hashes of passwords are: keep it where only you can read it."
        )
        if chain.problems:
            self.stderr.write(
                f"The record is NOT whole, and was backed up as it is: {chain.first_problem}. Run verify_audit."
            )
