"""How an agent waits for the end of its request: blocked in Redis, with time limits that hold.

The end is a stream entry, so every waiter wakes, and one that reconnects finds it at once.
"""

import logging
import math
import time
from dataclasses import replace
from typing import Any, NamedTuple

from .. import failpoints
from ..errors import AlreadyCollected, StoreUnavailable
from ..store import approvals, outbox
from ..store.client import READ_OVERTIME, Line, Store
from ..store.keys import ENDED_TTL_MS
from ..values.approvals import (
    ANSWER_OF,
    APPROVED,
    CANCELLED,
    CHANGES,
    EDITED,
    ENDS,
    EXTENDED,
    PENDING,
    REJECTED,
    RESPONSE_OF_END,
    UNAVAILABLE,
    UNKNOWN,
    approval_mark,
)
from ..values.digests import edited_digest
from ..values.json import loads_strictly
from ..values.malformed import ODD
from ..values.moments import at
from ..values.pairs import pairs
from ..values.signature import signed_status
from .proof import Proof
from .request import ApprovalRequest, ApprovalResponse, is_away, refusal

logger = logging.getLogger(__name__)

SLICE_SECONDS = 30.0
OVERTIME_SECONDS = 0.8  # `request_approval` returns within its timeout and one second
NO_SUCH_REQUEST = "unknown: no such request"
LOST = "cancelled: lost by the server, which no longer knows the request"
TOO_LATE = "cancelled: the asker's time was up before the server's"
_PENDING, _UNKNOWN = PENDING.encode(), UNKNOWN.encode()
_MEANINGS = {(status, approval_mark(status), "") for status in ENDS}
_MEANINGS |= {(status, approval_mark(status, answer), answer) for answer, status in ANSWER_OF.items()}
_END = (
    *(b"status", b"approved", b"responder", b"reason", b"ended_ms"),
    *(b"channel", b"signature", b"answer", b"arguments"),
)
NOT_UNDERSTOOD = (
    "unavailable: it was approved with other arguments, and this call did not say that it understands that"
)


class Hearing(NamedTuple):
    """How an outcome is heard. claim: an approval is for this name alone. proof: a yes is held to it.

    understands: the answers beside yes and no that its caller acts on, with commas between them.
    """

    claim: str = ""
    proof: Proof | None = None
    understands: str = ""

    @property
    def extends(self) -> bool:
        """Whether a later deadline is heard."""
        return EXTENDED in self.understands.split(",")


PLAIN = Hearing()


class Pending(NamedTuple):
    """A request that is stored, until when its asker waits for it (monotonic), and how it hears the answer."""

    request: ApprovalRequest
    deadline: float
    hearing: Hearing


def wait(
    store: Store, request_id: str, deadline: float, end: float, hearing: Hearing = PLAIN
) -> ApprovalResponse | None:
    """Wait until it has ended, or to its deadline, which ends it; until `end` at most: then None.

    deadline, end: monotonic. Who hears of a later deadline looks for one when its own has come, and waits on. Raises
    what `wait_until` raises; where `end` is the deadline or later it is an outcome, as `wait_for_end` has it.
    """
    if hearing.extends and end < math.inf:
        return _wait_within(store, request_id, deadline, end, hearing)
    if end >= deadline:
        return wait_for_end(store, request_id, deadline, hearing)
    return wait_until(store, request_id, end, hearing)


def wait_for_end(
    store: Store, request_id: str, deadline: float, hearing: Hearing = PLAIN
) -> ApprovalResponse:
    """Wait to the deadline (monotonic), then make the gate end; always an outcome.

    hearing: AlreadyCollected where somebody else has collected what it claims.
    """
    try:
        if hearing.extends:
            response = _wait_within(store, request_id, deadline, math.inf, hearing)
        else:
            response = wait_until(store, request_id, deadline, hearing)
        return response or _expire(store, request_id, deadline + OVERTIME_SECONDS, hearing)
    except StoreUnavailable as error:
        reason = f"unavailable: no answer from Redis at the deadline. {error}"
        return refusal(request_id, reason, UNAVAILABLE, away=is_away(error))


