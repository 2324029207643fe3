"""What the recorder says of itself in Redis, how much of the outbox waits for it, and what its repair asks.

It stands there for a week after the recorder's last heartbeat, so it can be read when the recorder is dead.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from ..values.approvals import APPROVED, PENDING, STATUSES
from ..values.digests import HASHED, edited_digest
from ..values.moments import at, milliseconds_of
from ..values.pairs import pairs, text_pairs
from .client import Line, Store
from .keys import RECORDER_SILENT_MS, Keys
from .script import SCRIPTS, Argument, Command, nothing, refuse_errors

ERROR_LENGTH = 500
UNREADABLE = "unreadable"


@dataclass(frozen=True)
class RecorderHeartbeat:
    """Who records and how it goes, at `now` by Redis's clock. Instances are `host:process`.

    state: `recording`, `troubled` (it lives and cannot record), `silent` (no heartbeat for 10 s), `never` (none within
    a week).
    """

    now: datetime
    state: str
    active: str
    seen: datetime | None
    standby: str
    error: str
    error_at: datetime | None
    replaced_at: datetime | None
    set_aside: int
    alarms: int = 0
    unanswerable: int = 0

    @property
    def recording(self) -> bool:
        """Whether changes reach SQL now."""
        return self.state == "recording"


@dataclass(frozen=True)
class RecorderState:
    """The recorder's heartbeat, and the outbox behind the place that SQL holds.

    waiting: entries not recorded, exact where `more` is False. waiting_since: when the first of them was written.
    """

    heartbeat: RecorderHeartbeat
    waiting: int
    more: bool
    waiting_since: datetime | None
    outbox_length: int
    installation: str

    @property
    def lag_seconds(self) -> float:
        """How long the oldest change has waited for SQL; 0 when nothing waits."""
        now = self.heartbeat.now
        return max(0.0, (now - (self.waiting_since or now)).total_seconds())


def sign(
    keys: Keys,
    instance: str,
    *,
    recorded: bool,
    trouble: str,
    replaced: bool,
    set_aside: int,
    error: str,
    alarms: int = 0,
    unanswerable: int = 0,
) -> Command[None]:
    """Say that this recorder lives. `trouble` is why it cannot record now, `error` what went wrong since last time."""
    flags = ["1" if recorded else "", trouble[:ERROR_LENGTH], "1" if replaced else ""]
    counts: list[Argument] = [set_aside, error[:ERROR_LENGTH], alarms, unanswerable]
    return Command(SCRIPTS["recorder/sign"], [keys.recorder], [instance, *flags, *counts], nothing)


def read_heartbeat(store: Store | Line) -> RecorderHeartbeat:
    """The recorder's heartbeat alone: one round trip."""
    time, flat = store.read_many([["TIME"], ["HGETALL", store.keys.recorder]])
    refuse_errors("the recorder's heartbeat", flat)
    return _heartbeat(at(milliseconds_of(time)), text_pairs(flat))


def look(keys: Keys, installation: str, position: str) -> Command[RecorderState]:
    """Everything, measured against the place that SQL holds."""
    script_keys = [keys.recorder, keys.outbox, keys.installation]
    return Command(SCRIPTS["recorder/look"], script_keys, [installation, position], _recorder_state)


def _recorder_state(reply: list[Any]) -> RecorderState:
    now, waiting, more, first, length, found, flat = reply
    return RecorderState(
        _heartbeat(at(now), text_pairs(flat)),
        int(waiting),
        more == b"1",
        _moment(bytes(first).split(b"-")[0]),
        int(length),
        bytes(found).decode(errors="replace"),
    )


def _heartbeat(now: datetime, said: Mapping[str, str]) -> RecorderHeartbeat:
    seen = _moment(said.get("active_ms"))
    return RecorderHeartbeat(
        now=now,
        state=_state_word(now, seen, said.get("trouble", "")),
        active=said.get("active", ""),
        seen=seen,
        standby=said.get("standby", "") if _fresh(now, _moment(said.get("standby_ms"))) else "",
        error=said.get("error", ""),
        error_at=_moment(said.get("error_ms")),
        replaced_at=_moment(said.get("replaced_ms")),
        set_aside=_count(said, "set_aside"),
        alarms=_count(said, "alarms"),
        unanswerable=_count(said, "unanswerable"),
    )


def _count(said: Mapping[str, str], name: str) -> int:
    text = said.get(name, "")
    return int(text) if text.isdecimal() and len(text) <= 15 else 0


def _state_word(now: datetime, seen: datetime | None, trouble: str) -> str:
    if seen is None:
        return "never"
    if not _fresh(now, seen):
        return "silent"
    return "troubled" if trouble else "recording"


def _fresh(now: datetime, seen: datetime | None) -> bool:
    return seen is not None and (now - seen).total_seconds() * 1000 <= RECORDER_SILENT_MS


