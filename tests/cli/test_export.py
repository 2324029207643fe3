"""export: every call, streamed, into a file that is whole or not there."""

import csv
import io
import json
import os
import stat
import threading
import tracemalloc

import pytest

from core.cli import cmd_telemetry_export
from core.cli.export import PIECES, csv_cell
from core.history.usage.calls import CallHistory
from core.models import LLMCall
from core.usage.call import EXPORTED
from tests.core.usage.usage_help import track


@pytest.fixture
def recorded(tracker, record):
    track(tracker, 1, workflow="=cmd|' /C calc'!A0", stage=None, agent_id="-worker", cost=0)
    track(tracker, 2, workflow="plain")
    record()


def test_json_is_one_array_of_every_call_newest_first(recorded, run):
    code, out, err = run(cmd_telemetry_export)
    entries = json.loads(out)
    assert (code, err) == (0, "")
    assert [entry["workflow"] for entry in entries] == ["plain", "plain", "=cmd|' /C calc'!A0"]
    assert entries[0]["cost"] == "0.010500000"


def test_no_calls_are_an_empty_array_and_a_line_of_heads(tracker, record, run):
    assert run(cmd_telemetry_export)[1] == "[]\n"
    assert run(cmd_telemetry_export, format="csv")[1] == ",".join(f'"{name}"' for name in EXPORTED) + "\n"


def test_csv_has_the_same_calls_and_no_formula(recorded, run):
    _code, out, _err = run(cmd_telemetry_export, format="csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["workflow"] for row in rows] == ["plain", "plain", "'=cmd|' /C calc'!A0"]
    assert (rows[2]["agent_id"], rows[2]["stage"]) == ("'-worker", "")
    assert (rows[0]["cost"], rows[0]["input_tokens"], rows[0]["cache_hit"]) == (
        "0.010500000",
        "1000",
        "false",
    )


@pytest.mark.parametrize(
    "start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "﹦", " =", "\u200b=", "\u3164＝"]
)
def test_text_that_a_spreadsheet_takes_for_a_formula_is_quoted(start):
    assert csv_cell(start + "1").startswith("'")


def test_numbers_stay_numbers_also_below_zero_and_escapes_are_visible():
    from decimal import Decimal

    assert [csv_cell(value) for value in (-1, -0.5, Decimal("-0.000000001"), True, None)] == [
        "-1",
        "-0.5",
        "-0.000000001",
        "true",
        "",
    ]
    assert csv_cell("a\x1b[2Kb\n") == "a⟦U+001B⟧[2Kb⟦U+000A⟧"


def test_a_file_is_for_its_owner_alone_and_replaces_the_one_before(recorded, run, tmp_path):
    file = tmp_path / "calls.json"
    file.write_text("before")
    assert run(cmd_telemetry_export, output=str(file)) == (0, "", "")
    assert len(json.loads(file.read_text())) == 3
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_link_stays_a_link_and_a_pipe_stays_a_pipe(recorded, run, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    assert run(cmd_telemetry_export, output=str(tmp_path / "link"))[0] == 0
    assert (tmp_path / "link").is_symlink()
    assert len(json.loads((tmp_path / "target").read_text())) == 3
    os.mkfifo(tmp_path / "pipe")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text()))
    reader.start()
    assert run(cmd_telemetry_export, output=str(tmp_path / "pipe"))[0] == 0
    reader.join(60)
    assert len(json.loads(read[0])) == 3
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_failed_export_leaves_the_old_file_and_nothing_else(recorded, run, tmp_path, monkeypatch):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "calls.json").write_text("before")
    whole = CallHistory.calls

    def torn(self, *args, **kwargs):
        for number, priced in enumerate(whole(self, *args, **kwargs)):
            if number == 2:
                raise OSError("No space left on device")
            yield priced

    monkeypatch.setattr(CallHistory, "calls", torn)
    code, out, err = run(cmd_telemetry_export, output=str(folder / "calls.json"))
    assert (code, out, err) == (1, "", "telemetry export: No space left on device\n")
    assert [path.name for path in folder.iterdir()] == ["calls.json"]
    assert (folder / "calls.json").read_text() == "before"


def test_a_folder_that_does_not_exist_is_one_sentence_that_names_the_file(recorded, run, tmp_path):
    file = str(tmp_path / "nowhere" / "calls.json")
    code, out, err = run(cmd_telemetry_export, output=file)
    assert (code, out) == (1, "")
    assert err == f"telemetry export: [Errno 2] No such file or directory: {file!r}\n"


def test_days_limit_what_is_exported(recorded, run):
    from datetime import timedelta

    from django.db.models import F

    LLMCall.objects.filter(workflow="plain").update(at=F("at") - timedelta(days=3))
    assert len(json.loads(run(cmd_telemetry_export, days=3)[1])) == 1
    assert len(json.loads(run(cmd_telemetry_export, days=4)[1])) == 3


@pytest.mark.long
@pytest.mark.parametrize("form", PIECES)
def test_memory_does_not_grow_with_the_history(recorded, form):
    [call, *_] = CallHistory().calls(None)
    tracemalloc.start()
    try:
        written = sum(len(piece) for piece in PIECES[form]([call] for _ in range(10_000)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert written > 1_000_000
    assert peak < 200_000
