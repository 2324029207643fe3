"""The chain itself, without a database: what an entry says, its hash, and whether one follows another."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from core.values.json import once

START = "0" * 64  # the previous hash of entry 1
END = 2**62  # no record gets there: a number from here on is none of ours
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical(value: dict[str, Any]) -> str:
    """JSON with sorted keys and no spaces: the one text that stands for these values."""
    return _ENCODER.encode(value)


def span(first: int, last: int) -> str:
    """These entries in words."""
    return f"#{first} is" if first == last else f"#{first} to #{last} are"


@dataclass(frozen=True, slots=True)
class Link:
    """One entry as plain values: `at` is UTC in ISO 8601, `details` the JSON text that was hashed."""

    sequence: int
    event_id: str
    kind: str
    at: str
    actor: str
    agent_id: str
    request_id: str | None
    details: str
    previous_hash: str
    hash: str

    def computed_hash(self) -> str:
        """SHA-256, hex, over the canonical JSON of all fields but the hash itself. TypeError for a blob."""
        said = {name: getattr(self, name) for name in _HASHED}
        return hashlib.sha256(canonical(said).encode()).hexdigest()

    def line(self) -> str:
        """The entry as one line of JSON, with everything that is needed to verify it; no text is hexadecimal."""
        said = asdict(self)
        try:
            text = canonical(said)
            text.encode()
        except (TypeError, UnicodeEncodeError):
            text = canonical({name: _carried(value) for name, value in said.items()})
        return text + "\n"

    @classmethod
    def of_line(cls, text: str) -> "Link":
        """The entry of such a line; ValueError when it is none."""
        said = json.loads(text, object_pairs_hook=once)
        names = {field.name for field in fields(cls)}
        if not isinstance(said, dict) or set(said) != names:
            raise ValueError("the line is no audit entry")
        if type(said["sequence"]) is not int:
            raise ValueError("sequence is no whole number")
        return cls(**said)


_HASHED = tuple(field.name for field in fields(Link) if field.name != "hash")


def _carried(value: object) -> object:
    """Damage in a form that JSON can hold, and that no entry has ever had."""
    if isinstance(value, str):
        raw = value.encode(errors="surrogateescape")
        return value if raw.decode(errors="replace") == value else {"hex": raw.hex()}
    return {"hex": value.hex()} if isinstance(value, bytes) else value


class ChainWalk:
    """Follows entries in their order and says what is wrong with each.

    `selection`: entries may be missing between those that are there, as in an export of one kind.
    """

    def __init__(self, *, selection: bool = False) -> None:
        self.count = 0
        self.first = 0
        self.sequence = 0
        self.hash = START
        self._selection = selection

    def begin_at(self, link: Link) -> None:
        """Begin in the middle: what came before this entry is not asked for."""
        self.sequence, self.hash = link.sequence - 1, link.previous_hash

    def take(self, link: Link) -> str:
        """Take the next entry; returns what is wrong with it in words, or nothing."""
        wrong = self._wrong(link)
        self.first = self.first or link.sequence
        self.count += 1
        self.sequence, self.hash = link.sequence, link.hash
        return wrong

    def _wrong(self, link: Link) -> str:
        expected = self.sequence + 1
        name = f"entry #{link.sequence}"
        if link.sequence < expected:
            return f"{name} stands after #{self.sequence}: it is out of order or there twice"
        try:
            if link.hash != link.computed_hash():
                return f"{name} was changed: its hash is not that of what it says"
        except UnicodeEncodeError:
            return f"{name} cannot be read: it holds text that is not UTF-8"
        except TypeError as error:
            return f"{name} cannot be read: {error}"
        if link.sequence > expected:
            return "" if self._selection else f"{span(expected, link.sequence - 1)} missing before {name}"
        if link.previous_hash != self.hash:
            return f"{name} does not continue #{self.sequence}: it holds another previous hash"
        return ""
