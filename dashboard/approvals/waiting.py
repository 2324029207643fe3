"""What waits, as lists show it: a short account of each request, made once and kept while the request waits."""

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import islice

from core.errors import MalformedRecord
from core.history.approvals.alarms import is_altered
from core.history.search.words import lines_in, lines_of
from core.store.approvals import RequestRecord, read_deadlines, read_records
from core.store.client import Store
from core.values.approvals import PENDING
from core.values.secrets import masked_json
from core.values.text import plain
from dashboard.display.warnings import warnings_of

COMPARED_CHARACTERS = 4_000  # a longer context is looked at alone
TOLD_CHARACTERS = 64_000  # and of a yet longer one a line says its size alone
TOLD_VALUES = 400  # of which the telling ones are picked
COMPARED_VALUES = 40
COMPARED_LENGTH = 200  # of one value
SEARCHED_CHARACTERS = 8_000
FACTS, FACT_LENGTH = 4, 60
PATH, LONGEST_PATH = 39, 4_096  # characters of a path that a line has room for
# What a line says of a request, the first words first: never what its agent would like to be seen.
TELLING = (
    ("amount", "total", "price", "sum", "quantity", "count"),
    ("currency",),
    ("to", "recipient", "target", "iban", "account", "supplier", "customer", "contact", "email", "user", "role"),
    ("environment", "host", "server", "url", "service", "domain", "region"),
    ("table", "database", "bucket", "path", "file", "branch"),
    ("command", "cmd", "sql", "query", "script", "statement"),
)  # fmt: skip
# A list of one of these names is a command as a shell would take it; of the last two the program stands beside it.
ARGUMENTS = ("args", "arguments")
COMMANDS = ("command", "cmd", "argv", *ARGUMENTS)
PROGRAMS = ("command", "cmd", "program", "executable")

_WORDS = re.compile(r"[\W_]+|(?<=[a-z0-9])(?=[A-Z])")  # what stands between the words of a name

Value = tuple[str, str]  # the names that lead to it, and its text


@dataclass(frozen=True)
class QueuedRequest:
    """One request that waits. `shape` names its kind of text: '' for one that is looked at alone."""

    request_id: str
    approval_type: str
    agent_id: str
    requested_at: datetime
    deadline_at: datetime
    digest: str
    shape: str
    values: tuple[Value, ...]  # none where it is looked at alone
    facts: str
    size: int  # of its context, in bytes
    text: str  # that a search looks through, without secrets
    context: str  # where it can be compared
    warned: bool  # of letters that hide in it, or pose as others

    @classmethod
    def of(cls, record: RequestRecord) -> "QueuedRequest":
        """From the request as Redis holds it."""
        kind, agent = record.approval_type, record.agent_id
        text = record.context.decode()
        said = masked_json(text[:SEARCHED_CHARACTERS])
        # What somebody changed in Redis is not what was asked: its page says so, and a list says nothing of it.
        told = len(text) <= TOLD_CHARACTERS and not is_altered(record, None)
        lines = lines_in(said.text) if len(text) <= SEARCHED_CHARACTERS else lines_of(text)
        values = tuple(islice(lines, TOLD_VALUES)) if told else ()
        comparable = len(record.context) <= COMPARED_CHARACTERS and told
        warned = bool(warnings_of(kind, agent, said.text))
        comparable = comparable and not said.hidden and not warned
        comparable = comparable and len(values) <= COMPARED_VALUES
        comparable = comparable and len(dict(values)) == len(values)  # else one would stand for another
        comparable = comparable and all(len(text) <= COMPARED_LENGTH for _name, text in values)
        return cls(
            record.request_id,
            kind,
            agent,
            record.requested_at,
            record.deadline_at,
            record.digest,
            _shape(kind, agent, values) if comparable else "",
            values if comparable else (),
            facts_of(values),
            len(record.context),
            f"{kind} {agent} {said.text}".casefold(),
            said.text if comparable else "",
            warned,
        )


