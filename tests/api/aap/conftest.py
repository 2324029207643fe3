"""Clients of the Agent Approval Protocol: agents that ask, and provisioners that make agents."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from core import ApprovalGate
from core.api.aap.instances import VERIFICATIONS
from core.api.throttle import Throttle
from telemetry_site.asgi import door
from tests.waiting import PATIENCE


@pytest.fixture
def speaking(agent: Callable[..., httpx.Client]) -> Iterator[Callable[..., httpx.Client]]:
    """A client of the protocol with a fresh token: `speaking("deployer")`, or with the token of another client."""
    clients: list[httpx.Client] = []

    def connect(name: str, *scopes: str, is_prefix: bool = False, token: str = "") -> httpx.Client:
        native = agent(name, *scopes, is_prefix=is_prefix)
        headers = {"Authorization": f"Bearer {token}"} if token else native.headers
        base = str(native.base_url).replace("/api/v1", "/api/aap/v1")
        clients.append(httpx.Client(base_url=base, headers=headers, timeout=PATIENCE))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def asker(speaking: Callable[..., httpx.Client]) -> httpx.Client:
    return speaking("refunder", "ask")


@pytest.fixture
def provisioner(speaking: Callable[..., httpx.Client], monkeypatch: pytest.MonkeyPatch) -> httpx.Client:
    registrar = door.rooms["/api/aap/"]._registrar
    monkeypatch.setattr(registrar, "_verifying", Throttle(VERIFICATIONS))  # tries of other tests do not count
    return speaking("fleet ", "provision", is_prefix=True)


@pytest.fixture
def ask() -> Callable[..., httpx.Response]:
    """Asks with a client, under a fresh key unless one is given."""

    def post(client: httpx.Client, key: str = "", **more: Any) -> httpx.Response:
        body = {"tool": "refund", "arguments": {"amount": 4900}, "timeout": "30m", **more}
        return client.post("/requests", json=body, headers={"Idempotency-Key": key or str(uuid.uuid4())})

    return post


@pytest.fixture
def decide(clean_redis: str) -> Callable[..., None]:
    """Somebody decides."""

    def answer(request_id: str, approved: bool = True, reason: str = "") -> None:
        assert ApprovalGate(clean_redis).decide(request_id, approved, "maria", reason).accepted

    return answer
