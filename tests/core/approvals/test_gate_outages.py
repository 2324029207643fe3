"""Redis down, hung, restarted, emptied, full or forbidden: the agent hears in time, and no false yes."""

import socket
import threading
from contextlib import ExitStack

import pytest

from core import ApprovalGate, StoreRefused, StoreUnavailable
from core.store.approvals import cancel_lost
from tests.servers import client_of, faulty_server
from tests.waiting import PATIENCE, Stopwatch, wait_until

pytestmark = pytest.mark.anywhere

TIMEOUT = 1.5
GRACE = 2.5  # a second of ours, and what a busy machine takes; without a limit it would be 5 s and more
ENOUGH = 3.0  # to see that an agent waits, and to do something to its server


def ask(gate, timeout=TIMEOUT):
    with Stopwatch() as watch:
        response = gate.request_approval("deploy", {"n": 1}, timeout)
    return response, watch.own


@pytest.fixture
def asking(server, background, first_pending):
    """An agent that waits on a server of its own: its gate, its future, its request."""
    return waiting_agent(server, background, first_pending, ENOUGH)


def waiting_agent(server, background, first_pending, timeout):
    gate = ApprovalGate(server.url, "deployer")
    asked = background(ask, gate, timeout)
    request = first_pending(gate)
    with client_of(server.url) as raw:
        wait_until(lambda: raw.info("clients")["blocked_clients"] == 1, "the agent waits")
    return gate, asked, request


def refused_in_time(outcome, word: str, timeout: float = TIMEOUT) -> None:
    response, took = outcome
    assert (response.approved, response.responder) == (False, "system")
    assert response.reason.startswith(word), response.reason
    assert took < timeout + GRACE


@pytest.mark.parametrize("timeout", [0.05, 1.5])
def test_down_when_asked(server, timeout):
    server.stop()
    refused_in_time(ask(ApprovalGate(server.url, "a"), timeout), "unavailable", timeout)


LONGER = pytest.param(2.2, marks=pytest.mark.long)  # than the limit of one command


@pytest.mark.parametrize("timeout", [0.05, 1.5, LONGER])
def test_hung_when_asked(server, timeout):
    server.hang()
    refused_in_time(ask(ApprovalGate(server.url, "a"), timeout), "unavailable", timeout)


@pytest.mark.parametrize("timeout", [0.3, LONGER])
def test_behind_a_network_that_drops_everything(timeout):
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, ExitStack() as stack:
        for _ in range(4):  # nobody accepts, so the queue is full and further attempts get no answer
            knocking = stack.enter_context(socket.socket())
            knocking.setblocking(False)
            knocking.connect_ex(listener.getsockname())
        gate = ApprovalGate(f"redis://:secret@127.0.0.1:{listener.getsockname()[1]}/1", "a")
        refused_in_time(ask(gate, timeout), "unavailable", timeout)


def test_hung_when_asked_with_a_warm_connection(server):
    gate = ApprovalGate(server.url, "a")
    gate.open_request("deploy")
    server.hang()
    refused_in_time(ask(gate), "unavailable")


def test_down_while_waiting(server, asking):
    server.stop()
    refused_in_time(asking[1].result(PATIENCE), "unavailable", ENOUGH)


def test_hung_while_waiting(server, asking):
    server.hang()
    refused_in_time(asking[1].result(PATIENCE), "unavailable", ENOUGH)


def test_hung_for_a_while_and_then_decided(server, background, first_pending):
    gate, asked, request = waiting_agent(server, background, first_pending, 20)
    server.hang()
    threading.Timer(0.5, server.resume).start()
    decided = wait_until(
        lambda: gate.respond_to_approval(request.request_id, True, "ann"), "it answers again"
    )
    assert decided is True
    assert asked.result(PATIENCE)[0].approved is True


def test_hung_while_the_request_is_stored_leaves_nothing_open_behind_the_agents_back(server, background):
    gate = ApprovalGate(server.url, "a")
    server.hang()
    threading.Timer(0.5, server.resume).start()
    response, took = ask(gate)
    assert took < TIMEOUT + GRACE
    assert response.approved is False
    stored = gate.get_request(response.request_id)
    assert stored is not None
    assert stored.status in ("timeout", "cancelled")
    assert gate.get_pending_approvals() == []


def test_restarted_with_its_data_while_waiting_and_decided_afterwards(
    durable_server, background, first_pending
):
    gate, asked, request = waiting_agent(durable_server, background, first_pending, 20)
    durable_server.stop()
    durable_server.start()
    assert gate.respond_to_approval(request.request_id, True, "ann", "after the restart") is True
    response, _ = asked.result(PATIENCE)
    assert (response.approved, response.reason) == (True, "after the restart")