def _wait_within(
    store: Store, request_id: str, deadline: float, end: float, hearing: Hearing
) -> ApprovalResponse | None:
    """Wait to the deadline and, where that was moved meanwhile, on to the next; until `end` at most: then None."""
    while deadline < end:
        response = wait_until(store, request_id, deadline, hearing)
        left = None if response else seconds_left(store, request_id, deadline + OVERTIME_SECONDS)
        if not left:
            return response or _expire(store, request_id, deadline + OVERTIME_SECONDS, hearing)
        deadline = time.monotonic() + left
    return wait_until(store, request_id, end, hearing)


def wait_until(
    store: Store, request_id: str, end: float, hearing: Hearing = PLAIN
) -> ApprovalResponse | None:
    """Block until the request has ended, or until `end` (monotonic): then None.

    Reconnects for as long as there is time; raises StoreUnavailable when Redis is still away at `end`.
    """
    pause, troubled = 0.05, False
    with store.line(end + OVERTIME_SECONDS / 2) as line:
        while True:
            left = end - time.monotonic()
            try:
                response = _listen(line, request_id, left, troubled, hearing)
                if response is not None or left <= 0:
                    return response
                pause, troubled = 0.05, False
            except StoreUnavailable:
                line.close()
                if left <= 0:
                    raise
                time.sleep(max(0.0, min(pause, end - time.monotonic())))
                pause, troubled = min(1.0, pause * 2), True


def _listen(
    line: Line, request_id: str, left: float, troubled: bool, hearing: Hearing
) -> ApprovalResponse | None:
    """One blocking read; after trouble one look whether the server still knows the request."""
    slice_seconds = 0.0 if troubled else min(SLICE_SECONDS, left)
    outcome = _read_ended(line, request_id, slice_seconds, hearing)
    if outcome is not None:
        return _collected(line, outcome, hearing)
    if troubled and not line.read("EXISTS", line.keys.approval_request(request_id)):
        return refusal(request_id, LOST, CANCELLED)
    return None


def seconds_left(store: Store, request_id: str, end: float) -> float | None:
    """How long a request may still wait, by Redis's clock: 0 when it has ended, None for one that nobody knows.

    Asks until Redis answers; raises StoreUnavailable when it is still away at `end` (monotonic).
    """
    line, pause = store.line(end + OVERTIME_SECONDS / 2), 0.05
    # Not `patiently`: for who waits a refusal may be over by `end`, and the last look is then.
    while True:
        try:
            state, left_ms, *_ = line.run(approvals.expire(line.keys, request_id))
            return None if state == _UNKNOWN else int(left_ms or 0) / 1000 if state == _PENDING else 0.0
        except StoreUnavailable:
            left = end - time.monotonic()
            if left <= 0:
                raise
        finally:
            line.close()
        time.sleep(min(pause, left))
        pause = min(1.0, pause * 2)


def _expire(store: Store, request_id: str, end: float, hearing: Hearing) -> ApprovalResponse:
    with store.line(end) as line:
        while True:
            state, value, *rest = line.run(approvals.expire(line.keys, request_id))
            if state == _UNKNOWN:
                return refusal(request_id, LOST, CANCELLED)
            if state != _PENDING:
                by, why, ended_ms, _decision, *more, _by_this_call = rest
                end_ = [state, value, by, why, ended_ms, *more]
                return _collected(line, _outcome(request_id, end_, hearing), hearing)
            # The server stored it late, or its clock is slower: it still takes decisions, so we still
            # do, or it must stop taking them.
            left = int(value or 0) / 1000
            if time.monotonic() + left > end - OVERTIME_SECONDS / 2:
                line.run(approvals.cancel(line.keys, request_id, TOO_LATE))
            else:
                _read_ended(line, request_id, left, hearing)


def _read_ended(line: Line, request_id: str, seconds: float, hearing: Hearing) -> ApprovalResponse | None:
    """The end of a request, waiting at most `seconds`: all waiters wake, a late one finds it at once."""
    reply = line.read_streams({line.keys.approval_ended(request_id): 0}, seconds, overtime=READ_OVERTIME)
    if not reply:
        return None
    flat = reply[0][1][0][1]
    fields = pairs(flat)
    return _outcome(request_id, [fields.get(name) for name in _END], hearing)


