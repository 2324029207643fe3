"""Dataclasses become plain dictionaries and come back equal; what cannot is refused by the field's name."""

import json
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import (
    AgentCredentials,
    AgentHeartbeat,
    ApprovalRequest,
    ApprovalResponse,
    CoordinationSignal,
    Decision,
    FeatureInfo,
    FeedbackEntry,
    QualityStats,
    StreamEvent,
    TierRecommendation,
)

MOMENTS = st.datetimes(
    min_value=datetime(1, 1, 3),
    max_value=datetime(9999, 12, 29),
    timezones=st.none()
    | st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
    | st.sampled_from([UTC, ZoneInfo("Europe/Berlin")]),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=4)
FINITE = st.floats(allow_nan=False)
# What a record must be given and is not named here is what its type says, as texts, counts and flags are.
HEARTBEATS = st.builds(
    AgentHeartbeat, progress=FINITE, last_beat=MOMENTS, metadata=OBJECTS, display_name=st.none() | st.text()
)
REQUESTS = st.builds(
    ApprovalRequest, context=OBJECTS, timestamp=MOMENTS, timeout_seconds=FINITE, status=st.text()
)
RESPONSES = st.builds(ApprovalResponse, reason=st.text(), timestamp=MOMENTS)
DECISIONS = st.builds(Decision, ended_at=st.none() | MOMENTS, requested_at=st.none() | MOMENTS)
ENTRIES = st.builds(FeedbackEntry, quality_score=FINITE, timestamp=MOMENTS, metadata=OBJECTS)
STATS = st.builds(
    QualityStats, avg_quality=FINITE, min_quality=FINITE, max_quality=FINITE, recent_trend=FINITE
)
ADVICE = st.builds(TierRecommendation, confidence=FINITE, stats=st.dictionaries(st.text(), STATS, max_size=3))
FEATURES = st.builds(FeatureInfo, install_command=st.none() | st.text())
SIGNALS = st.builds(CoordinationSignal, payload=OBJECTS, timestamp=MOMENTS, ttl_seconds=FINITE)
EVENTS = st.builds(StreamEvent, timestamp=MOMENTS, data=OBJECTS, source=st.text())
CREDENTIALS = st.builds(
    AgentCredentials,
    agent_id=st.text("abc*", min_size=1, max_size=9),
    roles=st.lists(st.text(), max_size=3),
    created_at=MOMENTS,
)
RECORDS = (SIGNALS | EVENTS | CREDENTIALS | HEARTBEATS | REQUESTS | RESPONSES) | (
    DECISIONS | ENTRIES | STATS | ADVICE | FEATURES
)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
REQUEST = ApprovalRequest("id", "deploy", "agent", {"a": {"b": 1}}, NOON, 5.0)
EXAMPLES = [
    (AgentHeartbeat("a", "running", 0.5, "", NOON), "last_beat"),
    (REQUEST, "timestamp"),
    (ApprovalResponse("id", True, "ann", "", NOON), "timestamp"),
    (FeedbackEntry("id", "code", "review", "cheap", 0.5, NOON), "timestamp"),
]
NUMBERS = QualityStats("code", "review", "cheap", 0.5, 0.5, 0.5, 1, 0.0)
ADVISED = TierRecommendation("cheap", "cheap", 0.0, "too few", {"cheap": NUMBERS})


@given(RECORDS)
def test_a_record_comes_back_equal_from_its_dictionary(record):
    assert type(record).from_dict(record.to_dict()) == record


@given(RECORDS)
def test_a_record_comes_back_equal_through_json(record):
    assert type(record).from_dict(json.loads(json.dumps(record.to_dict()))) == record


@given(MOMENTS)
def test_a_time_that_a_record_is_made_with_becomes_utc_and_a_naive_one_is_taken_as_utc(moment):
    made = ApprovalResponse("id", True, "ann", "", moment).timestamp
    assert made.tzinfo is UTC
    assert made == (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))


def test_a_time_that_no_calendar_has_in_utc_is_a_value_error_naming_the_field():
    early = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))
    with pytest.raises(ValueError, match="timestamp"):
        ApprovalResponse("id", True, "ann", "", early)


