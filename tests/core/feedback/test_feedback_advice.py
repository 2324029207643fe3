"""The advice as pure arithmetic: bands, bounds, and how often it errs when it is asked after every rating."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import ModelTier
from core.feedback.advice import LEVEL, interval, judge, level_above, level_below
from tests.core.feedback.tier_trials import BARS, beta, first_change, pass_or_fail, rate

CHEAP, CAPABLE, PREMIUM = ModelTier
SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=100)


# Error rates


@pytest.mark.long
def test_at_true_quality_075_a_false_change_is_advised_in_under_1_percent_of_10000_trials():
    rng = random.Random(75)
    source = beta(rng, 0.75)
    good = [0.95] * 100  # a lower tier that invites a step down
    false_changes, _ = rate(10_000, lambda: first_change(source, CAPABLE, 100, good))
    assert false_changes < 0.01


@pytest.mark.long
@pytest.mark.parametrize("tier", [CHEAP, CAPABLE])
def test_at_true_quality_059_the_climb_is_advised_within_40_ratings_in_95_percent(tier):
    source = beta(random.Random(59), 0.59)
    climbs, _ = rate(2_000, lambda: first_change(source, tier, 40))
    assert climbs >= 0.95


@pytest.mark.long
@pytest.mark.parametrize("make", [beta, pass_or_fail])
def test_exactly_at_the_bar_a_climb_is_advised_in_under_5_percent(make):
    source = make(random.Random(70), 0.7)
    climbs, _ = rate(1_000, lambda: first_change(source, CHEAP, 100))
    assert climbs < 0.05


@pytest.mark.long
def test_ratings_that_only_pass_or_fail_at_075_seldom_move_the_tier():
    source = pass_or_fail(random.Random(751), 0.75)
    changes, _ = rate(2_000, lambda: first_change(source, CAPABLE, 100, [0.95] * 100))
    assert changes < 0.01


@pytest.mark.long
@pytest.mark.parametrize("make", [beta, pass_or_fail])
def test_a_lower_tier_of_true_quality_085_is_stepped_down_to_in_under_5_percent(make):
    rng = random.Random(85)
    lower, steps = make(rng, 0.85), 0
    for _ in range(500):
        record: list[float] = []
        for look in range(100):
            record.append(lower())
            if look >= 9 and judge(CAPABLE, {CAPABLE: [1.0] * 100, CHEAP: record}, BARS).tier is CHEAP:
                steps += 1
                break
    assert steps / 500 < 0.05


@pytest.mark.long
def test_a_stage_that_earned_it_steps_down_within_its_100_ratings():
    source = beta(random.Random(95), 0.95, 0.05)
    lower = beta(random.Random(93), 0.93, 0.05)
    steps, _ = rate(500, lambda: first_change(source, PREMIUM, 100, [lower() for _ in range(100)]))
    assert steps > 0.9


@pytest.mark.long
def test_a_newest_100_that_slides_over_1000_ratings_stays_under_1_percent_too():
    source = beta(random.Random(1_000), 0.75)
    changes, _ = rate(200, lambda: first_change(source, CAPABLE, 1_000, [0.95] * 100))
    assert changes < 0.01


# Bands


@pytest.mark.parametrize(
    ("tier", "scores", "lower", "advised", "words"),
    [
        (CHEAP, [0.3] * 10, None, CAPABLE, "climb"),
        (CAPABLE, [0.3] * 10, None, PREMIUM, "climb"),
        (PREMIUM, [0.3] * 50, None, PREMIUM, "no tier above"),
        (CHEAP, [0.3] * 9, None, CHEAP, "9 of the 10"),
        (CHEAP, [0.68, 0.7] * 6, None, CHEAP, "the interval reaches it"),
        (CAPABLE, [0.8] * 100, [0.99] * 100, CAPABLE, "between 0.7 and 0.9"),
        (CAPABLE, [0.7] * 100, None, CAPABLE, "between"),
        (CAPABLE, [0.9] * 100, [0.99] * 100, CAPABLE, "between"),
        (PREMIUM, [0.97] * 100, [0.95] * 100, CAPABLE, "step down"),
        (CAPABLE, [0.97] * 100, [0.95] * 100, CHEAP, "step down"),
        (CAPABLE, [0.97] * 100, None, CAPABLE, "cheap has 0 of the 10"),
        (CAPABLE, [0.97] * 100, [1.0] * 9, CAPABLE, "cheap has 9 of the 10"),
        (CAPABLE, [0.97] * 100, [0.84] * 100, CAPABLE, "cheap is not above 0.85"),
        (CAPABLE, [0.97] * 100, [0.86] * 20, CAPABLE, "cheap is not above 0.85"),
        (CAPABLE, [0.91, 0.92] * 8, [0.95] * 100, CAPABLE, "the interval reaches it"),
        (CHEAP, [1.0] * 100, None, CHEAP, "no tier below"),
    ],
)  # fmt: skip
def test_the_bands(tier, scores, lower, advised, words):
    ratings = {tier: scores}
    if lower is not None:
        ratings[list(ModelTier)[list(ModelTier).index(tier) - 1]] = lower
    verdict = judge(tier, ratings, BARS)
    assert verdict.tier is advised
    assert words in verdict.why
    assert (verdict.confidence >= LEVEL) or verdict.tier is tier


def test_confidence_comes_from_the_ratings_and_not_from_their_number_alone():
    close, clear = ([score] * 20 for score in (0.65, 0.4))
    assert judge(CHEAP, {CHEAP: close}, BARS).confidence < 0.9
    assert judge(CHEAP, {CHEAP: clear}, BARS).confidence > 0.99
    assert judge(CHEAP, {CHEAP: [0.0] * 100}, BARS).confidence < 1
    assert judge(CHEAP, {}, BARS).confidence == 0.0


def test_the_order_of_the_ratings_does_not_matter():
    rng = random.Random(1)
    scores = [rng.random() for _ in range(60)]
    shuffled = rng.sample(scores, len(scores))
    assert interval(scores) == pytest.approx(interval(shuffled))


# Bounds


@given(SCORES)
def test_the_mean_is_within_its_bounds_and_they_within_0_to_1(scores):
    low, high = interval(scores)
    mean = sum(scores) / len(scores)
    assert 0 <= low <= mean + 1e-9
    assert mean - 1e-9 <= high <= 1


@given(SCORES, st.floats(0.01, 0.99))
def test_a_bar_outside_the_bounds_is_one_that_the_level_excludes(scores, bar):
    low, high = interval(scores)
    if bar < low - 0.001:
        assert level_above(scores, bar) >= LEVEL
    if bar > high + 0.001:
        assert level_below(scores, bar) >= LEVEL
    if low + 0.001 < bar < high - 0.001:
        assert max(level_above(scores, bar), level_below(scores, bar)) < LEVEL


@given(SCORES, st.floats(0.01, 0.99))
def test_below_is_above_seen_in_the_mirror_and_never_both(scores, bar):
    mirrored = [1 - score for score in scores]
    assert math.isclose(level_below(scores, bar), level_above(mirrored, 1 - bar), abs_tol=1e-9)
    assert min(level_below(scores, bar), level_above(scores, bar)) < 1e-9


@given(st.floats(0, 1), st.floats(0.01, 0.99))
def test_ratings_at_the_edges_of_the_scale_are_no_trouble(score, bar):
    for scores in ([score] * 100, [0.0] * 100, [1.0] * 100, [0.0, 1.0] * 50):
        assert 0 <= level_above(scores, bar) < 1
        assert 0 <= level_below(scores, bar) < 1
