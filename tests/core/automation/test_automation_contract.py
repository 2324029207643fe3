"""What recorders of automated work promise: ids, one bounded message, errors that name the field, no outage felt."""

import json
import logging
import math
import time
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

import core
from core import AutomationRecorder
from core.automation import records as automation_records
from tests.servers import client_of
from tests.waiting import wait_until

pytestmark = pytest.mark.anywhere

OUTBOX = "{telemetry}:outbox"
COMPLETE = {
    "record_task_routing": {
        "task_type": "bug fix", "strategy": "keywords", "assigned_to": "fixer", "confidence": 0.9,
        "tier": "capable", "success": True, "duration_seconds": 12.5, "routing_id": "r-1",
    },
    "complete_task_routing": {"routing_id": "r-1", "success": False, "duration_seconds": 1},
    "record_test_execution": {
        "suite": "unit", "passed": 10, "failed": 2, "errors": 1, "skipped": 3, "duration_seconds": 60.5,
        "triggered_by": "commit", "failing_tests": ["test_a[ü]", "test_b"], "execution_id": "e-1",
    },
    "record_coverage": {
        "suite": "unit", "lines_covered": 90, "lines_total": 100, "execution_id": "e-1", "coverage_id": "c-1",
    },
    "record_file_test": {
        "file_path": "src/größer.py", "passed": 1, "failed": 2, "errors": 3, "skipped": 4,
        "duration_seconds": 0.5, "source_modified_at": datetime(2026, 11, 22, 9, tzinfo=UTC),
        "execution_id": "e-1", "file_test_id": "f-1",
    },
    "record_agent_assignment": {
        "agent_id": "fixer", "task_type": "bug fix", "routing_id": "r-1", "assignment_id": "a-1",
    },
    "complete_agent_assignment": {
        "assignment_id": "a-1", "success": True, "automated": True, "human_review": False,
        "duration_seconds": 30,
    },
}  # fmt: skip
IDS = {
    "record_task_routing": "routing_id",
    "record_test_execution": "execution_id",
    "record_coverage": "coverage_id",
    "record_file_test": "file_test_id",
    "record_agent_assignment": "assignment_id",
}
BAD_NAMES = ["", "x" * 256, "a\nb", "a\0b", "\ud800", 5, b"bytes"]
BAD_COUNTS = [-1, 10_000_001, 10**5000, 1.5, "3", True, None]
BAD_SECONDS = [-0.001, 10_000_001, math.nan, math.inf, 10**5000, "3", True, datetime.now(UTC)]
BAD_FLAGS = [1, 0, "false", "", []]
NAIVE_MOMENTS = [datetime(2026, 1, 1), "2026-01-01T00:00:00", "2026-01-01"]
BAD_MOMENTS = [*NAIVE_MOMENTS, "yesterday", "2026-13-01T00:00:00Z", 1795331355.6, True]
BAD = {
    "routing_id": BAD_NAMES, "execution_id": [*BAD_NAMES[1:]], "coverage_id": BAD_NAMES,
    "file_test_id": BAD_NAMES, "assignment_id": BAD_NAMES, "task_type": [*BAD_NAMES, None],
    "strategy": [*BAD_NAMES, None], "assigned_to": [*BAD_NAMES, None], "suite": [*BAD_NAMES, None],
    "agent_id": [*BAD_NAMES, None], "tier": BAD_NAMES[1:], "triggered_by": BAD_NAMES[1:],
    "file_path": ["", "x" * 501, "a\tb", "\ud800", 5, None],
    "confidence": [-0.1, 1.1, math.nan, math.inf, -math.inf, 10**5000, "0.5", True, None],
    "passed": BAD_COUNTS, "failed": BAD_COUNTS, "errors": BAD_COUNTS, "skipped": BAD_COUNTS,
    "lines_covered": [*BAD_COUNTS, 101], "lines_total": [0, *BAD_COUNTS],
    "duration_seconds": BAD_SECONDS, "success": BAD_FLAGS, "automated": [*BAD_FLAGS, None],
    "human_review": [*BAD_FLAGS, None], "source_modified_at": BAD_MOMENTS,
    "failing_tests": ["test_a", b"test_a", {"test_a"}, 5, None, [""], ["x" * 501], ["a\nb"], [None]],
}  # fmt: skip
CASES = [(function, argument) for function, known in COMPLETE.items() for argument in known]
# An empty id is what a record that was not stored returned.
MAY_BE_EMPTY = (
    "complete_task_routing-routing_id",
    "complete_agent_assignment-assignment_id",
    "record_agent_assignment-routing_id",
)


