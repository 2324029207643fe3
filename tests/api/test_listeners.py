"""Whoever waits for a request over HTTP is known to, and known to be gone when nobody comes back for it."""

import json
from datetime import UTC, datetime
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from core.api import listeners
from core.store.approvals import read_listened
from core.store.client import open_store
from telemetry_site.asgi import door
from tests.servers import client_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]
WAYS = (
    ("GET", "/api/v1/requests/{id}/outcome?wait=30", None),
    ("GET", "/api/v1/requests/{id}/stream", None),
    ("POST", "/api/v1/requests/ended", {"wait": 30}),
    ("GET", "/api/aap/v1/requests/{id}?wait=30s", None),
)


@pytest.fixture
def changed(monkeypatch):
    """The requests of which pages were told that nobody waits for them any more, or somebody does again."""
    monkeypatch.setattr(listeners, "LOST_SECONDS", -1.0)
    monkeypatch.setattr(listeners, "SAID_SECONDS", 0.0)
    monkeypatch.setattr(listeners, "LOOK_SECONDS", 0.05)
    told: list[str] = []

    def hear(request_id, **_):
        told.append(request_id)

    listeners.left.connect(hear)
    yield told
    listeners.left.disconnect(hear)


def listened(request_id):
    """Whether a call is known to have waited for it."""
    return bool(read_listened(open_store(), [request_id], datetime.now(UTC)))


def test_a_client_that_is_killed_is_known_to_be_gone_however_it_waited(agent, site, soon, changed):
    client = agent("deployer")
    headers = {"Authorization": client.headers["Authorization"], "Content-Type": "application/json"}
    aap = {"tool": "deploy", "arguments": {}, "timeout": "30m"}
    for method, path, body in WAYS:
        if "/aap/" in path:
            said = client.post(f"{site}/api/aap/v1/requests", headers={"Idempotency-Key": "1"}, json=aap)
        else:
            said = client.post("/requests", json={"type": "deploy"})
        request_id = said.json()["id"]
        assert not listened(request_id), path
        connection = HTTPConnection(urlsplit(site).hostname, urlsplit(site).port)
        sent = None if body is None else json.dumps({**body, "ids": [request_id]})
        connection.request(method, path.replace("{id}", request_id), sent, headers)
        soon(lambda request_id=request_id: listened(request_id))
        assert request_id not in changed, path
        connection.close()
        soon(lambda request_id=request_id: request_id in changed)


def test_who_polls_is_not_gone_between_polls_and_is_back_when_it_comes_again(
    agent, soon, changed, monkeypatch
):
    monkeypatch.setattr(listeners, "LOST_SECONDS", 3600.0)
    client = agent("deployer")
    request_id = client.post("/requests", json={"type": "deploy"}).json()["id"]
    for _ in range(3):
        assert client.get(f"/requests/{request_id}/outcome").status_code == 202
    soon(lambda: listened(request_id))
    assert changed == []
    door.desk.listeners._back_by[request_id] = 0.0  # as an hour later
    soon(lambda: changed == [request_id])
    assert client.get(f"/requests/{request_id}/outcome").status_code == 202
    soon(lambda: changed == [request_id] * 2)
    assert listened(request_id)


def test_only_an_agents_own_request_that_waits_is_listened_for(agent, gate_of, soon, changed):
    client, other = agent("deployer"), agent("payments")
    ids = [client.post("/requests", json={"type": "deploy"}).json()["id"] for _ in range(3)]
    assert other.get(f"/requests/{ids[0]}/outcome").status_code == 404
    assert other.post("/requests/ended", json={"ids": ids}).json() == {"ended": ids}
    gate_of("x").decide(ids[1], True, "maria")
    assert client.get(f"/requests/{ids[1]}/outcome").status_code == 200
    assert client.get(f"/requests/{ids[2]}/outcome").status_code == 202
    soon(lambda: listened(ids[2]))
    assert [listened(one) for one in ids] == [False, False, True]


def test_whoever_is_told_of_the_end_by_us_is_never_said_to_be_gone(agent, clean_redis, soon, changed):
    client, keys = agent("deployer"), open_store().keys
    question = {"type": "deploy", "callback_url": "https://example.com/told"}
    request_id = client.post("/requests", json=question).json()["id"]
    assert client.get(f"/requests/{request_id}/outcome").status_code == 202
    soon(lambda: changed == [request_id])
    with client_of(clean_redis) as raw:
        assert raw.pttl(keys.approval_listened(request_id)) > 3_600_000
    assert not listened(request_id)


@pytest.mark.parametrize("tool", ["approve", "ask_human"])
def test_a_client_of_mcp_that_is_killed_is_known_to_be_gone(agent, site, gate_of, soon, changed, tool):
    given = {
        "approve": {"tool_name": "Bash", "input": {}, "tool_use_id": "1"},
        "ask_human": {"question": "which?"},
    }
    call = {"name": tool, "arguments": given[tool]}
    headers = {
        "Authorization": agent("deployer").headers["Authorization"],
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
    }
    connection = HTTPConnection(urlsplit(site).hostname, urlsplit(site).port)
    said = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    connection.request("POST", "/mcp", json.dumps(said), headers)
    soon(gate_of("x").get_pending_approvals)
    [request] = gate_of("x").get_pending_approvals()
    soon(lambda: listened(request.request_id))
    connection.close()
    soon(lambda: changed == [request.request_id])
