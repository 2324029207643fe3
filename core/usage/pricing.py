"""What a call costs by the price book, and what its tokens would have cost elsewhere.

The book is the data of the package genai-prices, as installed: nothing is fetched. A model that it does
not know is unpriced, never guessed. Amounts are whole nano-dollars; each is rounded once, half to even.
"""

import json
import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from functools import cache, lru_cache
from typing import Any, NamedTuple

from ..store.configuration import setting
from ..store.usage import MAX_AMOUNT
from .provider_names import book_name, spellings

logger = logging.getLogger(__name__)

MAX_PRICE = Decimal(1000)  # dollars for a million tokens
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_SEARCHES_KEPT = 4096


class Tokens(NamedTuple):
    """The tokens of a call. `input` is neither read from a cache nor written to one."""

    input: int
    output: int
    cache_read: int = 0
    cache_write: int = 0


_KINDS = (*Tokens._fields, "cache_write_1h")


class Prices(NamedTuple):
    """What a call is worth in nano-dollars; None for what nobody knows."""

    book: int | None = None  # at its model, with its caching
    uncached: int | None = None  # at its model, all input at the full price
    baseline: int | None = None  # at the provider's premium model, all input at the full price


@dataclass(frozen=True)
class Price:
    """Dollars for a million tokens; from `tiers` on, by the tokens of the whole input, another price."""

    base: Decimal
    tiers: tuple[tuple[int, Decimal], ...] = ()

    def at(self, total_input: int) -> Decimal:
        """The price of a call with so much input."""
        price = self.base
        for start, of_tier in self.tiers:
            if total_input > start:
                price = of_tier
        return price


@dataclass(frozen=True)
class Rates:
    """The prices of one model. Where caching has none of its own, it costs what input costs."""

    input: Price | None
    output: Price | None
    cache_read: Price | None = None
    cache_write: Price | None = None
    request: Decimal = Decimal(0)  # dollars for a thousand requests
    cache_write_1h: Price | None = None  # by `Tokens` alone nobody knows which writes these were

    def book(self, tokens: Tokens) -> int | None:
        """These tokens with their caching."""
        return self._cost(tokens, tokens)

    def uncached(self, tokens: Tokens) -> int | None:
        """The same work without a cache."""
        return self._cost(Tokens(_whole_input(tokens), tokens.output), tokens)

    def _cost(self, billed: Tokens, real: Tokens) -> int | None:
        whole = _whole_input(real)
        if (self.input is None and whole) or (self.output is None and real.output):
            return None
        full = self.input.at(whole) if self.input else Decimal(0)
        read = self.cache_read.at(whole) if self.cache_read else full
        write = self.cache_write.at(whole) if self.cache_write else full
        answer = self.output.at(whole) if self.output else Decimal(0)
        # Dollars for a million tokens are thousands of nano-dollars for one.
        thousands = (
            billed.input * full
            + billed.output * answer
            + billed.cache_read * read
            + billed.cache_write * write
            + self.request * 1000
        )
        nano = to_whole(thousands * 1000)
        return nano if nano <= MAX_AMOUNT else None


def to_whole(amount: Decimal) -> int:
    """The nearest integer, half to even."""
    return int(amount.to_integral_value(ROUND_HALF_EVEN))


def _whole_input(tokens: Tokens) -> int:
    return tokens.input + tokens.cache_read + tokens.cache_write


class Found(NamedTuple):
    """Where a model's price stands: in the settings (`own`), or in the book as `info`, its entry for the model."""

    provider: str  # as the book calls it
    model: str
    own: Rates | None = None
    info: Any = None
    listed: bool = (
        False  # whether the provider has the entry itself, and not another one whose models it offers
    )

    def standard(self, at: datetime) -> Any:
        """The prices of this moment, as the settings or the book have them; some change within a day."""
        return self.own if self.own is not None else self.info.get_prices(at)

    def rates(self, at: datetime) -> Rates:
        """The same, plain."""
        return self.own if self.own is not None else _rates(self.standard(at))


class Place(NamedTuple):
    """Where a model's prices stand on one day, and those of its premium model; `terms`: what was made of them."""

    found: Found | None
    premium: Found | None
    terms: dict[Any, Any]


FREE = Rates(Price(Decimal(0)), Price(Decimal(0)))
# Models that answer with something else than a chat's words, though some of them have a price of output.
_NO_CHAT = re.compile(
    r"(?:^|[^a-z])(embed(ding)?s?|rerank(er)?|moderation|whisper|tts|transcribe|dall-e|imagen|image|ocr)(?![a-z])"
)


def could_chat(model: str, rates: Rates) -> bool:
    """Whether a chat model could have done what this one does: no embedding saves against one."""
    return rates.output is not None and _NO_CHAT.search(model.lower()) is None


class Dated(NamedTuple):
    """Something that holds from the start of a UTC day on; '' from ever."""

    since: str
    what: Any


def _standing(entries: list[Dated], at: datetime) -> Any:
    day = at.astimezone(UTC).date().isoformat()
    found = [entry.what for entry in entries if entry.since <= day]
    return found[-1] if found else None


