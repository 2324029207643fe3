"""Agents that speak HTTP to the whole site behind a real server."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User

from core import ApprovalGate
from core.api.bearers import Bearers, TokenChecks
from core.history.approvals import decisions
from core.history.people import tokens
from core.history.people.tokens import TokenSpec
from core.models import ApprovalType
from telemetry_site.asgi import door
from tests.live_record import live_record
from tests.waiting import PATIENCE, wait_until


@pytest.fixture
def owner(make_user: Callable[..., User]) -> User:
    """Somebody who may make tokens for any name."""
    return make_user("otto", "administrator")


@pytest.fixture
def agent(site: str, owner: User, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., httpx.Client]]:
    """A client with a fresh token: `agent("deployer")`, `agent("pod-", is_prefix=True)`."""
    monkeypatch.setattr(door.desk, "bearers", Bearers())  # tries of other tests do not count
    standing = TokenChecks(lambda: list(door.desk.streams))
    monkeypatch.setattr(door.desk, "standing", standing)  # nor do their tokens
    clients: list[httpx.Client] = []

    def connect(
        name: str = "deployer", *scopes: str, is_prefix: bool = False, asks: str = "*"
    ) -> httpx.Client:
        wanted = TokenSpec(f"for {name}", name, is_prefix, scopes or tokens.SCOPES, 30, asks)
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


@pytest.fixture
def answers(
    make_user: Callable[..., User], gate_of: Callable[[str], ApprovalGate], settings: Any
) -> Callable[[Any, str], None]:
    """Approves with changes, as somebody who may, of a kind that may be edited; at once."""
    settings.TELEMETRY_UNDO_SECONDS = 0
    ApprovalType.objects.update_or_create(name="*", defaults={"edits": True})
    maria, store = make_user("maria", "approver"), gate_of("x")._store

    def edit(request: Any, wanted: str) -> None:
        digest = live_record(gate_of("x"), request.request_id).digest
        said = {"approved": True, "reason": "smaller", "digest": digest, "edited": wanted}
        assert decisions.decide(store, maria, request.request_id, **said).accepted

    return edit
