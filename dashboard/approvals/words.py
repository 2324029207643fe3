"""What a person reads of Python in the inbox; a part of dashboard/words.py that only this room says."""

SHOWS = {"": "All", "soon": "Expiring", "unusual": "Unusual", "risky": "High risk", "mine": "I may answer"}
AGES = {"": "Any age", "5": "Waits for 5 min", "30": "Waits for 30 min", "120": "Waits for 2 h"}
TOO_LONG = "{name} may have {most} characters."
NO_SUCH = "{name} must be one of {names}."
NOTHING_CHOSEN = "Nothing was sent: nothing was chosen."
TOO_MANY = "Nothing was sent: at most {most} can be answered together."
GONE = "{name}: it has ended, or is not in the queue any more."
NOT_TOGETHER = "{name}: it must be looked at alone."


def together(count: int, *, approved: bool) -> str:
    """So many answers took effect."""
    what = "request" if count == 1 else "requests"
    return f"You {'approved' if approved else 'denied'} {count} {what}, each recorded for itself."


def failed(count: int) -> str:
    """So many did not."""
    return f"{count} {'was' if count == 1 else 'were'} not decided:"
