"""Totals in Redis that somebody spoiled: they stop nothing, inflate nothing, and are told."""

import pytest

from tests.core.usage.usage_help import track


def today_of(raw) -> str:
    return next(raw.scan_iter("{telemetry}:usage:day:*")).decode()


@pytest.mark.parametrize("value", [b"nan", b"", b"1.5", b"007", str(2**63 - 1).encode(), b"-" + b"9" * 18])
@pytest.mark.parametrize("name", ["cost", "calls", "workflow_cost:review"])
def test_a_spoilt_total_stops_nothing_inflates_nothing_and_counts_anew(tracker, raw, caplog, name, value):
    tracker._shipper.notice = lambda: None
    track(tracker, 10, cost=1)
    tracker.flush()
    today = today_of(raw)
    raw.hset(today, name, value)
    track(tracker, 2, cost=1)
    assert [tracker.flush(), tracker.flush()] == [2, 0]
    right = {"calls": 12, "cost": 12 * 10**9, "workflow_cost:review": 12 * 10**9, "input": 12_000}
    anew = {"calls": 2, "cost": 2 * 10**9, "workflow_cost:review": 2 * 10**9}
    for sum_, amount in {**right, name: anew[name]}.items():
        assert int(raw.hget(today, sum_)) == amount, sum_
    assert raw.zcard("{telemetry}:usage:recent") == raw.xlen("{telemetry}:events:stream:llm_call") == 12
    [record] = [record for record in caplog.records if "counted anew" in record.getMessage()]
    assert repr(value) in record.getMessage()


def test_readers_leave_a_spoilt_total_out_and_say_so(tracker, raw, caplog):
    track(tracker, 3, cost=1)
    tracker.flush()
    raw.hset(today_of(raw), mapping={"cost": "nan", b"tier_cost:\xff": "5", "junk": "x"})
    stats = tracker.get_stats(days=2)
    assert (stats["total_calls"], stats["total_cost"]) == (3, 0)
    said = [record.getMessage() for record in caplog.records]
    assert sum("is left out" in text for text in said) == 2
    assert any("'cost'" in text for text in said)


def test_a_spoilt_place_in_a_spool_holds_the_calls_back_and_says_so(tracker, raw, caplog):
    tracker._shipper.notice = lambda: None
    track(tracker)
    tracker.flush()
    [key] = raw.scan_iter("{telemetry}:usage:shipped:*")
    kept = raw.get(key)
    raw.set(key, "nowhere")
    track(tracker, 2)
    assert tracker.flush() == 0
    assert "nowhere" in caplog.text
    raw.set(key, kept)
    assert tracker.get_stats(days=2)["total_calls"] == 3
