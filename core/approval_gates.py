"""Approval gates: an agent asks, blocks in Redis, and gets the one true outcome.

Redis decides (`store/lua/approvals/decide.lua`); nothing here returns `approved=True` without a decision that is
stored for this very request.
"""

import logging
import math
import time
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Any

from .approvals import asking, deciding, interruptions, waiting
from .approvals.question import (
    checked_claim,
    checked_proof,
    checked_question,
    checked_status,
    checked_understands,
)
from .approvals.request import ApprovalRequest, ApprovalResponse, Decision, is_away, refusal
from .approvals.waiting import Hearing
from .errors import MalformedRecord, StoreUnavailable
from .store import approvals
from .store.approvals import Answer, Question
from .store.client import CONFIRM_SECONDS, UsesStore
from .values.approvals import DIRECT, UNAVAILABLE, UNKNOWN
from .values.names import checked_name
from .values.numbers import checked_limit

__all__ = ["ApprovalGate", "ApprovalRequest", "ApprovalResponse", "Decision"]

logger = logging.getLogger(__name__)


class ApprovalGate(UsesStore):
    """Asks for approval on behalf of one agent, and decides on behalf of people.

    memory: None for the configured Redis, a `redis://` URL, a client of redis-py, or an object whose `_client` is one.
    agent_id: who asks; not needed to decide.

    A subclass may set DEFAULT_TIMEOUT, in seconds. POLL_INTERVAL is kept for callers that read it: nothing polls.
    """

    DEFAULT_TIMEOUT = 300.0
    POLL_INTERVAL = 1.0

    def __init__(self, memory: object = None, agent_id: str | None = None) -> None:
        self.agent_id = None if agent_id is None else checked_name(agent_id, "agent_id")
        super().__init__(memory)

    # Asking

    def request_approval(
        self,
        approval_type: str,
        context: dict[str, Any] | None = None,
        timeout: float | None = None,
        *,
        key: str | None = None,
        claim: str | None = None,
        default: Callable[[Any], Any] | None = None,
        understands: Iterable[str] = (),
        revises: str | None = None,
    ) -> ApprovalResponse:
        """Ask and wait: the stored decision, or `approved=False` by `system` with the reason.

        context: a JSON object of at most 256 KiB.
        timeout: seconds, above 0, at most 365 days, or `math.inf`; by default DEFAULT_TIMEOUT, 300.
        key, default, revises: see `open_request`; with a key the time of the request that it names counts.
        claim, understands: see `wait_for_decision`.

        Returns within the timeout and one second, also when Redis is down or hangs. ValueError or TypeError for a
        bad argument, and nothing is stored; AlreadyCollected where the claim is another's.
        What interrupts the wait, such as Ctrl-C, SIGTERM, SIGHUP or the end of the asyncio task that runs it in a
        thread, withdraws a request without a key; one with a key stays open, and the next call finds it.
        """
        more = {"key": key, "default": default, "understands": understands, "revises": revises}
        question = self._checked_request(approval_type, context, timeout, **more)
        return self._asked(question, checked_claim(claim))

    def _asked(self, question: Question, claim: str) -> ApprovalResponse:
        if self.agent_id is None:
            why = "no agent: give ApprovalGate an agent_id to ask with"
            return refusal("", why, UNAVAILABLE)
        withdraw = None if question.key else partial(self._withdraw, question.request_id)
        with interruptions.WithdrawalGuard(withdraw) as guard:
            try:
                request, deadline, hearing = asking.open_pending(self._store, question, claim)
            except (StoreUnavailable, MalformedRecord) as error:
                why = f"unavailable: the request could not be stored. {error}"
                return refusal("", why, UNAVAILABLE, away=is_away(error))
            guard.watch_task()
            answer = waiting.wait_for_end(self._store, request.request_id, deadline, hearing)
            answer.warning = request.warning
            return answer

    def open_request(
        self,
        approval_type: str,
        context: dict[str, Any] | None = None,
        timeout: float | None = None,
        *,
        key: str | None = None,
        default: Callable[[Any], Any] | None = None,
        understands: Iterable[str] = (),
        revises: str | None = None,
    ) -> ApprovalRequest:
        """Store a request and return at once.

        context, timeout: see `request_approval`.
        key: the same key of the same agent gives the same request, whoever asks again, until 7 days after its end.
        default: turns what JSON does not have into what it has, as in `json.dumps`.
        understands: what people may answer beside yes and no, see `wait_for_decision`; whoever waits says it too.
        revises: the id of the request that was answered by asking back.

        Raises StoreUnavailable when it was not confirmed as stored, StoreRefused and TooLarge where the site takes no
        more, MalformedRecord where what the key names cannot be read, ValueError where it is another type or context.
        """
        more = {"key": key, "default": default, "understands": understands, "revises": revises}
        question = self._checked_request(approval_type, context, timeout, **more)
        if self.agent_id is None:
            raise ValueError("agent_id is missing: give ApprovalGate an agent_id to ask with")
        return asking.ask(self._store, question).request

    def wait_for_decision(
        self,
        request_id: str,
        timeout: float | None = None,
        *,
        claim: str | None = None,
        digest: str | None = None,
        understands: Iterable[str] = (),
    ) -> ApprovalResponse | None:
        """Block until the request has ended, or `timeout` seconds: then None, it is still pending.

        A limit that has passed, such as -0.1, is one look. An unknown request answers `approved=False`.
        claim: an approval is for this name alone: it hears it as often as it asks, every other name AlreadyCollected.
        digest: of what was asked, as `open_request` returned it; needed where TELEMETRY_DECISION_KEY is set.
        understands: which answers beside yes and no you act on: "edited" (approved with the arguments in
        `response.edited`), "changes" (a no that asks back), "extended" (wait on where people gave more time).
        Raises StoreUnavailable when after `timeout`, or 5 s, Redis cannot say whether it is pending.
        """
        limit = math.inf if timeout is None else checked_limit(timeout, "timeout")
        words, started = checked_understands(understands), time.monotonic()
        hearing = Hearing(checked_claim(claim), checked_proof(digest), words)
        if not approvals.valid_id(request_id):
            return refusal(request_id, waiting.NO_SUCH_REQUEST, UNKNOWN)
        patience = CONFIRM_SECONDS if timeout is None else limit
        left = waiting.seconds_left(self._store, request_id, started + patience)
        if left is None:
            return refusal(request_id, waiting.NO_SUCH_REQUEST, UNKNOWN)
        deadline = time.monotonic() + left
        return waiting.wait(self._store, request_id, deadline, started + limit, hearing)

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
        """True only for the one decision that took effect; see `decide`, also for what it raises."""
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

        responder: a name that can be seen, and not `system`. The record calls it not verified.
        decision_id: repeating a call with the same id gives the same answer; with the opposite `approved` it is
        `already_decided`, and changes nothing.
        not_after: Redis's clock must be before it, else `lapsed`.
        digest: of the request that the responder saw, else `changed`.

        Raises DecisionUnconfirmed when Redis gave no answer, StoreRefused when nothing was decided, as where the site
        takes no answers by a call in Python, TypeError or ValueError for a bad argument.
        """
        decision = str(uuid.uuid4()) if decision_id is None else decision_id
        answer = Answer(request_id, approved, responder, reason, DIRECT, decision, not_after, digest)
        return deciding.decide(self._store, answer)

    # Looking

    def get_pending_approvals(self, approval_type: str | None = None) -> list[ApprovalRequest]:
        """The queue, oldest first, without those past their deadline. A malformed record is left out."""
        contexts: dict[str, dict[str, Any]] = {}
        return [
            ApprovalRequest.of(record, record.requested_at, contexts[record.request_id])
            for record in approvals.read_pending(self._store, contexts=contexts).records
            if approval_type is None or record.approval_type == approval_type
        ]

    def get_request(self, request_id: str) -> ApprovalRequest | None:
        """The request, or None. Past its deadline it is shown as `timeout` even before that is recorded."""
        record, now = approvals.read_record_and_time(self._store, request_id)
        return None if record is None else ApprovalRequest.of(record, now)

    def find_requests(self, key: str | None = None, status: str | None = None) -> list[ApprovalRequest]:
        """This agent's requests, newest first: the newest 1,000 that are pending or ended less than 7 days ago.

        key: the one that was asked with it. status: pending, approved, rejected (or denied), timeout or cancelled.
        A malformed record is left out.
        """
        if self.agent_id is None:
            raise ValueError("agent_id is missing: give ApprovalGate an agent_id whose requests to find")
        name, wanted = None if key is None else checked_name(key, "key"), checked_status(status)
        now, records = approvals.read_asked(self._store, self.agent_id, name)
        found = [ApprovalRequest.of(record, now) for record in records]
        return [request for request in found if wanted in (None, request.status)]

    def clear_expired_requests(self) -> int:
        """End the requests that are past their deadline as `timeout`; returns how many."""
        keys = self._store.keys
        due = self._store.read("ZRANGE", keys.approvals_pending, "-inf", self._store.time_ms(), "BYSCORE")
        ended = 0
        for member in due:
            try:
                ended += self._store.run(approvals.expire(keys, member.decode()))[-1] == b"1"
            except UnicodeDecodeError:
                self._store.write("ZREM", keys.approvals_pending, member)
        return ended

    def _checked_request(
        self, approval_type: str, context: object, timeout: float | None, **more: Any
    ) -> Question:
        wanted = (self.DEFAULT_TIMEOUT, "DEFAULT_TIMEOUT") if timeout is None else (timeout, "timeout")
        return checked_question(self.agent_id or "", approval_type, context, wanted, **more)
