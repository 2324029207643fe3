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
from functools import cache, cached_property, lru_cache
from typing import Any, NamedTuple

from ..store.configuration import setting
from .provider_names import book_name, spellings

logger = logging.getLogger(__name__)

MAX_PRICE = Decimal(1000)  # dollars for a million tokens
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_SEARCHES_KEPT = 4096


_KINDS = ("input", "output", "cache_read", "cache_write", "cache_write_1h")  # that have prices of one's own


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


def to_whole(amount: Decimal) -> int:
    """The nearest integer, half to even."""
    return int(amount.to_integral_value(ROUND_HALF_EVEN))


class PriceSource(NamedTuple):
    """Where a model's price stands: in the settings (`own`), or in the book as `info`, its entry for the model."""

    provider: str  # as the book calls it
    model: str
    own: Mapping[str, Price] | None = None  # by kind of token
    info: Any = None
    listed: bool = False  # whether the provider itself has the entry, and not one whose models it offers

    def standard(self, at: datetime) -> Any:
        """The prices of this moment, as the settings or the book have them; some change within a day."""
        return self.own if self.own is not None else self.info.get_prices(at)

    def could_chat(self, at: datetime) -> bool:
        """Whether a chat model could have done what this one does: no embedding saves against one."""
        told = self.own if self.own is not None else vars(self.standard(at))
        answers = not told or "output" in told or told.get("output_mtok") is not None
        return answers and _NO_CHAT.search(self.model.lower()) is None


class PriceSources(NamedTuple):
    """Where a model's prices stand on one day, and those of its premium model; `terms`: what was made of them."""

    found: PriceSource | None
    premium: PriceSource | None
    terms: dict[Any, Any]


FREE = {"input": Price(Decimal(0)), "output": Price(Decimal(0))}
# Models that answer with something else than a chat's words, though some of them have a price of output.
_NO_CHAT = re.compile(
    r"(?:^|[^a-z])(embed(ding)?s?|rerank(er)?|moderation|whisper|tts|transcribe|dall-e|imagen|image|ocr)(?![a-z])"
)


class DatedValue(NamedTuple):
    """Something that holds from the start of a UTC day on; '' from ever."""

    since: str
    what: Any


def _standing(entries: list[DatedValue], at: datetime) -> Any:
    day = at.astimezone(UTC).date().isoformat()
    found = [entry.what for entry in entries if entry.since <= day]
    return found[-1] if found else None


class PriceBook:
    """The book, with own prices before it, and the premium model of each provider."""

    def __init__(self, premium_models: str = "", own_prices: str = "") -> None:
        self._premium = parse_premium_models(premium_models)
        self._own = parse_own_prices(own_prices)
        self._names: dict[str, list[str]] = {}
        self._missing: set[str] = set()
        self._places: dict[tuple[str, str, int], PriceSources] = {}

    def place(self, provider: str, model: str, at: datetime) -> PriceSources:
        """Where on that day the prices of this model stand, and those of the one that it saves against."""
        key = (provider, model, at.astimezone(UTC).toordinal())
        kept = self._places.get(key)
        if kept is None:
            if len(self._places) >= _SEARCHES_KEPT:
                self._places.clear()
            found = self.find(provider, model, at)
            kept = PriceSources(found, None if found is None else self.premium(found, provider, at), {})
            self._places[key] = kept
        return kept

    def find(self, provider: str, model: str, at: datetime) -> PriceSource | None:
        """Where the price of this model stands on that day, however its name is spelled; None where it has none."""
        names = spellings(provider, model)
        for who, name in names if self._own else ():
            if (own := self._own_prices(who, name, at)) is not None:
                return PriceSource(provider_id(who), name, own)
        for who, _name in names if self._own else ():
            if (own := self._own_prices(who, "*", at)) is not None:
                return PriceSource(provider_id(who), model, own)
        for who, name in names:
            if (listed := _of_the_book(who, name)) is not None:
                info, by, its_own = listed
                return PriceSource(by, name, None, info, its_own)
        who, name = names[-1]
        is_free = name.endswith(":free") and provider_id(who) == "openrouter"
        return PriceSource("openrouter", name, FREE) if is_free else None

    def premium(self, found: PriceSource, provider: str, at: datetime) -> PriceSource | None:
        """The premium model that could have done the same work; None where none is set, known or able to."""
        if not found.could_chat(at):
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

    def _own_prices(self, provider: str, model: str, at: datetime) -> Mapping[str, Price] | None:
        said = self._own.get(f"{provider}/{model}".lower(), [])
        meant = self._own_by_id.get(f"{provider_id(provider)}/{model.lower()}", [])
        own: Mapping[str, Price] | None = _standing(said, at) or _standing(meant, at)
        return own

    @cached_property
    def _own_by_id(self) -> dict[str, list[DatedValue]]:
        """Own prices under what the book takes their providers for."""
        found: dict[str, list[DatedValue]] = {}
        for said, entries in self._own.items():
            name, _slash, of = said.partition("/")
            found.setdefault(f"{provider_id(name)}/{of}", []).extend(entries)
        for entries in found.values():
            entries.sort(key=lambda entry: entry.since)
        return found

    def _tell_once(self, text: str) -> None:
        if text not in self._missing:
            self._missing.add(text)
            logger.warning("%s: its calls have no baseline", text)


