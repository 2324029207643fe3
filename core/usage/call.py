"""One call of a language model: checked when it is told, one line in a spool, one JSON object when shipped.

`Call` describes each field once. From there come what is checked when a call comes back, the row in SQL, the forms in
which callers and exports see it, and, for tokens, the totals. A new field is an annotation there, with what it is in
older calls as its default; a column of `LLMCall`, for tokens also of `UsageHour`; and what writes it into the line
(`telling.py`). What a provider bills besides is in `details`, under the names of `Quantities`.
"""

import math
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from operator import attrgetter
from typing import Annotated, Any, get_type_hints

from ..store.usage import MAX_AMOUNT
from ..values.json import json_bytes, loads_strictly
from ..values.names import checked_name, optional_name
from ..values.numbers import shown
from .money import dollars
from .pricing import PriceBook, Prices
from .quantities import MAX_COUNT, Quantities, Tokens
from .valuation import unpriced, value

TOLD, BY_PROVIDER, BY_BOOK, UNKNOWN = "told", "provider", "book", ""  # whose the cost of a call is
MAX_TEXT = 1_000
MAX_TELLINGS = 2**31 - 1
MAX_US = 7_258_118_400_000_000 - 1  # until the year 2200
USER_DIGITS = 64
ITSELF = "="
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def checked_flag(value: object, argument: str) -> bool:
    """True or False; anything else is a ValueError, since "false" would count as true."""
    if not isinstance(value, bool):
        raise ValueError(f"{argument} must be True or False, not {shown(value)}")
    return value


def lower_name(value: object, argument: str) -> str:
    """A name in lower case, checked again: a few letters become longer with it."""
    return checked_name(checked_name(value, argument).lower(), argument)


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


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT or "\x00" in value:
        raise ValueError(f"{name} is no text of at most {MAX_TEXT:,} characters")
    return value


def _source(value: object, name: str) -> str:
    if value not in (TOLD, BY_PROVIDER, BY_BOOK, UNKNOWN):
        raise ValueError(f"{name} is {value!r}")
    return str(value)


def _details(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} is no object")
    if not value:
        return {}
    details = details_of(Quantities.from_dict(value))
    for key, said in details.items():
        if isinstance(said, str):
            _text(said, f"{name} {key}")
    return details


def _or_none(value: str) -> str | None:
    return value or None


def _moment(us: int) -> datetime:
    return _EPOCH + us * _MICROSECOND


@dataclass(frozen=True)
class FieldKind:
    """How values are checked when they come back, and seen by callers."""

    check: Callable[[Any, str], Any]
    seen: Callable[[Any], Any] = lambda value: value


NAME = FieldKind(checked_name)
LOWER = FieldKind(lower_name)  # former versions kept it as it was told
WORD = FieldKind(optional_name, seen=_or_none)
USER = FieldKind(_user, seen=_or_none)
FLAG = FieldKind(checked_flag)
TRUE = FieldKind(lambda value, _name: value is True)
TOKENS = FieldKind(_whole(MAX_COUNT))
PART = FieldKind(_whole(MAX_COUNT))  # of tokens that are counted already, or a fee
TELLINGS = FieldKind(_whole(MAX_TELLINGS))
TEXT = FieldKind(_text, seen=_or_none)
SOURCE = FieldKind(_source, seen=_or_none)
DETAILS = FieldKind(_details, seen=lambda said: said or None)
MONEY = FieldKind(_amount, seen=dollars)
PRICE = FieldKind(_price, seen=lambda nano: None if nano is None else dollars(nano))
SPAN = FieldKind(_finite)
TIME = FieldKind(_whole(MAX_US), seen=lambda us: _moment(us).isoformat())


@dataclass(frozen=True)
class Field:
    """Where a field stands: in SQL as `column`, in an export as `exported`, and in JSON in the object `group`.

    Unless said, the column has the field's own name, that of spools and Redis, and an export that of the column.
    '' means not there; what has no column is told to the spool alone.
    """

    kind: FieldKind
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
    What it is worth in nano-dollars is known once it is priced (`Prices`). `corrected`: the caller said that this
    holds though it be less than what was told. `tellings` counts the different ones that stood. The order is that of
    exports.
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
    cache_write_1h: Annotated[int, Field(PART, column="cache_write_1h_tokens")] = 0
    reasoning: Annotated[int, Field(PART, column="reasoning_tokens")] = 0
    web_searches: Annotated[int, Field(PART)] = 0
    service_tier: Annotated[str, Field(WORD)] = ""
    batch: Annotated[bool, Field(FLAG)] = False
    request_id: Annotated[str, Field(WORD)] = ""
    cost_source: Annotated[str, Field(SOURCE)] = TOLD
    incomplete: Annotated[str, Field(TEXT)] = ""
    notes: Annotated[str, Field(TEXT)] = ""
    corrected: Annotated[bool, Field(FLAG)] = False
    tellings: Annotated[int, Field(TELLINGS)] = 1
    details: Annotated[dict[str, Any], Field(DETAILS)] = field(default_factory=dict)
    given: Annotated[bool, Field(TRUE, column="")] = True

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

    @property
    def quantities(self) -> Quantities:
        """All that the provider bills for it."""
        return Quantities(
            input=self.input,
            output=self.output,
            cache_read=self.cache_read,
            cache_write=max(self.cache_write - self.cache_write_1h, 0),
            cache_write_1h=self.cache_write_1h,
            reasoning=self.reasoning,
            web_searches=self.web_searches,
            service_tier=self.service_tier,
            batch=self.batch,
            request_id=self.request_id,
            **self.details,
        )

    def take(self, quantities: Quantities) -> None:
        """Count these instead."""
        for name, said in fields_of(quantities).items():
            setattr(self, name, said)

    def price(self, book: PriceBook) -> None:
        """Set what it is worth by this book, and what it cost where nobody said so."""
        valued = value(book, self.provider, self.model, self.quantities, self.at)
        prices = valued.prices
        if self.answered_locally and prices.book is not None:
            prices = Prices(0, prices.uncached, prices.baseline)
        self.book, self.uncached, self.baseline = prices
        told = [note for note in valued.notes if note != unpriced(self.provider, self.model)]
        self.notes = "; ".join(told)[:MAX_TEXT]
        if self.cost_source in (BY_BOOK, UNKNOWN):
            self.cost = prices.book or 0
            self.cost_source = UNKNOWN if prices.book is None else BY_BOOK


