"""Several installations on one machine that share a directory: each ships its own calls and nobody else's."""

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.store.client import namespace_and_address, open_store
from core.usage.folders import SpoolFolders
from tests.core.usage.usage_help import shipped_by_hand, track
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
KILLED = """
import os, signal, sys
from core import UsageTracker
from tests.core.usage.usage_help import track
tracker = UsageTracker()
if sys.argv[2] == "wait":
    tracker._shipper.notice = lambda: None
track(tracker, int(sys.argv[1]))
if sys.argv[2] == "ship":
    tracker.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


def killed_agent(calls: int, how: str, **settings: object) -> None:
    """An agent that tracks so many calls, ships them or not, and is killed."""
    environment = {**os.environ, **{name: str(value) for name, value in settings.items()}}
    process = subprocess.run(
        [sys.executable, "-c", KILLED, str(calls), how], cwd=ROOT, env=environment, timeout=60
    )
    assert process.returncode == -signal.SIGKILL


def calls_of(tracker) -> int:
    tracker.flush()
    return tracker.get_stats(days=2)["total_calls"]


@pytest.fixture
def tracker_of(make_tracker, settings, url):
    """A tracker of another namespace: `tracker_of("pa")`."""

    def make(namespace):
        settings.TELEMETRY_NAMESPACE = namespace
        return make_tracker(memory=open_store(url))

    return make


@pytest.mark.parametrize("how", ["ship", pytest.param("wait", marks=pytest.mark.long)])
@pytest.mark.usefixtures("any_namespace")
def test_calls_of_a_killed_agent_stay_with_its_namespace(tracker_of, url, tmp_path, how):
    settings = {"REDIS_URL": url, "TELEMETRY_DATA_DIR": tmp_path}
    killed_agent(30, how, TELEMETRY_NAMESPACE="pa", **settings)
    other = tracker_of("pb")
    track(other)
    assert calls_of(other) == 1
    assert calls_of(tracker_of("pa")) == 30


@pytest.mark.parametrize("how", ["ship", pytest.param("wait", marks=pytest.mark.long)])
def test_calls_of_a_killed_agent_stay_with_its_redis(make_tracker, server, url, tmp_path, how):
    killed_agent(30, how, REDIS_URL=server.url, TELEMETRY_DATA_DIR=tmp_path)
    other = make_tracker()
    track(other)
    assert calls_of(other) == 1
    assert calls_of(make_tracker(memory=server.url)) == 30


def test_two_addresses_of_one_redis_are_one_installation_once_it_has_an_id(
    make_tracker, proxy, raw, tmp_path
):
    raw.hset("{telemetry}:installation", "id", "the one")
    with shipped_by_hand(tmp_path / "usage", proxy.url) as agent:
        track(agent, 2)
        agent.flush()
        track(agent, 3)
        agent._spool.end(-1)
    assert calls_of(make_tracker()) == 5
    assert not list((tmp_path / "usage").rglob("*.calls"))


def test_the_same_namespace_at_another_redis_takes_nothing_though_both_have_an_id(
    make_tracker, server, raw, tmp_path
):
    raw.hset("{telemetry}:installation", "id", "one")
    open_store(server.url).write("HSET", "{telemetry}:installation", "id", "another")
    with shipped_by_hand(tmp_path / "usage", server.url) as agent:
        track(agent, 2)
        agent.flush()
        track(agent, 3)
        agent._spool.end(-1)
    assert calls_of(make_tracker()) == 0
    assert calls_of(make_tracker(memory=server.url)) == 5


def left_nameless(tracker, tmp_path) -> None:
    """The spool of a tracker as a former version left it: in the directory itself."""
    tracker._spool.end(-1)
    [path] = (tmp_path / "usage").rglob("*.calls")
    path.rename(tmp_path / "usage" / path.name)


@pytest.mark.parametrize("namespace", ["telemetry", "pb"])
@pytest.mark.usefixtures("any_namespace")
def test_spools_without_an_installation_go_to_the_configured_one(
    make_tracker, url, tmp_path, settings, namespace
):
    settings.REDIS_URL = url
    with shipped_by_hand(tmp_path / "usage", url) as former:
        track(former, 4)
        left_nameless(former, tmp_path)
    (tmp_path / "usage" / former._folders.own.name).rmdir()
    assert calls_of(make_tracker()) == 0
    settings.TELEMETRY_NAMESPACE = namespace
    assert calls_of(make_tracker(memory=None)) == 4


@pytest.mark.usefixtures("any_namespace")
def test_a_spool_without_an_installation_goes_to_whose_redis_has_shipped_a_part_of_it(
    make_tracker, url, tmp_path, settings
):
    settings.REDIS_URL = url
    with shipped_by_hand(tmp_path / "usage", url) as former:
        track(former, 4)
        former.flush()
        track(former, 1)
        left_nameless(former, tmp_path)
    settings.TELEMETRY_NAMESPACE = "pb"
    assert calls_of(make_tracker(memory=None)) == 0
    settings.TELEMETRY_NAMESPACE = "telemetry"
    assert calls_of(make_tracker()) == 5


def test_calls_that_nobody_ships_are_told_once_and_can_be_moved(make_tracker, server, tmp_path, caplog):
    with shipped_by_hand(tmp_path / "usage", server.url) as moved:
        track(moved, 3)
        moved._spool.end(-1)
    [path] = (tmp_path / "usage").rglob("*.calls")
    os.utime(path, (time.time() - 4000,) * 2)
    tracker = make_tracker()
    track(tracker)
    with caplog.at_level(logging.WARNING, "core.usage.folders"):
        for _ in range(2):
            assert calls_of(tracker) == 1
    [record] = caplog.records
    assert str(path.parent) in record.getMessage()
    path.rename(tracker._folders.own / path.name)
    wait_until(lambda: calls_of(tracker) == 4, "shipped from its new place")


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ("redis://127.0.0.1", "redis://user:secret@localhost:6379/0"),
        ("redis://Redis.example.org:6379/2", "rediss://redis.example.org/2"),
        ("unix:///srv/telemetry/redis.sock", "unix:///srv/telemetry/redis.sock?db=0"),
    ],
)
def test_an_address_is_the_same_however_it_is_written(one, same):
    assert namespace_and_address(one) == namespace_and_address(same)


def test_addresses_that_lead_elsewhere_differ(tmp_path):
    urls = [
        "redis://localhost", "redis://localhost:6380", "redis://localhost/1", "redis://db.example.org",
        "unix:///tmp/redis.sock", "unix:///tmp/redis.sock?db=1",
    ]  # fmt: skip
    folders = {SpoolFolders(tmp_path, *namespace_and_address(url), configured=False).own for url in urls}
    assert len(folders) == len(urls)


def test_the_private_server_is_known_by_its_directory_wherever_it_listens(tmp_path, settings):
    settings.REDIS_URL, settings.TELEMETRY_DATA_DIR = "", tmp_path
    before = namespace_and_address()
    (tmp_path / "redis.url").write_text("redis://:word@127.0.0.1:7001")
    assert namespace_and_address() == before
    settings.REDIS_URL = "redis://:word@127.0.0.1:7001"
    assert namespace_and_address() == before
    settings.REDIS_URL = "redis://127.0.0.1:7002"
    assert namespace_and_address() != before


@pytest.mark.parametrize(
    ("name", "value"), [("TELEMETRY_NAMESPACE", "Not One"), ("REDIS_URL", "http://redis")]
)
def test_an_unclear_setting_does_not_stop_tracking(make_tracker, settings, tmp_path, name, value):
    setattr(settings, name, value)
    tracker = make_tracker(memory=None)
    track(tracker, 3)
    assert len(list((tmp_path / "usage").rglob("*.calls"))) == 1
