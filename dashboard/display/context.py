"""A context as a tree that folds, with code in colours, beside the one that was approved before it."""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from django.utils.safestring import SafeString

from core.values.malformed import ODD
from core.values.secrets import masked_json
from dashboard.display import code
from dashboard.display.text import (
    NOTHING,
    Number,
    Pairs,
    is_over,
    marked,
    one_piece,
    parsed,
    put,
    put_together,
    scalar,
)

COLOURED = 60_000  # characters of one context that get colours
COMPARED_AT_ONCE = 60  # items, or lines, on either side; of more the places are compared
COMPARISONS = 20  # of that kind in one context
SHORT = 300  # characters of what stood there before
AROUND = 2  # lines that stand still beside one that does not


class Cell(NamedTuple):
    """A value as it is shown, and as it is: without its masks, which is compared and never shown."""

    shown: Any
    real: Any

    @classmethod
    def of(cls, shown: str, real: str) -> "Cell":
        """From two JSON texts; what is ODD where one is none."""
        value = parsed(shown)
        return cls(value, value if shown == real else parsed(real))


@dataclass(frozen=True)
class DrawnTree:
    """A tree, and how many of its values are new, gone or other than those it was compared with."""

    html: SafeString
    added: int = 0
    removed: int = 0
    other: int = 0

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return not (self.added or self.removed or self.other)


def draw_or_none(
    shown: str, real: str, before: tuple[str, str] | None, most: float, *, coloured: int = COLOURED
) -> DrawnTree | None:
    """The tree of a JSON text; None where it would take more than `most` characters, or a text holds no values.

    before: the text that it is compared with, as it is shown and as it is. coloured: how many characters of code are.
    """
    if len(shown) > most:
        return None
    try:
        now, old = Cell.of(shown, real), None if before is None else Cell.of(*before)
        if not (_holds(now.shown) and (old is None or _holds(old.shown))):
            return None
        if is_over(now.shown, len(shown), most):
            return None
        tree = _Tree(coloured)
        html = tree.list_of("", now, old)
    except ODD:
        return None
    return DrawnTree(html, tree.added, tree.removed, tree.other) if len(html) <= most else None


def whole_tree(text: str, most: float = math.inf) -> SafeString:
    """The tree of a JSON alone, without colours; the text in one piece where that takes more than `most` characters."""
    drawn = draw_or_none(text, text, None, most, coloured=0)
    return one_piece(text) if drawn is None else drawn.html


def visible_json(text: str) -> SafeString:
    """The tree of a JSON text without its secrets, whole."""
    return whole_tree(masked_json(text).text)


class _Member(NamedTuple):
    """One value of a list or object. `key`: as it is compared; `name`: as it is shown."""

    key: str
    name: str
    cell: Cell


class _Row(NamedTuple):
    """A member with the one that it is compared with, None for what is new; or one that is `gone`."""

    member: _Member
    old: Cell | None
    gone: bool = False


