"""How each sender spells a call of a model: one table, from the names of attributes to what a call has here.

The convention of OpenTelemetry has two sets of names (https://opentelemetry.io/docs/specs/semconv/gen-ai/);
OpenInference and coding agents have their own. A record is a call where its dialect says so, never where it sums up
others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from core.api.otlp.records import LOGS, NAME_LENGTH, Attributes, Record

Names = tuple[str, ...]


@dataclass(frozen=True)
class Dialect:
    """Where a call's parts stand; of several names the first that is told counts.

    `inside`: the input counts what was read from a cache and written to one. `beside`: the output leaves out
    thoughts, and the input what tools put into the prompt. `split`: writes for an hour stand apart.
    """

    word: str
    model: Names
    input: Names
    output: Names
    provider: Names = ()
    usual_provider: str = ""
    read: Names = ()
    write: Names = ()
    write_1h: Names = ()
    reasoning: Names = ()
    tools: Names = ()
    inside: bool = True
    beside: bool = False
    dollars: Names = ()
    micros: Names = ()
    request: Names = ()
    response: Names = ()
    session: Names = ("session.id", "gen_ai.conversation.id")
    sequence: Names = ()
    stage: Names = ()
    duration: Names = ()
    says_so: Callable[[Attributes], bool] = lambda _said: True

    def told(self, said: Attributes) -> dict[str, Any]:
        """What is told, by our words for it, which are the names of these fields."""
        return {word: value for word, name in self._names if (value := said.get(name)) is not None}

    @cached_property
    def _names(self) -> list[tuple[str, str]]:
        # Of several names the first is read last, so that it holds.
        return [(word, name) for word in _WORDS for name in reversed(getattr(self, word))]


_WORDS = (
    "model", "provider", "input", "output", "read", "write", "write_1h", "reasoning", "tools", "dollars", "micros",
    "request", "response", "session", "sequence", "stage", "duration",
)  # fmt: skip

CONVENTION = Dialect(
    "gen_ai",
    model=("gen_ai.response.model", "gen_ai.request.model"),
    provider=("gen_ai.provider.name", "gen_ai.system"),
    input=("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    output=("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
    read=(
        "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.details.cache_read_tokens",
    ),
    write=(
        "gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens", "gen_ai.usage.details.cache_write_tokens",
    ),
    reasoning=(
        "gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens",
        "gen_ai.usage.details.reasoning_tokens",
    ),
    dollars=("operation.cost", "gen_ai.usage.cost"),
    request=("aws.request_id", "anthropic.request.id"),
    response=("gen_ai.response.id",),
    session=("gen_ai.conversation.id", "session.id"),
    stage=("gen_ai.operation.name",),
)  # fmt: skip
OPENINFERENCE = Dialect(
    "openinference",
    model=("llm.model_name", "embedding.model_name"),
    provider=("llm.provider", "llm.system"),
    input=("llm.token_count.prompt",),
    output=("llm.token_count.completion",),
    read=("llm.token_count.prompt_details.cache_read",),
    write=("llm.token_count.prompt_details.cache_write",),
    reasoning=("llm.token_count.completion_details.reasoning",),
    dollars=("llm.cost.total",),
    response=("gen_ai.response.id",),
    stage=("openinference.span.kind",),
)
CLAUDE_CODE = Dialect(
    "claude-code",
    model=("model",),
    usual_provider="anthropic",
    input=("input_tokens",),
    output=("output_tokens",),
    read=("cache_read_tokens",),
    write=("cache_creation_tokens",),
    write_1h=("cache_creation_1h_tokens",),
    inside=False,
    dollars=("cost_usd",),
    micros=("cost_usd_micros",),
    request=("request_id",),
    sequence=("event.sequence",),
    stage=("query_source",),
    duration=("duration_ms",),
)
CODEX = Dialect(
    "codex",
    model=("model",),
    usual_provider="openai",
    input=("input_token_count",),
    output=("output_token_count",),
    read=("cached_token_count",),
    write=("cache_write_token_count",),
    reasoning=("reasoning_token_count",),
    session=("conversation.id",),
    duration=("duration_ms",),
    says_so=lambda said: said.get("event.kind") == "response.completed" and "input_token_count" in said,
)
GEMINI = Dialect(
    "gemini-cli",
    model=("model",),
    usual_provider="google",
    input=("input_token_count",),
    output=("output_token_count",),
    read=("cached_content_token_count",),
    reasoning=("thoughts_token_count",),
    tools=("tool_token_count",),
    beside=True,
    duration=("duration_ms",),
)
_EVENTS = {
    "claude_code.api_request": CLAUDE_CODE,
    "codex.sse_event": CODEX,
    "gemini_cli.api_response": GEMINI,
    "gen_ai.client.inference.operation.details": CONVENTION,
}
# Senders whose own events tell every call: what else they say of the same calls is never counted.
_BY_EVENTS = ("claude-code", "codex", "gemini-cli")
_INFERENCE = {"chat", "generate_content", "text_completion", "embeddings"}
_OPENINFERENCE_CALLS = {"LLM", "EMBEDDING"}


def dialect_of(record: Record) -> Dialect | None:
    """In whose words this record tells one call of a model; None where it tells none."""
    found = _of_log(record) if record.signal == LOGS else _of_span(record)
    return found if found is not None and found.says_so(record.attributes) else None


def tells_by_events(resource: Attributes) -> bool:
    """Whether this sender's own events tell its calls."""
    service = resource.get("service.name")
    return isinstance(service, str) and service[:NAME_LENGTH].lower().startswith(_BY_EVENTS)


def _of_log(record: Record) -> Dialect | None:
    found = _EVENTS.get(record.name)
    return None if found is CONVENTION and tells_by_events(record.resource) else found


def _of_span(record: Record) -> Dialect | None:
    said = record.attributes
    if tells_by_events(record.resource):
        return None
    operation, kind = said.get("gen_ai.operation.name"), said.get("openinference.span.kind")
    if operation is not None:
        return CONVENTION if operation in _INFERENCE and _counts(CONVENTION, said) else None
    if kind is not None:
        return (
            OPENINFERENCE
            if str(kind).upper() in _OPENINFERENCE_CALLS and _counts(OPENINFERENCE, said)
            else None
        )
    # Before there were operations, a call named its system and model, and what sums up calls named an agent.
    old = "gen_ai.request.model" in said and ("gen_ai.system" in said or "gen_ai.provider.name" in said)
    sums_up = "agent_name" in said or "gen_ai.agent.name" in said or "traceloop.span.kind" in said
    return CONVENTION if old and not sums_up and _counts(CONVENTION, said) else None


def _counts(dialect: Dialect, said: Attributes) -> bool:
    return any(name in said for name in (*dialect.input, *dialect.output))
