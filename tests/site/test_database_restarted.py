"""PostgreSQL killed under a running site: pages say so, and site and recorder go on when it is back."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psycopg
import pytest
import redis

from core import ApprovalGate
from tests.postgresql import postgresql_server
from tests.site.test_up import up  # noqa: F401  a fixture
from tests.waiting import PATIENCE, wait_until

ROOT = Path(__file__).resolve().parents[2]

SIGN_IN = """
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Group, User
from core.history.people.session_store import SessionStore
user = User.objects.create(username="maria")
user.groups.add(Group.objects.get(name="approver"))
session = SessionStore()
session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
session.save()
print(session.session_key)
"""


@pytest.fixture
def own_postgresql():
    with postgresql_server() as server:
        yield server


def read_page(port: int, session: str) -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Cookie": f"session={session}"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def recorded(url: str) -> list[tuple[str, str]]:
    with psycopg.connect(url) as connection:
        query = "SELECT kind, actor FROM core_auditentry WHERE request_id IS NOT NULL ORDER BY sequence"
        return connection.execute(query).fetchall()


def done_since(rq: redis.Redis, moment: float) -> list[bytes]:
    """Jobs of a period that began after this moment and that ended well."""
    ids = rq.zrange("rq:finished:telemetry-jobs", 0, -1)
    return [
        found for found in ids if b"tell-askers-" in found and int(found.rpartition(b"-")[2]) * 5 > moment
    ]


@pytest.mark.long
def test_postgresql_killed_under_the_site_is_said_and_survived(own_postgresql, up):  # noqa: F811
    url = own_postgresql.new_database()
    site = up(DATABASE_URL=url)
    redis_url = re.search(r"REDIS_URL=(\S+)", site.ready())[1]
    gate = ApprovalGate(redis_url, "robot")
    session = site.run_manage("shell", "-v", "0", "-c", SIGN_IN).stdout.strip()
    first = gate.open_request("deploy")
    wait_until(lambda: recorded(url) == [("approval.requested", "robot")], "the request is recorded")
    assert read_page(site.port, session)[0] == 200
    recorder = site.pid_of("manage.py recorder")

    own_postgresql.kill()
    status, page = read_page(site.port, session)
    assert (status, "The record cannot be read or written" in page) == (503, True)
    assert "connection to server" not in page
    gate.respond_to_approval(first.request_id, True, "ann")
    gate.open_request("delete")

    own_postgresql.start()
    wait_until(lambda: read_page(site.port, session)[0] == 200, "the page is back")
    told = [("approval.requested", "robot"), ("approval.approved", "ann"), ("approval.requested", "robot")]
    wait_until(lambda: recorded(url) == told, "the recorder caught up, once")
    assert site.pid_of("manage.py recorder") == recorder
    rq, since = redis.Redis.from_url(redis_url), time.time()
    wait_until(lambda: done_since(rq, since), "the worker runs jobs that need the database")
    os.killpg(site.process.pid, signal.SIGINT)
    assert site.process.wait(PATIENCE) == 0


CONNECTIONS_IN_USE = """
import time
from threading import Thread
from telemetry_site import asgi
from django.db import connection
noting = Thread(target=asgi._note)
noting.start()
noting.join()
def in_use():
    said = connection.pool.get_stats()
    return said["pool_size"] - said["pool_available"]
end = time.monotonic() + 60
while (taken := in_use()) and time.monotonic() < end:
    time.sleep(0.01)  # the pool opens and takes back in threads of its own
print(taken)
"""


@pytest.mark.long
def test_the_start_of_a_web_process_leaves_no_connection_taken_from_its_pool(postgresql, tmp_path):
    own = {"DATABASE_URL": postgresql.new_database(), "TELEMETRY_DATA_DIR": str(tmp_path), "REDIS_URL": ""}
    command = [sys.executable, "-c", CONNECTIONS_IN_USE]
    run = subprocess.run(command, cwd=ROOT, env={**os.environ, **own}, capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, "0\n"), run.stderr
