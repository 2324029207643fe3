"""Calls in SQL: each once for ever, exact sums by the hour, poison set aside alone, reset and export."""

import json
import random
import time
from decimal import Decimal as D

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum

from core import UsageTracker
from core.history.recorder.recorder import Recorder
from core.history.usage.calls import KIND, rebuild_hours
from core.models import AuditEntry, Cursor, LLMCall, SetAsideEntry, UsageHour
from core.usage.call import COLUMNS, call_of, row_of
from core.usage.savings import SUMS
from tests.core.usage.usage_help import book, call, track
from tests.history.samples import some_of

OUTBOX = "{telemetry}:outbox"


@pytest.fixture
def make_tracker(clean_redis, tmp_path):
    made = []

    def make(**options) -> UsageTracker:
        known = {"telemetry_dir": tmp_path / "usage", "memory": clean_redis, "price_book": book()}
        made.append(UsageTracker(**{**known, **options}))
        made[-1]._shipper.notice = lambda: None  # shipped by hand, so that batches are whole
        return made[-1]

    yield make
    for tracker in made:
        tracker._shipper.close(30)


@pytest.fixture
def tracker(make_tracker, transactional_db):
    return make_tracker()


def sums() -> dict[str, int]:
    return UsageHour.objects.aggregate(**{column: Sum(column, default=0) for column in SUMS.values()})


def mixed_calls(tracker) -> None:
    track(tracker, 3, prompt_cache_read_tokens=700, agent_id="worker", user_id="ann")
    track(tracker, 2, workflow="nightly", model="small", tier="CHEAP", cost=0.1)
    track(tracker, 1, model="unheard-of", cost=D("0.000000001"))
    track(tracker, 1, provider="solo", model="only", cache_hit=True, cache_type="hash", cost=0)


def test_names_as_long_as_they_may_be_are_summed_in_one_row_of_their_hour(make_tracker, record, db):
    dice, tracker = random.Random(7), make_tracker()
    names = {
        part: "".join(
            chr(dice.randrange(0x20000, 0x2A6D0)) for _ in range(255)
        )  # four bytes each, no two alike
        for part in ("workflow", "tier", "provider", "model")
    }
    for _ in range(2):
        track(tracker, 1, cost=D("0.01"), **names)
        tracker.flush()
        record()
    assert SetAsideEntry.objects.count() == 0
    [hour] = UsageHour.objects.all()
    assert (hour.calls, hour.cost_nano) == (2, 20_000_000)
    with pytest.raises(IntegrityError), transaction.atomic():
        UsageHour.objects.create(hour=hour.hour, **{part: getattr(hour, part) for part in names})


def test_a_call_is_recorded_with_all_that_was_told(tracker, record):
    track(
        tracker, 1, call_id="answer-1", agent_id="wörker", cost=D("0.02"), cache_type=None,
        prompt_cache_read_tokens=7, prompt_cache_creation_tokens=8, prompt_cache_hit=True, duration_ms=12.5,
        user_id="ann",
    )  # fmt: skip
    tracker.flush()
    [entry] = tracker.get_recent_entries(exact=True)
    assert record() == 1
    row = LLMCall.objects.get()
    assert (row.call_id, row.agent_id, row.workflow, row.stage) == (
        "answer-1",
        "wörker",
        "review",
        "analysis",
    )
    assert (row.tier, row.model, row.provider) == ("capable", "middle", "acme")
    assert (row.cost_nano, row.input_tokens, row.output_tokens) == (20_000_000, 1000, 500)
    assert (row.cache_read_tokens, row.cache_write_tokens, row.prompt_cache_hit) == (7, 8, True)
    assert (row.cache_hit, row.cache_type, row.duration_ms) == (False, "", 12.5)
    assert row.user == entry["user_id"]
    assert row.at.isoformat() == entry["ts"]
    assert tracker.export_to_dict(exact=True) == [entry]
    assert AuditEntry.objects.count() == 0  # the chain is about decisions


