"""Calls of models in exports, in the words of each sender: counted once, with what they cost."""

from datetime import UTC, datetime

import pytest

from core.cli.sources import of_transcript
from core.history.usage.imports import RecordedCalls
from core.models import LLMCall
from core.usage_tracker import UsageTracker
from tests.api.otlp.exports import logs, points, spans
from tests.waiting import wait_until

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
    return (
        row.input_tokens,
        row.cache_read_tokens,
        row.cache_write_tokens,
        row.output_tokens,
        row.reasoning_tokens,
    )


SAID = [
    ("logs", logs("claude-code", CLAUDE), "anthropic", (10, 100, 5, 20, 0)),
    ("logs", logs("codex_exec", CODEX), "openai", (200, 1000, 0, 50, 30)),
    ("logs", logs("gemini-cli", GEMINI), "google", (7011, 477, 0, 3999, 1939)),
    ("traces", spans("bot", NEW), "openai", (400, 600, 0, 500, 200)),
    ("traces", spans("bot", OLD), "anthropic", (1000, 0, 0, 500, 0)),
    ("traces", spans("bot", OPENINFERENCE), "anthropic", (600, 400, 0, 500, 0)),
    ("traces", spans("github-copilot", COPILOT), "github", (900, 0, 0, 90, 0)),
]


def test_every_sender_is_understood_and_what_is_sent_again_counts_once(post, counted):
    for zipped in (False, True):
        for signal, export, _provider, _told in SAID:
            for form, empty in (("json", b"{}"), ("protobuf", b"")):
                answer = post(signal, export, form, zipped)
                assert (answer.status_code, answer.content) == (200, empty)
    rows = counted(len(SAID))
    assert sorted((row.provider, counts(row)) for row in rows) == sorted(told[2:] for told in SAID)
    assert {(row.agent_id, row.incomplete) for row in rows} == {("exporter", "")}


