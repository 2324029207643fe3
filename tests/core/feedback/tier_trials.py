"""Trials of the advice on made-up ratings, asked after every rating.

`python -m tests.core.feedback.tier_trials` prints the rates that docs/agents/feedback.md quotes.
"""

import random
import statistics
from collections.abc import Callable

from core import ModelTier
from core.feedback.advice import RatingThresholds, judge

CHEAP, CAPABLE, PREMIUM = ModelTier
BARS = RatingThresholds()
Source = Callable[[], float]


def beta(rng: random.Random, mean: float, sd: float = 0.15) -> Source:
    """Ratings with this mean and standard deviation."""
    both = mean * (1 - mean) / sd**2 - 1
    return lambda: rng.betavariate(mean * both, (1 - mean) * both)


def pass_or_fail(rng: random.Random, mean: float) -> Source:
    """Ratings that are 0 or 1."""
    return lambda: float(rng.random() < mean)


def first_change(
    source: Source, tier: ModelTier, looks: int, lower: list[float] | None = None, window: int = 100
) -> int | None:
    """At which rating of a fresh history another tier is advised, asking after each; None if never."""
    scores: list[float] = []
    others = (
        {} if lower is None or tier is CHEAP else {list(ModelTier)[list(ModelTier).index(tier) - 1]: lower}
    )
    for look in range(1, looks + 1):
        scores.append(source())
        del scores[:-window]
        if look >= BARS.samples and judge(tier, {**others, tier: scores}, BARS).tier is not tier:
            return look
    return None


def rate(trials: int, run: Callable[[], int | None]) -> tuple[float, float | None]:
    """The part of the trials in which a change was advised, and the median rating of it."""
    changes = [look for look in (run() for _ in range(trials)) if look is not None]
    return len(changes) / trials, statistics.median(changes) if changes else None


def main(trials: int = 10_000) -> None:
    rng = random.Random(20260301)
    good = [0.95] * 100
    for name, source, tier, looks in [
        ("beta 0.75, any change within 100", beta(rng, 0.75), CAPABLE, 100),
        ("beta 0.70, any change within 100", beta(rng, 0.70), CAPABLE, 100),
        ("beta 0.65, the climb within 100", beta(rng, 0.65), CHEAP, 100),
        ("beta 0.59, the climb within 40", beta(rng, 0.59), CHEAP, 40),
        ("0 or 1, 0.75, any change within 100", pass_or_fail(rng, 0.75), CAPABLE, 100),
        ("0 or 1, 0.70, any change within 100", pass_or_fail(rng, 0.70), CAPABLE, 100),
        ("0 or 1, 0.40, the climb within 40", pass_or_fail(rng, 0.40), CHEAP, 40),
        ("beta 0.95, sd 0.05, step down within 100", beta(rng, 0.95, 0.05), PREMIUM, 100),
        ("beta 0.93, sd 0.05, step down within 100", beta(rng, 0.93, 0.05), PREMIUM, 100),
        ("beta 0.90, sd 0.15, step down within 100", beta(rng, 0.90), PREMIUM, 100),
        ("beta 0.75, any change within 1,000", beta(rng, 0.75), CAPABLE, 1_000),
    ]:
        count = trials if looks <= 100 else trials // 10
        part, median = rate(count, lambda: first_change(source, tier, looks, good))  # noqa: B023
        print(f"{name:42} {part * 100:6.2f} % of {count:6,}   median at {median}", flush=True)


if __name__ == "__main__":
    main()
