"""`manage.py move_database --to URL`: from SQLite to PostgreSQL, with the audit chain as it is."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from core.history.backups import moving, tables
from core.history.backups.moving import SOURCE, TARGET, MoveResult
from core.history.backups.tables import CannotCopy
from core.history.database.url import database
from core.management.row_bar import copying
from core.models import ApprovalRecord


class Command(BaseCommand):
    """Moves everything or nothing, and leaves the source as it was."""

    help = "Move this installation from SQLite to PostgreSQL. Stop the site first (docs/running/machines.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        """One address."""
        parser.add_argument(
            "--to",
            required=True,
            metavar="URL",
            help="the new DATABASE_URL; - reads it from standard input, where nobody sees its password",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare the target, move, and say what to do now."""
        url = sys.stdin.readline().strip() if options["to"] == "-" else options["to"]
        add_target(url)
        if connections[SOURCE].vendor != "sqlite":
            raise CommandError("this installation is on PostgreSQL already: unset DATABASE_URL first")
        try:
            with copying("Nothing was moved") as bar, moving.exclusive_source():
                tables.refuse_unfit("the target", moving.ELSEWHERE, TARGET)
                migrate(url)
                moving.refuse_other_migrations()
                bar.expect(2 * tables.count_rows(tables.in_order()) + tables.count_rows([ApprovalRecord]))
                moved = moving.move(bar.advance)
        finally:
            connections[TARGET].close()
        self._say(moved)

    def _say(self, moved: MoveResult) -> None:
        self.stdout.write(
            f"Moved {moved.rows} rows of {moved.tables} tables, and read all of them back.\n"
            f"The audit chain has {moved.chain.entries} entries; its last hash is {moved.chain.hash}.\n"
            "Now set DATABASE_URL to the address you gave, for web, recorder and worker, and start the site.\n"
            f"{connections[SOURCE].settings_dict['NAME']} was not changed. Keep it until you trust the new one; "
            "do not start the site on it again."
        )
        if not moved.chain.whole:
            self.stderr.write(
                f"The record was broken before the move, and was moved as it is: {moved.chain.problems[0]}."
            )


def migrate(url: str) -> None:
    """Make the tables of an empty target, in a process whose only database it is: handlers write to the default.

    Without checks: after a kill it lacks what comes after the last migration, and this is what brings it.
    """
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "migrate", "-v", "0", "--skip-checks"]
    environment = {**os.environ, "DATABASE_URL": url}
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    if result.returncode:
        raise CannotCopy(f"`manage.py migrate` failed on the target: {result.stderr.strip()[-500:]}")


def add_target(url: str) -> None:
    """Make the address known to Django as the second database."""
    if not url.startswith(("postgresql://", "postgres://")):
        raise CommandError("--to must begin with postgresql://")
    try:
        config = database(url, Path())
    except ValueError as error:
        raise CommandError(f"--to {error}") from error
    config["OPTIONS"].pop("pool")
    connections.settings[TARGET] = connections.configure_settings({SOURCE: {}, TARGET: config})[TARGET]
