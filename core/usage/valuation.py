"""What the billed quantities of a call are worth by the price book, with tiers, batches, lifetimes and fees."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Context, Decimal, localcontext
from functools import cached_property
from operator import attrgetter
from typing import Any, NamedTuple

from ..store.usage import MAX_AMOUNT
from .pricing import FREE, Price, PriceBook, Prices, PriceSource, as_price, to_whole
from .quantities import PART_OF, Quantities

# Rules that providers publish instead of a price, for what the book has no price of. The book's own goes first.
# Each holds from the day on which its source shows that it was on offer. Where that is the provider's Python client,
# it is the day of the release that knew it first, by its changelog.


class _WriteRule(NamedTuple):
    kind: str
    times_input: Decimal
    since: str


# https://platform.claude.com/docs/en/build-with-claude/prompt-caching#pricing, and the same relation in the price
# lists of the clouds that offer Claude; OpenRouter passes it on. Since: anthropic 0.34.0 and 0.52.0.
_CLAUDE_WRITES = (
    _WriteRule("cache_write", Decimal("1.25"), "2024-08-14"),
    _WriteRule("cache_write_1h", Decimal(2), "2025-05-22"),
)
_CLAUDE_HOUSES = {"anthropic", "aws", "google", "azure", "openrouter"}
# https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool#usage-and-pricing since anthropic 0.51.0
_CLAUDE_SEARCHES = (Decimal(10), "2025-05-07")  # dollars for a thousand


class _TierRule(NamedTuple):
    provider: str
    tier: str
    since: str
    factor: Decimal | None  # of the standard price; None: its own for each model, which the book alone has
    but: tuple[str, ...] = ()  # kinds that stay at the standard price


_HALF = Decimal("0.5")
_CACHED = ("cache_read", "audio_cache_read", "image_cache_read")
_TIER_RULES = (
    # https://openai.com/api/pricing and developers.openai.com/api/docs/guides/batch: half; no batch price of reads.
    # Since: openai 1.18.0.
    _TierRule("openai", "batch", "2024-04-15", _HALF, _CACHED),
    # developers.openai.com/api/docs/guides/flex-processing: at the rates of a batch, with its caching discounted too.
    # Since: openai 1.75.0.
    _TierRule("openai", "flex", "2025-04-16", _HALF),
    # https://openai.com/api-priority-processing, since openai 1.92.0; its later name is "fast", since @ai-sdk/openai
    # 3.0.93.
    _TierRule("openai", "priority", "2025-06-26", None),
    _TierRule("openai", "fast", "2026-08-11", None),
    # https://platform.claude.com/docs/en/build-with-claude/batch-processing#pricing: half, and caching on top.
    # Since: anthropic 0.36.0.
    _TierRule("anthropic", "batch", "2024-10-08", _HALF),
    # https://ai.google.dev/gemini-api/docs/pricing: half; the older models read their cache at the standard price.
    # Since: https://developers.googleblog.com/scale-your-ai-workloads-batch-mode-gemini-api
    _TierRule("google", "batch", "2025-07-07", _HALF, _CACHED),
    # https://ai.google.dev/gemini-api/docs/optimization, and the book's own prices; since google-genai 1.69.0.
    _TierRule("google", "flex", "2026-03-27", _HALF),
    _TierRule("google", "priority", "2026-03-27", Decimal("1.8")),
    # learn.microsoft.com/azure/ai-foundry/openai/how-to/batch: half of the global standard price; the day of its page.
    _TierRule("azure", "batch", "2024-08-04", _HALF, _CACHED),
    # https://aws.amazon.com/bedrock/pricing: batch and flex at half of on-demand. Since: botocore 1.35.1, and
    # https://aws.amazon.com/about-aws/whats-new/2025/11/amazon-bedrock-priority-flex-inference-service-tiers
    _TierRule("aws", "batch", "2024-08-19", _HALF),
    _TierRule("aws", "flex", "2025-11-18", _HALF),
    # https://console.groq.com/docs/flex-processing: at the price of on-demand. Since: groq 0.14.0.
    _TierRule("groq", "flex", "2025-01-09", Decimal(1)),
    # https://console.groq.com/docs/batch and https://docs.mistral.ai/capabilities/batch: half.
    # Since: groq 0.18.0, mistralai 1.2.0.
    _TierRule("groq", "batch", "2025-02-05", _HALF),
    _TierRule("mistral", "batch", "2024-11-07", _HALF),
    # https://platform.claude.com/docs/en/build-with-claude/data-residency#pricing: 1.1 times, every kind of token.
    # Since: anthropic 0.78.0.
    _TierRule("anthropic", "geography us", "2026-02-05", Decimal("1.1")),
)

# The book's names of prices, and whose price a kind has where it has none of its own.
_PRICE_KEYS = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "reasoning": "output_reasoning_mtok",
    "citations": "output_citation_mtok",
    "audio_input": "input_audio_mtok",
    "image_input": "input_image_mtok",
    "video_input": "input_video_mtok",
    "audio_output": "output_audio_mtok",
    "image_output": "output_image_mtok",
    "video_output": "output_video_mtok",
    "audio_cache_read": "cache_audio_read_mtok",
    "image_cache_read": "cache_image_read_mtok",
}
_ELSE = {
    "cache_read": ("input",),
    "cache_write": ("input",),
    "cache_write_1h": ("cache_write", "input"),
    "reasoning": ("output",),
    **{part: (whole,) for part, whole in PART_OF.items()},
    "audio_cache_read": ("cache_read", "audio_input", "input"),
    "image_cache_read": ("cache_read", "image_input", "input"),
}
_NO_CACHES = dict.fromkeys(
    ("cache_read", "audio_cache_read", "image_cache_read", "cache_write", "cache_write_1h"), 0
)
_PARTS = attrgetter(*PART_OF)
_SHOWN_OR_HEARD = ("audio_input", "audio_output", "image_output", "video_output")
_FEE_KEYS = {"web_searches": "web_searches_kcount", "requests": "requests_kcount"}
_EXACT = Context(prec=60)
_MOST_PLACES = 40


class Valuation(NamedTuple):
    """What a call is worth, and in `notes` what had no price of its own or no price at all."""

    prices: Prices
    notes: tuple[str, ...] = ()
    source: str = ""  # "own" by TELEMETRY_PRICES, "book" by the price book, '' where nobody knows


def value(book: PriceBook, provider: str, model: str, quantities: Quantities, at: datetime) -> Valuation:
    """What these quantities of a model are worth at the prices of that day; `at` is when the call was made.

    Amounts are nano-dollars, each rounded once, half to even.
    """
    terms = _terms(book, provider, model, quantities, at)
    if terms is None:
        return Valuation(Prices(), (unpriced(provider, model),))
    billed = _billed(quantities)
    bare = _without_cache(quantities, billed)
    worth = terms.tariff.cost(billed, quantities)
    uncached = worth if bare is billed else terms.tariff.cost(bare, quantities)
    if worth is None or uncached is None:
        return Valuation(Prices(), (*terms.notes, unpriced(provider, model)))
    baseline = _baseline(terms.premium, quantities, billed, bare)
    if max(worth, uncached, baseline or 0) > MAX_AMOUNT:
        return Valuation(Prices(), (*terms.notes, f"{provider}/{model} comes to more than a sum can hold"))
    notes = terms.notes
    if quantities.web_searches and "web_searches" not in terms.tariff.fees:
        notes += (f"{provider}/{model} has no price of a web search in the price book",)
    return Valuation(Prices(worth, uncached, baseline), notes, terms.source)


def unpriced(provider: str, model: str) -> str:
    """The sentence about a model that has no price, with the setting that would give it one."""
    return (
        f"{provider}/{model} has no price; "
        f'TELEMETRY_PRICES=[{{"model": "{provider}/{model}", "input": "...", "output": "..."}}] gives it one, '
        "in dollars for a million tokens"
    )


def _baseline(
    premium: "_Tariff | None", quantities: Quantities, billed: Mapping[str, int], bare: Mapping[str, int]
) -> int | None:
    if premium is None:
        return None
    # A model without a price for sounds or pictures cannot have made or heard them.
    for kind in _SHOWN_OR_HEARD:
        if billed.get(kind) and kind not in premium.prices:
            return None
    return premium.cost(bare, quantities)


# Quantities by the price they have


def _billed(of: Quantities) -> dict[str, int]:
    tokens = {
        "input": of.input,
        "cache_read": of.cache_read,
        "cache_write": of.cache_write,
        "cache_write_1h": of.cache_write_1h,
        "output": of.output,
    }
    if any(parts := _PARTS(of)):
        for (kind, whole), count in zip(PART_OF.items(), parts, strict=True):
            tokens[kind], tokens[whole] = count, max(tokens[whole] - count, 0)
    thought = min(of.reasoning, tokens["output"])
    tokens["reasoning"], tokens["output"] = thought, tokens["output"] - thought
    return tokens


def _without_cache(of: Quantities, billed: dict[str, int]) -> dict[str, int]:
    """The same work with all of its input at the full price; the very same where no cache had a part in it."""
    whole_input = of.whole_input
    if whole_input == of.input and not (of.audio_cache_read or of.image_cache_read):
        return billed
    heard = of.audio_input + of.audio_cache_read
    seen = of.image_input + of.image_cache_read
    uncached = max(whole_input - heard - seen - of.video_input, 0)
    return {**billed, **_NO_CACHES, "input": uncached, "audio_input": heard, "image_input": seen}


# A tariff: the prices of one model for one call


@dataclass(frozen=True)
class _Tariff:
    prices: Mapping[str, Price]  # dollars for a million tokens
    fees: Mapping[str, Decimal]  # dollars for a thousand

    @cached_property
    def _standing(self) -> dict[str, Price]:
        """Of each kind of token the price that stands for it, its own or another's."""
        standing: dict[str, Price] = {}
        for kind in _PRICE_KEYS:
            known = [name for name in (kind, *_ELSE.get(kind, ())) if name in self.prices]
            if known:
                standing[kind] = self.prices[known[0]]
        return standing

    @cached_property
    def _unit(self) -> int:
        """How many parts a nano-dollar has, so that each price is a whole number of them: it adds up without a rest."""
        amounts = [*self.fees.values()]
        for price in self._standing.values():
            amounts += (price.base, *(of_tier for _start, of_tier in price.tiers))
        places = [0] + [-int(amount.normalize(_EXACT).as_tuple().exponent) for amount in amounts]
        return int(10 ** min(max(places), _MOST_PLACES))

    def _parts(self, dollars: Decimal, nano: int) -> int:
        with localcontext(_EXACT):
            return to_whole(dollars * nano * self._unit)

    @cached_property
    def _sizes(self) -> list[int]:
        """Of the whole input, above which another price stands."""
        return sorted({start for price in self._standing.values() for start, _of_tier in price.tiers})

    @cached_property
    def _rates(self) -> list[dict[str, int]]:
        """What one token costs, by its kind, for each of the sizes."""
        return [
            {kind: self._parts(price.at(least), 1000) for kind, price in self._standing.items()}
            for least in (0, *(size + 1 for size in self._sizes))
        ]

    @cached_property
    def _each(self) -> dict[str, int]:
        return {kind: self._parts(fee, 10**6) for kind, fee in self.fees.items() if fee}

    def cost(self, billed: Mapping[str, int], of: Quantities) -> int | None:
        """In nano-dollars, rounded once, half to even; None where a kind of token has no price."""
        rates = self._rates[bisect_left(self._sizes, of.whole_input)]
        parts = 0
        for kind, count in billed.items():
            if count:
                rate = rates.get(kind)
                if rate is None:
                    return None
                parts += count * rate
        for kind, fee in self._each.items():
            parts += getattr(of, kind) * fee
        whole, rest = divmod(parts, self._unit)
        return whole + (2 * rest + whole % 2 > self._unit)


