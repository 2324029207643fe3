"""The words of requests for approval, each spelled once: for Python, for the scripts and for the tables.

They stand among the values because the store, which may know no room, puts them into the scripts: `'@APPROVED@'`
in Lua becomes the word when the script is loaded.
"""

# How a request stands. All but the first are ends.
PENDING = "pending"
APPROVED = "approved"
REJECTED = "rejected"
TIMEOUT = "timeout"
CANCELLED = "cancelled"  # also what comes of a decision on a request that ended so
ENDS = (APPROVED, REJECTED, TIMEOUT, CANCELLED)
STATUSES = (PENDING, *ENDS)

# What came of a decision.
ACCEPTED = "accepted"
ALREADY_DECIDED = "already_decided"
EXPIRED = "expired"
UNKNOWN = "unknown"
CHANGED = "changed"
LAPSED = "lapsed"
OPEN = "open"  # nobody knows yet
OUTCOME_OF_END = {
    APPROVED: ALREADY_DECIDED,
    REJECTED: ALREADY_DECIDED,
    TIMEOUT: EXPIRED,
    CANCELLED: CANCELLED,
}

# The way by which an end came. What ends by itself has `system` as its responder too.
DIRECT = "direct"
SITE = "site"
SYSTEM = "system"

# What is published of a request.
APPROVAL_REQUESTED = "approval_requested"
APPROVAL_DECIDED = "approval_decided"
APPROVAL_EXPIRED = "approval_expired"
APPROVAL_CANCELLED = "approval_cancelled"
EVENTS = (APPROVAL_REQUESTED, APPROVAL_DECIDED, APPROVAL_EXPIRED, APPROVAL_CANCELLED)
EVENT_OF_END = {
    APPROVED: APPROVAL_DECIDED,
    REJECTED: APPROVAL_DECIDED,
    TIMEOUT: APPROVAL_EXPIRED,
    CANCELLED: APPROVAL_CANCELLED,
}

LOST_REASON = "cancelled: lost by the server, which was emptied or replaced"


def status_of_answer(approved: bool) -> str:
    """How a request ends by this answer."""
    return APPROVED if approved else REJECTED
