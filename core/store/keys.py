"""Every key, its lifetime, and the rule by which a name from outside becomes part of one.

This is the only file that knows the prefix. `{namespace}` is a hash tag: all keys of one
installation live in one slot, so a script or a blocking read may touch any of them.
"""

import hashlib
import re
import uuid
from dataclasses import dataclass
from functools import cached_property, lru_cache
from urllib.parse import quote

DEFAULT_NAMESPACE = "telemetry"

DAY_MS = 24 * 3600 * 1000
BEAT_TTL_MS = 30 * 1000
AGENT_TTL_MS = DAY_MS
TIMELINE_TTL_MS = DAY_MS
TIMELINE_LENGTH = 500
ENDED_TTL_MS = 7 * DAY_MS
WITHDRAWN_TTL_MS = DAY_MS
ASKED_TTL_MS = 372 * DAY_MS  # the longest time to answer, and that for which an end is kept
ASKED_LENGTH = 1_000
EVENT_TTL_MS = 7 * DAY_MS
EVENT_STREAM_LENGTH = 10_000
EVENT_TYPES_LENGTH = 10_000
ORDER_TTL_MS = DAY_MS
CLAIM_TTL_MS = 10 * 1000
EXPIRED_AT_ONCE = 100
PAGE_BYTES = 1024 * 1024
OUTBOX_LENGTH_WITHOUT_RECORDER = 100_000
RECORDED_LENGTH = 1_000
RECORDER_TTL_MS = 7 * DAY_MS
RECORDER_SILENT_MS = 10 * 1000
LAG_COUNTED = 1_000
LAG_COUNTED_BYTES = 1024 * 1024
USAGE_RECENT_LENGTH = 10_000
USAGE_RECENT_TTL_MS = 90 * DAY_MS
USAGE_SHIPPED_TTL_MS = 90 * DAY_MS
USAGE_SEEN_TTL_MS = 3 * DAY_MS
FEEDBACK_TTL_MS = 7 * DAY_MS
FEEDBACK_RATINGS = 100
TEMPLATE_TTL_MS = 90 * DAY_MS

_MARKED = "8"
_NAMESPACE = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


@lru_cache(maxsize=10_000)
def quoted(name: str) -> str:
    """Percent-quote `name` so that it can be neither a separator nor a pattern in a key."""
    return quote(name, safe="")


@lru_cache(maxsize=10_000)
def id_prefix_of(agent_id: str) -> str:
    """How the ids of an agent's requests begin, such as `8c6976e5-b541-8041-`, and so how their keys do.

    They are UUIDs of version 8 (RFC 9562): 60 bits of the SHA-256 of the agent's name, then 62 random ones. Agents of
    an earlier version make them of version 4, which tell nothing.
    """
    hashed = hashlib.sha256(agent_id.encode()).hexdigest()
    return f"{hashed[:8]}-{hashed[8:12]}-{_MARKED}{hashed[12:15]}-"


def new_request_id(agent_id: str) -> str:
    """A new id for what this agent asks."""
    random = uuid.uuid4().hex[16:]  # from the variant on
    return f"{id_prefix_of(agent_id)}{random[:4]}-{random[4:]}"


def is_marked(request_id: str) -> bool:
    """Whether it tells whose it is."""
    return request_id[14:15] == _MARKED


def is_of_another(request_id: str, agent_id: str) -> bool:
    """Whether it tells of another agent than this one."""
    return is_marked(request_id) and not request_id.startswith(id_prefix_of(agent_id))


def stage_member(stage: str, tier: str) -> str:
    """How a stage and a tier stand in the index of their workflow."""
    return f"{quoted(stage)}:{tier}"


