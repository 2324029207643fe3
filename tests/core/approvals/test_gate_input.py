"""Names, contexts, timeouts and reasons from outside: kept exactly, or refused by name."""

import json
import math
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import ApprovalGate
from tests.live_record import live_record

GOOD_NAMES = [
    "*",
    "a:b",
    "🚀",
    "a b",
    "[x]",
    "%41",
    "A",
    "{telemetry}:x",
    "é" * 255,
    "\u202e",
    "..",
    "../x",
    "\u2028",
]
BLANK = ["\u202e", "\u2028"]  # they name things, and nobody
BAD_NAMES = ["", "a\n", "\x00", "\x1b[0m", "x" * 256, "x" * 10_240, "\ud800", "a\x7f", "\x85"]


def deep(levels: int) -> dict:
    value: dict = {}
    for _ in range(levels):
        value = {"a": value}
    return value


def explosive() -> dict:
    value: list = ["x" * 1000]
    for _ in range(50):
        value = [value, value]
    return {"a": value}


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_odd_names_work_and_touch_nobody_else(gate, url, raw, name):
    bystander = ApprovalGate(url, "bystander").open_request("other")
    before = {key: raw.dump(key) for key in raw.keys("*approvals:request:*")}
    asker = ApprovalGate(url, name)
    request = asker.open_request(name, {name: name})
    assert gate.get_pending_approvals(name) == [request]
    person = name if name not in BLANK else "ann"
    assert asker.decide(request.request_id, True, person, name).accepted
    response = asker.wait_for_decision(request.request_id)
    assert (response.responder, response.reason) == (person, name)
    assert {key: raw.dump(key) for key in before} == before
    assert gate.get_pending_approvals() == [bystander]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_bad_names_are_refused_by_the_name_of_the_argument(gate, url, raw, name):
    with pytest.raises(ValueError, match="agent_id"):
        ApprovalGate(url, name)
    with pytest.raises(ValueError, match="approval_type"):
        gate.request_approval(name)
    request = gate.open_request("deploy")
    with pytest.raises(ValueError, match="responder"):
        gate.respond_to_approval(request.request_id, True, name)
    with pytest.raises(ValueError, match="decision_id"):
        gate.decide(request.request_id, True, "ann", decision_id=name)
    with pytest.raises(ValueError, match="digest"):
        gate.decide(request.request_id, True, "ann", digest=name)
    assert gate.get_request(request.request_id).status == "pending"


@pytest.mark.anywhere
@pytest.mark.parametrize("name", [None, 5, b"bytes", True, ["a"]])
def test_what_is_no_string_is_a_type_error_naming_the_argument(gate, url, name):
    with pytest.raises(TypeError, match="approval_type"):
        gate.request_approval(name)
    with pytest.raises(TypeError, match="responder"):
        gate.respond_to_approval("x", True, name)
    with pytest.raises(TypeError, match="reason"):
        gate.respond_to_approval("x", True, "ann", name)
    if name is not None:
        with pytest.raises(TypeError, match="agent_id"):
            ApprovalGate(url, name)
        with pytest.raises(TypeError, match="decision_id"):
            gate.decide("x", True, "ann", decision_id=name)
        with pytest.raises(TypeError, match="not_after"):
            gate.decide("x", True, "ann", not_after=name)


@pytest.mark.parametrize(
    ("words", "error"),
    [("edited", TypeError), (5, TypeError), (["edit"], ValueError), ([["edited"]], ValueError)],
)
def test_what_an_asker_understands_is_refused_by_name_unless_it_is_some_of_our_words(gate, raw, words, error):
    for ask in (gate.request_approval, gate.open_request):
        with pytest.raises(error, match="understands must be"):
            ask("deploy", understands=words)
    with pytest.raises(error, match="understands must be"):
        gate.wait_for_decision("x", understands=words)
    assert raw.keys() == []


def test_reasons_may_hold_lines_but_no_lone_surrogate_and_no_book(gate):
    request = gate.open_request("deploy")
    for reason in ("\ud800", "x" * 2_001):
        with pytest.raises(ValueError, match="reason"):
            gate.respond_to_approval(request.request_id, True, "ann", reason)
    reason = 'line\nline\t"quoted" \x00 </script> é🚀' + "x" * 1_900
    assert gate.respond_to_approval(request.request_id, True, "ann", reason)
    assert gate.wait_for_decision(request.request_id).reason == reason


