"""The shapes in which providers count: what is inside of what, and under which names.

Each reader takes one usage object and gives fields of `Quantities`; what is odd goes into its list of sentences.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from ..values.attributes import as_mapping, child, text_of
from .pricing import to_whole
from .quantities import MAX_COUNT, PART_OF, told_count

_NANO = 10**9
STANDARD = {"", "auto", "default", "standard", "on_demand", "on-demand", "unspecified"}
WRAPPERS = (
    "usage", "usageMetadata", "usage_metadata", "response", "body", "result", "message", "x_groq", "meta",
)  # fmt: skip
# Counts that are sums or parts of others, or that cost nothing.
_FREE = {
    "total_tokens", "totalTokens", "totalTokenCount", "total_token_count", "text_tokens",
    "accepted_prediction_tokens", "rejected_prediction_tokens", "prompt_cache_miss_tokens", "web_fetch_requests",
}  # fmt: skip
_BILLED_ENDINGS = (
    "_tokens", "Tokens", "TokenCount", "_token_count", "_requests", "_seconds", "_characters", "_pages", "_units",
)  # fmt: skip


class Surroundings(NamedTuple):
    """What the answer around a usage object says that its count needs."""

    model: str = ""
    searches: int = 0


# Counting


class Reader:
    """Counts by name out of one usage object; remembers what was odd and what was read."""

    def __init__(self, usage: Mapping[str, Any], odd: list[str] | None = None) -> None:
        self.usage = usage
        self.odd: list[str] = [] if odd is None else odd
        self.known: set[str] = set()

    def needed(self, *names: str) -> int:
        """The count under the first of these names that is there; its lack is odd."""
        present = [name for name in names if name in self.usage]
        if not present:
            self.odd.append(f"{names[0]} is missing")
            return 0
        told = [name for name in present if self.usage[name] is not None]
        return self._count(self.usage, (told or present)[0])

    def count(self, *names: str, inside: Mapping[str, Any] | None = None) -> int:
        """The first count of these names that is told and not 0; 0 where none is."""
        node = self.usage if inside is None else inside
        found = [self._count(node, name) for name in names if node.get(name) is not None]
        return next(filter(None, found), 0)

    def _count(self, node: Mapping[str, Any], name: str) -> int:
        self.known.add(name)
        number, odd = told_count(node[name])
        if odd:
            self.odd.append(f"{name} {odd}")
        return number

    def note_extra(self) -> None:
        """Counts above 0 that nobody here knows may be money, so each is told."""
        for name, value in self.usage.items():
            inner = as_mapping(value) if name != "iterations" else None
            for key, count in inner.items() if inner is not None else ((name, value),):
                if self._is_extra(str(key), count):
                    self.odd.append(f"{key} is extra: it has no part in the price")

    def _is_extra(self, key: str, value: object) -> bool:
        if key in _FREE or key in self.known or not key.endswith(_BILLED_ENDINGS):
            return False
        return told_count(value)[0] > 0


def fit(values: dict[str, Any], odd: list[str]) -> None:
    """Parts are at most their whole, and sums at most what a count may be."""
    for name, value in values.items():
        if isinstance(value, int) and value > MAX_COUNT:
            odd.append(f"{name} is above {MAX_COUNT:,}")
            values[name] = MAX_COUNT
    left = {whole: values.get(whole, 0) for whole in PART_OF.values()}
    for part, whole in PART_OF.items():
        if values.get(part, 0) > left[whole]:
            odd.append(f"{part} is more than the {whole} it is a part of")
            values[part] = left[whole]
        left[whole] -= values.get(part, 0)
    if values.get("reasoning", 0) > values.get("output", 0):
        odd.append("reasoning is more than the output it is a part of")
        values["reasoning"] = values.get("output", 0)


def _without(whole: int, name: str, parts: int, odd: list[str]) -> int:
    """What is left of a whole that includes these parts."""
    if parts > whole:
        odd.append(f"{name} is less than the cached tokens in it")
    return max(whole - parts, 0)


def _nano(dollars: object, name: str, odd: list[str], per_dollar: int = 1) -> int | None:
    """A cost that the provider told, in nano-dollars."""
    if dollars is None:
        return None
    try:
        amount = Decimal(str(dollars)) / per_dollar * _NANO
        if isinstance(dollars, bool) or not amount.is_finite() or not 0 <= amount <= MAX_COUNT:
            raise ValueError("out of range")
    except (ArithmeticError, ValueError):
        odd.append(f"{name} is no cost")
        return None
    return to_whole(amount)


# Anthropic


def _anthropic(reader: Reader, _answer: Surroundings) -> dict[str, Any]:
    """Input beside what was cached. With iterations, the sums at the top leave the compaction out."""
    usage = reader.usage
    told = usage.get("iterations")
    rounds = [node for item in told if (node := as_mapping(item))] if isinstance(told, (list, tuple)) else []
    others = [node for node in rounds if node.get("type") == "advisor_message"]
    if others:
        reader.odd.append("iterations: an advisor is billed at its own model and not counted here")
    own = [node for node in rounds if node not in others]
    values: dict[str, Any] = {}
    for node in own or [usage]:
        part = Reader(node, reader.odd)
        for name, count in _anthropic_round(part).items():
            values[name] = values.get(name, 0) + count
    reader.known |= _OF_ANTHROPIC
    return values | {
        "lifetimes_told": any(child(node, "cache_creation") for node in own or [usage]),
        "reasoning": reader.count("thinking_tokens", inside=child(usage, "output_tokens_details")),
        "web_searches": reader.count("web_search_requests", inside=child(usage, "server_tool_use")),
        "speed": _not_standard(text_of(usage, "speed")),
        "geography": "us" if text_of(usage, "inference_geo").lower() == "us" else "",
    }


def _anthropic_round(reader: Reader) -> dict[str, int]:
    split = child(reader.usage, "cache_creation")
    hour = reader.count("ephemeral_1h_input_tokens", inside=split)
    minutes = reader.count("ephemeral_5m_input_tokens", inside=split)
    written = reader.count("cache_creation_input_tokens")
    if split and written and written != hour + minutes:
        reader.odd.append("cache_creation_input_tokens is not the sum of its lifetimes")
    return {
        "input": reader.needed("input_tokens"),
        "output": reader.needed("output_tokens"),
        "cache_read": reader.count("cache_read_input_tokens"),
        "cache_write": max(written - hour, minutes),
        "cache_write_1h": hour,
    }


_OF_ANTHROPIC = {
    "input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
    "ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens",
}  # fmt: skip


def _not_standard(text: str) -> str:
    return "" if text.lower() in STANDARD else text.lower()[:40]


# OpenAI, and who speaks like it


def _openai(reader: Reader, answer: Surroundings) -> dict[str, Any]:
    """Input with what was cached inside. Thoughts are inside of the output where the total says so."""
    usage, odd = reader.usage, reader.odd
    details = child(usage, "prompt_tokens_details", "input_tokens_details", "input_token_details")
    prompt = reader.needed("prompt_tokens", "input_tokens")
    beside = reader.count(
        *_READ_NAMES, "prompt_cache_hit_tokens", "num_cached_tokens", "cached_prompt_text_tokens"
    )
    read = reader.count(*_READ_NAMES, inside=details) or beside
    minutes, hour = _openai_writes(reader, details)
    of_cached = child(details, "cached_tokens_details")
    heard = reader.count("audio_tokens", inside=of_cached)
    seen = reader.count("image_tokens", inside=of_cached)
    return {
        "input": _without(prompt, "prompt_tokens", read + minutes + hour, odd),
        "cache_read": read,
        "cache_write": minutes,
        "cache_write_1h": hour,
        "lifetimes_told": bool(hour),
        "audio_input": max(reader.count("audio_tokens", "audio", inside=details) - heard, 0),
        "image_input": max(reader.count("image_tokens", inside=details) - seen, 0),
        "audio_cache_read": heard,
        "image_cache_read": seen,
        **_openai_output(reader, answer, prompt),
        "web_searches": _openai_searches(reader) or answer.searches,
        "cost": _openai_cost(usage, odd),
    }


def _openai_writes(reader: Reader, details: Mapping[str, Any]) -> tuple[int, int]:
    split = child(details, "cache_creation_token_details") or details
    hour = reader.count("ephemeral_1h_input_tokens", inside=split)
    minutes = reader.count("ephemeral_5m_input_tokens", inside=split)
    beside = reader.count("cache_creation_input_tokens")
    written = (
        reader.count("cache_write_tokens", "cache_creation_tokens", "cache_creation", inside=details)
        or beside
    )
    return max(written - hour, minutes), hour


_READ_NAMES = ("cached_tokens", "cache_read", "cache_read_input_tokens")


def _openai_output(reader: Reader, answer: Surroundings, prompt: int) -> dict[str, int]:
    usage = reader.usage
    details = child(usage, "completion_tokens_details", "output_tokens_details", "output_token_details")
    total = reader.count("total_tokens")
    asked_alone = total == prompt and "completion_tokens" not in usage and "output_tokens" not in usage
    said = 0 if asked_alone else reader.needed("completion_tokens", "output_tokens")
    alone = reader.count("reasoning_tokens")
    thoughts = reader.count("reasoning_tokens", "reasoning", inside=details) or alone
    citations = reader.count("citation_tokens")
    beside = total == prompt + said + thoughts or (alone and "num_search_queries" in usage)
    output = said + citations + (thoughts if beside else 0)
    if not thoughts and total > prompt + said and answer.model.rpartition("/")[2].startswith("gemini"):
        # Gemini's OpenAI endpoint tells thoughts in the total alone.
        thoughts = total - prompt - said
        output += thoughts
    return {
        "output": output,
        "reasoning": thoughts,
        "citations": citations,
        "audio_output": reader.count("audio_tokens", "audio", inside=details),
        "image_output": reader.count("image_tokens", inside=details),
    }


def _openai_searches(reader: Reader) -> int:
    usage = reader.usage
    return (
        reader.count("num_search_queries")
        or reader.count("web_search_requests", inside=child(usage, "server_tool_use"))
        or reader.count("web_search_calls", inside=child(usage, "server_side_tool_usage_details"))
    )


def _openai_cost(usage: Mapping[str, Any], odd: list[str]) -> int | None:
    """OpenRouter tells dollars, xAI ticks of 10**-10 dollars, Perplexity an object with the total."""
    if usage.get("cost_in_usd_ticks") is not None:
        return _nano(usage["cost_in_usd_ticks"], "cost_in_usd_ticks", odd, 10**10)
    told = usage.get("cost", usage.get("estimated_cost"))
    inner = as_mapping(told)
    cost = _nano(inner.get("total_cost") if inner is not None else told, "cost", odd)
    if cost is not None and usage.get("is_byok") is True:
        upstream = child(usage, "cost_details").get("upstream_inference_cost")
        cost += _nano(upstream, "upstream_inference_cost", odd) or 0
    return cost


# Google


def _google(reader: Reader, answer: Surroundings) -> dict[str, Any]:
    """The prompt includes what was cached; thoughts and the prompts of tools are beside the rest."""
    prompt = reader.needed("promptTokenCount", "prompt_token_count")
    tools = reader.count("toolUsePromptTokenCount", "tool_use_prompt_token_count")
    read = reader.count("cachedContentTokenCount", "cached_content_token_count")
    thoughts = reader.count("thoughtsTokenCount", "thoughts_token_count")
    said = reader.count(
        "candidatesTokenCount", "candidates_token_count", "responseTokenCount", "response_token_count"
    )
    asked = _modalities(reader, "promptTokensDetails", "prompt_tokens_details")
    used = _modalities(reader, "toolUsePromptTokensDetails", "tool_use_prompt_tokens_details")
    cached = _modalities(reader, "cacheTokensDetails", "cache_tokens_details")
    told = _modalities(reader, "candidatesTokensDetails", "candidates_tokens_details") or _modalities(
        reader, "responseTokensDetails", "response_tokens_details"
    )
    values: dict[str, Any] = {
        "input": _without(prompt, "promptTokenCount", read, reader.odd) + tools,
        "output": said + thoughts,
        "cache_read": read,
        "reasoning": thoughts,
        "web_searches": answer.searches,
        "audio_cache_read": cached.get("audio", 0),
        "image_cache_read": cached.get("image", 0),
    }
    for kind in ("audio", "image", "video"):
        whole = asked.get(kind, 0) + used.get(kind, 0)
        values[f"{kind}_input"] = max(whole - cached.get(kind, 0), 0)
        values[f"{kind}_output"] = told.get(kind, 0)
    return values


def _modalities(reader: Reader, *names: str) -> dict[str, int]:
    """Tokens by modality; pages of documents are billed as images."""
    told = next((reader.usage[name] for name in names if reader.usage.get(name) is not None), ())
    found: dict[str, int] = {}
    for item in told if isinstance(told, (list, tuple)) else ():
        node = as_mapping(item) or {}
        kind = text_of(node, "modality").lower().rpartition(".")[2]
        kind = "image" if kind == "document" else kind
        found[kind] = found.get(kind, 0) + reader.count("tokenCount", "token_count", inside=node)
    return found


# Bedrock, ollama, Cohere


def _bedrock(reader: Reader, _answer: Surroundings) -> dict[str, Any]:
    """Input beside what was cached; the lifetimes of writes are a list."""
    written = reader.count("cacheWriteInputTokens", "cacheWriteInputTokenCount")
    told = reader.usage.get("cacheDetails")
    hour = listed = 0
    for item in told if isinstance(told, (list, tuple)) else ():
        node = as_mapping(item) or {}
        count = reader.count("inputTokens", inside=node)
        listed += count
        hour += count if text_of(node, "ttl") == "1h" else 0
    if told and written and listed != written:
        reader.odd.append("cacheWriteInputTokens is not the sum of cacheDetails")
    return {
        "input": reader.needed("inputTokens"),
        "output": reader.needed("outputTokens"),
        "cache_read": reader.count("cacheReadInputTokens", "cacheReadInputTokenCount"),
        "cache_write": max(written, listed) - hour,
        "cache_write_1h": hour,
        "lifetimes_told": bool(told),
    }


def _ollama(reader: Reader, _answer: Surroundings) -> dict[str, Any]:
    return {"input": reader.needed("prompt_eval_count"), "output": reader.needed("eval_count")}


def _cohere(reader: Reader, answer: Surroundings) -> dict[str, Any]:
    reader.usage = child(reader.usage, "billed_units")
    return {"input": reader.count("input_tokens"), "output": reader.count("output_tokens")}


_Shape = Callable[[Reader, Surroundings], dict[str, Any]]
_INSIDE = {"input_tokens_details", "input_token_details", "total_tokens", "output_token_details"}
SHAPES: dict[str, _Shape] = {
    "promptTokenCount": _google,
    "prompt_token_count": _google,
    "candidatesTokenCount": _google,
    "candidates_token_count": _google,
    "prompt_tokens": _openai,
    "completion_tokens": _openai,
    "inputTokens": _bedrock,
    "outputTokens": _bedrock,
    "prompt_eval_count": _ollama,
    "eval_count": _ollama,
    "billed_units": _cohere,
    "input_tokens": _anthropic,
    "output_tokens": _anthropic,
}


def shape_of(usage: Mapping[str, Any]) -> _Shape:
    """The reader for a usage object that has one of the names in `SHAPES`."""
    found = next(shape for name, shape in SHAPES.items() if name in usage)
    # OpenAI's Responses name their counts as Anthropic does, but tell a total and put the cached tokens inside.
    inside = any(usage.get(name) is not None for name in _INSIDE)
    return _openai if found is _anthropic and inside else found
