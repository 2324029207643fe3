"""sonnet_opus_analysis: what a fallback is, and what it cost, computed by hand."""

from decimal import Decimal as D

import pytest

from core.cli import cmd_sonnet_opus_analysis
from core.usage.call import Call
from core.usage.fallbacks import Fallbacks, find_fallbacks
from tests.core.usage.usage_help import track

CENT = 10_000_000  # in nano-dollars
FIVE_TIMES = {"book": CENT, "uncached": CENT, "baseline": 5 * CENT}
PREMIUM_PRICE = dict.fromkeys(("book", "uncached", "baseline"), 6 * CENT)
NO_PRICE: dict[str, None] = dict.fromkeys(FIVE_TIMES)


def made(second: float, tier: str = "capable", **changes) -> Call:
    said = {
        "call_id": f"{second}", "us": int(second * 1e6), "workflow": "review", "stage": "analysis", "tier": tier,
        "model": "m", "provider": "p", "agent_id": "ann", "user": "", "cost": CENT if tier == "capable" else 6 * CENT,
        "input": 1, "output": 1, "cache_read": 0, "cache_write": 0, "hit": False, "cache_type": "",
        "prompt_hit": False, "duration_ms": 1,
    }  # fmt: skip
    return Call(**said | (FIVE_TIMES if tier == "capable" else PREMIUM_PRICE) | changes)


def counts(*calls: Call, window: float = 300) -> tuple[int, int, int]:
    total = sum(find_fallbacks(calls, window).values(), Fallbacks())
    return total.attempts, total.fallbacks, total.direct_premium


def test_a_premium_call_soon_after_a_capable_one_is_a_fallback():
    assert counts(made(0), made(300, "premium")) == (1, 1, 0)


def test_a_premium_call_after_the_window_stands_for_itself():
    assert counts(made(0), made(300.000001, "premium")) == (1, 0, 1)
    assert counts(made(0), made(20, "premium"), window=10) == (1, 0, 1)


@pytest.mark.parametrize("other", [{"workflow": "x"}, {"stage": "x"}, {"agent_id": "bob"}])
def test_another_workflow_stage_or_agent_is_another_work(other):
    assert counts(made(0), made(1, "premium", **other)) == (1, 0, 1)


def test_only_the_last_capable_call_before_it_fell_back_and_only_once():
    assert counts(made(0), made(1), made(2, "premium"), made(3, "premium")) == (2, 1, 1)


def test_calls_of_other_agents_and_tiers_in_between_change_nothing():
    between = (made(1, agent_id="bob"), made(2, "cheap"), made(3, "premium", stage="other"))
    assert counts(made(0), *between, made(4, "premium")) == (2, 1, 1)


def test_a_premium_call_before_the_capable_one_is_no_fallback():
    assert counts(made(0, "premium"), made(1)) == (1, 0, 1)


def test_money_is_of_the_attempts_alone():
    # Two attempts that went well: 1 cent each instead of 5. One that fell back: 1 + 6 instead of 6.
    found = find_fallbacks([made(0), made(1), made(2), made(3, "premium"), made(900, "premium")])
    answer = found["review"].answer()
    assert answer["actual_cost"] == D("0.09")
    assert answer["always_premium_cost"] == D("0.16")
    assert answer["savings"] == D("0.07")
    assert answer["savings_percent"] == pytest.approx(43.75)
    assert answer["success_rate"] == pytest.approx(200 / 3)


def test_what_a_cache_saved_is_not_counted_as_saved_by_the_tier():
    # Half of the price was saved by a cache: at the premium model, half of 5 cents.
    found = find_fallbacks([made(0, cost=CENT // 2)])
    assert found["review"].always_premium == 25 * CENT // 10


def test_an_attempt_without_a_premium_price_is_counted_and_not_compared():
    found = find_fallbacks([made(0, **NO_PRICE), made(1, workflow="other")])
    assert (found["review"].attempts, found["review"].not_compared) == (1, 1)
    assert (found["review"].actual, found["review"].not_compared_cost) == (0, CENT)


def test_an_attempt_without_a_premium_price_that_fell_back_is_compared_by_what_was_paid():
    answer = find_fallbacks([made(0, **NO_PRICE), made(1, "premium")])["review"].answer()
    assert (answer["actual_cost"], answer["always_premium_cost"]) == (D("0.07"), D("0.06"))
    assert answer["not_compared_calls"] == 0


def test_the_command_reads_the_recorded_calls(tracker, record, run, run_json):
    track(tracker, 2)  # 0.0105 each, 0.0525 at the premium model
    track(tracker, 1, tier="premium", model="large", cost=D("0.0525"))
    track(tracker, 1, tier="Premium", model="large", cost=D("0.0525"), workflow="direct")
    track(tracker, 1, tier="cheap", model="small")
    record()
    said = run_json(cmd_sonnet_opus_analysis)
    assert (said["attempts"], said["fallbacks"], said["direct_premium_calls"]) == (2, 1, 1)
    assert (said["actual_cost"], said["always_premium_cost"]) == ("0.073500000", "0.105000000")
    assert said["by_workflow"]["direct"]["success_rate"] is None
    assert said["by_workflow"]["review"]["success_rate"] == 50.0
    _code, out, _err = run(cmd_sonnet_opus_analysis)
    last = out.splitlines()[-1].split()
    assert last == ["review", "2", "1", "50.0%", "$0.07", "$0.10", "$0.03"]


def test_no_calls_have_no_rate(tracker, record, run_json):
    said = run_json(cmd_sonnet_opus_analysis)
    assert (said["attempts"], said["success_rate"], said["savings"]) == (0, None, "0.000000000")
