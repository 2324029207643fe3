"""The exported record: complete, verifiable without the database, streamed, and only for those who may read it."""

import asyncio
import getpass
import json
import subprocess
import sys
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import AsyncClient, Client

from core.history.audit import entries
from core.history.audit.chain import canonical
from core.history.proof import json_lines, verification
from core.history.proof.checkpoints import checkpoint
from core.history.proof.verification import verify_lines
from core.models import AuditEntry
from tests.history.audit.attacker import fill

ROOT = Path(__file__).resolve().parents[3]
ADDRESS = "/admin/core/auditentry/export/"


@pytest.fixture
def exported(db, tmp_path):
    """A file with forty entries and the one of its export, and the checkpoint file of that moment."""
    fill(40)
    file = tmp_path / "record.jsonl"
    call_command("audit_export", str(file))
    checkpoint(tmp_path / "checkpoints")
    return file


def lines_of(file: Path) -> list[str]:
    return file.read_text().splitlines(keepends=True)


def test_an_export_holds_every_entry_as_it_was_hashed(exported):
    found = [json.loads(line) for line in lines_of(exported)]
    assert [line["sequence"] for line in found] == list(range(1, 42))
    assert exported.stat().st_mode & 0o777 == 0o600
    entry = AuditEntry.objects.get(sequence=7)
    assert found[6]["details"] == entry.details
    assert found[6]["request_id"] == str(entry.request_id)
    assert found[6]["hash"] == entries.entry_hash(entry)
    out = StringIO()
    assert verify_lines(lines_of(exported)).whole
    call_command("verify_audit", file=exported, stdout=out)
    assert "whole: 41 entries" in out.getvalue()


def test_the_verifier_of_the_page_about_the_record_finds_what_ours_finds(exported):
    page = (ROOT / "docs/running/record.md").read_text()
    program: dict[str, Any] = {}
    exec(page.split("```python\n")[1].split("```")[0], program)
    saw = exported.parent / "checkpoints"
    lines, seen = lines_of(exported), saw.read_text().splitlines()
    changed = {"actor": "mallory", "at": "2026-01-01T00:00:00+00:00", "details": "{}", "hash": "0" * 64}
    tampered = [
        [*lines[:8], canonical(json.loads(lines[8]) | {name: value}) + "\n", *lines[9:]]
        for name, value in changed.items()
    ]
    tampered += [
        [*lines[:8], *lines[9:]],
        [*lines[:8], lines[9], lines[8], *lines[10:]],
        [*lines[:9], *lines[8:]],
        [lines[0].replace('"kind":', '"kind":"account.deleted","kind":', 1), *lines[1:]],
    ]
    assert list(program["wrong"](lines, seen)) == []
    for each in tampered:
        assert list(program["wrong"](each))
        assert not verify_lines(each).whole
    said = "it ends at #38, before a checkpoint"
    assert list(program["wrong"](lines[:38])) == []
    assert list(program["wrong"](lines[:38], seen)) == [said]
    assert list(program["wrong"](lines, [seen[0].replace(json.loads(seen[0])["hash"], "0" * 64)]))


def test_a_line_that_other_readers_read_otherwise_is_no_entry(exported):
    first, *rest = lines_of(exported)
    doubled = first.replace('"kind":', '"kind":"account.deleted","kind":', 1)
    found = verify_lines([doubled, *rest])
    assert not found.whole
    assert "line 1 is no audit entry: the key 'kind' comes twice" in found.problems[0]


@pytest.mark.long
def test_a_file_is_verified_on_a_machine_without_the_database(exported, tmp_path):
    command = [sys.executable, "manage.py", "verify_audit", "--file", str(exported)]
    environment = {"TELEMETRY_DATA_DIR": str(tmp_path / "empty"), "PATH": "/usr/bin:/bin"}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180)
    assert (run.returncode, run.stderr) == (0, "")
    assert not list((tmp_path / "empty").glob("*.sqlite3"))


