"""Which tier the ratings speak for: pure arithmetic, no Redis. docs/agents/feedback.md explains the rule.

Whoever asks after every rating looks a hundred times, and a fixed 95 % interval is wrong at one of those looks
far more often than in 5 %. So the bounds here hold at all looks together, for ratings of any shape within 0..1:
a bet against "the mean is at least the bar" starts with a capital of 1, stakes a fixed part on each rating, and
cannot be expected to grow while that is true. By Ville's inequality it then ever reaches 20 in at most 1 of 20
histories (Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", 2024).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .rating import ModelTier

LEVEL = 0.95
STAKES = (0.15, 0.5, 0.95)  # cautious for pass or fail, bold for ratings that hardly differ
HIGHEST_LEVEL = 0.9999  # no number of ratings makes it certain
TIERS = tuple(ModelTier)
_HALVINGS = 12
_NOTHING = 1e-6


@dataclass(frozen=True)
class RatingThresholds:
    """Where the bands begin, and how many ratings a tier needs before it is judged."""

    low: float = 0.7
    high: float = 0.9
    lower_tier: float = 0.85
    samples: int = 10


class RatingClaim(NamedTuple):
    """That the mean of these ratings is on one side of a bar."""

    scores: Sequence[float]
    bar: float
    above: bool

    @property
    def level(self) -> float:
        """How sure the ratings are of it, 0..1."""
        return (level_above if self.above else level_below)(self.scores, self.bar)


@dataclass(frozen=True)
class TierAdvice:
    """The tier to use, what is claimed of the ratings, and what follows from it."""

    tier: ModelTier
    why: str
    claims: tuple[RatingClaim, ...] = ()

    @property
    def confidence(self) -> float:
        """The level at which all claims hold; 0 without one."""
        return min((claim.level for claim in self.claims), default=0.0)


def level_above(scores: Sequence[float], bar: float) -> float:
    """The highest level at which the lower bound on the mean of `scores` is above `bar`, else 0."""
    if math.fsum(scores) <= bar * len(scores):
        return 0.0  # the capital cannot exceed 1: spares the products at most looks
    return min(HIGHEST_LEVEL, max(0.0, 1 - 1 / _capital(scores, bar)))


def level_below(scores: Sequence[float], bar: float) -> float:
    """The highest level at which the upper bound on the mean of `scores` is below `bar`, else 0."""
    return level_above([1 - score for score in scores], 1 - bar)


def interval(scores: Sequence[float]) -> tuple[float, float]:
    """Bounds on the mean, each of which holds with 95 % at all looks together."""
    return _lower_bound(scores), 1 - _lower_bound([1 - score for score in scores])


def judge(
    current: ModelTier, ratings: dict[ModelTier, Sequence[float]], bars: RatingThresholds
) -> TierAdvice:
    """What the newest ratings of `current`, and of the tier below it, advise."""
    scores = ratings.get(current, ())
    count = len(scores)
    if count < bars.samples:
        return TierAdvice(current, f"keep: {count} of the {bars.samples} ratings that a judgement needs")
    mean = math.fsum(scores) / count
    if mean < bars.low:
        return _climb(current, scores, bars)
    if mean > bars.high:
        return _step_down(current, scores, ratings, bars)
    claims = (RatingClaim(scores, bars.low, True), RatingClaim(scores, bars.high, False))
    return TierAdvice(current, f"keep: between {bars.low} and {bars.high}", claims)


def _climb(current: ModelTier, scores: Sequence[float], bars: RatingThresholds) -> TierAdvice:
    claim = RatingClaim(scores, bars.low, False)
    if current is TIERS[-1]:
        why = f"keep: below {bars.low}, but there is no tier above {current.value}"
    elif claim.level < LEVEL:
        why = f"keep: below {bars.low}, but the interval reaches it"
    else:
        current = TIERS[TIERS.index(current) + 1]
        why = f"climb: below {bars.low}"
    return TierAdvice(current, why, (claim,))


def _step_down(
    current: ModelTier,
    scores: Sequence[float],
    ratings: dict[ModelTier, Sequence[float]],
    bars: RatingThresholds,
) -> TierAdvice:
    claims = (RatingClaim(scores, bars.high, True),)
    keep = f"keep: above {bars.high}, but"
    if current is TIERS[0]:
        return TierAdvice(current, f"{keep} there is no tier below {current.value}", claims)
    if claims[0].level < LEVEL:
        return TierAdvice(current, f"{keep} the interval reaches it", claims)
    lower = TIERS[TIERS.index(current) - 1]
    record = ratings.get(lower, ())
    if len(record) < bars.samples:
        why = f"{lower.value} has {len(record)} of the {bars.samples} ratings that a judgement needs"
        return TierAdvice(current, f"{keep} {why}", claims)
    holds = RatingClaim(record, bars.lower_tier, True)
    if holds.level < LEVEL:
        why = f"the interval of {lower.value} is not above {bars.lower_tier}"
        return TierAdvice(current, f"{keep} {why}", claims)
    why = f"step down: above {bars.high}, and {lower.value} above {bars.lower_tier}"
    return TierAdvice(lower, why, (*claims, holds))


def _capital(scores: Sequence[float], bar: float) -> float:
    """What bets against "the mean is at most `bar`" have made of 1: a rating of `bar` wins and loses nothing."""
    capitals = 0.0
    for stake in STAKES:
        kept, won = 1 - stake, stake / bar
        capitals += math.prod([kept + won * score for score in scores])
    return capitals / len(STAKES)


def _lower_bound(scores: Sequence[float]) -> float:
    """The largest bar that is refuted: capital falls as the bar rises, so halving finds it."""
    refuted, standing = 0.0, math.fsum(scores) / len(scores)
    if standing < _NOTHING:
        return 0.0
    for _ in range(_HALVINGS):
        middle = (refuted + standing) / 2
        if _capital(scores, middle) * (1 - LEVEL) >= 1:
            refuted = middle
        else:
            standing = middle
    return refuted
