"""Approval gates: an agent asks, blocks in Redis, and gets the one true outcome.

Redis decides (`store/lua/approvals/decide.lua`); nothing here returns `approved=True` without a decision that is
stored for this very request.
"""

import json
import logging
import math
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from . import failpoints
from .approvals import waiting
from .approvals.request import ApprovalRequest, ApprovalResponse, Decision, refusal
from .errors import DecisionUnconfirmed, MalformedRecord, StoreRefused, StoreUnavailable
from .store import approvals, scripts, survey
from .store.approvals import PendingRequests, RequestRecord, at
from .store.client import CONFIRM_SECONDS, Line, UsesStore
from .store.keys import OUTBOX_LENGTH_WITHOUT_RECORDER
from .values.json import checked_text, encode_json_object
from .values.malformed import ODD, malformed
from .values.names import checked_name
from .values.numbers import checked_seconds, shown
from .values.records import parse_timestamp

__all__ = ["ApprovalGate", "ApprovalRequest", "ApprovalResponse", "Decision"]

logger = logging.getLogger(__name__)

MAX_TIMEOUT = 7 * 24 * 3600
MAX_CONTEXT_BYTES = 256 * 1024
MAX_REASON_LENGTH = 2_000
LOST_REASON = "cancelled: lost by the server, which was emptied or replaced"