class _Tree:
    """Draws, and counts what differs."""

    def __init__(self, coloured: int) -> None:
        self.added = self.removed = self.other = 0
        self._colours, self._comparisons = coloured, COMPARISONS

    def list_of(self, name: str, now: Cell, old: Cell | None) -> SafeString:
        """The members of a list or object. `old`: what it is compared with."""
        kind = "object" if isinstance(now.shown, Pairs) else "array"
        rows = list(self._rows(now, old)) if old is not None else []
        members = _members(now)
        if not members and not rows:
            return put('<span class="value word">empty {}</span>', marked(kind))
        called = marked(" argv" if code.is_argument_list(name, now.shown) else "")
        lines = (
            [self._gone(row.member) if row.gone else self._compared(row, kind) for row in rows]
            if old is not None
            else [self._line(member, kind) for member in members]
        )
        return put('<ul class="tree {}{}">{}</ul>', marked(kind), called, put_together(lines))

    def _line(
        self, member: _Member, kind: str, mark: SafeString = NOTHING, old: Cell | None = None
    ) -> SafeString:
        """One value under its name; `old` where it is a list or object that is compared by its own values."""
        label = _label(member, kind)
        if not _holds(member.cell.shown):
            text = self._scalar(member.name if kind == "object" else "", member.cell.shown)
            return put("<li>{} {}{}</li>", label, mark, text)
        count = len(member.cell.shown)
        inside = self.list_of(member.name, member.cell, old)
        if not count:
            return put("<li>{} {}{}</li>", label, mark, inside)
        size = put('<span class="size">{} {}</span>', count, marked("value" if count == 1 else "values"))
        return put("<li><details open><summary>{} {}{}</summary>{}</details></li>", label, mark, size, inside)

    def _scalar(self, name: str, value: Any) -> SafeString:
        if not isinstance(value, str) or isinstance(value, Number) or len(value) > self._colours:
            return scalar(value)
        language = code.language_of(name, value)
        if not language:
            return scalar(value)
        self._colours -= len(value)
        return scalar(value, code.pieces_of(language, value))

    # What differs

    def _compared(self, row: _Row, kind: str) -> SafeString:
        now, old = row.member.cell, row.old
        if old is None:
            self.added += 1
            return self._line(row.member, kind, _mark("new", "added"))
        if _holds(now.real) and _holds(old.real) and type(now.real) is type(old.real):
            return self._line(row.member, kind, NOTHING, old)
        if _is_same(now.real, old.real):
            return self._line(row.member, kind)
        self.other += 1
        return self._line(row.member, kind, self._was(now, old))

    def _gone(self, member: _Member) -> SafeString:
        self.removed += 1
        name, mark, text = marked(member.name), _mark("gone", "removed"), _short(member.cell.shown)
        was = put('<del class="was value" dir="ltr">{}</del>', text)
        return put('<li class="gone"><span class="key">{}</span> {}{}</li>', name, mark, was)

    def _was(self, now: Cell, old: Cell) -> SafeString:
        mark = _mark("other", "changed")
        if _is_text(now.shown) and _is_text(old.shown) and "\n" in now.shown and "\n" in old.shown:
            return put("{}{}", mark, self._lines(old.shown.split("\n"), now.shown.split("\n")))
        return put(
            '{}<del class="was value" dir="ltr">{}</del> '
            '<span class="to" aria-hidden="true">→</span><span class="unseen">, is now</span> ',
            mark,
            _short(old.shown),
        )

    def _lines(self, before: list[str], now: list[str]) -> SafeString:
        """Which lines of a text differ, with a few beside them."""
        steps = list(self._steps(before, now))
        lines: list[tuple[str, str]] = []
        for word, i, j, k, m in steps:
            if word == "equal":
                kept = before[i:j]
                few = kept if len(kept) <= 2 * AROUND else [*kept[:AROUND], "…", *kept[-AROUND:]]
                lines += [("", f"  {line}") for line in few]
            else:
                lines += [("tk tk-removed", f"- {line}") for line in before[i:j]]
                lines += [("tk tk-added", f"+ {line}") for line in now[k:m]]
        gone = sum(j - i for word, i, j, _k, _m in steps if word != "equal")
        new = sum(m - k for word, _i, _j, k, m in steps if word != "equal")
        spans = (put('<span class="{}">{}</span>', marked(name), marked(line)) for name, line in lines)
        said = put("{} {} new, {} gone", new, marked("line" if new == 1 else "lines"), gone)
        return put(
            '<details class="lines-changed"><summary>{}</summary>'
            '<pre class="value" dir="ltr" tabindex="0">{}</pre></details>',
            said,
            put_together(spans, "\n"),
        )

    def _rows(self, now: Cell, old: Cell) -> Iterator[_Row]:
        ours, theirs = _members(now), _members(old)
        if isinstance(now.shown, Pairs):
            known = {member.key: member.cell for member in theirs}
            names = {member.key for member in ours}
            yield from (_Row(member, known.get(member.key)) for member in ours)
            yield from (_Row(member, None, gone=True) for member in theirs if member.key not in names)
            return
        keys = [[_key(member.cell.real) for member in members] for members in (theirs, ours)]
        for word, i, j, k, m in self._steps(*keys):
            both = 0 if word == "insert" else min(j - i, m - k)
            pairs = zip(ours[k : k + both], theirs[i : i + both], strict=True)
            yield from (_Row(member, other.cell) for member, other in pairs)
            yield from (_Row(member, None) for member in ours[k + both : m])
            yield from (_Row(member, None, gone=True) for member in theirs[i + both : j])

    def _steps(self, before: list[str], now: list[str]) -> Iterator[tuple[str, int, int, int, int]]:
        """How to come from one to the other, as of `difflib`; in its time only where few differ."""
        start = next(
            (n for n, (a, b) in enumerate(zip(before, now, strict=False)) if a != b),
            min(len(before), len(now)),
        )
        left = min(len(before), len(now)) - start
        end = next((n for n in range(left) if before[-1 - n] != now[-1 - n]), left)
        i, j, k, m = start, len(before) - end, start, len(now) - end
        if start:
            yield "equal", 0, start, 0, start
        if max(j - i, m - k) <= COMPARED_AT_ONCE and self._comparisons > 0:
            self._comparisons -= 1
            found = SequenceMatcher(None, before[i:j], now[k:m], autojunk=False).get_opcodes()
            yield from ((word, i + a, i + b, k + c, k + d) for word, a, b, c, d in found)
        elif i < j or k < m:
            yield "replace", i, j, k, m
        if end:
            yield "equal", j, len(before), m, len(now)


