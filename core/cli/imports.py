"""The command import: calls from transcripts, spend logs and exports into the record, each once."""

import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TextIO

from ..usage.call import Call
from ..usage.history import history
from ..values.malformed import ODD
from ..values.text import one_line
from .commands import DONE, command, option
from .sources import FORMATS, Record, format_of, records
from .tables import number, print_facts, print_json

TOLD = 5  # so many bad lines are said one by one


@dataclass
class _Reading:
    """What was found in the files so far."""

    form: str
    calls: int = 0
    others: int = 0
    bad: int = 0
    forms: set[str] = field(default_factory=set)

    def of_files(self, names: list[str]) -> Iterator[Call]:
        for name in names:
            if name == "-":
                yield from self._of_file("standard input", sys.stdin)
                continue
            with open(name, encoding="utf-8", errors="replace", newline="") as file:
                yield from self._of_file(name, file)

    def _of_file(self, name: str, file: TextIO) -> Iterator[Call]:
        def bad(error: Exception) -> None:
            self.bad += 1
            if self.bad <= TOLD:
                said = f"{error.args[0]} is missing" if isinstance(error, KeyError) else error
                print(one_line(f"{name}: a line cannot be read: {said}"), file=sys.stderr)

        form = self.form
        for record in records(file, bad):
            try:
                form = form or format_of(record)
                call = self._call(form, record)
            except ODD as error:
                bad(error)
                continue
            if call is None:
                self.others += 1
            else:
                self.calls += 1
                yield call

    def _call(self, form: str, record: Record) -> Call | None:
        self.forms.add(form)
        return FORMATS[form](record)


@command(
    "import",
    "calls from transcripts, spend logs and exports into the record",
    option("files", nargs="+", metavar="FILE", help="one or more; - is standard input"),
    option("--format", choices=tuple(FORMATS), help="by default what the first line of a file looks like"),
    reads_history=True,
)
def cmd_telemetry_import(args: Namespace) -> int:
    """Calls that others wrote down, each once however often this is run. Bad lines are counted and left out."""
    past, reading = history("import"), _Reading(args.format or "")
    taken = past.take(reading.of_files(args.files))
    said = {
        "calls": reading.calls,
        "new": taken.new,
        "corrected": taken.corrected,
        "known": taken.read - taken.new - taken.corrected - taken.too_old,
        "too_old": taken.too_old,
        "not_calls": reading.others,
        "bad_lines": reading.bad,
    }
    if args.json:
        print_json({"formats": sorted(reading.forms), **said})
        return DONE
    counts = [(name.replace("_", " "), number(count)) for name, count in said.items()]
    print_facts(f"Imported: {', '.join(sorted(reading.forms)) or 'nothing'}", counts)
    return DONE
