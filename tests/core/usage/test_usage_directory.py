"""Where calls wait by default, for whom, and how people are kept out of them."""

import json
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from core import UsageTracker
from core.usage import folders as usage_folders
from core.usage import people as usage_people
from core.usage.folders import default_dir
from tests.core.usage.usage_help import track
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
HOMELESS = """
import logging, os, sys
from core import UsageTracker
from tests.core.usage.usage_help import track
logging.basicConfig(format="%(message)s")
os.environ.pop("HOME", None)
os.setuid(54321)
import core.usage.folders
core.usage.folders.data_directory = lambda: None
first, second = UsageTracker(memory=sys.argv[1]), UsageTracker(memory=sys.argv[1])
track(first, 2, user_id="ann")
assert first.telemetry_dir == second.telemetry_dir
print(first.telemetry_dir)
os._exit(0)
"""


def test_the_directory_is_that_of_the_data_or_of_the_users_state(tmp_path, monkeypatch):
    monkeypatch.setattr(usage_folders, "data_directory", lambda: tmp_path)
    assert default_dir() == tmp_path / "usage"
    monkeypatch.setattr(usage_folders, "data_directory", lambda: None)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_dir() == tmp_path / "agent-telemetry" / "usage"
    monkeypatch.delenv("XDG_STATE_HOME")
    assert default_dir().parts[-4:] == (".local", "state", "agent-telemetry", "usage")


@pytest.fixture
def everybodys():
    """A directory for temporary files that every user may use."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o1777)
        yield Path(folder)


def test_an_address_in_the_place_of_the_directory_is_refused_and_no_folder_has_its_password(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="telemetry_dir is a folder: give an address of Redis as memory="):
        UsageTracker("redis://agent:password@127.0.0.1:6379/0")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become a user without a home directory")
@pytest.mark.parametrize("home", [None, "/nonexistent"])
def test_a_user_without_a_home_directory_tracks_into_a_private_temporary_one(everybodys, home):
    program = HOMELESS.replace(
        'os.environ.pop("HOME", None)', f'os.environ["HOME"] = "{home}"' if home else "pass"
    )
    environment = {
        name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_STATE_HOME")
    }
    done = subprocess.run(
        [sys.executable, "-c", program, "redis://127.0.0.1:1"],
        cwd=ROOT, env={**environment, "TMPDIR": str(everybodys)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    folder = everybodys / "agent-telemetry-54321"
    assert Path(done.stdout.strip()) == folder / "agent-telemetry" / "usage"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(list(folder.rglob("*.calls"))) == 1
    assert done.stderr.count("no home directory") == 1


def test_a_temporary_folder_that_others_can_write_to_is_not_used(everybodys, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(everybodys))
    laid = everybodys / f"agent-telemetry-{os.getuid()}"
    laid.mkdir()
    laid.chmod(0o777)
    found = usage_folders._temporary.__wrapped__()
    assert found != laid
    assert stat.S_IMODE(found.stat().st_mode) == 0o700


def test_people_are_stored_as_digests_with_a_secret_of_this_installation(
    tracker, make_tracker, raw, tmp_path
):
    track(tracker, 1, user_id="ann@example.org")
    line = next((tmp_path / "usage").rglob("*.calls")).read_text()
    tracker.flush()
    stored = json.dumps([str(raw.dump(key)) for key in raw.scan_iter()])
    assert "ann@" not in line + stored
    digest = tracker.get_recent_entries()[0]["user_id"]
    assert len(digest) == 64
    secret = tmp_path / "usage" / "user-secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    track(make_tracker(), 1, user_id="ann@example.org")
    track(make_tracker(telemetry_dir=tmp_path / "another machine"), 1, user_id="ann@example.org")
    wait_until(lambda: len(tracker.get_recent_entries()) == 3, "all are shipped")
    assert sorted(entry["user_id"] == digest for entry in tracker.get_recent_entries()) == [False, True, True]


def test_spools_are_for_their_owner_alone(tracker, tmp_path):
    track(tracker)
    assert stat.S_IMODE((tmp_path / "usage").stat().st_mode) == 0o700
    [folder] = (tmp_path / "usage").iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("damage", ["", "ab" * 31, "not hex", "\n"])
def test_a_secret_that_is_empty_short_or_damaged_makes_no_digest(make_tracker, tmp_path, caplog, damage):
    secret = tmp_path / "usage" / "user-secret"
    secret.parent.mkdir()
    secret.write_text(damage)
    tracker = make_tracker()
    track(tracker, 2, user_id="ann")
    track(tracker, 1, user_id="ben")
    assert [entry["user_id"] for entry in tracker.get_recent_entries()] == [None] * 3
    [record] = [record for record in caplog.records if record.name == "core.usage.people"]
    assert "user-secret must hold at least 32 bytes" in record.getMessage()
    assert secret.read_text() == damage


def test_a_mended_secret_is_found_without_a_restart(make_tracker, tmp_path, monkeypatch):
    secret = tmp_path / "usage" / "user-secret"
    secret.parent.mkdir()
    secret.write_text("")
    monkeypatch.setattr(usage_people, "RETRY_SECONDS", 0.0)
    tracker = make_tracker()
    track(tracker, 1, user_id="ann")
    secret.unlink()
    track(tracker, 1, user_id="ann")
    newest, oldest = tracker.get_recent_entries()
    assert (len(newest["user_id"]), oldest["user_id"]) == (64, None)
    assert len(bytes.fromhex(secret.read_text())) == 32


def test_the_secret_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    """A power cut leaves a whole secret or none."""
    order, real_sync, real_link = [], os.fsync, os.link

    def synced(descriptor):
        order.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        real_sync(descriptor)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "link", lambda *paths: (order.append("name"), real_link(*paths)))
    assert len(usage_people.People(tmp_path / "usage").digest("ann")) == 64
    assert order == ["file", "name", "folder"]
