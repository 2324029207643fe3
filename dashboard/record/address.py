"""What a search asks for, from its address, and the address of a search."""

import re
from collections.abc import Mapping
from urllib.parse import urlencode

from core.history.search.find import SearchQuery
from core.values.approvals import ENDS, PENDING
from dashboard.address import BadAddress, day_of, in_order, one_of, short

LONGEST = 1_000  # characters of a query
OUTCOMES = (PENDING, *ENDS)
FIELDS = ("q", "kind", "agent", "person", "outcome", "from", "to")
_NUMBER = re.compile(r"[0-9]{1,19}")


def question_of(said: Mapping[str, str]) -> SearchQuery:
    """The search of an address, or BadAddress."""
    texts = {name: said.get(name, "").strip() for name in FIELDS}
    for name, text in texts.items():
        short(name, text, LONGEST)
    one_of("outcome", texts["outcome"], ("", *OUTCOMES))
    first, last = (day_of(name, texts[name]) if texts[name] else None for name in ("from", "to"))
    in_order(first, last)
    question = SearchQuery(
        texts["q"], texts["kind"], texts["agent"], texts["person"], texts["outcome"], first, last
    )
    if question.query and not question.terms:
        raise BadAddress("q has no letter and no digit: there is no word to look for.")
    return question


def before_of(said: Mapping[str, str]) -> int | None:
    """After which number the page begins; None for the first page."""
    text = said.get("before", "")
    if not text:
        return None
    if not _NUMBER.fullmatch(text) or int(text) >= 1 << 63:
        raise BadAddress("before must be the number of a page's last request.")
    return int(text)


def form_fields(question: SearchQuery) -> dict[str, str]:
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


def query_of(question: SearchQuery, before: int | None = None) -> str:
    """The part of an address that asks this; `before`: the next page of it."""
    return urlencode(form_fields(question) | ({} if before is None else {"before": str(before)}))
