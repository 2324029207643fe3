"""From a request stored in Redis to the word of it at N open websockets, beside a bare relay of a stream."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import websockets

from core import ApprovalGate
from tests.bench.measure import Bench, Row, percentile, plain_client
from tests.bench.relay_stream import STREAM
from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
EVENTS, WARM_UP, SECONDS_BETWEEN = 200, 20, 0.05
AIMS = {1: (3.0, 6.0), 50: (9.0, 22.0)}  # sockets: p50 and p99 in ms

SIGN_IN = """
import django; django.setup()
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Group, User
from core.history.people.session_store import SessionStore
user = User.objects.create_user("bench"); user.groups.add(Group.objects.get(name="approver"))
session = SessionStore()
session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
session.save(); print(session.session_key)
"""


def rows(bench: Bench) -> Iterator[Row]:
    """p50 and p99 to the last of all sockets' readers, at 20 changes a second."""
    with _served(bench.url) as (site, relay, cookie):
        for count, aims in AIMS.items():
            ours, floor, lost = asyncio.run(_measure(bench.url, site, relay, cookie, count))
            if lost:
                yield Row(
                    "change to socket, lost", f"{count} sockets", lost, 0, "events", None, "none", False
                )
            for percent, aim in zip((50, 99), aims, strict=True):
                mine, least = percentile(ours, percent) * 1000, percentile(floor, percent) * 1000
                size = f"{count} socket{'s' if count > 1 else ''}"
                ratio = mine / least
                yield Row(
                    f"change to socket, p{percent}",
                    size,
                    mine,
                    least,
                    "ms",
                    ratio,
                    f"under {aim:g} ms",
                    mine < aim,
                )


async def _measure(
    url: str, site: str, relay: str, cookie: str, count: int
) -> tuple[list[float], list[float], int]:
    gate, plain = ApprovalGate(url, "bench-agent"), plain_client(url)
    mine, least = _Readers(), _Readers()
    async with AsyncExitStack() as stack:
        for readers, address in ((mine, site), (least, relay)):
            for _ in range(count):
                await stack.enter_async_context(readers.connected(address, cookie))
        await asyncio.sleep(1.0)
        for number in range(WARM_UP + EVENTS):
            mark = f"mark-{number:06d}"
            request = await mine.timed(mark, lambda mark=mark: gate.open_request(mark, {"mark": mark}))
            gate.decide(request.request_id, False, "bench")
            await least.timed(mark, lambda mark=mark: plain.xadd(STREAM, {"text": mark}))
    plain.delete(STREAM)
    skipped = WARM_UP * count
    return mine.seconds[skipped:], least.seconds[skipped:], mine.lost


class _Readers:
    """The sockets of one side, and when each of them saw what was awaited."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.lost = 0
        self._count = 0
        self._mark = ""
        self._seen = 0
        self._started = 0.0
        self._all = asyncio.Event()

    @asynccontextmanager
    async def connected(self, address: str, cookie: str) -> AsyncIterator[None]:
        headers = {"Cookie": f"session={cookie}", "Origin": f"http://{urlsplit(address).netloc}"}
        async with websockets.connect(address, additional_headers=headers, max_size=None) as connection:
            self._count += 1
            reader = asyncio.create_task(self._read(connection))
            yield
            reader.cancel()

    async def timed(self, mark: str, publish: Callable[[], object]) -> object:
        """Publish, and wait until every socket has seen it; then the rest of the pause between events."""
        self._mark, self._seen = mark, 0
        self._all.clear()
        self._started = time.perf_counter()
        published = publish()
        try:
            await asyncio.wait_for(self._all.wait(), 2)
        except TimeoutError:
            self.lost += self._count - self._seen
        await asyncio.sleep(max(0.0, SECONDS_BETWEEN / 2 - (time.perf_counter() - self._started)))
        return published

    async def _read(self, connection: websockets.ClientConnection) -> None:
        async for message in connection:
            if self._mark and self._mark in message:
                self.seconds.append(time.perf_counter() - self._started)
                self._seen += 1
                if self._seen == self._count:
                    self._mark = ""
                    self._all.set()


@contextmanager
def _served(url: str) -> Iterator[tuple[str, str, str]]:
    """The addresses of the site's socket and of the relay's, each in a process of its own, and a session."""
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="bench"))
        settings = {
            "REDIS_URL": url,
            "TELEMETRY_DATA_DIR": folder,
            "DJANGO_SETTINGS_MODULE": "telemetry_site.settings",
        }
        environment = {**os.environ, **settings, "DEBUG": "1", "LOG_LEVEL": "ERROR"}
        environment["TELEMETRY_SOCKETS_PER_SESSION"] = "1000"
        _python(environment, "manage.py", "migrate", "-v", "0")
        cookie = _python(environment, "-c", SIGN_IN)
        ports = [free_port(), free_port()]
        commands = [
            ["-m", "uvicorn", "telemetry_site.asgi:application", "--ws", "websockets-sansio", "--lifespan", "off",
             "--log-level", "error", "--port", str(ports[0])],
            ["-m", "tests.bench.relay", url, str(ports[1])],
        ]  # fmt: skip
        for command, port in zip(commands, ports, strict=True):
            process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment)
            stack.callback(process.wait)
            stack.callback(process.kill)
            _wait_for_port(port)
        yield f"ws://localhost:{ports[0]}/ws/live/", f"ws://localhost:{ports[1]}/", cookie


def _python(environment: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def _wait_for_port(port: int) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"nothing listens on port {port}")
