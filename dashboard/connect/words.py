"""What the page of tokens says."""

SCOPES = {
    "ask": "Ask for approval and hear the answer",
    "beat": "Send heartbeats",
    "signal": "Send and take signals",
    "events": "Publish and read events",
    "usage": "Report calls of models",
    "provision": "Provision others by the Agent Approval Protocol (alone, and for all agents whose names begin so)",
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
SHORTENED = "The old secret of {token} is refused within five seconds."
PLACE_OF_TOKEN = "YOUR-TOKEN"
HEARD = "They are the same agent, and I say so as an administrator"
# A command with a code
NO_CODE = "No command waits with this code: it was mistyped, is over, or was answered. Look at what the command shows."
TOO_MANY_CODES = "Too many codes were tried. Wait ten minutes."
GIVEN = (
    "Given: the command on {machine} fetches its token within seconds, as {agent}. Then its trial waits in the inbox. "
    "{answers}"
)
REFUSED = "Refused: the command on {machine} gets no token."
OVER = "This command does not wait any more. Nothing was given."
YOU_ANSWER = "You may answer it yourself."