class _Terms(NamedTuple):
    """By what calls of one model and one tier are billed; all but the counts. `standing`: the prices it was made of."""

    standing: tuple[Any, Any]
    tariff: _Tariff
    premium: _Tariff | None
    notes: tuple[str, ...]
    source: str


def _terms(book: PriceBook, provider: str, model: str, quantities: Quantities, at: datetime) -> _Terms | None:
    """None where nobody knows a price."""
    found, premium, terms = book.place(provider, model, at)
    if found is None:
        return None
    # A tier's prices change by the day, as places do, the standard ones also within one.
    standing = (found.standard(at), None if premium is None else premium.standard(at))
    tier = (quantities.batch, quantities.service_tier, quantities.speed, quantities.geography)
    key = (id(standing[0]), id(standing[1]), tier)
    kept: _Terms | None = terms.get(key)
    if kept is None:
        if len(terms) >= _TERMS_KEPT:
            terms.clear()
        notes: list[str] = []
        with localcontext(_EXACT):
            tariff = _made(found, quantities, at, notes)
            other = None if premium is None else _made(premium, quantities, at, [])
        source = "own" if found.own is not None else "book"
        # What it was made of is held, so that its id stays its own.
        terms[key] = kept = _Terms(standing, tariff, other, tuple(notes), source)
    return kept


