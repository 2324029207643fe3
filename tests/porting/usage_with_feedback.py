"""A pipeline tracks what its calls cost, and rates their results. Written for the original."""

import tempfile
from pathlib import Path

from attune.telemetry import FeedbackLoop, UsageTracker


def main(_memory) -> None:
    tracker = UsageTracker(telemetry_dir=Path(tempfile.mkdtemp()), retention_days=30)
    for number, tier in enumerate(("cheap", "cheap", "capable")):
        tracker.track_llm_call(
            workflow="review", stage="summary", tier=tier, model="claude-sonnet-4-5", provider="anthropic",
            cost=0.01, tokens={"input": 1000, "output": 500}, cache_hit=number == 1, cache_type=None, duration_ms=120,
        )  # fmt: skip
    tracker.flush()
    stats = tracker.get_stats(days=7)
    print(stats["total_calls"], stats["total_tokens_input"], stats["cache_hits"])
    print(sorted(entry["tier"] for entry in tracker.get_recent_entries(limit=5)))
    loop = FeedbackLoop()
    for _ in range(40):
        loop.record_feedback("review", "summary", "cheap", 0.3)
    found = loop.get_quality_stats("review", "summary", "cheap")
    print(round(found.avg_quality, 2), found.sample_count)
    print(loop.recommend_tier("review", "summary", "cheap").recommended_tier)
    print([stage for stage, _ in loop.get_underperforming_stages("review")], loop.DOWNGRADE_TARGET_QUALITY)
    print(len(loop.get_feedback_history("review", "summary", limit=10)), loop.clear_feedback("review"))
