"""`manage.py audit_export`: the record as JSON Lines."""

import os
import sys
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.history.export import Selection, pieces


class Command(BaseCommand):
    """To a file, or to standard output."""

    help = "Export the audit record as JSON Lines; verify it anywhere with `verify_audit --file`."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to export, and where to."""
        parser.add_argument("file", nargs="?", type=Path, help="default: standard output")
        parser.add_argument("--from", dest="since", default="", help="a UTC day or a time, inclusive")
        parser.add_argument("--to", dest="before", default="", help="a UTC day or a time, exclusive")
        parser.add_argument("--kind", default="", help="one kind, such as approval.approved")
        parser.add_argument("--agent", default="", help="one agent")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write it piece by piece."""
        try:
            selection = Selection.of(*(options[name] for name in ("since", "before", "kind", "agent")))
        except ValueError as error:
            raise CommandError(str(error)) from error
        if options["file"] is None:
            _write(sys.stdout, selection)
            return
        try:
            descriptor = os.open(options["file"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
                _write(file, selection)
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be written: {error}") from error


def _write(file: TextIO, selection: Selection) -> None:
    for piece in pieces(selection):
        file.write(piece)
