"""`manage.py audit_export`: the record as JSON Lines."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from core.history.atomic_file import atomic_file
from core.history.audit import entries
from core.history.people.actor import acted
from core.history.proof.json_lines import Selection, pieces
from core.values.json import storable


class Command(BaseCommand):
    """To a file that is not there yet, whole or not at all; or to standard output. The record tells of it."""

    help = "Export the audit record as JSON Lines; verify it anywhere with `verify_audit --file`."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to export, and where to."""
        parser.add_argument("file", nargs="?", type=Path, help="default: standard output")
        parser.add_argument("--from", dest="since", default="", help="a UTC day or a time, inclusive")
        parser.add_argument("--to", dest="before", default="", help="a UTC day or a time, exclusive")
        parser.add_argument("--kind", default="", help="one kind, such as approval.approved")
        parser.add_argument("--agent", default="", help="one agent")

    def handle(self, *args: Any, **options: Any) -> None:
        """Note it, and write it piece by piece."""
        try:
            selection = Selection.of(*(options[name] for name in ("since", "before", "kind", "agent")))
        except ValueError as error:
            raise CommandError(str(error)) from error
        if options["file"] is None:
            _note(selection, "standard output")
            for piece in pieces(selection):
                sys.stdout.write(piece)
            return
        try:
            with atomic_file(options["file"]) as file:
                _note(selection, options["file"].name)
                written = 0
                for piece in pieces(selection):
                    written += piece.count("\n")
                    file.write(piece.encode())
        except OSError as error:
            raise CommandError(f"{options['file']} was not written: {error}") from error
        gaps = " --selection" if selection.kind or selection.agent else ""
        self.stdout.write(
            f"{written:,} entries. To verify them anywhere: manage.py verify_audit{gaps} --file {options['file']}"
        )


def _note(selection: Selection, where: str) -> None:
    """Record the export before anything leaves."""
    chosen = {name: value for name, value in asdict(selection).items() if value}
    with transaction.atomic():
        entries.append([acted("record.exported", chosen=chosen, to=storable(where))])