def test_a_line_of_source_is_no_name_of_an_event(post, counted):
    export = logs("codex_exec", CODEX)
    [record] = export["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    record["eventName"] = "event otel/src/session.rs:1187"
    assert post("logs", export).status_code == 200
    [row] = counted(1)
    assert (row.workflow, counts(row)) == ("codex_exec", (200, 1000, 0, 50, 30))


def test_what_a_sender_says_it_cost_holds_to_the_millionth_and_writes_for_an_hour_are_told_apart(
    post, counted
):
    post("logs", logs("claude-code", CLAUDE))
    [row] = counted(1)
    assert (row.cost_nano, row.cost_source, row.cache_write_1h_tokens) == (376_000, "told", 3)
    assert (row.workflow, row.stage, row.duration_ms) == ("claude-code", "main", 812)


NO_CALLS = [
    ("traces", spans("bot", {**NEW, "gen_ai.operation.name": "invoke_agent"})),
    ("traces", spans("bot", {**NEW, "gen_ai.operation.name": "invoke_workflow"})),
    ("traces", spans("bot", {**OLD, "agent_name": "planner"})),
    ("traces", spans("bot", {**OPENINFERENCE, "openinference.span.kind": "AGENT"})),
    ("traces", spans("gemini-cli", NEW)),
    ("logs", logs("gemini-cli", {**NEW, "event": "gen_ai.client.inference.operation.details"})),
    ("logs", logs("codex", {**CODEX, "event.kind": "response.created"})),
]


def test_totals_of_agents_and_what_another_record_tells_are_not_counted(post, counted):
    for signal, export in NO_CALLS:
        assert post(signal, export).content == b"{}"
    post("logs", logs("claude-code", CLAUDE))
    [row] = counted(1)
    assert row.workflow == "claude-code"


def test_a_call_of_another_day_stands_in_that_day_at_its_price(post, counted, now_ns):
    ten_days = 10 * 86_400 * 10**9
    post("traces", spans("bot", OLD, at=now_ns - ten_days))
    [row] = counted(1)
    assert round(row.at.timestamp()) == round((now_ns - ten_days) / 10**9)
    assert (row.book_nano, row.cost_source, row.duration_ms) == (10_500_000, "book", 1500)


def test_one_call_told_by_its_sdk_by_telemetry_and_by_a_transcript_is_one(post, counted, soon):
    usage = {
        "input_tokens": 10,
        "output_tokens": 20,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 5,
    }
    request = {"_request_id": "req_1", "id": "msg_1", "model": "claude-sonnet-4-5", "usage": usage}
    UsageTracker.get_instance().track_llm_call(
        "review", "read", "capable", "claude-sonnet-4-5", "anthropic", usage=request
    )
    counted(1)
    post("logs", logs("claude-code", {**CLAUDE, "request_id": "req_1"}))
    UsageTracker.get_instance().flush()
    soon(lambda: LLMCall.objects.filter(call_id="req_1", tellings=2).exists())
    line = {"type": "assistant", "requestId": "req_1", "cwd": "/x", "message": request, "sessionId": "s-1",
            "timestamp": datetime.now(UTC).isoformat()}  # fmt: skip
    RecordedCalls().take([of_transcript(line)])
    [row] = counted(1)
    assert (row.call_id, row.workflow, row.tier, row.agent_id) == ("req_1", "review", "capable", "exporter")
    assert (counts(row), row.cache_write_1h_tokens, row.cost_nano) == ((10, 100, 5, 20, 0), 3, 376_000)


def test_a_span_with_the_response_alone_and_an_sdk_that_has_both_ids_tell_one_call(post, counted, soon):
    post("traces", spans("bot", NEW))
    counted(1)
    usage = {"prompt_tokens": 1000, "completion_tokens": 500, "prompt_tokens_details": {"cached_tokens": 600}}
    usage["completion_tokens_details"] = {"reasoning_tokens": 200}
    answer = {"_request_id": "req_7", "id": "chatcmpl-1", "model": "gpt-5-2025-08-07", "usage": usage}
    UsageTracker.get_instance().track_llm_call("shop", None, "cheap", None, "openai", usage=answer)
    UsageTracker.get_instance().flush()
    soon(lambda: LLMCall.objects.filter(call_id="req_7").exists())
    [row] = counted(1)
    assert (row.workflow, row.agent_id, counts(row)) == ("shop", "exporter", (400, 600, 0, 500, 200))


def test_a_span_of_the_sdk_of_anthropic_joins_what_has_either_name(post, counted, soon):
    tokens = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 20}
    model = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "claude-sonnet-4-5"}
    of_it = {"gen_ai.response.id": "msg_1", "gen_ai.provider.name": "anthropic", **tokens, **model}
    post("logs", logs("claude-code", {**CLAUDE, "request_id": "req_1"}))
    post("traces", spans("shop", {**OLD, "gen_ai.response.id": "msg_1"}))
    counted(2)
    post("traces", spans("shop", {"id": "b7ad6b7169203335", "anthropic.request.id": "req_1", **of_it}))
    soon(lambda: [row.call_id for row in LLMCall.objects.all()] == ["req_1"])


