"""What a person reads of Python about notices; a part of dashboard/words.py that only this room says."""

from collections.abc import Mapping

SAVED = "Your notices are set."
TESTED = "A test is on its way by {count}. What became of it is listed below within half a minute."
NO_CHANNEL = "Nothing was sent: choose a channel first, and save."
TOO_OFTEN = "Nothing was sent: a test was asked for within the last minute."
SWITCHED_OFF = "{name} (switched off just now)"
QUIET_HALF = "Give both ends of the quiet hours, or none."

AT_ONCE, NEVER, NO_DIGEST = "at once", "never", "no, as they come"
STATES = {
    "claimed": "being sent",
    "sent": "sent",
    "again": "not taken, to be tried again",
    "failed": "failed",
    "unknown": "nobody knows whether it arrived",
    "needless": "not sent",
}
STEPS = {
    "first": "waits",
    "reminder": "reminder",
    "escalation": "nobody answered",
    "handed": "handed over",
    "nobody": "nobody may answer",
    "test": "test",
}
STORED = (
    " Stored, and not shown again. Left empty it keeps what is there; a new address needs its secret again."
)
ADDRESS = (
    "Mail: none, it goes to each person's own. Slack and Teams: the webhook's address. ntfy: "
    "https://ntfy.example.org/topic. Signed webhook: your receiver's. Others: as apprise writes them."
)
SECRET = "Signed webhook: at least 16 characters. ntfy: an access token, if it needs one. Else none."
LACKS_ADDRESS = "Enter the address that this kind of channel is called with."


def channels(count: int) -> str:
    """How many channels."""
    return "1 channel" if count == 1 else f"{count} channels"


def span(seconds: int) -> str:
    """A round time in words."""
    if seconds % 3600 == 0:
        return f"{seconds // 3600} h"
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"


def trouble(counts: Mapping[str, int]) -> str:
    """For the health page, of notices that did not arrive by state; '' where there is none."""
    said = {"failed": "{} failed", "unknown": "of {} nobody knows whether they arrived"}
    parts = [sentence.format(counts[state]) for state, sentence in said.items() if counts.get(state)]
    if not parts:
        return ""
    return f"Notices of the last day: {' and '.join(parts)}. They are listed below."