class PriceBook:
    """The book, with own prices before it, and the premium model of each provider."""

    def __init__(self, premium_models: str = "", own_prices: str = "") -> None:
        self._premium = parse_premium_models(premium_models)
        self._own = parse_own_prices(own_prices)
        self._names: dict[str, list[str]] = {}
        self._own_by_id: dict[str, list[Dated]] | None = None
        self._missing: set[str] = set()
        self._places: dict[tuple[str, str, int], Place] = {}

    def prices(self, provider: str, model: str, tokens: Tokens, at: datetime) -> Prices:
        """What this call is worth; `at` is when it was made."""
        place = self.place(provider, model, at)
        if place.found is None:
            return Prices()
        rates = place.found.rates(at)
        book, uncached = rates.book(tokens), rates.uncached(tokens)
        if book is None or uncached is None:
            return Prices()
        return Prices(book, uncached, place.premium.rates(at).uncached(tokens) if place.premium else None)

    def place(self, provider: str, model: str, at: datetime) -> "Place":
        """Where on that day the prices of this model stand, and those of the one that it saves against."""
        key = (provider, model, at.astimezone(UTC).toordinal())
        kept = self._places.get(key)
        if kept is None:
            if len(self._places) >= _SEARCHES_KEPT:
                self._places.clear()
            found = self.find(provider, model, at)
            kept = Place(found, None if found is None else self.premium(found, provider, at), {})
            self._places[key] = kept
        return kept

    def find(self, provider: str, model: str, at: datetime) -> Found | None:
        """Where the price of this model stands on that day, however its name is spelled; None where it has none."""
        names = spellings(provider, model)
        for who, name in names if self._own else ():
            if (own := self._own_rates(who, name, at)) is not None:
                return Found(provider_id(who), name, own)
        for who, _name in names if self._own else ():
            if (own := self._own_rates(who, "*", at)) is not None:
                return Found(provider_id(who), model, own)
        for who, name in names:
            if (listed := _of_the_book(who, name)) is not None:
                info, by, its_own = listed
                return Found(by, name, None, info, its_own)
        who, name = names[-1]
        is_free = name.endswith(":free") and provider_id(who) == "openrouter"
        return Found("openrouter", name, FREE) if is_free else None

    def premium(self, found: Found, provider: str, at: datetime) -> Found | None:
        """The premium model that could have done the same work; None where none is set, known or able to."""
        if not could_chat(found.model, found.rates(at)):
            return None
        for name in (*self._names_of(provider), *self._names_of(found.provider)):
            premium = _standing(self._premium[name], at)
            if premium is None:
                continue
            other = self.find(name, premium, at)
            if other is None:
                self._tell_once(f"the premium model {name}={premium} is not in the price book")
            return other
        return None

    def _names_of(self, provider: str) -> list[str]:
        """Which providers with a premium model are this one: its very name first, then what the book takes for it."""
        name = provider.lower()
        if name not in self._names:
            if len(self._names) >= _SEARCHES_KEPT:
                self._names.clear()
            meant = provider_id(name)
            others = [other for other in self._premium if other != name and provider_id(other) == meant]
            self._names[name] = [name, *others] if name in self._premium else others
        return self._names[name]

    def _own_rates(self, provider: str, model: str, at: datetime) -> Rates | None:
        own = _standing(self._own.get(f"{provider}/{model}".lower(), []), at)
        return own if isinstance(own, Rates) else self._own_under_another_name(provider, model, at)

    def _own_under_another_name(self, provider: str, model: str, at: datetime) -> Rates | None:
        if self._own_by_id is None:
            self._own_by_id = {}
            for said, entries in self._own.items():
                name, _slash, of = said.partition("/")
                self._own_by_id.setdefault(f"{provider_id(name)}/{of}", []).extend(entries)
            for entries in self._own_by_id.values():
                entries.sort(key=lambda entry: entry.since)
        found = _standing(self._own_by_id.get(f"{provider_id(provider)}/{model.lower()}", []), at)
        return found if isinstance(found, Rates) else None

    def _tell_once(self, text: str) -> None:
        if text not in self._missing:
            self._missing.add(text)
            logger.warning("%s: its calls have no baseline", text)


def configured_book() -> PriceBook:
    """The book with TELEMETRY_PREMIUM_MODELS and TELEMETRY_PRICES; ValueError when one is unclear."""
    return PriceBook(setting("TELEMETRY_PREMIUM_MODELS"), setting("TELEMETRY_PRICES"))


def parse_premium_models(text: str) -> dict[str, list[Dated]]:
    """`provider=model` or `provider=model@2026-01-31`, with commas between; a date says from when it holds."""
    found: dict[str, list[Dated]] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        provider, equals, named = (part.strip() for part in entry.partition("="))
        model, sign, since = (
            (part.strip() for part in named.rpartition("@")) if "@" in named else (named, "", "")
        )
        if not (provider and equals and model) or bool(sign) != bool(since):
            raise ValueError(
                f"TELEMETRY_PREMIUM_MODELS: {entry!r} is not provider=model or provider=model@date"
            )
        _add(found, provider, Dated(_checked_date(since, "TELEMETRY_PREMIUM_MODELS"), model), entry)
    return found


