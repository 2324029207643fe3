"""What a person reads of Python beside a request; a part of dashboard/words.py that only this room says."""

ASKER_UNHEARD = "It has not beaten within a day, or never did: nobody can say whether it still waits."
ASKER_CALLS = "It has not beaten within a day, or never did, but a call of it waits for this answer."
PARTS = {
    "state": "whether it lives",
    "timeline": "what it said last",
    "mailbox": "its signals",
    "events": "its events",
}
COMMENTED = "Your comment stands beside the request. The agent does not read it."
NOT_COMMENTED = "Nothing was kept: {why}."
NOT_WRITTEN = "Nothing was kept: the record cannot be written. Try again in a minute."
EMPTY_COMMENT = "a comment needs something that can be seen"
LONG_COMMENT = "a comment may have {most:,} characters"

# Telling the agent, at the address that it named
TELLING = {
    "waiting": "It is told there when this has ended.",
    "due": "It is being told.",
    "fails": "Not taken so far. The next try is at",
    "sent": "Taken",
    "over": "Given up",
}
TELLING_AGAIN = "The agent is told once more, within half a minute. Whoever had it before knows it by its id."
NOTHING_TO_TELL = "Nothing was sent: this request names no address, or has not ended."
NOT_SENT_AGAIN = "Nothing was sent: the record cannot be written now. Try again in a minute."
