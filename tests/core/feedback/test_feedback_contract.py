"""Ratings: recording, reading, clearing and advising, as documented."""

import json
import math
import uuid
from datetime import UTC

import pytest

from core import FeedbackLoop, ModelTier, QualityStats, StoreUnavailable, TierRecommendation

RATINGS = "{telemetry}:feedback:ratings:code:review:"
SCORES = "{telemetry}:feedback:scores:code:review:"
STAGES = "{telemetry}:feedback:stages:code"
EVENTS = "{telemetry}:events:stream:quality_feedback"
WEEK = 604_800
ODD_NAMES = ["*", "a:b", "🚀", "[x]", "%41", "a b", "{telemetry}:feedback:stages:x", "é" * 255, '"', "\\"]
BAD_NAMES = ["", "a\n", "\x00", "x" * 256, "\ud800"]


def record(loop: FeedbackLoop, scores, tier="cheap", stage="review", workflow="code") -> list[str]:
    return [loop.record_feedback(workflow, stage, tier, score) for score in scores]


def grow_old(raw, tier: str, seconds: float) -> None:
    """Shape what Redis holds as if these ratings had been stored so long ago."""
    for key in (RATINGS + tier, SCORES + tier):
        texts = raw.lrange(key, 0, -1)
        for index, text in enumerate(texts):
            stamp = str(json.loads(text)["at_us"]) if text.startswith(b"{") else text.decode().split(":")[0]
            older = str(int(stamp) - int(seconds * 1_000_000))
            raw.lset(key, index, text.decode().replace(stamp, older))


def test_the_constants_are_the_documented_ones():
    assert (FeedbackLoop.FEEDBACK_TTL, FeedbackLoop.MIN_SAMPLES, FeedbackLoop.QUALITY_THRESHOLD) == (
        WEEK,
        10,
        0.7,
    )
    assert [tier.value for tier in ModelTier] == ["cheap", "capable", "premium"]
    assert isinstance(ModelTier.CHEAP, str)


# Recording


def test_a_rating_comes_back_whole_with_its_id_and_the_servers_time(loop, raw):
    feedback_id = loop.record_feedback("code", "review", "cheap", 0.1 + 0.2, {"é": [1, {}, None]})
    [entry] = loop.get_feedback_history("code", "review")
    assert entry.feedback_id == feedback_id == str(uuid.UUID(feedback_id))
    assert (entry.workflow_name, entry.stage_name, entry.tier) == ("code", "review", "cheap")
    assert (entry.quality_score, entry.metadata) == (0.1 + 0.2, {"é": [1, {}, None]})
    assert entry.timestamp.tzinfo is UTC
    assert abs(entry.timestamp.timestamp() - raw.time()[0]) < 60


@pytest.mark.parametrize("tier", ["cheap", "CHEAP", "Cheap", ModelTier.CHEAP])
def test_a_tier_in_any_case_is_the_same_tier(loop, tier):
    loop.record_feedback("code", "review", tier, 0.5)
    for asked in ("cheap", "CHEAP", ModelTier.CHEAP):
        assert loop.get_quality_stats("code", "review", asked).tier == "cheap"
        assert len(loop.get_feedback_history("code", "review", asked)) == 1
        assert loop.recommend_tier("code", "review", asked).current_tier == "cheap"


@pytest.mark.anywhere
@pytest.mark.parametrize("tier", ["", "cheep", " cheap", "all", 1, b"cheap", ["cheap"]])
def test_a_tier_that_nobody_knows_is_a_value_error(loop, raw, tier):
    with pytest.raises(ValueError, match="tier"):
        loop.record_feedback("code", "review", tier, 0.5)
    for call in (loop.get_quality_stats, loop.get_feedback_history):
        with pytest.raises(ValueError, match="tier"):
            call("code", "review", tier)
    with pytest.raises(ValueError, match="current_tier"):
        loop.recommend_tier("code", "review", tier)
    assert raw.dbsize() == 0


@pytest.mark.anywhere
@pytest.mark.parametrize(
    "score", [-0.001, 1.001, 7, math.nan, math.inf, -math.inf, 2**1100], ids=lambda score: str(score)[:6]
)
def test_a_score_outside_0_to_1_is_a_value_error(loop, raw, score):
    with pytest.raises(ValueError, match="quality_score"):
        loop.record_feedback("code", "review", "cheap", score)
    assert raw.dbsize() == 0


