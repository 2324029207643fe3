"""Who starts before `migrate` was run is told so: each part would fail in words of the database."""

from django.core.management.base import CommandError

from core.history.checks import waits_for_migration


def refuse_old_tables() -> None:
    """CommandError where the tables are not as this version has them. A worker would also use up the jobs of a day."""
    if waits_for_migration("default"):
        raise CommandError("the tables are not as this version has them: run `manage.py migrate` first")
