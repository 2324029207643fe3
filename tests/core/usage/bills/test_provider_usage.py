"""Reading a provider's usage: objects of SDKs, what surrounds it, and everything odd in it."""

import json
import math
from dataclasses import dataclass
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from core.usage.provider_shapes import SHAPES, WRAPPERS
from core.usage.provider_usage import read_usage
from core.usage.quantities import MAX_COUNT, Quantities, fuller

ANTHROPIC = {
    "input_tokens": 7,
    "output_tokens": 5,
    "cache_read_input_tokens": 40,
    "cache_creation_input_tokens": 30,
    "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
    "server_tool_use": None,
    "service_tier": "standard",
}
READ = Quantities(
    input=7, output=5, cache_read=40, cache_write=10, cache_write_1h=20, lifetimes_told=True, response_id="msg_1",
    request_id="req_1", model="claude-opus-5",
)  # fmt: skip


class Part(BaseModel):
    model_config = ConfigDict(extra="allow")


class Message(BaseModel):
    id: str
    model: str
    usage: Part
    _request_id: str = "req_1"


@dataclass
class Plain:
    id: str
    model: str
    usage: SimpleNamespace
    request_id: str = "req_1"


class Slots:
    __slots__ = ("id", "model", "request_id", "usage")

    def __init__(self) -> None:
        self.id, self.model, self.request_id, self.usage = "msg_1", "claude-opus-5", "req_1", ANTHROPIC


@pytest.mark.parametrize(
    "answer",
    [
        {"id": "msg_1", "model": "claude-opus-5", "request_id": "req_1", "usage": ANTHROPIC},
        Message(id="msg_1", model="claude-opus-5", usage=Part(**ANTHROPIC)),
        Plain("msg_1", "claude-opus-5", SimpleNamespace(**ANTHROPIC)),
        Slots(),
        {"requestId": "req_1", "message": {"id": "msg_1", "model": "claude-opus-5", "usage": ANTHROPIC}},
    ],
    ids=["dict", "pydantic", "dataclass", "slots", "transcript"],
)
def test_an_answer_is_read_as_dict_and_as_an_object_of_any_kind(answer):
    assert read_usage(answer, strict=True) == READ


def test_what_the_sdk_does_not_know_yet_is_read_too():
    usage = Part(prompt_tokens=10, completion_tokens=1, total_tokens=11, prompt_cache_hit_tokens=8)
    assert read_usage(usage).tokens == (2, 1, 8, 0)


def test_the_id_nearest_to_the_usage_is_the_answers():
    line = {
        "id": "batch_req_1",
        "custom_id": "a",
        "response": {
            "request_id": "req_7",
            "body": {"id": "chatcmpl-9", "usage": {"prompt_tokens": 1, "completion_tokens": 2}},
        },
    }
    found = read_usage(line)
    assert (found.response_id, found.request_id, found.batch) == ("chatcmpl-9", "req_7", True)


def test_the_request_id_of_aws_is_read():
    answer = {"ResponseMetadata": {"RequestId": "b-1"}, "usage": {"inputTokens": 1, "outputTokens": 2}}
    assert read_usage(answer).request_id == "b-1"


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({"cost": 0.00014}, 140_000),
        ({"cost": "0.1"}, 100_000_000),
        ({"cost": 0}, 0),
        ({"cost": None}, None),
        ({"cost": 0.01, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.2}}, 210_000_000),
        ({"cost": 0.01, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.2}}, 10_000_000),
        ({"cost_in_usd_ticks": 37_756_000}, 3_775_600),
        ({"cost": {"input_tokens_cost": 0.001, "total_cost": 0.006}}, 6_000_000),
        ({"estimated_cost": 0.002}, 2_000_000),
    ],
)
def test_a_cost_that_the_provider_tells_is_kept_in_nano_dollars(usage, cost):
    found = read_usage({"prompt_tokens": 1, "completion_tokens": 1, **usage}, strict=True)
    assert found.cost == cost


