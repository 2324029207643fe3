"""One call of a language model: checked when it is told, one line in a spool, one JSON object when shipped.

`Call` describes each field once. From there come what is checked when a call comes back, the row in SQL, the forms in
which callers and exports see it, and, for tokens, the totals. A new field is an annotation there, with what it is in
older calls as its default; a column of `LLMCall`, for tokens also of `UsageHour`; and an argument of `track_llm_call`
that `words_of` or `numbers_of` writes into the line.
"""

import json
import math
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from enum import Enum
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import Annotated, Any, get_type_hints

from ..store.usage import MAX_AMOUNT
from ..values.json import loads_strictly
from ..values.names import checked_name
from ..values.numbers import shown
from .money import NANO, dollars
from .pricing import PriceBook, Tokens

MAX_COST = 10_000 * NANO
MAX_TOKENS = 10_000_000
MAX_DURATION_MS = 10**10
TOKEN_KEYS = {"input", "output"}
MAX_US = 7_258_118_400_000_000 - 1  # until the year 2200
USER_DIGITS = 64
ITSELF = "="
_TOKENS_OF = attrgetter(*Tokens._fields)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def checked_flag(value: object, argument: str) -> bool:
    """True or False; anything else is a ValueError, since "false" would count as true."""
    if not isinstance(value, bool):
        raise ValueError(f"{argument} must be True or False, not {shown(value)}")
    return value


def lower_name(value: object, argument: str) -> str:
    """A name in lower case, checked again: a few letters become longer with it."""
    return checked_name(checked_name(value, argument).lower(), argument)


def _optional_name(value: object, argument: str) -> str:
    return "" if value is None or value == "" else checked_name(value, argument)


def _whole(most: int) -> Callable[[object, str], int]:
    def check(value: object, name: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            raise ValueError(f"{name} is {value!r}")
        return value

    return check


_amount = _whole(MAX_AMOUNT)


def _price(value: object, name: str) -> int | None:
    return None if value is None else _amount(value, name)


def _finite(value: object, name: str) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not math.isfinite(value)
        or value < 0
    ):
        raise ValueError(f"{name} is {value!r}")
    return value


def _user(value: object, name: str) -> str:
    if not isinstance(value, str) or len(value) not in (0, USER_DIGITS) or value.strip("0123456789abcdef"):
        raise ValueError(f"{name} is no digest")
    return value


# The description


def _same(value: Any) -> Any:
    return value


def _or_none(value: str) -> str | None:
    return value or None


def _moment(us: int) -> datetime:
    return _EPOCH + us * _MICROSECOND


@dataclass(frozen=True)
class Kind:
    """How values are checked when they come back, seen by callers, and put into a row of SQL and taken from it."""

    check: Callable[[Any, str], Any]
    seen: Callable[[Any], Any] = _same
    to_row: Callable[[Any], Any] = _same
    of_row: Callable[[Any], Any] = _same


NAME = Kind(checked_name)
LOWER = Kind(lower_name)  # former versions kept it as it was told
WORD = Kind(_optional_name, seen=_or_none)
USER = Kind(_user, seen=_or_none)
FLAG = Kind(checked_flag)
TRUE = Kind(lambda value, _name: value is True)
TOKENS = Kind(_whole(MAX_TOKENS))
MONEY = Kind(_whole(MAX_COST), seen=dollars)
PRICE = Kind(_price, seen=lambda nano: None if nano is None else dollars(nano))
SPAN = Kind(_finite)
TIME = Kind(
    _whole(MAX_US),
    seen=lambda us: _moment(us).isoformat(),
    to_row=_moment,
    of_row=lambda at: (at - _EPOCH) // _MICROSECOND,
)


@dataclass(frozen=True)
class Field:
    """Where a field stands: in SQL as `column`, in an export as `exported`, and in JSON in the object `group`.

    Unless said, the column has the field's own name, that of spools and Redis, and an export that of the column.
    '' means not there; what has no column is told to the spool alone.
    """

    kind: Kind
    column: str = ITSELF
    exported: str = ITSELF
    group: str = ""

    @cached_property
    def key(self) -> str:
        """Its name within the group: `input` for `input_tokens` in `tokens`."""
        return self.exported.removeprefix(f"{self.group}_").removesuffix(f"_{self.group}")

    def named(self, name: str) -> "Field":
        """The same with all of its names."""
        column = name if self.column == ITSELF else self.column
        return replace(self, column=column, exported=column if self.exported == ITSELF else self.exported)


