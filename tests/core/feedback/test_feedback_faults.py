"""The original's faults in feedback, each named; outages, damaged records and many processes at once."""

import json
import subprocess
import sys
from functools import partial

import pytest

from core import FeedbackLoop, MalformedRecord, ModelTier, StoreRefused, StoreUnavailable
from tests.servers import client_of

RATINGS = "{telemetry}:feedback:ratings:code:review:cheap"
SCORES = "{telemetry}:feedback:scores:code:review:cheap"
STAGES = "{telemetry}:feedback:stages:code"
TEMPLATE = "{telemetry}:feedback:template:t"


def record(loop: FeedbackLoop, scores, tier="cheap", stage="review", workflow="code") -> None:
    for score in scores:
        loop.record_feedback(workflow, stage, tier, score)


# The original's faults


def test_statistics_use_the_newest_ratings_not_the_first_100_stored(loop):
    record(loop, [1.0] * 100)
    record(loop, [0.2] * 100)
    assert loop.get_quality_stats("code", "review", "cheap").avg_quality == 0.2
    assert {entry.quality_score for entry in loop.get_feedback_history("code", "review")} == {0.2}
    assert loop.recommend_tier("code", "review", "cheap").recommended_tier == "capable"


def test_a_rating_stored_as_upper_case_cheap_is_found(loop):
    record(loop, [0.4], "CHEAP")
    record(loop, [0.6], "cheap")
    assert loop.get_quality_stats("code", "review", ModelTier.CHEAP).sample_count == 2
    assert [entry.tier for entry in loop.get_feedback_history("code", "review", "Cheap")] == ["cheap"] * 2


def test_clearing_code_leaves_code_review(loop):
    record(loop, [0.5] * 2, workflow="code")
    record(loop, [0.5] * 3, workflow="code:review")
    record(loop, [0.5] * 4, stage="review:deep")
    record(loop, [0.5], workflow="code*")
    assert loop.clear_feedback("code", "review") == 2
    assert loop.get_quality_stats("code", "review:deep").sample_count == 4
    assert loop.clear_feedback("code") == 4
    assert loop.get_quality_stats("code:review", "review").sample_count == 3
    assert loop.get_quality_stats("code*", "review").sample_count == 1
    assert loop.clear_feedback("*") == 0


@pytest.mark.parametrize("count", range(1, 10))
def test_one_rating_moves_no_tier_and_claims_no_confidence(loop, count):
    record(loop, [0.0] * count)
    record(loop, [1.0] * count, "premium")
    for tier in ModelTier:
        advice = loop.recommend_tier("code", "review", tier)
        assert (advice.recommended_tier, advice.confidence) == (tier, 0.0)
        assert "of the 10 ratings" in advice.reason


WRITER = """
import sys
from functools import partial
from core import FeedbackLoop
loop = FeedbackLoop(sys.argv[1])
for number in range(int(sys.argv[3])):
    loop.record_feedback("code", "review", "cheap", 0.25, {"writer": sys.argv[2], "number": number})
    loop.record_feedback("code", sys.argv[2], "premium", 0.75)
    loop.record_template_feedback("t", "good" if number % 4 else "bad")
"""


def test_all_processes_share_one_store(loop, url, raw):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, url, name, "80"]) for name in ("a", "b")]
    assert [writer.wait(60) for writer in writers] == [0] * 2
    history = loop.get_feedback_history("code", "review")
    assert len(history) == raw.llen(RATINGS) == raw.llen(SCORES) == 100
    for name in "ab":
        numbers = [entry.metadata["number"] for entry in history if entry.metadata["writer"] == name]
        assert numbers == sorted(numbers, reverse=True)
        assert loop.get_quality_stats("code", name).sample_count == 80
    assert loop.get_template_confidence("t") == 0.75
    assert raw.xlen("{telemetry}:events:stream:quality_feedback") == 320
    assert len({entry.feedback_id for entry in history}) == 100


# Outages: nothing is returned that is not true


def calls(loop: FeedbackLoop):
    return [
        lambda: loop.record_feedback("code", "review", "cheap", 0.5),
        lambda: loop.record_template_feedback("t", "good"),
        lambda: loop.get_feedback_history("code", "review"),
        lambda: loop.get_quality_stats("code", "review"),
        lambda: loop.recommend_tier("code", "review"),
        lambda: loop.get_underperforming_stages("code"),
        lambda: loop.get_template_confidence("t"),
        lambda: loop.clear_feedback("code"),
        lambda: loop.clear_feedback("code", "review"),
    ]


def test_a_server_that_is_away_is_said_and_no_id_is_returned(server):
    loop = FeedbackLoop(server.url)
    record(loop, [0.5])
    server.stop()
    for call in calls(loop):
        with pytest.raises(StoreUnavailable):
            call()
    server.start()
    record(loop, [0.25])
    assert loop.get_feedback_history("code", "review")[0].quality_score == 0.25


def test_a_hung_server_holds_a_rating_for_two_seconds_at_most(server):
    loop = FeedbackLoop(server.url)
    record(loop, [0.5])
    server.hang()
    with pytest.raises(StoreUnavailable, match="does not answer"):
        record(loop, [0.5])
    server.resume()
    assert loop.get_quality_stats("code", "review").sample_count >= 1


def test_a_lost_reply_gives_no_id_and_no_second_rating(proxy, loop):
    record(FeedbackLoop(proxy.url), [0.5])
    proxy.lose_reply_to(b"EVALSHA")
    with pytest.raises(StoreUnavailable):
        record(FeedbackLoop(proxy.url), [0.5])
    assert proxy.lost == 1
    assert loop.get_quality_stats("code", "review").sample_count == 2