# Of the quantities: what has a field of its own, or is told in others.
_ELSEWHERE = {
    *Tokens._fields, "cache_write_1h", "reasoning", "web_searches", "service_tier", "batch", "request_id", "incomplete"
}  # fmt: skip
_DETAILS_OF = attrgetter(*(name for name in Quantities._fields if name not in _ELSEWHERE))
_NO_DETAILS = _DETAILS_OF(Quantities())


def fields_of(quantities: Quantities) -> dict[str, Any]:
    """The fields of a call that tell these quantities."""
    return {
        "input": quantities.input,
        "output": quantities.output,
        "cache_read": quantities.cache_read,
        "cache_write": quantities.cache_write + quantities.cache_write_1h,
        "cache_write_1h": quantities.cache_write_1h,
        "reasoning": quantities.reasoning,
        "web_searches": quantities.web_searches,
        "service_tier": quantities.service_tier,
        "batch": quantities.batch,
        "request_id": quantities.request_id,
        "details": details_of(quantities),
    }


def told_call(quantities: Quantities, nano_dollars: int | None, incomplete: str, **said: Any) -> Call:
    """A call of these quantities that somebody tells of, at this cost; None where nobody says it."""
    return Call(
        **said,
        **fields_of(quantities),
        cost=nano_dollars or 0,
        cost_source=UNKNOWN if nano_dollars is None else TOLD,
        incomplete=incomplete,
    )


def details_of(quantities: Quantities) -> dict[str, Any]:
    """What a provider bills that has no field of its own here."""
    if _DETAILS_OF(quantities) == _NO_DETAILS:
        return {}
    return {name: said for name, said in quantities.to_dict().items() if name not in _ELSEWHERE}


FIELDS: dict[str, Field] = {
    name: hint.__metadata__[0].named(name) for name, hint in get_type_hints(Call, include_extras=True).items()
}
COLUMNS: dict[str, str] = {name: known.column for name, known in FIELDS.items() if known.column}
_SHIPPED_OF = attrgetter(*COLUMNS)
_UNSHIPPED = [name for name in FIELDS if name not in COLUMNS]
_EXPORTED = [(name, known) for name, known in FIELDS.items() if known.exported]
EXPORTED = tuple(known.exported for _name, known in _EXPORTED)
_DEFAULTS: dict[str, Any] = {known.name: known.default for known in fields(Call)}
_CHECKS = [(name, known.kind.check, _DEFAULTS[name]) for name, known in FIELDS.items()]
_REQUIRED = [known.name for known in fields(Call) if known.default is known.default_factory is MISSING]


def parse_call(text: bytes | str) -> Call:
    """A call from its line or from what was shipped; ValueError when it is not one."""
    return checked_call(loads_strictly(text))


def checked_call(data: object) -> Call:
    """The same of what its JSON holds."""
    if not isinstance(data, dict):
        raise ValueError("a call is no JSON object")
    for name in _REQUIRED:
        if name not in data:
            raise ValueError(f"{name} is missing")
    try:
        # Half of what a line says is what a field is anyway, and needs no look.
        return Call(
            **{
                name: said if (said := data[name]) is usual else check(said, name)
                for name, check, usual in _CHECKS
                if name in data
            }
        )
    except TypeError as error:
        raise ValueError(str(error)) from error


def shipped_bytes(call: Call) -> bytes:
    """A call as Redis and the recorder get it."""
    said = vars(call).copy()
    for name in _UNSHIPPED:
        del said[name]
    return json_bytes(said)


def row_of(call: Call) -> dict[str, Any]:
    """A call as its columns in SQL."""
    return dict(zip(COLUMNS.values(), _SHIPPED_OF(call), strict=True)) | {"at": call.at}


def call_of(row: object) -> Call:
    """The call in a row of SQL, which has its columns as attributes."""
    said = {name: getattr(row, column) for name, column in COLUMNS.items()}
    return Call(**said | {"us": (said["us"] - _EPOCH) // _MICROSECOND})


def flat_entry(call: Call) -> list[Any]:
    """A call as a row of a table under the heads EXPORTED: money as Decimal dollars, the time as ISO 8601."""
    return [known.kind.seen(getattr(call, name)) for name, known in _EXPORTED]


def plain_entry(call: Call) -> dict[str, Any]:
    """The same as callers see it: under its names, those of a group in a dict of their own."""
    entry: dict[str, Any] = {}
    for (_name, known), said in zip(_EXPORTED, flat_entry(call), strict=True):
        within = entry.setdefault(known.group, {}) if known.group else entry
        within[known.key] = said
    return entry
