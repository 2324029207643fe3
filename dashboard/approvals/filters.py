"""Which of what waits the inbox shows, from its address."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import urlencode

from dashboard.address import one_of, short
from dashboard.approvals import words

LONGEST = 300
SHOWS = tuple(words.SHOWS)
AGES = {age: int(age or 0) for age in words.AGES}  # minutes that it waits already
SOON = timedelta(minutes=2)
ALIKE = "alike-"


class FilterLink(NamedTuple):
    """One way to look at the queue: its name, how many are there, its address, whether it is the one at hand."""

    word: str
    many: int
    query: str
    chosen: bool


@dataclass(frozen=True)
class Filters:
    """`selected` is the id of a request, or `alike-` and a shape; '' for none."""

    show: str = ""
    kind: str = ""
    agent: str = ""
    age: str = ""
    q: str = ""
    page: int = 1
    selected: str = ""

    @classmethod
    def of(cls, said: Mapping[str, str]) -> "Filters":
        """From an address; BadAddress for what is none of ours."""
        texts = {name: said.get(name, "") for name in ("show", "kind", "agent", "age", "q", "selected")}
        texts["q"] = texts["q"].strip()
        page = said.get("page") or "1"
        for name, text in texts.items():
            short(name, text, LONGEST)
        one_of("show", texts["show"], SHOWS)
        one_of("age", texts["age"], AGES)
        known = page.isascii() and page.isdecimal() and len(page) < 7 and int(page) > 0
        return cls(**texts, page=int(page) if known else 1)

    @property
    def query(self) -> str:
        """The part of an address that asks for this; only what is not usual."""
        said = {**vars(self), "page": "" if self.page == 1 else self.page}
        return urlencode({name: value for name, value in said.items() if value})

    @property
    def narrows(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.show or self.kind or self.agent or self.age or self.q)

    @property
    def only(self) -> list[str]:
        """What it keeps to, in words: what a narrow page would not tell otherwise."""
        said = [
            self.kind,
            self.agent,
            words.AGES[self.age] if self.age else "",
            f"“{self.q}”" if self.q else "",
        ]
        return [word for word in said if word]

    @property
    def bare(self) -> str:
        """The query without the selection."""
        return replace(self, selected="").query

    @property
    def shape(self) -> str:
        """The shape of the requests that are selected together; '' for none."""
        return self.selected.removeprefix(ALIKE) if self.selected.startswith(ALIKE) else ""

    def selecting(self, selected: str) -> str:
        """The query that shows one of its lines."""
        return replace(self, selected=selected).query

    def on(self, **said: str) -> "Filters":
        """The same with another part, from its first page."""
        return replace(self, page=1, selected="", **said)  # type: ignore[arg-type]

    def to_page(self, page: int) -> str:
        """The query of another page."""
        return replace(self, page=page, selected="").query