class ApprovalGate(UsesStore):
    """Asks for approval on behalf of one agent, and decides on behalf of people.

    `memory`: see `open_store` in store/client.py. `agent_id` is needed to ask, not to decide. A subclass may
    set DEFAULT_TIMEOUT, in seconds. POLL_INTERVAL is kept for callers that read it: nothing polls.
    """

    DEFAULT_TIMEOUT = 300.0
    POLL_INTERVAL = 1.0

    def __init__(self, memory: object = None, agent_id: str | None = None) -> None:
        self.agent_id = None if agent_id is None else checked_name(agent_id, "agent_id")
        super().__init__(memory)

    # Asking

    def request_approval(
        self, approval_type: str, context: dict[str, Any] | None = None, timeout: float | None = None
    ) -> ApprovalResponse:
        """Ask and wait: the stored decision, or `approved=False` by `system` with the reason.

        timeout: seconds, above 0, at most 7 days, by default DEFAULT_TIMEOUT, 300. Returns within it and one
        second even when Redis is down or hangs. Bad arguments raise ValueError or TypeError and store nothing.
        An exception that interrupts the wait, such as KeyboardInterrupt, withdraws the request.
        """
        seconds, encoded = self._checked_request(approval_type, context, timeout)
        deadline = time.monotonic() + seconds
        if self.agent_id is None:
            return refusal("", "no agent: give ApprovalGate an agent_id to ask with")
        try:
            request = self._open(approval_type, encoded, seconds, deadline)
        except StoreUnavailable as error:
            return refusal("", f"unavailable: the request could not be stored. {error}")
        try:
            return waiting.wait_for_end(self._store, request.request_id, deadline)
        except BaseException:
            # Ctrl-C, or the process is told to end: nobody waits for the answer any more.
            self._withdraw(request.request_id)
            raise

    def open_request(
        self, approval_type: str, context: dict[str, Any] | None = None, timeout: float | None = None
    ) -> ApprovalRequest:
        """Store a request and return at once; StoreUnavailable when it was not confirmed as stored."""
        seconds, encoded = self._checked_request(approval_type, context, timeout)
        if self.agent_id is None:
            raise ValueError("agent_id is missing: give ApprovalGate an agent_id to ask with")
        return self._open(approval_type, encoded, seconds, time.monotonic() + seconds)

    def wait_for_decision(self, request_id: str, timeout: float | None = None) -> ApprovalResponse | None:
        """Block until the request has ended, or `timeout` seconds: then None, it is still pending.

        An unknown request answers `approved=False`. Raises StoreUnavailable when the limit (5 s without
        one) is reached and Redis cannot say whether the request is pending.
        """
        limit = math.inf if timeout is None else checked_seconds(timeout, "timeout", endless=True)
        started = time.monotonic()
        if not approvals.valid_id(request_id):
            return refusal(request_id, waiting.UNKNOWN)
        patience = CONFIRM_SECONDS if timeout is None else limit
        state, left_ms = waiting.gate_state(self._store, request_id, started + patience)
        if state == b"unknown":
            return refusal(request_id, waiting.UNKNOWN)
        deadline = time.monotonic() + (int(left_ms or 0) / 1000 if state == b"pending" else 0.0)
        if started + limit >= deadline:
            return waiting.wait_for_end(self._store, request_id, deadline)
        return waiting.wait_until(self._store, request_id, started + limit)

    def cancel_request(self, request_id: str) -> bool:
        """Withdraw a pending request; False when it has ended, is past its deadline or unknown."""
        if not approvals.valid_id(request_id):
            return False
        reason = f"cancelled: withdrawn by {self.agent_id or 'its asker'}"
        return scripts.cancel(self._store.run, self._store.keys, request_id, reason)

    def cancel_lost(self, request_id: str) -> bool:
        """End a request of which the server has nothing left, so that those who still wait for it wake."""
        return scripts.cancel(self._store.run, self._store.keys, request_id, LOST_REASON, lost=True)

    def restore_end(
        self,
        request_id: str,
        *,
        digest: str,
        status: str,
        responder: str,
        reason: str,
        ended_at: datetime,
        decision_id: str,
        channel: str,
        lost: bool = False,
    ) -> str:
        """Give a request that a restored server offers again the end that SQL knows.

        lost: also one of which the server has nothing left, so that those who still wait hear it. Returns
        restored, unknown, ended (it has an end already) or changed (it is another request).
        """
        return survey.restore_end(
            self._store.run,
            self._store.keys,
            request_id=request_id,
            digest=digest,
            status=status,
            responder=responder,
            reason=reason,
            ended_ms=round(ended_at.timestamp() * 1000),
            decision_id=decision_id,
            channel=channel,
            lost=lost,
        )

    def _withdraw(self, request_id: str) -> None:
        try:
            self.cancel_request(request_id)
        except StoreUnavailable as error:
            logger.warning("request %s could not be withdrawn: %s", request_id, error)

    # Deciding

    def respond_to_approval(self, request_id: str, approved: bool, responder: str, reason: str = "") -> bool:
        """True only for the one decision that took effect; see `decide`."""
        return self.decide(request_id, approved, responder, reason).accepted

    def decide(
        self,
        request_id: str,
        approved: bool,
        responder: str,
        reason: str = "",
        *,
        decision_id: str | None = None,
        not_after: datetime | None = None,
        digest: str | None = None,
    ) -> Decision:
        """Decide a request in one script, and say what stands afterwards.

        decision_id: repeating a call with the same id gives the same answer; with the opposite `approved` it is
        `already_decided`, and changes nothing. not_after: Redis's clock must
        be before it. digest: of the request that the responder saw. Raises DecisionUnconfirmed when Redis
        gave no answer, StoreRefused when it said no and nothing was decided, TypeError or ValueError for a
        bad argument.
        """
        return self._decide(request_id, approved, responder, reason, "direct", decision_id, not_after, digest)

    def decide_for_site(
        self,
        request_id: str,
        approved: bool,
        responder: str,
        reason: str,
        *,
        decision_id: str,
        not_after: datetime,
        digest: str,
    ) -> Decision:
        """`decide`, marked as made through the site: by a verified person, with an intent in SQL."""
        return self._decide(request_id, approved, responder, reason, "site", decision_id, not_after, digest)

    def _decide(
        self,
        request_id: str,
        approved: bool,
        responder: str,
        reason: str,
        channel: str,
        decision_id: str | None,
        not_after: datetime | None,
        digest: str | None,
    ) -> Decision:
        _check_answer(approved, responder, reason)
        decision = str(uuid.uuid4()) if decision_id is None else checked_name(decision_id, "decision_id")
        if digest is not None:
            checked_name(digest, "digest")
        limit_ms = None if not_after is None else _milliseconds(not_after, "not_after")
        if not approvals.valid_id(request_id):
            return Decision("unknown", str(request_id), decision)

        def attempt(line: Line) -> list[bytes]:
            return scripts.decide(
                line.run,
                line.keys,
                request_id=request_id,
                decision_id=decision,
                approved=approved,
                responder=responder,
                reason=reason,
                channel=channel,
                not_after_ms=limit_ms,
                digest=digest,
            )

        try:
            return _decision(request_id, decision, self._store.run_confirmed(attempt))
        except StoreRefused:
            raise
        except StoreUnavailable as error:
            raise DecisionUnconfirmed(f"no answer to the decision on {request_id}: {error}") from error

    # Looking

    def get_pending_approvals(self, approval_type: str | None = None) -> list[ApprovalRequest]:
        """The queue, oldest first, without those past their deadline. A malformed record is left out."""
        return [
            _as_request(record)
            for record in self.read_pending().records
            if approval_type is None or record.approval_type == approval_type
        ]

    def get_request(self, request_id: str) -> ApprovalRequest | None:
        """The request, or None. Past its deadline it is shown as `timeout` even before that is recorded."""
        record, now = self.read_record_and_time(request_id)
        if record is None:
            return None
        request = _as_request(record)
        if record.status == "pending" and record.deadline_at <= now:
            request.status = "timeout"
        return request

    def read_pending(self) -> PendingRequests:
        """The queue with the exact context bytes, and the ids of records that cannot be read."""
        return approvals.read_pending(self._store)

    def read_record(self, request_id: str) -> RequestRecord | None:
        """The request with its exact context bytes and its outcome, or None."""
        return self.read_record_and_time(request_id)[0]

    def read_records(self, request_ids: list[str]) -> list[RequestRecord | MalformedRecord | None]:
        """Several requests in one round trip; one that cannot be read yields its error in its place."""
        return approvals.read_records(self._store, request_ids)

    def read_record_and_time(self, request_id: str) -> tuple[RequestRecord | None, datetime]:
        """The request as `read_record`, and the server's time, in one round trip."""
        if not approvals.valid_id(request_id):
            return None, datetime.now(UTC)
        return approvals.read_record_and_time(self._store, request_id)

    def clear_expired_requests(self) -> int:
        """End the requests that are past their deadline as `timeout`; returns how many."""
        keys = self._store.keys
        seconds, microseconds = self._store.read("TIME")
        now = int(seconds) * 1000 + int(microseconds) // 1000
        due = self._store.read("ZRANGE", keys.approvals_pending, "-inf", now, "BYSCORE")
        ended = 0
        for member in due:
            try:
                ended += scripts.expire(self._store.run, keys, member.decode())[-1] == b"1"
            except UnicodeDecodeError:
                self._store.write("ZREM", keys.approvals_pending, member)
        return ended

    # The way of one request

    def _checked_request(
        self, approval_type: str, context: dict[str, Any] | None, timeout: float | None
    ) -> tuple[float, bytes]:
        checked_name(approval_type, "approval_type")
        wanted, said = (
            (timeout, "timeout") if timeout is not None else (self.DEFAULT_TIMEOUT, "DEFAULT_TIMEOUT")
        )
        seconds = checked_seconds(wanted, said, MAX_TIMEOUT, above_zero=True)
        body = {} if context is None else context
        return float(seconds), encode_json_object(body, "context", MAX_CONTEXT_BYTES)

    def _open(self, approval_type: str, context: bytes, seconds: float, deadline: float) -> ApprovalRequest:
        failpoints.reach("agent.before_request")
        agent_id, request_id = self.agent_id or "", str(uuid.uuid4())
        digest = approvals.request_digest(agent_id, approval_type, context)

        def attempt(line: Line) -> list[bytes]:
            # What is left now: a slow first attempt must not move the deadline past the asker's own.
            left_ms = max(1, math.ceil((deadline - time.monotonic()) * 1000))
            return scripts.request(
                line.run,
                line.keys,
                request_id=request_id,
                agent_id=agent_id,
                approval_type=approval_type,
                context=context,
                digest=digest,
                timeout_ms=left_ms,
                timeout_text=repr(seconds),
            )

        requested_ms, _deadline_ms, outbox = self._store.run_confirmed(attempt, min(5.0, seconds + 0.5))
        failpoints.reach("agent.after_request")
        if int(outbox) >= OUTBOX_LENGTH_WITHOUT_RECORDER:
            logger.warning("%s requests and ends wait for a recorder; the oldest may be dropped", int(outbox))
        return ApprovalRequest(
            request_id, approval_type, agent_id, json.loads(context), at(requested_ms), seconds
        )


