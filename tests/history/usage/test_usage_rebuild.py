"""Day totals made anew from the record: right afterwards, and never at the cost of a call on its way."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import Sum

from core.history.usage import rebuild as usage_rebuild
from core.history.usage.calls import add_to_hours
from core.models import Cursor, LLMCall, SetAsideEntry, UsageHour
from core.store import usage
from core.store.client import open_store
from core.usage.call import call_of


def day(back: int) -> datetime:
    return datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=back)


def record_call(call_id: str, at: datetime, cost: int = 10, shipped: datetime | None = None) -> None:
    LLMCall.objects.create(
        call_id=call_id, at=at, shipped_at=shipped or at, workflow="review", tier="cheap", model="m", provider="p",
        cost_nano=cost, input_tokens=1, output_tokens=2, cache_read_tokens=0, cache_write_tokens=0,
        cache_hit=False, prompt_cache_hit=False, duration_ms=1,
    )  # fmt: skip


@pytest.fixture
def yesterday(gate, record, raw):
    """Two calls of yesterday in SQL; Redis counts three."""
    gate.open_request("deploy")
    record()
    record_call("first ever", day(5))
    for number in (1, 2):
        record_call(f"call {number}", day(1))
    key = "{telemetry}:usage:day:" + day(1).date().isoformat()
    raw.hset(key, mapping={"calls": 3, "cost": 30, "gone": 7})
    raw.expire(key, 1000)
    return key


def test_wrong_totals_of_a_closed_day_are_made_anew_and_keep_their_lifetime(clean_redis, raw, yesterday):
    date = day(1).date().isoformat()
    assert usage_rebuild.rebuild_closed_days(clean_redis)[date] > 0
    totals = raw.hgetall(yesterday)
    assert (totals["calls"], totals["cost"], totals["output"]) == ("2", "20", "4")
    assert totals["workflow_calls:review"] == "2"
    assert "gone" not in totals
    assert 0 < raw.ttl(yesterday) <= 1000
    assert usage_rebuild.rebuild_closed_days(clean_redis)[date] == 0
    assert raw.hgetall(yesterday) == totals


@pytest.mark.parametrize("name", ["calls", "cost"])
def test_a_spoilt_total_is_made_right_from_the_record(clean_redis, raw, yesterday, name):
    raw.hset(yesterday, name, "nan")
    assert usage_rebuild.rebuild_closed_days(clean_redis)[day(1).date().isoformat()] > 0
    assert (raw.hget(yesterday, "calls"), raw.hget(yesterday, "cost")) == ("2", "20")


def test_a_day_that_redis_lost_comes_back(clean_redis, raw, yesterday):
    raw.delete(yesterday)
    usage_rebuild.rebuild_closed_days(clean_redis)
    assert raw.hget(yesterday, "calls") == "2"
    assert raw.ttl(yesterday) > 80 * 24 * 3600


def test_hours_are_made_anew_too(clean_redis, yesterday):
    add_to_hours(call_of(row) for row in LLMCall.objects.all())
    UsageHour.objects.filter(hour=day(1)).update(calls=99)
    usage_rebuild.rebuild_closed_days(clean_redis)
    assert UsageHour.objects.aggregate(n=Sum("calls"))["n"] == 3


def test_today_and_the_days_before_recording_began_are_left_alone(clean_redis, raw, yesterday):
    first = "{telemetry}:usage:day:" + day(5).date().isoformat()
    today = "{telemetry}:usage:day:" + day(0).date().isoformat()
    for key in (first, today):
        raw.hset(key, "calls", 50)
    usage_rebuild.rebuild_closed_days(clean_redis)
    assert [raw.hget(key, "calls") for key in (first, today)] == ["50", "50"]


def test_a_call_that_arrives_meanwhile_keeps_the_day_as_it_is(clean_redis, raw, yesterday):
    store, date = open_store(clean_redis), day(1).date().isoformat()
    calls, _place = usage.calls_and_place(store, date)
    raw.hincrby(yesterday, "calls", 1)
    assert usage.rebuild(store, date, calls=calls, amounts={"calls": 2}, retention_days=90) == -1
    assert raw.hget(yesterday, "calls") == "4"


def test_a_day_is_left_alone_while_something_is_not_recorded(clean_redis, gate, raw, yesterday, monkeypatch):
    monkeypatch.setattr(usage_rebuild, "CATCH_UP_SECONDS", 0.0)
    gate.open_request("deploy")  # nobody records it
    assert set(usage_rebuild.rebuild_closed_days(clean_redis).values()) == {-1}
    assert raw.hget(yesterday, "calls") == "3"


def test_a_day_is_left_alone_while_calls_are_set_aside(clean_redis, raw, yesterday):
    SetAsideEntry.objects.create(installation="i", position="1", fields='{"type": "llm_calls"}', error="e")
    assert set(usage_rebuild.rebuild_closed_days(clean_redis).values()) == {-1}
    assert raw.hget(yesterday, "calls") == "3"


def test_days_whose_calls_were_pruned_are_left_alone(clean_redis, raw, yesterday):
    Cursor.objects.create(name=Cursor.PRUNED, position=day(1).isoformat())
    assert usage_rebuild.rebuild_closed_days(clean_redis) == {}
    assert raw.hget(yesterday, "calls") == "3"


def test_without_any_recorded_call_nothing_is_touched(clean_redis, transactional_db):
    assert usage_rebuild.rebuild_closed_days(clean_redis) == {}
