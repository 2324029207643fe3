"""The Lua scripts: each file is loaded once, its sha computed here, and has one typed function.

`run` is `Store.run` or `Line.run`, so the caller chooses the connection and the time limit.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from . import keys as key_rules
from .keys import Keys

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


REQUEST = _load("approvals/request")
DECIDE = _load("approvals/decide")
EXPIRE = _load("approvals/expire")
CANCEL = _load("approvals/cancel")
COLLECT = _load("approvals/collect")
RESTORE_END = _load("approvals/restore_end")
BEAT = _load("agents/beat")
STALE = _load("agents/stale")
LIVE = _load("agents/live")
LOOK = _load("agents/look")
LOST = _load("agents/lost")
RECORDED = _load("recorder/recorded")
RECORDER_SIGN = _load("recorder/sign")
RECORDER_LOOK = _load("recorder/look")
SHIP = _load("usage/ship")
USAGE_RESET = _load("usage/reset")
USAGE_REBUILD = _load("usage/rebuild")
AUTOMATION = _load("automation/record")
SIGNAL = _load("signals/send")
MAILBOX = _load("signals/mailbox")
FEEDBACK = _load("feedback/record")
FEEDBACK_CLEAR = _load("feedback/clear")
FEEDBACK_TEMPLATE = _load("feedback/template")
PUBLISH = _load("events/publish")
NEWEST = _load("events/newest")
STREAM_INFO = _load("events/stream_info")
PUBLISHED_BY = _load("events/published_by")
TIDY = _load("events/tidy")
ALL = tuple(script for script in list(globals().values()) if isinstance(script, Script))


def ending_keys(keys: Keys, request_id: str, event_type: str) -> list[str]:
    """The keys of every script that ends a request."""
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
    return list(run(DECIDE, ending_keys(keys, request_id, "approval_decided"), args))


def expire(run: Run, keys: Keys, request_id: str) -> list[bytes | None]:
    """End a request that is due: [b'pending', ms left], [b'unknown', b''], or its end from `status` on.

    The eighth part of an end is b'1' when this call made it.
    """
    return list(run(EXPIRE, ending_keys(keys, request_id, "approval_expired"), [request_id]))


def cancel(run: Run, keys: Keys, request_id: str, reason: str, *, lost: bool = False) -> bool:
    """End a pending request as cancelled; with `lost`, also one of which the server has nothing left."""
    args = [request_id, reason, "1" if lost else ""]
    return bool(run(CANCEL, ending_keys(keys, request_id, "approval_cancelled"), args))


def collect(run: Run, keys: Keys, request_id: str) -> bool:
    """Mark that an agent holds the outcome; True for the first mark."""
    script_keys = [keys.approval_request(request_id), keys.outbox, keys.installation]
    return bool(run(COLLECT, script_keys, [request_id]))


class BeatNews(NamedTuple):
    """What few beats carry: `tell` for the record, '' for nothing; `change` for the timeline."""

    tell: str
    change: bool
    run_id: str
    status: str
    progress: str
    task: str
    display_name: str
    metadata: str


def beat(
    run: Run,
    keys: Keys,
    *,
    agent_id: str,
    instance: str,
    record: str,
    mode: str,
    event: str | None,
    news: BeatNews | None,
) -> str:
    """Store a heartbeat; returns the rival process beating under the same name, or ''.

    '-' when the agent was taken for lost: it beats again, and the record has not been told.
    """
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
    if news is not None:
        if news.tell:
            script_keys += [keys.outbox, keys.installation]
        if news.change:
            script_keys.append(keys.agent_timeline(agent_id))
        args += [""] * (5 - len(args)) + [news.tell, "1" if news.change else "", *news[2:]]
    return bytes(run(BEAT, script_keys, args)).decode()


def lost_agents(run: Run, keys: Keys, since_ms: int) -> tuple[int, dict[str, int]]:
    """Server time, and the agents whose beat key expired since then without a stop, with their last beat."""
    now, *flat = run(LOST, [keys.agents_running], [since_ms, key_rules.BEAT_TTL_MS])
    return int(now), dict(zip(_names(flat[::2]), map(int, flat[1::2]), strict=True))


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


class SpoiltSum(NamedTuple):
    """A sum of a day to which nothing could be added, and which is counted anew from 0."""

    date: str
    name: bytes
    value: bytes


def ship(
    run: Run,
    keys: Keys,
    *,
    spool: str,
    days: Sequence[str],
    seen_days: Sequence[str],
    expires_ms: Sequence[int],
    batch: Sequence[Any],
) -> tuple[int, int, list[SpoiltSum]]:
    """Count a batch of calls: how far the spool is shipped now, how many calls this run counted, sums set aside."""
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
    shipped, counted, spoilt = run(SHIP, script_keys, [*batch[:2], len(days), *expires_ms, *batch[2:]])
    told = zip(spoilt[::3], spoilt[1::3], spoilt[2::3], strict=True)
    return int(shipped), int(counted), [SpoiltSum(days[day - 1], name, value) for day, name, value in told]


def usage_reset(run: Run, keys: Keys, dates: Sequence[str], seen_days: Sequence[str]) -> int:
    """Forget the totals and the ids of these days and the newest calls, tell the recorder to; the server's ms."""
    seen = [keys.usage_seen(date) for date in seen_days]
    days = [keys.usage_day(date) for date in dates]
    return int(run(USAGE_RESET, [keys.usage_recent, keys.outbox, keys.installation, *seen, *days], []))


