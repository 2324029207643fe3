"""What a command is: a function of parsed arguments that returns an exit code, and never a traceback.

0: done. 1: it failed: Redis, the database or a file. 2: it was not understood, or cannot be done here.
3: people said no, or it was withdrawn. 4: nobody answered in time. 5: nobody could be asked.
130: interrupted. 141: whoever read the output has gone.
"""

import argparse
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from typing import Any, NoReturn

from ..errors import HistoryUnavailable, TelemetryError
from ..values.moments import MAX_DAYS
from ..values.text import one_line

PACKAGE = __name__.removesuffix(".cli.commands")  # by which name agents import us here
DONE, FAILED, MISUSED, INTERRUPTED, NO_READER = 0, 1, 2, 130, 141
REFUSED, NOBODY, AWAY = 3, 4, 5  # of what people were asked
ABOUT = "Ask people, connect coding agents, and see what agents did, what it cost and what was saved."

Run = Callable[[Namespace], int]
Option = tuple[tuple[str, ...], dict[str, Any]]  # what `ArgumentParser.add_argument` takes


@dataclass(frozen=True)
class Command:
    """A command by the name that people type."""

    name: str
    summary: str
    description: str
    options: tuple[Option, ...]
    run: Run
    reads_history: bool


COMMANDS: dict[str, Command] = {}


def option(*flags: str, **settings: Any) -> Option:
    """An argument of a command: the same words as `ArgumentParser.add_argument`."""
    return flags, settings


JSON = option("--json", action="store_true", help="one JSON value instead of tables; money is text, exact")


def command(name: str, summary: str, *options: Option, reads_history: bool = False) -> Callable[[Run], Run]:
    """Make a function a command. Its own errors become one sentence on standard error and an exit code.

    Called directly, it needs no argument that has a default. Every command gets `--json` as well.
    `reads_history`: it asks the site's database, so it needs the Django project.
    """

    def decorate(run: Run) -> Run:
        taken = (*options, JSON)
        optional = [each for each in taken if each[0][0].startswith("-")]
        defaults = vars(_filled(ArgumentParser(add_help=False), optional).parse_args([]))

        @wraps(run)
        def guarded(args: Namespace) -> int:
            return _guarded(run, Namespace(**{"called": f"telemetry {name}", **defaults, **vars(args)}))

        COMMANDS[name] = Command(name, summary, run.__doc__ or summary, taken, guarded, reads_history)
        return guarded

    return decorate


def add_commands(parser: ArgumentParser) -> None:
    """Let a parser understand every command; `run_parsed` then runs the one that was found."""
    found = parser.add_subparsers(
        dest="telemetry_command", metavar="command", required=True, parser_class=_Parser
    )
    for known in sorted(COMMANDS.values(), key=lambda command: command.name):
        description = known.description.split("\n\n")[0]
        added = found.add_parser(known.name, help=known.summary, description=description)
        _filled(added, known.options).set_defaults(called=added.prog.strip())


def run_parsed(args: Namespace) -> int:
    """Run the command that a parser found."""
    return COMMANDS[args.telemetry_command].run(args)


def run_words(words: Sequence[str], prog: str) -> int:
    """Parse the words of a command line and run what they say; the exit code."""
    parser = _Parser(prog=prog, description=ABOUT)
    add_commands(parser)
    try:
        args = parser.parse_args(words)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else FAILED
    return run_parsed(args)


def complain(called: str, sentence: object) -> None:
    """One sentence on standard error, after the words by which the command was called."""
    print(f"{called}: {one_line(sentence)}", file=sys.stderr)


# What options may say


def whole(least: int, most: int, unit: str = "") -> Callable[[str], int]:
    """For `type=`: a whole number within these."""

    def parse(text: str) -> int:
        # No number of thousands of digits is made: Python refuses, and the sentence would be its own.
        if text.isascii() and text.isdecimal() and len(text) <= 40 and least <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(f"must be a whole number of {least} to {most:,}{unit}, not {text!r}")

    return parse


days, whole_number = whole(1, MAX_DAYS, " days"), whole(1, 1_000_000)


class _Parser(ArgumentParser):
    """Complains in one sentence, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is."""
        refuse_words(self, message)


def refuse_words(parser: ArgumentParser, message: str) -> NoReturn:
    """End with one sentence of what is wrong with the words of a command line, and where help is."""
    parser.exit(MISUSED, f"{parser.prog}: {one_line(message)}; see {parser.prog} --help\n")


def _filled(parser: ArgumentParser, options: Sequence[Option]) -> ArgumentParser:
    for flags, settings in options:
        parser.add_argument(*flags, **settings)
    return parser


def _guarded(run: Run, args: Namespace) -> int:
    try:
        with suppress(AttributeError):
            # A terminal that cannot write a character gets its number instead.
            sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        code = run(args)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        _leave_standard_output()
        return NO_READER
    except KeyboardInterrupt:
        return INTERRUPTED
    except (HistoryUnavailable, ValueError) as error:
        complain(args.called, error)
        return MISUSED
    except (TelemetryError, OSError) as error:
        complain(args.called, error)
        _leave_standard_output()
        return FAILED


def _leave_standard_output() -> None:
    """What could not be written must not be tried again when the interpreter ends."""
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
