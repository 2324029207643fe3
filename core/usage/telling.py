"""What callers say of a call: made a line of a spool, and compared with what was said of the same call before.

What a provider's answer may hold never stops an agent: its good part is kept, and what was odd about it is told
(`TELEMETRY_STRICT=1` makes it an error, for tests). What only a program says must be right: names and flags.
"""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar

from ..store.configuration import setting
from ..store.usage import MAX_AMOUNT
from ..values.json import storable
from ..values.names import NAME_LENGTH, checked_name, optional_name
from ..values.numbers import shown
from .call import (
    BY_BOOK,
    BY_PROVIDER,
    MAX_TEXT,
    MAX_US,
    TOLD,
    UNKNOWN,
    Call,
    checked_flag,
    details_of,
    lower_name,
)
from .money import NANO
from .pricing import PriceBook
from .provider_usage import read_usage
from .quantities import MAX_COUNT, Quantities, Tokens, fuller, told_count

MAX_DURATION_MS = 10**10
NO_TIME: int | float = 0
TOKEN_KEYS = {"input", "output"}
Good = TypeVar("Good")
# Kept: `json.dumps` with options makes a new one for each value.
_ENCODE = json.JSONEncoder(separators=(",", ":")).encode


class Oddities:
    """What was odd in one telling, in sentences; with TELEMETRY_STRICT the first of them is raised."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def tell(self, sentence: str, error: Exception | None = None) -> None:
        """Note it, or raise it."""
        if is_strict():
            raise error or ValueError(sentence)
        self.said.append(sentence)

    def good(self, check: Callable[[Any], Good], value: object, instead: Good) -> Good:
        """What `check` makes of a value, or `instead` where that is no good."""
        try:
            return check(value)
        except ValueError as error:
            self.tell(str(error), error)
            return instead

    @property
    def text(self) -> str:
        """All of it, as it is stored."""
        if not self.said:
            return ""
        return storable("; ".join(self.said)).replace("\x00", "")[:MAX_TEXT]


def is_strict() -> bool:
    """Whether odd numbers raise."""
    return setting("TELEMETRY_STRICT") not in ("", "0", "False")


def nano_dollars(cost: object) -> int:
    """A cost in dollars as nano-dollars: finite, 0 to 10,000; else ValueError naming it."""
    if type(cost) is float and 0 <= cost <= 10_000:
        # Both products are off by less than a hundredth: only near a half could the exact way find another one.
        near = cost * NANO
        if abs(near - round(near)) < 0.4:
            return round(near)
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
    """A count of tokens: an int of 0 to 2**53, else ValueError naming it."""
    if type(value) is int and 0 <= value <= MAX_COUNT:  # nearly all are
        return value
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_COUNT:
        raise ValueError(f"{argument} must be an int of 0 to {MAX_COUNT:,}, not {shown(value)}")
    return value


def checked_duration(value: object) -> int | float:
    """Milliseconds: finite. A negative one is 0: the clock was set back meanwhile, and the call was made."""
    number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    if number is None or not -MAX_DURATION_MS <= number <= MAX_DURATION_MS:
        raise ValueError(f"duration_ms must be a number of 0 to {MAX_DURATION_MS:,}, not {shown(value)}")
    return max(0, number) if isinstance(number, int) else max(0.0, float(number))


def moment_us(at: object) -> int:
    """When a call was made, in microseconds: by a datetime with its zone, by seconds since 1970, or now for None."""
    if at is None:
        return time.time_ns() // 1000
    if isinstance(at, datetime):
        if at.tzinfo is None:
            raise ValueError(f"at must have a time zone, not be {at.isoformat()}")
        seconds: float = at.timestamp()
    elif isinstance(at, (int, float)) and not isinstance(at, bool):
        seconds = at
    else:
        raise TypeError(f"at must be a datetime or a number of seconds since 1970, not {type(at).__name__}")
    if not 0 <= seconds <= MAX_US / 1_000_000:  # NaN is not either
        raise ValueError(f"at must be of 1970 to 2199, not {shown(at)}")
    return round(seconds * 1_000_000)


# Tokens as callers count them


def token_counts(told: object, cached: tuple[object, object], inside: bool, odd: Oddities) -> Tokens:
    """What was told of tokens; `cached` are those read and written, `inside` says that `input` counts them too."""
    try:
        read = token_count(cached[0], "prompt_cache_read_tokens")
        write = token_count(cached[1], "prompt_cache_creation_tokens")
        asked, answered = _split(told, read, write, inside)
    except ValueError as error:
        odd.tell(str(error), error)
        return _good_part(told, cached, inside)
    return Tokens(asked, answered, read, write)


def _split(told: Any, read: int, write: int, inside: bool) -> tuple[int, int]:
    if not isinstance(told, dict) or told.keys() != TOKEN_KEYS:
        # Under another name they would count as none, and what the call saved would be made up.
        raise ValueError(f"tokens must be a dict with the keys 'input' and 'output' alone, not {shown(told)}")
    whole, answer = token_count(told["input"], "tokens['input']"), told["output"]
    if inside:
        if whole < read + write:
            raise ValueError("tokens['input'] is less than the cached tokens that it is said to include")
        whole -= read + write
    return whole, token_count(answer, "tokens['output']")


def _good_part(told: object, cached: tuple[object, object], inside: bool) -> Tokens:
    known = told if isinstance(told, dict) else {}
    asked, answered = (told_count(known.get(name))[0] for name in ("input", "output"))
    read, write = (told_count(count)[0] for count in cached)
    return Tokens(max(asked - read - write, 0) if inside else asked, answered, read, write)


def counts_of(
    quantities: Quantities | None, tokens: object, cached: tuple[object, object], inside: bool, odd: Oddities
) -> Tokens:
    """The counts of the provider, where its answer had any; else those that the caller told."""
    if quantities is None or (tokens is not None and quantities == Quantities()):
        return token_counts(tokens, cached, inside, odd)
    return quantities.tokens


def quantities_of(usage: object, odd: Oddities) -> Quantities | None:
    """What a provider's answer holds, or its usage; None for None. What was odd about it is told in `odd`."""
    if usage is None or isinstance(usage, Quantities):
        return usage
    try:
        found = read_usage(usage)
    except Exception as error:  # an answer of any kind must not stop an agent
        odd.tell(f"usage: {type(error).__name__}: {error}", error)
        return Quantities()
    for sentence in found.incomplete:
        odd.tell(sentence)
    return found._replace(incomplete=())