def test_an_event_written_within_the_span_of_its_call_tells_the_same_call(post, counted, now_ns):
    said = {name: value for name, value in NEW.items() if name != "gen_ai.response.id"}
    trace = {"traceId": "0AF7651916CD43DD8448EB211C80319C", "spanId": said.pop("id")}
    event = logs("bot", {"event": "gen_ai.client.inference.operation.details", **said})
    event["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0] |= trace
    post("logs", event)
    post("traces", spans("bot", {**said, "id": trace["spanId"]}))
    counted(1)
    post("logs", logs("claude-code", CLAUDE))
    assert sorted(row.workflow for row in counted(2)) == ["bot", "claude-code"]


def test_metrics_are_money_only_of_senders_that_a_setting_names(post, counted, settings, now_ns):
    minute = 60 * 10**9

    def sums(service, start, at, of, cumulative=False):
        told = [
            {"model": "gpt-5", "gen_ai.token.type": kind, "value": of * n}
            for kind, n in (("input", 2), ("output", 1))
        ]
        export = points(
            service, "gen_ai.client.token.usage", *told, start=start, at=at, cumulative=cumulative
        )
        assert post("metrics", export).content == b"{}"

    settings.TELEMETRY_METRICS_OF = ["deltas", "running"]
    sums("others", now_ns - minute, now_ns, 1000)
    for _ in range(2):  # what is sent again counts once
        sums("deltas", now_ns - 2 * minute, now_ns - minute, 100)
        sums("deltas", now_ns - minute, now_ns, 50)
    for number in (1, 2, 3):
        sums("running", now_ns - 3 * minute, now_ns - (3 - number) * minute, number, cumulative=True)
    counted(3)
    wait_until(lambda: LLMCall.objects.get(workflow="running").output_tokens == 3, "the running sum grew")
    told = sorted(LLMCall.objects.values_list("workflow", "input_tokens", "output_tokens"))
    assert told == [("deltas", 100, 50), ("deltas", 200, 100), ("running", 6, 3)]


def test_a_metric_whose_model_can_be_no_name_is_refused_alone(post, counted, settings, now_ns):
    settings.TELEMETRY_METRICS_OF = ["*"]
    told = [
        {"model": model, "gen_ai.token.type": "input", "value": 7}
        for model in ("gpt-5", "x" * 256, "a\nb", "gpt-6")
    ]
    said = post("metrics", points("bot", "gen_ai.client.token.usage", *told, start=now_ns - 10**9, at=now_ns))
    partial = said.json()["partialSuccess"]
    assert (said.status_code, partial["rejectedDataPoints"]) == (200, "2")
    assert "model can be no name" in partial["errorMessage"]
    assert sorted(row.model for row in counted(2)) == ["gpt-5", "gpt-6"]


@pytest.mark.parametrize("named", [[], ["*"], ["others"]])
def test_logs_and_metrics_of_one_source_are_never_summed(post, counted, settings, now_ns, named):
    settings.TELEMETRY_METRICS_OF = named
    told = [
        {"model": "claude-sonnet-4-5", "type": kind, "value": n}
        for kind, n in (("input", 10), ("output", 20))
    ]
    sums = points("claude-code", "claude_code.token.usage", *told, start=now_ns - 10**9, at=now_ns)
    cost = {"model": "claude-sonnet-4-5", "value": 0.000376}
    costs = points("claude-code", "claude_code.cost.usage", cost, start=now_ns - 10**9, at=now_ns)
    for signal, export in (("metrics", sums), ("logs", logs("claude-code", CLAUDE)), ("metrics", costs)):
        assert post(signal, export).content == b"{}"
    post("traces", spans("bot", OLD))  # the last to be recorded
    rows = {row.workflow: (row.input_tokens, row.output_tokens, row.cost_nano) for row in counted(2)}
    assert rows == {"claude-code": (10, 20, 376_000), "bot": (1000, 500, 10_500_000)}
    assert LLMCall.objects.count() == 2


def test_a_provider_that_is_too_long_in_small_letters_is_refused_alone(post, counted):
    for letters, refused in ((127, 0), (128, 1), (255, 1)):
        long = {
            **OLD,
            "id": f"{letters:016}",
            "gen_ai.system": "\u0130" * letters,
        }  # two characters in small letters
        for form in ("json", "protobuf"):
            answer = post("traces", spans("bot", long, {**OLD, "id": f"{letters:015}f"}), form)
            assert (answer.status_code, b"provider" in answer.content) == (200, bool(refused))
    assert sorted(len(row.provider) for row in counted(4)) == [9, 9, 9, 254]