_TERMS_KEPT = 256


def _made(found: PriceSource, quantities: Quantities, at: datetime, notes: list[str]) -> _Tariff:
    if found.own is not None:
        return _ruled(found, dict(found.own), {}, [], _day(at))
    standing, rules = _standing_prices(found, quantities, at, notes)
    return _ruled(found, *_of_book(standing), rules, _day(at))


def _ruled(
    found: PriceSource, prices: dict[str, Price], fees: dict[str, Decimal], rules: list[_TierRule], day: str
) -> _Tariff:
    if "claude" in found.model.lower() and found.provider in _CLAUDE_HOUSES:
        _add_claude(prices, fees, day)
    for rule in rules:
        factor = rule.factor or Decimal(1)
        prices = {
            kind: price if kind in rule.but else _times(price, factor) for kind, price in prices.items()
        }
    return _Tariff(prices, fees)


def _of_book(standing: Any) -> tuple[dict[str, Price], dict[str, Decimal]]:
    told = vars(standing)
    if not told:
        return dict(FREE), {}  # the book lists what costs nothing without any price
    prices = {kind: price for kind, key in _PRICE_KEYS.items() if (price := as_price(told.get(key)))}
    five_minutes = as_price(told.get("cache_write_5m_mtok"))
    if five_minutes is not None:
        prices["cache_write"] = five_minutes
    fees = {kind: fee for kind, key in _FEE_KEYS.items() if isinstance(fee := told.get(key), Decimal)}
    return prices, fees


