"""What a provider billed for one call: tokens by kind, fees, service tier. One value for every provider."""

import math
import operator
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

MAX_COUNT = 2**53  # every int up to it has a float and a JSON number of its own


class Tokens(NamedTuple):
    """The four counts that every total has. `input` is neither read from a cache nor written to one."""

    input: int
    output: int
    cache_read: int
    cache_write: int


class Quantities(NamedTuple):
    """The billed quantities of a call. Nothing is counted twice among the first five; the rest are parts of them.

    `input` was neither read from a cache nor written to one. `cache_write` holds writes for five minutes and those
    whose lifetime nobody told. `output` includes thoughts. `cost` is what the provider itself said, in nano-dollars.
    `service_tier` and `speed` are '' for the standard. `incomplete` has a sentence for everything that was odd.
    """

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0  # of the output, as all ..._output
    citations: int = 0  # of the output
    audio_input: int = 0  # of the input, as all ..._input
    image_input: int = 0
    video_input: int = 0
    audio_output: int = 0
    image_output: int = 0
    video_output: int = 0
    audio_cache_read: int = 0  # of what was read from a cache
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
        checked: dict[str, Any] = {
            name: check(data[name], name) for name, check in _CHECKS.items() if name in data
        }
        return cls(**checked)


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


def _as_count(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_COUNT:
        raise ValueError(f"{name} must be an int of 0 to {MAX_COUNT:,}")
    return value


def _as_flag(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be a bool")
    return value


def _as_text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a str")
    return value


def _as_cost(value: Any, name: str) -> int | None:
    return None if value is None else _as_count(value, name)


def _as_sentences(value: Any, name: str) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{name} must be a list of str")
    return tuple(_as_text(item, name) for item in value)


_BY_TYPE = {int: _as_count, bool: _as_flag, str: _as_text, type(None): _as_cost, tuple: _as_sentences}
_CHECKS = {name: _BY_TYPE[type(usual)] for name, usual in _USUAL.items()}


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
