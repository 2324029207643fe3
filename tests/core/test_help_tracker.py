"""Help lookups on this machine: whole lines, never an exception, off by a switch."""

import json
import math
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core import HelpTracker, get_tracker

LOOKUP = {"source": "help_lookup", "mode": "progressive", "topic": "deploy", "success": True, "found": False}


def events(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def tracker(tmp_path):
    return HelpTracker(tmp_path / "help")


def test_the_files_have_the_documented_names(tmp_path):
    tracker = HelpTracker(tmp_path)
    assert (tracker.path, tracker.unmatched_path) == (
        tmp_path / "help_queries.jsonl",
        tmp_path / "help_unmatched.jsonl",
    )
    other = HelpTracker(str(tmp_path), "a", "b")
    assert (other.path, other.unmatched_path) == (tmp_path / "a", tmp_path / "b")


def test_a_lookup_is_one_line_with_its_time_in_utc(tracker):
    tracker.log(**LOOKUP, duration_ms=12.5, metadata={"depth_level": 2, "topic": "not this", "v": "nor this"})
    [event] = events(tracker.path)
    moment = datetime.fromisoformat(event.pop("ts"))
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 60
    assert event == {"v": "1.0", **LOOKUP, "duration_ms": 12.5, "depth_level": 2}
    assert not tracker.unmatched_path.exists()


def test_without_a_duration_there_is_none_in_the_line(tracker):
    tracker.log(**LOOKUP)
    assert "duration_ms" not in events(tracker.path)[0]


def test_a_question_without_an_answer_goes_to_its_own_file(tracker):
    for query in ("how do I rotate keys", "was heißt das\u2028?\n\ud800"):
        tracker.log_unmatched(query=query, mode="progressive")
    found = events(tracker.unmatched_path)
    assert [event["query"] for event in found] == ["how do I rotate keys", "was heißt das\u2028?\n\ud800"]
    assert {event["source"] for event in found} == {"help_lookup"}
    assert not tracker.path.exists()


def test_what_was_there_stays(tracker):
    for topic in "abc":
        tracker.log(**{**LOOKUP, "topic": topic})
    assert [event["topic"] for event in events(tracker.path)] == ["a", "b", "c"]


@pytest.mark.parametrize("value", ["0", "false", " Off ", "no"])
def test_it_is_off_by_a_switch_that_is_asked_at_each_call(tracker, monkeypatch, value):
    monkeypatch.setenv("TELEMETRY_HELP", value)
    tracker.log(**LOOKUP)
    tracker.log_unmatched(query="x", mode="m")
    assert not tracker.path.parent.exists()
    monkeypatch.setenv("TELEMETRY_HELP", "1")
    tracker.log(**LOOKUP)
    assert len(events(tracker.path)) == 1


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no words")


def loop() -> list:
    value: list = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    "bad",
    [object(), Hostile(), math.nan, math.inf, 10**5000, {"deep": b"bytes"}, {1, 2}, loop()],
    ids=["object", "no-repr", "nan", "inf", "1e5000", "bytes", "set", "loop"],
)
def test_one_value_that_json_cannot_hold_is_left_out_and_the_lookup_stays(tracker, caplog, bad):
    tracker.log(**LOOKUP, duration_ms=1.5, metadata={"first": 1, "bad": bad, "last": [2]})
    [event] = events(tracker.path)
    del event["ts"]
    assert event == {"v": "1.0", **LOOKUP, "duration_ms": 1.5, "first": 1, "last": [2]}
    assert caplog.text.count("left out of a help lookup: 'bad'") == 1


@pytest.mark.parametrize(
    "duration", [math.nan, math.inf, 10**5000, object()], ids=["nan", "inf", "1e5000", "object"]
)
def test_a_duration_that_is_no_number_is_left_out_and_the_lookup_stays(tracker, caplog, duration):
    tracker.log(**LOOKUP, duration_ms=duration, metadata={"depth_level": 2})
    [event] = events(tracker.path)
    del event["ts"]
    assert event == {"v": "1.0", **LOOKUP, "depth_level": 2}
    assert "left out of a help lookup: 'duration_ms'" in caplog.text


