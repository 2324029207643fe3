"""A number of thousands of digits given to a tracker is refused by the name of the argument, and counts nothing."""

import inspect

import pytest

from core import UsageTracker
from tests.core.usage.usage_help import book, call

pytestmark = pytest.mark.anywhere

HUGE = [10**400, 10**5000, -(10**5000)]
each_huge_number = pytest.mark.parametrize("number", HUGE, ids=["1e400", "1e5000", "-1e5000"])
TRACKED = {
    "cost": lambda n: {"cost": n},
    "tokens['input']": lambda n: {"tokens": {"input": n, "output": 1}},
    "tokens['output']": lambda n: {"tokens": {"input": 1, "output": n}},
    "duration_ms": lambda n: {"duration_ms": n},
    "prompt_cache_read_tokens": lambda n: {"prompt_cache_read_tokens": n},
    "prompt_cache_creation_tokens": lambda n: {"prompt_cache_creation_tokens": n},
}
ASKED = ["get_stats", "calculate_savings", "get_cache_stats", "get_recent_entries", "export_to_dict"]


@pytest.fixture
def tracker(url, tmp_path):
    tracking = UsageTracker(tmp_path, memory=url, price_book=book())
    yield tracking
    tracking.close()


@each_huge_number
@pytest.mark.parametrize("argument", TRACKED)
def test_a_huge_number_about_a_call_is_refused_by_name(tracker, monkeypatch, argument, number):
    monkeypatch.setenv("TELEMETRY_STRICT", "1")
    with pytest.raises(ValueError) as refused:
        tracker.track_llm_call(**{**call(), **TRACKED[argument](number)})
    assert str(refused.value).startswith(argument)
    assert "a far" in str(refused.value)
    assert tracker.flush() == 0


@each_huge_number
@pytest.mark.parametrize("question", ASKED)
def test_a_huge_number_of_days_is_refused_by_name(tracker, question, number):
    with pytest.raises(ValueError, match=r"^days must be .* not a far"):
        getattr(tracker, question)(days=number)


@each_huge_number
def test_other_huge_numbers_are_refused_by_name(tracker, tmp_path, number):
    with pytest.raises(ValueError, match=r"^limit must be .* not a far"):
        tracker.get_recent_entries(limit=number)
    for argument in ("retention_days", "max_file_size_mb", "buffer_size"):
        with pytest.raises(ValueError, match=rf"^{argument} must be .* not a far"):
            UsageTracker(tmp_path, **{argument: number})


def test_every_question_that_takes_days_is_asked_here():
    public = {n: f for n, f in vars(UsageTracker).items() if inspect.isfunction(f) and not n.startswith("_")}
    assert {n for n, f in public.items() if "days" in inspect.signature(f).parameters} == set(ASKED)