def configured_book() -> PriceBook:
    """The book with TELEMETRY_PREMIUM_MODELS and TELEMETRY_PRICES; ValueError when one is unclear."""
    return PriceBook(setting("TELEMETRY_PREMIUM_MODELS"), setting("TELEMETRY_PRICES"))


def parse_premium_models(text: str) -> dict[str, list[DatedValue]]:
    """`provider=model` or `provider=model@2026-01-31`, with commas between; a date says from when it holds."""
    found: dict[str, list[DatedValue]] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        provider, equals, named = (part.strip() for part in entry.partition("="))
        model, sign, since = (
            (part.strip() for part in named.rpartition("@")) if "@" in named else (named, "", "")
        )
        if not (provider and equals and model) or bool(sign) != bool(since):
            raise ValueError(
                f"TELEMETRY_PREMIUM_MODELS: {entry!r} is not provider=model or provider=model@date"
            )
        _add(found, provider, DatedValue(_checked_date(since, "TELEMETRY_PREMIUM_MODELS"), model), entry)
    return found


def _add(found: dict[str, list[DatedValue]], name: str, dated: DatedValue, entry: object) -> None:
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


def parse_own_prices(text: str) -> dict[str, list[DatedValue]]:
    """A JSON list of `{"model": "provider/name", "input": "3", "output": "15", ...}`, as docs/agents/usage.md shows."""
    if not text.strip():
        return {}
    try:
        entries = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    except ValueError as error:
        raise ValueError(f"TELEMETRY_PRICES is not JSON: {error}") from error
    if not isinstance(entries, list):
        raise ValueError("TELEMETRY_PRICES must be a JSON list of objects")
    found: dict[str, list[DatedValue]] = {}
    for entry in entries:
        if not isinstance(entry, dict) or "/" not in str(entry.get("model", "")):
            raise ValueError(f"TELEMETRY_PRICES: {entry!r} has no model such as provider/name")
        unknown = entry.keys() - {"model", "since", *_KINDS}
        if unknown:
            raise ValueError(f"TELEMETRY_PRICES: {entry['model']} has the unknown key {sorted(unknown)[0]!r}")
        since = _checked_date(str(entry.get("since", "")), "TELEMETRY_PRICES")
        prices = {kind: _own_price(entry, kind) for kind in _KINDS if kind in entry}
        if not {"input", "output"} <= prices.keys():
            raise ValueError(f"TELEMETRY_PRICES: {entry['model']} needs the prices of input and output")
        _add(found, str(entry["model"]), DatedValue(since, prices), entry["model"])
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


def as_price(price: Any) -> Price | None:
    """A price of the book as ours."""
    if price is None or isinstance(price, Decimal):
        return None if price is None else Price(price)
    return Price(price.base, tuple((tier.start, tier.price) for tier in price.tiers))