@pytest.mark.anywhere
@pytest.mark.parametrize("score", [True, "0.5", None, [], 1j])
def test_a_score_that_is_no_number_is_a_type_error(loop, score):
    with pytest.raises(TypeError, match="quality_score"):
        loop.record_feedback("code", "review", "cheap", score)


@pytest.mark.parametrize("score", [0, 1, 0.0, 1.0, 5e-324, 1e-07, 0.1 + 0.2, -0.0])
def test_any_score_within_0_to_1_is_kept_exactly(loop, score):
    loop.record_feedback("code", "review", "cheap", score)
    [entry] = loop.get_feedback_history("code", "review")
    stats = loop.get_quality_stats("code", "review")
    assert entry.quality_score == stats.avg_quality == stats.min_quality == stats.max_quality == score


@pytest.mark.anywhere
@pytest.mark.parametrize("metadata", [[], "x", {"a": math.nan}, {1: 1}, {"a": "\ud800"}, {"a": "x" * 16_400}])
def test_bad_metadata_is_refused_by_name(loop, raw, metadata):
    with pytest.raises(ValueError, match="metadata"):
        loop.record_feedback("code", "review", "cheap", 0.5, metadata)
    assert raw.dbsize() == 0


@pytest.mark.anywhere
@pytest.mark.parametrize("name", BAD_NAMES)
def test_bad_names_are_refused_by_the_name_of_the_argument(loop, raw, name):
    for argument, calls in {
        "workflow_name": [
            lambda: loop.record_feedback(name, "s", "cheap", 0.5),
            lambda: loop.get_feedback_history(name, "s"),
            lambda: loop.get_quality_stats(name, "s"),
            lambda: loop.recommend_tier(name, "s"),
            lambda: loop.get_underperforming_stages(name),
            lambda: loop.clear_feedback(name),
        ],
        "stage_name": [
            lambda: loop.record_feedback("w", name, "cheap", 0.5),
            lambda: loop.get_feedback_history("w", name),
            lambda: loop.get_quality_stats("w", name),
            lambda: loop.recommend_tier("w", name),
            lambda: loop.clear_feedback("w", name),
        ],
        "template_id": [
            lambda: loop.record_template_feedback(name, "good"),
            lambda: loop.get_template_confidence(name),
        ],
    }.items():
        for call in calls:
            with pytest.raises(ValueError, match=argument):
                call()
    assert raw.dbsize() == 0


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_work_and_touch_nobody_else(loop, name):
    record(loop, [0.9])
    record(loop, [0.1, 0.2], workflow=name, stage=name)
    assert loop.get_quality_stats(name, name).sample_count == 2
    assert [(stage, stats.workflow_name) for stage, stats in loop.get_underperforming_stages(name)] == [
        (name, name)
    ]
    loop.record_template_feedback(name, "bad")
    assert loop.get_template_confidence(name) == 0.0
    assert loop.clear_feedback(name) == 2
    assert loop.get_quality_stats("code", "review").sample_count == 1


def test_recording_is_one_round_trip_and_reading_advice_is_one(loop, raw):
    record(loop, [0.5])
    before = raw.info("commandstats")["cmdstat_evalsha"]["calls"]
    record(loop, [0.5])
    assert raw.info("commandstats")["cmdstat_evalsha"]["calls"] == before + 1
    raw.config_resetstat()
    loop.recommend_tier("code", "review")
    calls = {name: stat["calls"] for name, stat in raw.info("commandstats").items()}
    assert calls["cmdstat_lrange"] == 3
    assert not {"cmdstat_scan", "cmdstat_keys", "cmdstat_evalsha"} & set(calls)


def test_a_rating_is_published_without_its_metadata(loop, raw):
    feedback_id = loop.record_feedback("cödé", "review", "CHEAP", 0.25, {"big": "x" * 1000})
    [(_id, fields)] = raw.xrange(EVENTS)
    assert (fields[b"event_type"], fields[b"source"]) == (b"quality_feedback", b"core")
    assert json.loads(fields[b"data"]) == {
        "feedback_id": feedback_id,
        "workflow_name": "cödé",
        "stage_name": "review",
        "tier": "cheap",
        "quality_score": 0.25,
    }


def test_ratings_and_their_index_live_for_a_week_and_templates_for_90_days(loop, raw):
    record(loop, [0.5])
    loop.record_template_feedback("t", "good")
    for key in (RATINGS + "cheap", SCORES + "cheap", STAGES):
        assert WEEK - 60 < raw.ttl(key) <= WEEK
    assert 89 * 86_400 < raw.ttl("{telemetry}:feedback:template:t") <= 90 * 86_400