def test_the_tables_have_the_columns_that_are_described(tracker, record):
    calls = {field.name for field in LLMCall._meta.get_fields()}
    hours = {field.name for field in UsageHour._meta.get_fields()}
    assert calls == {"id", "shipped_at", *COLUMNS.values()}
    assert hours == {"id", *KIND, *SUMS.values()}
    track(tracker, cost=1, prompt_cache_read_tokens=7)
    tracker.flush()
    record()
    [row] = LLMCall.objects.all()
    assert row_of(call_of(row)) == {name: getattr(row, name) for name in COLUMNS.values()}


def test_sql_and_redis_say_the_same(tracker, record):
    mixed_calls(tracker)
    tracker.flush()
    record()
    savings, found = tracker.calculate_savings(days=2, exact=True), sums()
    assert found["calls"] == savings["total_calls"] == LLMCall.objects.count() == 7
    pairs = {
        "cost_nano": "actual_cost",
        "baseline_nano": "baseline_cost",
        "routing_nano": "routing_savings",
        "caching_nano": "cache_savings",
        "difference_nano": "price_difference",
        "unpriced_cost_nano": "unpriced_cost",
        "no_baseline_cost_nano": "no_baseline_cost",
    }
    for name, key in pairs.items():
        assert D(found[name]).scaleb(-9) == savings[key], name
    assert (found["unpriced_calls"], found["no_baseline_calls"]) == (1, 1)
    assert (
        D(found["prompt_cache_net_nano"]).scaleb(-9) == tracker.get_cache_stats(days=2, exact=True)["savings"]
    )


def test_every_hour_adds_up(tracker, record):
    mixed_calls(tracker)
    tracker.flush()
    record()
    for row in UsageHour.objects.all():
        assert row.baseline_nano - row.routing_nano - row.caching_nano + row.difference_nano == row.cost_nano


def test_the_outbox_gets_one_entry_for_a_batch_of_bounded_size(tracker, record, raw):
    track(tracker, 450)
    tracker.flush()
    entries = raw.xrange(OUTBOX)
    assert [len(json.loads(fields["calls"])) for _, fields in entries] == [200, 200, 50]
    assert max(len(fields["calls"]) for _, fields in entries) < 200 * 1024
    record()
    assert LLMCall.objects.count() == 450


def test_a_call_id_counts_once_for_ever_in_sql(tracker, make_tracker, record, raw):
    track(tracker, 2, call_id="answer-1", cost=1)
    tracker.flush()
    record()
    for key in raw.scan_iter("{telemetry}:usage:seen:*"):
        raw.delete(key)  # as if 48 hours had gone by
    later = make_tracker()
    track(later, 1, call_id="answer-1", cost=1)
    assert later.flush() == 1
    record()
    assert LLMCall.objects.count() == 1
    assert sums()["calls"] == 1
    assert sums()["cost_nano"] == 10**9


def test_reading_the_whole_outbox_again_records_nothing_twice(tracker, record, clean_redis):
    mixed_calls(tracker)
    tracker.flush()
    record()
    before = (list(LLMCall.objects.values()), sums())
    Cursor.objects.update(position="0")
    Recorder(clean_redis).step()
    assert (list(LLMCall.objects.values()), sums()) == before


def test_hours_can_be_rebuilt_from_the_calls(tracker, record):
    mixed_calls(tracker)
    tracker.flush()
    record()
    before = list(UsageHour.objects.order_by("workflow", "model").values())
    UsageHour.objects.update(cost_nano=5)
    rebuild_hours()
    after = list(UsageHour.objects.order_by("workflow", "model").values())
    assert [{**row, "id": 0} for row in after] == [{**row, "id": 0} for row in before]


POISON = {
    "a cost below zero": {"cost": -1},
    "a cost beyond all sums": {"cost": 10**30},
    "a cost in words": {"cost": "1,5"},
    "a float": {"cost": 1.5},
    "no workflow": {"workflow": ""},
    "a NUL": {"model": "a\0b"},
    "a time beyond every calendar": {"us": 10**30},
    "tokens that are no number": {"input": None},
    "a hit in words": {"hit": "false"},
    "a baseline below zero": {"baseline": -5},
    "a user in clear": {"user": "ann"},
}


