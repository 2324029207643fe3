"""The commands that make and end requests, as Redis runs them."""

import logging
import math
from datetime import datetime
from typing import NamedTuple

from ...values.approvals import (
    APPROVAL_CANCELLED,
    APPROVAL_DECIDED,
    APPROVAL_EXPIRED,
    APPROVAL_REQUESTED,
    EVENT_OF_END,
    LOST_REASON,
    NO_DEADLINE_MS,
    approval_mark,
    status_of_answer,
)
from ...values.digests import edited_digest, request_digest
from ...values.json import measure
from ...values.malformed import ODD
from ...values.moments import at
from ..client import Store
from ..keys import Keys
from ..rights import policy
from ..script import SCRIPTS, Argument, Command, as_it_is, nothing

logger = logging.getLogger(__name__)


class Question(NamedTuple):
    """What is asked. `context`: exactly the JSON text that is hashed. `seconds`: to answer, `math.inf` for no deadline.

    `key`: the asker's own name for it, or ''. `understands`: the answers beside yes and no, with commas between them.
    `revises`: the request that was answered by asking back, or ''.
    """

    request_id: str
    agent_id: str
    approval_type: str
    context: bytes
    seconds: float
    key: str = ""
    understands: str = ""
    revises: str = ""

    @property
    def digest(self) -> str:
        """The digest that its record will have."""
        return request_digest(self.agent_id, self.approval_type, self.context)

    @property
    def timeout_text(self) -> str:
        """The seconds as they are stored: without a deadline those until the last moment of all."""
        return repr(NO_DEADLINE_MS / 1000 if self.seconds == math.inf else self.seconds)


class CollectionMark(NamedTuple):
    """That an outcome is in an asker's hands: since when, and under which claim or ''. `first`: since this call."""

    first: bool
    collected_at: datetime
    claim: str
    channel: str
    agent_id: str
    key: str


class Answer(NamedTuple):
    """A decision on its way to Redis. `not_after`: Redis's clock must be before it. `digest`: of what was seen.

    `seen`: what that digest was made of; None where Redis is to be asked for it. `answer`: edited or changes where it
    is that, `edited`: the changed arguments.
    """

    request_id: str
    approved: bool
    responder: str
    reason: str
    channel: str
    decision_id: str
    not_after: datetime | None = None
    digest: str | None = None
    seen: bytes | None = None
    signature: str = ""
    answer: str = ""
    edited: bytes = b""


class End(NamedTuple):
    """How a request ended, as SQL knows it. `digest`: of what ended so. `collected_at`, `claim`: who has used it."""

    request_id: str
    digest: str
    status: str
    responder: str
    reason: str
    ended_at: datetime
    decision_id: str
    channel: str
    signature: str = ""
    collected_at: datetime | None = None
    claim: str = ""
    answer: str = ""
    edited: bytes = b""


def request(keys: Keys, question: Question, left_ms: int | None, gone: bytes = b"") -> Command[list[bytes]]:
    """Store a request that is due in `left_ms`, or never: [requested ms, deadline ms, outbox length, nobody].

    nobody: b'1' where the site says that nobody can approve it now.
    Else [b'known', id, nobody] of what its key names but `gone`; [b'withdrawn'], [b'taken'], or [b'over', what, most].
    """
    request_id, agent_id, approval_type, context, _seconds, key, understands, revises = question
    script_keys = [
        keys.approval_request(request_id),
        keys.approvals_pending,
        keys.outbox,
        keys.installation,
        keys.event_stream(APPROVAL_REQUESTED),
        keys.event_types,
        keys.approvals_asked(agent_id),
        keys.approval_withdrawn(request_id),
        keys.approvals_limits,
        keys.approvals_policy,
    ]
    if key:
        script_keys.append(keys.approval_key(agent_id, key))
    about: list[Argument] = [request_id, agent_id, approval_type, context, question.digest]
    more: list[Argument] = [question.timeout_text, key, gone, understands, revises]
    args: list[Argument] = [*about, "" if left_ms is None else left_ms, *more]
    args += [*measure(context), *policy.fields_of(approval_type, agent_id)]
    return Command(SCRIPTS["approvals/request"], script_keys, args, as_it_is)


def set_limits(store: Store, **limits: int) -> None:
    """What an agent may do, 0 for no limit: every asker and publisher keeps to it.

    waiting: requests that wait. a_minute: requests asked in a minute. values, levels: of a context. event_types: born
    within 7 days.
    """
    store.write("HSET", store.keys.approvals_limits, *(part for limit in limits.items() for part in limit))


def withdraw(keys: Keys, question: Question, reason: str) -> Command[None]:
    """End a request that its asker believes is not stored, or see to it that it never is."""
    script_keys = _ending_keys(keys, question.request_id, APPROVAL_CANCELLED)
    script_keys.append(keys.approval_withdrawn(question.request_id))
    if question.key:
        script_keys.append(keys.approval_key(question.agent_id, question.key))
    return Command(SCRIPTS["approvals/withdraw"], script_keys, [question.request_id, reason], nothing)


