"""What quantities are worth: the cases from the field by name, what the book lacks, and what has no baseline."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from genai_prices.data import providers
from genai_prices.types import Usage

from core.store.usage import MAX_AMOUNT
from core.usage.pricing import PriceBook
from core.usage.provider_usage import read_usage
from core.usage.quantities import MAX_COUNT, Quantities
from core.usage.valuation import value

DAY = datetime(2026, 11, 26, 12, tzinfo=UTC)
PREMIUM = (
    "anthropic=claude-opus-5,openai=gpt-5,google=gemini-2.5-pro,cohere=command-r-plus,openrouter=openai/gpt-5"
)

BARE = PriceBook()


def book(*own, premium=PREMIUM):
    return PriceBook(premium, json.dumps(own) if own else "")


def worth(provider, model, usage, at=DAY, prices=None, **said):
    return value(prices or book(), provider, model, read_usage(usage, **said), at)


def dollars(text):
    return int(Decimal(text) * 10**9)


def chat(asked, said, **more):
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said, **more}


def written(minutes, hour):
    return {
        "input_tokens": 0,
        "output_tokens": 0,
        "cache_creation_input_tokens": minutes + hour,
        "cache_creation": {"ephemeral_5m_input_tokens": minutes, "ephemeral_1h_input_tokens": hour},
    }


# The cases from the field


def test_cache_written_for_one_hour():
    # 344,139 * 10
    assert worth("anthropic", "claude-opus-5", written(0, 344_139)).prices.book == dollars("3.44139")


def test_both_kinds_of_writes():
    # 600,000 * 6.25 + 400,000 * 10
    assert worth("anthropic", "claude-opus-4-8", written(600_000, 400_000)).prices.book == dollars("7.75")


def test_flex():
    # (1,000 * 0.25 + 1,000 * 0.025 + 500 * 2) / 2
    answer = {"service_tier": "flex", "usage": chat(2000, 500, prompt_tokens_details={"cached_tokens": 1000})}
    assert worth("openai", "gpt-5-mini", answer).prices.book == dollars("0.0006375")


def test_priority():
    # 9 * 4.25 + 1 * 17
    answer = {"service_tier": "priority", "usage": chat(9, 1)}
    assert worth("openai", "gpt-4o", answer).prices.book == dollars("0.00005525")


@pytest.mark.parametrize(
    ("provider", "model", "right"),
    [
        ("litellm", "vertex_ai/gemini-2.5-pro", "0.00625"),  # 1,000 * 1.25 + 500 * 10
        ("vertex_ai", "vertex_ai/gemini-2.5-pro", "0.00625"),
        ("litellm", "azure/gpt-4o-2024-08-06", "0.0075"),  # 1,000 * 2.5 + 500 * 10
        ("azure", "azure/gpt-4o-2024-08-06", "0.0075"),
    ],
)
def test_a_provider_before_the_name(provider, model, right):
    assert worth(provider, model, chat(1000, 500)).prices.book == dollars(right)


def test_thought_tokens():
    # 7,477 * 1.25 + (2,060 + 1,939) * 10
    usage = {"promptTokenCount": 7477, "candidatesTokenCount": 2060, "thoughtsTokenCount": 1939}
    assert worth("google", "gemini-2.5-pro", usage).prices.book == dollars("0.04933625")


def test_unknown_cost_is_the_books_price():
    found = worth("anthropic", "claude-sonnet-4-5", {"input_tokens": 1000, "output_tokens": 500})
    assert (found.prices.book, found.source) == (dollars("0.0105"), "book")


def test_which_model_has_no_price():
    found = worth("acme", "house-model-7", chat(1000, 500))
    assert (found.prices, found.source) == ((None, None, None), "")
    [note] = found.notes
    assert "acme/house-model-7" in note
    setting = note.partition("TELEMETRY_PRICES=")[2].partition(" gives")[0]
    priced = PriceBook("", setting.replace('"..."', '"2"'))
    assert worth("acme", "house-model-7", chat(1000, 500), prices=priced).prices.book == dollars("0.003")


# The same kinds


def test_one_entry_for_a_provider_makes_its_local_models_free():
    free = book(
        {"model": "ollama/*", "input": 0, "output": 0}, {"model": "ollama/dear", "input": 1, "output": 1}
    )
    answer = {"model": "llama3.2", "prompt_eval_count": 26, "eval_count": 298}
    for provider, model in (
        ("ollama", "llama3.2"),
        ("litellm", "ollama/llama3.2"),
        ("ollama_chat", "qwen3:8b"),
    ):
        found = worth(provider, model, answer, prices=free)
        assert (found.prices.book, found.source, found.notes) == (0, "own", ())
    assert worth("ollama", "dear", answer, prices=free).prices.book == 324_000
    assert worth("vllm", "llama3.2", answer, prices=free).prices.book is None


def test_an_own_price_for_all_models_goes_before_the_book_and_behind_a_models_own():
    own = book(
        {"model": "openai/*", "input": 1, "output": 1}, {"model": "openai/gpt-4o", "input": 3, "output": 3}
    )
    assert worth("openai", "gpt-5", chat(1000, 0), prices=own).prices.book == dollars("0.001")
    assert worth("openai", "gpt-4o", chat(1000, 0), prices=own).prices.book == dollars("0.003")


def test_an_own_price_may_have_writes_for_an_hour():
    own = book({"model": "acme/small", "input": 1, "output": 2, "cache_write": 3, "cache_write_1h": 5})
    assert worth("acme", "small", written(1000, 1000), prices=own).prices.book == dollars("0.008")


def test_an_own_price_of_claude_without_writes_follows_the_published_rule():
    own = book({"model": "anthropic/claude-opus-5", "input": 4, "output": 20})
    # 1,000 * 4 * 1.25 + 1,000 * 4 * 2
    found = worth("anthropic", "claude-opus-5", written(1000, 1000), prices=own)
    assert found.prices.book == dollars("0.013")


def test_a_free_variant_costs_nothing():
    for model in ("deepseek/deepseek-chat:free", "acme/brand-new:free"):
        assert worth("openrouter", model, chat(1000, 500)).prices.book == 0
    assert worth("acme", "brand-new:free", chat(1000, 500)).prices.book is None


@pytest.mark.parametrize(
    ("provider", "model", "usage"),
    [
        ("openai", "text-embedding-3-small", {"prompt_tokens": 1000, "total_tokens": 1000}),
        ("google", "gemini-embedding-001", {"promptTokenCount": 1000}),
        ("cohere", "embed-v4.0", {"meta": {"billed_units": {"input_tokens": 1000}}}),
        ("openai", "gpt-4o-transcribe", chat(1000, 10)),
        ("openai", "gpt-image-1", {"input_tokens": 10, "output_tokens": 1000, "total_tokens": 1010}),
        ("openai", "gpt-audio", chat(100, 50, completion_tokens_details={"audio_tokens": 40})),
        ("openai", "gpt-audio", chat(100, 50, prompt_tokens_details={"audio_tokens": 40})),
    ],
)
def test_what_no_chat_model_could_have_done_has_no_baseline(provider, model, usage):
    found = worth(provider, model, usage)
    assert found.prices.book > 0
    assert found.prices.baseline is None


def test_a_call_of_another_day_has_that_days_price():
    usage = {"promptTokenCount": 1000, "candidatesTokenCount": 100}
    before = worth("google", "gemini-4-argon", usage, datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC))
    after = worth("google", "gemini-4-argon", usage, datetime(2026, 12, 1, tzinfo=UTC))
    assert (before.prices.book, after.prices.book) == (dollars("0.003"), dollars("0.006"))


def test_sums_larger_than_ten_million_tokens_are_exact():
    # 1,000,000,001 * 0.25 + 3 * 2
    assert worth("openai", "gpt-5-mini", chat(1_000_000_001, 3)).prices.book == dollars("250.00000625")


def test_an_amount_that_no_sum_could_hold_is_no_price_and_said():
    found = worth("openai", "gpt-5-mini", chat(MAX_COUNT, 0))
    assert found.prices.book is None
    assert "more than a sum can hold" in found.notes[-1]
    largest = worth("openai", "gpt-5-mini", chat(MAX_AMOUNT // 250, 0), prices=book(premium=""))
    assert largest.prices.book == MAX_AMOUNT


# Prices without a cache, and baselines


def test_without_a_cache_all_input_has_the_full_price():
    usage = {
        "input_tokens": 100,
        "output_tokens": 10,
        "cache_read_input_tokens": 1000,
        "cache_creation_input_tokens": 3000,
        "cache_creation": {"ephemeral_5m_input_tokens": 1000, "ephemeral_1h_input_tokens": 2000},
    }
    found = worth("anthropic", "claude-haiku-4-5", usage)
    # 100*1 + 1,000*0.1 + 1,000*1.25 + 2,000*2 + 10*5; 4,100*1 + 10*5; 4,100*5 + 10*25
    assert found.prices == (dollars("0.0055"), dollars("0.00415"), dollars("0.02075"))


def test_sounds_out_of_a_cache_cost_what_sounds_cost_without_one():
    cached = {"cached_tokens": 512, "audio_tokens": 512, "cached_tokens_details": {"audio_tokens": 512}}
    usage = {"input_tokens": 512, "output_tokens": 0, "total_tokens": 512, "input_token_details": cached}
    found = worth("openai", "gpt-realtime", usage)
    assert (found.prices.book, found.prices.uncached) == (512 * 400, 512 * 32_000)


def test_a_baseline_is_at_the_same_tier_and_with_the_same_searches():
    usage = {
        "input_tokens": 1000,
        "output_tokens": 100,
        "service_tier": "batch",
        "server_tool_use": {"web_search_requests": 1},
    }
    found = worth("anthropic", "claude-haiku-4-5", usage)
    # (1,000*1 + 100*5) / 2 + a search; (1,000*5 + 100*25) / 2 + a search
    assert found.prices == (dollars("0.01075"), dollars("0.01075"), dollars("0.01375"))


def test_a_call_through_a_gateway_has_the_baseline_of_its_provider():
    found = worth("litellm", "anthropic/claude-haiku-4-5", {"input_tokens": 1000, "output_tokens": 100})
    assert found.prices.baseline == dollars("0.0075")


# What the book lacks


def test_a_tier_without_a_price_takes_the_standard_one_and_says_so():
    found = worth(
        "anthropic", "claude-opus-5", {"input_tokens": 1000, "output_tokens": 0, "service_tier": "priority"}
    )
    assert found.prices.book == dollars("0.005")
    assert found.notes == ("anthropic/claude-opus-5 has no price for priority: the standard price is taken",)
    found = worth(
        "openai", "gpt-audio", chat(1000, 0), service_tier="priority"
    )  # others of its house have one
    assert found.notes == ("openai/gpt-audio has no price for priority: the standard price is taken",)


def test_searches_without_a_price_are_said():
    answer = {"output": [{"type": "web_search_call"}], "usage": chat(1000, 0)}
    found = worth("openai", "gpt-audio", answer)
    assert found.prices.book == dollars("0.0025")
    assert found.notes == ("openai/gpt-audio has no price of a web search in the price book",)


def test_a_tier_holds_before_the_day_on_which_the_book_looked_it_up():
    spring = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert worth("openai", "gpt-4o", chat(1000, 100), spring, batch=True).prices.book == dollars("0.00175")
    assert worth("openai", "gpt-5", chat(1000, 100), spring, service_tier="priority").prices.book == dollars(
        "0.0045"
    )


def test_a_tier_does_not_hold_before_its_provider_offered_it():
    early = datetime(2024, 4, 14, 12, tzinfo=UTC)
    found = worth("openai", "gpt-4o-mini", chat(1000, 0), early, batch=True)
    assert found.prices.book == dollars("0.00015")
    assert len(found.notes) == 1


def test_a_kind_of_token_without_a_price_leaves_the_call_unpriced():
    found = worth("openai", "text-embedding-3-small", chat(1000, 5))
    assert found.prices == (None, None, None)
    assert "TELEMETRY_PRICES" in found.notes[-1]


def test_each_amount_is_rounded_once_half_to_even():
    # a token of 0.0005 dollars for a million is half a nano-dollar
    own = book({"model": "acme/tiny", "input": "0.0005", "output": 0})
    amounts = [value(own, "acme", "tiny", Quantities(input=count), DAY).prices.book for count in (1, 2, 3, 5)]
    assert amounts == [0, 1, 2, 2]


# The whole book


def test_every_model_of_the_book_costs_what_the_books_own_sum_says():
    tokens = {"input": 1201, "output": 307, "cache_read": 411, "cache_write": 53, "cache_write_1h": 29}
    # Claude's writes and searches have rules beside the book.
    models = [(by, model) for by in providers for model in by.models if "claude" not in model.id]
    compared = 0
    for by, model in models:
        found = value(BARE, by.id, model.id, Quantities(**tokens, reasoning=101, web_searches=2), DAY)
        if found.prices.book is None or BARE.find(by.id, model.id, DAY).info is not model:
            continue
        said = Usage(
            input_tokens=1694, output_tokens=307, cache_read_tokens=411, cache_write_tokens=82, web_searches=2,
            cache_write_5m_tokens=53, cache_write_1h_tokens=29, output_reasoning_tokens=101,
        )  # fmt: skip
        right = model.get_prices(DAY).calc_price(said)["total_price"] * 10**9
        assert abs(found.prices.book - right) <= Decimal("0.5"), (by.id, model.id)
        compared += 1
    assert compared > 1500
