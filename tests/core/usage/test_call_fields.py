"""The description of a call: the line, what is shipped, the export and the sums all have its fields, and no others."""

import json
import math
from decimal import Decimal as D
from pathlib import Path

import pytest

from core.models import LLMCall
from core.store import usage
from core.store.client import open_store
from core.usage.call import (
    BY_BOOK,
    EXPORTED,
    FIELDS,
    PRICE,
    TOKENS,
    flat_entry,
    parse_call,
    plain_entry,
    shipped_bytes,
)
from core.usage.quantities import Quantities
from core.usage.savings import SUMS, named_amounts, sums_of
from tests.core.usage.usage_help import shipped_by_hand, track

USER = "ab" * 32
# As agents of the versions before write a line and ship a call: both may still be on their way.
LINE = (
    '{"call_id":"x","us":1790000000000001,"workflow":"review","stage":"analysis","tier":"capable","model":"middle",'
    '"provider":"acme","cache_type":"redis","agent_id":"worker","cost":10500000,"input":1000,"output":500,'
    '"cache_read":30,"cache_write":20,"hit":true,"prompt_hit":true,"duration_ms":1240.5,'
    f'"user":"{USER}","given":true}}'
)
SHIPPED = {**json.loads(LINE), "book": 1, "uncached": 2, "baseline": None}
del SHIPPED["given"]


def line_of(folder: Path, url: str, **said) -> bytes:
    with shipped_by_hand(folder, url) as tracker:
        track(tracker, **said)
        [file] = folder.rglob("*.calls")
        return file.read_bytes()


def said_before(text: str, *but: str) -> dict:
    return {name: value for name, value in json.loads(text).items() if name not in but}


def test_a_plain_line_has_what_the_version_before_wants_and_nothing_that_a_field_is_anyway(url, tmp_path):
    written = json.loads(line_of(tmp_path, url))
    assert written.keys() == json.loads(LINE).keys()


def test_a_line_has_every_field_that_is_told(url, tmp_path):
    said = {
        "cache_hit": True,
        "cache_type": "redis",
        "prompt_cache_hit": True,
        "agent_id": "worker",
        "call_id": "x",
    }
    line = line_of(
        tmp_path, url, **said, duration_ms=1240.5, user_id="ann", prompt_cache_read_tokens=30,
        prompt_cache_creation_tokens=20,
    )  # fmt: skip
    assert said_before(LINE, "us", "user").items() <= json.loads(line).items()
    billed = Quantities(
        input=1, output=2, cache_write_1h=3, reasoning=1, web_searches=2, service_tier="flex", batch=True,
        request_id="r", audio_input=1,
    )  # fmt: skip
    line = line_of(tmp_path / "odd", url, cost=math.nan, usage=billed, correct=True)
    written = json.loads(line)
    later = {"notes", "tellings"}  # what is known when it is priced, and recorded
    assert written.keys() | later == {name for name, field in FIELDS.items() if field.kind is not PRICE}
    call = parse_call(line)
    assert {name: getattr(call, name) for name in written} == written
    assert (call.quantities, call.corrected, call.cost_source) == (billed, True, "")


def test_each_field_that_is_kept_has_its_column():
    kept = {known.column for known in FIELDS.values() if known.column}
    assert kept - {column.name for column in LLMCall._meta.get_fields()} == set()


def test_a_line_of_the_version_before_ships_what_that_version_shipped():
    call = parse_call(LINE)
    call.book, call.uncached = 1, 2
    assert SHIPPED.items() <= json.loads(shipped_bytes(call)).items()
    assert parse_call(shipped_bytes(call)) == parse_call(json.dumps(SHIPPED)) == call


def amounts_of(**changed: object) -> dict[str, int]:
    call = parse_call(json.dumps(SHIPPED | changed))
    return named_amounts(call.workflow, call.tier, call.provider, call.model, sums_of(call))


