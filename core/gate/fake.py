"""A way that leads nowhere: what tests of agents ask."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ..approvals.request import ApprovalRequest, ApprovalResponse
from ..approvals.waiting import PLAIN, Hearing
from ..values.approvals import (
    APPROVED,
    CANCELLED,
    CHANGES,
    DENIED,
    DIRECT,
    RESPONSE_OF_END,
    SYSTEM,
    UNAVAILABLE,
)
from .way import Pending, Wanted

Answer = bool | str
Answers = Answer | Callable[[str, dict[str, Any]], Answer]
STATUSES = {*RESPONSE_OF_END.values(), UNAVAILABLE, CHANGES}
BY_PEOPLE = (APPROVED, DENIED, CHANGES)


class Fake:
    """See `Way`. Requests live in this object alone."""

    def __init__(self, approve: Answers, reason: str, edited: dict[str, Any] | None) -> None:
        self.agent = "fake"
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._approve, self._reason, self._edited = approve, reason, edited
        self._known: dict[str, ApprovalRequest] = {}
        self._of_key: dict[str, str] = {}

    def ask(self, wanted: Wanted) -> ApprovalResponse:
        """Its answer."""
        return self._answer(self.open(wanted))

    def open(self, wanted: Wanted) -> Pending:
        """Keep it; the same key gives the same."""
        question = wanted.question
        known = self._known.get(self._of_key.get(question.key, ""))
        if known is None:
            context = json.loads(question.context)
            self.asked.append((question.approval_type, context))
            known = ApprovalRequest(
                question.request_id, question.approval_type, self.agent, context, datetime.now(UTC),
                wanted.seconds, key=question.key, digest=question.digest,
            )  # fmt: skip
            self._known[known.request_id] = known
            if question.key:
                self._of_key[question.key] = known.request_id
        return Pending(known, time.monotonic() + wanted.seconds, PLAIN)

    def pending(self, request_id: str, hearing: Hearing, patience: float) -> Pending | None:
        """What was opened before."""
        known = self._known.get(request_id)
        return None if known is None else Pending(known, time.monotonic() + known.timeout_seconds, PLAIN)

    def wait(self, pending: Pending, seconds: float) -> ApprovalResponse | None:
        """Its answer, at once."""
        return self._answer(pending)

    def look(self, pending: Pending) -> tuple[ApprovalResponse | None, float]:
        """Its answer, at once."""
        return self._answer(pending), 0.0

    def _answer(self, pending: Pending) -> ApprovalResponse:
        request = self._known[pending.request.request_id]
        said = (
            self._approve(request.approval_type, request.context)
            if callable(self._approve)
            else self._approve
        )
        status = said if isinstance(said, str) else APPROVED if said else DENIED
        if request.status == CANCELLED:
            status = CANCELLED
        if status not in STATUSES:
            raise ValueError(
                f"approve must be True, False or of {', '.join(sorted(STATUSES))}, not {status!r}"
            )
        approved, person = status == APPROVED, status in BY_PEOPLE
        return ApprovalResponse(
            request.request_id, approved, "fake" if person else SYSTEM, self._reason, status=status,
            channel=DIRECT if person else SYSTEM, edited=dict(self._edited or {}) if approved else {},
            away=status == UNAVAILABLE,
        )  # fmt: skip

    def find(self, key: str | None, status: str | None, agent: str | None) -> list[ApprovalRequest]:
        """What was asked, newest first."""
        found = [one for one in reversed(self._known.values()) if status in (None, one.status)]
        return [one for one in found if key in (None, one.key)]

    def cancel(self, request_id: str) -> bool:
        """Withdraw it, once."""
        known = self._known.get(request_id)
        if known is None or known.status == CANCELLED:
            return False
        self._known[request_id] = replace(known, status=CANCELLED)
        return True

    def beat(self, status: str, progress: float, task: str) -> None:
        """Nobody hears it."""

    def stop(self, status: str) -> None:
        """Nobody hears it."""

    def ear(self) -> "Fake":
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
