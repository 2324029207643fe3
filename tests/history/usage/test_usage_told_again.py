"""A call that is told again: the fuller row holds, in SQL, in the sums of hours and in the totals of Redis."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from importlib import import_module
from itertools import permutations

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import Sum

from core import UsageTracker
from core.history.recorder.recorder import Recorder
from core.history.usage.calls import rebuild_hours
from core.models import CallName, Cursor, LLMCall, UsageHour
from core.usage.savings import SUMS
from tests.core.usage.usage_help import book, shipped_by_hand, track
from tests.history.usage.usage_days import settle

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


def noon() -> datetime:
    """Of this day."""
    return datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)


def agree(tracker, day: datetime | None = None) -> dict:
    """SQL's rows, its hours and Redis say the same of a day, by default of this one; what they say."""
    day = day or noon()
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
    old = noon() - timedelta(days=300)
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


# One call under several names


def tellings(number: int) -> list[dict]:
    """One call: by its caller with the whole answer, by a log with its request, by a span with its response."""
    answer = {"_request_id": f"req_{number}", "id": f"msg_{number}"}
    answer["usage"] = {"input_tokens": 1000, "output_tokens": 427}
    log, span = (
        {name: said for name, said in answer.items() if name != gone} for gone in ("id", "_request_id")
    )
    told = {"tokens": None, "cost": None, "at": noon()}
    unknown = {**told, "tier": "unknown"}
    return [{**told, "usage": answer}, {**unknown, "usage": log}, {**unknown, "usage": span}]


def test_a_call_told_by_its_request_and_by_its_response_is_one_in_every_order(tracker):
    orders = list(permutations(range(3)))
    for turn in range(3):
        for number, order in enumerate(orders):
            track(tracker, **tellings(number)[order[turn]])
        tracker.told(call_id="another")
    found = LLMCall.objects.exclude(call_id="another").values_list("call_id", "tier", "output_tokens")
    assert set(found) == {(f"req_{number}", "capable", 427) for number in range(6)}
    assert agree(tracker)["total_calls"] == len(found) + 1


def test_a_call_told_under_both_names_at_once_is_one(tracker):
    for order in permutations(range(3)):
        number = "".join(map(str, order))
        for place in order:
            track(tracker, **tellings(number)[place])
    tracker.told(call_id="another")
    assert agree(tracker)["total_calls"] == 6 + 1


def test_processes_that_tell_a_call_under_its_names_at_once_tell_one(tracker, clean_redis, tmp_path, record):
    def tell(source: int) -> None:
        with shipped_by_hand(tmp_path / f"{source}", clean_redis) as other:
            for number in range(40):
                track(other, **tellings(number)[source])
                if number % 8 == source:
                    other.flush()
            other.flush()

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(tell, range(3)))
    settle(record)
    assert agree(tracker)["total_calls"] == 40
    assert {row.tier for row in LLMCall.objects.all()} == {"capable"}


def test_calls_that_callers_told_apart_stay_apart_though_the_answer_is_one(tracker):
    usage = tellings(1)[0]["usage"]
    for name in ("first", "second", "first"):
        tracker.told(call_id=name, tokens=None, cost=None, usage=usage)
    tracker.told(**tellings(1)[2])
    assert sorted(LLMCall.objects.values_list("call_id", flat=True)) == ["first", "second"]
    agree(tracker)


def test_what_joins_two_names_holds_for_both_until_the_call_is_forgotten(tracker, record):
    for place in (2, 0, 1):
        tracker.told(**tellings(1)[place])
    assert CallName.objects.get().call_id == LLMCall.objects.get().call_id == "req_1"
    CallName.objects.all().delete()
    import_module("core.migrations.0030_names_of_calls").fill(apps, connection.schema_editor())
    tracker.told(**tellings(1)[2])
    assert agree(tracker)["total_calls"] == 1
    tracker.reset()
    assert not CallName.objects.exists()
