"""Read the usage that a provider's answer holds, as it is: Anthropic, OpenAI, Google, Bedrock and those alike.

Providers count alike things differently: what was cached is inside of the input or beside it, thoughts are inside
of the output or beside it. Here every shape becomes the same `Quantities`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..values.attributes import as_mapping, child, plain_text, text_of
from .provider_shapes import (
    SHAPES,
    STANDARD,
    WRAPPERS,
    Reader,
    Surroundings,
    fit,
    shape_of,
)
from .quantities import Quantities

_SHAPED = frozenset(SHAPES)
_DEPTH = 6  # of wrappings around a usage object


def read_usage(
    usage: object, *, service_tier: str | None = None, batch: bool = False, strict: bool = False
) -> Quantities:
    """The quantities of a call, from a provider's whole answer or the usage part of it; a dict or an SDK's object.

    service_tier, batch: what the answer does not say itself. Whatever is odd is told in `incomplete`, and the good
    part is kept; with `strict` it is a ValueError that names the field.
    """
    answer = _Answer()
    found = _find(usage, answer, _DEPTH)
    reader = Reader(found or {})
    values: dict[str, Any] = {}
    if found is None:
        reader.odd.append(f"usage: a {type(usage).__name__} without any count that is known")
    else:
        values = shape_of(found)(reader, Surroundings(answer.model, answer.searches))
        reader.note_extra()
        fit(values, reader.odd)
    told_tier = answer.service_tier if service_tier is None else service_tier
    if strict and reader.odd:
        raise ValueError(reader.odd[0])
    return Quantities(
        **values,
        **_tier(told_tier, batch or answer.batch),
        model=answer.model,
        request_id=answer.request_id,
        response_id=answer.response_id,
        incomplete=tuple(reader.odd),
    )


# Finding the usage in what surrounds it


@dataclass
class _Answer:
    """What stands around the usage."""

    model: str = ""
    request_id: str = ""
    response_id: str = ""
    service_tier: str = ""
    batch: bool = False
    searches: int = 0

    def look(self, node: Mapping[str, Any], source: object) -> None:
        """What is said nearer to the usage goes before what is said around it."""
        self.model = text_of(node, "model", "modelVersion", "model_version", "modelId") or self.model
        self.response_id = text_of(node, "id", "responseId", "response_id") or self.response_id
        metadata = node.get("ResponseMetadata")
        self.request_id = (
            text_of(node, "_request_id", "request_id", "requestId")
            or plain_text(getattr(source, "_request_id", None))
            or (text_of(metadata, "RequestId") if isinstance(metadata, Mapping) else "")
            or self.request_id
        )
        self.service_tier = _tier_of(node) or self.service_tier
        self.batch = self.batch or ("custom_id" in node and "response" in node)
        self.searches += _searches(node)


def _tier_of(node: Mapping[str, Any]) -> str:
    of_bedrock = node.get("serviceTier")
    if isinstance(of_bedrock, Mapping):
        return text_of(of_bedrock, "type")
    traffic = text_of(node, "trafficType", "traffic_type").lower().removeprefix("on_demand_")
    return text_of(node, "service_tier", "serviceTier") or (
        traffic if traffic in ("flex", "priority") else ""
    )


def _tier(told: str, batch: bool) -> dict[str, Any]:
    tier = told.strip().lower()
    if tier == "batch":
        return {"service_tier": "", "batch": True}
    return {"service_tier": "" if tier in STANDARD else tier[:40], "batch": batch}


def _searches(node: Mapping[str, Any]) -> int:
    """Searches that an answer shows and its usage does not count: items of OpenAI, grounding of Google."""
    items = node.get("output")
    if isinstance(items, Sequence) and not isinstance(items, str):
        return sum(_is_search(as_mapping(item)) for item in items)
    candidates = node.get("candidates")
    if not isinstance(candidates, Sequence) or isinstance(candidates, str):
        return 0
    asked = sum(len(_queries(as_mapping(candidate))) for candidate in candidates)
    # Google bills a grounded prompt for Gemini 2.5 and older, and each query from Gemini 3 on.
    older = (
        text_of(node, "modelVersion", "model_version").rpartition("/")[2].startswith(("gemini-1", "gemini-2"))
    )
    return min(asked, 1) if older else asked


def _is_search(item: Mapping[str, Any] | None) -> bool:
    if item is None or item.get("type") != "web_search_call":
        return False
    action = as_mapping(item.get("action"))
    return action is None or action.get("type") in (None, "search")


def _queries(candidate: Mapping[str, Any] | None) -> Sequence[Any]:
    grounding = child(candidate or {}, "groundingMetadata", "grounding_metadata")
    asked = grounding.get("webSearchQueries", grounding.get("web_search_queries"))
    return asked if isinstance(asked, (list, tuple)) else ()


def _find(said: object, answer: _Answer, depth: int) -> Mapping[str, Any] | None:
    node = as_mapping(said)
    if node is None or depth == 0:
        return None
    answer.look(node, said)
    if not _SHAPED.isdisjoint(node):
        return node
    for name in WRAPPERS:
        if node.get(name) is not None and (found := _find(node[name], answer, depth - 1)) is not None:
            return found
    return None