def _ending_keys(keys: Keys, request_id: str, event_type: str) -> list[str]:
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


def decide(keys: Keys, answer: Answer) -> Command[list[bytes]]:
    """Decide a request: [outcome, status, approved, responder, reason, ended ms, decision id, channel]."""
    # Cut off and not rounded: a limit is never later than it says.
    not_after = "" if answer.not_after is None else int(answer.not_after.timestamp() * 1000)
    status = status_of_answer(answer.approved)
    said = [answer.request_id, answer.decision_id, status, answer.responder, answer.reason, answer.channel]
    args: list[Argument] = [*said, not_after, answer.digest or "", answer.seen or b"", answer.signature]
    args += [answer.answer, answer.edited, edited_digest(answer.edited)]
    script_keys = [*_ending_keys(keys, answer.request_id, APPROVAL_DECIDED), keys.approvals_policy]
    return Command(SCRIPTS["approvals/decide"], script_keys, args, as_it_is)


def expire(keys: Keys, request_id: str) -> Command[list[bytes | None]]:
    """End a request that is due: [b'pending', ms left], [b'unknown', b''], or its end from `status` on.

    The last part of an end is b'1' when this call made it; before it stand signature, answer and changed arguments.
    """
    return Command(
        SCRIPTS["approvals/expire"], _ending_keys(keys, request_id, APPROVAL_EXPIRED), [request_id], as_it_is
    )


def cancel(keys: Keys, request_id: str, reason: str) -> Command[bool]:
    """End a pending request as cancelled; whether this call did."""
    return Command(
        SCRIPTS["approvals/cancel"],
        _ending_keys(keys, request_id, APPROVAL_CANCELLED),
        [request_id, reason, ""],
        bool,
    )


def cancel_lost(keys: Keys, request_id: str) -> Command[bool]:
    """End a request of which the server has nothing left, so that those who still wait for it wake."""
    args = [request_id, LOST_REASON, "1"]
    return Command(
        SCRIPTS["approvals/cancel"], _ending_keys(keys, request_id, APPROVAL_CANCELLED), args, bool
    )


def extend(
    keys: Keys, request_id: str, *, digest: str, deadline_ms: int, extension_id: str, agent_id: str, key: str
) -> Command[str]:
    """Move the deadline of a request that waits: extended; or why not: unknown, changed or another end.

    agent_id, key: whose it is, and the name that it gave the request, or ''.
    """
    script_keys = [
        keys.approval_request(request_id),
        keys.approvals_pending,
        keys.outbox,
        keys.installation,
        keys.approvals_asked(agent_id),
    ]
    if key:
        script_keys.append(keys.approval_key(agent_id, key))
    return Command(
        SCRIPTS["approvals/extend"],
        script_keys,
        [request_id, digest, deadline_ms, extension_id],
        bytes.decode,
    )


def collect(keys: Keys, request_id: str, claim: str = "") -> Command[CollectionMark | None]:
    """Mark that an asker holds the outcome: the mark that stands, or None where the server has none to read."""
    script_keys = [keys.approval_request(request_id), keys.outbox, keys.installation]
    return Command(SCRIPTS["approvals/collect"], script_keys, [request_id, claim], _mark)


def _mark(reply: list[bytes]) -> CollectionMark | None:
    if not reply:
        return None
    first, collected_ms, *texts = reply
    claim, channel, agent_id, key = (text.decode(errors="replace") for text in texts)
    try:
        return CollectionMark(first == b"1", at(collected_ms), claim, channel, agent_id, key)
    except ODD as error:
        logger.warning("set aside: when an outcome was collected: %s", error)
        return None


def restore(keys: Keys, end: End, *, lost: bool = False) -> Command[str]:
    """Give a request that a restored server offers again the end that SQL knows, and who has collected it.

    lost: also one of which the server has nothing left, so that those who still wait hear it. Says restored,
    collected (it had this end without the mark), unknown, ended (it has an end) or changed (it is another request).
    """
    event_type = EVENT_OF_END.get(end.status, APPROVAL_DECIDED)
    said = [end.status, approval_mark(end.status, end.answer), end.responder, end.reason]
    args: list[Argument] = [end.request_id, end.digest, event_type, *said]
    args += [round(end.ended_at.timestamp() * 1000), end.decision_id, end.channel, "1" if lost else ""]
    collected_ms = "" if end.collected_at is None else round(end.collected_at.timestamp() * 1000)
    args += [collected_ms, end.claim, end.signature, end.answer, end.edited, edited_digest(end.edited)]
    return Command(
        SCRIPTS["approvals/restore_end"], _ending_keys(keys, end.request_id, event_type), args, bytes.decode
    )
