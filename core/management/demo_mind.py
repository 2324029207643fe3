"""The models of the demo agents: no model is asked, but every call is tracked and rated as an agent's would be."""

import random
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from core import FeedbackLoop, UsageTracker
from core.usage.pricing import configured_book
from core.usage.quantities import Quantities
from core.usage.valuation import value

PREMIUM_MODELS = "anthropic=claude-opus-4-1,openai=gpt-5"
RATED_SHARE = 0.25


class DemoModel(NamedTuple):
    """A model that the price book knows, and how good its work is on average."""

    provider: str
    name: str
    tier: str
    quality: float


SMALL = DemoModel("anthropic", "claude-haiku-4-5", "cheap", 0.74)
QUICK = DemoModel("openai", "gpt-5-mini", "cheap", 0.79)
MIDDLE = DemoModel("anthropic", "claude-sonnet-4-5", "capable", 0.88)
LARGE = DemoModel("anthropic", "claude-opus-4-1", "premium", 0.95)


class DemoMind:
    """What one demo agent thinks with: a long instruction that its provider caches, and a model by stage."""

    def __init__(self, agent_id: str, workflow: str) -> None:
        self._agent_id, self._workflow = agent_id, workflow
        self._tracker, self._feedback = UsageTracker.get_instance(), FeedbackLoop()
        self._book = configured_book()
        self._instruction = random.randint(3_000, 9_000)
        self._cached: set[tuple[str, str]] = set()

    def think(self, stage: str, model: DemoModel) -> None:
        """One call at what the book says it costs, now and then a few percent more, and sometimes a rating of it."""
        warm = (stage, model.name) in self._cached and random.random() < 0.9
        self._cached.add((stage, model.name))
        tokens = Quantities(
            input=random.randint(200, 2_500),
            output=random.randint(80, 900),
            cache_read=self._instruction if warm else 0,
            cache_write=0 if warm else self._instruction,
        )
        price = value(self._book, model.provider, model.name, tokens, datetime.now(UTC)).prices.book or 0
        self._tracker.track_llm_call(
            workflow=self._workflow,
            stage=stage,
            tier=model.tier,
            model=model.name,
            provider=model.provider,
            cost=Decimal(price * random.choice((100, 100, 100, 103)) // 100).scaleb(-9),  # type: ignore[arg-type]
            tokens={"input": tokens.input, "output": tokens.output},
            cache_hit=False,
            cache_type=None,
            duration_ms=random.randint(400, 1_500) + tokens.output * 9,
            prompt_cache_hit=warm,
            prompt_cache_read_tokens=tokens.cache_read,
            prompt_cache_creation_tokens=tokens.cache_write,
            agent_id=self._agent_id,
        )
        if random.random() < RATED_SHARE:
            score = min(1.0, max(0.0, random.gauss(model.quality, 0.06)))
            self._feedback.record_feedback(self._workflow, stage, model.tier, score)
