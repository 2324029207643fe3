"""Metrics as calls: the tokens of an interval are a row, and only where a setting says that nothing else tells them."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from core.api.otlp.calls import (
    LONGEST_US,
    MICROS,
    as_name,
    counted,
    digest,
    dollars,
    first,
    moment,
    priced_as_told,
    words_of,
    workflow_of,
)
from core.api.otlp.records import Attributes, Point
from core.usage.call import Call
from core.usage.quantities import Quantities

TYPES = ("type", "token_type", "gen_ai.token.type")
MODELS = ("model", "gen_ai.response.model", "gen_ai.request.model")
PROVIDERS = ("gen_ai.provider.name", "gen_ai.system")
COST = "cost"
LONGEST_RESOURCE = 4_000  # characters


class Meter(NamedTuple):
    """A metric that counts tokens by a type, or dollars. `inside`: its input counts what a cache had."""

    kinds: Mapping[str, str]
    provider: str = ""
    inside: bool = True
    beside: bool = False  # thoughts and prompts of tools are told beside output and input


_OF_CONVENTION = {"input": "input", "output": "output", "completion": "output"}
_ONE = "gen_ai.client.inference.usage."
METERS = {
    "claude_code.token.usage": Meter(
        {"input": "input", "output": "output", "cacheRead": "read", "cacheCreation": "write"}, "anthropic", False
    ),
    "claude_code.cost.usage": Meter({"": COST}, "anthropic", False),
    "codex.turn.token_usage": Meter(
        {"input": "input", "output": "output", "cached_input": "read", "reasoning_output": "reasoning"}, "openai"
    ),
    "gemini_cli.token.usage": Meter(
        {"input": "input", "output": "output", "cache": "read", "thought": "reasoning", "tool": "tools"},
        "google", beside=True,
    ),
    "gen_ai.client.token.usage": Meter(_OF_CONVENTION),
    f"{_ONE}input_tokens": Meter({"": "input"}),
    f"{_ONE}output_tokens": Meter({"": "output"}),
    f"{_ONE}cache_read.input_tokens": Meter({"": "read"}),
    f"{_ONE}cache_write.input_tokens": Meter({"": "write"}),
    f"{_ONE}reasoning.output_tokens": Meter({"": "reasoning"}),
}  # fmt: skip


class Interval:
    """What one source counted of one model from a start to an end; of a running sum to nobody knows when.

    ValueError for a point whose model or provider can be no name.
    """

    def __init__(self, point: Point, meter: Meter) -> None:
        self.point, self.meter, said = point, meter, point.attributes
        self.model = as_name(first(said, MODELS), "model")
        self.provider = as_name(first(said, PROVIDERS), "provider") or meter.provider
        self.amounts: dict[str, int] = defaultdict(int)
        self.cost: Decimal | None = None

    def take(self, point: Point, meter: Meter) -> None:
        """One more of its points; ValueError for a value that is none."""
        kind = meter.kinds.get(str(first(point.attributes, TYPES) or ""), "")
        if kind == COST:
            self.cost = max(self.cost or Decimal(0), dollars(point.value, point.name))
        elif kind:
            # A collector may hand on the same point twice, and a running sum several times.
            self.amounts[kind] = max(self.amounts[kind], counted(point.value, point.name))

    def call(self, call_id: str, agent: str, now: float) -> Call:
        """As a call of this agent; ValueError for a bad provider."""
        point = self.point
        # A running sum grows, and its row with it: it stays where its beginning put it.
        at = moment(point.at, now)
        if point.cumulative and point.start:
            at = max(point.start // 1000, int(now * MICROS) - LONGEST_US)
        workflow = workflow_of(point.resource, point.name)
        words = words_of(self.model, self.provider, workflow=workflow, stage="metrics")
        return priced_as_told(
            self._quantities(),
            self.cost,
            words,
            call_id=call_id,
            us=at,
            duration_ms=0,
            agent_id=agent,
        )

    def _quantities(self) -> Quantities:
        amounts, meter = self.amounts, self.meter
        asked, read, write = amounts["input"], amounts["read"], amounts["write"]
        if meter.inside and read + write <= asked:
            asked -= read + write
        thought = amounts["reasoning"]
        said = amounts["output"] + (thought if meter.beside else 0)
        return Quantities(
            input=asked + amounts["tools"],
            output=said,
            cache_read=read,
            cache_write=write,
            reasoning=min(thought, said),
        )


def intervals(
    points: Iterable[Point], agent_of: Callable[[Point], str], refuse: Any, now: float
) -> list[Call]:
    """Points that belong together as calls; `refuse` hears of each that is none of what its name says."""
    found: dict[str, Interval] = {}
    resources: dict[int, Any] = {}  # that of thousands of points is looked at once
    for point in points:
        meter = METERS.get(point.name)
        if meter is None:
            continue
        resource = resources.get(id(point.resource))
        if resource is None:
            resource = resources[id(point.resource)] = _in_short(point.resource)
        name = digest("interval", _series(point, resource))
        try:
            moment(point.at, now)
            found.setdefault(name, Interval(point, meter)).take(point, meter)
        except ValueError as error:
            refuse(str(error))
    made = []
    for name, interval in found.items():
        if not (interval.amounts or interval.cost):
            continue
        try:
            made.append(interval.call(name, agent_of(interval.point), now))
        except ValueError as error:
            refuse(str(error))
    return made


def _series(point: Point, resource: Any) -> list[Any]:
    """What points of one interval share: all but the type of their tokens, and the end of a running sum."""
    said: Attributes = {name: value for name, value in point.attributes.items() if name not in TYPES}
    return [said, resource, point.start, None if point.cumulative else point.at]


def _in_short(resource: Attributes) -> Any:
    """What stands for a resource in the name of each of its points: itself, or of a far larger one its digest."""
    size = sum(len(name) + len(str(value)) for name, value in resource.items())
    return resource if size <= LONGEST_RESOURCE else digest("resource", resource)
