"""The ASGI entry may be loaded before a server forks; each process that serves tells of its settings once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.models import AuditEntry

ROOT = Path(__file__).resolve().parents[2]
LOAD = """
import asyncio, os, sys, threading

loading = True

def watch(event, words):
    assert not (loading and event in ("socket.connect", "sqlite3.connect")), (event, words)

sys.addaudithook(watch)
from telemetry_site.asgi import application
assert threading.enumerate() == [threading.main_thread()], threading.enumerate()
loading = False
"""
SERVE = """
async def request():
    said, coming = [], [{"type": "http.request", "body": b"", "more_body": False}]
    scope = {"type": "http", "method": "GET", "path": "/healthz", "raw_path": b"/healthz", "query_string": b"",
             "headers": [(b"host", b"localhost")], "scheme": "http", "server": ("localhost", 80)}

    async def receive():
        return coming.pop() if coming else await asyncio.Event().wait()

    async def send(message):
        said.append(message)

    await application(scope, receive, send)
    return said[0]["status"]

for child in range(2):
    if os.fork() == 0:
        assert asyncio.run(request()) == asyncio.run(request()) == 200
        [thread.join() for thread in threading.enumerate() if thread.name == "note-settings"]
        os._exit(0)
assert [os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(2)] == [0, 0]
"""


def run(program: str, tmp_path: Path, **environment: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "TELEMETRY_DATA_DIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr


SETTLED = """
import gc
assert gc.get_freeze_count() > 50_000 and len(gc.get_objects()) < 5_000, "garbage is looked for in what was imported"
"""

# Each request leaves objects that only know each other, after it lived long enough to count as old.
REQUESTS = """
from collections import deque
at_once, most = deque(maxlen=100), 0
for number in range(5_000):
    request = [[] for _ in range(150)]
    request.append(request)
    at_once.append(request)
    if number % 250 == 0:
        most = max(most, len(gc.get_objects()))
assert most < 200_000, f"{most} objects wait for the collector"
"""


def test_loading_it_opens_no_connection_starts_no_thread_and_no_garbage_piles_up_afterwards(tmp_path):
    run(LOAD + SETTLED + REQUESTS, tmp_path)
    assert not (tmp_path / "history.sqlite3").exists()


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_processes_forked_from_a_loaded_site_serve_and_tell_of_their_settings_once(
    tmp_path, this_database, clean_redis
):
    run(LOAD + SERVE, tmp_path, DATABASE_URL=this_database, REDIS_URL=clean_redis)
    told = AuditEntry.objects.filter(kind="settings.changed")
    assert [entry.sequence for entry in told] == [1]