def facts_of(values: Iterable[Value]) -> str:
    """The values that tell most of a request, by fixed names; where it has none of these, by the alphabet."""
    found = dict(values)
    commands = _commands_in(found)
    ranked = [(len(TELLING) - 1, name, text) for name, text in commands.items()]
    ranked = sorted(ranked + [(_rank(name), name, text) for name, text in found.items()])
    parts = [plain(f"{name[:FACT_LENGTH]} {_short(text)}") for _rank_, name, text in ranked[:FACTS]]
    return " · ".join(parts)


def _commands_in(values: dict[str, str]) -> dict[str, str]:
    """The commands that stand in lists, each one text with the bounds of its arguments; taken out of the values."""
    lists: dict[str, list[str]] = {}
    for name in list(values):
        parent, _dot, number = name.rpartition(".")
        is_next = number == str(len(lists.get(parent, ())) + 1)
        if is_next and _WORDS.split(parent)[-1].casefold() in COMMANDS:
            lists.setdefault(parent, []).append(values.pop(name))
    commands = {}
    for name, said in lists.items():
        around, dot, last = name.rpartition(".")
        beside = [f"{around}{dot}{program}" for program in PROGRAMS] if last.casefold() in ARGUMENTS else []
        program = next((known for known in beside if known in values), None)
        if program is None:
            commands[name] = shlex.join(said)
        else:
            commands[program] = shlex.join([values.pop(program), *said])
    return commands


def _rank(name: str) -> int:
    words = {word.casefold() for word in _WORDS.split(name)}
    return next((place for place, group in enumerate(TELLING) if words & set(group)), len(TELLING))


def _short(text: str) -> str:
    if PATH < len(text) <= LONGEST_PATH and text[0] == "/" and not any(map(str.isspace, text)):
        return f"{text[: PATH // 3]}…{text[-2 * PATH // 3 :]}"  # the name of the file is at its end
    line = " ".join(text[: 4 * FACT_LENGTH].split())
    return line if len(line) <= FACT_LENGTH else f"{line[: FACT_LENGTH - 1]}…"


def _shape(kind: str, agent: str, values: tuple[Value, ...]) -> str:
    """What requests have in common that can be compared: kind, agent, and the names of their values."""
    names = sorted({name for name, _text in values})
    return sha256(repr((kind, agent, names)).encode(errors="backslashreplace")).hexdigest()[:16]


@dataclass(frozen=True)
class Waiting:
    """All that wait at a moment of Redis's clock, the first due first."""

    accounts: list[QueuedRequest]
    unreadable: int
    now: datetime


# A request never says anything else than it did. Its deadline may change: then it is read again.
_kept: dict[tuple[str, float], QueuedRequest | None] = {}


def read_waiting(store: Store) -> Waiting:
    """What waits: one round trip, and a second one for what this process has not read yet."""
    global _kept
    now, due = read_deadlines(store)
    missing = [id_ for id_, deadline in due.items() if (id_, deadline) not in _kept]
    read = dict(zip(missing, read_records(store, missing), strict=True)) if missing else {}
    kept: dict[tuple[str, float], QueuedRequest | None] = {}
    for place in due.items():
        account = _kept[place] if place in _kept else _account(read.get(place[0]))
        if account is not None or isinstance(read.get(place[0]), MalformedRecord):
            kept[place] = account
    unreadable = sum(account is None for account in kept.values())
    _kept = kept
    waits = (account for account in kept.values() if account is not None and account.deadline_at > now)
    return Waiting(sorted(waits, key=urgency), unreadable, now)


def urgency(account: QueuedRequest) -> tuple[datetime, str]:
    """What is to be answered first stands first."""
    return account.deadline_at, account.request_id


def _account(record: RequestRecord | MalformedRecord | None) -> QueuedRequest | None:
    return (
        QueuedRequest.of(record) if isinstance(record, RequestRecord) and record.status == PENDING else None
    )
