"""Every spelling of a provider and a model finds its price, and none finds that of another model."""

from datetime import UTC, datetime

import pytest

from core.usage.pricing import PriceBook
from core.usage.provider_names import book_name, spellings

DAY = datetime(2026, 11, 26, 12, tzinfo=UTC)
ARN = "arn:aws:bedrock:us-east-1::foundation-model/"
LLAMA = "meta-llama/Llama-3.3-70B-Instruct-Turbo"
SONNET = "regional.anthropic.claude-sonnet-4-5-20250929-v1:0"


@pytest.mark.parametrize(
    ("provider", "model", "where", "entry"),
    [
        ("vertex_ai", "vertex_ai/gemini-2.5-pro", "google", "gemini-2.5-pro"),
        ("litellm", "vertex_ai/gemini-2.5-pro", "google", "gemini-2.5-pro"),
        ("", "gemini/gemini-2.5-flash", "google", "gemini-2.5-flash"),
        ("gcp.vertex_ai", "gemini-2.5-pro", "google", "gemini-2.5-pro"),
        ("gcp.gemini", "models/gemini-2.5-pro", "google", "gemini-2.5-pro"),
        ("gcp.gen_ai", "gemini-2.5-pro", "google", "gemini-2.5-pro"),
        ("google_genai", "gemini-2.5-pro", "google", "gemini-2.5-pro"),
        ("google-gla", "gemini-2.5-pro", "google", "gemini-2.5-pro"),
        ("vertex_ai", "publishers/google/models/gemini-2.5-flash", "google", "gemini-2.5-flash"),
        ("vertex_ai", "projects/p/locations/eu/publishers/google/models/gemini-2.5-pro", "google", "gemini-2.5-pro"),
        ("vertex_ai-anthropic_models", "claude-sonnet-4-5@20250929", "google", "claude-sonnet-4-5"),
        ("google-vertex", "claude-haiku-4-5@20251001", "google", "claude-haiku-4-5"),
        ("anthropic", "claude-sonnet-4@20250514", "anthropic", "claude-sonnet-4-0"),
        ("anthropic", "anthropic/claude-opus-5@20260723", "anthropic", "claude-opus-5"),
        ("litellm", "azure/gpt-4o-2024-08-06", "azure", "gpt-4o"),
        ("azure.ai.openai", "gpt-4o", "azure", "gpt-4o"),
        ("az.ai.openai", "gpt-4o", "azure", "gpt-4o"),
        ("azure_openai", "gpt-35-turbo", "azure", "gpt-3.5-turbo"),
        ("azure", "azure/global/gpt-4o", "azure", "gpt-4o"),
        ("litellm", "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws", SONNET),
        ("bedrock", "bedrock/converse/us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws", SONNET),
        ("bedrock", "bedrock/us-east-1/anthropic.claude-sonnet-4-5-20250929-v1:0", "aws", SONNET),
        ("aws.bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", "aws", SONNET),
        ("aws.bedrock", f"{ARN}anthropic.claude-sonnet-4-5-20250929-v1:0", "aws", SONNET),
        ("amazon-bedrock", "eu.amazon.nova-pro-v1:0", "aws", "amazon.nova-pro-v1:0"),
        ("openrouter", "anthropic/claude-sonnet-4.5", "openrouter", "anthropic/claude-sonnet-4.5"),
        ("openrouter", "anthropic/claude-sonnet-4-5", "openrouter", "anthropic/claude-sonnet-4.5"),
        ("openai", "openrouter/anthropic/claude-sonnet-4.5", "openrouter", "anthropic/claude-sonnet-4.5"),
        ("litellm_proxy", "litellm_proxy/anthropic/claude-opus-4-8", "anthropic", "claude-opus-4-8"),
        ("vercel", "openai/gpt-5-mini", "openai", "gpt-5-mini"),
        ("openai", "openai/responses/gpt-5-mini", "openai", "gpt-5-mini"),
        ("openai", "gpt-5-mini-2025-08-07", "openai", "gpt-5-mini"),
        ("fireworks_ai", "fireworks_ai/accounts/fireworks/models/kimi-k3", "fireworks", "kimi-k3"),
        ("fireworks", "kimi-k3", "fireworks", "kimi-k3"),
        ("x_ai", "grok-4", "x-ai", "grok-4-0709"),
        ("xai", "xai/grok-4", "x-ai", "grok-4-0709"),
        ("mistral_ai", "mistral/mistral-large-latest", "mistral", "mistral-large"),
        ("together_ai", f"together_ai/{LLAMA}", "together", LLAMA),
        ("groq", "groq/openai/gpt-oss-120b", "groq", "openai/gpt-oss-120b"),
        ("moonshot", "moonshot/kimi-k3", "moonshotai", "kimi-k3"),
        ("OpenAI", "GPT-4o", "openai", "gpt-4o"),
    ],
)  # fmt: skip
def test_a_spelling_finds_its_model(provider, model, where, entry):
    found = PriceBook().find(provider, model, DAY)
    assert (found.provider, found.info.id) == (where, entry)


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("anthropic", "gpt-4o"),
        ("groq", "openai/gpt-4o"),  # a host's own name for a model of another house
        ("together", "deepseek/deepseek-chat"),
        ("acme", "openai/gpt-4o"),
        ("litellm", "acme/gpt-4o"),
        ("unknown", "gpt-4o"),
        ("azure", "azure/eu/gpt-4o"),  # dearer than elsewhere
        ("openrouter", "openrouter/claude-sonnet-4.5"),
        ("openai", "gpt-4o-2031-01-01"),
        ("bedrock", "us-gov.amazon.nova-next-v1:0"),
        ("", ""),
        ("litellm", "openai/"),
        ("litellm", "///"),
    ],
)
def test_a_name_that_is_not_known_finds_no_other_model(provider, model):
    assert PriceBook().find(provider, model, DAY) is None


def test_what_was_told_is_tried_first():
    assert spellings("groq", "groq/openai/gpt-oss-120b")[0] == ("groq", "groq/openai/gpt-oss-120b")


def test_a_provider_that_no_table_knows_has_no_name_of_the_book():
    assert book_name("acme") is None
    assert book_name("X.AI") == "x-ai"


def test_own_prices_and_premium_models_are_found_by_every_spelling():
    own = '[{"model": "azure/our-deployment", "input": "2", "output": "8"}]'
    book = PriceBook("azure=gpt-4o", own)
    for provider, model in (("azure.ai.openai", "our-deployment"), ("litellm", "azure/our-deployment")):
        found = book.find(provider, model, DAY)
        assert found is not None
        assert found.own is not None
        assert book.premium(found, provider, DAY).info.id == "gpt-4o"
