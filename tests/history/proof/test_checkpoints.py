"""Checkpoints: one line outside the database for each state of the record."""

import json
from dataclasses import asdict
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from core.history.audit import entries
from core.history.proof.checkpoints import checkpoint, read
from core.history.proof.verification import verify
from core.models import AuditEntry
from tests.history.audit.attacker import cut_after, fill, without_guards


@pytest.fixture
def path(tmp_path):
    return tmp_path / "elsewhere" / "checkpoints.jsonl"


def append_one() -> None:
    with transaction.atomic():
        entries.append([entries.new_fact("test.fact")])


def test_the_command_writes_count_hash_and_time_for_the_owner_alone(db, path, settings):
    settings.TELEMETRY_CHECKPOINT_FILE = path
    fill(3)
    out = StringIO()
    call_command("audit_checkpoint", stdout=out)
    said = json.loads(path.read_text())
    assert said["count"] == 3
    assert said["hash"] == AuditEntry.objects.get(sequence=3).hash
    assert said["at"] <= timezone.now().isoformat()
    assert path.stat().st_mode & 0o777 == 0o600
    assert "3 entries" in out.getvalue()


def test_a_state_is_written_once_however_often_it_is_asked_for(db, path):
    fill(1)
    first = checkpoint(path)
    assert checkpoint(path) == first
    append_one()
    assert checkpoint(path).count == 2
    assert [line.checkpoint.count for line in read(path)] == [1, 2]


def test_a_torn_line_is_named_tolerated_and_not_continued(db, path):
    fill(1)
    checkpoint(path)
    whole = path.read_text()
    append_one()
    checkpoint(path)
    torn = path.read_text()[: len(whole) + 30]
    path.write_text(torn)
    verdict = verify(path)
    assert verdict.whole
    assert verdict.notices == ["line 2 of checkpoints.jsonl was written in part and says nothing"]
    checkpoint(path)
    assert path.read_text().startswith(torn + "\n")
    assert [line.checkpoint is not None for line in read(path)] == [True, False, True]
    assert verify(path).whole


def test_a_line_that_is_no_checkpoint_and_was_not_torn_is_a_problem(db, path):
    fill(1)
    checkpoint(path)
    for text in ('{"at": 1, "count": "x", "hash": null}', "[]}", '{"count": 1}'):
        with path.open("a") as file:
            file.write(text + "\n")
    assert [problem.split(" of ")[0] for problem in verify(path).problems] == ["line 2", "line 3", "line 4"]


def test_a_line_that_lost_its_end_is_a_problem_wherever_no_write_can_have_been_torn(db, path):
    for _ in range(3):
        append_one()
        checkpoint(path)
    whole = path.read_text().splitlines(keepends=True)
    for number in range(3):
        lines = [line.replace("}", "") if place == number else line for place, line in enumerate(whole)]
        path.write_text("".join(lines))
        assert verify(path).problems == [f"line {number + 1} of checkpoints.jsonl is no checkpoint"]
    path.write_text("".join(whole)[:-2])  # the last one, without its end and its line's: a torn write
    assert verify(path).problems == []
    with without_guards():
        cut_after(2)
    path.write_text("".join([*whole[:2], whole[2].replace("}", "")]))
    assert not verify(path).whole


def test_a_folder_in_the_place_of_the_file_is_one_sentence(db, path):
    path.mkdir(parents=True)
    [problem] = verify(path).problems
    assert "the checkpoints cannot be read" in problem
    with pytest.raises(CommandError, match="no checkpoint was written"):
        call_command("audit_checkpoint", file=path)


def test_a_record_that_was_cut_and_grew_again_is_found(db, path):
    fill(5)
    checkpoint(path)
    with without_guards():
        cut_after(2)
    for _ in range(6):
        append_one()
    assert "entry #5 is not the one" in verify(path).problems[0]


def test_two_that_knew_another_entry_at_one_place_are_a_problem(db, path):
    fill(2)
    line = json.dumps(asdict(checkpoint(path)) | {"hash": "0" * 64})
    path.write_text(path.read_text() + "\n" + line + "\n")
    [problem] = verify(path).problems
    assert problem.startswith("two checkpoints")
    assert problem.endswith("differ on #2")


def test_an_older_database_that_was_brought_back_is_found_also_after_the_next_checkpoint(db, path):
    fill(5)
    checkpoint(path)
    with without_guards():
        cut_after(2)
    checkpoint(path)
    problems = verify(path).problems
    assert "before it #5: the record had been cut" in problems[0]
    assert "the head stands at #2" in problems[1]


def test_a_file_that_cannot_be_written_is_an_error_that_says_so(db, tmp_path):
    blocked = tmp_path / "a file"
    blocked.write_text("")
    with pytest.raises(CommandError, match="no checkpoint was written"):
        call_command("audit_checkpoint", file=blocked / "checkpoints.jsonl")
