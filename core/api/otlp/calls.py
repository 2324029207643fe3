"""A record as a call of a model: checked whole, with the name by which it counts once."""

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from core.api.otlp.dialects import CONVENTION, Dialect, Names
from core.api.otlp.records import TRACES, Attributes, Record
from core.usage.call import Call, lower_name, told_call
from core.usage.quantities import MAX_COUNT, Quantities, told_count
from core.usage.telling import Oddities, nano_dollars
from core.values.names import NAME_LENGTH

COUNTS = ("input", "output", "read", "write", "write_1h", "reasoning")
MICROS = 10**6
TIER = "unknown"  # telemetry does not know for which of our tiers a call was
LONGEST_DAYS = 31  # older calls are for the command import
LONGEST_US = LONGEST_DAYS * 86_400 * MICROS
AHEAD_US = 3_600 * MICROS
MOST_DOLLARS = 10_000
LONGEST_MS = 10**10


def call_of(record: Record, dialect: Dialect, agent: str, now: float) -> Call:
    """The call in a record; ValueError says what is wrong with it."""
    told = dialect.told(record.attributes)
    quantities = quantities_of(told, dialect)
    words = _words(
        told.get("model"), told.get("provider"), told.get("stage"), workflow_of(record.resource, dialect.word),
        dialect.usual_provider,
    )  # fmt: skip
    return priced_as_told(
        quantities,
        _cost(told, dialect),
        words,
        call_id=quantities.request_id or quantities.response_id or identity(record, dialect, told),
        us=moment(record.at, now),
        duration_ms=_duration(record, told),
        agent_id=agent,
    )


@lru_cache(maxsize=4096, typed=True)
def _words(model: Any, provider: Any, stage: Any, workflow: str, usual: str) -> Mapping[str, Any]:
    """What of a call is the same for many of them. Only names are kept: what can be none is an error."""
    return words_of(
        as_name(model, "model"),
        as_name(provider, "provider") or usual,
        workflow=workflow,
        stage=as_name(stage, "stage"),
    )


def words_of(model: str, provider: str, *, workflow: str, stage: str) -> Mapping[str, Any]:
    """The words of a call, and what telemetry does not know; ValueError for a bad provider."""
    return {
        "model": model or "unknown",
        "provider": lower_name(provider or "unknown", "its provider"),
        "workflow": workflow,
        "stage": stage,
        "tier": TIER,
        "hit": False,
        "cache_type": "",
        "prompt_hit": False,
        "user": "",
    }


def priced_as_told(
    quantities: Quantities, cost: Decimal | float | None, words: Mapping[str, Any], **said: Any
) -> Call:
    """A call of these quantities at this cost in dollars, None where nobody says."""
    odd = Oddities()
    nano = None if cost is None else odd.good(nano_dollars, cost, None)
    return told_call(quantities, nano, odd.text, **words, **said)


def moment(nanoseconds: int, now: float) -> int:
    """When it was, in microseconds since 1970; now where nobody says; ValueError for a far time."""
    now_us = int(now * MICROS)
    at = nanoseconds // 1000 if nanoseconds else now_us
    if not now_us - LONGEST_US <= at <= now_us + AHEAD_US:
        raise ValueError(
            f"its time is not of the last {LONGEST_DAYS} days: is the clock of the sender right?"
        )
    return at


def workflow_of(resource: Attributes, otherwise: str) -> str:
    """The sender by its own name, where it has one."""
    service = resource.get("service.name")
    named = isinstance(service, str) and 0 < len(service) <= NAME_LENGTH and service.isprintable()
    return str(service) if named and not str(service).startswith("unknown_service") else otherwise


def first(said: Attributes, names: Names) -> Any:
    """What the first of these names that is there says."""
    for name in names:  # asked some twenty times for each call
        if (value := said.get(name)) is not None:
            return value
    return None


