"""What the tests of the pages share: people of every kind, a gate, and websockets of signed-in people."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from websockets.sync.client import ClientConnection, connect

from core import ApprovalGate, HeartbeatCoordinator
from core.history.recorder.recorder import Recorder
from tests.live_record import live_record
from tests.waiting import PATIENCE

UNKNOWN_ID = "7f1c8e5e-5a45-4a3c-9d43-0f6a0f0a1b2c"


@pytest.fixture
def beat(clean_redis: str) -> Callable[..., HeartbeatCoordinator]:
    """Let an agent beat once: `beat("deployer", task="building")`."""
    known: dict[str, HeartbeatCoordinator] = {}

    def once(name: str, *, status: str = "running", progress: float = 0.5, task: str = "", display=None):
        if name not in known:
            known[name] = HeartbeatCoordinator(clean_redis)
            known[name].start_heartbeat(name, display_name=display)
        known[name].beat(status, progress, task)
        return known[name]

    return once


@pytest.fixture
def record(clean_redis: str, db: None) -> Callable[[], None]:
    """Record everything that waits in the outbox, now."""
    by_hand = Recorder(clean_redis)

    def until_nothing_is_left() -> None:
        while by_hand.step():
            pass

    return until_nothing_is_left


@pytest.fixture
def person(make_user: Callable[..., User]) -> Callable[[str], User]:
    """Somebody of a kind: viewer, approver, auditor, no group, inactive, superuser."""
    fields = {
        "viewer": (["viewer"], {}),
        "approver": (["approver"], {}),
        "auditor": (["auditor"], {"is_staff": True}),
        "no group": ([], {}),
        "inactive": (["approver"], {"is_active": False}),
        "maintainer": (["maintainer"], {"is_staff": True}),
        "administrator": (["administrator"], {"is_staff": True}),
        "superuser": ([], {"is_staff": True, "is_superuser": True}),
    }

    def of_kind(kind: str) -> User:
        groups, options = fields[kind]
        return make_user(f"the {kind}", *groups, **options)

    return of_kind


@pytest.fixture
def signed_in(person: Callable[[str], User]) -> Callable[..., Client]:
    """A client signed in as somebody of a kind; `anonymous` is nobody."""

    def client_of_kind(kind: str, **options: object) -> Client:
        client = Client(**options)
        if kind != "anonymous":
            client.force_login(person(kind))
        return client

    return client_of_kind


@pytest.fixture
def viewer(signed_in: Callable[..., Client]) -> Client:
    return signed_in("viewer")


@pytest.fixture
def maria(make_user: Callable[..., User]) -> User:
    return make_user("maria", "approver")


def queries_of(client: Client, address: str) -> int:
    """How many queries a page takes."""
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def form(request_id: str, digest: str, reason: str = "") -> dict[str, str]:
    """What a page posts for one card."""
    return {f"digest-{request_id}": digest, f"reason-{request_id}": reason}


@pytest.fixture
def answer(gate: ApprovalGate) -> Callable:
    """Post an answer as the page would: `answer(client, request_id, "approve", htmx=True)`."""

    def post(client: Client, request_id: str, word: str = "approve", *, htmx: bool = False, **extra: str):
        record = live_record(gate, request_id)
        data = form(request_id, record.digest if record else "d", extra.pop("reason", "")) | extra
        headers = {"HX-Request": "true"} if htmx else {}
        return client.post(f"/approvals/{request_id}/{word}/", data, headers=headers)

    return post


@pytest.fixture
def open_socket(site: str, four_times_as_often: None) -> Iterator[Callable[..., ClientConnection]]:
    """Open a websocket with a client's session: `open_socket(client, "/ws/live/")`."""
    with ExitStack() as opened:

        def open_one(client: Client | None = None, path: str = "/ws/live/", origin: str | None = "own"):
            headers = {"Cookie": f"session={client.cookies['session'].value}"} if client else {}
            socket = connect(
                site.replace("http", "ws") + path,
                origin=site if origin == "own" else origin,
                additional_headers=headers,
                open_timeout=PATIENCE,
                close_timeout=1,
            )
            return opened.enter_context(socket)

        yield open_one