def automation(run: Run, keys: Keys, *, kind: str, record: bytes) -> int:
    """Put a record of automated work into the outbox; the length of an outbox that is capped, else 0."""
    return int(run(AUTOMATION, [keys.outbox, keys.installation], [kind, record]))


def signal(
    run: Run,
    keys: Keys,
    *,
    signal_id: str,
    signal_type: str,
    source: str,
    target: str | None,
    payload: bytes,
    ttl_ms: int,
    ttl_text: str,
    event: str | None,
) -> None:
    """Put a signal into the inbox of `target`, or among the broadcasts when it is None."""
    if target is None:
        script_keys = [keys.signals_broadcast, keys.signals_broadcast_expiry, keys.signals_order]
    else:
        script_keys = [keys.signals_inbox(target), keys.signals_expiry(target), keys.signals_order]
    args = [signal_id, signal_type, source, payload, ttl_ms, ttl_text]
    if event is not None:
        script_keys += [keys.event_stream("coordination_signal"), keys.event_types]
        args.append(event)
    run(SIGNAL, script_keys, args)


class Position(NamedTuple):
    """How far a mailbox was read: the last inbox entry and the last broadcast, '' before the first."""

    inbox: str = ""
    broadcast: str = ""


START = Position()


class MailboxPage(NamedTuple):
    """What `mailbox` found. `signals`: inbox or broadcast, id, type, source, sent ms, ttl, payload."""

    more: bool
    position: Position
    matches: int
    malformed: list[str]
    signals: list[list[bytes]]


def mailbox(
    run: Run,
    keys: Keys,
    mode: str,
    *,
    agent_id: str,
    signal_type: str | None,
    source: str | None,
    most: int = 1,
    after: Position = START,
    claim: str | None = None,
    asked_before: bool = False,
) -> MailboxPage:
    """Matching signals, oldest first. mode: 'look', 'take' (one) or 'clear'.

    With a `claim`, an id of the caller's own, a 'take' that is `asked_before` answers the same again.
    """
    script_keys = [
        keys.signals_inbox(agent_id),
        keys.signals_expiry(agent_id),
        keys.signals_broadcast,
        keys.signals_broadcast_expiry,
        keys.signals_consumed(agent_id),
    ]
    if claim is not None:
        script_keys.append(keys.signals_claimed(claim))
    args = [mode, most, signal_type or "", source or "", *after, "1" if asked_before else ""]
    more, inbox, broadcast, count, malformed, signals = run(MAILBOX, script_keys, args)
    position = Position(inbox.decode(), broadcast.decode())
    return MailboxPage(bool(more), position, count, [entry.decode() for entry in malformed], signals)


def feedback(
    run: Run, keys: Keys, *, workflow: str, stage: str, tier: str, score: str, rating: str, event: str
) -> None:
    """Store a rating as the newest of its tier, let the oldest go, and publish it."""
    script_keys = _feedback_keys(keys, workflow, stage, tier)
    run(FEEDBACK, script_keys, [score, rating, key_rules.stage_member(stage, tier), event])


@lru_cache(maxsize=1_000)
def _feedback_keys(keys: Keys, workflow: str, stage: str, tier: str) -> list[str]:
    # Kept: building five keys costs a tenth of what recording a rating does.
    return [
        keys.feedback_ratings(workflow, stage, tier),
        keys.feedback_scores(workflow, stage, tier),
        keys.feedback_stages(workflow),
        keys.event_stream("quality_feedback"),
        keys.event_types,
    ]


def feedback_clear(run: Run, keys: Keys, workflow: str, stages: Sequence[tuple[str, str]]) -> int:
    """Delete the ratings of these stages and tiers of one workflow; returns how many there were."""
    script_keys = [keys.feedback_stages(workflow)]
    for stage, tier in stages:
        script_keys += [
            keys.feedback_ratings(workflow, stage, tier),
            keys.feedback_scores(workflow, stage, tier),
        ]
    members = [key_rules.stage_member(stage, tier) for stage, tier in stages]
    return int(run(FEEDBACK_CLEAR, script_keys, members))


def feedback_template(run: Run, keys: Keys, template: str, rating: str) -> tuple[int, int]:
    """Count a rating of a template, `good` or `bad`; returns how many of each there are."""
    good, bad = run(FEEDBACK_TEMPLATE, [keys.feedback_template(template)], [rating])
    return int(good), int(bad)
