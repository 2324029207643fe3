"""What others wrote about calls, line by line: transcripts of Claude Code, spend logs of LiteLLM, our own export.

A source turns one record into a call, into None where it is about no call, or raises what `ODD` names.
"""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from itertools import chain
from pathlib import PurePath
from typing import Any, TextIO

from ..usage.call import (
    DETAILS,
    FIELDS,
    FLAG,
    MONEY,
    PART,
    PRICE,
    SPAN,
    TIME,
    TOKENS,
    Call,
    FieldKind,
    told_call,
)
from ..usage.provider_usage import read_usage
from ..usage.quantities import Quantities
from ..usage.telling import identity_of, nano_dollars
from ..values.malformed import ODD
from ..values.names import NAME_LENGTH, checked_name
from ..values.text import no_formula

CHUNK = 1 << 16
LONGEST = 64 << 20  # of one value of an array
_BEFORE = "\ufeff \t\r\n"
_BETWEEN = re.compile(r"[ \t\r\n,]*")
_FAILED = {"failure", "failed", "error"}
Record = Mapping[str, Any]
Bad = Callable[[Exception], None]


# Records of a file


def records(file: TextIO, bad: Bad) -> Iterator[Record]:
    """Every record of a file: JSON lines, one JSON array, or CSV with heads; never all in memory.

    `bad` hears of each that cannot be read.
    """
    start = file.read(1)
    while start and start in _BEFORE:
        start = file.read(1)
    if start == "[":
        yield from _array(file, bad)
        return
    lines = chain([start + file.readline()], file)
    yield from _lines(lines, bad) if start in ("{", "") else _rows(lines, bad)


def _lines(lines: Iterable[str], bad: Bad) -> Iterator[Record]:
    for line in lines:
        if line.strip():
            try:
                yield _as_record(json.loads(line))
            except ODD as error:
                bad(error)


def _rows(lines: Iterable[str], bad: Bad) -> Iterator[Record]:
    csv.field_size_limit(LONGEST)  # a row may hold what was asked, and what was answered
    rows = csv.DictReader(lines)
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            bad(error)
            continue
        if row is None:
            return
        yield row


def _as_record(value: Any) -> Record:
    if not isinstance(value, dict):
        raise ValueError(f"a {type(value).__name__} is no record")
    return value


def _array(file: TextIO, bad: Bad) -> Iterator[Record]:
    decoder, text, place = json.JSONDecoder(), "", 0
    while True:
        place = _BETWEEN.match(text, place).end()  # type: ignore[union-attr]  # it matches nothing too
        if text.startswith("]", place):
            return
        try:
            value, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            left = len(text) - place
            more = file.read(max(CHUNK, left))
            if not more or left > LONGEST:
                bad(error)
                return
            text, place = text[place:] + more, 0
            continue
        try:
            yield _as_record(value)
        except ODD as error:
            bad(error)


def format_of(record: Record) -> str:
    """Which of `FORMATS` a record looks like; ValueError where it looks like none."""
    if "call_id" in record and "workflow" in record and "ts" in record:
        return "export"
    if "startTime" in record and "spend" in record:
        return "litellm"
    if "type" in record and ("sessionId" in record or "message" in record or "uuid" in record):
        return "claude-code"
    if record.get("type") in ("summary", "file-history-snapshot", "queue-operation"):
        return "claude-code"
    raise ValueError("this is no transcript of Claude Code, no spend log of LiteLLM and no export of ours")


# Calls


def _call(quantities: Quantities, cost: int | None, **said: Any) -> Call:
    incomplete = "; ".join(quantities.incomplete)[:1000]
    unsaid = {"stage": "", "cache_type": "", "user": "", "prompt_hit": False}
    return told_call(quantities, cost, incomplete, **unsaid, **said)


def _us(text: object) -> int:
    at = datetime.fromisoformat(str(text).strip())
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000_000)


@lru_cache(maxsize=1024)
def _project(folder: str) -> str:
    return _name(PurePath(folder).name, "claude-code")


def _name(text: object, instead: str) -> str:
    said = str(text or "")[:NAME_LENGTH]
    return said if said.isprintable() and said else instead


