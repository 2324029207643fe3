"""Text from agents, shown so that nothing in it can hide or pose as something else.

Everything is escaped. Characters that are invisible, reorder text or control a terminal become a visible
chip such as ⟦U+202E⟧, and secrets are hidden; the stored bytes are never changed.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache
from html import escape
from typing import Any, LiteralString

from django.utils.safestring import SafeString

from core.values import text as marks
from core.values.secrets import masked_text
from core.values.text import chip, is_unsafe, unsafe_count, unsafe_in

LONG_TEXT = 2_000
LONG_LINES = 20
LEAST, LEAST_CHIP = 50, 30  # characters of HTML that a value takes at the least, and an unsafe one more

# A browser sets a run of letters that have marks, or go from right to left, in the square of its length.
_RUN = re.compile(r".{1,1000}(?<=\s)|.{1,1000}", re.DOTALL)

NOTHING = SafeString("")

_NOT_PLAIN = re.compile(r"[^\x20-\x7e\n\t]")


class Number(str):
    """A JSON number as it was written: 1.10 stays 1.10."""


def visible(text: object) -> SafeString:
    """Escape `text`, make every unsafe character in it a visible chip, and hide secrets in it."""
    return marked(masked_text(str(text)).text)


def said(name: object) -> SafeString:
    """A name that somebody outside chose, as `visible`, in quotes: it is no word of ours."""
    return SafeString(f'<q class="said" dir="ltr">{visible(name)}</q>')


def plain(text: object) -> str:
    """The same for places that hold no markup, such as titles: unsafe characters as ⟦U+202E⟧."""
    return marks.plain(masked_text(str(text)).text)


def marked(text: str) -> SafeString:
    """Escape `text` and make every unsafe character in it a visible chip. Secrets stay: see `visible`."""
    if not unsafe_in(text):
        return _in_runs(text, escape)
    return _in_runs(text, lambda run: _NOT_PLAIN.sub(_chip_or_same, escape(run)))


def _in_runs(text: str, written: Callable[[str], str]) -> SafeString:
    if len(text) <= LONG_TEXT or text.isascii():
        return SafeString(written(text))
    return SafeString("".join(f'<bdi dir="ltr">{written(run)}</bdi>' for run in _RUN.findall(text)))


def put(html: LiteralString, *parts: SafeString | int) -> SafeString:
    """Parts in the places of markup of ours; TypeError for text that nobody has marked."""
    for part in parts:
        if not isinstance(part, SafeString | int):
            raise TypeError(f"{part!r} is text, and no markup: mark it first")
    return SafeString(html.format(*parts))


def put_together(parts: Iterable[SafeString], between: LiteralString = "") -> SafeString:
    """One after the other."""
    return SafeString(between.join(part.__html__() for part in parts))


def parsed(text: str) -> Any:
    """JSON with numbers as they were written and every member of an object; what is ODD for a text that is none."""
    return json.loads(
        text, parse_float=Number, parse_int=Number, parse_constant=Number, object_pairs_hook=Pairs
    )


class Pairs(list[tuple[str, Any]]):
    """An object's members in order, a repeated key twice."""


def is_over(value: Any, length: int, most: float) -> bool:
    """Whether the tree of a value, read from JSON of this length, surely takes more than `most` characters of HTML."""
    return LEAST * length > most and _least(value) > most


def _least(value: Any) -> int:
    if isinstance(value, Pairs):
        return sum(_least(item) for _key, item in value)
    if isinstance(value, list):
        return sum(map(_least, value))
    text = value if isinstance(value, str) and not isinstance(value, Number) else ""
    return LEAST + len(text) + LEAST_CHIP * (0 if text.isascii() else unsafe_count(text))


def scalar(value: Any, pieces: Iterable[tuple[str, str]] = ()) -> SafeString:
    """A value that holds no others. `pieces`: of a text, with the class of each, '' for none."""
    if isinstance(value, Number):
        return SafeString(f'<span class="value number">{escape(value)}</span>')
    if isinstance(value, str):
        return string(value, pieces)
    word = "null" if value is None else "true" if value else "false"
    return SafeString(f'<span class="value word">{word}</span>')


def string(value: str, pieces: Iterable[tuple[str, str]] = ()) -> SafeString:
    """A text of a context, whole; a long one in a box that scrolls. `pieces`: the same with classes."""
    if value == "":
        return SafeString('<span class="value word">empty text</span>')
    many = value.count("\n") >= LONG_LINES
    size = f'<span class="size">{_size(value)}</span>' if many or len(value) > LONG_TEXT else ""
    inside = "".join(map(_piece, pieces)) or marked(value)
    if len(value) <= LONG_TEXT:
        lines = " lines" if "\n" in value else ""
        return SafeString(f'{size}<span class="value string{lines}" dir="ltr">{inside}</span>')
    return SafeString(
        f'{size}<span class="value string long" dir="ltr" tabindex="0" role="region" aria-label="{_size(value)}">'
        f"{inside}</span>"
    )


def one_piece(text: str) -> SafeString:
    """A text of a context that is no tree, as it was written."""
    said = _in_runs(marks.plain(text), escape)
    pre = f'<pre class="value string lines" dir="ltr" tabindex="0">{said}</pre>'
    return SafeString(f'<span class="size">{_size(text)}</span>{pre}')


def _piece(piece: tuple[str, str]) -> str:
    name, text = piece
    return f'<span class="tk {escape(name)}">{marked(text)}</span>' if name else marked(text)


def _size(text: str) -> str:
    count = text.count("\n") + 1
    return f"{len(text):,} characters, {count:,} {'line' if count == 1 else 'lines'}"


def _chip_or_same(match: re.Match[str]) -> str:
    return _shown_as(match[0])


@lru_cache(maxsize=4096)
def _shown_as(character: str) -> str:
    if not is_unsafe(character):
        return character
    title = escape(unicodedata.name(character, "control character").lower())
    return f'<span class="chip" title="{title}">{chip(character)}</span>'
