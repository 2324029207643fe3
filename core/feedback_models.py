"""Ratings, statistics and advice as plain records."""

from .feedback.rating import FeedbackEntry, ModelTier, QualityStats, TierRecommendation

__all__ = ["FeedbackEntry", "ModelTier", "QualityStats", "TierRecommendation"]
