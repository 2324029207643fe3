"""The words of requests for approval, each spelled once: for Python, for the scripts and for the tables.

They stand among the values because the store, which may know no room, puts them into the scripts: `'@APPROVED@'`
in Lua becomes the word when the script is loaded.
"""

from .moments import LATEST_MS, at

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
VOTED = "voted"  # of several who must approve: counted, and nothing is decided yet
OPEN = "open"  # nobody knows yet
HELD = "on_hold"  # until its release its person can take it back, and Redis knows nothing of it
VOID = "void"  # it was held, and never released
OUTCOME_OF_END = {
    APPROVED: ALREADY_DECIDED,
    REJECTED: ALREADY_DECIDED,
    TIMEOUT: EXPIRED,
    CANCELLED: CANCELLED,
}

# Answers beside yes and no, of which an asker says that it understands them: a yes to changed arguments, a no that asks
# back, a later deadline. The first two also stand at an end, as how it was answered.
EDITED = "edited"
CHANGES = "changes"
EXTENDED = "extended"
UNDERSTANDABLE = (CHANGES, EDITED, EXTENDED)
ANSWER_OF = {EDITED: APPROVED, CHANGES: REJECTED}

# How a response stands for its asker. The others are those of the ends.
DENIED = "denied"
UNAVAILABLE = "unavailable"
RESPONSE_OF_END = {APPROVED: APPROVED, REJECTED: DENIED, TIMEOUT: TIMEOUT, CANCELLED: CANCELLED}

# The way by which an end came. What ends by itself has `system` as its responder too.
DIRECT = "direct"
BEGINNINGS = "beginnings"  # of names of agents, of which the site says whether anybody can approve
SITE = "site"
RULE = "rule"  # one that a person made; its intent stands in SQL as theirs does
SYSTEM = "system"
OF_INTENTS = (SITE, RULE)  # the ways on which an intent goes before

# Whether the site takes answers by a call in Python.
ALLOWED = "allowed"
NOT_ALLOWED = "not_allowed"  # also what comes of such an answer then

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

# A request that may wait for ever is due at the last moment that every part can hold. Nobody is shown that moment.
NO_DEADLINE_MS = LATEST_MS - 1
NO_DEADLINE = at(NO_DEADLINE_MS)

LOST_REASON = "cancelled: lost by the server, which was emptied or replaced"


def approval_mark(status: str, answer: str = "") -> str:
    """Whether an end is a yes, as Redis says it: a yes to changed arguments is none to who does not know of them."""
    return EDITED if answer == EDITED else "1" if status == APPROVED else "0"


def status_of_answer(approved: bool) -> str:
    """How a request ends by this answer."""
    return APPROVED if approved else REJECTED
