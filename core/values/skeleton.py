"""Names that look alike, and words of mixed scripts: after Unicode Technical Standard 39, for names mostly in ASCII."""

import re
import unicodedata
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from .text import is_unsafe

_TABLE = Path(__file__).with_name("lookalikes.txt")
_ASCII = str.maketrans({"0": "o", "1": "l", "m": "rn", "|": "l"})
_ASCII_AS_WRITTEN = str.maketrans({"0": "O", "1": "l", "I": "l", "m": "rn", "|": "l"})
_WORD = re.compile(r"[^\s\"'<>(){}\[\],;]+")
_PART = re.compile(r"[^\W_]+")
# Letters of these beside Latin ones in a word are a mask far more often than a language.
_SCRIPTS = frozenset(
    {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "GEORGIAN", "LISU", "DESERET"}
)
_STYLED = frozenset(
    {"FULLWIDTH", "MATHEMATICAL", "DOUBLE-STRUCK", "SCRIPT", "BLACK-LETTER", "CIRCLED", "SQUARED"}
)


class MixedWord(NamedTuple):
    """A word, and the scripts of its letters by name, such as ('Cyrillic', 'Latin')."""

    word: str
    scripts: tuple[str, ...]


def skeleton(text: str) -> str:
    """What `text` looks like, whatever it is written with: case, width, spaces around it and unseen characters aside.

    Equal for names that few people could tell apart. `looks_like` is stricter still; it is the one to ask of two.
    """
    written = "".join(_ascii_letter(character) for character in _composed(text))
    return _decomposed(written.casefold()).translate(_ASCII)


@lru_cache(maxsize=8192)
def skeletons(text: str) -> frozenset[str]:
    """All that `text` looks like: its skeleton, its folded letters, and its shapes as they are written."""
    if text.isascii() and text.isprintable():  # nothing in it is unseen, composed, or looks like ASCII
        plain = " ".join(text.split())
        return frozenset((plain.lower().translate(_ASCII), plain.translate(_ASCII_AS_WRITTEN)))
    composed, table = _composed(text), _lookalikes()
    folded = _decomposed(composed.casefold()).translate(_ASCII)
    shapes = "".join(table.get(character, character) for character in _decomposed(composed))
    return frozenset((skeleton(text), folded, shapes.translate(_ASCII_AS_WRITTEN)))


def looks_like(one: str, other: str) -> bool:
    """Whether two names are one to the eye: equal but for case, width, unseen characters or letters that look alike."""
    return one == other or not skeletons(one).isdisjoint(skeletons(other))


def mixed_script_words(text: str, most: int = 100) -> list[MixedWord]:
    """The first `most` words of `text` that mix scripts, each once: `pаypal` with a Cyrillic а.

    So is a part that could be read as Latin beside one that is, as in `аррӏе.com`.
    """
    if text.isascii():
        return []
    found: list[MixedWord] = []
    for word in dict.fromkeys(_WORD.findall(text)):
        if not word.isascii() and (scripts := _mixed(word)):
            found.append(MixedWord(word, scripts))
            if len(found) >= most:
                break
    return found


def scripts_of(text: str) -> list[str]:
    """The scripts of its letters by name, of those that are mixed to deceive."""
    return sorted(_scripts(text))


def _mixed(word: str) -> tuple[str, ...]:
    parts = [(part, _scripts(part)) for part in _PART.findall(word)]
    latin = any("Latin" in scripts for _part, scripts in parts)
    found: set[str] = set()
    for part, scripts in parts:
        if len(scripts) > 1:
            found |= scripts
        elif latin and scripts and "Latin" not in scripts and skeleton(part).isascii():
            found |= scripts | {"Latin"}
    return tuple(sorted(found))


def _scripts(part: str) -> set[str]:
    return {script for character in set(part) if (script := _script(character))}


@cache
def _script(character: str) -> str:
    """The script of a letter, where it is one that is mixed to deceive; else ''."""
    first = unicodedata.name(character, "").partition(" ")[0]
    if first in _STYLED and unicodedata.normalize("NFKC", character).isascii():
        return "Styled Latin"
    return first.capitalize() if first in _SCRIPTS and character.isalpha() else ""


@cache
def _ascii_letter(character: str) -> str:
    """What a character looks like in ASCII as it is written, or else in its other case; itself where nothing."""
    if character.isascii():
        return character
    table = _lookalikes()
    lower, upper = character.lower(), character.upper()
    return next((table[like] for like in (character, lower, upper) if like in table), character)


@cache
def _lookalikes() -> dict[str, str]:
    table: dict[str, str] = {}
    for line in _TABLE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("# "):
            like, *numbers = line.split(" ")
            table.update({chr(int(number, 16)): like for number in numbers})
    return table


def _composed(text: str) -> str:
    """Compatible forms as one, unseen characters and needless spaces away."""
    seen = "".join(c for c in text if c.isspace() or not is_unsafe(c))
    return " ".join(unicodedata.normalize("NFKC", seen).split())


def _decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)