@pytest.mark.parametrize(
    ("tier", "said", "batch"),
    [
        ("standard", "", False),
        ("default", "", False),
        ("auto", "", False),
        ("flex", "flex", False),
        ("Priority", "priority", False),
        ("scale", "scale", False),
        ("batch", "", True),
    ],
)
def test_the_service_tier_is_told_in_one_way(tier, said, batch):
    found = read_usage({"service_tier": tier, "usage": {"prompt_tokens": 1, "completion_tokens": 1}})
    assert (found.service_tier, found.batch) == (said, batch)


def test_the_caller_may_say_the_tier_that_the_answer_leaves_out():
    usage = {"prompt_tokens": 1, "completion_tokens": 1}
    assert read_usage(usage, service_tier="flex").service_tier == "flex"
    assert read_usage(usage, batch=True).batch
    assert read_usage({"service_tier": "priority", "usage": usage}, service_tier="default").service_tier == ""


ODD = [
    ({"output_tokens": 5}, (0, 5), "input_tokens is missing"),
    ({"input_tokens": None, "output_tokens": 5}, (0, 5), "input_tokens is None"),
    ({"input_tokens": -3, "output_tokens": 5}, (0, 5), "input_tokens is negative: -3"),
    ({"input_tokens": math.nan, "output_tokens": 5}, (0, 5), "input_tokens is nan"),
    ({"input_tokens": math.inf, "output_tokens": 5}, (0, 5), "input_tokens is inf"),
    ({"input_tokens": 7.5, "output_tokens": 5}, (7, 5), "input_tokens is no whole number: 7.5"),
    ({"input_tokens": True, "output_tokens": 5}, (0, 5), "input_tokens is no number but bool"),
    ({"input_tokens": "many", "output_tokens": 5}, (0, 5), "input_tokens is no number but str"),
    ({"input_tokens": [], "output_tokens": 5}, (0, 5), "input_tokens is no number but list"),
    ({"input_tokens": 2**60, "output_tokens": 5}, (MAX_COUNT, 5), f"input_tokens is above {MAX_COUNT:,}"),
    ({"input_tokens": 10**5000, "output_tokens": 5}, (MAX_COUNT, 5), f"input_tokens is above {MAX_COUNT:,}"),
    ({"input_tokens": -(10**5000), "output_tokens": 5}, (0, 5), "input_tokens is negative: a huge number"),
    (
        {"input_tokens": 7, "output_tokens": 5, "dream_tokens": 3},
        (7, 5),
        "dream_tokens is extra: it has no part in the price",
    ),
    (
        {"prompt_tokens": 7, "completion_tokens": 5, "prompt_tokens_details": {"smell_tokens": 3}},
        (7, 5),
        "smell_tokens is extra: it has no part in the price",
    ),
    ({"prompt_tokens": 7, "completion_tokens": 5, "cost": -1}, (7, 5), "cost is no cost"),
    ({"prompt_tokens": 7, "completion_tokens": 5, "cost": math.nan}, (7, 5), "cost is no cost"),
    (
        {"prompt_tokens": 7, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 9}},
        (0, 5),
        "prompt_tokens is less than the cached tokens in it",
    ),
    (
        {"prompt_tokens": 7, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 9}},
        (7, 5),
        "reasoning is more than the output it is a part of",
    ),
    (
        {"prompt_tokens": 7, "completion_tokens": 5, "completion_tokens_details": {"audio_tokens": 9}},
        (7, 5),
        "audio_output is more than the output it is a part of",
    ),
    (
        {
            "input_tokens": 7,
            "output_tokens": 5,
            "cache_creation_input_tokens": 9,
            "cache_creation": {"ephemeral_5m_input_tokens": 1},
        },
        (7, 5),
        "cache_creation_input_tokens is not the sum of its lifetimes",
    ),
    (
        {
            "inputTokens": 7,
            "outputTokens": 5,
            "cacheWriteInputTokens": 9,
            "cacheDetails": [{"ttl": "1h", "inputTokens": 1}],
        },
        (7, 5),
        "cacheWriteInputTokens is not the sum of cacheDetails",
    ),
    ({"eval_count": 5}, (0, 5), "prompt_eval_count is missing"),
    (None, (0, 0), "usage: a NoneType without any count that is known"),
    ("12", (0, 0), "usage: a str without any count that is known"),
    ({"choices": []}, (0, 0), "usage: a dict without any count that is known"),
]


