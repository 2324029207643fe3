"""Data from outside that makes no sense: what reading it raises, and how that is said."""

from ..errors import MalformedRecord

# Whatever is odd: bytes that are no text, a number that no float or database holds, a value of another type, a field
# that is missing, a time that no calendar has (an OSError on some machines), JSON that nests deeper than Python goes.
ODD = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, OSError, RecursionError)


def malformed(record: str, error: Exception) -> MalformedRecord:
    """The error that names a record, and what is wrong with it as reading it raised."""
    if isinstance(error, KeyError):
        name = error.args[0]
        return MalformedRecord(f"{record}: {name.decode() if isinstance(name, bytes) else name} is missing")
    return MalformedRecord(f"{record}: {type(error).__name__}: {error}")


def without_nul(text: str, argument: str) -> str:
    """Return `text`; ValueError naming `argument` where it has a NUL, which PostgreSQL keeps in no text."""
    if "\x00" in text:
        raise ValueError(f"{argument} has a NUL character")
    return text


def with_visible_nul(text: str) -> str:
    """For text that must be kept whatever it holds: a NUL becomes its picture."""
    return text.replace("\x00", "\N{SYMBOL FOR NULL}")
