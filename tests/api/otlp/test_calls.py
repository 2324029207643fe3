"""Calls of models in exports, in the words of each sender: counted once, with what they cost."""

import pytest

from tests.api.otlp.exports import logs, points, spans

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]

CLAUDE = {
    "event": "claude_code.api_request", "event.name": "api_request", "session.id": "s-1", "event.sequence": 4,
    "model": "claude-sonnet-4-5", "input_tokens": 10, "output_tokens": 20, "cache_read_tokens": 100,
    "cache_creation_tokens": 5, "cache_creation_5m_tokens": 2, "cache_creation_1h_tokens": 3,
    "cost_usd": 0.000376, "cost_usd_micros": 376, "duration_ms": 812, "query_source": "main",
}  # fmt: skip
CODEX = {
    "event": "", "event.name": "codex.sse_event", "event.kind": "response.completed", "conversation.id": "c-1",
    "model": "gpt-5", "input_token_count": "1200", "cached_token_count": "1000", "output_token_count": "50",
    "reasoning_token_count": "30",
}  # fmt: skip
GEMINI = {
    "event": "", "event.name": "gemini_cli.api_response", "session.id": "g-1", "model": "gemini-2.5-pro",
    "input_token_count": 7477, "output_token_count": 2060, "cached_content_token_count": 477,
    "thoughts_token_count": 1939, "tool_token_count": 11, "total_token_count": 11487, "duration_ms": 4000,
}  # fmt: skip
NEW = {
    "id": "b7ad6b7169203331", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-5", "gen_ai.response.model": "gpt-5-2025-08-07", "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 500,
    "gen_ai.usage.cache_read.input_tokens": 600, "gen_ai.usage.reasoning.output_tokens": 200,
}  # fmt: skip
OLD = {
    "id": "b7ad6b7169203332", "gen_ai.system": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5",
    "gen_ai.usage.prompt_tokens": 1000, "gen_ai.usage.completion_tokens": 500,
}  # fmt: skip
OPENINFERENCE = {
    "id": "b7ad6b7169203333", "openinference.span.kind": "LLM", "llm.model_name": "claude-sonnet-4-5",
    "llm.provider": "anthropic", "llm.token_count.prompt": 1000, "llm.token_count.completion": 500,
    "llm.token_count.prompt_details.cache_read": 400, "llm.cost.total": 0.0099,
}  # fmt: skip
COPILOT = {
    "id": "b7ad6b7169203334", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "github",
    "gen_ai.request.model": "claude-sonnet-4.5", "gen_ai.usage.input_tokens": 900, "github.copilot.cost": 1.0,
    "gen_ai.usage.output_tokens": 90, "github.copilot.nano_aiu": 1000,
}  # fmt: skip


def counts(row):
    return (row.input_tokens, row.cache_read_tokens, row.cache_write_tokens, row.output_tokens, row.reasoning_tokens)


@pytest.mark.parametrize("form", ["json", "protobuf"])
@pytest.mark.parametrize(
    ("signal", "export", "provider", "told"),
    [
        ("logs", logs("claude-code", CLAUDE), "anthropic", (10, 100, 5, 20, 0)),
        ("logs", logs("codex_exec", CODEX), "openai", (200, 1000, 0, 50, 30)),
        ("logs", logs("gemini-cli", GEMINI), "google", (7011, 477, 0, 3999, 1939)),
        ("traces", spans("bot", NEW), "openai", (400, 600, 0, 500, 200)),
        ("traces", spans("bot", OLD), "anthropic", (1000, 0, 0, 500, 0)),
        ("traces", spans("bot", OPENINFERENCE), "anthropic", (600, 400, 0, 500, 0)),
        ("traces", spans("github-copilot", COPILOT), "github", (900, 0, 0, 90, 0)),
    ],
    ids=["claude", "codex", "gemini", "new", "old", "openinference", "copilot"],
)
def test_every_sender_is_understood_and_what_is_sent_again_counts_once(
    post, counted, signal, export, provider, told, form
):
    for zipped in (False, True):
        answer = post(signal, export, form, zipped)
        assert (answer.status_code, answer.content) == (200, b"{}" if form == "json" else b"")
    [row] = counted(1)
    assert (row.agent_id, row.provider, counts(row)) == ("exporter", provider, told)
    assert row.incomplete == ""
