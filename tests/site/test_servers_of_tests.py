"""Servers and threads that tests start end with them, servers also when the tests are killed."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from core import ApprovalGate, UsageTracker
from tests.core.usage.usage_help import track
from tests.endings import ended_afterwards
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
START = """
import time
from tests.postgresql import postgresql_server
with postgresql_server() as server:
    import psycopg
    connection = psycopg.connect(server.url())
    print(server.process.pid, server.folder, flush=True)
    time.sleep(60)
"""


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.long
def test_a_postgresql_server_ends_with_the_tests_that_started_it_however_they_end():
    tests = subprocess.Popen([sys.executable, "-c", START], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    pid, folder = tests.stdout.readline().split()
    assert lives(int(pid))
    os.kill(tests.pid, signal.SIGKILL)
    tests.wait()
    tests.stdout.close()
    wait_until(lambda: not lives(int(pid)), "the server has ended")
    subprocess.run(["rm", "-rf", "--", folder], check=True)  # nobody was left to do it


def test_threads_that_a_test_left_behind_talk_to_no_server_any_more(tmp_path):
    def left() -> set[str]:
        return {thread.name for thread in set(threading.enumerate()) - before}

    before = set(threading.enumerate())
    with ended_afterwards():
        track(UsageTracker(tmp_path, memory="redis://127.0.0.1:1"))
        ApprovalGate("redis://127.0.0.1:1", "robot").request_approval("deploy", timeout=0.1)
        assert {"usage", "withdrawing"} <= left()
    wait_until(lambda: not {"usage", "withdrawing"} & left(), "both have ended")


def test_a_test_gets_no_tracker_that_ended_with_another():
    with ended_afterwards():
        ended = UsageTracker.get_instance()
    assert UsageTracker.get_instance() is not ended


def collect(folder: Path, **chosen: str) -> subprocess.CompletedProcess[str]:
    """A run that only looks which tests there are, on a machine without programs."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    ours = {name: value for name, value in os.environ.items() if name != "REQUIRE_SERVERS"}
    environment = {**ours, "PATH": str(folder), **chosen}
    return subprocess.run(
        [*command, "tests/history/approvals/test_retention.py"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.long
def test_without_redis_the_run_on_postgresql_is_on_valkey_and_says_so(tmp_path):
    run = collect(tmp_path, TEST_DATABASE="postgresql", TEST_REDIS="redis")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "test_texts_go_after_the_days" in run.stdout
    assert (
        "NO RUN ON postgresql AND redis, ONLY ON postgresql AND valkey: redis-server is missing" in run.stdout
    )


@pytest.mark.long
def test_without_any_server_that_was_asked_for_there_is_no_run_and_it_says_so(tmp_path):
    run = collect(tmp_path, TEST_REDIS="redis")
    assert run.returncode == 0
    assert "test_texts_go_after_the_days" not in run.stdout
    assert "NO RUN ON sqlite AND redis: redis-server is missing" in run.stdout + run.stderr


@pytest.mark.long
def test_where_servers_are_required_one_that_is_missing_is_an_error(tmp_path):
    run = collect(tmp_path, TEST_DATABASE="postgresql", TEST_REDIS="redis", REQUIRE_SERVERS="1")
    assert run.returncode != 0
    assert "NO RUN ON postgresql AND redis: redis-server is missing" in run.stdout + run.stderr
