"""Approval gates: an agent asks, blocks in Redis, and gets the one true outcome.

Redis decides (`store/lua/approvals/decide.lua`); nothing here returns `approved=True` without a decision that is
stored for this very request.
"""

import json
import logging
import math
import time
import uuid
from datetime import datetime
from typing import Any

from . import failpoints
from .approvals import deciding, waiting
from .approvals.request import ApprovalRequest, ApprovalResponse, Decision, refusal
from .errors import StoreUnavailable
from .store import approvals
from .store.approvals import Answer, Question, RequestRecord
from .store.client import CONFIRM_SECONDS, Line, UsesStore
from .store.keys import OUTBOX_LENGTH_WITHOUT_RECORDER
from .values.approvals import DIRECT, PENDING, TIMEOUT
from .values.json import encode_json_object
from .values.moments import at, milliseconds_of
from .values.names import checked_name
from .values.numbers import checked_seconds

__all__ = ["ApprovalGate", "ApprovalRequest", "ApprovalResponse", "Decision"]

logger = logging.getLogger(__name__)

MAX_TIMEOUT = 7 * 24 * 3600
MAX_CONTEXT_BYTES = 256 * 1024


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
            return refusal(request_id, waiting.NO_SUCH_REQUEST)
        patience = CONFIRM_SECONDS if timeout is None else limit
        left = waiting.seconds_left(self._store, request_id, started + patience)
        if left is None:
            return refusal(request_id, waiting.NO_SUCH_REQUEST)
        deadline = time.monotonic() + left
        if started + limit >= deadline:
            return waiting.wait_for_end(self._store, request_id, deadline)
        return waiting.wait_until(self._store, request_id, started + limit)

    def cancel_request(self, request_id: str) -> bool:
        """Withdraw a pending request; False when it has ended, is past its deadline or unknown."""
        if not approvals.valid_id(request_id):
            return False
        reason = f"cancelled: withdrawn by {self.agent_id or 'its asker'}"
        return self._store.run(approvals.cancel(self._store.keys, request_id, reason))

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
        decision = str(uuid.uuid4()) if decision_id is None else decision_id
        answer = Answer(request_id, approved, responder, reason, DIRECT, decision, not_after, digest)
        return deciding.decide(self._store, answer)

    # Looking

    def get_pending_approvals(self, approval_type: str | None = None) -> list[ApprovalRequest]:
        """The queue, oldest first, without those past their deadline. A malformed record is left out."""
        return [
            _as_request(record)
            for record in approvals.read_pending(self._store).records
            if approval_type is None or record.approval_type == approval_type
        ]

    def get_request(self, request_id: str) -> ApprovalRequest | None:
        """The request, or None. Past its deadline it is shown as `timeout` even before that is recorded."""
        record, now = approvals.read_record_and_time(self._store, request_id)
        if record is None:
            return None
        request = _as_request(record)
        if record.status == PENDING and record.deadline_at <= now:
            request.status = TIMEOUT
        return request

    def clear_expired_requests(self) -> int:
        """End the requests that are past their deadline as `timeout`; returns how many."""
        keys = self._store.keys
        now_ms = milliseconds_of(self._store.read("TIME"))
        due = self._store.read("ZRANGE", keys.approvals_pending, "-inf", now_ms, "BYSCORE")
        ended = 0
        for member in due:
            try:
                ended += self._store.run(approvals.expire(keys, member.decode()))[-1] == b"1"
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
        question = Question(str(uuid.uuid4()), self.agent_id or "", approval_type, context, repr(seconds))

        def attempt(line: Line) -> list[bytes]:
            # What is left now: a slow first attempt must not move the deadline past the asker's own.
            left_ms = max(1, math.ceil((deadline - time.monotonic()) * 1000))
            return line.run(approvals.request(line.keys, question, left_ms))

        requested_ms, _deadline_ms, outbox = self._store.run_confirmed(attempt, min(5.0, seconds + 0.5))
        failpoints.reach("agent.after_request")
        if int(outbox) >= OUTBOX_LENGTH_WITHOUT_RECORDER:
            logger.warning("%s requests and ends wait for a recorder; the oldest may be dropped", int(outbox))
        asked_at = at(requested_ms)
        return ApprovalRequest(
            question.request_id, approval_type, question.agent_id, json.loads(context), asked_at, seconds
        )


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
