"""The page of all calls: what an address asks for, and what the page prints."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from core.history.usage.listing import NARROWED, SORTED, Listing, listing
from core.values.names import NAME_LENGTH
from dashboard.address import BadAddress, one_of, short
from dashboard.usage.period import Period

SHOWN = 50
LAST_PAGE = 10_000
COLUMNS = (
    ("time", "Time"),
    ("", "Agent"),
    ("", "Workflow and stage"),
    ("", "Tier"),
    ("", "Model"),
    ("input", "Tokens in"),
    ("output", "Out"),
    ("cost", "Cost"),
    ("", "Cache"),
    ("duration", "Duration"),
)


@dataclass(frozen=True)
class Heading:
    """The head of a column: `address` sorts by it, '' where nothing does; `sorted` as ARIA says it."""

    word: str
    address: str
    sorted: str


@dataclass(frozen=True)
class CallsPage:
    """Calls of a period, narrowed and sorted, one page of them."""

    period: Period
    narrowed: dict[str, str]
    by: str
    falling: bool
    listing: Listing

    @property
    def headings(self) -> list[Heading]:
        """Of the table. The one that it is sorted by turns round."""
        return [Heading(word, self._sorting(name), self._state(name)) for name, word in COLUMNS]

    @property
    def filters(self) -> list[tuple[str, str, str]]:
        """What the calls are narrowed by: the word, its value, and the address without it."""
        return [
            (
                name,
                value,
                self._address({other: said for other, said in self.narrowed.items() if other != name}),
            )
            for name, value in self.narrowed.items()
        ]

    @property
    def pages(self) -> int:
        """How many there are."""
        return min(LAST_PAGE, self.listing.pages)

    @property
    def before(self) -> str:
        """The address of the page before; '' on the first."""
        number = self.listing.page
        return self._address(self.narrowed, page=number - 1) if number > 1 else ""

    @property
    def after(self) -> str:
        """The address of the page after; '' on the last."""
        number = self.listing.page
        return self._address(self.narrowed, page=number + 1) if number < self.pages else ""

    def _sorting(self, name: str) -> str:
        if not name:
            return ""
        return self._address(self.narrowed, by=name, falling=not self.falling if name == self.by else True)

    def _state(self, name: str) -> str:
        if not name or name != self.by:
            return ""
        return "descending" if self.falling else "ascending"

    def _address(
        self, narrowed: Mapping[str, str], *, by: str = "", falling: bool | None = None, page: int = 1
    ) -> str:
        down = self.falling if falling is None else falling
        said = {**narrowed, "sort": f"{'-' if down else ''}{by or self.by}"}
        if page > 1:
            said["page"] = str(page)
        return f"?{self.period.query}&{urlencode(said, errors='replace')}"


def calls_page(said: Mapping[str, str], period: Period) -> CallsPage:
    """Read the page; the last one for a page beyond it. BadAddress for what cannot be shown."""
    narrowed = {name: short(name, said[name], NAME_LENGTH) for name in NARROWED if name in said}
    by, falling = _sort_of(said.get("sort", "-time"))
    number = _page_of(said.get("page", "1"))
    found = listing(period.start, period.end, narrowed, by=by, falling=falling, page=number, size=SHOWN)
    return CallsPage(period, narrowed, by, falling, found)


def _sort_of(text: str) -> tuple[str, bool]:
    name = one_of("sort", text.removeprefix("-"), SORTED, ", with - before it for the largest first")
    return name, text != name


def _page_of(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 5 or not 1 <= int(text) <= LAST_PAGE:
        raise BadAddress(f"page must be a number from 1 to {LAST_PAGE}.")
    return int(text)