@dataclass(frozen=True)
class Keys:
    """Builds the keys of one installation."""

    namespace: str = DEFAULT_NAMESPACE

    def __post_init__(self) -> None:
        if not _NAMESPACE.fullmatch(self.namespace):
            raise ValueError(
                f"TELEMETRY_NAMESPACE must be 1 to 40 of a-z, 0-9, - and _, not {self.namespace!r}"
            )

    def _key(self, *parts: str) -> str:
        return "{" + self.namespace + "}:" + ":".join(parts)

    def agent_beat(self, agent: str) -> str:
        """String, 30 s: the agent is alive; holds the beating process and a recent rival."""
        return self._key("agents", "beat", quoted(agent))

    def agent_record(self, agent: str) -> str:
        """String, 1 day: the last heartbeat as JSON."""
        return self._key("agents", "record", quoted(agent))

    @cached_property
    def agents_changed(self) -> str:
        """Sorted set, permanent: agent by server ms of its last beat, or of being put away; a day back."""
        return self._key("agents", "changed")

    @cached_property
    def agents_running(self) -> str:
        """Sorted set, permanent: the same for agents that have not stopped."""
        return self._key("agents", "running")

    def agent_timeline(self, agent: str) -> str:
        """Stream, 1 day after its last entry, about 500 entries: when status, task or progress changed."""
        return self._key("agents", "timeline", quoted(agent))

    def signals_inbox(self, agent: str) -> str:
        """Stream, as long as its last signal: what was sent to this agent alone, in the order of sending."""
        return self._key("signals", "inbox", quoted(agent))

    def signals_expiry(self, agent: str) -> str:
        """Sorted set, as long as the inbox: its entries by the server ms at which they expire."""
        return self._key("signals", "expiry", quoted(agent))

    def signals_consumed(self, agent: str) -> str:
        """Sorted set, as long as the broadcasts in it: those that this agent consumed, by expiry, and up to which
        it has read.
        """
        return self._key("signals", "consumed", quoted(agent))

    def signals_claimed(self, claim: str) -> str:
        """List, 10 s: the signal that one call consumed, in case its reply was lost."""
        return self._key("signals", "claimed", quoted(claim))

    @cached_property
    def signals_broadcast(self) -> str:
        """Stream, as long as its last signal: what was sent to every agent."""
        return self._key("signals", "broadcast")

    @cached_property
    def signals_broadcast_expiry(self) -> str:
        """Sorted set, as long as the broadcasts: their entries by the server ms at which they expire."""
        return self._key("signals", "broadcast_expiry")

    @cached_property
    def signals_order(self) -> str:
        """String, 1 day after the last signal: the microsecond under which it was put in order."""
        return self._key("signals", "order")

    def approval_request(self, request_id: str) -> str:
        """Hash, until 7 days after the end: the request, then its outcome."""
        return self._key("approvals", "request", quoted(request_id))

    def approval_ended(self, request_id: str) -> str:
        """Stream of one entry, 7 days: how the request ended. Waiters block on it."""
        return self._key("approvals", "ended", quoted(request_id))

    def approval_withdrawn(self, request_id: str) -> str:
        """String, 1 day: the asker was refused before this request was stored, so it is not stored any more."""
        return self._key("approvals", "withdrawn", quoted(request_id))

    def approval_key(self, agent: str, key: str) -> str:
        """String, until 7 days after the end that the asker collected, else after the deadline: the request's id."""
        return self._key("approvals", "key", quoted(agent), quoted(key))

    def approval_parked(self, agent: str, call: str) -> str:
        """String, 1 hour: the id of the request that a call of a tool was asked as; `call`: a digest of it."""
        return self._key("approvals", "parked", quoted(agent), quoted(call))

    def approval_listened(self, request_id: str) -> str:
        """String, 1 hour: a call over HTTP waited for this request; what is left of the hour tells when it last did."""
        return self._key("approvals", "listened", request_id)

    def approvals_asked(self, agent: str) -> str:
        """Sorted set, 7 days after the last deadline, at most 372: an agent's requests by server ms, the newest 1,000
        and those that wait where the site limits them.
        """
        return self._key("approvals", "asked", quoted(agent))

    @cached_property
    def approvals_limits(self) -> str:
        """Hash, permanent: how many requests of one agent may wait, and be asked in a minute, as the site set it."""
        return self._key("approvals", "limits")

    @cached_property
    def approvals_policy(self) -> str:
        """Hash, permanent: whether anybody can approve a kind of an agent now, and whether answers in Python count."""
        return self._key("approvals", "policy")

    @cached_property
    def approvals_pending(self) -> str:
        """Sorted set, permanent: request id by deadline in server ms."""
        return self._key("approvals", "pending")

    @cached_property
    def outbox(self) -> str:
        """Stream, permanent: every change that SQL must remember."""
        return self._key("outbox")

    @cached_property
    def recorded(self) -> str:
        """Stream, permanent, 1,000 entries: up to which outbox entry SQL has recorded."""
        return self._key("recorded")

    @cached_property
    def recorder(self) -> str:
        """Hash, 7 days after its last sign: who records, how it goes, what went wrong last."""
        return self._key("recorder")

    def event_stream(self, event_type: str) -> str:
        """Stream, 7 days after its last event, about 10,000 entries: published events of one type."""
        return self._key("events", "stream", quoted(event_type))

    def events_born(self, source: str) -> str:
        """Sorted set, 7 days after its last birth: the types that one source published first, by server ms of that."""
        return self._key("events", "born", quoted(source))

    @cached_property
    def event_types(self) -> str:
        """Stream, permanent, about 10,000 entries: one when a type is born; gives every event its id."""
        return self._key("events", "types")

    def feedback_ratings(self, workflow: str, stage: str, tier: str) -> str:
        """List, 7 days after its newest rating: the newest 100 ratings of a tier as JSON, newest first."""
        return self._key("feedback", "ratings", quoted(workflow), quoted(stage), quoted(tier))

    def feedback_scores(self, workflow: str, stage: str, tier: str) -> str:
        """List, 7 days after its newest rating: time and score of the same ratings, in the same order."""
        return self._key("feedback", "scores", quoted(workflow), quoted(stage), quoted(tier))

    def feedback_stages(self, workflow: str) -> str:
        """Sorted set, 7 days after its newest rating: stage and tier by server ms of their newest rating."""
        return self._key("feedback", "stages", quoted(workflow))

    def feedback_template(self, template: str) -> str:
        """Hash, 90 days after its newest rating: how often a template was called good and bad."""
        return self._key("feedback", "template", quoted(template))

    @cached_property
    def installation(self) -> str:
        """Hash, permanent: the id that the first recorder gave to this server's data."""
        return self._key("installation")

    @cached_property
    def rights(self) -> str:
        """String, permanent: a number that every change of what people may do raises."""
        return self._key("rights")

    @cached_property
    def rights_changing(self) -> str:
        """Sorted set, 10 s after the last change: changes on their way, by the server ms until which they count."""
        return self._key("rights", "changing")

    def usage_day(self, date: str) -> str:
        """Hash, for the longest retention of the trackers that wrote: exact totals of one UTC day of calls."""
        return self._key("usage", "day", quoted(date))

    @cached_property
    def usage_recent(self) -> str:
        """Sorted set, 90 days after the last call: the newest 10,000 calls by their time in microseconds."""
        return self._key("usage", "recent")

    def usage_shipped(self, spool: str) -> str:
        """String, 90 days: how many bytes of a spool are counted."""
        return self._key("usage", "shipped", quoted(spool))

    def usage_seen(self, date: str) -> str:
        """Set, 3 days: the call ids that callers gave, by the UTC day of their shipping."""
        return self._key("usage", "seen", quoted(date))


def prefix(keys: Keys, *parts: str) -> str:
    """How the keys of a part begin, such as those of signals."""
    return keys._key(*parts, "")