def _moment(milliseconds: str | bytes | None) -> datetime | None:
    """None for what is no moment: what Redis holds breaks no page."""
    try:
        return at(milliseconds or "")
    except ValueError:
        return None


class EndState(NamedTuple):
    """How a request ended by one place of Redis; all are text, as they stand there."""

    status: str
    responder: str
    ended_ms: str
    edited: str = ""  # the digest of the changed arguments


class RedisEnds(NamedTuple):
    """What Redis itself says of the end of a request, beside the outbox.

    own: of its hash, None where it is pending there or gone. heard: what its waiters read first, None for nothing.
    digest: of what the hash holds now, '' where it is gone. collected_ms: when it was collected.
    """

    own: EndState | None
    heard: EndState | None
    digest: str
    collected_ms: str = ""

    @property
    def says_yes(self) -> bool:
        """Whether there is a yes in any place that its asker reads."""
        return any(end is not None and end.status == APPROVED for end in (self.own, self.heard))

    @property
    def ends(self) -> EndState | None:
        """The end that stands; what waiters read counts only where there is no hash that could say otherwise."""
        return self.own or (None if self.digest else self.heard)


def read_ends(store: Store, request_ids: list[str]) -> tuple[datetime, dict[str, RedisEnds]]:
    """The server's time, and what it says of the ends of these requests: one round trip."""
    commands: list[list[str | int]] = []
    for id_ in request_ids:
        of_hash = ("status", "responder", "ended_ms", "arguments", "collected_ms", *HASHED)
        commands.append(["HMGET", store.keys.approval_request(id_), *of_hash])
        commands.append(["XRANGE", store.keys.approval_ended(id_), "-", "+", "COUNT", 1])
    time, *replies = store.read_many([["TIME"], *commands])
    found = zip(request_ids, replies[::2], replies[1::2], strict=True)
    return at(milliseconds_of(time)), {id_: _ends(hash_, stream) for id_, hash_, stream in found}


def _ends(hash_: Any, stream: Any) -> RedisEnds:
    own, heard, digest, collected_ms = None, None, "", ""
    if not isinstance(hash_, Exception) and any(hash_):
        end = _end_state(hash_[:4])
        own = None if end.status == PENDING else end
        collected_ms = (hash_[4] or b"").decode(errors="replace")
        digest = _digest(hash_[5:])
    if not isinstance(stream, Exception) and stream:
        said = pairs(stream[0][1] or [])
        heard = _end_state([said.get(name) for name in (b"status", b"responder", b"ended_ms", b"arguments")])
    return RedisEnds(own, heard, digest, collected_ms)


def _end_state(parts: Sequence[bytes | None]) -> EndState:
    status, responder, ended_ms = ((part or b"").decode(errors="replace") for part in parts[:3])
    return EndState(status, responder, ended_ms, edited_digest(parts[3] or b""))


def read_queued(store: Store, agents: Mapping[str, str]) -> dict[str, bool]:
    """Whether requests that Redis does not have, by id with the agent that is said to ask, are in the queue yet, or in
    the list of what that agent asked: one round trip."""
    commands: list[list[str | int]] = []
    for id_, agent in agents.items():
        commands.append(["ZSCORE", store.keys.approvals_pending, id_])
        commands.append(["ZSCORE", store.keys.approvals_asked(agent), id_])
    replies = store.read_many(commands)
    found = zip(agents, replies[::2], replies[1::2], strict=True)
    return {id_: any(isinstance(score, bytes | float) for score in scores) for id_, *scores in found}


class RequestState(NamedTuple):
    """How a request stands in Redis; status is `unreadable` where its key holds something else.

    digest: as its field says; found: of the bytes that stand there.
    """

    status: str
    decision_id: str
    digest: str
    found: str = ""
    collected: bool = False


def read_states(store: Store, request_ids: list[str]) -> tuple[datetime, dict[str, RequestState | None]]:
    """The server's time, and read after it how each request stands; None where the server has nothing."""
    keys = [store.keys.approval_request(request_id) for request_id in request_ids]
    commands = [["HMGET", key, "status", "decision_id", "digest", "collected_ms", *HASHED] for key in keys]
    time, *replies = store.read_many([["TIME"], *commands])
    now = at(milliseconds_of(time))
    return now, {id_: _request_state(reply) for id_, reply in zip(request_ids, replies, strict=True)}


def _request_state(reply: list[bytes | None] | Exception) -> RequestState | None:
    if isinstance(reply, Exception):
        return RequestState(UNREADABLE, "", "")
    if not any(reply):
        return None
    status, decision_id, digest, collected = ((part or b"").decode(errors="replace") for part in reply[:4])
    known = status if status in STATUSES else UNREADABLE
    return RequestState(known, decision_id, digest, _digest(reply[4:]), bool(collected))


def _digest(parts: Sequence[bytes | None]) -> str:
    return hashlib.sha256(b"\n".join(part or b"" for part in parts)).hexdigest()
