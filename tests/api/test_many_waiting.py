"""Thousands of agents that wait over HTTP: no thread each, and little memory. WHOLE_SCALE=1 takes 5,000."""

import gc
import os
import resource
import subprocess
import sys
import threading

import pytest

from core import ApprovalGate
from telemetry_site.asgi import door
from tests.waiting import PATIENCE, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere, pytest.mark.long]
WAITING = 5_000 if os.environ.get("WHOLE_SCALE") else 400
BYTES = 20_000
# The clients are a process of their own, so that what this one needs is the site's.
CLIENTS = """
import asyncio, sys
from contextlib import suppress
host, port, token, ids = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.stdin.read().split()

async def wait(agent, request_id):
    while True:  # of so many that connect at once the site keeps those that have asked
        reader, writer = await asyncio.open_connection(host, port)
        lines = [f"GET /api/v1/requests/{request_id}/outcome?wait=30&agent={agent} HTTP/1.1", f"Host: {host}:{port}"]
        lines += [f"Authorization: {token}", "Connection: close", "", ""]
        writer.write("\\r\\n".join(lines).encode())
        with suppress(ConnectionError):
            said = await reader.read()
            if said.startswith(b"HTTP/1.1 200"):
                return said.count(b'"approved": true')
        writer.close()

async def main():
    waiting = (wait(agent, request_id) for agent, request_id in enumerate(ids))
    print(sum(await asyncio.gather(*waiting)), flush=True)

asyncio.run(main())
"""


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def test_who_waits_holds_no_thread_and_little_memory(agent, clean_redis):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 3 * WAITING)), hard))
    client = agent("pod-", "ask", is_prefix=True)
    ids = [
        ApprovalGate(agent_id=f"pod-{n}").open_request("deploy", timeout=3600).request_id
        for n in range(WAITING)
    ]
    url, token = client.base_url, client.headers["Authorization"]

    def waiting() -> int:
        return sum(len(waiters) for waiters in list(door.desk.ends._waiting.values()))

    def start(some: list[str]) -> subprocess.Popen:
        command = [sys.executable, "-c", CLIENTS, url.host, str(url.port), token]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        process.stdin.write(" ".join(some))
        process.stdin.close()
        return process

    first = start(ids[:50])
    wait_until(lambda: waiting() == 50, "some wait: whatever is made once is made")
    first.kill()
    first.wait()
    first.stdout.close()
    wait_until(lambda: waiting() == 0, "they are gone")
    gc.collect()
    before, threads = resident(), threading.active_count()
    clients = start(ids)
    wait_until(lambda: waiting() == WAITING, "all wait", 5 * PATIENCE)
    gc.collect()
    grown, more = (resident() - before) / WAITING, threading.active_count() - threads
    for request_id in ids:
        assert ApprovalGate().decide(request_id, True, "maria").accepted
    with clients:
        assert int(clients.stdout.read()) == WAITING
    print(f"{WAITING} waiting: {grown:,.0f} bytes each, {more} more threads")
    assert grown < BYTES
    assert more <= 16  # those of the door, however many wait
