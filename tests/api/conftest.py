"""Agents that speak HTTP to the whole site behind a real server."""

from collections.abc import Callable, Iterator

import httpx
import pytest
from django.contrib.auth.models import User

from core import ApprovalGate
from core.api.bearers import Bearers
from core.history.people import tokens
from core.history.people.tokens import Wanted
from core.usage_tracker import UsageTracker
from telemetry_site.asgi import door
from tests.waiting import PATIENCE, wait_until


@pytest.fixture
def owner(make_user: Callable[..., User]) -> User:
    """Somebody who may make tokens for any name."""
    return make_user("otto", "administrator")


@pytest.fixture
def agent(site: str, owner: User, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., httpx.Client]]:
    """A client with a fresh token: `agent("deployer")`, `agent("pod-", is_prefix=True)`."""
    monkeypatch.setattr(door.desk, "bearers", Bearers())  # tries of other tests do not count
    monkeypatch.setattr(UsageTracker, "_instance", None)
    clients: list[httpx.Client] = []

    def connect(
        name: str = "deployer", *scopes: str, is_prefix: bool = False, asks: str = "*"
    ) -> httpx.Client:
        wanted = Wanted(f"for {name}", name, is_prefix, scopes or tokens.SCOPES, 30, asks)
        _token, secret = tokens.make(owner, wanted)
        headers = {"Authorization": f"Bearer {secret}"}
        clients.append(httpx.Client(base_url=f"{site}/api/v1", headers=headers, timeout=PATIENCE))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def gate_of(clean_redis: str) -> Callable[[str], ApprovalGate]:
    """A gate in Python at the same Redis."""
    return lambda name: ApprovalGate(clean_redis, name)


@pytest.fixture
def patience() -> float:
    """Seconds that a thread may take to end."""
    return PATIENCE


@pytest.fixture
def soon() -> Callable[[Callable[[], object]], None]:
    """Waits until something is so."""
    return lambda condition: wait_until(condition, "it is so")
