"""A call that is told again: the fuller row holds, in SQL, in the sums of hours and in the totals of Redis."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest
from django.db.models import Sum

from core import UsageTracker
from core.history.recorder.recorder import Recorder
from core.history.usage.calls import rebuild_hours
from core.models import Cursor, LLMCall, UsageHour
from core.usage.savings import SUMS
from tests.core.usage.usage_help import book, track
from tests.history.usage.usage_days import settle

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
SPLIT = {
    "input_tokens": 10,
    "output_tokens": 427,
    "cache_creation_input_tokens": 900,
    "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 900},
}


@pytest.fixture
def tracker(clean_redis, tmp_path, transactional_db, record):
    """Shipped and recorded by hand: `tracker.told(**arguments)`."""
    found = UsageTracker(tmp_path / "usage", memory=clean_redis, price_book=book())
    found._shipper.notice = lambda: None

    def told(**said):
        track(found, **said)
        found.flush()
        settle(record)

    found.told = told
    yield found
    found._shipper.close(30)


def output(tokens: int) -> dict[str, int]:
    return {"input": 1000, "output": tokens}


def agree(tracker, day: datetime = NOON) -> dict:
    """SQL's rows, its hours and Redis say the same of a day; what they say."""
    start = day.replace(hour=0)
    rows = LLMCall.objects.filter(at__gte=start, at__lt=start + timedelta(days=1))
    hours = UsageHour.objects.filter(hour__gte=start, hour__lt=start + timedelta(days=1))
    before = hours.aggregate(**{name: Sum(column, default=0) for name, column in SUMS.items()})
    said = tracker.get_period(day.date(), day.date(), exact=True)
    assert rows.count() == before["calls"] == said["total_calls"]
    assert D(before["cost"]).scaleb(-9) == said["total_cost"]
    assert rows.aggregate(n=Sum("cost_nano", default=0))["n"] == before["cost"]
    assert before["output"] == said["total_tokens_output"]
    assert D(before["baseline"]).scaleb(-9) == said["baseline_cost"]
    rebuild_hours()
    assert hours.aggregate(**{name: Sum(column, default=0) for name, column in SUMS.items()}) == before
    return said


def test_the_fuller_row_holds_and_only_a_correction_lowers(tracker):
    for tokens in (1, 3, 427, 3):
        tracker.told(call_id="message", tokens=output(tokens), cost=None)
    row = LLMCall.objects.get()
    assert (row.output_tokens, row.tellings) == (427, 3)
    assert agree(tracker)["total_cost"] == D("0.009405")
    tracker.told(call_id="message", tokens=output(5), cost=None, correct=True)
    row.refresh_from_db()
    assert (row.output_tokens, row.tellings, row.corrected) == (5, 4, True)
    assert agree(tracker)["total_cost"] == D("0.003075")
    tracker.told(call_id="message", tokens=output(427), cost=None)
    assert LLMCall.objects.get().output_tokens == 5


def test_of_equals_the_later_holds_with_the_name_of_its_model(tracker):
    tracker.told(call_id="message", model="small", cost=None)
    tracker.told(call_id="message", model="middle", cost=None)
    assert list(agree(tracker)["by_model"]) == ["acme/middle"]
    assert UsageHour.objects.get().model == "middle"


def test_an_id_that_comes_again_after_days_counts_once_in_redis_too(tracker, raw):
    tracker.told(call_id="message")
    for key in raw.scan_iter("{telemetry}:usage:seen:*"):
        raw.delete(key)  # as if 48 hours had gone by
    tracker.told(call_id="message")
    assert agree(tracker)["total_calls"] == 1
    assert not Cursor.objects.filter(name__startswith=Cursor.TOUCHED).exists()


def test_a_source_without_lifetimes_takes_none_away(tracker):
    tracker.told(call_id="message", tokens=None, usage=SPLIT, cost=None)
    without = {name: count for name, count in SPLIT.items() if name != "cache_creation"}
    tracker.told(call_id="message", tokens=None, usage=without, cost=None)
    row = LLMCall.objects.get()
    assert (row.cache_write_1h_tokens, row.cache_write_tokens) == (900, 900)
    agree(tracker)


def test_a_call_of_an_old_day_is_corrected_in_that_day(tracker):
    old = NOON - timedelta(days=300)
    tracker.told(call_id="message", at=old, tokens=output(1), cost=None)
    tracker.told(call_id="message", at=old, tokens=output(427), cost=None)
    assert agree(tracker, old)["total_tokens_output"] == 427


def test_reading_the_outbox_again_corrects_nothing_twice(tracker, clean_redis):
    for tokens, correct in ((500, False), (300, True), (200, True), (400, False)):
        tracker.told(call_id="message", tokens=output(tokens), cost=None, correct=correct)
    before = list(LLMCall.objects.values())
    Cursor.objects.filter(name=Cursor.OUTBOX).update(position="0")
    settle(Recorder(clean_redis).step)
    assert list(LLMCall.objects.values()) == before
    assert before[0]["output_tokens"] == 200
    agree(tracker)


def test_the_day_is_made_anew_once_all_of_it_is_recorded(tracker, record):
    tracker.told(call_id="message", tokens=output(1), cost=None)
    track(tracker, call_id="message", tokens=output(427), cost=None)
    tracker.flush()
    assert tracker.get_stats(days=1)["total_tokens_output"] == 1  # nobody has recorded it yet
    settle(record)
    assert agree(tracker)["total_tokens_output"] == 427
