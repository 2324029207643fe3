"""Names from outside: of agents, types, people. They are data, whatever they hold."""

import unicodedata
from functools import lru_cache

NAME_LENGTH = 255


def checked_name(value: object, argument: str, longest: int = NAME_LENGTH) -> str:
    """Return `value` if it can name an agent, a type or a person, else raise naming `argument`.

    1 to `longest` characters of valid Unicode without control characters; anything else in it is fine.
    """
    if not isinstance(value, str):
        raise TypeError(f"{argument} must be a str, not {type(value).__name__}")
    if not 1 <= len(value) <= longest:
        raise ValueError(f"{argument} must have 1 to {longest} characters, not {len(value)}")
    if value.isprintable():  # the usual case; what is left may still be fine, such as a line separator
        return value
    for position, character in enumerate(value):
        category = unicodedata.category(character)
        if category in ("Cc", "Cs"):
            kind = "control character" if category == "Cc" else "lone surrogate"
            raise ValueError(f"{argument} has a {kind} (U+{ord(character):04X}) at position {position}")
    return value


def optional_name(value: object, argument: str) -> str:
    """A name, or '' for None."""
    return "" if value is None or value == "" else checked_name(value, argument)


@lru_cache(maxsize=1024)
def name_of(said: bytes, argument: str) -> str:
    """The name in what Redis holds; ValueError as `checked_name`. Remembered: the same few come with every record."""
    return checked_name(said.decode(), argument)
