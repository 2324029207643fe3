"""What the tests of usage share: a price book of literal prices, and trackers that are closed again."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from core.usage.pricing import PriceBook
from core.usage_tracker import UsageTracker

PREMIUM = "acme=large,beta=grand,gone=vanished"
PRICES = [
    {"model": "acme/large", "input": "15", "output": "75", "cache_read": "1.5", "cache_write": "18.75"},
    {"model": "acme/middle", "input": "3", "output": "15", "cache_read": "0.3", "cache_write": "3.75"},
    {"model": "acme/small", "input": "0.25", "output": "1.25", "cache_read": "0.03", "cache_write": "0.3"},
    {"model": "acme/huge", "input": "30", "output": "150"},
    {"model": "beta/grand", "input": "2.5", "output": "10", "cache_read": "1.25"},
    {"model": "beta/tiny", "input": "0.0375", "output": "0.15"},
    {"model": "solo/only", "input": "1", "output": "2", "cache_read": "0.1", "cache_write": "1.25"},
    {"model": "gone/here", "input": "1", "output": "2"},
]


def book(premium: str = PREMIUM) -> PriceBook:
    return PriceBook(premium, json.dumps(PRICES))


def call(**changes: Any) -> dict[str, Any]:
    """The arguments of a plain call."""
    return {
        "workflow": "review",
        "stage": "analysis",
        "tier": "capable",
        "model": "middle",
        "provider": "acme",
        "cost": Decimal("0.0105"),
        "tokens": {"input": 1000, "output": 500},
        "cache_hit": False,
        "cache_type": None,
        "duration_ms": 120,
        **changes,
    }


def track(tracker: UsageTracker, count: int = 1, **changes: Any) -> None:
    for _ in range(count):
        tracker.track_llm_call(**call(**changes))


@contextmanager
def shipped_by_hand(folder: Path, url: str) -> Iterator[UsageTracker]:
    """A tracker that ships when a test calls `flush`, and not before."""
    tracker = UsageTracker(folder, memory=url, price_book=book())
    tracker._shipper.notice = lambda: None
    yield tracker
    tracker._shipper.close(30)
