"""Text from agents for places that hold no markup: what hides, reorders or controls becomes a visible ⟦U+001B⟧."""

import re
import unicodedata
from collections import Counter
from functools import lru_cache

_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters and marks that are drawn as nothing.
_INVISIBLE = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5\u180b\u180c\u180d\u180f")
_NOT_PLAIN = re.compile(r"[^\x20-\x7e\n\t]")
_NOT_IN_A_LINE = re.compile(r"[^\x20-\x7e]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def plain(text: object) -> str:
    """`text` with unsafe characters as ⟦U+202E⟧; line ends and tabs stay."""
    said = str(text)
    return _NOT_PLAIN.sub(_chip_or_same, said) if unsafe_in(said) else said


def one_line(text: object) -> str:
    """The same on one line: line ends and tabs are visible too."""
    return _NOT_IN_A_LINE.sub(_chip_or_same, str(text))


def unsafe_count(text: str) -> int:
    """How many unsafe characters `text` has."""
    unsafe = unsafe_in(text)
    counts = Counter(text) if unsafe else Counter()
    return sum(counts[character] for character in unsafe)


def unsafe_in(text: str) -> set[str]:
    """The unsafe characters of `text`, each once; line ends and tabs are none."""
    if text.isascii() and text.isprintable():
        return set()
    return {one for one in set(text) if _NOT_PLAIN.match(one) and is_unsafe(one)}


def no_formula(text: str) -> str:
    """`text` for a cell of a spreadsheet, with a `'` before what one might take for a formula, such as a wide `＝`."""
    seen = text.lstrip(" ") if text.isascii() else visible(text)
    first = unicodedata.normalize("NFKC", seen[:1])
    return f"'{text}" if text.startswith(_FORMULA) or first.startswith(_FORMULA) else text


@lru_cache(maxsize=4096)
def is_unsafe(character: str) -> bool:
    """Whether a character draws nothing, moves other text, or is no character at all."""
    category = unicodedata.category(character)
    return (
        category in _UNSAFE_CATEGORIES
        or character in _INVISIBLE
        or (category == "Zs" and character != " ")
        or "\ufe00" <= character <= "\ufe0f"
        or "\U000e0100" <= character <= "\U000e01ef"
    )


def visible(text: str) -> str:
    """What of it can be seen: without what draws nothing, and without spaces around it."""
    return "".join(character for character in text if character == " " or not is_unsafe(character)).strip()


def chip(character: str) -> str:
    """How an unsafe character is shown."""
    return f"⟦U+{ord(character):04X}⟧"


def _chip_or_same(match: re.Match[str]) -> str:
    return chip(match[0]) if is_unsafe(match[0]) else match[0]