def test_the_export_is_recorded_with_the_person_at_the_machine_and_what_they_chose(db, tmp_path, capsys):
    fill(3)
    call_command("audit_export", str(tmp_path / "record"), kind="test.fact")
    call_command("audit_export", agent="nobody")
    first, second = AuditEntry.objects.filter(kind="record.exported").order_by("sequence")
    told = json.loads(first.details)
    assert (told["chosen"], told["to"]) == ({"kind": "test.fact"}, "record")
    assert told["system_user"] == getpass.getuser()
    assert json.loads(second.details)["to"] == "standard output"
    (said,) = capsys.readouterr().out.splitlines()
    assert said.startswith("3 entries.")
    assert said.endswith(f"verify_audit --selection --file {tmp_path / 'record'}")


def test_a_file_that_is_there_is_not_written_over_and_an_export_that_fails_leaves_none(
    db, tmp_path, monkeypatch
):
    fill(3)
    there = tmp_path / "there"
    there.write_text("mine")
    with pytest.raises(CommandError, match="exists already"):
        call_command("audit_export", str(there))
    assert there.read_text() == "mine"

    def fails(_selection: object):
        yield "the first piece\n"
        raise OSError("the disk is full")

    monkeypatch.setattr("core.management.commands.audit_export.pieces", fails)
    with pytest.raises(CommandError, match="the disk is full"):
        call_command("audit_export", str(tmp_path / "new"))
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_a_part_is_whole_in_itself_and_says_where_it_begins(exported):
    verdict = verify_lines(lines_of(exported)[10:20])
    assert verdict.whole
    assert (verdict.first, verdict.last, verdict.entries) == (11, 20, 10)
    assert "begins at #11" in verdict.notices[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: lines[:5] + lines[6:], "#6 is missing before entry #7"),
        (lambda lines: lines[:5] + lines[9:], "#6 to #9 are missing before entry #10"),
        (lambda lines: [*lines[:5], lines[6], lines[5], *lines[7:]], "#6 is missing before entry #7"),
        (lambda lines: [*lines[:6], lines[5], *lines[6:]], "out of order or there twice"),
        (lambda lines: [*lines[:6], "{}\n", *lines[6:]], "line 7 is no audit entry"),
        (lambda lines: [*lines[:6], lines[6][:50] + "\n", *lines[7:]], "line 7 is no audit entry"),
        (lambda lines: [line.replace('"sequence":9', '"sequence":"9"') for line in lines], "line 9 is no"),
        (lambda lines: [], "holds no entry"),
    ],
)
def test_what_was_done_to_a_file_is_named(exported, change, said):
    verdict = verify_lines(change(lines_of(exported)))
    assert said in verdict.problems[0]


def test_a_checkpoint_tells_that_a_file_was_made_anew_or_ends_early(exported, tmp_path):
    mark = tmp_path / "checkpoints"
    assert verify_lines(lines_of(exported), mark).notices == []
    short = verify_lines(lines_of(exported)[:30], mark)
    assert short.whole
    assert "ends at #30" in short.notices[0]
    mark.write_text(mark.read_text().replace(AuditEntry.objects.get(sequence=41).hash, "0" * 64))
    assert "entry #41 is not the one" in verify_lines(lines_of(exported), mark).problems[0]


def test_a_choice_has_gaps_and_is_verified_as_one(db, tmp_path):
    fill(10)
    with transaction.atomic():
        entries.append(
            [entries.Fact(f"x{n}", "other.kind", entries.timezone.now(), agent_id="b") for n in range(3)]
        )
    file = tmp_path / "choice.jsonl"

    def sequences(**choice: str) -> list[int]:
        file.unlink(missing_ok=True)
        call_command("audit_export", str(file), **choice)
        return [json.loads(line)["sequence"] for line in lines_of(file)]

    assert sequences(kind="other.kind") == sequences(agent="b") == [11, 12, 13]
    assert sequences(since="2026-03-01T00:00:04", before="2026-03-01T01:00:06+01:00") == [4, 5]
    assert sequences(before="2026-03-02") == list(range(1, 11))
    assert sequences(since="2027-01-01", before="2027-01-02") == []
    assert sequences(agent="déployer", since="2026-03-01") == list(range(1, 11))
    odd = [line for number, line in enumerate(lines_of(file)) if number % 2]
    assert not verify_lines(odd).whole
    assert verify_lines(odd, selection=True).whole
    assert not verify_lines([odd[0].replace("person", "Person")], selection=True).whole
    with pytest.raises(CommandError, match="yesterday"):
        call_command("audit_export", str(file), since="yesterday")