def test_decided_and_restarted_before_the_agent_heard(durable_server, background, first_pending):
    gate = ApprovalGate(durable_server.url, "a")
    request = gate.open_request("deploy", timeout=20)
    gate.respond_to_approval(request.request_id, True, "ann")
    durable_server.stop()
    waiter = background(gate.wait_for_decision, request.request_id, 10)
    durable_server.start()
    assert waiter.result(PATIENCE).approved is True


def test_killed_without_warning_after_a_decision_keeps_it(durable_server):
    gate = ApprovalGate(durable_server.url, "a")
    request = gate.open_request("deploy")
    gate.respond_to_approval(request.request_id, True, "ann")
    durable_server.process.kill()
    durable_server.process.wait()
    durable_server.start()
    assert gate.wait_for_decision(request.request_id).approved is True


def test_restarted_without_its_data_while_waiting(server, background, first_pending):
    gate, asked, request = waiting_agent(server, background, first_pending, 20)
    server.stop()
    server.start()
    response, took = asked.result(PATIENCE)
    assert (response.approved, response.responder) == (False, "system")
    assert response.reason.startswith("cancelled: lost")
    assert took < 10
    assert gate.decide(request.request_id, True, "ann").outcome == "unknown"


def test_emptied_while_waiting(server, asking):
    client_of(server.url).flushall()
    refused_in_time(asking[1].result(PATIENCE), "cancelled: lost", ENOUGH)


def test_a_wrong_password_is_named(server):
    client_of(server.url).config_set("requirepass", "right")
    for url in (server.url, server.url + "?password=wrong"):
        response, took = ask(ApprovalGate(url, "a"))
        refused_in_time((response, took), "unavailable")
        assert "password" in response.reason
    with pytest.raises(StoreUnavailable, match="password"):
        ApprovalGate(server.url).get_pending_approvals()


def test_a_replica_takes_no_request_and_no_decision_but_lists(server):
    gate = ApprovalGate(server.url, "a")
    request = gate.open_request("deploy")
    client_of(server.url).replicaof("127.0.0.1", "1")
    refused_in_time(ask(gate), "unavailable")
    assert "read only" in ask(gate)[0].reason
    with pytest.raises(StoreUnavailable, match="read only"):
        gate.respond_to_approval(request.request_id, True, "ann")
    assert gate.get_pending_approvals() == [request]
    assert gate.wait_for_decision(request.request_id, timeout=0.05) is None


def test_a_full_server_stores_no_request_and_half_of_no_decision(server):
    gate, raw = ApprovalGate(server.url, "a"), client_of(server.url)
    request = gate.open_request("deploy")
    late = gate.open_request("deploy", timeout=0.01)
    raw.config_set("maxmemory", 1)
    refused_in_time(ask(gate), "unavailable")
    with pytest.raises(StoreRefused, match="memory"):
        gate.respond_to_approval(request.request_id, True, "ann")
    wait_until(lambda: gate.get_request(late.request_id).status == "timeout", "its time is up")
    with pytest.raises(StoreUnavailable, match="memory"):
        gate.wait_for_decision(late.request_id, timeout=0)
    raw.config_set("maxmemory", 0)
    assert gate.get_pending_approvals() == [request]
    assert not raw.exists("{telemetry}:approvals:ended:" + request.request_id)
    assert gate.respond_to_approval(request.request_id, True, "ann") is True


def test_the_scripts_are_loaded_again_where_the_server_forgot_them(gate, raw):
    request = gate.open_request("deploy")
    raw.script_flush()
    assert gate.respond_to_approval(request.request_id, True, "ann") is True
    assert gate.wait_for_decision(request.request_id).approved


def test_waiting_with_a_limit_while_redis_is_away_raises_at_the_limit(server):
    gate = ApprovalGate(server.url, "a")
    request = gate.open_request("deploy")
    server.stop()
    with Stopwatch() as watch, pytest.raises(StoreUnavailable):
        gate.wait_for_decision(request.request_id, timeout=0.6)
    assert watch.seconds > 0.4
    assert watch.own < 0.6 + GRACE
    with pytest.raises(StoreUnavailable):
        gate.get_pending_approvals()


def test_twenty_agents_of_a_server_that_hangs_all_hear_in_time(background):
    with faulty_server() as server:
        gate = ApprovalGate(server.url, "a")
        agents = [background(ask, gate, ENOUGH) for _ in range(20)]
        wait_until(lambda: len(gate.get_pending_approvals()) == 20, "all asked")
        server.hang()
        for agent in agents:
            refused_in_time(agent.result(PATIENCE), "unavailable", ENOUGH)


def test_emptied_while_waiting_and_told_so_by_the_recorder(server, background, first_pending):
    gate, asked, request = waiting_agent(server, background, first_pending, 20)
    client_of(server.url).flushall()
    assert gate._store.run(cancel_lost(gate._store.keys, request.request_id)) is True
    response, took = asked.result(PATIENCE)
    assert response.reason.startswith("cancelled: lost")
    assert took < 10
