"""The largest that agents may legally ask, all at once: the page of others answers, and the web process stays small."""

import os
import resource
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from core import ApprovalGate
from core.errors import TelemetryError
from tests.faults.site.stand import Stand, stand, until
from tests.waiting import PATIENCE

MOST_MEMORY = 250 * 1024  # KiB, at its worst moment
MOST_PAGE = 4 * 1024 * 1024  # bytes
PAGES = ("/", "/?show=mine", "/agents/")
READERS, TIMES = 4, 3


def many_keys(url: str) -> None:
    """90 requests of nearly as many values as a context may have."""
    for number in range(90):
        ask(url, "bomber", {f"{number:02}{key:05}": key % 10 for key in range(9_900)})


def many_requests(url: str) -> None:
    """10,000 that wait, of twenty names that begin alike."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: [ask(url, f"worker-{n}", {"n": n}) for _ in range(500)], range(20)))


def large_texts(url: str) -> None:
    """200 of nearly 256 KiB."""
    for number in range(200):
        ask(url, "bomber", {"text": f"{number:03}" + "x" * (256 * 1024 - 100)})


def ask(url: str, name: str, context: dict) -> None:
    """One that is refused at the door does no harm either."""
    with suppress(TelemetryError, ValueError):
        gates.setdefault((url, name), ApprovalGate(url, name)).open_request("bomb", context, timeout=3600)


gates: dict[tuple[str, str], ApprovalGate] = {}


def peak_of(pid: int) -> int:
    """The most KiB that a process ever held."""
    return int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0])


def look(site: Stand, number: int) -> list[tuple[str, int, str]]:
    person = site.people[number % len(site.people)]
    found = []
    for _ in range(TIMES):
        for path in PAGES:
            answer = person.page(path)
            found.append((path, answer.status, answer.text))
    return found


@pytest.mark.anywhere
@pytest.mark.long
@pytest.mark.parametrize("bomb", [many_keys, many_requests, large_texts])
def test_a_bomb_of_legal_requests_hides_nobody_and_takes_no_memory(
    database_server, bomb: Callable[[str], None], record_property
):
    frames: list[str] = []
    with stand(database_server) as site, ExitStack() as sockets, ThreadPoolExecutor(READERS + 1) as pool:
        site.start("recorder")
        site.start_web()
        cookie = {"Cookie": f"session={site.people[0].session}"}
        origin = f"http://127.0.0.1:{site.port}"
        socket = sockets.enter_context(
            connect(
                f"ws://127.0.0.1:{site.port}/ws/live/",
                origin=origin,
                additional_headers=cookie,
                max_size=None,
                open_timeout=PATIENCE,
            )
        )
        heard = pool.submit(hear, socket, frames)
        bomb(site.server.url)
        before = len(frames)
        other = ApprovalGate(site.server.url, "other").open_request("other", {"a": 1}, timeout=1800)
        until(lambda: other.request_id in site.people[0].page("/").text, "the other's request is seen")
        looked = [page for pages in pool.map(lambda n: look(site, n), range(READERS)) for page in pages]
        # By its name, or, where so much happened that pages are only rung, by a ring: then it fetches its list.
        until(
            lambda: any(word in frame for frame in frames[before:] for word in (other.request_id, '"ring"')),
            "heard",
        )
        socket.close()
        heard.result(PATIENCE)
        peak, sizes = peak_of(site.pids["web"]), {path: len(text) for path, _status, text in looked}
        record_property("figures", f"{bomb.__name__}: {peak / 1024:.0f} MiB at most, pages {sizes}")
        print(f"{bomb.__name__}: {peak / 1024:.0f} MiB at most, pages {sizes}")
    assert {status for _path, status, _text in looked} == {200}
    assert all(other.request_id in text for path, _status, text in looked if path == "/")
    assert max(sizes.values()) < MOST_PAGE
    assert peak < MOST_MEMORY


def hear(socket: ClientConnection, frames: list[str]) -> None:
    """A page that is open reads what it is told."""
    with suppress(ConnectionClosed):
        frames.extend(socket)


FILES, HALF_OPEN = 256, 300


# What never ends: the headers, or the body.
BEGINNINGS = (
    b"GET / HTTP/1.1\r\nHost: ",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n",
)


class HalfOpen:
    """So many connections that begin to ask and never end; what is closed is opened anew."""

    def __init__(self, port: int) -> None:
        self._port, self._ends = port, threading.Event()
        self.lines: list[socket.socket | None] = [None] * HALF_OPEN
        self.opened = self.turns = 0

    def go_on(self) -> None:
        """A byte on each, again and again, until it `ends`."""
        while not self._ends.wait(0.2):
            for number, line in enumerate(self.lines):
                self.lines[number] = self._dripped(line, BEGINNINGS[number % 2])
            self.turns += 1
        for line in self.lines:
            if line is not None:
                line.close()

    def end(self) -> None:
        """No more."""
        self._ends.set()

    def _dripped(self, line: socket.socket | None, beginning: bytes) -> socket.socket | None:
        try:
            if line is not None:
                line.sendall(b"x")
                return line
            line = socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE)
            line.sendall(beginning)
            self.opened += 1
            return line
        except OSError:
            if line is not None:
                line.close()
            return None


@pytest.mark.anywhere
@pytest.mark.long
def test_300_connections_that_never_end_their_requests_refuse_nobody_at_256_files(database_server):
    with stand(database_server) as site, ThreadPoolExecutor(1) as pool:
        site.start("recorder")
        site.start_web()
        resource.prlimit(site.pids["web"], resource.RLIMIT_NOFILE, (FILES, FILES))
        attack = HalfOpen(site.port)
        going = pool.submit(attack.go_on)
        try:
            until(lambda: attack.opened >= HALF_OPEN and attack.turns >= 3, "they are open, and drip")
            for number in range(3):
                asked = ApprovalGate(site.server.url, f"other-{number}").open_request("other", timeout=1800)
                turn, id_ = attack.turns, asked.request_id
                until(lambda: site.visitor.page("/healthz").status == 200, "it says that it is well")
                until(lambda id_=id_: id_ in site.people[0].page("/").text, "a page of somebody else")
                until(lambda turn=turn: attack.turns > turn, "they go on meanwhile")
            assert len(os.listdir(f"/proc/{site.pids['web']}/fd")) < FILES
        finally:
            attack.end()
            going.result(PATIENCE)