def test_days_are_one_piece_of_the_chain_where_what_happened_before_was_recorded_later(db):
    fill(10)
    late = entries.Fact("late", "other.kind", datetime(2026, 2, 28, tzinfo=UTC))
    soon = entries.Fact("soon", "other.kind", datetime(2026, 3, 1, 0, 0, 59, tzinfo=UTC))
    with transaction.atomic():
        entries.append([late, soon])
    days = json_lines.Selection.of("2026-03-01T00:00:05", "2026-03-02")
    lines = "".join(json_lines.pieces(days)).splitlines()
    assert [json.loads(line)["sequence"] for line in lines] == [*range(5, 13)]
    assert verify_lines(lines).whole
    by_kind = json_lines.Selection.of("2026-03-01", "2026-03-02", "other.kind")
    assert "".join(json_lines.pieces(by_kind)).count("\n") == 1


def test_pieces_are_bounded_however_long_the_record_is(db, monkeypatch):
    fill(25)
    monkeypatch.setattr(verification, "ROWS_AT_ONCE", 10)
    sizes = [piece.count("\n") for piece in json_lines.pieces(json_lines.Selection())]
    assert sizes == [10, 10, 5, 0]


@pytest.mark.parametrize(
    ("groups", "staff", "status"),
    [(["auditor"], True, 200), (["auditor"], False, 302), (["approver"], True, 403), ([], True, 403)],
)
def test_only_auditors_export_from_the_admin(make_user, groups, staff, status):
    fill(3)
    client = Client()
    client.force_login(make_user("somebody", *groups, is_staff=staff))
    before = AuditEntry.objects.filter(kind="record.exported").count()
    answer = client.post(ADDRESS)
    assert answer.status_code == status
    told = AuditEntry.objects.filter(kind="record.exported").count() - before
    assert told == (status == 200)
    if status == 200:
        lines = answer.getvalue().decode().splitlines()
        assert verify_lines(lines).whole
        assert len(lines) == AuditEntry.objects.count()
        assert "attachment" in answer["Content-Disposition"]


def test_a_choice_in_the_admin_is_checked_and_recorded(make_user):
    client = Client()
    client.force_login(make_user("the auditor", "auditor", is_staff=True))
    answer = client.post(ADDRESS, {"kind": "session.started"}).getvalue().decode()
    assert [json.loads(line)["kind"] for line in answer.splitlines()] == ["session.started"]
    for no_time in ("yesterday", "2026-02-30", "0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00"):
        assert client.post(ADDRESS, {"from": no_time}).status_code == 400
    assert client.get(ADDRESS).status_code == 405
    told = AuditEntry.objects.get(kind="record.exported")
    assert told.actor == "the auditor"
    assert json.loads(told.details) == {"chosen": {"kind": "session.started"}}


def test_the_asynchronous_site_streams_it_too(transactional_db, make_user, monkeypatch):
    fill(25)
    monkeypatch.setattr(verification, "ROWS_AT_ONCE", 10)
    client = AsyncClient()
    client.force_login(make_user("the auditor", "auditor", is_staff=True))

    async def pieces() -> list[bytes]:
        answer = await client.post(ADDRESS)
        assert answer.is_async
        return [piece async for piece in answer.streaming_content]

    found = asyncio.run(pieces())
    assert len(found) >= 4
    assert verify_lines(b"".join(found).decode().splitlines()).whole