def of_transcript(record: Record) -> Call | None:
    """The call that a line of a transcript of Claude Code is about: each row of a streamed message is one telling."""
    message = record.get("message")
    if record.get("type") != "assistant" or not isinstance(message, dict) or not message.get("usage"):
        return None
    model = message.get("model")
    if model == "<synthetic>":
        return None
    found = read_usage(record)
    call_id = identity_of(found)
    if call_id is None:
        raise ValueError("neither requestId nor message.id")
    told = record.get("costUSD")
    return _call(
        found,
        None if told is None else nano_dollars(told),
        call_id=call_id,
        us=_us(record["timestamp"]),
        workflow=_project(str(record.get("cwd") or "")),
        tier="imported",
        model=checked_name(model, "model"),
        provider="anthropic",
        agent_id=_name(record.get("sessionId"), ""),
        hit=False,
        duration_ms=0,
    )


def of_spend_log(record: Record) -> Call | None:
    """The call that a row of LiteLLM's table of spend logs is about; a failed request is none."""
    if str(record.get("status") or "").lower() in _FAILED:
        return None
    metadata = record.get("metadata")
    metadata = json.loads(metadata) if isinstance(metadata, str) and metadata else metadata or {}
    usage = metadata.get("usage_object") or {
        "prompt_tokens": record["prompt_tokens"],
        "completion_tokens": record["completion_tokens"],
        **(metadata.get("additional_usage_values") or {}),
    }
    start, end = _us(record["startTime"]), _us(record.get("endTime") or record["startTime"])
    model = checked_name(record.get("model") or record.get("model_group"), "model")
    spend = record.get("spend")
    return _call(
        read_usage(usage),
        None if spend in (None, "") else nano_dollars(Decimal(str(spend))),
        call_id=checked_name(record["request_id"], "request_id"),
        us=start,
        workflow=_name(metadata.get("user_api_key_alias") or record.get("team_id"), "litellm"),
        tier="imported",
        model=model,
        provider=_name(record.get("custom_llm_provider"), "litellm").lower(),
        agent_id=_name(record.get("session_id"), ""),
        hit=str(record.get("cache_hit")).lower() == "true",
        duration_ms=max(end - start, 0) / 1000,
    )


# Our own export

# A book prices it anew, and what it corrected is not here.
_LEFT = {"corrected", "tellings"} | {name for name, known in FIELDS.items() if known.kind is PRICE}
_KINDS = {name: known.kind for name, known in FIELDS.items() if known.exported and name not in _LEFT}


def of_export(record: Record) -> Call:
    """A call of our own export, JSON or CSV; it is priced by the book of whoever reads it."""
    flat = dict(record)
    for group in ("tokens", "cache", "prompt_cache"):
        within = flat.pop(group, None)
        if isinstance(within, dict):
            flat.update(_ungrouped(group, within))
    told = {name: flat[FIELDS[name].exported] for name in _KINDS if FIELDS[name].exported in flat}
    return Call(**{name: _KINDS[name].check(_value(said, _KINDS[name]), name) for name, said in told.items()})


def _ungrouped(group: str, within: Record) -> dict[str, Any]:
    names = {known.key: known.exported for known in FIELDS.values() if known.group == group}
    return {names[key]: value for key, value in within.items() if key in names}


def _value(said: Any, kind: FieldKind) -> Any:
    """A value as JSON has it, or as the text that CSV makes of it."""
    if kind is MONEY:
        return nano_dollars(Decimal(str(said)))
    if kind is TIME:
        return _us(said)
    if kind is DETAILS:
        return json.loads(said) if isinstance(said, str) and said else said or {}
    if not isinstance(said, str):
        return "" if said is None else said
    if kind is FLAG:
        return {"true": True, "false": False}[said]
    if kind in (TOKENS, PART):
        return int(said)
    if kind is SPAN:
        return float(said)
    return said[1:] if said.startswith("'") and no_formula(said[1:]) == said else said


FORMATS: dict[str, Callable[[Record], Call | None]] = {
    "claude-code": of_transcript,
    "litellm": of_spend_log,
    "export": of_export,
}
