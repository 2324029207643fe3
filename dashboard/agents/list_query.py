"""Which agents the page of all agents shows, and how, from its address."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple
from urllib.parse import urlencode

from core.agents.heartbeat import STATES
from core.values.names import NAME_LENGTH
from dashboard import words
from dashboard.address import BadAddress, one_of, short

STATE_WORDS = ("", "need", *STATES, "away")
SORTS = tuple(words.AGENT_COLUMNS)
FALLING = ("progress", "cost")  # the largest first when they are asked for
LONGEST = NAME_LENGTH


class Head(NamedTuple):
    """The head of a column: the query that sorts by it, the other way round when it is so already; its direction."""

    column: str
    word: str
    query: str
    direction: str


@dataclass(frozen=True)
class ListQuery:
    """`state` is '' for all that are not away; `sort` begins with - where the last comes first.

    begins: what `folds.beginning_of` makes of the names, '' for any.
    """

    state: str = ""
    q: str = ""
    begins: str = ""
    sort: str = "state"
    group: bool = False
    page: int = 1

    @classmethod
    def of(cls, said: Mapping[str, str]) -> "ListQuery":
        """From an address; BadAddress for what is none of ours."""
        state, sort, page = said.get("state", ""), said.get("sort") or "state", said.get("page") or "1"
        group, q, begins = said.get("group", ""), said.get("q", "").strip(), said.get("begins", "")
        one_of("state", state, STATE_WORDS)
        one_of("sort", sort.removeprefix("-"), SORTS, ", with - before it for the other way")
        if not (page.isascii() and page.isdecimal() and int(page[:7]) > 0 and len(page) < 7):
            raise BadAddress("page must be a number from 1 on.")
        if group not in ("", "beginning"):
            raise BadAddress("group must be beginning, or nothing.")
        for name, text in (("q", q), ("begins", begins)):
            short(name, text, LONGEST)
        return cls(state, q, begins, sort, bool(group), int(page))

    @property
    def folds(self) -> bool:
        """Whether the dead stand as one line: unless somebody asked for them."""
        return (
            not (self.q or self.begins or self.group) and self.state in ("", "need") and self.sort == "state"
        )

    @property
    def query(self) -> str:
        """The part of an address that asks for this; only what is not usual."""
        said = {
            "state": self.state,
            "q": self.q,
            "begins": self.begins,
            "sort": "" if self.sort == "state" else self.sort,
            "group": "beginning" if self.group else "",
            "page": "" if self.page == 1 else str(self.page),
        }
        return urlencode({name: value for name, value in said.items() if value})

    def to_page(self, page: int) -> "ListQuery":
        """The same on another page."""
        return replace(self, page=page)

    @property
    def earlier(self) -> str:
        """The query of the page before."""
        return self.to_page(self.page - 1).query

    @property
    def later(self) -> str:
        """The query of the page after."""
        return self.to_page(self.page + 1).query

    @property
    def other_way(self) -> str:
        """The query of the same by the beginning of names, or one by one where it is so already."""
        return replace(self, group=not self.group, page=1).query

    def within(self, beginning: str) -> str:
        """The query of those of them that are one group, one by one."""
        return replace(self, begins=beginning, group=False, page=1).query

    @property
    def heads(self) -> list[Head]:
        """The columns of the table."""
        return [
            Head(column, word, self._by(column), self._direction(column))
            for column, word in words.AGENT_COLUMNS.items()
        ]

    def _by(self, column: str) -> str:
        usual, other = (f"-{column}", column) if column in FALLING else (column, f"-{column}")
        return replace(self, sort=other if self.sort == usual else usual, page=1).query

    def _direction(self, column: str) -> str:
        if self.sort.removeprefix("-") != column:
            return ""
        return "descending" if self.sort.startswith("-") else "ascending"