def identity_of(quantities: Quantities | None) -> str | None:
    """By which name the provider knows the call; None where it has none that can be one."""
    if quantities is None:
        return None
    for name in (quantities.request_id, quantities.response_id):
        try:
            return checked_name(name, "call_id")
        except ValueError:
            continue
    return None


# The line: what a field is anyway (`Call`) is left out, unless the last version wants it


def numbers_of(
    cost: object, counts: Tokens, duration_ms: object, odd: Oddities, quantities: Quantities | None = None
) -> str:
    """The numbers of a call as a part of its line."""
    amount = None if cost is None else odd.good(nano_dollars, cost, None)
    source = UNKNOWN if amount is None else TOLD
    if amount is None and quantities is not None and quantities.cost is not None:
        if quantities.cost <= MAX_AMOUNT:
            amount, source = quantities.cost, BY_PROVIDER
        else:
            odd.tell("usage: the cost is more than a sum can hold")
    duration = odd.good(checked_duration, duration_ms, NO_TIME)
    rest = "" if quantities is None and not odd.said else _rest(quantities or Quantities(), odd)
    if source != TOLD:
        rest += f',"cost_source":"{source}"'
    return (
        f'"cost":{amount or 0},"input":{counts.input},"output":{counts.output},"cache_read":{counts.cache_read},'
        f'"cache_write":{counts.cache_write},"duration_ms":{duration!r}{rest}'
    )


