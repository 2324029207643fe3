"""What is added to somebody else's settings, and taken away again: JSON by its values, TOML by a block of text."""

import json
import re
import tomllib
from typing import Any, NamedTuple, Protocol

BEGIN, END = "# agent-telemetry: begin", "# agent-telemetry: end"


class UnreadableSettings(ValueError):
    """The file is none that this can be added to; the message says why."""


class Addition(Protocol):
    """Something that is added to the text of a file."""

    def added(self, text: str) -> str:
        """The text with it, the same where it is there already. UnreadableSettings where that cannot be."""

    def removed(self, text: str) -> str:
        """The text without it: what somebody changed meanwhile stays."""

    def beyond(self, text: str) -> "Addition":
        """What of it is not in the text already: that is somebody else's, and not to be taken away."""

    def kept(self) -> Any:
        """It as JSON."""


class InJson(NamedTuple):
    """Values of an object: what is in a list is put at its end, and what somebody set already stays as it is."""

    values: dict[str, Any]

    def added(self, text: str) -> str:
        """Keys stay in their order, and the indent is that of the file."""
        document = _object(text)
        return _written(_merged(document, self.values), text)

    def removed(self, text: str) -> str:
        """Without those values that are as they were written; objects and lists that this leaves empty go too."""
        return _written(_without(_object(text), self.values) or {}, text)

    def beyond(self, text: str) -> Addition:
        """What of it is not in the text already."""
        return InJson(_beyond(_object(text), self.values) or {})

    def kept(self) -> Any:
        """It as JSON."""
        return {"json": self.values}


class InToml(NamedTuple):
    """Tables at the end of the file, between two comments. `unless`: parts that give way to a table of that name."""

    parts: tuple[tuple[str, str], ...]

    def added(self, text: str) -> str:
        """Everything else of the file stays as it is, comments too."""
        before = self.removed(text)
        known = _tables(before)
        block = "\n".join(part for name, part in self.parts if not name or name not in known)
        gap = "\n" if before and not before.endswith("\n") else ""
        whole = f"{before}{gap}{BEGIN}\n{block}\n{END}\n"
        _tables(whole)
        return whole

    def removed(self, text: str) -> str:
        """Without the block."""
        return re.sub(rf"(?ms)^{re.escape(BEGIN)}\n.*?^{re.escape(END)}\n?", "", text)

    def beyond(self, text: str) -> Addition:
        """All of it: the block is ours."""
        return self

    def kept(self) -> Any:
        """It as JSON."""
        return {"toml": [list(part) for part in self.parts]}


def addition_of(kept: Any) -> Addition:
    """What `kept` gave."""
    if "json" in kept:
        return InJson(kept["json"])
    return InToml(tuple((name, part) for name, part in kept["toml"]))


def _object(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise UnreadableSettings(f"it is no plain JSON ({error}); comments cannot be kept") from error
    if not isinstance(document, dict):
        raise UnreadableSettings("it is no JSON object")
    return document


def _tables(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UnreadableSettings(f"it would be no TOML: {error}") from error


def _written(document: dict[str, Any], before: str) -> str:
    found = re.search(r"\n([ \t]+)\S", before)
    indent: str | int = found[1] if found else 2
    said = json.dumps(document, indent=indent, ensure_ascii=False)
    return said + ("\n" if before.endswith("\n") or not before else "")


def _merged(value: Any, more: Any) -> Any:
    if isinstance(value, dict) and isinstance(more, dict):
        return value | {
            name: _merged(value[name], said) if name in value else said for name, said in more.items()
        }
    if isinstance(value, list) and isinstance(more, list):
        return [*value, *(said for said in more if said not in value)]
    if isinstance(more, (dict, list)):
        raise UnreadableSettings("something else stands where its hooks belong")
    return value


def _beyond(value: Any, more: Any) -> Any:
    if isinstance(value, dict) and isinstance(more, dict):
        found = {name: _beyond(value[name], said) if name in value else said for name, said in more.items()}
        return {name: said for name, said in found.items() if said is not None} or None
    if isinstance(value, list) and isinstance(more, list):
        return [said for said in more if said not in value] or None
    return None


def _without(value: Any, more: Any) -> Any:
    if isinstance(value, dict) and isinstance(more, dict):
        left = {}
        for name, said in value.items():
            rest = _without(said, more[name]) if name in more else said
            if rest is not None:
                left[name] = rest
        return left or (None if more and value else value)
    if isinstance(value, list) and isinstance(more, list):
        return [said for said in value if said not in more] or None
    return None if value == more else value
