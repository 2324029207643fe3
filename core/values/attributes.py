"""What an object holds, as a mapping: what SDKs return as classes of their own, and JSON as dicts."""

from collections.abc import Mapping
from typing import Any


def as_mapping(said: object) -> Mapping[str, Any] | None:
    """A mapping of what an object holds: pydantic, dataclasses, attributes of any kind; None for all else."""
    if isinstance(said, dict):  # asked first: of an abstract class it takes ten times as long
        return said
    if said is None or isinstance(said, (str, bytes, int, float, list, tuple, type)):
        return None
    if isinstance(said, Mapping):
        return said
    try:
        return _dumped(said) or _attributes(said)
    except Exception:  # an SDK's own trouble must not become the agent's
        return None


def _dumped(said: object) -> Mapping[str, Any] | None:
    dump = getattr(said, "model_dump", None)
    dumped = dump() if callable(dump) else None
    return dumped if isinstance(dumped, Mapping) else None


def _attributes(said: object) -> dict[str, Any]:
    held = {name: value for name, value in getattr(said, "__dict__", {}).items() if not name.startswith("_")}
    # Objects with slots and protocol buffers have none.
    return held or {name: getattr(said, name, None) for name in dir(said) if not name.startswith("_")}


def child(node: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """What the first of these names holds that holds anything; {} where none does."""
    for name in names:
        if (found := as_mapping(node.get(name))) is not None:
            return found
    return {}


def text_of(node: Mapping[str, Any], *names: str) -> str:
    """The first text under these names; '' where there is none."""
    for name in names:
        if (said := node.get(name)) is not None and (text := plain_text(said)):
            return text
    return ""


def plain_text(value: object) -> str:
    """A text or an Enum of one, cut off after 200 characters; '' for all else."""
    if type(value) is not str:
        value = getattr(value, "value", value)  # of an Enum
    return value[:200] if isinstance(value, str) else ""
