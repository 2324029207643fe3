"""What a provider billed for one call: tokens by kind, fees, service tier. One value for every provider."""

import math
import operator
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from ..values.numbers import shown

MAX_COUNT = 2**53  # every int up to it has a float and a JSON number of its own


# What is a part of which count; thoughts are of what is left of the output.
PART_OF = {
    "audio_input": "input",
    "image_input": "input",
    "video_input": "input",
    "audio_output": "output",
    "image_output": "output",
    "video_output": "output",
    "citations": "output",
    "audio_cache_read": "cache_read",
    "image_cache_read": "cache_read",
}


class Tokens(NamedTuple):
    """The four counts that every total has. `input` is neither read from a cache nor written to one."""

    input: int
    output: int
    cache_read: int
    cache_write: int


class Quantities(NamedTuple):
    """The billed quantities of a call. Nothing is counted twice among the first five; others are parts (PART_OF).

    `input` was neither read from a cache nor written to one. `cache_write` holds writes for five minutes and those
    whose lifetime nobody told. `output` includes thoughts. `cost` is what the provider itself said, in nano-dollars.
    `service_tier` and `speed` are '' for the standard. `incomplete` has a sentence for everything that was odd.
    """

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0
    citations: int = 0
    audio_input: int = 0
    image_input: int = 0
    video_input: int = 0
    audio_output: int = 0
    image_output: int = 0
    video_output: int = 0
    audio_cache_read: int = 0
    image_cache_read: int = 0
    web_searches: int = 0
    requests: int = 1
    batch: bool = False
    lifetimes_told: bool = False  # whether cache writes came split by lifetime
    service_tier: str = ""
    speed: str = ""
    geography: str = ""
    cost: int | None = None
    model: str = ""  # as the answer names it
    request_id: str = ""
    response_id: str = ""
    incomplete: tuple[str, ...] = ()

    @property
    def tokens(self) -> Tokens:
        """Its counts, whatever lifetime its cache writes have."""
        return Tokens(self.input, self.output, self.cache_read, self.cache_write + self.cache_write_1h)

    @property
    def whole_input(self) -> int:
        """The size of the prompt, with its cached part."""
        return self.input + self.cache_read + self.cache_write + self.cache_write_1h

    def to_dict(self) -> dict[str, Any]:
        """What differs from an empty call, ready for JSON."""
        said = {name: value for name, value in self._asdict().items() if value != _USUAL[name]}
        return {**said, "incomplete": list(self.incomplete)} if self.incomplete else said

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Quantities":
        """From what `to_dict` gave; unknown keys are passed over. ValueError names a field that is none of its kind."""
        said = {name: data[name] for name in _USUAL if name in data}
        for name, value in said.items():
            if not _is_like(value, _USUAL[name]):
                raise ValueError(f"{name} cannot be {shown(value)}")
        return cls(**said)._replace(incomplete=tuple(said.get("incomplete", ())))


_USUAL = Quantities()._asdict()


def fuller(held: Quantities, told: Quantities) -> Quantities:
    """Which of two tellings of one call holds: the one with more output tokens, of equals the later.

    A telling without the lifetimes of cache writes never takes away those that the other has.
    """
    kept, other = (told, held) if told.output >= held.output else (held, told)
    if kept.lifetimes_told or not other.lifetimes_told:
        return kept
    return kept._replace(
        cache_write=other.cache_write, cache_write_1h=other.cache_write_1h, lifetimes_told=True
    )


def _is_like(value: Any, usual: Any) -> bool:
    """Whether it can stand where `usual` does."""
    if isinstance(usual, tuple):
        return isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)
    if isinstance(usual, (bool, str)):
        return type(value) is type(usual)
    return (type(value) is int and 0 <= value <= MAX_COUNT) or (usual is None and value is None)


def told_count(value: object) -> tuple[int, str]:
    """A count as somebody told it, from 0 to 2**53, and what was odd about it, or ''.

    Whole floats, Decimals and digits in a text are counts. A fraction is cut off; what is no number counts 0.
    """
    if type(value) is int and 0 <= value <= MAX_COUNT:
        return value, ""
    number = _number(value)
    if number is None:
        return 0, "is None" if value is None else f"is no number but {type(value).__name__}"
    if not _is_finite(number):
        return 0, f"is {number}"
    if number < 0:
        return 0, f"is negative: {_short(value)}"
    if number > MAX_COUNT:  # asked before int(), which could take a long time
        return MAX_COUNT, f"is above {MAX_COUNT:,}"
    whole = int(number)
    return whole, "" if whole == number else f"is no whole number: {_short(value)}"


def _number(value: object) -> int | float | Decimal | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (float, Decimal)):
        return value
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() and len(value) <= 20 else None
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def _is_finite(number: int | float | Decimal) -> bool:
    if isinstance(number, Decimal):
        return number.is_finite()
    return isinstance(number, int) or math.isfinite(number)


def _short(value: object) -> str:
    text = str(value) if not isinstance(value, int) or abs(value) < 10**20 else "a huge number"
    return text[:40]
