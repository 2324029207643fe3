"""Ratings of stages by model tier, and the advice which tier to use. docs/agents/feedback.md explains the rule."""

import json
import math
import uuid
from collections.abc import Sequence
from functools import lru_cache
from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import Any

from .feedback.advice import TIERS, RatingThresholds, interval, judge
from .feedback.rating import FeedbackEntry, ModelTier, QualityStats, TierRecommendation
from .store import feedback
from .store.client import UsesStore
from .store.feedback import Score
from .store.keys import FEEDBACK_RATINGS, FEEDBACK_TTL_MS
from .values.json import encode_json_object
from .values.names import checked_name
from .values.numbers import checked_count, checked_number, shown
from .values.pairs import in_parts

__all__ = ["FeedbackEntry", "FeedbackLoop", "ModelTier", "QualityStats", "TierRecommendation"]

MAX_METADATA_BYTES = 16 * 1024
ALL_TIERS = "all"
_TIER_NAMES = tuple(tier.value for tier in TIERS)
_STAGES_AT_ONCE = 200


class FeedbackLoop(UsesStore):
    """Stores ratings and reads what they say. Every process with the same Redis sees the same ones.

    memory: None for the configured Redis, a `redis://` URL, a client of redis-py, or an object whose `_client` is one.

    A stage keeps the newest 100 ratings of each tier, each for a week. Every method raises StoreUnavailable
    when Redis is away: an id, a number or an advice is only given when it is true.

    A subclass may set MIN_SAMPLES and the three bars of quality; `recommend_tier` goes by them. FEEDBACK_TTL only
    tells, in seconds, how long ratings live: every process reads the same ones, so nobody has a lifetime of its own,
    and a subclass that sets one is a TypeError.
    """

    _SHARED = ("FEEDBACK_TTL",)

    FEEDBACK_TTL = FEEDBACK_TTL_MS // 1000
    MIN_SAMPLES = 10
    QUALITY_THRESHOLD = 0.7
    EXCELLENT_QUALITY = 0.9
    DOWNGRADE_TARGET_QUALITY = 0.85

    # Rating

    def record_feedback(
        self,
        workflow_name: str,
        stage_name: str,
        tier: str | ModelTier,
        quality_score: float,
        metadata: dict[str, Any] | None = None,
    ) -> str:
        """Store a rating and return its id: one round trip, and the event `quality_feedback`.

        tier: cheap, capable or premium, in any case. quality_score: 0..1. metadata: a JSON object of at
        most 16 KiB. Raises StoreUnavailable when the rating was not confirmed as stored, ValueError or
        TypeError for a bad argument.
        """
        checked_name(workflow_name, "workflow_name")
        checked_name(stage_name, "stage_name")
        tier_name = _checked_tier(tier, "tier").value
        score = repr(_checked_quality(quality_score, "quality_score"))
        encoded = b"{}" if metadata is None else encode_json_object(metadata, "metadata", MAX_METADATA_BYTES)
        feedback_id = str(uuid.uuid4())
        said = f'"feedback_id":"{feedback_id}","quality_score":{score}'
        command = feedback.record(
            self._store.keys,
            workflow=workflow_name,
            stage=stage_name,
            tier=tier_name,
            score=score,
            rating=f'{said},"metadata":{encoded.decode()}}}',
            event=f'{{{_about(workflow_name, stage_name)},"tier":"{tier_name}",{said}}}',
        )
        self._store.run(command)
        return feedback_id

    def record_template_feedback(self, template_id: str, rating: str) -> float:
        """Count a template as `good` or `bad`; returns its confidence with this rating."""
        checked_name(template_id, "template_id")
        if rating not in ("good", "bad"):
            raise ValueError(f"rating must be 'good' or 'bad', not {shown(rating)}")
        return _confidence(*self._store.run(feedback.rate_template(self._store.keys, template_id, rating)))

    def clear_feedback(self, workflow_name: str, stage_name: str | None = None) -> int:
        """Delete the ratings of a workflow, or of one stage of it, by exact name; returns how many."""
        checked_name(workflow_name, "workflow_name")
        if stage_name is None:
            stages = feedback.read_stages(self._store, workflow_name, _TIER_NAMES)
        else:
            stages = _every_tier_of(checked_name(stage_name, "stage_name"))
        cleared = 0
        for some in in_parts(stages, _STAGES_AT_ONCE):
            cleared += self._store.run(feedback.clear(self._store.keys, workflow_name, some))
        return cleared

    # Reading

    def get_feedback_history(
        self, workflow_name: str, stage_name: str, tier: str | ModelTier | None = None, limit: int = 100
    ) -> list[FeedbackEntry]:
        """The newest ratings, newest first, of one tier or of all; at most `limit`."""
        checked_name(workflow_name, "workflow_name")
        checked_name(stage_name, "stage_name")
        tiers = _TIER_NAMES if tier is None else (_checked_tier(tier, "tier").value,)
        checked_count(limit, "limit")
        by_tier = feedback.read_ratings(self._store, workflow_name, stage_name, tiers, limit)
        entries = [
            FeedbackEntry(
                rating.feedback_id, workflow_name, stage_name, name, rating.score, rating.at, rating.metadata
            )
            for name, ratings in zip(tiers, by_tier, strict=True)
            for rating in ratings
        ]
        entries.sort(key=lambda entry: entry.timestamp, reverse=True)
        return entries[:limit]

    def get_quality_stats(
        self, workflow_name: str, stage_name: str, tier: str | ModelTier | None = None
    ) -> QualityStats | None:
        """The newest 100 ratings in numbers, of one tier or of all together; None without a rating."""
        checked_name(workflow_name, "workflow_name")
        name = None if tier is None else _checked_tier(tier, "tier").value
        stages = _every_tier_of(checked_name(stage_name, "stage_name"))
        wanted = [stage for stage in stages if name in (None, stage[1])]
        by_tier = feedback.read_scores(self._store, workflow_name, wanted)
        newest = islice(merge(*by_tier, key=attrgetter("at_us"), reverse=True), FEEDBACK_RATINGS)
        scores = [item.score for item in newest]
        return _stats(workflow_name, stage_name, name or ALL_TIERS, scores) if scores else None

    def recommend_tier(
        self, workflow_name: str, stage_name: str, current_tier: str | ModelTier | None = None
    ) -> TierRecommendation:
        """Which tier to use for a stage, and why: one round trip.

        Below 0.7 one tier up; above 0.9 one down, where the lower tier's own ratings are above 0.85; else
        the same. Without `current_tier` it is that of the newest rating, or capable when there is none. A
        change is advised from MIN_SAMPLES ratings on, and only while the interval on each mean is wholly
        beyond its bar. The interval holds however often it is looked at.
        """
        checked_name(workflow_name, "workflow_name")
        stages = _every_tier_of(checked_name(stage_name, "stage_name"))
        current = None if current_tier is None else _checked_tier(current_tier, "current_tier")
        by_tier = dict(zip(TIERS, feedback.read_scores(self._store, workflow_name, stages), strict=True))
        if current is None:
            current = _newest_tier(by_tier)
        ratings: dict[ModelTier, Sequence[float]] = {
            tier: [item.score for item in items] for tier, items in by_tier.items() if items
        }
        verdict = judge(current, ratings, self._bars())
        stats = {
            tier.value: _stats(workflow_name, stage_name, tier.value, scores)
            for tier, scores in ratings.items()
        }
        return TierRecommendation(
            current.value,
            verdict.tier.value,
            verdict.confidence,
            f"{_described(current, ratings.get(current, ()))}; {verdict.why}",
            stats,
        )

    def get_underperforming_stages(
        self, workflow_name: str, quality_threshold: float = 0.7
    ) -> list[tuple[str, QualityStats]]:
        """Stages whose mean on a tier is below the threshold, worst first: two round trips.

        A stage stands there once for each such tier; `sample_count` says how many ratings are behind it.
        """
        checked_name(workflow_name, "workflow_name")
        threshold = _checked_quality(quality_threshold, "quality_threshold")
        stages = feedback.read_stages(self._store, workflow_name, _TIER_NAMES)
        scores = feedback.read_scores(self._store, workflow_name, stages) if stages else []
        found = [
            _stats(workflow_name, stage, tier, [item.score for item in items])
            for (stage, tier), items in zip(stages, scores, strict=True)
            if items
        ]
        worst = sorted(found, key=attrgetter("avg_quality", "stage_name", "tier"))
        return [(stats.stage_name, stats) for stats in worst if stats.avg_quality < threshold]

    def get_template_confidence(self, template_id: str) -> float:
        """good / (good + bad); 1.0 for a template that nobody rated within 90 days."""
        return _confidence(*feedback.read_template(self._store, checked_name(template_id, "template_id")))

    def _bars(self) -> RatingThresholds:
        return RatingThresholds(
            self.QUALITY_THRESHOLD, self.EXCELLENT_QUALITY, self.DOWNGRADE_TARGET_QUALITY, self.MIN_SAMPLES
        )


