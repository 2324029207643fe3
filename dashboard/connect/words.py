"""What the page of tokens says."""

SCOPES = {
    "ask": "Ask for approval and hear the answer",
    "beat": "Send heartbeats",
    "signal": "Send and take signals",
    "events": "Publish and read events",
    "usage": "Report calls of models",
    "provision": "Make instances of the Agent Approval Protocol (alone, with all names that begin so)",
}
ASKS = {
    "*": "before every tool",
    "prompted": "before what the client itself would ask its user",
    "tools": "before these tools:",
}
STATES = {
    "works": "works",
    "revoked": "revoked",
    "over": "its time is over",
    "owner": "its owner is not active",
}
NOBODY = (
    "You may see this page, and make no token: an administrator makes them, and whoever owns an agent. "
    "Who owns what is set in the admin."
)
NOT_MADE = "Nothing was made: {why}."
NO_DAYS = "the days must be a number"
REVOKED = "{token} is revoked. It is refused within five seconds."
NO_TOKEN = "There is no such token."
AWAY = "Nothing was made: the record could not be written. Try again."
