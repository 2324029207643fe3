"""Falling back from the capable to the premium model: how often, and what it cost.

An attempt is a call of the tier `capable`. It fell back when the next call of the same workflow, stage and agent,
of the tiers `capable` and `premium`, is a premium one and was tracked at most a window later.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from .call import Call
from .money import dollars

CAPABLE, PREMIUM = "capable", "premium"
WINDOW_SECONDS = 300


@dataclass
class Fallbacks:
    """Sums over attempts; money in nano-dollars. `actual` and `always_premium` are of the same attempts."""

    attempts: int = 0
    fallbacks: int = 0
    direct_premium: int = 0
    actual: int = 0
    always_premium: int = 0
    not_compared: int = 0
    not_compared_cost: int = 0

    def __add__(self, other: "Fallbacks") -> "Fallbacks":
        names = [field.name for field in fields(self)]
        return Fallbacks(*(getattr(self, name) + getattr(other, name) for name in names))

    def answer(self) -> dict[str, Any]:
        """As callers see it: money in Decimal dollars, rates in percent, None where nothing was tried."""
        saved = self.always_premium - self.actual
        return {
            "attempts": self.attempts,
            "fallbacks": self.fallbacks,
            "success_rate": _percent(self.attempts - self.fallbacks, self.attempts),
            "direct_premium_calls": self.direct_premium,
            "actual_cost": dollars(self.actual),
            "always_premium_cost": dollars(self.always_premium),
            "savings": dollars(saved),
            "savings_percent": _percent(saved, self.always_premium),
            "not_compared_calls": self.not_compared,
            "not_compared_cost": dollars(self.not_compared_cost),
        }


def find_fallbacks(calls: Iterable[Call], window_seconds: float = WINDOW_SECONDS) -> dict[str, Fallbacks]:
    """Sums by workflow. `calls` come oldest first; one call per workflow, stage and agent is held at a time."""
    found: dict[str, Fallbacks] = {}
    waiting: dict[tuple[str, str, str], Call] = {}
    for call in calls:
        if call.tier not in (CAPABLE, PREMIUM):
            continue
        sums = found.setdefault(call.workflow, Fallbacks())
        before = waiting.pop((call.workflow, call.stage, call.agent_id), None)
        if call.tier == CAPABLE:
            waiting[call.workflow, call.stage, call.agent_id] = call
        if before is not None and call.tier == PREMIUM and call.us - before.us <= window_seconds * 1e6:
            _add_fallback(sums, before, call)
            continue
        sums.direct_premium += call.tier == PREMIUM
        if before is not None:
            _add_success(sums, before)
    for call in waiting.values():
        _add_success(found[call.workflow], call)
    return found


def _add_fallback(sums: Fallbacks, attempt: Call, premium: Call) -> None:
    """Always-premium would have made the second call alone."""
    sums.attempts += 1
    sums.fallbacks += 1
    sums.actual += attempt.cost + premium.cost
    sums.always_premium += premium.cost


def _add_success(sums: Fallbacks, attempt: Call) -> None:
    """At the premium model it had cost as much more as the same tokens cost there without a cache."""
    sums.attempts += 1
    if attempt.baseline is None or not attempt.uncached:
        sums.not_compared += 1
        sums.not_compared_cost += attempt.cost
        return
    sums.actual += attempt.cost
    sums.always_premium += (2 * attempt.cost * attempt.baseline + attempt.uncached) // (2 * attempt.uncached)


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
