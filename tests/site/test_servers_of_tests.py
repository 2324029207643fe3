"""Servers that tests start end with them, also when the tests are killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

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


def test_a_postgresql_server_ends_with_the_tests_that_started_it_however_they_end():
    tests = subprocess.Popen([sys.executable, "-c", START], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    pid, folder = tests.stdout.readline().split()
    assert lives(int(pid))
    os.kill(tests.pid, signal.SIGKILL)
    tests.wait()
    tests.stdout.close()
    wait_until(lambda: not lives(int(pid)), "the server has ended")
    subprocess.run(["rm", "-rf", "--", folder], check=True)  # nobody was left to do it
