"""A backup is the record of one moment, while the site goes on; restored, it is the same and goes on itself."""

import json
import stat
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone
from rq import Retry

from core import jobs
from core.history.audit import entries, guards
from core.history.audit.kinds import in_short
from core.history.backups import backup, tables
from core.history.backups.restore import restore
from core.history.people.session_store import SessionStore
from core.history.proof import verification
from core.history.proof.checkpoints import checkpoint
from core.models import AuditEntry, LLMCall, SetAsideEntry
from core.models import WebSession as Session
from tests.history.audit.chain import assert_chain_is_whole
from tests.history.backups.emptied import empty_the_database
from tests.history.installation import ODD
from tests.waiting import PATIENCE
from tests.workers import work

MOMENT = datetime(2026, 3, 29, 1, 30, 0, 123457, tzinfo=UTC)
NUMBERS = dict.fromkeys(["input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"], 3)


def nothing(_what: str, _rows: int) -> None:
    """No bar."""


def append(count: int, name: str = "odd") -> None:
    with transaction.atomic():
        said = {ODD: [ODD, None, 1e-7]}
        entries.append([entries.Fact(f"{name}:{n}", name, MOMENT, details=said) for n in range(count)])


@pytest.fixture
def filled(transactional_db):
    """Rows of each kind of value; more audit entries than are read at once."""
    for number in range(4):
        user = User.objects.create(username=f"{number} {ODD}"[:150], last_name=ODD[:20], last_login=MOMENT)
        user.groups.add(Group.objects.get(name="approver"))
    User.objects.filter(username__startswith="3").delete()
    session = SessionStore()
    session["odd"] = ODD
    session.save()
    SetAsideEntry.objects.create(installation="i", position="1-1", fields=ODD, error=ODD)
    LLMCall.objects.create(
        call_id=ODD,
        at=MOMENT,
        shipped_at=MOMENT,
        cost_nano=2**62,
        duration_ms=0.1 + 0.2,
        cache_hit=True,
        prompt_cache_hit=False,
        **NUMBERS,
    )
    append(tables.ROWS_AT_ONCE + 50)


@pytest.fixture
def no_checkpoints(tmp_path):
    return tmp_path / "checkpoints.jsonl"


def everything() -> dict[str, list[tuple]]:
    return {t._meta.db_table: list(tables.rows(t)) for t in tables.in_order(backup.LEFT_OUT)}


def test_restored_into_an_empty_installation_every_row_and_the_chain_are_the_same(
    filled, tmp_path, no_checkpoints
):
    before, chain = everything(), verification.verify_copy()
    taken = backup.take(tmp_path / "b.zip", nothing)
    assert stat.S_IMODE(taken.path.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["b.zip"]

    empty_the_database()
    expected, done = list[int](), list[int]()
    restore(taken.path, no_checkpoints, lambda what, rows: done.append(rows), expected.append)
    assert expected == [sum(done)]  # the bar reaches its end
    after = everything()
    appended = after["core_auditentry"].pop()
    before.pop("core_audithead"), after.pop("core_audithead")
    assert after == before
    assert appended[:2] == (chain.entries + 1, appended[1])
    assert assert_chain_is_whole() == chain.entries + 1
    assert verification.verify(no_checkpoints).whole
    assert not Session.objects.exists()
    assert User.objects.create(username="after").pk > 4  # the number of a deleted one is not given again
    append(3, "more")
    assert verification.verify(no_checkpoints).whole


def test_the_restore_is_told_in_the_record_with_who_did_it_and_the_head_of_the_backup(
    filled, tmp_path, no_checkpoints
):
    taken = backup.take(tmp_path / "b.zip", nothing)
    empty_the_database()
    restore(taken.path, no_checkpoints, nothing)
    told = AuditEntry.objects.order_by("-sequence")[0]
    said = json.loads(told.details)
    assert told.previous_hash == taken.manifest.chain.hash == said["head"]
    assert (told.kind, said["through"]) == ("record.restored", "command line")
    assert in_short(told.details).startswith(f"a backup of {taken.manifest.made_at} with ")


def test_what_is_written_meanwhile_waits_for_nobody_and_is_not_in_the_backup(
    filled, tmp_path, no_checkpoints, background
):
    before, chain = everything(), verification.verify_copy()
    written = []

    def write(_what, _rows):
        if not written:
            written.append(True)
            background(append, 10, "meanwhile").result(PATIENCE)
            background(User.objects.create, username="meanwhile").result(PATIENCE)

    taken = backup.take(tmp_path / "b.zip", write)
    assert written
    assert AuditEntry.objects.filter(kind="meanwhile").count() == 10
    assert (taken.manifest.chain.entries, taken.manifest.chain.hash) == (chain.entries, chain.hash)
    empty_the_database()
    restore(taken.path, no_checkpoints, nothing)
    assert everything()["auth_user"] == before["auth_user"]
    assert not AuditEntry.objects.filter(kind="meanwhile").exists()


def test_an_installation_with_a_row_of_its_own_is_refused_and_stays_as_it_is(filled, tmp_path):
    call_command("backup", str(tmp_path / "b.zip"))
    empty_the_database()
    User.objects.create(username="maria")
    before = everything()
    with pytest.raises(CommandError, match=r"is not empty: \w+ has rows already; restore into a data dir"):
        call_command("restore", str(tmp_path / "b.zip"))
    assert everything() == before


def test_a_record_that_was_broken_is_backed_up_and_restored_as_it_is_and_both_say_so(
    filled, tmp_path, capsys
):
    with connection.cursor() as cursor:
        for guard in guards.guards_of(connection):
            cursor.execute(guards.removal(guard, connection.vendor))
        cursor.execute("UPDATE core_auditentry SET actor = 'mallory' WHERE sequence = 9")
    call_command("backup", str(tmp_path / "b.zip"))
    assert "NOT whole, and was backed up as it is: entry #9 was changed" in capsys.readouterr().err
    empty_the_database()
    call_command("restore", str(tmp_path / "b.zip"))
    assert "NOT whole when it was backed up, and is as it was: entry #9" in capsys.readouterr().err
    assert AuditEntry.objects.get(pk=9).actor == "mallory"


def test_checkpoints_are_compared_with_and_never_written(filled, tmp_path, no_checkpoints):
    checkpoint(no_checkpoints)
    taken = backup.take(tmp_path / "b.zip", nothing)
    append(5, "later")
    checkpoint(no_checkpoints)
    witness = no_checkpoints.read_bytes()
    empty_the_database()
    done = restore(taken.path, no_checkpoints, nothing)
    assert any("knew" in notice for notice in done.notices)
    assert no_checkpoints.read_bytes() == witness


def test_a_backup_of_another_record_than_the_checkpoints_saw_is_refused(filled, tmp_path, no_checkpoints):
    taken = backup.take(tmp_path / "b.zip", nothing)
    empty_the_database()
    append(20, "another")
    checkpoint(no_checkpoints)
    empty_the_database()
    with pytest.raises(tables.CannotCopy, match="is not the one that the checkpoint of"):
        restore(taken.path, no_checkpoints, nothing)
    assert not AuditEntry.objects.exists()


def test_a_file_that_is_there_is_not_written_over(transactional_db, tmp_path):
    there = tmp_path / "history.sqlite3"
    there.write_text("dear")
    missing = tmp_path / "missing" / "backup.zip"
    with pytest.raises(CommandError, match=rf"No backup was made: .* No such file or directory: '{missing}'"):
        call_command("backup", str(missing))
    with pytest.raises(CommandError, match=r"No backup was made: .* exists already"):
        call_command("backup", str(there))
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("history.sqlite3", "dear")]


