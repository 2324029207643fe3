"""Recording a rating, against one script of the same writes; advice after 100 and after 10,000 ratings."""

import time
from collections.abc import Iterator

import redis

from core import FeedbackLoop
from tests.bench.measure import Bench, Row, medians, plain_client, rate_row, store_in

BATCH = 200
ROUNDS = 25
ID = "c5bd0a0e-94dd-4e45-9d9c-7d7a7a8b4c51"
RATING = (
    f'{{"at_us":1795331355624000,"feedback_id":"{ID}","quality_score":0.8125,"metadata":{{"model":"m"}}}}'
)
EVENT = (
    '{"workflow_name":"code","stage_name":"review","tier":"cheap",'
    f'"feedback_id":"{ID}","quality_score":0.8125}}'
)
WRITES = """
redis.call('LPUSH', KEYS[1], ARGV[1])
redis.call('LPUSH', KEYS[2], ARGV[2])
redis.call('LTRIM', KEYS[1], 0, 99)
redis.call('LTRIM', KEYS[2], 0, 99)
redis.call('PEXPIRE', KEYS[1], 604800000)
redis.call('PEXPIRE', KEYS[2], 604800000)
redis.call('ZADD', KEYS[3], ARGV[3], 'review:cheap')
redis.call('PEXPIRE', KEYS[3], 604800000)
redis.call('XADD', KEYS[4], 'MAXLEN', '~', 10000, '*', 'event_type', 'quality_feedback', 'source', 'core',
  'data', ARGV[4])
redis.call('PEXPIRE', KEYS[4], 604800000)
return 1
"""


def rows(bench: Bench) -> Iterator[Row]:
    client = plain_client(bench.url)
    sha = client.script_load(WRITES)
    loop = FeedbackLoop(store_in(bench.url, "feedback"))

    def floor() -> None:
        for _ in range(BATCH):
            now = int(time.time() * 1000)
            client.evalsha(
                sha, 4, "plain:ratings", "plain:scores", "plain:stages", "plain:events",
                RATING, f"{now}000:0.8125", now, EVENT,
            )  # fmt: skip

    def record() -> None:
        for _ in range(BATCH):
            loop.record_feedback("code", "review", "cheap", 0.8125, {"model": "m"})

    ours, base = medians(ROUNDS, record, floor)
    yield rate_row("record_feedback", "", ours, base, BATCH, 1.3)
    for ratings in (100, 10_000):
        yield _advice(bench, client, ratings)


def _advice(bench: Bench, client: redis.Redis, ratings: int) -> Row:
    """Every tier rated so often, and the one in use good enough that all bounds are computed."""
    loop = FeedbackLoop(store_in(bench.url, f"advice-{ratings}"))
    for number in range(ratings):
        for tier, score in (("cheap", 0.93), ("capable", 0.95), ("premium", 0.97)):
            loop.record_feedback(
                "code", "review", tier, score + (number % 5) / 100 - 0.02, {"number": number}
            )
    keys = [
        loop._store.keys.feedback_scores("code", "review", tier) for tier in ("cheap", "capable", "premium")
    ]

    def floor() -> None:
        pipeline = client.pipeline(transaction=False)
        for key in keys:
            pipeline.lrange(key, 0, -1)
        pipeline.execute()

    assert loop.recommend_tier("code", "review", "premium").recommended_tier == "capable"
    ours, base = medians(300, lambda: loop.recommend_tier("code", "review", "premium"), floor)
    return Row(
        "recommend_tier", f"{ratings:,} ratings a tier", ours * 1000, base * 1000, "ms", ours / base,
        "under 1.5 ms", ours < 0.0015,
    )  # fmt: skip