@dataclass(kw_only=True)
class Call:
    """What is kept of a call. `cost` is in nano-dollars, `us` the time in microseconds by the clock of whoever made it.

    `input` counts tokens that were neither read from a cache nor written to one. `hit` means that an answer
    came from a cache of the caller's own and no provider was asked. `given` says that the caller named the call.
    What it is worth in nano-dollars is known once it is priced (`Prices`). The order is that of exports.
    """

    call_id: Annotated[str, Field(NAME)]
    us: Annotated[int, Field(TIME, column="at", exported="ts")]
    workflow: Annotated[str, Field(NAME)]
    stage: Annotated[str, Field(WORD)]
    tier: Annotated[str, Field(NAME)]
    model: Annotated[str, Field(NAME)]
    provider: Annotated[str, Field(LOWER)]
    agent_id: Annotated[str, Field(WORD)]
    cost: Annotated[int, Field(MONEY, column="cost_nano", exported="cost")]
    input: Annotated[int, Field(TOKENS, column="input_tokens", group="tokens")]
    output: Annotated[int, Field(TOKENS, column="output_tokens", group="tokens")]
    hit: Annotated[bool, Field(FLAG, column="cache_hit", group="cache")]
    cache_type: Annotated[str, Field(WORD, group="cache")]
    prompt_hit: Annotated[bool, Field(FLAG, column="prompt_cache_hit", group="prompt_cache")]
    cache_write: Annotated[
        int, Field(TOKENS, "cache_write_tokens", "prompt_cache_creation_tokens", "prompt_cache")
    ]
    cache_read: Annotated[int, Field(TOKENS, "cache_read_tokens", "prompt_cache_read_tokens", "prompt_cache")]
    duration_ms: Annotated[float, Field(SPAN)]
    user: Annotated[str, Field(USER, exported="user_id")]
    book: Annotated[int | None, Field(PRICE, column="book_nano", exported="book_cost")] = None
    uncached: Annotated[int | None, Field(PRICE, column="uncached_nano", exported="")] = None
    baseline: Annotated[int | None, Field(PRICE, column="baseline_nano", exported="baseline_cost")] = None
    given: Annotated[bool, Field(TRUE, column="")] = True

    @property
    def tokens(self) -> Tokens:
        """The tokens by what they cost."""
        return Tokens._make(_TOKENS_OF(self))

    @property
    def at(self) -> datetime:
        """When it was made."""
        return _moment(self.us)

    @property
    def answered_locally(self) -> bool:
        """Whether the provider was never asked, so that the book says nothing was to pay."""
        return self.hit and not (self.prompt_hit or self.cache_read or self.cache_write)

    @property
    def read_a_prompt_cache(self) -> bool:
        """Whether the provider found a part of the prompt in its cache."""
        return self.prompt_hit or self.cache_read > 0

    def price(self, book: PriceBook) -> None:
        """Set what it is worth by this book."""
        prices = book.prices(self.provider, self.model, self.tokens, self.at)
        self.book, self.uncached, self.baseline = prices


FIELDS: dict[str, Field] = {
    name: hint.__metadata__[0].named(name) for name, hint in get_type_hints(Call, include_extras=True).items()
}
COLUMNS: dict[str, str] = {name: field.column for name, field in FIELDS.items() if field.column}
_SHIPPED_OF = attrgetter(*COLUMNS)
_EXPORTED = [(name, field) for name, field in FIELDS.items() if field.exported]
EXPORTED = tuple(field.exported for _name, field in _EXPORTED)
_CHECKS = [(name, field.kind.check) for name, field in FIELDS.items()]
_REQUIRED = [field.name for field in fields(Call) if field.default is MISSING]


def parse_call(text: bytes | str) -> Call:
    """A call from its line or from what was shipped; ValueError when it is not one."""
    data = loads_strictly(text)
    if not isinstance(data, dict):
        raise ValueError("a call is no JSON object")
    for name in _REQUIRED:
        if name not in data:
            raise ValueError(f"{name} is missing")
    try:
        return Call(**{name: check(data[name], name) for name, check in _CHECKS if name in data})
    except TypeError as error:
        raise ValueError(str(error)) from error


def shipped_text(call: Call) -> str:
    """A call as Redis and the recorder get it."""
    return _ENCODE(dict(zip(COLUMNS, _SHIPPED_OF(call), strict=True)))


def row_of(call: Call) -> dict[str, Any]:
    """A call as its columns in SQL."""
    return {column: FIELDS[name].kind.to_row(getattr(call, name)) for name, column in COLUMNS.items()}


def call_of(row: object) -> Call:
    """The call in a row of SQL, which has its columns as attributes."""
    return Call(**{name: FIELDS[name].kind.of_row(getattr(row, column)) for name, column in COLUMNS.items()})


def flat_entry(call: Call) -> list[Any]:
    """A call as a row of a table under the heads EXPORTED: money as Decimal dollars, the time as ISO 8601."""
    return [field.kind.seen(getattr(call, name)) for name, field in _EXPORTED]