def _add_claude(prices: dict[str, Price], fees: dict[str, Decimal], day: str) -> None:
    for rule in _CLAUDE_WRITES:
        if rule.kind not in prices and "input" in prices and rule.since <= day:
            prices[rule.kind] = _times(prices["input"], rule.times_input)
    fee, since = _CLAUDE_SEARCHES
    if since <= day:
        fees.setdefault("web_searches", fee)


def _times(price: Price, factor: Decimal) -> Price:
    return Price(price.base * factor, tuple((start, of_tier * factor) for start, of_tier in price.tiers))


def _day(at: datetime) -> str:
    return at.astimezone(UTC).date().isoformat()


# Service tiers


def _standing_prices(
    found: PriceSource, quantities: Quantities, at: datetime, notes: list[str]
) -> tuple[Any, list[_TierRule]]:
    """The book's prices of that moment for this call's tier, and the rules for what they do not have."""
    standing, rules = found.info.get_prices(at), []
    for tier, context in _tiers(quantities):
        special = _special_prices(found, tier, context, at)
        rule = _rule(found.provider, tier, at)
        if special is not None:
            standing = special
        elif rule is not None and rule.factor is not None:
            rules.append(rule)
        else:
            notes.append(
                f"{found.provider}/{found.model} has no price for {tier}: the standard price is taken"
            )
    return standing, rules


def _tiers(of: Quantities) -> list[tuple[str, dict[str, str]]]:
    """What of this call differs from a standard one: in our words, and as the book asks for it."""
    found: list[tuple[str, dict[str, str]]] = []
    if of.batch:
        found.append(("batch", {"processing": "batch"}))
    elif of.service_tier:
        found.append((of.service_tier, {"service_tier": of.service_tier}))
    elif of.speed:
        found.append((of.speed, {"speed": of.speed}))
    if of.geography:
        found.append((f"geography {of.geography}", {}))
    return found


def _rule(provider: str, tier: str, at: datetime) -> _TierRule | None:
    rules = (rule for rule in _TIER_RULES if (rule.provider, rule.tier) == (provider, tier))
    return next((rule for rule in rules if rule.since <= _day(at)), None)


def _special_prices(found: PriceSource, tier: str, context: dict[str, str], at: datetime) -> Any:
    """The book's prices of a tier, or None.

    The book dates them by the day it looked them up, not by the day they began. For a day before that they hold
    where the tier was on offer and the model's standard prices were already the same.
    """
    variants = (found.info.price_variants or ()) if context and found.listed else ()
    variants = [variant for variant in variants if variant.when == context]
    if any(variant.constraint is None or variant.constraint.active(at) for variant in variants):
        return found.info.get_prices(at, context)
    if _rule(found.provider, tier, at) is None:
        return None
    for variant in variants:
        start = getattr(variant.constraint, "start_date", None)
        moment = datetime.combine(start, time(), UTC) if start is not None else at
        if found.info.get_prices(moment) is found.info.get_prices(at):
            return found.info.get_prices(moment, context)
    return None
