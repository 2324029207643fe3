"""A record as a call of a model: checked whole, with the name by which it counts once."""

import hashlib
import json
import math
from decimal import Decimal
from typing import Any, NamedTuple

from core.api.otlp.dialects import CONVENTION, Dialect, Names
from core.api.otlp.records import TRACES, Attributes, Record
from core.usage.quantities import MAX_COUNT, Quantities
from core.values.names import NAME_LENGTH

MICROS = 10**6
LONGEST_DAYS = 31  # older calls are for the command import
AHEAD_SECONDS = 3600
DAY_SECONDS = 86400
MOST_DOLLARS = 10_000
LONGEST_MS = 10**10


class Told(NamedTuple):
    """A call as its sender tells it. `cost`: dollars, None where nobody says; `at`: seconds since 1970."""

    call_id: str
    at: float
    model: str
    provider: str
    workflow: str
    stage: str | None
    cost: Decimal | None
    quantities: Quantities
    duration_ms: float


def told_by(record: Record, dialect: Dialect, now: float) -> Told:
    """The call in a record; ValueError says what is wrong with it."""
    said = record.attributes
    at = moment(record.at, now)
    model = text(said, dialect.model, "model") or "unknown"
    provider = text(said, dialect.provider, "provider") or dialect.usual_provider or "unknown"
    stage = text(said, dialect.stage, "stage") or None
    quantities = quantities_of(said, dialect)
    return Told(
        quantities.request_id or quantities.response_id or identity(record, dialect),
        at,
        model,
        provider,
        workflow_of(record.resource, dialect.word),
        stage,
        _cost(said, dialect),
        quantities,
        _duration(record, dialect),
    )


def moment(nanoseconds: int, now: float) -> float:
    """When it was, in seconds since 1970; now where nobody says; ValueError for a far time."""
    at = nanoseconds / 1e9
    if nanoseconds == 0:
        return now
    if not now - LONGEST_DAYS * DAY_SECONDS <= at <= now + AHEAD_SECONDS:
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


def text(said: Attributes, names: Names, what: str) -> str:
    """The text under the first of these names; '' for none; ValueError for what can be no name."""
    value = first(said, names)
    if value in (None, ""):
        return ""
    if not isinstance(value, str) or len(value) > NAME_LENGTH or not value.isprintable():
        raise ValueError(f"its {what} can be no name")
    return value


# What was counted


def quantities_of(said: Attributes, dialect: Dialect) -> Quantities:
    """All that is billed; ValueError for a count that is none."""
    names = (dialect.input, dialect.output, dialect.read, dialect.write, dialect.write_1h, dialect.reasoning)
    whole, output, read, write, hour, reasoning = [count(said, name) for name in names]
    if dialect.inside and read + write <= whole:  # else an older instrumentation, which counts them beside it
        whole -= read + write
    if dialect.beside:
        whole, output = whole + count(said, dialect.tools), output + reasoning
    hour = min(hour, write)
    return Quantities(
        input=whole,
        output=output,
        cache_read=read,
        cache_write=write - hour,
        cache_write_1h=hour,
        reasoning=min(reasoning, output),
        lifetimes_told=first(said, dialect.write_1h) is not None,
        request_id=_name(said, dialect.request),
        response_id=_name(said, dialect.response),
    )


def count(said: Attributes, names: Names) -> int:
    """The count under the first of these names that is told; ValueError where it is none."""
    if not names:
        return 0
    value = first(said, names)
    if value.__class__ is int and 0 <= value <= MAX_COUNT:
        return int(value)
    return 0 if value is None else counted(value, names[0])


def counted(value: Any, name: str) -> int:
    """A number of tokens: whole, 0 to 2**53, also as a text or a float; else ValueError."""
    if type(value) is int and 0 <= value <= MAX_COUNT:
        return value
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 20:
        return counted(int(value), name)
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return counted(int(value), name)
    raise ValueError(f"{name} is no count of tokens")


def _cost(said: Attributes, dialect: Dialect) -> Decimal | None:
    micros = first(said, dialect.micros)
    if micros is not None:
        return dollars(micros, dialect.micros[0]) / MICROS
    told = first(said, dialect.dollars)
    return None if told is None else dollars(told, dialect.dollars[0])


def dollars(value: Any, name: str) -> Decimal:
    """An amount, also as a text; ValueError for one that is none, negative or beyond belief."""
    try:
        amount = Decimal(str(value))
        if isinstance(value, bool) or not amount.is_finite() or not 0 <= amount <= MOST_DOLLARS * MICROS:
            raise ArithmeticError
    except ArithmeticError:
        raise ValueError(f"{name} is no cost") from None
    return amount


def _duration(record: Record, dialect: Dialect) -> float:
    told = first(record.attributes, dialect.duration)
    if isinstance(told, str):
        told = (
            float(told)
            if told.isascii() and told.replace(".", "", 1).isdecimal() and len(told) < 20
            else None
        )
    if isinstance(told, int | float) and 0 <= told <= LONGEST_MS:
        return told
    spent = (record.end - record.at) / 1e6
    return spent if 0 <= spent <= LONGEST_MS else 0


# Who it is


def identity(record: Record, dialect: Dialect) -> str:
    """By which name it counts once, where its provider gave none: a span's, a place in a session, or what it says."""
    said = record.attributes
    # The convention writes its event within the span of the call; coding agents write many events in one span.
    if (record.signal == TRACES or dialect is CONVENTION) and record.id.strip(":0"):
        return f"span:{record.id}"[:NAME_LENGTH]
    session, sequence = first(said, dialect.session), first(said, dialect.sequence)
    if session and sequence is not None:
        told = f"{dialect.word}\0{session}\0{sequence}".encode(errors="replace")
        return f"otlp:{hashlib.sha256(told).hexdigest()[:40]}"
    return digest("record", dialect.word, str(record.at), said)


def digest(*parts: Any) -> str:
    """A name made of these, the same whenever they are told again."""
    told = json.dumps(parts, sort_keys=True, default=str)
    return f"otlp:{hashlib.sha256(told.encode(errors='replace')).hexdigest()[:40]}"


def _name(said: Attributes, names: Names) -> str:
    """How its provider calls it; '' where nobody says, or what can be no name."""
    value = first(said, names)
    fits = isinstance(value, str) and 0 < len(value) <= NAME_LENGTH and value.isprintable()
    return str(value) if fits else ""