def _rest(of: Quantities, odd: Oddities) -> str:
    tier, request_id = (odd.good(_optional, said, "") for said in (of.service_tier, of.request_id))
    told = {
        "cache_write_1h": of.cache_write_1h,
        "reasoning": of.reasoning,
        "web_searches": of.web_searches,
        "service_tier": tier,
        "batch": checked_flag(of.batch, "batch"),
        "request_id": request_id,
        "details": _texts_without_nul(details_of(of)),
        "incomplete": odd.text,
    }
    said = {name: value for name, value in told.items() if value}
    return f",{_ENCODE(said)[1:-1]}" if said else ""


def _optional(name: object) -> str:
    return optional_name(name, "usage")


def _texts_without_nul(details: dict[str, Any]) -> dict[str, Any]:
    return {
        name: storable(said.replace("\x00", "")) if isinstance(said, str) else said
        for name, said in details.items()
    }


@lru_cache(maxsize=4096, typed=True)
def words_of(
    workflow: str,
    stage: str | None,
    tier: str,
    model: str,
    provider: str,
    cache_type: str | None,
    agent_id: str | None,
    cache_hit: bool,
    prompt_cache_hit: bool,
    correct: bool,
) -> str:
    """The words and flags of a call, checked, as a part of its line. The same few come again and again."""
    said = {
        "workflow": checked_name(workflow, "workflow"),
        "stage": optional_name(stage, "stage"),
        "tier": checked_tier(tier),
        "model": checked_name(model, "model"),
        "provider": lower_name(provider, "provider"),
        "cache_type": optional_name(cache_type, "cache_type"),
        "agent_id": optional_name(agent_id, "agent_id"),
        "hit": checked_flag(cache_hit, "cache_hit"),
        "prompt_hit": checked_flag(prompt_cache_hit, "prompt_cache_hit"),
    }
    if checked_flag(correct, "correct"):
        said["corrected"] = True
    return _ENCODE(said)[1:-1]


def checked_tier(tier: object) -> str:
    """A tier in any case, or a member of an enum whose value is one, in lower case."""
    return lower_name(tier.value if isinstance(tier, Enum) else tier, "tier")


# Tellings of one call


def names_of(call: Call) -> list[str]:
    """Every name under which others may tell of a call, its own first."""
    names = dict.fromkeys([call.call_id, *_names_by_provider(call)])
    return [name for name in names if len(name) <= NAME_LENGTH]


def _names_by_provider(call: Call) -> list[str]:
    return [name for name in (call.request_id, call.details.get("response_id")) if name]


class CallTellings:
    """One call: its tellings that are `held`, those that are `told` now, oldest first, and every name of it."""

    def __init__(self, held: Iterable[Call] = (), names: Iterable[str] = ()) -> None:
        self.held, self.told, self.names = list(held), list[Call](), set(names)
        self.chosen = ""  # the name that a caller gave to it
        for call in self.held:
            self._learn(call)

    def take(self, call: Call) -> None:
        """One more telling."""
        self.told.append(call)
        self._learn(call)

    def join(self, other: "CallTellings") -> None:
        """Both are one: somebody told the names of both."""
        self.held += other.held
        self.told += other.told
        self.names |= other.names
        self.chosen = self.chosen or other.chosen

    def is_that_of(self, call: Call) -> bool:
        """Whether a telling with a name of it is about it: calls that their callers told apart stay apart."""
        apart = self.chosen and _is_chosen(call)
        return not apart or call.call_id in self.names or self.chosen in names_of(call)

    def _learn(self, call: Call) -> None:
        self.names.update(names_of(call))
        if not self.chosen and _is_chosen(call):
            self.chosen = call.call_id


def _is_chosen(call: Call) -> bool:
    return call.call_id not in _names_by_provider(call)