@pytest.mark.parametrize("damage", some_of(POISON))
def test_a_poisoned_call_is_set_aside_alone(tracker, record, raw, damage):
    track(tracker, 3)
    tracker.flush()
    [(position, fields)] = raw.xrange(OUTBOX)
    calls = json.loads(fields["calls"])
    calls.insert(1, {**calls[1], "call_id": "poison", **damage})
    raw.delete(OUTBOX)
    position = raw.xadd(OUTBOX, {**fields, "calls": json.dumps(calls)})
    record()
    assert LLMCall.objects.count() == 3
    assert sums()["calls"] == 3
    [aside] = SetAsideEntry.objects.all()
    assert aside.position == f"{position}/1"
    assert "poison" in aside.fields


@pytest.mark.parametrize("said", ["", "{}", "[", "[" * 100_000, json.dumps([{}] * 1001), "null"])
def test_a_poisoned_batch_is_set_aside_and_the_rest_is_recorded(tracker, record, raw, said):
    raw.xadd(OUTBOX, {"type": "llm_calls", "shipped_ms": "1", "calls": said})
    raw.xadd(OUTBOX, {"type": "llm_calls", "calls": "[]"})
    raw.xadd(OUTBOX, {"type": "usage_reset", "reset_ms": "noon"})
    track(tracker, 3)
    tracker.flush()
    record()
    assert (LLMCall.objects.count(), SetAsideEntry.objects.count()) == (3, 3)


def test_reset_forgets_everything_also_what_is_on_its_way_and_says_how_many(tracker, record, raw):
    track(tracker, 3)
    tracker.flush()
    record()
    track(tracker, 2)  # shipped by the reset, and recorded only afterwards
    assert tracker.reset() == 3
    assert tracker.get_stats(exact=True)["total_calls"] == 0
    assert tracker.get_recent_entries(exact=True) == []
    record()
    assert (LLMCall.objects.count(), UsageHour.objects.count()) == (0, 0)
    assert raw.xlen(OUTBOX) == 3


def test_a_provider_is_one_in_sql_too_also_where_a_former_version_told_it(tracker, record, raw):
    track(tracker, provider="ACME", cost=1)
    [spool] = tracker._folders.own.glob("*.calls")
    line = spool.read_text()
    former = spool.with_name("0" * 32 + ".calls")
    former.write_text(line.replace('"acme"', '"Acme"').replace('-1"', '-former"'))
    assert tracker.flush() == 2
    record()
    assert set(LLMCall.objects.values_list("provider", flat=True)) == {"acme"}
    assert UsageHour.objects.get().cost_nano == 2 * 10**9
    assert list(tracker.get_stats(exact=True)["by_provider"]) == ["acme"]


def test_after_a_reset_a_call_id_counts_again(tracker, record):
    track(tracker, call_id="fixed")
    tracker.flush()
    record()
    assert tracker.reset() == 1
    time.sleep(0.002)  # a reset is exact to the millisecond
    track(tracker, 2, call_id="fixed")
    assert tracker.flush() == 1
    record()
    assert tracker.get_stats(exact=True)["total_calls"] == LLMCall.objects.count() == sums()["calls"] == 1


def test_a_reset_told_again_leaves_what_came_after_it(tracker, record, clean_redis):
    track(tracker, 3)
    tracker.reset()
    time.sleep(0.002)  # a reset is exact to the millisecond
    track(tracker, 4, cost=1)
    tracker.flush()
    record()
    Cursor.objects.update(position="0")
    Recorder(clean_redis).step()
    assert LLMCall.objects.count() == 4
    assert sums()["cost_nano"] == 4 * 10**9


def test_export_reaches_what_the_newest_calls_in_redis_do_not(tracker, record, raw):
    track(tracker, 30)
    tracker.flush()
    record()
    raw.delete("{telemetry}:usage:recent")
    exported = tracker.export_to_dict(days=2, exact=True)
    assert len(exported) == 30
    assert [entry["ts"] for entry in exported] == sorted((entry["ts"] for entry in exported), reverse=True)
    assert call()["cost"] == exported[0]["cost"]
