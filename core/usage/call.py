"""One call of a language model: checked when it is told, one line in a spool, one JSON object when shipped."""

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from enum import Enum
from functools import lru_cache
from typing import Any

from ..values.json import loads_strictly
from ..values.names import checked_name
from ..values.numbers import shown
from .pricing import Prices, Tokens

NANO = 10**9
MAX_COST = 10_000 * NANO
MAX_TOKENS = 10_000_000
MAX_DURATION_MS = 10**10
TOKEN_KEYS = {"input", "output"}
MAX_US = 7_258_118_400_000_000 - 1  # until the year 2200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
USER_DIGITS = 64
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True)
class Call:
    """What is kept of a call. `cost` is in nano-dollars, `us` the time in microseconds by the clock of whoever made it.

    `input` counts tokens that were neither read from a cache nor written to one. `hit` means that an answer
    came from a cache of the caller's own and no provider was asked. `given` says that the caller named the call.
    """

    call_id: str
    us: int
    workflow: str
    stage: str
    tier: str
    model: str
    provider: str
    agent_id: str
    user: str
    cost: int
    input: int
    output: int
    cache_read: int
    cache_write: int
    hit: bool
    cache_type: str
    prompt_hit: bool
    duration_ms: float
    given: bool = True

    @property
    def tokens(self) -> Tokens:
        """The tokens by what they cost."""
        return Tokens(self.input, self.output, self.cache_read, self.cache_write)

    @property
    def at(self) -> datetime:
        """When it was made."""
        return _EPOCH + timedelta(microseconds=self.us)

    @property
    def answered_locally(self) -> bool:
        """Whether the provider was never asked, so that the book says nothing was to pay."""
        return self.hit and not (self.prompt_hit or self.cache_read or self.cache_write)

    @property
    def read_a_prompt_cache(self) -> bool:
        """Whether the provider found a part of the prompt in its cache."""
        return self.prompt_hit or self.cache_read > 0


def parse_call(text: bytes | str) -> Call:
    """A call from its line or from what was shipped; ValueError when it is not one."""
    data = loads_strictly(text)
    if not isinstance(data, dict):
        raise ValueError("a call is no JSON object")
    try:
        values = {name: _CHECKS[name](data[name], name) for name in _CHECKS}
    except KeyError as error:
        raise ValueError(f"{error.args[0]} is missing") from error
    except TypeError as error:
        raise ValueError(str(error)) from error
    return Call(**values, given=data.get("given", True) is True)


def parse_prices(text: bytes | str) -> Prices:
    """The prices of a call that was shipped."""
    data = loads_strictly(text)
    found = [data.get(name) for name in Prices._fields]
    for name, amount in zip(Prices._fields, found, strict=True):
        if amount is not None:
            _whole(amount, name, 4 * MAX_COST)
    return Prices(*found)


def shipped_text(call: Call, prices: Prices) -> str:
    """A call as Redis and the recorder get it."""
    said = {**vars(call), **prices._asdict()}
    del said["given"]
    return _ENCODE(said)


def plain_entry(call: Call, prices: Prices) -> dict[str, Any]:
    """A call as callers see it: money as Decimal dollars, the time as ISO 8601."""
    return {
        "call_id": call.call_id,
        "ts": call.at.isoformat(),
        "workflow": call.workflow,
        "stage": call.stage or None,
        "tier": call.tier,
        "model": call.model,
        "provider": call.provider,
        "agent_id": call.agent_id or None,
        "cost": dollars(call.cost),
        "tokens": {"input": call.input, "output": call.output},
        "cache": {"hit": call.hit, "type": call.cache_type or None},
        "prompt_cache": {
            "hit": call.prompt_hit,
            "creation_tokens": call.cache_write,
            "read_tokens": call.cache_read,
        },
        "duration_ms": call.duration_ms,
        "user_id": call.user or None,
        "book_cost": None if prices.book is None else dollars(prices.book),
        "baseline_cost": None if prices.baseline is None else dollars(prices.baseline),
    }


def dollars(nano: int) -> Decimal:
    """Nano-dollars as exact dollars."""
    return Decimal(nano).scaleb(-9)


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


def checked_flag(value: object, argument: str) -> bool:
    """True or False; anything else is a ValueError, since "false" would count as true."""
    if not isinstance(value, bool):
        raise ValueError(f"{argument} must be True or False, not {shown(value)}")
    return value


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
def identity(
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


def lower_name(value: object, argument: str) -> str:
    """A name in lower case, checked again: a few letters become longer with it."""
    return checked_name(checked_name(value, argument).lower(), argument)


def _optional_name(value: object, argument: str) -> str:
    return "" if value is None or value == "" else checked_name(value, argument)


# What comes back from a spool or from Redis


def _whole(value: object, name: str, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(f"{name} is {value!r}")
    return value


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


def _tokens(value: object, name: str) -> int:
    return _whole(value, name, MAX_TOKENS)


_CHECKS: dict[str, Any] = {
    "call_id": checked_name,
    "us": lambda value, name: _whole(value, name, MAX_US),
    "workflow": checked_name,
    "stage": _optional_name,
    "tier": checked_name,
    "model": checked_name,
    "provider": lower_name,  # former versions kept it as it was told
    "agent_id": _optional_name,
    "user": _user,
    "cost": lambda value, name: _whole(value, name, MAX_COST),
    "input": _tokens,
    "output": _tokens,
    "cache_read": _tokens,
    "cache_write": _tokens,
    "hit": checked_flag,
    "cache_type": _optional_name,
    "prompt_hit": checked_flag,
    "duration_ms": _finite,
}
