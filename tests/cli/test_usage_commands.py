"""show, savings, cache_stats, compare, reset: what they print and what they answer."""

import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest
from django.core.management import call_command

from core.cli import (
    COMMANDS,
    cmd_telemetry_cache_stats,
    cmd_telemetry_compare,
    cmd_telemetry_reset,
    cmd_telemetry_savings,
    cmd_telemetry_show,
    main,
)
from core.models import LLMCall, UsageHour
from tests.core.usage.usage_help import call, track

READING = ("show", "savings", "cache_stats", "compare")


def columns(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_show_prints_the_newest_calls_in_columns_newest_first(tracker, run):
    track(tracker, 1, workflow="old")
    track(tracker, 1, workflow="new", agent_id="worker", stage=None, tokens={"input": 12345, "output": 6})
    tracker.flush()
    code, out, err = run(cmd_telemetry_show)
    title, heads, first, second = out.splitlines()
    assert (code, err, title) == (0, "", "# The newest calls: 2")
    assert columns(heads)[1:] == [
        "workflow",
        "stage",
        "agent",
        "tier",
        "provider",
        "model",
        "input",
        "output",
        "cost",
        "ms",
    ]
    expected = ["new", "-", "worker", "capable", "acme", "middle", "12,345", "6", "$0.010500", "120"]
    assert columns(first)[1:] == expected
    assert columns(second)[1] == "old"


def test_show_takes_a_limit_and_answers_exact_json(tracker, run_json):
    track(tracker, 3, cost=D("0.000000001"))
    tracker.flush()
    [entry, _] = run_json(cmd_telemetry_show, limit=2)
    assert (entry["cost"], entry["workflow"], entry["tokens"]) == (
        "0.000000001",
        "review",
        {"input": 1000, "output": 500},
    )


def test_what_agents_wrote_is_shown_and_controls_nothing(tracker, run):
    evil = "a\u202eb\u2028[red]c[/red]"  # control characters themselves are refused when a call is tracked
    track(tracker, 1, workflow=evil)
    tracker.flush()
    out = run(cmd_telemetry_show)[1]
    assert "a⟦U+202E⟧b⟦U+2028⟧[red]c[/red]" in out
    assert len(out.splitlines()) == 3


def test_savings_say_the_waterfall_and_its_steps_add_up(tracker, run, run_json):
    track(tracker, 2)  # 0.0525 at the premium model each
    track(tracker, 1, model="unheard-of", cost=1)
    tracker.flush()
    said = run_json(cmd_telemetry_savings, days=1)
    assert {name: said[name] for name in ("actual_cost", "baseline_cost", "savings", "unpriced_calls")} == {
        "actual_cost": "1.021000000",
        "baseline_cost": "1.105000000",
        "savings": "0.084000000",
        "unpriced_calls": 1,
    }
    steps = [
        D(said[name]) for name in ("baseline_cost", "routing_savings", "cache_savings", "price_difference")
    ]
    assert steps[0] - steps[1] - steps[2] + steps[3] == D(said["actual_cost"])
    lines = run(cmd_telemetry_savings)[1].splitlines()
    assert columns(lines[3]) == ["baseline: all at the premium model", "$1.10"]
    assert columns(lines[4]) == ["less routing to other models", "-$0.08"]
    assert columns(lines[-1]) == ["capable", "100.0%"]


def test_savings_name_each_model_without_a_price_and_the_setting_that_gives_it_one(tracker, run, run_json):
    track(tracker, 2, provider="acme", model="house-model-7", cost=1)
    track(tracker, 1)
    tracker.flush()
    [model] = run_json(cmd_telemetry_savings)["unpriced"]
    setting = 'TELEMETRY_PRICES=[{"model": "acme/house-model-7", "input": "...", "output": "..."}]'
    assert (model["model"], model["calls"]) == ("acme/house-model-7", 2)
    assert setting in model["why"]
    assert setting in run(cmd_telemetry_savings)[1]


def test_cache_stats_count_the_providers_cache(tracker, run, run_json):
    track(tracker, 1, prompt_cache_read_tokens=1000)  # 0.0003 instead of 0.003
    track(tracker, 3, workflow="nightly")
    tracker.flush()
    said = run_json(cmd_telemetry_cache_stats)
    assert (said["hit_rate"], said["total_reads"], said["savings"]) == (0.25, 1000, "0.002700000")
    assert list(said["by_workflow"]) == ["nightly", "review"] or set(said["by_workflow"]) == {
        "nightly",
        "review",
    }
    lines = run(cmd_telemetry_cache_stats)[1].splitlines()
    assert columns(lines[4]) == ["hit rate", "25.0%"]
    assert columns(lines[-2]) == ["review", "1", "1", "100.0%", "$0.0027"]


def days_ago(tracker, days: int, count: int, **changes) -> None:
    """Calls of an earlier day, as they would have been tracked then."""
    moment = int((datetime.now(UTC) - timedelta(days=days)).timestamp() * 1_000_000_000)
    import core.usage.telling as module

    clock = module.time.time_ns
    try:
        module.time.time_ns = lambda: moment
        track(tracker, count, **changes)
    finally:
        module.time.time_ns = clock


def test_compare_sets_the_last_days_against_as_many_before(tracker, run, run_json):
    track(tracker, 6, cost=1)
    days_ago(tracker, 7, 3, cost=1)
    tracker.flush()
    said = run_json(cmd_telemetry_compare)
    one, two = said["period1"], said["period2"]
    assert (one["days"], one["total_calls"], two["days"], two["total_calls"]) == (7, 6, 7, 3)
    assert datetime.fromisoformat(one["first"]) - datetime.fromisoformat(two["last"]) == timedelta(days=1)
    assert said["change_percent"] == {"calls_per_day": 100.0, "cost_per_day": 100.0}
    lines = run(cmd_telemetry_compare)[1].splitlines()
    assert columns(lines[2]) == ["calls", "6", "3", "+100.0%"]


def test_compare_takes_numbers_and_dates_and_compares_by_the_day(tracker, run_json):
    track(tracker, 1, cost=1)
    days_ago(tracker, 1, 1, cost=1)
    tracker.flush()
    said = run_json(cmd_telemetry_compare, period1=1, period2=2)
    assert (said["period1"]["total_calls"], said["period2"]["total_calls"]) == (1, 2)
    assert said["change_percent"]["cost_per_day"] == 0.0
    today = datetime.now(UTC).date()
    yesterday = today - timedelta(days=1)
    said = run_json(cmd_telemetry_compare, period1=f"{yesterday}..{today}", period2=str(yesterday))
    assert (said["period1"]["total_calls"], said["period2"]["total_calls"]) == (2, 1)


def test_change_from_nothing_is_not_a_number(tracker, run, run_json):
    track(tracker, 1)
    tracker.flush()
    assert run_json(cmd_telemetry_compare)["change_percent"] == {"calls_per_day": None, "cost_per_day": None}
    lines = [columns(line) for line in run(cmd_telemetry_compare)[1].splitlines()[2:]]
    assert {
        line[0]: line[-1] for line in lines if line[0] in ("calls", "saved, share", "own cache hits")
    } == {
        "calls": "-",
        "saved, share": "-",
        "own cache hits": "-",
    }


@pytest.mark.parametrize(
    "said", ["x", "0", "-1", "3661", "2026-02-30", "2026-11-07..2026-11-01", "..2026-11-01", "1.5", "٣", ""]
)
def test_a_period_that_is_none_is_refused_by_name(tracker, run, said):
    code, out, err = run(cmd_telemetry_compare, period1=said)
    assert (code, out) == (2, "")
    assert err.startswith("telemetry compare: period1 must be a number of days")


@pytest.mark.parametrize("name", READING)
def test_nothing_tracked_is_no_error(tracker, run, name):
    code, out, err = run(COMMANDS[name].run)
    assert (code, err) == (0, "")
    assert out.startswith("# ")


@pytest.mark.parametrize("name", READING)
def test_redis_away_is_one_sentence_and_not_zero(tracker, run, settings, name):
    settings.REDIS_URL = "redis://127.0.0.1:1"
    code, out, err = run(COMMANDS[name].run, json=True)
    assert (code, out) == (1, "")
    assert err.startswith(f"telemetry {name}: Redis is unreachable")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "words", [["show", "--days", "0"], ["show", "--limit", "x"], ["savings", "--days", "٣"]]
)
def test_a_bad_argument_is_one_sentence_that_names_it(tracker, capsys, words):
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert f"argument {words[1]}: must be a whole number" in said.err
    assert len(said.err.splitlines()) == 1