@pytest.fixture
def recorder(url):
    return AutomationRecorder(url)


def told(raw) -> list[tuple[str, dict]]:
    entries = [fields for _, fields in raw.xrange(OUTBOX)]
    return [(fields[b"kind"].decode(), json.loads(fields[b"record"])) for fields in entries]


@pytest.mark.parametrize("function", COMPLETE)
def test_everything_that_was_told_is_one_entry_of_the_outbox(recorder, raw, function):
    arguments = COMPLETE[function]
    answer = getattr(recorder, function)(**arguments)
    assert answer == (arguments[IDS[function]] if function in IDS else True)
    [(position, fields)] = raw.xrange(OUTBOX)
    assert fields.keys() == {b"type", b"kind", b"recorded_ms", b"record"}
    assert fields[b"type"] == b"automation"
    assert abs(int(fields[b"recorded_ms"]) - int(position.split(b"-")[0])) < 1000
    expected = {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in arguments.items()
    }
    assert json.loads(fields[b"record"]) == expected


@pytest.mark.parametrize("function", IDS)
def test_a_record_without_an_id_gets_a_fresh_uuid(recorder, raw, function):
    arguments = {name: value for name, value in COMPLETE[function].items() if name != IDS[function]}
    ids = [getattr(recorder, function)(**arguments) for _ in range(3)]
    assert len({uuid.UUID(id_) for id_ in ids}) == 3
    assert [record[IDS[function]] for _, record in told(raw)] == ids


def test_the_functions_of_the_module_are_those_of_a_recorder_on_the_configured_redis(url, raw):
    with override_settings(REDIS_URL=url):
        for function, arguments in COMPLETE.items():
            public = getattr(core, function)
            assert public.__func__ is getattr(AutomationRecorder, function)
            assert getattr(AutomationRecorder(), function)(**arguments)
    assert len(told(raw)) == len(COMPLETE)


@pytest.mark.parametrize(("function", "argument"), CASES)
def test_a_bad_argument_is_named_and_nothing_is_stored(recorder, raw, function, argument):
    for value in BAD[argument]:
        if value == "" and f"{function}-{argument}" in MAY_BE_EMPTY:
            continue
        with pytest.raises((ValueError, TypeError), match=rf"^{argument}\b"):
            getattr(recorder, function)(**{**COMPLETE[function], argument: value})
    assert raw.dbsize() == 0


def test_failing_tests_without_a_failure_are_refused(recorder, raw):
    with pytest.raises(ValueError, match="failing_tests"):
        recorder.record_test_execution(suite="a", passed=1, duration_seconds=1, failing_tests=["test_a"])
    assert raw.dbsize() == 0


def test_an_entry_stays_small_however_many_tests_failed(recorder, raw):
    names = [f"{number}-{'ü' * 490}" for number in range(5000)]
    recorder.record_test_execution(
        suite="a", passed=0, failed=5000, duration_seconds=1, failing_tests=names + names
    )
    [(_, record)] = told(raw)
    assert record["failing_tests"] == names[:100]
    assert record["failed"] == 5000
    assert raw.memory_usage(OUTBOX) < 200_000


def test_a_failing_test_named_twice_is_kept_once(recorder, raw):
    recorder.record_test_execution(
        suite="a", passed=0, failed=1, duration_seconds=1, failing_tests=("a", "b", "a")
    )
    assert told(raw)[0][1]["failing_tests"] == ["a", "b"]


def test_a_time_in_another_zone_is_the_same_moment(recorder, raw):
    zone = timezone(timedelta(hours=5, minutes=30))
    recorder.record_file_test(file_path="a.py", source_modified_at=datetime(2026, 1, 1, 5, 30, tzinfo=zone))
    assert told(raw)[0][1]["source_modified_at"] == "2026-01-01T00:00:00+00:00"


names = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=255)


