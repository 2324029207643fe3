"""The command import: transcripts, spend logs and our own export, each call once however often it is run."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest
from django.core.management import call_command
from django.db.models import Sum

from core.cli import cmd_telemetry_export, cmd_telemetry_import, sources
from core.models import Cursor, LLMCall, UsageHour
from tests.core.usage.usage_help import track
from tests.history.usage.usage_days import settle

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=2)


def transcript(number: int = 1, output: int = 500, **usage) -> dict:
    counts = {"input_tokens": 1000, "output_tokens": output, "cache_read_input_tokens": 0, **usage}
    return {
        "type": "assistant",
        "sessionId": "s-1",
        "cwd": "/home/ann/shop",
        "requestId": f"req_{number}",
        "timestamp": NOON.isoformat().replace("+00:00", "Z"),
        "message": {"id": f"msg_{number}", "model": "claude-sonnet-4-5", "usage": counts},
    }


def spend(number: int = 1, **changes) -> dict:
    return {
        "request_id": f"chatcmpl-{number}", "call_type": "acompletion", "spend": 0.25, "total_tokens": 30,
        "prompt_tokens": 20, "completion_tokens": 10, "startTime": "2026-11-20 10:00:00.000",
        "endTime": "2026-11-20 10:00:01.500", "model": "gpt-4o", "custom_llm_provider": "openai",
        "metadata": {"user_api_key_alias": "shop"}, "cache_hit": "False", "status": "success", **changes,
    }  # fmt: skip


@pytest.fixture
def take(tmp_path, tracker, run):
    """Import these lines; what the command says of it, and `errors` on standard error."""

    def call(*lines: object, name: str = "calls.jsonl", **said):
        path = tmp_path / name
        path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
        code, out, call.errors = run(cmd_telemetry_import, json=True, files=[str(path)], **said)
        assert code == 0, call.errors
        return json.loads(out)

    return call


def test_a_transcript_counts_each_message_once_by_its_fullest_row(take, tracker, record):
    lines = [{"type": "user", "message": {"content": "hello"}}]
    lines += [transcript(1, output) for output in (1, 3, 427)] + [transcript(2), "{broken"]
    said = take(*lines)
    assert said == {
        "formats": ["claude-code"], "calls": 4, "new": 2, "corrected": 0, "known": 2, "too_old": 0,
        "not_calls": 1, "bad_lines": 1,
    }  # fmt: skip
    row = LLMCall.objects.get(call_id="req_1")
    assert (row.output_tokens, row.workflow, row.agent_id, row.at) == (427, "shop", "s-1", NOON)
    assert (row.cost_nano, row.cost_source) == (9_405_000, "book")
    again = take(*lines)
    assert (again["new"], again["corrected"], LLMCall.objects.count()) == (0, 0, 2)
    settle(record)
    period = tracker.get_period(NOON.date(), NOON.date(), exact=True)
    assert (period["total_calls"], period["total_cost"]) == (2, D("0.019905"))


def test_a_spend_log_with_whole_messages_in_its_rows_is_read(take):
    rows = [spend(1), spend(2, metadata="{}", messages="x" * 200_000), spend(3, metadata="{}")]
    text = io.StringIO()
    lines = csv.DictWriter(text, [*rows[1]])
    lines.writeheader()
    lines.writerows([{**row, "metadata": "{}"} for row in rows])
    said = take(text.getvalue(), name="spend.csv")
    assert (said["calls"], said["bad_lines"]) == (3, 0)


def test_an_array_is_read_record_by_record_wherever_a_part_of_the_file_ends(take, monkeypatch):
    monkeypatch.setattr(sources, "CHUNK", 7)
    said = take(json.dumps([spend(number) for number in range(5)], indent=1), name="spend.json")
    assert (said["calls"], said["bad_lines"]) == (5, 0)


def test_a_transcript_adds_what_an_agent_did_not_tell_and_takes_nothing_away(take, tracker, record):
    track(tracker, call_id="req_1", model="claude-sonnet-4-5", provider="anthropic", cost=D("0.5"), at=NOON,
          tokens={"input": 1000, "output": 500}, prompt_cache_creation_tokens=900)  # fmt: skip
    tracker.flush()
    record()
    split = {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 900}
    said = take(transcript(1, cache_creation_input_tokens=900, cache_creation=split))
    assert (said["new"], said["corrected"]) == (0, 1)
    row = LLMCall.objects.get()
    assert (row.cost_nano, row.workflow, row.cache_write_1h_tokens) == (500_000_000, "review", 900)
    assert UsageHour.objects.aggregate(n=Sum("calls"))["n"] == 1


@pytest.mark.parametrize("form", ["lines", "array", "csv"])
def test_a_spend_log_is_read_in_each_of_its_forms(take, form):
    rows = [spend(1), spend(2, spend=0.0, cache_hit="True"), spend(3, status="failure")]
    if form == "csv":
        text = io.StringIO()
        table = csv.DictWriter(text, rows[0])
        table.writeheader()
        table.writerows({**row, "metadata": json.dumps(row["metadata"])} for row in rows)
        said = take(text.getvalue())
    else:
        said = take(*rows) if form == "lines" else take(json.dumps(rows))
    assert (said["formats"], said["new"], said["not_calls"], said["bad_lines"]) == (["litellm"], 2, 1, 0)
    row = LLMCall.objects.get(call_id="chatcmpl-1")
    assert (row.cost_nano, row.input_tokens, row.workflow, row.duration_ms) == (250_000_000, 20, "shop", 1500)
    assert LLMCall.objects.get(call_id="chatcmpl-2").cache_hit


@pytest.mark.parametrize("form", ["json", "csv"])
def test_our_own_export_comes_back_as_it_was(take, tracker, record, run, form):
    usage = {"prompt_tokens": 50, "completion_tokens": 20, "prompt_tokens_details": {"audio_tokens": 30}}
    track(
        tracker,
        2,
        agent_id="=worker",
        user_id="ann",
        provider="openai",
        model="gpt-4o",
        cost=D("0.000000001"),
    )
    track(
        tracker, tokens=None, usage={"id": "c-1", "usage": usage}, provider="openai", model="gpt-4o", cost=1
    )
    tracker.flush()
    record()
    exported = run(cmd_telemetry_export, format=form)[1]
    before = list(LLMCall.objects.order_by("call_id").values())
    assert take(exported)["known"] == 3
    assert list(LLMCall.objects.order_by("call_id").values()) == before
    LLMCall.objects.all().delete()
    UsageHour.objects.all().delete()
    assert take(exported)["new"] == 3
    own = {"id", "shipped_at", "uncached_nano", "book_nano", "baseline_nano"}
    after = LLMCall.objects.order_by("call_id").values()
    assert [{k: v for k, v in row.items() if k not in own} for row in after] == [
        {k: v for k, v in row.items() if k not in own} for row in before
    ]


def test_what_was_pruned_does_not_come_back(take):
    Cursor.objects.create(name=Cursor.PRUNED, position=(NOON + timedelta(hours=1)).isoformat())
    said = take(transcript(1))
    assert (said["too_old"], said["new"], LLMCall.objects.count()) == (1, 0, 0)


def test_a_file_of_something_else_is_said_and_changes_nothing(take):
    assert take({"hello": 1}, "[]", "words")["bad_lines"] == 3
    assert "a line cannot be read: this is no transcript" in take.errors
    assert LLMCall.objects.count() == 0


def test_the_site_has_the_command(tmp_path, tracker, capsys):
    path = tmp_path / "calls.jsonl"
    path.write_text(json.dumps(transcript(1)))
    call_command("telemetry", "import", str(path))
    assert "# Imported: claude-code" in capsys.readouterr().out
