"""Retention: calls are pruned, their hourly sums stay, and a reset forgets both."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db.models import F, Sum

from core.history.recorder.recorder import Recorder
from core.history.usage import calls as usage
from core.history.usage.calls import prune, rebuild_hours
from core.models import Cursor, LLMCall, UsageHour
from tests.core.usage.usage_help import shipped_by_hand, track

DAY = timedelta(days=1)


@pytest.fixture
def tracker(clean_redis, tmp_path, transactional_db, settings):
    settings.TELEMETRY_DATA_DIR = tmp_path
    with shipped_by_hand(tmp_path / "usage", clean_redis) as tracker:
        yield tracker


@pytest.fixture
def old_and_new(tracker, record):
    """Three calls of a hundred days ago, two of today."""
    track(tracker, 3, workflow="old", cost=1)
    tracker.flush()
    record()
    LLMCall.objects.update(at=F("at") - 100 * DAY)
    rebuild_hours()
    track(tracker, 2, workflow="new", cost=1)
    tracker.flush()
    record()


def hours() -> list[tuple[str, int, int]]:
    found = UsageHour.objects.values_list("workflow").annotate(Sum("calls"), Sum("cost_nano"))
    return sorted(found)


BOTH = [("new", 2, 2 * 10**9), ("old", 3, 3 * 10**9)]


def test_old_calls_go_and_their_hours_stay(old_and_new):
    assert prune(datetime.now(UTC), 90) == 3
    assert set(LLMCall.objects.values_list("workflow", flat=True)) == {"new"}
    assert hours() == BOTH
    assert prune(datetime.now(UTC), 90) == 0


def test_rebuilding_keeps_the_hours_of_pruned_calls_and_mends_the_others(old_and_new):
    prune(datetime.now(UTC), 90)
    UsageHour.objects.filter(workflow="new").update(cost_nano=7)
    rebuild_hours()
    assert hours() == BOTH


def test_a_longer_retention_later_does_not_lose_what_a_shorter_one_pruned(old_and_new):
    prune(datetime.now(UTC), 90)
    assert prune(datetime.now(UTC), 3000) == 0
    rebuild_hours()
    assert hours() == BOTH


def test_pruning_cuts_at_a_whole_hour(tracker, record):
    track(tracker, 2)
    tracker.flush()
    record()
    now = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    early, late = LLMCall.objects.order_by("pk")
    LLMCall.objects.filter(pk=early.pk).update(at=now.replace(hour=11, minute=59) - DAY)
    LLMCall.objects.filter(pk=late.pk).update(at=now.replace(minute=0) - DAY)
    rebuild_hours()
    assert prune(now, 1) == 1
    assert LLMCall.objects.get().pk == late.pk
    rebuild_hours()
    assert UsageHour.objects.aggregate(Sum("calls")) == {"calls__sum": 2}


def test_it_works_in_batches_and_goes_on_where_a_killed_one_was(old_and_new, monkeypatch):
    monkeypatch.setattr(usage, "PRUNED_AT_ONCE", 2)
    deleted = []

    def killed(*_args: object) -> None:
        deleted.append(LLMCall.objects.count())
        raise KeyboardInterrupt

    real = usage.LLMCall.objects.filter
    calls = iter(range(100))
    # The third look at the calls is that of the second batch.
    monkeypatch.setattr(
        usage.LLMCall.objects, "filter", lambda **said: killed() if next(calls) == 2 else real(**said)
    )
    with pytest.raises(KeyboardInterrupt):
        prune(datetime.now(UTC), 90)
    monkeypatch.undo()
    assert deleted == [3]
    assert hours() == BOTH
    rebuild_hours()
    assert hours() == BOTH
    assert prune(datetime.now(UTC), 90) == 1


def test_a_call_that_comes_late_for_a_pruned_hour_is_added_to_it(old_and_new, tracker, record):
    prune(datetime.now(UTC), 90)
    track(tracker, 1, workflow="old", cost=1)
    tracker.flush()
    record()
    assert hours()[1] == ("old", 4, 4 * 10**9)


def test_reset_forgets_the_hours_of_pruned_calls_too(old_and_new, tracker, record):
    prune(datetime.now(UTC), 90)
    assert tracker.reset() == 2
    record()
    assert (hours(), LLMCall.objects.count()) == ([], 0)


def test_a_reset_told_again_leaves_the_hours_that_were_pruned_after_it(tracker, record, clean_redis):
    tracker.reset()
    record()
    told_again = Cursor.objects.get(name=Cursor.OUTBOX).position
    track(tracker, 3, workflow="later", cost=1)
    tracker.flush()
    record()
    prune(datetime.now(UTC) + 200 * DAY, 90)
    assert LLMCall.objects.count() == 0
    usage.forget({"reset_ms": told_again.split("-")[0]})
    assert hours() == [("later", 3, 3 * 10**9)]
    Recorder(clean_redis).step()
    assert hours() == [("later", 3, 3 * 10**9)]


def test_the_command_prunes_by_the_setting(old_and_new, settings):
    settings.TELEMETRY_USAGE_DAYS = 0
    call_command("prune", stdout=(out := io.StringIO()))
    assert "\ncalls are kept for ever (TELEMETRY_USAGE_DAYS=0)\n" in out.getvalue()
    settings.TELEMETRY_USAGE_DAYS = 90
    call_command("prune", stdout=(out := io.StringIO()))
    assert "\n3 calls older than 90 days deleted\n" in out.getvalue()
