"""A way that leads nowhere: what tests of agents ask."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ..approvals.asking import ANOTHER
from ..approvals.request import ApprovalRequest, ApprovalResponse, refusal
from ..approvals.waiting import NOT_UNDERSTOOD, Hearing, Pending
from ..errors import AlreadyCollected
from ..store.approvals import Question
from ..values.approvals import (
    APPROVED,
    CANCELLED,
    CHANGES,
    DENIED,
    DIRECT,
    EDITED,
    PENDING,
    REJECTED,
    RESPONSE_OF_END,
    SYSTEM,
    UNAVAILABLE,
)
from ..values.numbers import shown

Answer = bool | str
Answers = Answer | Callable[[str, dict[str, Any]], Answer]
STATUS_OF = {response: status for status, response in RESPONSE_OF_END.items()} | {CHANGES: REJECTED}
STATUSES = {*STATUS_OF, UNAVAILABLE}
BY_PEOPLE = (APPROVED, DENIED, CHANGES)


class Fake:
    """See `Transport`. Requests live in this object alone: answered and claimed once, heard as what is understood."""

    def __init__(self, approve: Answers, reason: str, edited: dict[str, Any] | None) -> None:
        self.agent = "fake"
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._approve, self._reason, self._edited = approve, reason, edited
        self._known: dict[str, ApprovalRequest] = {}
        self._of_key: dict[str, str] = {}
        self._said: dict[str, str] = {}
        self._collected: dict[str, tuple[str, datetime]] = {}

    def ask(self, question: Question, claim: str) -> ApprovalResponse:
        """Its answer."""
        return self._answer(self.open(question, claim))

    def open(self, question: Question, claim: str) -> Pending:
        """Keep it; the same key gives the same, and ValueError for another question."""
        known = self._known.get(self._of_key.get(question.key, ""))
        if known is None:
            context = json.loads(question.context)
            self.asked.append((question.approval_type, context))
            known = ApprovalRequest(
                question.request_id, question.approval_type, self.agent, context, datetime.now(UTC),
                question.seconds, key=question.key, digest=question.digest,
            )  # fmt: skip
            self._known[known.request_id] = known
            if question.key:
                self._of_key[question.key] = known.request_id
        elif known.digest != question.digest:
            raise ValueError(ANOTHER.format(key=question.key, id=known.request_id))
        return self._pending(known, Hearing(claim, None, question.understands))

    def pending(self, request_id: str, hearing: Hearing, patience: float) -> Pending | None:
        """What was opened before."""
        known = self._known.get(request_id)
        return None if known is None else self._pending(known, hearing)

    def _pending(self, known: ApprovalRequest, hearing: Hearing) -> Pending:
        return Pending(known, time.monotonic() + known.timeout_seconds, hearing)

    def wait(self, pending: Pending, seconds: float) -> ApprovalResponse | None:
        """Its answer, at once."""
        return self._answer(pending)

    def look(self, pending: Pending) -> tuple[ApprovalResponse | None, float]:
        """Its answer, at once."""
        return self._answer(pending), 0.0

    def _answer(self, pending: Pending) -> ApprovalResponse:
        request = self._known[pending.request.request_id]
        status, understood = self._status(request), pending.hearing.understands.split(",")
        if status == CHANGES and CHANGES not in understood:
            status = DENIED
        approved, person = status == APPROVED, status in BY_PEOPLE
        if approved and self._edited and EDITED not in understood:
            return refusal(request.request_id, NOT_UNDERSTOOD, UNAVAILABLE)
        response = ApprovalResponse(
            request.request_id, approved, "fake" if person else SYSTEM, self._reason, status=status,
            channel=DIRECT if person else SYSTEM, edited=dict(self._edited or {}) if approved else {},
            away=status == UNAVAILABLE,
        )  # fmt: skip
        return response if response.away else self._marked(response, pending.hearing.claim)

    def _status(self, request: ApprovalRequest) -> str:
        """What is said to it, which is asked once."""
        if request.request_id not in self._said:
            approve = self._approve
            said = approve(request.approval_type, request.context) if callable(approve) else approve
            status = (APPROVED if said else DENIED) if isinstance(said, bool) else said
            if not isinstance(status, str) or status not in STATUSES:
                raise ValueError(
                    f"approve must be True, False or of {', '.join(sorted(STATUSES))}, not {shown(said)}"
                )
            self._said[request.request_id] = status
            stands = STATUS_OF.get(status, request.status)
            self._known[request.request_id] = replace(request, status=stands)
        return self._said[request.request_id]

    def _marked(self, response: ApprovalResponse, claim: str) -> ApprovalResponse:
        """With when it was collected before; AlreadyCollected where that was under another name."""
        wanted, is_first = claim if response.approved else "", response.request_id not in self._collected
        by, at = self._collected.setdefault(response.request_id, (wanted, response.timestamp))
        if wanted and by != wanted:
            raise AlreadyCollected(response.request_id, by, at)
        return response if is_first else replace(response, collected_at=at, collected_by=by)

    def find(self, key: str | None, status: str | None, agent: str | None) -> list[ApprovalRequest]:
        """What was asked, newest first."""
        found = [one for one in reversed(self._known.values()) if status in (None, one.status)]
        return [one for one in found if key in (None, one.key)]

    def cancel(self, request_id: str) -> bool:
        """Withdraw it, once."""
        known = self._known.get(request_id)
        if known is None or known.status != PENDING:
            return False
        self._said[request_id] = CANCELLED
        self._known[request_id] = replace(known, status=CANCELLED)
        return True

    def beat(self, status: str, progress: float, task: str) -> None:
        """Nobody hears it."""

    def stop(self, status: str) -> None:
        """Nobody hears it."""

    def end_listener(self) -> "Fake":
        """It hears at once."""
        return self

    def connect(self) -> None:
        """Nothing to do."""

    def ended(self, request_ids: Sequence[str], seconds: float) -> Iterable[str]:
        """All of them."""
        return request_ids

    def cut(self) -> None:
        """Nobody waits."""

    def close(self) -> None:
        """Nothing is held."""