def test_at_most_100_ratings_of_a_tier_are_kept(loop, raw):
    record(loop, [number / 1000 for number in range(130)])
    record(loop, [0.5], "premium")
    assert raw.llen(RATINGS + "cheap") == raw.llen(SCORES + "cheap") == 100
    history = loop.get_feedback_history("code", "review", "cheap")
    assert [entry.quality_score for entry in history] == [number / 1000 for number in range(129, 29, -1)]


def test_a_rating_older_than_a_week_counts_no_more(loop, raw):
    record(loop, [0.1, 0.2])
    grow_old(raw, "cheap", WEEK + 5)
    assert loop.get_feedback_history("code", "review") == []
    assert loop.get_quality_stats("code", "review") is None
    assert loop.recommend_tier("code", "review").stats == {}
    record(loop, [0.9])
    stats = loop.get_quality_stats("code", "review")
    assert (stats.avg_quality, stats.sample_count) == (0.9, 1)
    assert len(loop.get_feedback_history("code", "review")) == 1


def test_the_index_forgets_stages_that_were_not_rated_for_a_week(loop, raw):
    record(loop, [0.1], stage="old")
    raw.zadd(STAGES, {"old:cheap": raw.zscore(STAGES, "old:cheap") - (WEEK + 5) * 1000})
    record(loop, [0.1], stage="new")
    assert raw.zrange(STAGES, 0, -1) == [b"new:cheap"]


# Reading


def test_history_is_newest_first_of_one_tier_or_of_all_up_to_the_limit(loop):
    for number in range(30):
        loop.record_feedback("code", "review", list(ModelTier)[number % 3], number / 100)
    everything = loop.get_feedback_history("code", "review")
    assert [entry.quality_score for entry in everything] == [number / 100 for number in range(29, -1, -1)]
    assert loop.get_feedback_history("code", "review", limit=4) == everything[:4]
    cheap = [entry for entry in everything if entry.tier == "cheap"]
    assert loop.get_feedback_history("code", "review", "cheap") == cheap
    assert loop.get_feedback_history("code", "review", "cheap", 3) == cheap[:3]
    assert loop.get_feedback_history("code", "other") == []


@pytest.mark.anywhere
@pytest.mark.parametrize(("limit", "error"), [(-1, ValueError), (1.5, TypeError), (True, TypeError)])
def test_a_bad_limit_is_refused_by_name(loop, limit, error):
    with pytest.raises(error, match="limit"):
        loop.get_feedback_history("code", "review", limit=limit)


def test_statistics_of_one_tier_and_of_all_together(loop):
    record(loop, [0.2, 0.4], "cheap")
    record(loop, [0.9, 1.0], "premium")
    assert loop.get_quality_stats("code", "review", "cheap") == QualityStats(
        "code", "review", "cheap", pytest.approx(0.3), 0.2, 0.4, 2, 0.0
    )
    assert loop.get_quality_stats("code", "review") == QualityStats(
        "code", "review", "all", pytest.approx(0.625), 0.2, 1.0, 4, pytest.approx(0.65)
    )
    assert loop.get_quality_stats("code", "review", "capable") is None


def test_statistics_of_all_tiers_use_the_newest_100_of_them_together(loop):
    record(loop, [0.0] * 60, "cheap")
    record(loop, [1.0] * 90, "premium")
    stats = loop.get_quality_stats("code", "review")
    assert (stats.sample_count, stats.avg_quality) == (100, 0.9)


@pytest.mark.parametrize(
    ("scores", "trend"),
    [
        ([0.0, 0.0, 1.0, 1.0], 1.0),
        ([1.0, 1.0, 0.0, 0.0], -1.0),
        ([0.4] * 9, 0.0),
        ([0.1, 0.2, 0.3, 0.4, 0.5], 0.25),
        ([0.0, 1.0, 1.0], 0.0),
    ],
)
def test_the_trend_is_the_newer_half_minus_the_older(loop, scores, trend):
    record(loop, scores)
    assert loop.get_quality_stats("code", "review").recent_trend == pytest.approx(trend)


