"""Models without a price: named, and priced once there is one, in the record, its hours and the totals of Redis."""

import json
from decimal import Decimal as D

import pytest

from core import UsageTracker, jobs
from core.history.usage import late_prices
from core.models import AuditEntry, LLMCall, UsageHour
from core.usage.pricing import PriceBook
from tests.core.usage.usage_help import book, track
from tests.history.usage.usage_days import settle

LATER = PriceBook("", json.dumps([{"model": "acme/house-model-7", "input": "2", "output": "4"}]))


@pytest.fixture
def tracker(clean_redis, tmp_path, transactional_db, record):
    found = UsageTracker(tmp_path / "usage", memory=clean_redis, price_book=book())
    found._shipper.notice = lambda: None
    track(found, 2, model="house-model-7", cost=None)
    track(found, 1, model="house-model-7", cost=1)
    track(found, 1, model="another", cost=2)
    found.flush()
    record()
    yield found
    found._shipper.close(30)


def test_calls_without_a_price_are_named_until_they_have_one(tracker, record):
    said = tracker.calculate_savings(days=1)
    assert [(model["model"], model["calls"]) for model in said["unpriced"]] == [
        ("acme/house-model-7", 3),
        ("acme/another", 1),
    ]
    assert late_prices.price_late(LATER) == {"acme/house-model-7": 3}
    settle(record)
    said = tracker.calculate_savings(days=1, exact=True)
    assert [(model["model"], model["calls"]) for model in said["unpriced"]] == [("acme/another", 1)]
    assert said["actual_cost"] == D(
        "3.008"
    )  # twice 1,000 at 2 and 500 at 4 dollars a million; and 1 and 2 as told
    assert sum(row.cost_nano for row in UsageHour.objects.all()) == 3_008_000_000
    marks = (
        LLMCall.objects.filter(model="house-model-7").order_by("pk").values_list("cost_source", "book_nano")
    )
    assert list(marks) == [("book", 4_000_000), ("book", 4_000_000), ("told", 4_000_000)]
    assert late_prices.price_late(LATER) == {}


def test_calls_that_nobody_can_price_are_not_read_again_each_hour(tracker, django_assert_num_queries):
    with django_assert_num_queries(1):  # which models they are of
        assert late_prices.price_late(book()) == {}


def test_the_record_says_that_calls_were_priced(tracker):
    late_prices.price_late(LATER)
    entry = AuditEntry.objects.get(kind="record.repaired")
    assert "acme/house-model-7" in entry.details
    assert json.loads(entry.details)["calls"] == 3


def test_the_job_takes_the_settings_as_they_are_now(tracker, settings, clean_redis, monkeypatch):
    monkeypatch.setenv("REDIS_URL", clean_redis)
    settings.REDIS_URL = clean_redis
    settings.TELEMETRY_PRICES = json.dumps([{"model": "acme/*", "input": "0", "output": "0"}])
    assert jobs.price_usage() == {"acme/house-model-7": 3, "acme/another": 1}
    assert jobs.price_usage() == {}