def as_name(value: Any, what: str) -> str:
    """A name that was told; '' for none; ValueError for what can be no name."""
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > NAME_LENGTH or not value.isprintable():
        raise ValueError(f"its {what} can be no name")
    return value


# What was counted


def quantities_of(told: Attributes, dialect: Dialect) -> Quantities:
    """All that is billed; ValueError for a count that is none."""
    whole, output, read, write, hour, reasoning = [
        said
        if (said := told.get(word, 0)).__class__ is int and 0 <= said <= MAX_COUNT  # nearly all of many are
        else counted(said, getattr(dialect, word)[0])
        for word in COUNTS
    ]
    if dialect.inside and read + write <= whole:  # else an older instrumentation, which counts them beside it
        whole -= read + write
    if dialect.beside:
        whole += counted(told.get("tools", 0), dialect.tools[0])
        output += reasoning
    hour = min(hour, write)
    return Quantities(
        input=whole,
        output=output,
        cache_read=read,
        cache_write=write - hour,
        cache_write_1h=hour,
        reasoning=min(reasoning, output),
        lifetimes_told="write_1h" in told,
        request_id=_id(told.get("request")),
        response_id=_id(told.get("response")),
    )


def counted(value: Any, name: str) -> int:
    """A number of tokens: whole, 0 to 2**53, also as a text or a float; else ValueError."""
    count, odd = told_count(value)
    if odd:
        raise ValueError(f"{name} is no count of tokens: it {odd}")
    return count


def _cost(told: Attributes, dialect: Dialect) -> Decimal | float | None:
    if "micros" in told:
        return dollars(told["micros"], dialect.micros[0]) / MICROS
    said = told.get("dollars")
    # Nearly all tell it so, and no Decimal would make it more exact.
    if said.__class__ is float and 0 <= said <= MOST_DOLLARS:
        return float(said)
    return None if said is None else dollars(said, dialect.dollars[0])


def dollars(value: Any, name: str) -> Decimal:
    """An amount, also as a text; ValueError for one that is none, negative or beyond belief."""
    try:
        amount = Decimal(str(value))
        if isinstance(value, bool) or not amount.is_finite() or not 0 <= amount <= MOST_DOLLARS * MICROS:
            raise ArithmeticError
    except ArithmeticError:
        raise ValueError(f"{name} is no cost") from None
    return amount


def _duration(record: Record, told: Attributes) -> float:
    spent = told.get("duration")
    if isinstance(spent, str):
        is_number = spent.isascii() and spent.replace(".", "", 1).isdecimal() and len(spent) < 20
        spent = float(spent) if is_number else None
    if isinstance(spent, int | float) and spent.__class__ is not bool and 0 <= spent <= LONGEST_MS:
        return spent
    spent = (record.end - record.at) / 1e6
    return spent if 0 <= spent <= LONGEST_MS else 0


# Who it is


def identity(record: Record, dialect: Dialect, told: Attributes) -> str:
    """By which name it counts once, where its provider gave none: a span's, a place in a session, or what it says."""
    # The convention writes its event within the span of the call; coding agents write many events in one span.
    if (record.signal == TRACES or dialect is CONVENTION) and record.id.strip(":0"):
        return f"span:{record.id}"[:NAME_LENGTH]
    session, sequence = told.get("session"), told.get("sequence")
    if session and sequence is not None:
        return _hashed(f"{dialect.word}\0{session}\0{sequence}")
    return digest("record", dialect.word, str(record.at), record.attributes)


def digest(*parts: Any) -> str:
    """A name made of these, the same whenever they are told again."""
    return _hashed(json.dumps(parts, sort_keys=True, default=str))


def _hashed(told: str) -> str:
    return f"otlp:{hashlib.sha256(told.encode(errors='replace')).hexdigest()[:40]}"


def _id(value: object) -> str:
    """How its provider calls it; '' where nobody says, or what can be no name."""
    fits = isinstance(value, str) and 0 < len(value) <= NAME_LENGTH and value.isprintable()
    return str(value) if fits else ""
