"""From the press of a button to the agent that waits, and to the browser, with everything kept on disk.

SQLite syncs every commit and Redis every write, and the recorder writes beside it. Nothing holds an answer back.
"""

import http.client
import time
from collections.abc import Iterator
from http.cookies import SimpleCookie
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.parse import urlencode

from core import ApprovalGate
from core.store import embedded
from core.store.approvals import RequestRecord, read_records
from core.store.client import Store
from tests.bench.decisions import _agents, _waiting
from tests.bench.live.serving import served
from tests.bench.measure import Bench, Row, percentile, plain_client, store_in
from tests.waiting import wait_until

NAMESPACE = "bench-press"
WAITING, WARM_UP, PRESSES = 4, 10, 200
AIMS = {"agent": (8.0, 20.0), "browser": (15.0, 30.0)}  # p50 and p99 in ms
CSRF = "csrf"


class Pressed(NamedTuple):
    """Seconds from the press until then."""

    agent: float
    browser: float


def rows(bench: Bench) -> Iterator[Row]:
    with TemporaryDirectory(prefix="bench-press") as folder:
        server = embedded.start(Path(folder), durable=True)
        try:
            pressed = _pressed(server.url)
            synced = [_synced(server.url) for _ in range(PRESSES)]
        finally:
            server.stop()
    size = f"{WAITING} waiting"
    for end, aims in AIMS.items():
        for percent, aim in zip((50, 99), aims, strict=True):
            ours = percentile([getattr(one, end) for one in pressed], percent) * 1000
            floor = percentile(synced, percent) * 1000
            work = f"button to {end}, p{percent}"
            yield Row(work, size, ours, floor, "ms", ours / floor, f"under {aim:g} ms", ours < aim)


def _synced(url: str) -> float:
    """The least of any answer: one write that Redis has synced. SQL syncs twice as well before the browser hears."""
    client = plain_client(url)
    began = time.monotonic()
    client.lpush("bench-synced", "approved")
    return time.monotonic() - began


def _pressed(url: str) -> list[Pressed]:
    store = store_in(url, NAMESPACE)
    with served(url, NAMESPACE) as site, _waiting(_agents, url, NAMESPACE, WAITING) as agents:
        site.recorder()
        browser = _Browser(site.web().port, site.session)
        return [_press(store, browser, agents) for _ in range(WARM_UP + PRESSES)][WARM_UP:]


def _press(store: Store, browser: "_Browser", agents: Connection) -> Pressed:
    gate = ApprovalGate(store)
    waiting = wait_until(lambda: _all_wait(gate), "the agents ask")
    [record] = read_records(store, [waiting[0]])
    assert isinstance(record, RequestRecord)
    began = time.monotonic()
    browser.approve(waiting[0], record.digest)
    answered = time.monotonic()
    return Pressed(agents.recv() - began, answered - began)


def _all_wait(gate: ApprovalGate) -> list[str]:
    waiting = [request.request_id for request in gate.get_pending_approvals()]
    return waiting if len(waiting) == WAITING else []


class _Browser:
    """A connection that stays open, and the cookies of somebody who is signed in."""

    def __init__(self, port: int, session: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._cookies = {"session": session}
        self._call("GET", "/")

    def approve(self, request_id: str, digest: str) -> None:
        """Press, and wait for what the site says."""
        form = urlencode({f"digest-{request_id}": digest, f"reason-{request_id}": "looked at"})
        self._call("POST", f"/approvals/{request_id}/approve/", form)

    def _call(self, method: str, path: str, body: str | None = None) -> None:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        if body is not None:
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "HX-Request": "true"}
            headers |= {"X-CSRFToken": self._cookies[CSRF]}
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        text = response.read()
        assert response.status == 200, (path, response.status, text[:500])
        for cookie in response.headers.get_all("Set-Cookie") or []:
            self._cookies |= {name: morsel.value for name, morsel in SimpleCookie(cookie).items()}
