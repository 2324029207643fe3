"""The Lua scripts: each file is loaded once, its sha computed here, and has one typed function.

`run` is `Store.run` or `Line.run`, so the caller chooses the connection and the time limit.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.store import keys as key_rules
from core.store.keys import Keys

_FOLDER = Path(__file__).parent / "lua"


@dataclass(frozen=True)
class Script:
    """A script's text and the sha by which a server knows it."""

    name: str
    text: str
    sha: str


Run = Callable[[Script, Sequence[str], Sequence[Any]], Any]


def _load(name: str) -> Script:
    text = (_FOLDER / "prelude.lua").read_text() + (_FOLDER / f"{name}.lua").read_text()
    text = re.sub(r"@(\w+)@", lambda found: str(getattr(key_rules, found[1])), text)
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


REQUEST = _load("request")
DECIDE = _load("decide")
EXPIRE = _load("expire")
CANCEL = _load("cancel")
COLLECT = _load("collect")
BEAT = _load("beat")
STALE = _load("stale")
LIVE = _load("live")
LOOK = _load("look")
RECORDED = _load("recorded")
SHIP = _load("ship")
USAGE_RESET = _load("usage_reset")
ALL = (REQUEST, DECIDE, EXPIRE, CANCEL, COLLECT, BEAT, STALE, LIVE, LOOK, RECORDED, SHIP, USAGE_RESET)


def _ending_keys(keys: Keys, request_id: str, event_type: str) -> list[str]:
    return [
        keys.approval_request(request_id),
        keys.approval_ended(request_id),
        keys.approvals_pending,
        keys.outbox,
        keys.installation,
        keys.event_stream(event_type),
        keys.event_types,
    ]


def request(
    run: Run,
    keys: Keys,
    *,
    request_id: str,
    agent_id: str,
    approval_type: str,
    context: bytes,
    digest: str,
    timeout_ms: int,
    timeout_text: str,
) -> list[bytes]:
    """Store a request: [requested ms, deadline ms, outbox length], or [b'taken']."""
    script_keys = [
        keys.approval_request(request_id),
        keys.approvals_pending,
        keys.outbox,
        keys.installation,
        keys.event_stream("approval_requested"),
        keys.event_types,
    ]
    args = [request_id, agent_id, approval_type, context, digest, timeout_ms, timeout_text]
    return list(run(REQUEST, script_keys, args))


def decide(
    run: Run,
    keys: Keys,
    *,
    request_id: str,
    decision_id: str,
    approved: bool,
    responder: str,
    reason: str,
    channel: str,
    not_after_ms: int | None,
    digest: str | None,
) -> list[bytes]:
    """Decide a request: [outcome, status, approved, responder, reason, ended ms, decision id, channel]."""
    status = "approved" if approved else "rejected"
    not_after = "" if not_after_ms is None else not_after_ms
    args = [request_id, decision_id, status, responder, reason, channel, not_after, digest or ""]
    return list(run(DECIDE, _ending_keys(keys, request_id, "approval_decided"), args))


def expire(run: Run, keys: Keys, request_id: str) -> list[bytes | None]:
    """End a request that is due: [b'pending', ms left], [b'unknown', b''], or its end from `status` on.

    The eighth part of an end is b'1' when this call made it.
    """
    return list(run(EXPIRE, _ending_keys(keys, request_id, "approval_expired"), [request_id]))


def cancel(run: Run, keys: Keys, request_id: str, reason: str, *, lost: bool = False) -> bool:
    """End a pending request as cancelled; with `lost`, also one of which the server has nothing left."""
    args = [request_id, reason, "1" if lost else ""]
    return bool(run(CANCEL, _ending_keys(keys, request_id, "approval_cancelled"), args))


def collect(run: Run, keys: Keys, request_id: str) -> bool:
    """Mark that an agent holds the outcome; True for the first mark."""
    script_keys = [keys.approval_request(request_id), keys.outbox, keys.installation]
    return bool(run(COLLECT, script_keys, [request_id]))


def beat(
    run: Run, keys: Keys, *, agent_id: str, instance: str, record: str, mode: str, event: str | None
) -> str:
    """Store a heartbeat; returns the rival process beating under the same name, or ''."""
    script_keys = [
        keys.agent_beat(agent_id),
        keys.agent_record(agent_id),
        keys.agents_changed,
        keys.agents_running,
    ]
    args = [agent_id, instance, record, mode]
    if event is not None:
        script_keys += [keys.event_stream("agent_heartbeat"), keys.event_types]
        args.append(event)
    return bytes(run(BEAT, script_keys, args)).decode()


def _names(members: Sequence[bytes]) -> list[str]:
    # What is no UTF-8 was not written by us; no record answers to it.
    return [member.decode(errors="replace") for member in members]


def stale_agents(run: Run, keys: Keys, age_ms: int) -> list[str]:
    """Agents that have not stopped and whose last beat is older, oldest first."""
    return _names(run(STALE, [keys.agents_running], [age_ms]))


def live_agents(run: Run, keys: Keys) -> list[str]:
    """Agents that beat within the lifetime of a beat; those that stopped since have no beat key."""
    return _names(run(LIVE, [keys.agents_changed], [key_rules.BEAT_TTL_MS]))


def look(run: Run, keys: Keys, *, since_ms: int, late_ms: int, lost_ms: int) -> tuple[int, list[str]]:
    """Server time, and the agents to draw again: those that beat or crossed a threshold since then."""
    now, *agents = run(LOOK, [keys.agents_changed, keys.agents_running], [since_ms, late_ms, lost_ms])
    return int(now), sorted(set(_names(agents)))


def recorded(run: Run, keys: Keys, position: str, oldest_kept: str) -> None:
    """Tell watchers that SQL holds the outbox up to `position`, and drop entries before `oldest_kept`."""
    run(RECORDED, [keys.outbox, keys.recorded], [position, oldest_kept])


def ship(
    run: Run,
    keys: Keys,
    *,
    spool: str,
    days: Sequence[str],
    seen_days: Sequence[str],
    expires_ms: Sequence[int],
    batch: Sequence[Any],
) -> tuple[int, int]:
    """Count a batch of calls: how far the spool is shipped now, and how many calls this run counted."""
    script_keys = [
        keys.usage_shipped(spool),
        keys.usage_recent,
        *(keys.usage_seen(date) for date in seen_days),
        keys.outbox,
        keys.installation,
        keys.event_stream("llm_call"),
        keys.event_types,
        *(keys.usage_day(date) for date in days),
    ]
    shipped, counted = run(SHIP, script_keys, [*batch[:2], len(days), *expires_ms, *batch[2:]])
    return int(shipped), int(counted)


def usage_reset(run: Run, keys: Keys, dates: Sequence[str]) -> int:
    """Forget the totals of these days and the newest calls, tell the recorder to; the server's time in ms."""
    days = [keys.usage_day(date) for date in dates]
    return int(run(USAGE_RESET, [keys.usage_recent, keys.outbox, keys.installation, *days], []))