def plain_entry(call: Call) -> dict[str, Any]:
    """The same as callers see it: under its names, those of a group in a dict of their own."""
    entry: dict[str, Any] = {}
    for (_name, field), value in zip(_EXPORTED, flat_entry(call), strict=True):
        within = entry.setdefault(field.group, {}) if field.group else entry
        within[field.key] = value
    return entry


# What callers say


def nano_dollars(cost: object) -> int:
    """A cost in dollars as nano-dollars: finite, 0 to 10,000; else ValueError naming it."""
    if isinstance(cost, bool) or not isinstance(cost, (int, float, Decimal)):
        raise ValueError(f"cost must be a number of dollars, not {shown(cost)}")
    try:
        # repr, not the float's binary value: 0.1 means a tenth of a dollar.
        exact = Decimal(repr(float(cost))) if isinstance(cost, float) else Decimal(cost)
        if not (exact.is_finite() and 0 <= exact <= 10_000):
            raise ValueError("out of range")
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise ValueError(f"cost must be finite and 0 to 10,000 dollars, not {shown(cost)}") from error
    return int((exact * NANO).to_integral_value(ROUND_HALF_EVEN))


def token_count(value: object, argument: str) -> int:
    """A count of tokens: an int of 0 to 10,000,000, else ValueError naming it."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_TOKENS:
        raise ValueError(f"{argument} must be an int of 0 to {MAX_TOKENS:,}, not {shown(value)}")
    return value


def checked_duration(value: object) -> int | float:
    """Milliseconds: finite. A negative one is 0: the clock was set back meanwhile, and the call was made."""
    number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    if number is None or not -MAX_DURATION_MS <= number <= MAX_DURATION_MS:
        raise ValueError(f"duration_ms must be a number of 0 to {MAX_DURATION_MS:,}, not {shown(value)}")
    return max(0, number) if isinstance(number, int) else max(0.0, float(number))


def split_input(told: dict[str, Any], cache_read: int, cache_write: int, inside: bool) -> tuple[int, int]:
    """Uncached input and output; `inside` when `input` counts the cached tokens too."""
    if not isinstance(told, dict) or told.keys() != TOKEN_KEYS:
        # Under another name they would count as none, and what the call saved would be made up.
        raise ValueError(f"tokens must be a dict with the keys 'input' and 'output' alone, not {shown(told)}")
    whole, answer = token_count(told["input"], "tokens['input']"), told["output"]
    if inside:
        if whole < cache_read + cache_write:
            raise ValueError("tokens['input'] is less than the cached tokens that it is said to include")
        whole -= cache_read + cache_write
    return whole, token_count(answer, "tokens['output']")


def numbers_of(
    cost: object,
    tokens: dict[str, Any],
    cached: tuple[object, object],
    cached_in_input: object,
    hit: object,
    prompt_hit: object,
    duration_ms: object,
) -> str:
    """The numbers of a call, checked, as a part of its line; `cached` are tokens read and written."""
    read = token_count(cached[0], "prompt_cache_read_tokens")
    write = token_count(cached[1], "prompt_cache_creation_tokens")
    inside = checked_flag(cached_in_input, "cached_tokens_in_input")
    asked, answered = split_input(tokens, read, write, inside)
    return (
        f'"cost":{nano_dollars(cost)},"input":{asked},"output":{answered},'
        f'"cache_read":{read},"cache_write":{write},'
        f'"hit":{"true" if checked_flag(hit, "cache_hit") else "false"},'
        f'"prompt_hit":{"true" if checked_flag(prompt_hit, "prompt_cache_hit") else "false"},'
        f'"duration_ms":{checked_duration(duration_ms)!r}'
    )


@lru_cache(maxsize=4096, typed=True)
def words_of(
    workflow: str,
    stage: str | None,
    tier: str,
    model: str,
    provider: str,
    cache_type: str | None,
    agent_id: str | None,
) -> str:
    """The words of a call, checked, as a part of its line. The same few come again and again."""
    said = {
        "workflow": checked_name(workflow, "workflow"),
        "stage": _optional_name(stage, "stage"),
        "tier": checked_tier(tier),
        "model": checked_name(model, "model"),
        "provider": lower_name(provider, "provider"),
        "cache_type": _optional_name(cache_type, "cache_type"),
        "agent_id": _optional_name(agent_id, "agent_id"),
    }
    return json.dumps(said, separators=(",", ":"))[1:-1]


def checked_tier(tier: object) -> str:
    """A tier in any case, or a member of an enum whose value is one, in lower case."""
    return lower_name(tier.value if isinstance(tier, Enum) else tier, "tier")