def test_totals_have_the_names_that_the_version_before_gave_them():
    before = {
        "calls": 1, "cost": 10500000, "input": 1000, "output": 500, "cache_read": 30, "cache_write": 20, "hits": 1,
        "prompt_hits": 1, "prompt_net": 1, "baseline": 3, "routing": 1, "caching": 1, "difference": 10499999,
        "tier_calls:capable": 1, "tier_cost:capable": 10500000, "provider_cost:acme": 10500000,
        "model_cost:acme/middle": 10500000, "model_calls:acme/middle": 1, "workflow_calls:review": 1,
        "workflow_cost:review": 10500000, "workflow_prompt_hits:review": 1, "workflow_prompt_net:review": 1,
    }  # fmt: skip
    assert before.items() <= amounts_of(baseline=3).items()
    apart = amounts_of()
    assert (apart["no_baseline_calls"], apart["no_baseline_cost"]) == (1, 10500000)
    assert {name for name in apart if ":" not in name} <= SUMS.keys()


def test_an_export_has_the_columns_and_groups_of_the_version_before():
    before = {
        "call_id": "x", "ts": "2026-09-21T14:13:20.000001+00:00", "workflow": "review", "stage": "analysis",
        "tier": "capable", "model": "middle", "provider": "acme", "agent_id": "worker", "cost": D("0.0105"),
        "input_tokens": 1000, "output_tokens": 500, "cache_hit": True, "cache_type": "redis",
        "prompt_cache_hit": True, "prompt_cache_creation_tokens": 20, "prompt_cache_read_tokens": 30,
        "duration_ms": 1240.5, "user_id": USER, "book_cost": D("0.000000001"), "baseline_cost": None,
    }  # fmt: skip
    call = parse_call(json.dumps(SHIPPED))
    told = [(name, value) for name, value in zip(EXPORTED, flat_entry(call), strict=True) if name in before]
    assert told == list(before.items())
    entry = plain_entry(call)
    groups = {
        "tokens": {"input": 1000, "output": 500},
        "cache": {"hit": True, "type": "redis"},
        "prompt_cache": {"hit": True, "creation_tokens": 20, "read_tokens": 30},
    }
    for group, members in groups.items():
        assert members.items() <= entry.pop(group).items()
    grouped = ("input_", "output_", "cache_", "prompt_cache_")
    assert {
        name: value for name, value in before.items() if not name.startswith(grouped)
    }.items() <= entry.items()


def test_tokens_are_summed_without_another_word():
    assert {name for name, field in FIELDS.items() if field.kind is TOKENS} <= SUMS.keys()


@pytest.mark.parametrize("name", [name for name in SHIPPED if FIELDS[name].kind is not PRICE])
def test_a_field_that_is_missing_or_spoilt_is_named(name):
    with pytest.raises(ValueError, match=f"{name} is missing"):
        parse_call(json.dumps({key: value for key, value in SHIPPED.items() if key != name}))
    with pytest.raises(ValueError, match=name):
        parse_call(json.dumps({**SHIPPED, name: ["spoilt"]}))


def test_a_field_of_a_later_version_is_left_out():
    assert parse_call(json.dumps({**SHIPPED, "of_a_later_version": 5})) == parse_call(json.dumps(SHIPPED))


@pytest.mark.parametrize("from_the_disk", [False, True])
def test_calls_handed_over_whole_ship_what_their_lines_say(url, tmp_path, from_the_disk):
    unpriced = {
        "model": "large",
        "cost_source": "",
        "cost": 0,
        "workflow": "Prüfung \u2028 🎉",
        "duration_ms": 1e16,
    }
    billed = {"cache_write_1h": 7, "details": {"response_id": "r", "audio_input": 3}, "given": True}
    calls = [
        parse_call(json.dumps({**SHIPPED, "call_id": f"{n}", **said}))
        for n, said in enumerate(({}, unpriced, billed))
    ]
    with shipped_by_hand(tmp_path, url) as tracker:
        tracker._shipper.notice = lambda calls: None
        tracker.track_calls(calls)
        if from_the_disk:
            tracker._shipper._expected.clear()
        assert tracker.flush() == 3
        told = usage.recent(open_store(url), 10, None)
    for call in calls:
        assert shipped_bytes(call) in told
        assert {**json.loads(shipped_bytes(call)), "given": True} == vars(call)
    assert (len(told), calls[1].cost, calls[1].cost_source) == (3, 52_920_000, BY_BOOK)
