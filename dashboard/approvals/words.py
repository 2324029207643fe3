"""What a person reads of Python of one request and of the inbox; a part of dashboard/words.py of this room."""

from collections.abc import Iterable
from datetime import datetime

TAKEN_BACK = "You took back your approval of {name}. Nothing was decided."
NOT_TAKEN_BACK = "It was too late to take that back: {what}"
NOTHING_HELD = "no approval of yours is held."
NOT_YOURS = "Only {name} can take back that approval. You can deny the request."
NOT_BACK_NOW = (
    "Not taken back, because the record cannot be written. The page of the request shows what stands."
)
STOOD = "{status}, by {by}."
UNCERTAIN = (
    "the telemetry server lost the request before it was known what came of it. "
    "The agent may have heard this answer and acted on it."
)
TRIED = {True: "tried to approve: ", False: "tried to deny: "}
CLAIMED = "{status}, by {by}"
CLAIMED_OF_END = {
    "requested": "that this was asked",
    "doubted": "that its agent did not believe a yes",
    "collected": "that the agent has the answer",
    "restored": "that its end was given back to Redis",
}
TOOL = "{name}, at {at} by the agent's own telemetry"
REPAIRED = "{what}: was {was}, is {now}"
UNVERIFIED = " by a direct call, person not verified"
ANSWERS_NOTHING = "Which values it looks at cannot be read, so it answers nothing."
NOT_CHANGED = "Nothing is approved: {why}."
AGENT_TAKES_NO_EDIT = "The agent did not say that it understands an approval with changes."
KIND_TAKES_NO_EDIT = "Requests of this kind may not be edited. An administrator sets that."
ANSWERED = {"edited": "Approved with changes", "changes": "Asked back"}
NOT_EXTENDED = "It waits no longer than before: {why}."
NOT_WRITTEN = "the record cannot be written"
LONGER = "It waits until {until}. Its agent hears that."

GIVEN = "to {name}"
HANDED = "{name} is asked to answer {request}. {others}"
TOLD = "They are told outside of the page too, where they have a channel or an address."
TAKEN = "You answer {request}: others see that."
NOT_HANDED = "It was not handed over: {why}."
RECEIVERS = {"person": "People", "team": "Teams", "group": "Groups"}

SHOWS = {
    "": "All",
    "soon": "Expiring",
    "unusual": "Unusual",
    "handed": "Handed to me",
    "mine": "I may answer",
    "risky": "High risk",
}
AGES = {"": "Any age", "5": "5 min or more", "30": "30 min or more", "120": "2 h or more"}
NOTHING_CHOSEN = "Nothing was sent: nothing was chosen."
TOO_MANY = "Nothing was sent: at most {most} can be answered together."
GONE = "{name}: it has ended, or is not in the queue any more."
NOT_TOGETHER = "{name}: it must be looked at alone."
OTHER_SORT = "{name}: it is of another sort than the first, and is answered for itself."


def together(count: int, *, approved: bool) -> str:
    """So many answers took effect."""
    what = "request" if count == 1 else "requests"
    return f"You {'approved' if approved else 'denied'} {count} {what}, each recorded for itself."


def taken_back(count: int) -> str:
    """So many approvals that were held are void."""
    return f"You took back {count} {'approval' if count == 1 else 'approvals'}. Nothing was decided."


def too_late(count: int) -> str:
    """So many were released before."""
    return f"It was too late to take back {count}: their agents are told."


def failed(count: int) -> str:
    """So many did not."""
    return f"{count} {'was' if count == 1 else 'were'} not decided:"


def approving(names: Iterable[str], count: int, many: int) -> str:
    """Whose approvals of a line are held: all of the request, or so many of what is alike."""
    who = " and ".join(names)
    if not who:
        return ""
    return f"{who} is approving" if many < 2 else f"{who} is approving {count} of {many}"


def handed_to(name: str, giver: str, *, mine: bool) -> str:
    """What a line says of a request that was handed over."""
    if name == giver:
        return "yours" if mine else f"{name} answers it"
    return "handed to you" if mine else f"handed to {name}"


def call_left(listened_at: datetime) -> str:
    """Why nobody waits: the call over HTTP that asked has gone. Its answer is kept for the same call."""
    at = f"{listened_at:%Y-%m-%d %H:%M:%S} UTC"
    again = "The very same call may come again and take the answer."
    return f"the call that asked has gone, it last waited at {at}. {again}"


def nobody(may: int, must: int) -> str:
    """That a request cannot be approved, whoever looks at it."""
    if must == 1:
        return "Nobody can approve this, as people and grants are now."
    who = "nobody may" if not may else f"{may} may" if may > 1 else "one may"
    return f"Nobody can approve this: {must} different people must, and {who}, as people and grants are now."