@given(names, names, st.floats(0, 1), st.none() | st.booleans(), st.none() | st.floats(0, 10_000_000))
def test_what_was_told_comes_back_as_it_was(name, strategy, confidence, success, seconds):
    record = automation_records.TaskRouting(
        routing_id=name, task_type=name, strategy=strategy, assigned_to=name,
        confidence=confidence, success=success, duration_seconds=seconds,
    )  # fmt: skip
    assert automation_records.TaskRouting.from_json(record.to_json().decode()) == record


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=3
)


@given(st.sampled_from(sorted(automation_records.KINDS)), st.data())
def test_what_comes_from_outside_is_a_record_or_an_error_that_can_be_caught(kind, data):
    wanted = automation_records.KINDS[kind]
    fields = [field for field in wanted.__dataclass_fields__ if field != "kind"]
    text = json.dumps(data.draw(st.dictionaries(st.sampled_from(fields), json_values)))
    try:
        record = wanted.from_json(text)
    except (ValueError, TypeError):
        return
    assert wanted.from_json(record.to_json().decode()) == record


# Redis away


def tell_all(recorder) -> list[object]:
    return [getattr(recorder, function)(**arguments) for function, arguments in COMPLETE.items()]


def test_an_outage_breaks_no_agent_and_is_logged_once(durable_server, caplog):
    recorder = AutomationRecorder(durable_server.url)
    durable_server.stop()
    with caplog.at_level(logging.WARNING, "core.automation"):
        assert not any(tell_all(recorder))
        assert len(caplog.records) == 1
        durable_server.start()
        recorder._quiet_until = 0.0  # on a slow machine a refusal can look like a hang
        assert all(tell_all(recorder))
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "automated work is not recorded",
        "automated work is recorded again",
    ]
    with client_of(durable_server.url) as raw:
        assert len(told(raw)) == len(COMPLETE)


def test_after_a_hung_server_the_next_second_is_quiet_and_then_it_is_told_again(server):
    recorder = AutomationRecorder(server.url)
    coverage = COMPLETE["record_coverage"]
    server.hang()
    assert recorder.record_coverage(**coverage) == ""
    quiet_until, resumed_at = recorder._quiet_until, time.monotonic()
    server.resume()
    assert recorder.record_coverage(**coverage) == "" or time.monotonic() > quiet_until
    assert 0 < quiet_until <= resumed_at + 1
    assert wait_until(lambda: recorder.record_coverage(**coverage), "it is told again") == "c-1"


def test_a_redis_that_refuses_is_no_error_either(recorder, raw, caplog):
    raw.set(OUTBOX, "no stream")
    assert not any(tell_all(recorder))
    assert len(caplog.records) == 1


def test_where_no_redis_is_configured_nothing_breaks(tmp_path):
    with override_settings(REDIS_URL="", TELEMETRY_DATA_DIR=str(tmp_path)):
        assert not any(tell_all(AutomationRecorder()))


@pytest.mark.parametrize("function", ["complete_task_routing", "complete_agent_assignment"])
def test_what_was_not_recorded_can_be_completed_without_an_error(recorder, raw, function):
    arguments = {**COMPLETE[function], next(iter(COMPLETE[function])): ""}
    assert getattr(recorder, function)(**arguments) is False
    with pytest.raises(TypeError, match="success"):
        getattr(recorder, function)(**{**arguments, "success": "yes"})
    assert raw.dbsize() == 0


def test_an_outage_hides_no_bad_argument(server):
    recorder = AutomationRecorder(server.url)
    server.stop()
    with pytest.raises(ValueError, match="suite"):
        recorder.record_coverage(suite="", lines_covered=1, lines_total=1)


def test_without_a_recorder_process_the_outbox_is_capped_and_that_is_said_once(recorder, raw, caplog):
    script = "for i = 1, ARGV[1] do redis.call('XADD', KEYS[1], '*', 'type', 'x') end"
    raw.eval(script, 1, OUTBOX, 100_500)
    tell_all(recorder)
    assert len(caplog.records) == 1
    assert "recorder" in caplog.text
    assert raw.xlen(OUTBOX) <= 100_200
    raw.hset("{telemetry}:installation", "id", "x")
    tell_all(recorder)
    assert len(caplog.records) == 1
