"""The Lua scripts, each loaded once, and the commands that run them.

A command is a value without a connection: a function of `Keys` and values builds it, and whoever has a connection
runs it. So it is built alike for a single attempt, for one that is repeated, and for any kind of connection.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from ..errors import StoreUnavailable
from ..values import approvals as words
from . import keys as key_rules

_FOLDER = Path(__file__).parent / "lua"

Argument = str | bytes | int | float
Result = TypeVar("Result")


@dataclass(frozen=True)
class Script:
    """A script's text and the sha by which a server knows it."""

    name: str
    text: str
    sha: str


class Command(NamedTuple, Generic[Result]):
    """One run of a script: what it touches, what it is told, and what its reply means."""

    script: Script
    keys: Sequence[str]
    args: Sequence[Argument]
    parse: Callable[[Any], Result]

    @property
    def call(self) -> list[Argument]:
        """What runs it on a server that knows the script."""
        return ["EVALSHA", self.script.sha, len(self.keys), *self.keys, *self.args]


def refuse_errors(what: str, *replies: object) -> None:
    """StoreUnavailable, which names what was read, where one of the replies to several commands is an error."""
    for reply in replies:
        if isinstance(reply, Exception):
            raise StoreUnavailable(f"{what} cannot be read: {reply}") from reply


def as_it_is(reply: Any) -> Any:
    """For scripts whose reply needs no reading."""
    return reply


def nothing(_reply: object) -> None:
    """For scripts that have nothing to tell."""


def _constant(found: re.Match[str]) -> str:
    # A lifetime or length of keys, or a word of approvals; no name is in both.
    value = vars(words).get(found[1])
    return str(getattr(key_rules, found[1]) if value is None else value)


def _load(name: str) -> Script:
    text = (_FOLDER / "prelude.lua").read_text() + (_FOLDER / f"{name}.lua").read_text()
    text = re.sub(r"@(\w+)@", _constant, text)
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


SCRIPTS = {
    name: _load(name)
    for name in sorted(f"{file.parent.name}/{file.stem}" for file in _FOLDER.glob("*/*.lua"))
}