def _add(found: dict[str, list[Dated]], name: str, dated: Dated, entry: object) -> None:
    entries = found.setdefault(name.lower(), [])
    if any(other.since == dated.since for other in entries):
        raise ValueError(f"{entry!r}: {name} has two entries from {dated.since or 'the beginning'} on")
    entries.append(dated)
    entries.sort(key=lambda item: item.since)


def _checked_date(text: str, where: str) -> str:
    if text:
        try:
            if not _DATE.fullmatch(text):
                raise ValueError("not YYYY-MM-DD")
            datetime.fromisoformat(text)
        except ValueError as error:
            raise ValueError(f"{where}: {text!r} is no date such as 2026-01-31") from error
    return text


def parse_own_prices(text: str) -> dict[str, list[Dated]]:
    """A JSON list of `{"model": "provider/name", "input": "3", "output": "15", ...}`, as docs/agents/usage.md shows."""
    if not text.strip():
        return {}
    try:
        entries = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    except ValueError as error:
        raise ValueError(f"TELEMETRY_PRICES is not JSON: {error}") from error
    if not isinstance(entries, list):
        raise ValueError("TELEMETRY_PRICES must be a JSON list of objects")
    found: dict[str, list[Dated]] = {}
    for entry in entries:
        if not isinstance(entry, dict) or "/" not in str(entry.get("model", "")):
            raise ValueError(f"TELEMETRY_PRICES: {entry!r} has no model such as provider/name")
        unknown = entry.keys() - {"model", "since", *_KINDS}
        if unknown:
            raise ValueError(f"TELEMETRY_PRICES: {entry['model']} has the unknown key {sorted(unknown)[0]!r}")
        since = _checked_date(str(entry.get("since", "")), "TELEMETRY_PRICES")
        prices: dict[str, Any] = {kind: _own_price(entry, kind) for kind in _KINDS if kind in entry}
        if not {"input", "output"} <= prices.keys():
            raise ValueError(f"TELEMETRY_PRICES: {entry['model']} needs the prices of input and output")
        rates = Rates(**prices)
        _add(found, str(entry["model"]), Dated(since, rates), entry["model"])
    return found


def _own_price(entry: Mapping[str, Any], kind: str) -> Price:
    try:
        price = Decimal(entry[kind])
        if not (price.is_finite() and 0 <= price <= MAX_PRICE):
            raise ValueError("out of range")
    except (InvalidOperation, TypeError, ValueError) as error:
        raise ValueError(
            f"TELEMETRY_PRICES: {kind} of {entry['model']} must be 0 to {MAX_PRICE} dollars for a million tokens"
        ) from error
    return Price(price)


# The book of the package

_rates_of: dict[int, Rates] = {}


@lru_cache(maxsize=_SEARCHES_KEPT)
def _of_the_book(provider: str, model: str) -> tuple[Any, str, bool] | None:
    """The entry of a model, the provider by the book's name, and whether it has the entry itself."""
    snapshot = _snapshot()
    if snapshot is None:
        return None
    try:
        found, info = snapshot.find_provider_model(model, None, book_name(provider) or provider, None)
    except LookupError:
        return None
    return info, str(found.id), any(info is own for own in found.models)


def _rates(prices: Any) -> Rates:
    if id(prices) not in _rates_of:
        _rates_of[id(prices)] = _read(prices)
    return _rates_of[id(prices)]


@lru_cache(maxsize=_SEARCHES_KEPT)
def provider_id(name: str) -> str:
    """What the book takes a provider's name for, such as google for Gemini; the name itself where it knows none."""
    known = book_name(name)
    snapshot = _snapshot()
    if known is None and snapshot is not None:
        with suppress(LookupError):
            return str(snapshot.find_provider(None, name, None).id)
    return known or name.lower()


def load_book() -> None:
    """Import now what pricing and shipping import at their first use: at the end of a process it may be too late."""
    _snapshot()
    "localhost".encode("idna")  # what connecting looks names up with


@cache
def _snapshot() -> Any:
    try:
        # Its import takes half a second and 70 MB, so only who prices a call pays for it.
        from genai_prices import data_snapshot
    except ImportError:
        logger.warning(
            "the package genai-prices is missing: every call without a price of your own is unpriced"
        )
        return None
    return data_snapshot.get_snapshot()


def _read(prices: Any) -> Rates:
    if not vars(prices):
        return FREE  # the book lists what costs nothing without any price
    return Rates(
        **{kind: as_price(getattr(prices, f"{kind}_mtok")) for kind in Tokens._fields},
        request=prices.requests_kcount if isinstance(prices.requests_kcount, Decimal) else Decimal(0),
        cache_write_1h=as_price(prices.cache_write_1h_mtok),
    )


def as_price(price: Any) -> Price | None:
    """A price of the book as ours."""
    if price is None or isinstance(price, Decimal):
        return None if price is None else Price(price)
    return Price(price.base, tuple((tier.start, tier.price) for tier in price.tiers))
