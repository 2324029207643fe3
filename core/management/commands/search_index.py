"""`manage.py search_index`: the index that requests are found by, complete or made anew."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from core.history.search import index


class Command(BaseCommand):
    """Safe to run while the site goes on."""

    help = "Bring into the index what is missing, or make it anew (docs/running/searching.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whether from nothing."""
        parser.add_argument("--rebuild", action="store_true", help="make it anew, also where it is damaged")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say how many requests that were."""
        try:
            if options["rebuild"]:
                self.stdout.write(f"{index.rebuild():,} requests are in the index")
                return
            brought = index.complete()
            self.stdout.write(
                f"{brought:,} requests were missing in the index, and are in it now"
                if brought
                else "The index is complete: nothing was missing"
            )
        except DatabaseError as error:
            raise CommandError(f"the index cannot be written: {error}. Try it with --rebuild") from error