def test_a_backup_that_fails_halfway_leaves_nothing(filled, tmp_path):
    def fail(_what, _rows):
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        backup.take(tmp_path / "b.zip", fail)
    assert list(tmp_path.iterdir()) == []
    append(1, "after")  # and the connection can write again


def test_into_a_folder_each_backup_has_its_time_as_its_name_and_only_the_newest_are_kept(filled, tmp_path):
    for name in ("telemetry-20200101T000000Z.zip", "telemetry-20200102T000000Z.zip", "mine.zip"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / ".telemetry-20200102T000000Z.zip.part").write_bytes(b"of a process that was killed")
    taken = backup.take_and_tidy(tmp_path, keep=2)
    assert backup.NAME.fullmatch(taken.path.name)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["mine.zip", "telemetry-20200102T000000Z.zip", taken.path.name]
    assert abs((backup.newest_at(tmp_path) - timezone.now()).total_seconds()) < 60


def test_of_a_record_that_is_not_whole_the_job_keeps_every_backup_and_fails(
    filled, settings, tmp_path, clean_redis
):
    settings.TELEMETRY_BACKUP_DIR, settings.TELEMETRY_BACKUP_KEEP = tmp_path, 1
    good = Path(jobs.backup())
    good = good.rename(good.with_name("telemetry-20200101T000000Z.zip"))
    with connection.cursor() as cursor:
        for guard in guards.guards_of(connection):
            cursor.execute(guards.removal(guard, connection.vendor))
        cursor.execute("UPDATE core_auditentry SET actor = 'mallory' WHERE sequence = 9")
    queue = jobs.queue()
    job = queue.enqueue(jobs.backup, failure_ttl=jobs.FAILED_KEPT, retry=Retry(max=2))
    work()
    made = set(backup.existing_backups(tmp_path))
    assert good in made
    assert len(made) == 2  # it is not tried again: the second one would be no better
    assert queue.failed_job_registry.get_job_ids() == [job.id]
    assert job.get_meta()[jobs.IS_FINAL]  # nor is it by the clock
    assert "the record is not whole: entry #9 was changed" in job.latest_result().exc_string


def test_the_job_makes_one_where_a_folder_is_set_and_none_elsewhere(transactional_db, settings, tmp_path):
    settings.TELEMETRY_BACKUP_DIR = None
    assert jobs.backup() == ""
    settings.TELEMETRY_BACKUP_DIR = tmp_path / "made"
    assert Path(jobs.backup()).parent == tmp_path / "made"
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o700


def test_other_programs_can_read_it(filled, tmp_path):
    path = backup.take(tmp_path / "b.zip", nothing).path
    lines = subprocess.run(
        ["python3", "-m", "zipfile", "-l", str(path)], capture_output=True, text=True, check=True
    ).stdout
    assert Path("tables/core_auditentry.jsonl").as_posix() in lines