@pytest.mark.parametrize(
    ("context", "about"),
    [
        ([], "JSON object"),
        ("{}", "JSON object"),
        (5, "JSON object"),
        (deep(100_000), "64 levels"),
        ({"a": {"b": [1, math.nan]}}, r"context\.a\.b\[1\]"),
        ({"a": math.inf}, r"context\.a is inf"),
        ({"a": -math.inf}, r"context\.a is -inf"),
        ({"a": "\ud800"}, r"context\.a has a lone surrogate"),
        ({"a": {"\udfff": 1}}, r"key of context\.a has a lone surrogate"),
        ({"a": {5: 1}}, r"context\.a has the key 5"),
        ({None: 1}, "context has the key None"),
        ({"when": datetime(2026, 1, 1, tzinfo=UTC)}, r"context\.when is a datetime"),
        ({"a": b"bytes"}, r"context\.a is a bytes"),
        ({"a": {1, 2}}, r"context\.a is a set"),
        ({"a": object()}, r"context\.a is a object"),
        ({"a": "x" * (1 << 20)}, "context"),
        ({"a": "x" * (256 * 1024)}, "at most 262,144"),
        ({"x" * (1 << 20): 1}, "context"),
        ({"a": list(range(200_000))}, "context"),
        (explosive(), "context"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_is_no_moderate_json_object_is_refused_naming_the_place(gate, raw, context, about):
    with pytest.raises(ValueError, match=about) as caught:
        gate.request_approval("deploy", context)
    assert "context" in str(caught.value)
    assert len(str(caught.value)) < 500
    assert raw.dbsize() == 0


@pytest.mark.anywhere
def test_a_context_that_holds_itself_is_refused(gate):
    context: dict = {}
    context["self"] = context
    with pytest.raises(ValueError, match="context"):
        gate.request_approval("deploy", context)


@pytest.mark.parametrize(
    ("context", "exact"),
    [
        ({"nul": "\x00"}, b'{"nul":"\\u0000"}'),
        ({"n": 2**53 + 1}, b'{"n":9007199254740993}'),
        ({"n": 10**400}, b'{"n":1' + b"0" * 400 + b"}"),
        ({"n": 1.10}, b'{"n":1.1}'),
        ({"n": 1.0}, b'{"n":1.0}'),
        ({"n": -0.0}, b'{"n":-0.0}'),
        ({"empty": [], "none": {}}, b'{"empty":[],"none":{}}'),
        ({"b": 1, "a": 2}, b'{"b":1,"a":2}'),
        ({"é": "🚀</script>"}, '{"é":"🚀</script>"}'.encode()),
        ({"t": (1, 2)}, b'{"t":[1,2]}'),
        ({"long": "x" * 200 * 1024}, b'{"long":"' + b"x" * 200 * 1024 + b'"}'),
        ({"": {"": ""}}, b'{"":{"":""}}'),
    ],
    ids=lambda value: None if isinstance(value, bytes) else next(iter(value)) or "empty key",
)
def test_a_context_is_kept_byte_for_byte(gate, context, exact):
    request = gate.open_request("deploy", context)
    record = live_record(gate, request.request_id)
    assert record.context == exact
    assert record.context_object == json.loads(exact)
    assert repr(gate.get_pending_approvals()[0].context) == repr(json.loads(exact))


@pytest.mark.long
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=50)
@given(
    st.dictionaries(
        st.text(),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ),
    )
)
def test_any_json_object_comes_back_as_it_was(gate, context):
    request = gate.open_request("deploy", context)
    assert gate.get_request(request.request_id).context == context


def test_no_context_is_an_empty_object(gate):
    assert gate.open_request("deploy").context == {}


@pytest.mark.anywhere
@pytest.mark.parametrize(
    "timeout", [0, 0.0, -1, math.nan, -math.inf, 366 * 86400, 10**400, 365 * 86400 + 0.001]
)
def test_a_timeout_out_of_range_is_a_value_error(gate, raw, timeout):
    for call in (gate.request_approval, gate.open_request):
        with pytest.raises(ValueError, match="timeout"):
            call("deploy", timeout=timeout)
    assert raw.dbsize() == 0


@pytest.mark.parametrize("timeout", ["5", True, [], b"5", 1j])
def test_a_timeout_that_is_no_number_is_a_type_error(gate, raw, timeout):
    for call in (gate.request_approval, gate.open_request):
        with pytest.raises(TypeError, match="timeout"):
            call("deploy", timeout=timeout)
    assert raw.dbsize() == 0
    request = gate.open_request("deploy")
    with pytest.raises(TypeError, match="timeout"):
        gate.wait_for_decision(request.request_id, timeout=timeout)


@pytest.mark.parametrize("timeout", [math.nan, -math.inf, -(10**400)])
def test_a_limit_of_a_wait_must_be_a_number_of_seconds(gate, timeout):
    request = gate.open_request("deploy")
    with pytest.raises(ValueError, match="timeout"):
        gate.wait_for_decision(request.request_id, timeout=timeout)


@pytest.mark.parametrize("timeout", [5e-324, 0.001, 7 * 86400, 365 * 86400, math.inf])
def test_any_timeout_up_to_a_year_is_taken_and_one_that_never_ends(gate, timeout):
    assert gate.open_request("deploy", timeout=timeout).timeout_seconds == timeout
