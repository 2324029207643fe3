"""What an approval is made of: the question, the outcome, and the answer to a decision."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ..values.approvals import ACCEPTED, PENDING, SYSTEM
from ..values.records import PlainDict


@dataclass
class ApprovalRequest(PlainDict):
    """A question to a human. `timestamp` is when Redis stored it; `timeout_seconds` counts from there."""

    request_id: str
    approval_type: str
    agent_id: str
    context: dict[str, Any]
    timestamp: datetime
    timeout_seconds: float
    status: str = PENDING


@dataclass
class ApprovalResponse(PlainDict):
    """What came of a request. `responder` is `system` when no person answered; `reason` then says why."""

    request_id: str
    approved: bool
    responder: str
    reason: str = ""
    timestamp: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class Decision:
    """The answer to `decide`.

    `outcome` is accepted, already_decided, expired, cancelled, unknown (no such request), changed (another
    digest) or lapsed (past `not_after`). The other fields tell the decision that stands, whoever made it.
    """

    outcome: str
    request_id: str
    decision_id: str
    status: str = ""
    responder: str = ""
    reason: str = ""
    ended_at: datetime | None = None

    @property
    def accepted(self) -> bool:
        """Whether this decision is the one that took effect."""
        return self.outcome == ACCEPTED


def refusal(request_id: str, reason: str) -> ApprovalResponse:
    """No, by nobody: the reason says why."""
    return ApprovalResponse(request_id, False, SYSTEM, reason)
