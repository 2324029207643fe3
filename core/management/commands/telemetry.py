"""`manage.py telemetry <command>`: what agents did, what it cost and what was saved (docs/reference/commands.md)."""

import sys
from argparse import Namespace
from collections.abc import Callable
from contextlib import nullcontext, redirect_stdout
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError

from core.cli import add_commands, run_parsed
from core.cli.commands import ABOUT, FAILED, complain, refuse_words


class Command(BaseCommand):
    """Runs one command of `core.cli`, with the site's database at hand."""

    help = ABOUT
    requires_system_checks = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Django's own, which complains in one sentence on a command line."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        if parser.called_from_command_line:
            parser.error = partial(refuse_words, parser)  # type: ignore[method-assign]
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        """Every command with its own options."""
        add_commands(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it; SystemExit with its code when that is not 0."""
        given = options.get("stdout")
        with redirect_stdout(given) if given else nullcontext():
            code = with_database(options["called"], lambda: run_parsed(Namespace(**options)))
        if code:
            sys.exit(code)


def with_database(called: str, run: Callable[[], int]) -> int:
    """The exit code of a command that reads the database, and one sentence where that is away."""
    try:
        return run()
    except DatabaseError as error:
        complain(called, f"the database does not answer: {error}")
        return FAILED
