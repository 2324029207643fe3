"""`manage.py audit_checkpoint`: note how far the record is, outside of the database."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.history.proof.checkpoints import checkpoint


class Command(BaseCommand):
    """One JSON line in TELEMETRY_CHECKPOINT_FILE."""

    help = "Append count, newest hash and time to the checkpoint file, so that a cut or rewrite shows."

    def add_arguments(self, parser: CommandParser) -> None:
        """Another file than the configured one."""
        parser.add_argument("--file", type=Path, help="default: TELEMETRY_CHECKPOINT_FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write it and say what it is."""
        try:
            made = checkpoint(options["file"])
        except OSError as error:
            raise CommandError(f"no checkpoint was written: {error}") from error
        self.stdout.write(f"{made.count:,} entries, newest hash {made.hash}, since {made.at}")