def _members(cell: Cell) -> list[_Member]:
    """What a list or object holds; shown and real in step, as the masks leave the shape alone."""
    shown, real = cell
    if shown is real:
        numbered = ((str(place), value) for place, value in enumerate(shown, 1))
        named: Iterable[tuple[str, Any]] = shown if isinstance(shown, Pairs) else numbered
        return [_Member(name, name, Cell(value, value)) for name, value in named]
    if not (isinstance(real, list) and type(real) is type(shown) and len(real) == len(shown)):
        real = shown
    if isinstance(shown, Pairs):
        pairs = zip(shown, real, strict=True)
        return [_Member(key, name, Cell(value, other)) for (name, value), (key, other) in pairs]
    return [
        _Member(str(place), str(place), Cell(value, other))
        for place, (value, other) in enumerate(zip(shown, real, strict=True), 1)
    ]


def _holds(value: Any) -> bool:
    return isinstance(value, list)  # Pairs are one too


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, Number)


def _is_same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _key(value: Any) -> str:
    """What tells items of a list apart."""
    return f"{type(value).__name__} {json.dumps(value)}"


def _label(member: _Member, kind: str) -> SafeString:
    if kind == "object":
        return put('<span class="key">{}</span>', marked(member.name))
    return put('<span class="index">{}</span>', marked(member.name))


def _mark(name: str, word: str) -> SafeString:
    """A word with a shape: no colour says anything alone."""
    return put('<b class="mark {}">{}</b> ', marked(name), marked(word))


def _short(value: Any) -> SafeString:
    text = value if isinstance(value, str) else _plain(value)
    if len(text) <= SHORT:
        return marked(text) if text else put("<i>empty text</i>")
    return put("{}… <i>and {:,} more characters</i>", marked(text[:SHORT]), len(text) - SHORT)


def _plain(value: Any) -> str:
    return json.dumps(_as_json(value), ensure_ascii=False)


def _as_json(value: Any) -> Any:
    if isinstance(value, Pairs):
        return {key: _as_json(item) for key, item in value}
    return [_as_json(item) for item in value] if isinstance(value, list) else value
