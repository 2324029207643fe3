"""A backup or a restore that is killed, or has no room, leaves no half file and no half installation."""

import signal

import pytest

from tests.chosen_servers import DATABASE
from tests.history.installation import FILL, ODD, Installation

pytestmark = pytest.mark.long

KILLED_AT = (
    "backup.before_rename",
    "restore.before_commit",
    "migrate.after_one",
    "migrate.before_guards",
)
COUNT = """
from django.contrib.auth.models import User
from core.models import AuditEntry
print(AuditEntry.objects.count(), User.objects.count())
"""
FULL = 64 * 1024


def killed_at(place: str) -> dict[str, str]:
    return {"TELEMETRY_FAILPOINT": place, "TELEMETRY_TESTING": "1"}


@pytest.fixture
def new_installation(data_dir, clean_redis, new_servers):
    """A site that is not migrated yet, on the database that this run is on."""

    def make(name: str) -> Installation:
        (data_dir / name).mkdir()
        made = Installation(data_dir / name, clean_redis)
        made.environment |= {key: value for key, value in new_servers().items() if value}
        return made

    return make


@pytest.fixture
def source(new_installation):
    made = new_installation("source")
    assert made.manage("migrate", "-v", "0").returncode == 0
    made.run(FILL, ODD)
    return made


def files(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_a_backup_that_was_killed_or_had_no_room_is_not_there_and_the_next_one_is(source, tmp_path):
    place = tmp_path / "backups"
    place.mkdir()
    killed = source.manage("backup", str(place / "b.zip"), **killed_at(KILLED_AT[0]))
    assert killed.returncode == -signal.SIGKILL
    assert files(place) == [".b.zip.part"]
    if DATABASE == "sqlite":  # a small file is only possible where the log of the database is not written
        full = source.manage("backup", str(place / "b.zip"), largest_file=FULL)
        assert "No backup was made: " in full.stderr
        assert files(place) == []
    assert source.manage("backup", str(place / "b.zip")).returncode == 0
    assert files(place) == ["b.zip"]


def test_a_restore_that_was_killed_or_had_no_room_leaves_an_empty_installation_for_the_next_one(
    source, new_installation, tmp_path
):
    path = str(tmp_path / "b.zip")
    assert source.manage("backup", path).returncode == 0
    target = new_installation("target")
    killed = target.manage("restore", path, **killed_at(KILLED_AT[1]))
    assert killed.returncode == -signal.SIGKILL
    assert target.run(COUNT).split() == ["0", "0"]
    if DATABASE == "sqlite":  # PostgreSQL's files are written by its server
        full = target.manage("restore", path, largest_file=target.file.stat().st_size + FULL)
        assert "Nothing was restored: " in full.stderr, full
        assert target.run(COUNT).split() == ["0", "0"]
    restored = target.manage("restore", path)
    assert restored.returncode == 0, restored.stderr
    assert_restored(source, target)


def assert_restored(source: Installation, target: Installation) -> None:
    was, now = (site.run(COUNT).split() for site in (source, target))
    assert now == [str(int(was[0]) + 1), was[1]]
    assert target.manage("check", "--database", "default", "--fail-level", "ERROR").returncode == 0


def test_a_restore_that_was_killed_while_it_made_the_tables_goes_on_with_them_at_the_next_try(
    source, new_installation, tmp_path
):
    path = str(tmp_path / "b.zip")
    assert source.manage("backup", path).returncode == 0
    target = new_installation("target")
    # In the middle; then after the last one, where groups and guards are missing.
    for name in (f"{KILLED_AT[2]}:9", KILLED_AT[3]):
        killed = target.manage("restore", path, **killed_at(name))
        assert killed.returncode == -signal.SIGKILL, killed.stderr
    restored = target.manage("restore", path)
    assert restored.returncode == 0, restored.stderr
    assert_restored(source, target)
