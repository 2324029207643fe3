"""Agents that ask with a gate: over the Redis of the site, and over HTTP with a token."""

import uuid
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User

from core import ApprovalGate
from core.api.bearers import Bearers
from core.approvals import deciding
from core.gate import Gate
from core.history.people import tokens
from core.history.people.tokens import TokenSpec
from core.store.approvals import Answer
from core.store.client import open_store
from core.values.json import encode_json_object
from telemetry_site.asgi import door
from tests.waiting import wait_until


@pytest.fixture
def token(make_user: Callable[..., User], monkeypatch: pytest.MonkeyPatch) -> str:
    """A token of the agent "deployer"."""
    monkeypatch.setattr(door.desk, "bearers", Bearers())  # tries of other tests do not count
    owner = make_user("otto", "administrator")
    return tokens.make(owner, TokenSpec("for tests", "deployer", False, tokens.SCOPES, 30, "*"))[1]


@pytest.fixture(params=["redis", "http"])
def way(request: pytest.FixtureRequest, clean_redis: str) -> dict[str, str]:
    """What a gate is opened with, each way once."""
    if request.param == "redis":
        return {"where": clean_redis, "agent": "deployer"}
    return {"where": request.getfixturevalue("site"), "token": request.getfixturevalue("token")}


@pytest.fixture
def gate(way: dict[str, str]) -> Iterator[Gate]:
    """A gate of the agent "deployer"."""
    with Gate(**way) as gate:
        yield gate


@pytest.fixture
def people(clean_redis: str) -> ApprovalGate:
    """Who decides."""
    return ApprovalGate(clean_redis)


@pytest.fixture
def asked(people: ApprovalGate) -> Callable[..., object]:
    """Waits until so many requests are pending, and returns the first."""

    def wait(count: int = 1) -> object:
        wait_until(lambda: len(people.get_pending_approvals()) == count, f"{count} are pending")
        return people.get_pending_approvals()[0]

    return wait


@pytest.fixture
def edited_by_people(asked: Callable[..., object], clean_redis: str) -> Callable[[dict], None]:
    """Approves what is asked with other arguments."""

    def approve(arguments: dict) -> None:
        request = asked()
        bytes_ = encode_json_object(arguments, "arguments", 1000)
        answer = Answer(
            request.request_id, True, "maria", "", "site", str(uuid.uuid4()), answer="edited", edited=bytes_
        )
        assert deciding.decide(open_store(clean_redis), answer).accepted

    return approve
