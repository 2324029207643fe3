"""What feedback is made of: a rating, what a tier's ratings add up to, and the advice drawn from them."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Self

from ..values.records import PlainDict


class ModelTier(str, Enum):  # noqa: UP042  `StrEnum` would change how a tier prints in code that is ported to us
    """Price classes of models, from the cheapest to the most capable."""

    CHEAP = "cheap"
    CAPABLE = "capable"
    PREMIUM = "premium"


@dataclass
class FeedbackEntry(PlainDict):
    """One rating of one stage on one tier. `timestamp` is when Redis stored it."""

    feedback_id: str
    workflow_name: str
    stage_name: str
    tier: str
    quality_score: float
    timestamp: datetime
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass
class QualityStats(PlainDict):
    """The newest ratings of a stage in numbers. `tier` is `all` when no tier was asked for.

    `recent_trend` is the mean of the newer half minus that of the older, so -1..1 and above 0 when quality
    rises; of an odd number the middle one counts as older; 0 below four ratings.
    """

    workflow_name: str
    stage_name: str
    tier: str
    avg_quality: float
    min_quality: float
    max_quality: float
    sample_count: int
    recent_trend: float


@dataclass
class TierRecommendation(PlainDict):
    """The advice, and why. `stats` has the numbers of every tier that has ratings.

    `confidence` is 0..1: the highest level at which the interval on the mean lies wholly in the band that
    `reason` names. A change is advised from 0.95 up; 0.0 means that nothing is claimed yet.
    """

    current_tier: str
    recommended_tier: str
    confidence: float
    reason: str
    stats: dict[str, QualityStats]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, field by field; `stats` tier by tier."""
        return {**super().to_dict(), "stats": {tier: stats.to_dict() for tier, stats in self.stats.items()}}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_dict`. Ignores unknown keys; a missing or bad one is a ValueError naming it."""
        found = super().from_dict(data)
        for tier, stats in found.stats.items():
            if not isinstance(stats, dict):
                raise ValueError(f"stats of {tier!r} must be a dict, not {stats!r}")
            found.stats[tier] = QualityStats.from_dict(stats)
        return found