def test_underperforming_stages_come_worst_first_one_for_each_tier(loop):
    record(loop, [0.6] * 3, stage="bad")
    record(loop, [0.2] * 3, stage="worst:*")
    record(loop, [0.65] * 3, "capable", stage="worst:*")
    record(loop, [0.9] * 3, "premium", stage="bad")
    record(loop, [0.7] * 3, stage="fine")
    record(loop, [0.1], stage="elsewhere", workflow="other")
    found = loop.get_underperforming_stages("code")
    assert [(stage, stats.tier) for stage, stats in found] == [
        ("worst:*", "cheap"),
        ("bad", "cheap"),
        ("worst:*", "capable"),
    ]
    assert found[0][1] == loop.get_quality_stats("code", "worst:*", "cheap")
    assert [stage for stage, _ in loop.get_underperforming_stages("code", 0.3)] == ["worst:*"]
    assert len(loop.get_underperforming_stages("code", quality_threshold=1.0)) == 5
    assert loop.get_underperforming_stages("nobody") == []


@pytest.mark.anywhere
@pytest.mark.parametrize("threshold", [-0.1, 1.1, math.nan])
def test_a_bad_threshold_is_refused_by_name(loop, threshold):
    with pytest.raises(ValueError, match="quality_threshold"):
        loop.get_underperforming_stages("code", threshold)


# Clearing


def test_clearing_a_workflow_clears_all_of_its_stages_and_tiers_and_counts_them(loop, raw):
    for number in range(250):
        record(loop, [0.5], stage=f"stage {number}")
    record(loop, [0.5] * 3, "premium", stage="stage 7")
    record(loop, [0.5], workflow="code2")
    assert loop.clear_feedback("code") == 253
    assert loop.clear_feedback("code") == 0
    assert not raw.exists(STAGES)
    assert loop.get_quality_stats("code2", "review").sample_count == 1


def test_clearing_a_stage_works_without_its_index_and_leaves_the_others(loop, raw):
    record(loop, [0.5] * 2)
    record(loop, [0.5], "premium")
    record(loop, [0.5], stage="other")
    raw.delete(STAGES)
    assert loop.clear_feedback("code", "review") == 3
    assert loop.get_feedback_history("code", "review") == []
    assert loop.get_quality_stats("code", "other").sample_count == 1


# Advice: the arithmetic is in test_feedback_advice.py


def test_a_bad_tier_climbs_and_says_why(loop):
    record(loop, [0.3, 0.4] * 10, "cheap")
    advice = loop.recommend_tier("code", "review", "cheap")
    assert isinstance(advice, TierRecommendation)
    assert (advice.current_tier, advice.recommended_tier) == ("cheap", "capable")
    assert advice.recommended_tier == ModelTier.CAPABLE
    assert 0.95 <= advice.confidence < 1
    for words in ("cheap", "mean of 0.35 over 20 ratings", "95 % bounds", "below 0.7"):
        assert words in advice.reason
    assert advice.stats == {"cheap": loop.get_quality_stats("code", "review", "cheap")}


def test_premium_below_the_bar_has_nowhere_to_climb_and_says_so(loop):
    record(loop, [0.2] * 30, "premium")
    advice = loop.recommend_tier("code", "review", "PREMIUM")
    assert (advice.current_tier, advice.recommended_tier) == ("premium", "premium")
    assert "no tier above premium" in advice.reason


def test_a_step_down_needs_the_lower_tiers_own_record(loop):
    record(loop, [0.97, 0.99] * 50, "premium")
    assert loop.recommend_tier("code", "review", "premium").recommended_tier == "premium"
    record(loop, [0.95] * 60, "cheap")
    assert loop.recommend_tier("code", "review", "premium").recommended_tier == "premium"
    record(loop, [0.95] * 60, "capable")
    advice = loop.recommend_tier("code", "review", "premium")
    assert (advice.recommended_tier, set(advice.stats)) == ("capable", {"cheap", "capable", "premium"})
    assert "step down" in advice.reason


def test_without_a_current_tier_it_is_that_of_the_newest_rating_or_capable(loop):
    nothing = loop.recommend_tier("code", "review")
    assert (nothing.current_tier, nothing.recommended_tier, nothing.confidence) == ("capable", "capable", 0.0)
    assert (nothing.stats, "no rating" in nothing.reason) == ({}, True)
    record(loop, [0.5] * 3, "premium")
    record(loop, [0.5], "cheap")
    assert loop.recommend_tier("code", "review").current_tier == "cheap"
    record(loop, [0.5], "premium")
    assert loop.recommend_tier("code", "review").current_tier == "premium"


def test_nothing_is_configured_until_it_is_used(monkeypatch, tmp_path):
    monkeypatch.delenv("REDIS_URL", raising=False)
    loop = FeedbackLoop(f"unix://{tmp_path}/absent.sock")
    with pytest.raises(StoreUnavailable):
        loop.record_feedback("code", "review", "cheap", 0.5)