@pytest.mark.parametrize(
    "bad",
    [{"a": "x" * 70_000}, {("t",): 1}, {Hostile(): 1}, "text", 5, ["a"]],
    ids=["long", "key", "no-repr", "text", "int", "list"],
)
def test_metadata_that_cannot_be_kept_is_left_out_and_the_lookup_stays(tracker, caplog, bad):
    tracker.log(**LOOKUP, metadata=bad)
    [event] = events(tracker.path)
    del event["ts"]
    assert event == {"v": "1.0", **LOOKUP}
    assert "left out of a help lookup" in caplog.text


def test_a_lookup_that_is_too_long_by_itself_raises_nothing_and_is_logged(tracker, caplog):
    tracker.log(**{**LOOKUP, "topic": "x" * 70_000})
    assert "not logged" in caplog.text
    tracker.log(**LOOKUP)
    assert len(events(tracker.path)) == 1


@pytest.mark.parametrize("argument", ["log_dir", "filename", "unmatched_filename"])
@pytest.mark.parametrize("value", [5, b"a", ["a"]])
def test_what_is_no_path_is_a_type_error_naming_the_argument(argument, value):
    with pytest.raises(TypeError, match=f"^{argument} must be"):
        HelpTracker(**{argument: value})


def test_a_folder_that_cannot_be_made_raises_nothing(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    HelpTracker(tmp_path / "file").log(**LOOKUP)
    HelpTracker(tmp_path / "file").log_unmatched(query="x", mode="m")
    assert caplog.text.count("not logged") == 2


def test_a_full_disk_raises_nothing(tmp_path, caplog):
    (tmp_path / "full").symlink_to("/dev/full")
    HelpTracker(tmp_path, filename="full").log(**LOOKUP)
    assert "not logged" in caplog.text


def test_only_the_owner_may_read_it(tracker):
    tracker.log(**LOOKUP)
    assert tracker.path.stat().st_mode & 0o777 == 0o600
    assert tracker.path.parent.stat().st_mode & 0o777 == 0o700


WRITER = """
import sys
from core import HelpTracker
tracker = HelpTracker(sys.argv[1])
for number in range(300):
    tracker.log(source="s", mode="m", topic=sys.argv[2] * 10_000, success=True, found=True, metadata={"n": number})
"""


@pytest.mark.parametrize("names", ["ab", pytest.param("abcd", marks=pytest.mark.long)])
def test_lines_stay_whole_while_many_processes_write(tmp_path, names):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name]) for name in names]
    assert [writer.wait(60) for writer in writers] == [0] * len(names)
    found = events(HelpTracker(tmp_path).path)
    assert len(found) == len(names) * 300
    for name in names:
        assert [event["n"] for event in found if event["topic"] == name * 10_000] == list(range(300))


def in_a_fresh_process(program: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PATH": os.environ["PATH"], **environment},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_default_folder_is_in_the_data_directory(tmp_path):
    program = (
        "from core import get_tracker; print(get_tracker().path); "
        "get_tracker().log_unmatched(query='q', mode='m')"
    )
    printed = in_a_fresh_process(program, TELEMETRY_DATA_DIR=str(tmp_path))
    assert printed == str(tmp_path / "help" / "help_queries.jsonl")
    assert events(tmp_path / "help" / "help_unmatched.jsonl")[0]["query"] == "q"


def test_where_core_is_installed_alone_the_default_folder_is_at_home(tmp_path):
    program = "import core.help_tracker as h; h.data_directory = lambda: None; print(h.default_directory())"
    assert in_a_fresh_process(program, HOME=str(tmp_path)) == str(tmp_path / ".agent-telemetry" / "help")


def test_a_process_has_one_tracker():
    assert get_tracker() is get_tracker()