@pytest.mark.parametrize(("usage", "counts", "sentence"), ODD, ids=[sentence for *_, sentence in ODD])
def test_the_good_part_of_an_odd_usage_is_kept_and_the_rest_is_said(usage, counts, sentence):
    found = read_usage(usage)
    assert (found.input, found.output) == counts
    assert found.incomplete == (sentence,)
    with pytest.raises(ValueError, match=sentence.partition(" ")[0].strip(":")):
        read_usage(usage, strict=True)


@pytest.mark.parametrize("count", [12, 12.0, Decimal(12), "12"])
def test_whole_numbers_of_every_kind_are_counts(count):
    assert read_usage({"input_tokens": count, "output_tokens": 0}, strict=True).input == 12


def test_counts_go_up_to_two_to_the_fifty_third():
    found = read_usage({"input_tokens": MAX_COUNT, "output_tokens": MAX_COUNT}, strict=True)
    assert found.tokens == (MAX_COUNT, MAX_COUNT, 0, 0)


def test_an_sdk_that_fails_is_an_odd_usage_and_no_exception():
    class Broken:
        def model_dump(self):
            raise RuntimeError("not today")

    assert read_usage(Broken()).incomplete == ("usage: a Broken without any count that is known",)


def test_a_usage_that_holds_itself_is_looked_through_once():
    endless: dict[str, object] = {}
    endless["usage"] = endless
    assert read_usage(endless).incomplete


def test_an_advisor_in_the_iterations_is_said_and_not_counted():
    usage = {
        "input_tokens": 9,
        "output_tokens": 9,
        "iterations": [
            {"type": "message", "input_tokens": 3, "output_tokens": 4},
            {"type": "advisor_message", "model": "claude-opus-5", "input_tokens": 500, "output_tokens": 60},
        ],
    }
    found = read_usage(usage)
    assert found.tokens == (3, 4, 0, 0)
    assert "advisor" in found.incomplete[0]


def test_quantities_survive_json():
    odd = read_usage({**ANTHROPIC, "output_tokens": None})
    assert Quantities.from_dict(json.loads(json.dumps(odd.to_dict()))) == odd
    assert Quantities().to_dict() == {}
    assert Quantities.from_dict({"input": 1, "of tomorrow": 2}) == Quantities(input=1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("input", -1),
        ("output", 1.5),
        ("cache_read", True),
        ("batch", 1),
        ("model", None),
        ("cost", "1"),
        ("incomplete", "text"),
        ("incomplete", [1]),
    ],
)
def test_quantities_that_are_none_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=name):
        Quantities.from_dict({name: value})


def test_of_two_tellings_the_one_with_more_output_holds_and_of_equals_the_later():
    first, third = READ._replace(output=1), READ._replace(output=427, model="later")
    assert fuller(fuller(first, READ._replace(output=3)), third) == third
    assert fuller(third, first) == third
    assert fuller(third, third._replace(model="latest")).model == "latest"


def test_a_telling_without_lifetimes_takes_none_away():
    blunt = READ._replace(output=9, cache_write=30, cache_write_1h=0, lifetimes_told=False)
    for found in (fuller(READ, blunt), fuller(blunt, READ)):
        assert (found.output, found.cache_write, found.cache_write_1h) == (9, 10, 20)


NAMES = st.sampled_from(
    [*SHAPES, *WRAPPERS, "cache_creation", "iterations", "prompt_tokens_details", "cacheDetails", "cost", "model",
     "promptTokensDetails", "server_tool_use", "output", "candidates", "service_tier", "cached_tokens", "total_tokens"]
)  # fmt: skip
THINGS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.decimals(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)


@pytest.mark.parametrize("examples", [25, pytest.param(100, marks=pytest.mark.long)])
def test_nothing_that_an_answer_may_hold_raises_or_makes_a_count_below_0(examples):
    @settings(max_examples=examples)
    @given(st.dictionaries(NAMES, THINGS, max_size=8))
    def look(answer) -> None:
        found = read_usage(answer)
        assert min(found.tokens) >= 0
        assert Quantities.from_dict(json.loads(json.dumps(found.to_dict()))) == found

    look()
