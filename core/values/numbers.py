"""Numbers that callers give: refused by name before anything is stored or waited for.

An int in Python has any number of digits. One of hundreds has no float, one of thousands no text, and the
client of Redis ends the process over it; so each is held against a largest value first.
"""

LARGEST = 2**63 - 1  # what Redis's own integers hold
ROUNDING = 1e-6


def checked_count(value: object, argument: str, least: int = 0, most: int = LARGEST) -> int:
    """Return `value` if it is an int of `least` to `most`; else TypeError or ValueError naming `argument`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{argument} must be an int, not {type(value).__name__}")
    if not least <= value <= most:
        raise ValueError(f"{argument} must be {least:,} to {most:,}, not {shown(value)}")
    return value


def checked_number(value: object, argument: str, least: float, most: float) -> float:
    """Return `value` as a float if it is a number within `least` and `most`, so finite; else as above."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{argument} must be a number, not {type(value).__name__}")
    if not least <= value <= most:
        raise ValueError(f"{argument} must be within {least:,}..{most:,}, not {shown(value)}")
    return float(value)


def checked_seconds(
    value: object, argument: str, most: float = LARGEST, *, above_zero: bool = False, endless: bool = False
) -> float:
    """Return `value` if it is a number of seconds: 0 or more, or `above_zero`, and at most `most`; else as above.

    endless: `math.inf` is one too. An int stays an int.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{argument} must be a number of seconds, not {type(value).__name__}")
    if endless and value == float("inf"):
        return value
    if not 0 <= value <= most or (above_zero and value == 0):
        least = "above 0" if above_zero else "0 or more"
        or_endless = ", or math.inf" if endless else ""
        raise ValueError(
            f"{argument} must be {least} and at most {most:,} seconds{or_endless}, not {shown(value)}"
        )
    return value


def checked_limit(value: object, argument: str) -> float:
    """Return `value` as seconds that are left until a limit, `math.inf` for none; one that has passed is 0."""
    if isinstance(value, (int, float)) and -LARGEST <= value < 0:
        return 0
    return checked_seconds(value, argument, endless=True)


def checked_share(value: object, argument: str) -> float:
    """Return `value` as a float within 0..1; what is beyond by no more than rounding is 0.0 or 1.0; else as above."""
    if isinstance(value, float) and -ROUNDING <= value <= 1 + ROUNDING:
        return min(1.0, max(0.0, value))
    return checked_number(value, argument, 0, 1)


def shown(value: object) -> str:
    """A value for the message of an error: short, whatever it is."""
    if isinstance(value, int) and abs(value) > LARGEST:
        return "a far larger number" if value > 0 else "a far smaller number"
    try:
        text = repr(value)
    except Exception:  # a list can hold such an int, and anything a `repr` of its own
        return f"this {type(value).__name__}"
    return text if len(text) <= 200 else f"{text[:200]}…"
