"""What a search asks for, from its address, and the address of a search."""

import re
from collections.abc import Mapping
from datetime import date
from urllib.parse import urlencode

from core.history.search.find import Question
from core.values.approvals import ENDS, PENDING

LONGEST = 1_000  # characters of a query
OUTCOMES = (PENDING, *ENDS)
FIELDS = ("q", "kind", "agent", "person", "outcome", "from", "to")
_DAY = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")
_NUMBER = re.compile(r"[0-9]{1,19}")


class BadSearch(ValueError):
    """The address asks for what cannot be searched; the message says which part and what it may be."""


def question_of(said: Mapping[str, str]) -> Question:
    """The search of an address, or BadSearch."""
    texts = {name: said.get(name, "").strip() for name in FIELDS}
    for name, text in texts.items():
        if len(text) > LONGEST:
            raise BadSearch(f"{name} may have {LONGEST} characters.")
        if "\x00" in text:
            raise BadSearch(f"{name} has a NUL character.")
    if texts["outcome"] and texts["outcome"] not in OUTCOMES:
        raise BadSearch(f"outcome must be one of {', '.join(OUTCOMES)}.")
    first, last = _day(texts["from"], "from"), _day(texts["to"], "to")
    if first and last and first > last:
        raise BadSearch("from is after to: the first day comes first.")
    question = Question(
        texts["q"], texts["kind"], texts["agent"], texts["person"], texts["outcome"], first, last
    )
    if question.query and not question.terms:
        raise BadSearch("q has no letter and no digit: there is no word to look for.")
    return question


def before_of(said: Mapping[str, str]) -> int | None:
    """After which number the page begins; None for the first page."""
    text = said.get("before", "")
    if not text:
        return None
    if not _NUMBER.fullmatch(text) or int(text) >= 1 << 63:
        raise BadSearch("before must be the number of a page's last request.")
    return int(text)


def said_of(question: Question) -> dict[str, str]:
    """What an address says to ask this, by field; without what is not asked."""
    values = (
        question.query,
        question.kind,
        question.agent,
        question.person,
        question.outcome,
        question.first.isoformat() if question.first else "",
        question.last.isoformat() if question.last else "",
    )
    return {name: value for name, value in zip(FIELDS, values, strict=True) if value}


def query_of(question: Question, before: int | None = None) -> str:
    """The part of an address that asks this; `before`: the next page of it."""
    return urlencode(said_of(question) | ({} if before is None else {"before": str(before)}))


def _day(text: str, name: str) -> date | None:
    if not text:
        return None
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise BadSearch(f"{name} must be a day such as 2026-11-22.")