def test_reset_asks_and_only_yes_goes_on(tracker, record, run, monkeypatch):
    track(tracker, 3)
    record()
    for answer in ("", "no\n", "y\n"):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        code, out, err = run(cmd_telemetry_reset)
        assert (code, out) == (1, "Nothing was forgotten.\n")
        assert "all 3 recorded calls" in err
    assert LLMCall.objects.count() == 3
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    assert run(cmd_telemetry_reset)[:2] == (0, "3 calls forgotten.\n")
    assert (LLMCall.objects.count(), UsageHour.objects.count()) == (0, 0)
    assert tracker.get_stats(exact=True)["total_calls"] == 0


def test_reset_with_confirm_asks_nobody(tracker, record, run_json):
    track(tracker, 2)
    record()
    assert run_json(cmd_telemetry_reset, confirm=True) == {"forgotten": 2}


def test_the_management_command_is_the_same_command(tracker):
    track(tracker, 1)
    tracker.flush()
    out = io.StringIO()
    call_command("telemetry", "show", "--json", stdout=out)
    assert json.loads(out.getvalue())[0]["cost"] == format(call()["cost"].quantize(D("1e-9")), "f")


def test_a_database_without_tables_is_one_sentence(tracker, monkeypatch, capsys):
    from django.db import OperationalError

    from core.history.usage.calls import CallHistory

    def broken(*_args: object) -> int:
        raise OperationalError("no such table: core_llmcall")

    monkeypatch.setattr(CallHistory, "count", broken)
    with pytest.raises(SystemExit) as end:
        call_command("telemetry", "reset")
    assert end.value.code == 1
    assert capsys.readouterr().err == (
        "telemetry reset: the database does not answer: no such table: core_llmcall\n"
    )


def test_a_period_reads_no_other_day(tracker):
    track(tracker, 1)
    days_ago(tracker, 1, 2)
    tracker.flush()
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    assert tracker.get_period(yesterday, yesterday, exact=True)["total_calls"] == 2
    with pytest.raises(ValueError, match="the days of a period"):
        tracker.get_period(yesterday, yesterday - timedelta(days=1))


def test_an_escape_in_a_damaged_row_does_not_reach_the_terminal(tracker, record, run):
    track(tracker, 1)
    record()
    LLMCall.objects.update(workflow="\x1b[2K\x9b31m\rroot\x07")
    _code, out, _err = run(COMMANDS["sonnet_opus_analysis"].run)
    assert "⟦U+001B⟧[2K⟦U+009B⟧31m⟦U+000D⟧root⟦U+0007⟧" in out
    out += run(COMMANDS["sonnet_opus_analysis"].run, json=True)[1]
    out += run(COMMANDS["export"].run, format="csv")[1]
    out += run(COMMANDS["export"].run)[1]
    assert not {"\x1b", "\x9b", "\r", "\x07"} & set(out)