def group_tellings(told: Iterable[Call], held: Iterable[CallTellings] = ()) -> list[CallTellings]:
    """Each call with its tellings, also those under another name of it, in the order in which they came."""
    found = dict.fromkeys(held)
    by_name = {name: one for one in found for name in one.names}
    by_name |= {call.call_id: one for one in found for call in one.held}
    for call in told:
        names = names_of(call)
        known = dict.fromkeys(by_name[name] for name in names if name in by_name)
        one, *others = [other for other in known if other.is_that_of(call)] or [CallTellings()]
        for other in others:
            if not (one.chosen and other.chosen):
                one.join(other)
                del found[other]
                by_name |= dict.fromkeys(other.names, one)
        one.take(call)
        found[one] = None
        for name in names:
            if by_name.setdefault(name, one) is not one:
                one.names.discard(name)  # it is another call's
    return list(found)


# Two tellings of one call

# Files and telemetry do not know for what a call was: whoever does goes before them, and telemetry before files.
_KNOWS_LESS = ("imported", "unknown")
_EMPTY_ELSE_OTHER = ("stage", "agent_id", "user", "cache_type", "request_id")


def merged_call(held: Call, told: Call) -> Call:
    """What stands of two tellings of one call, `told` being the later: a new Call, priced as the kept one was.

    A correction goes first. Else that with more output tokens, of equals the later. What the kept one does not know
    (lifetimes of cache writes, a cost, an agent) it has from the other, and the time is the earlier of the two.
    """
    if held.corrected and not told.corrected:
        return held
    kept, other = (told, held) if told.corrected or told.output >= held.output else (held, told)
    found = replace(
        kept, call_id=_name_of(held, told), us=min(held.us, told.us), given=held.given and told.given
    )
    for name in _EMPTY_ELSE_OTHER:
        setattr(found, name, getattr(kept, name) or getattr(other, name))
    if _knows_more(other, kept):
        found.tier, found.workflow, found.stage = other.tier, other.workflow, other.stage
        found.agent_id = other.agent_id or kept.agent_id
    if told.corrected:
        return found
    quantities = fuller(held.quantities, told.quantities)
    response_id = quantities.response_id or held.quantities.response_id or told.quantities.response_id
    found.take(quantities._replace(request_id=found.request_id, response_id=response_id))
    knows_cost = other.cost_source in (TOLD, BY_PROVIDER) and kept.cost_source in (BY_BOOK, UNKNOWN)
    if knows_cost and kept.output == other.output:
        found.cost, found.cost_source = other.cost, other.cost_source
    return found


def _name_of(held: Call, told: Call) -> str:
    """A caller's own name goes before the request's, and that before the response's; of equals the one held."""
    if held.call_id == told.call_id:
        return held.call_id
    given = [name for call in (held, told) for name in _names_by_provider(call)]
    asked = {call.request_id for call in (held, told)} - {
        call.details.get("response_id") for call in (held, told)
    }
    names = (held.call_id, told.call_id)
    return min(names, key=lambda name: 0 if name not in given else 1 if name in asked else 2)


def _knows_more(one: Call, other: Call) -> bool:
    ranks = [_KNOWS_LESS.index(call.tier) if call.tier in _KNOWS_LESS else 2 for call in (one, other)]
    return ranks[0] > ranks[1]


def correction(held: Call, told: Call, book: Callable[[], PriceBook], *, again: bool) -> Call | None:
    """What stands instead of a call that is recorded; None where it stays as it is.

    `again`: what is held was told after this, or knows better. Then only what is fuller counts.
    """
    if again and told.corrected:
        return None
    found = merged_call(told, held) if again else merged_call(held, told)
    if _priced_by(found) not in map(_priced_by, (held, told)):
        found.price(book())
    found.given, found.tellings = held.given, held.tellings
    if found == held:
        return None
    found.tellings += 1
    return found


def _priced_by(call: Call) -> tuple[Quantities, date]:
    return call.quantities._replace(request_id="", response_id=""), call.at.date()