def _outcome(request_id: str, end: list[bytes | None], hearing: Hearing) -> ApprovalResponse:
    """The response that a stored end means; anything not exactly a decision is a refusal."""
    *parts, edited = [part or b"" for part in end]
    status, approved, responder, reason, ended_ms, channel, signature, answer = (
        part.decode(errors="replace") for part in parts
    )
    if (status, approved, answer) not in _MEANINGS or bool(edited) != (answer == EDITED):
        return _malformed(request_id, f"is {status!r}, {approved!r}")
    try:
        moment, changed = at(ended_ms), _arguments(edited)
    except ODD:
        return _malformed(request_id, f"has the time {ended_ms[:40]!r}, or arguments that cannot be read")
    if not responder:
        return _malformed(request_id, "names nobody")
    response = ApprovalResponse(
        request_id,
        status == APPROVED,
        responder,
        reason,
        moment,
        CHANGES if answer == CHANGES and _understands(hearing, answer) else RESPONSE_OF_END[status],
        channel,
        edited=changed,
        signature=signature,
    )
    if hearing.proof is not None and status in (APPROVED, REJECTED):  # else it is nobody's answer
        said = signed_status(status, answer, edited_digest(edited))
        response = proven(response, said, hearing.proof, signature)
    if response.approved and answer and not _understands(hearing, answer):
        return refusal(request_id, NOT_UNDERSTOOD, UNAVAILABLE)
    return response


def _understands(hearing: Hearing, answer: str) -> bool:
    return answer in hearing.understands.split(",")


def _arguments(edited: bytes) -> dict[str, Any]:
    """The changed arguments; empty for none."""
    found = loads_strictly(edited) if edited else {}
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found


def proven(response: ApprovalResponse, status: str, proof: Proof, signature: str) -> ApprovalResponse:
    """The response with whether a person's answer is signed; a yes that is not is a refusal that says why."""
    why = proof.why_not(response.request_id, status, response.responder, response.reason, signature)
    if not why:
        return replace(response, verified=True)
    if not response.approved:
        return replace(response, verified=False)
    logger.critical("request %s: a yes in Redis is not believed: %s", response.request_id, why)
    reason = f"unavailable: there is a yes in Redis that is not believed: {why}"
    return replace(refusal(response.request_id, reason, UNAVAILABLE), verified=False)


def _malformed(request_id: str, what: str) -> ApprovalResponse:
    return refusal(request_id, f"malformed: the stored outcome {what}", UNKNOWN)


def _collected(line: Line, response: ApprovalResponse, hearing: Hearing) -> ApprovalResponse:
    failpoints.reach("agent.before_collect")
    if response.status == UNAVAILABLE:  # it is not used up: who believes or understands it may collect it
        return _told(line, response) if response.verified is False else response
    wanted = hearing.claim if response.approved else ""
    try:
        mark = line.run(approvals.collect(line.keys, response.request_id, wanted))
        failpoints.reach("agent.after_collect")
        if mark is not None and mark.first and mark.key:
            line.read("PEXPIRE", line.keys.approval_key(mark.agent_id, mark.key), ENDED_TTL_MS)
    except StoreUnavailable as error:
        if wanted:
            raise  # nobody knows whose it is
        # For the record only: a failed mark changes nothing for the agent.
        logger.warning("request %s: outcome not marked as collected. %s", response.request_id, error)
        return response
    return _marked(response, mark, wanted)


def _told(line: Line, response: ApprovalResponse) -> ApprovalResponse:
    """A yes that was not believed is told to the record, where that can be."""
    try:
        line.run(outbox.doubt(line.keys, response.request_id, response.reason))
    except StoreUnavailable as error:
        logger.warning("request %s: nobody was told of that. %s", response.request_id, error)
    return response


def _marked(
    response: ApprovalResponse, mark: approvals.CollectionMark | None, claim: str
) -> ApprovalResponse:
    """The response with what its mark tells; one that is not this claim's own is refused."""
    if mark is None:
        return _malformed(response.request_id, "has no request that could be claimed") if claim else response
    if claim and mark.claim != claim:
        raise AlreadyCollected(response.request_id, mark.claim, mark.collected_at)
    response.channel = response.channel or mark.channel
    if not mark.first:
        response.collected_at, response.collected_by = mark.collected_at, mark.claim
    return response