@pytest.mark.parametrize("record", [record for record, _ in EXAMPLES] + [NUMBERS, ADVISED])
@pytest.mark.parametrize(
    "data", [None, [], "text", 5, 10**5000], ids=["none", "list", "text", "int", "1e5000"]
)
def test_what_is_no_dictionary_is_a_value_error_that_says_so(record, data):
    with pytest.raises(ValueError, match=f"^data of {type(record).__name__} must be a dict, not "):
        type(record).from_dict(data)


@pytest.mark.parametrize(("record", "field"), EXAMPLES)
@pytest.mark.parametrize(
    "text", ["2026-03-01T12:00:00Z", "2026-03-01T12:00:00", "2026-03-01T14:30:00+02:30", "20260301T120000Z"]
)
def test_z_an_offset_and_a_naive_time_are_read_as_utc(record, field, text):
    read = type(record).from_dict({**record.to_dict(), field: text})
    assert getattr(read, field) == NOON
    assert getattr(read, field).tzinfo is UTC


@pytest.mark.parametrize(("record", "field"), EXAMPLES)
@pytest.mark.parametrize(
    "bad", ["soon", "", None, 20260301, 1.5, True, [], {}, "2026-13-01", "\udc80", NOON.date()]
)
def test_anything_else_for_a_time_is_a_value_error_naming_the_field(record, field, bad):
    with pytest.raises(ValueError, match=field):
        type(record).from_dict({**record.to_dict(), field: bad})


@pytest.mark.parametrize(("record", "field"), EXAMPLES)
def test_unknown_keys_are_ignored(record, field):
    assert type(record).from_dict({**record.to_dict(), "later": 1}) == record


@pytest.mark.parametrize(("record", "field"), EXAMPLES)
def test_a_missing_field_is_named(record, field):
    data = record.to_dict()
    name = next(iter(data))
    del data[name]
    with pytest.raises(ValueError, match=name):
        type(record).from_dict(data)


@pytest.mark.parametrize(
    ("record", "field", "bad"),
    [
        (EXAMPLES[0][0], "progress", "much"),
        (EXAMPLES[0][0], "progress", True),
        (EXAMPLES[0][0], "metadata", []),
        (EXAMPLES[0][0], "display_name", 5),
        (EXAMPLES[0][0], "agent_id", None),
        (EXAMPLES[1][0], "timeout_seconds", "5"),
        (EXAMPLES[1][0], "context", "{}"),
        (EXAMPLES[2][0], "approved", "false"),
        (EXAMPLES[2][0], "approved", 1),
        (EXAMPLES[3][0], "quality_score", "0.5"),
        (EXAMPLES[3][0], "tier", None),
        (NUMBERS, "sample_count", 1.5),
        (ADVISED, "stats", []),
        (ADVISED, "stats", {"cheap": 5}),
    ],
)
def test_a_value_of_the_wrong_type_is_a_value_error_naming_the_field(record, field, bad):
    with pytest.raises(ValueError, match=field):
        type(record).from_dict({**record.to_dict(), field: bad})


def test_the_dictionary_writes_times_as_iso_8601_and_shares_nothing_with_the_record():
    data = REQUEST.to_dict()
    assert data["timestamp"] == "2026-03-01T12:00:00+00:00"
    data["context"]["a"]["b"] = 2
    assert REQUEST.context == {"a": {"b": 1}}


def test_fields_and_defaults_are_the_documented_ones():
    assert list(AgentHeartbeat("a", "s", 0.0, "", NOON).to_dict()) == [
        "agent_id", "status", "progress", "current_task", "last_beat", "metadata", "display_name",
    ]  # fmt: skip
    assert list(REQUEST.to_dict()) == [
        "request_id", "approval_type", "agent_id", "context", "timestamp", "timeout_seconds", "status",
        "key", "digest", "warning",
    ]  # fmt: skip
    before = datetime.now(UTC)
    response = ApprovalResponse("id", False, "ann")
    assert (REQUEST.status, response.reason) == ("pending", "")
    assert before <= response.timestamp <= datetime.now(UTC)