def _checked_tier(tier: object, argument: str) -> ModelTier:
    try:
        return ModelTier(tier.lower() if isinstance(tier, str) else tier)
    except ValueError:
        raise ValueError(f"{argument} must be one of {', '.join(_TIER_NAMES)}, not {shown(tier)}") from None


def _checked_quality(value: object, argument: str) -> float:
    return abs(checked_number(value, argument, 0, 1))  # no -0.0


@lru_cache(maxsize=1_000)
def _about(workflow: str, stage: str) -> str:
    return f'"workflow_name":{json.dumps(workflow)},"stage_name":{json.dumps(stage)}'


def _every_tier_of(stage: str) -> list[tuple[str, str]]:
    return [(stage, tier) for tier in _TIER_NAMES]


def _newest_tier(by_tier: dict[ModelTier, list[Score]]) -> ModelTier:
    newest = max(by_tier, key=lambda tier: by_tier[tier][0].at_us if by_tier[tier] else 0)
    return newest if by_tier[newest] else ModelTier.CAPABLE


def _stats(workflow: str, stage: str, tier: str, scores: Sequence[float]) -> QualityStats:
    count = len(scores)
    # The mean of equal numbers is that number: a sum of floats may end beside it.
    mean = min(max(math.fsum(scores) / count, min(scores)), max(scores))
    half = count // 2
    newer, older = scores[:half], scores[half:]
    trend = math.fsum(newer) / half - math.fsum(older) / len(older) if count >= 4 else 0.0
    return QualityStats(workflow, stage, tier, mean, min(scores), max(scores), count, trend)


def _described(tier: ModelTier, scores: Sequence[float]) -> str:
    if not scores:
        return f"{tier.value} has no rating"
    low, high = interval(scores)
    mean = math.fsum(scores) / len(scores)
    return f"{tier.value} has a mean of {mean:.2f} over {len(scores)} ratings (95 % bounds {low:.2f} and {high:.2f})"


def _confidence(good: int, bad: int) -> float:
    return good / (good + bad) if good + bad else 1.0
