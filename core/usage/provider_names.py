"""How gateways, clouds and standards spell providers and models, and what the price book calls them.

A name is only ever unwrapped or spelled otherwise: none of these rules makes another model out of one.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

# What the book calls a provider, and the other words for it, folded: small letters, '_' for other signs.
_WORDS = {
    "openai": "openai text_completion_openai openai_chat openai_responses",
    "anthropic": "anthropic anthropic_text",
    "google": "google google_ai_studio palm",
    "aws": "aws",
    "azure": "azure",
    "x-ai": "x_ai xai grok",
    "mistral": "mistral mistralai mistral_ai codestral text_completion_codestral",
    "fireworks": "fireworks fireworks_ai fireworksai",
    "together": "together together_ai togetherai",
    "deepseek": "deepseek deep_seek",
    "moonshotai": "moonshot moonshotai moonshot_ai",
    "perplexity": "perplexity perplexity_ai pplx",
    "cohere": "cohere cohere_chat cohere_v2",
    "groq": "groq groqcloud",
    "zai": "zai z_ai",
    "zhipuai": "zhipu zhipuai",
    "github-copilot": "github_copilot copilot",
    "novita": "novita novita_ai",
    "voyageai": "voyage voyageai voyage_ai",
    "meta": "meta meta_llama_api llama_api",
    "minimax": "minimax",
    "cerebras": "cerebras",
    "databricks": "databricks",
    "cloudflare": "cloudflare workers_ai",
    "openrouter": "openrouter open_router",
    "ollama": "ollama ollama_chat ollama_cloud",
    "vllm": "vllm hosted_vllm",
    "lm-studio": "lm_studio lmstudio",
    "llama.cpp": "llama_cpp llamacpp llamafile",
}
_IDS = {word: name for name, words in _WORDS.items() for word in words.split()}
# LiteLLM: vertex_ai-anthropic_models; OpenTelemetry: gcp.vertex_ai, aws.bedrock, azure.ai.openai, az.ai.inference.
_FAMILIES = (
    (("gcp_", "vertex", "google_", "gemini"), "google"),
    (("aws_", "bedrock", "amazon_bedrock"), "aws"),
    (("azure_", "az_ai"), "azure"),
)
# Who passes calls on at the price of the provider that the model's name begins with.
_GATEWAYS = {
    "litellm", "litellm_proxy", "custom", "unknown", "gateway", "ai_gateway", "vercel", "vercel_ai_gateway",
    "cloudflare_ai_gateway", "portkey", "helicone", "bifrost", "kong", "openai_compatible", "openai_like",
    "custom_openai",
}  # fmt: skip
_ROUTES = {"converse", "converse_like", "invoke", "responses", "global"}  # LiteLLM: bedrock/converse/...
_AWS_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_RESOURCE = re.compile(
    r"(projects/[^/]+/locations/[^/]+/)?(publishers/[^/]+/)?models/"
    r"|arn:aws[a-z-]*:bedrock:[^:/]*:\d*:(foundation-model|inference-profile)/"
)
_REGIONAL = re.compile(r"(us|eu|apac|ap|jp|au|ca|in)\.(?=[a-z])")
_VERTEX_DATE = re.compile(r"@(\d{8})$")
_VERTEX_WORD = re.compile(r"@(latest|default)$")
_DASHED_VERSION = re.compile(r"(?<=\d)-(?=\d(-|:|$))")


def book_name(provider: str) -> str | None:
    """What the book calls this provider, or None where no table here knows it."""
    folded = _folded(provider)
    if folded in _IDS:
        return _IDS[folded]
    return next((name for starts, name in _FAMILIES if folded.startswith(starts)), None)


@lru_cache(maxsize=4096)
def spellings(provider: str, model: str) -> tuple[tuple[str, str], ...]:
    """Provider and model as they were told, then as the book may spell the same, in the order to try them."""
    found = dict.fromkeys([(provider, model)])
    for who, name in _unwrapped(provider, model.strip().lower()):
        for other in _respelled(who, name):
            found.setdefault((who, other))
    return tuple(found)


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower())


def _unwrapped(provider: str, name: str) -> Iterator[tuple[str, str]]:
    """Each step of taking prefixes off."""
    who = book_name(provider) or provider.strip().lower()
    open_to_any = who == "openai" or not who or _folded(who) in _GATEWAYS
    yield who, name
    while step := _without_prefix(who, name, open_to_any):
        who, name, open_to_any = step
        yield who, name


def _without_prefix(who: str, name: str, open_to_any: bool) -> tuple[str, str, bool] | None:
    if resource := _RESOURCE.match(name):
        return who, name[resource.end() :], open_to_any
    head, slash, rest = name.partition("/")
    if not slash or not rest:
        return None
    if head in _ROUTES or (who == "aws" and _AWS_REGION.fullmatch(head)):
        return who, rest, open_to_any
    named = book_name(head)
    if named is not None and (named == who or open_to_any):
        return named, rest, False
    if open_to_any and _folded(head) in _GATEWAYS:
        return who, rest, True
    return None


def _respelled(who: str, name: str) -> Iterator[str]:
    yield name
    yield _VERTEX_WORD.sub("", _VERTEX_DATE.sub(r"-\1", name))
    if who == "fireworks" and not name.startswith("accounts/"):
        yield f"accounts/fireworks/models/{name}"
    if who == "aws":
        yield _REGIONAL.sub("", name, count=1)
    if who == "azure":
        yield name.replace("gpt-35", "gpt-3.5")  # Azure's names have no dots
    if who == "openrouter" and name.startswith("anthropic/claude-"):
        yield _DASHED_VERSION.sub(".", name)
