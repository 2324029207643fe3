"""Recorded calls for tests of pages, written as the recorder writes them but in one go."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from core.history.usage.calls import rebuild_hours
from core.models import LLMCall


def a_call(call_id: str, at: datetime | None = None, **changes: Any) -> LLMCall:
    moment = at or datetime.now(UTC)
    fields: dict[str, Any] = {
        "call_id": call_id, "at": moment, "shipped_at": moment, "agent_id": "reviewer", "workflow": "review",
        "stage": "read", "tier": "capable", "model": "middle", "provider": "acme", "cost_nano": 10_500_000,
        "book_nano": 10_500_000, "uncached_nano": 10_500_000, "baseline_nano": 52_500_000, "input_tokens": 1000,
        "output_tokens": 500, "cache_read_tokens": 0, "cache_write_tokens": 0, "cache_hit": False,
        "prompt_cache_hit": False, "duration_ms": 1240.5,
    }  # fmt: skip
    return LLMCall(**fields | changes)


def keep(calls: Iterable[LLMCall]) -> None:
    LLMCall.objects.bulk_create(calls, batch_size=1000)
    rebuild_hours()


def many(count: int, days: int = 7) -> Iterable[LLMCall]:
    """Calls spread evenly over the last days, of a few kinds."""
    now = datetime.now(UTC)
    for number in range(count):
        yield a_call(
            f"call {number}",
            now - timedelta(days=days) * (number / count),
            workflow=f"flow {number % 3}",
            model=f"model {number % 12}",
        )
