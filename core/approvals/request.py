"""What an approval is made of: the question, the outcome, and the answer to a decision."""

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ..errors import StoreMisconfigured, StoreRefused, StoreUnavailable, TelemetryError
from ..store.approvals import RequestRecord
from ..values.approvals import (
    ACCEPTED,
    APPROVED,
    DENIED,
    NO_DEADLINE,
    PENDING,
    SYSTEM,
    TIMEOUT,
    UNKNOWN,
)
from ..values.records import PlainDict


@dataclass
class ApprovalRequest(PlainDict):
    """A question to a human. `timestamp` is when Redis stored it; `timeout_seconds` counts from there.

    `timeout_seconds` is `math.inf` for one without a deadline. `key` is the asker's own name for it, or ''.
    `digest` is of what this process asked with; '' where the request was read from Redis.
    `warning` says that nobody can approve it as the site is now, and who can change that; '' where somebody can, or
    the site did not say. It is known as it is asked, and not read later.
    """

    request_id: str
    approval_type: str
    agent_id: str
    context: dict[str, Any]
    timestamp: datetime
    timeout_seconds: float
    status: str = PENDING
    key: str = ""
    digest: str = field(default="", compare=False)
    warning: str = field(default="", compare=False)

    @property
    def id(self) -> str:
        """The same as `request_id`."""
        return self.request_id

    @classmethod
    def of(
        cls, record: RequestRecord, now: datetime, context: dict[str, Any] | None = None
    ) -> "ApprovalRequest":
        """What a record says at `now`, by Redis's clock: past its deadline it is `timeout` before that is recorded.

        context: its values, where somebody has read them already.
        """
        over = record.status == PENDING and record.deadline_at <= now
        return cls(
            record.request_id,
            record.approval_type,
            record.agent_id,
            record.context_object if context is None else context,
            record.requested_at,
            math.inf if record.deadline_at == NO_DEADLINE else record.timeout_seconds,
            TIMEOUT if over else record.status,
            record.key,
        )


@dataclass
class ApprovalResponse(PlainDict):
    """What came of a request. `responder` is `system` when no person answered; `reason` then says why.

    status: approved, denied, timeout, cancelled, unavailable (Redis could not be asked), unknown, or changes: a no
    that asks back, `reason` is the question, for who said that they understand it.
    edited: what was approved in the place of what was asked, for who said that they understand it; empty where that is
    the same.
    channel: site (a person who was signed in), rule (one that such a person made), direct (a call in Python, by
    whoever it says) or system; '' where that is not told. verified: whether a person's answer, or that of their rule,
    has a valid signature of the site; None where nobody can tell, as without TELEMETRY_DECISION_KEY.
    signature: that signature as it is written, or ''.
    away: nobody could be asked, since Redis or the site did not answer; it is one of the reasons for unavailable.
    collected_at, collected_by: when it was collected before, and by which claim; None and '' for the first time.
    warning: of `ApprovalRequest`, where this very call asked.
    """

    request_id: str
    approved: bool
    responder: str
    reason: str = ""
    timestamp: datetime = field(default_factory=lambda: datetime.now(UTC))
    status: str = ""
    channel: str = ""
    verified: bool | None = None
    collected_at: datetime | None = None
    collected_by: str = ""
    warning: str = ""
    edited: dict[str, Any] = field(default_factory=dict)
    signature: str = field(default="", compare=False)
    away: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.status:
            otherwise = UNKNOWN if self.responder == SYSTEM else DENIED
            self.status = APPROVED if self.approved else otherwise


@dataclass(frozen=True)
class Decision(PlainDict):
    """The answer to `decide`.

    `outcome` is accepted, already_decided, expired, cancelled, unknown (no such request), changed (another
    digest) or lapsed (past `not_after`). The other fields tell the decision that stands, whoever made it.
    The last three are those of the request, where whoever decided has read it.
    """

    outcome: str
    request_id: str
    decision_id: str
    status: str = ""
    responder: str = ""
    reason: str = ""
    ended_at: datetime | None = None
    approval_type: str = ""
    agent_id: str = ""
    requested_at: datetime | None = None

    @property
    def accepted(self) -> bool:
        """Whether this decision is the one that took effect."""
        return self.outcome == ACCEPTED


def refusal(request_id: str, reason: str, status: str, *, away: bool = False) -> ApprovalResponse:
    """No, by nobody: the reason says why."""
    return ApprovalResponse(request_id, False, SYSTEM, reason, status=status, channel=SYSTEM, away=away)


def is_away(error: TelemetryError) -> bool:
    """Whether nobody answered, rather than somebody who refused, or a setting or record that is wrong."""
    return isinstance(error, StoreUnavailable) and not isinstance(error, (StoreRefused, StoreMisconfigured))
