"""What the page of the record prints: requests that were found, and where the words stand in them."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.history.search import find
from core.history.search.find import COUNTED, SearchQuery
from core.history.search.words import SearchTerm, lines_in, lines_of, words_of
from core.models import ApprovalRecord
from core.values.approvals import DIRECT, PENDING
from core.values.secrets import masked_json
from core.values.text import plain
from dashboard import words
from dashboard.approvals.waiting import COMPARED_CHARACTERS, facts_of
from dashboard.display.text import visible
from dashboard.record import words as sentences
from dashboard.record.address import form_fields, query_of

SHOWN = 25
LINES = 5
NEWEST = 500
LOOKED_THROUGH = 400_000  # characters of contexts on one page; of those after them no line is shown
AROUND = 60  # characters on either side of a word


@dataclass(frozen=True)
class MatchLine:
    """One value of a context in which a word stands: the names that lead to it, and the text around the word."""

    name: str
    text: SafeString


@dataclass(frozen=True)
class Result:
    """One request: what, by whom, how it ended and how long that took, and the lines with the words."""

    request_id: str
    kind: str
    agent_id: str
    status: str
    word: str
    responder: str
    verified: bool
    reason: str
    requested_at: datetime
    ended_at: datetime | None
    took: timedelta | None
    lines: list[MatchLine]
    more: int
    pruned_at: datetime | None
    facts: str

    @classmethod
    def of(cls, row: ApprovalRecord, question: SearchQuery, *, looked: bool = True) -> "Result":
        """As the record has it; where it was not `looked` through, without the lines."""
        lines, more = _lines(row.context, question) if looked and row.context and question.query else ([], 0)
        ended = row.ended_at if row.status != PENDING else None
        return cls(
            str(row.pk),
            row.approval_type,
            row.agent_id,
            row.status,
            words.STATUSES.get(row.status, row.status),
            row.responder,
            row.channel != DIRECT,
            row.reason.removeprefix(f"{row.status}: "),
            row.requested_at,
            ended,
            took(row.requested_at, ended),
            lines,
            more,
            row.body_pruned_at,
            "" if lines else _facts(row.context) if looked else sentences.NOT_LOOKED,
        )


@dataclass(frozen=True)
class RecordPage:
    """A page of what was found."""

    question: SearchQuery
    results: list[Result]
    count: int
    first_page: bool
    before: int | None
    now: datetime
    unindexed: int = 0  # how many requests no search finds; looked at where nothing was found

    @property
    def said(self) -> dict[str, str]:
        """What was asked, by field of the form."""
        return form_fields(self.question)

    @property
    def total(self) -> str:
        """How many there are, in words."""
        return sentences.found(self.count, most=COUNTED)

    @property
    def first(self) -> str:
        """The address of the first page."""
        return f"?{query_of(self.question)}"

    @property
    def older(self) -> str:
        """The address of the next page; '' on the last one."""
        return "" if self.before is None else f"?{query_of(self.question, self.before)}"


def record_page(question: SearchQuery, before: int | None) -> RecordPage:
    """Read a page: three queries, and one more where nothing is found. NoIndex where the index does not answer."""
    found = find.find(question, SHOWN, before)
    ends = accumulate((len(row.context) for row in found.rows), initial=0)
    looked = [end < LOOKED_THROUGH for end in ends]
    results = [Result.of(row, question, looked=near) for row, near in zip(found.rows, looked, strict=False)]
    unindexed = 0 if results else find.unindexed()
    return RecordPage(question, results, found.count, before is None, found.before, timezone.now(), unindexed)


class NameSuggestions(NamedTuple):
    """What may be typed where exact names are asked for: those of the newest requests, and people of the site."""

    kinds: list[str]
    agents: list[str]
    people: list[str]


def suggested() -> NameSuggestions:
    """Two queries, whatever there is. A name that cannot be read as it is, is none to choose."""
    newest = ApprovalRecord.objects.order_by("-requested_at").values_list("approval_type", "agent_id")
    rows = list(newest[:NEWEST])
    people = get_user_model().objects.order_by("-pk").values_list("username", flat=True)[:NEWEST]
    return NameSuggestions(
        *map(_readable, ([kind for kind, _agent in rows], [agent for _kind, agent in rows], people))
    )


def _readable(names: Iterable[str]) -> list[str]:
    return sorted({name for name in names if plain(name) == name}, key=str.casefold)


def took(begin: Any, end: Any) -> timedelta | None:
    """How long it took, None where that is not known: it has not ended, or its row is damaged."""
    whole = isinstance(begin, datetime) and isinstance(end, datetime)
    return end - begin if whole else None


def _facts(context: str) -> str:
    """What tells most of it, where no word was looked for."""
    return facts_of(lines_in(masked_json(context).text)) if len(context) <= COMPARED_CHARACTERS else ""


def _lines(context: str, question: SearchQuery) -> tuple[list[MatchLine], int]:
    """The first lines with a word of the question, and how many more there are."""
    typed, has_word = _typed(question.query), _finder(question.terms)
    found, more = list[MatchLine](), 0
    for name, value in lines_of(context):
        named = has_word(name.rpartition(".")[2])  # every line of a payment would have its word otherwise
        for text in value.split("\n"):
            if not (named or has_word(text)):
                continue
            if len(found) < LINES:
                found.append(MatchLine(name, _around(text, typed)))
            else:
                more += 1
    return found, more


def _finder(terms: list[SearchTerm]) -> Callable[[str], bool]:
    """What tells whether a text has one of these: a context has many lines, and a question many words."""
    whole = {term.word for term in terms if not term.prefix}
    beginnings = tuple(term.word for term in terms if term.prefix)

    def has_word(text: str) -> bool:
        said = words_of(text)
        if not whole.isdisjoint(said):
            return True
        return bool(beginnings) and any(word.startswith(beginnings) for word in said)

    return has_word


def _typed(query: str) -> re.Pattern[str]:
    runs = sorted((run.strip("*\"'").strip() for run in query.split()), key=len, reverse=True)
    return re.compile("|".join(re.escape(run) for run in runs if run) or r"(?!)", re.IGNORECASE)


def _around(text: str, typed: re.Pattern[str]) -> SafeString:
    match = typed.search(text)
    if match is None:
        return format_html("{}{}", visible(text[: 2 * AROUND]), "…" if len(text) > 2 * AROUND else "")
    start, end = max(0, match.start() - AROUND), match.end() + AROUND
    return format_html(
        "{}{}<mark>{}</mark>{}{}",
        "…" if start else "",
        visible(text[start : match.start()]),
        visible(match[0][: 2 * AROUND]),
        visible(text[match.end() : end]),
        "…" if end < len(text) else "",
    )
