"""Texts as words that an index keeps, the same for both databases, and what somebody typed as terms of these.

A run of characters without a space, such as 2070.32, a mail, a path or an id, is kept by its parts, and from each
part on as it was typed: so it is found whole, and by any part of it, and 2070.32 is not 32 and 2070 somewhere.
No word has a quote or an operator of any database in it: what stands between parts is kept as another character.

Two kinds of words are in no text, and begin with a mark that nobody can type: how words begin, since an index would
have to read every word that begins so, and what a request is, since few of many are found by reading both lists.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from core.values.malformed import ODD
from core.values.secrets import masked_json

PART = 64  # characters of a part that count
WINDOW = 6  # so many parts of a run are kept together
BETWEEN = 3  # characters between two parts that count
END = "\N{PILCROW SIGN}"  # of a part within a run
LONGEST_NAME = 300  # characters of the names that lead to a value: they stand before each one below them
FOLDED_AT_ONCE = (
    256  # characters: to put accents in their order takes the square of how many follow each other
)
BEGINNING = 4  # so many characters of a word are a word of their own
MARK = "\N{NOT SIGN}"
_PARTS = re.compile(r"[^\W_]+")
_WIDE = {code: chr(code + 0xFEE0) for code in range(0x21, 0x7F)}  # punctuation as its wide form
_OTHER = re.compile(r"[^\uff01-\uff5e]")


@dataclass(frozen=True)
class SearchTerm:
    """One word to look for; `prefix`: or any that begins so."""

    word: str
    prefix: bool = False

    @property
    def marked(self) -> "SearchTerm":
        """The same as one word, where a short beginning is looked for."""
        return SearchTerm(MARK + self.word) if self.prefix and len(self.word) <= BEGINNING else self


def beginnings_of(words: Iterable[str]) -> set[str]:
    """How these words begin."""
    return {MARK + word[:length] for word in words for length in range(1, min(len(word), BEGINNING) + 1)}


def fact(name: str, value: str) -> SearchTerm:
    """What a request is, such as its kind, exactly so."""
    return SearchTerm(
        f"{MARK}{MARK}{name}{hashlib.sha256(value.encode(errors='surrogatepass')).hexdigest()[:32]}"
    )


def words_of(*texts: str) -> set[str]:
    """Every word of these texts."""
    found: set[str] = set()
    for text in texts:
        for run in folded(text).split():
            if run.isascii() and run.isalnum():
                found.add(run[:PART])
            else:
                found.update(_of_run(run))
    return found


def terms_of(query: str) -> list[SearchTerm]:
    """What to look for, all of it; empty where no word was typed. A `*` at the end: any that begins so."""
    terms: dict[SearchTerm, None] = {}
    for run in folded(query).split():
        pieces = _pieces(run)
        open_end = run.endswith("*")
        if len(pieces) == 1:
            terms[SearchTerm(pieces[0][1], open_end)] = None
        elif pieces:
            for start in range(max(1, len(pieces) - WINDOW + 1)):
                last = open_end and start + WINDOW >= len(pieces)
                terms[
                    SearchTerm(
                        _joined(pieces[start : start + WINDOW]).removesuffix(END if last else ""), prefix=True
                    )
                ] = None
    return list(terms)


def folded(text: str) -> str:
    """Without capitals and accents: what is the same for whoever searches."""
    if text.isascii():
        return text.lower()
    parts = (text[start : start + FOLDED_AT_ONCE] for start in range(0, len(text), FOLDED_AT_ONCE))
    plain = (unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", part).casefold()) for part in parts)
    return "".join(character for part in plain for character in part if not unicodedata.combining(character))


def words_in(context: str) -> set[str]:
    """Every word of a context without its secrets: of its values, and of the names that lead to them."""
    text = masked_json(context).text
    try:
        left = [("", json.loads(text, parse_float=str, parse_int=str, parse_constant=str))]
    except ODD:
        return words_of(text)
    found: set[str] = set()
    while left:
        path, value = left.pop()
        if not isinstance(value, (dict, list)):
            found |= words_of(path, _word(value))
            continue
        end = _end_of(path)
        if end != path:  # else each value below says it again
            found |= words_of(path)
        left += [(f"{end}.{name}" if end else name, item) for name, item in _members(value)]
    return found


def _members(value: object) -> Iterable[tuple[str, object]]:
    if isinstance(value, dict):
        return value.items()
    return ((str(number), item) for number, item in enumerate(value, 1)) if isinstance(value, list) else ()


def _end_of(path: str) -> str:
    """What of a path is kept together with what follows it, and no more: each value below it would repeat the rest."""
    run = "" if path[-1:].isspace() else path[path.rfind(" ") + 1 :]
    parts = list(_PARTS.finditer(run))[1 - WINDOW :]
    next_ones = [match.start() for match in parts[1:]] + [len(run)]
    return "".join(
        match[0][:PART] + run[match.end() : end][:BETWEEN]
        for match, end in zip(parts, next_ones, strict=False)
    )


def lines_of(context: str) -> Iterator[tuple[str, str]]:
    """Each value of a context with the names that lead to it, numbers as they were written, without its secrets."""
    yield from lines_in(masked_json(context).text)


def lines_in(context: str) -> Iterator[tuple[str, str]]:
    """The same of a context whose secrets are hidden already."""
    try:
        value = json.loads(context, parse_float=str, parse_int=str, parse_constant=str)
        yield from list(_lines("", value))
    except ODD:
        yield "", context


def values_in(context: str) -> Iterator[str]:
    """The values alone, one after another as they are asked for; of what is no JSON the text itself."""
    try:
        left = [json.loads(context, parse_float=str, parse_int=str, parse_constant=str)]
    except ODD:
        left = [context]
    while left:
        value = left.pop()
        if isinstance(value, (dict, list)):
            left += reversed(value.values() if isinstance(value, dict) else value)
        else:
            yield _word(value)


def _lines(path: str, value: object) -> Iterator[tuple[str, str]]:
    for name, item in _members(value):
        whole = f"{path}.{name}" if path else name
        yield from _lines(whole if len(whole) <= LONGEST_NAME else f"…{whole[1 - LONGEST_NAME :]}", item)
    if not isinstance(value, (dict, list)):
        yield path, _word(value)


def _word(value: object) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _of_run(run: str) -> Iterator[str]:
    pieces = _pieces(run)
    yield from (part for _, part in pieces)
    if len(pieces) > 1:
        yield from (_joined(pieces[start : start + WINDOW]) for start in range(len(pieces) - 1))


def _pieces(run: str) -> list[tuple[str, str]]:
    """The parts of a run, each with what stands before it."""
    found, end = [], 0
    for match in _PARTS.finditer(run):
        between = _OTHER.sub("\N{MIDDLE DOT}", run[end : match.start()][:BETWEEN].translate(_WIDE))
        found.append((between, match[0][:PART]))
        end = match.end()
    return found


def _joined(pieces: list[tuple[str, str]]) -> str:
    (_, first), *others = pieces
    return first + END + "".join(f"{between}{part}{END}" for between, part in others)