def _check_answer(approved: object, responder: object, reason: object) -> None:
    if not isinstance(approved, bool):
        raise TypeError(f"approved must be True or False, not {shown(approved)}")
    checked_name(responder, "responder")
    checked_text(reason, "reason", MAX_REASON_LENGTH)


def _decision(request_id: str, decision_id: str, reply: list[bytes]) -> Decision:
    """What the script answered: the outcome, and the end that stands."""
    outcome, status, _approved, by, why, ended_ms, *_ = (part.decode(errors="replace") for part in reply)
    if outcome == "expired" and status == "pending":
        status = "timeout"  # it is over, even before somebody records it
    try:
        ended_at = at(ended_ms) if ended_ms else None
    except ODD as error:
        raise malformed(f"approval request {request_id}: ended_ms", error) from error
    return Decision(outcome, request_id, decision_id, status, by, why, ended_at)


def _as_request(record: RequestRecord) -> ApprovalRequest:
    return ApprovalRequest(
        record.request_id,
        record.approval_type,
        record.agent_id,
        record.context_object,
        record.requested_at,
        record.timeout_seconds,
        record.status,
    )


def _milliseconds(moment: object, argument: str) -> int:
    if not isinstance(moment, datetime):
        raise TypeError(f"{argument} must be a datetime, not {type(moment).__name__}")
    return int(parse_timestamp(moment, argument).timestamp() * 1000)