def test_a_full_server_stores_nothing_and_says_so(server):
    loop = FeedbackLoop(server.url)
    record(loop, [0.5])
    client_of(server.url).config_set("maxmemory", 1)
    with pytest.raises(StoreRefused):
        record(loop, [0.5])
    client_of(server.url).config_set("maxmemory", 0)
    assert loop.get_quality_stats("code", "review").sample_count == 1


def test_an_emptied_server_is_met_with_no_ratings_and_loads_the_script_again(loop, raw):
    record(loop, [0.5])
    raw.flushall()
    raw.script_flush()
    assert loop.get_quality_stats("code", "review") is None
    record(loop, [0.5])
    assert loop.get_quality_stats("code", "review").sample_count == 1


# Damaged records


BAD_RATINGS = [
    "not json",
    "[]",
    "null",
    "{}",
    b"\xff",
    '{"at_us":' * 100_000,
    '{"at_us":%d,"feedback_id":"x","quality_score":NaN,"metadata":{}}',
    '{"at_us":%d,"feedback_id":"x","quality_score":1e999,"metadata":{}}',
    '{"at_us":%d,"feedback_id":"x","quality_score":7,"metadata":{}}',
    '{"at_us":%d,"feedback_id":"x","quality_score":true,"metadata":{}}',
    '{"at_us":%d,"feedback_id":5,"quality_score":0.5,"metadata":{}}',
    '{"at_us":%d,"feedback_id":"x","quality_score":0.5,"metadata":[]}',
    '{"at_us":%d,"feedback_id":"x","quality_score":0.5}',
    '{"at_us":"soon","feedback_id":"x","quality_score":0.5,"metadata":{}}',
    '{"at_us":999999999999999999999999,"feedback_id":"x","quality_score":0.5,"metadata":{}}',
    "x" * 5_000_000,
]


@pytest.mark.parametrize("bad", BAD_RATINGS, ids=lambda bad: str(bad)[:24])
def test_a_rating_that_cannot_be_read_is_set_aside_alone(loop, raw, caplog, bad):
    record(loop, [0.25, 0.75])
    now = json.loads(raw.lindex(RATINGS, 0))["at_us"]
    raw.lpush(RATINGS, bad.replace("%d", str(now)) if isinstance(bad, str) else bad)
    assert [entry.quality_score for entry in loop.get_feedback_history("code", "review")] == [0.75, 0.25]
    assert "set aside" in caplog.text
    record(loop, [0.5])
    assert loop.get_quality_stats("code", "review").avg_quality == 0.5


@pytest.mark.parametrize(
    "bad", ["", "x", ":", "1:", ":0.5", "%d:nan", "%d:7", "%d:-1", "%d:inf", b"\xff:0.5"]
)
def test_a_score_that_cannot_be_read_leaves_the_statistics_unharmed(loop, raw, bad):
    record(loop, [0.25, 0.75])
    now = raw.lindex(SCORES, 0).decode().split(":")[0]
    raw.rpush(SCORES, bad.replace("%d", now) if isinstance(bad, str) else bad)
    raw.lpush(SCORES, bad.replace("%d", now) if isinstance(bad, str) else bad)
    stats = loop.get_quality_stats("code", "review")
    assert (stats.avg_quality, stats.sample_count) == (0.5, 2)
    assert loop.recommend_tier("code", "review").stats["cheap"] == loop.get_quality_stats(
        "code", "review", "cheap"
    )
    record(loop, [0.5])
    assert loop.get_quality_stats("code", "review").sample_count == 3


@pytest.mark.parametrize(
    "member", ["", "no tier", "review:all", "a b:cheap", "%00:cheap", ":cheap", "%ff:cheap"]
)
def test_a_member_of_the_index_that_names_nothing_is_set_aside(loop, raw, member):
    record(loop, [0.25])
    raw.zadd(STAGES, {member: raw.zscore(STAGES, "review:cheap")})
    assert [stage for stage, _ in loop.get_underperforming_stages("code")] == ["review"]
    assert loop.clear_feedback("code") == 1


@pytest.mark.parametrize("key", [RATINGS, SCORES, STAGES])
def test_a_key_of_the_wrong_type_stores_nothing_and_harms_no_other_stage(loop, raw, key):
    record(loop, [0.5], stage="other")
    raw.delete(key)
    raw.set(key, "x")
    before = {name: raw.type(name) for name in raw.scan_iter()}
    with pytest.raises(StoreUnavailable):
        record(loop, [0.5])
    assert {name: raw.type(name) for name in raw.scan_iter()} == before
    assert loop.get_quality_stats("code", "other").sample_count == 1
    if key != STAGES:
        assert loop.get_feedback_history("code", "review") == []
        assert loop.recommend_tier("code", "review").confidence == 0.0
        assert loop.clear_feedback("code", "review") == 0
        record(loop, [0.5])
        assert loop.get_quality_stats("code", "review").sample_count == 1


@pytest.mark.parametrize("value", ["x", "-1", "1.5", ""])
def test_a_template_with_a_count_that_is_none_is_named(loop, raw, value):
    raw.hset(TEMPLATE, "good", value or "x")
    for ask in (loop.get_template_confidence, partial(loop.record_template_feedback, rating="bad")):
        with pytest.raises(MalformedRecord, match="'t'"):
            ask("t")
