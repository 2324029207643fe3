"""What a reader must know of a text from outside before it is believed: what hides in it, and what poses as another."""

import re

from core.values.skeleton import mixed_script_words
from core.values.text import unsafe_count
from dashboard import words

_ESCAPED = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_AS_TEXT = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def warnings_of(*texts: str, hidden: int = 0) -> tuple[str, ...]:
    """Sentences about names and JSON texts: their unseen characters, words of mixed scripts, and so many secrets."""
    said = [_ESCAPED.sub(_unescaped, text) if "\\" in text else text for text in texts]
    unseen = sum(unsafe_count(text) for text in said)
    mixed = [word for text in said for word in mixed_script_words(text)]
    return tuple(words.text_warnings(unseen, mixed, hidden))


def _unescaped(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    return _AS_TEXT.get(match[2], match[2])
