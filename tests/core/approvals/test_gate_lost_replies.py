"""Connections that drop, and replies that never arrive."""

import pytest

from core import ApprovalGate, DecisionUnconfirmed, StoreUnavailable
from tests.waiting import PATIENCE, wait_until


@pytest.fixture
def far_gate(proxy):
    """A gate behind the proxy, with its scripts known to the server."""
    gate = ApprovalGate(proxy.url, "deployer")
    request = gate.open_request("warm-up")
    gate.respond_to_approval(request.request_id, True, "ann")
    gate.wait_for_decision(request.request_id)
    return gate


def test_a_lost_reply_to_a_decision_still_tells_the_caller_that_it_took_effect(far_gate, gate, proxy, raw):
    request = gate.open_request("deploy")
    proxy.lose_reply_to(b"EVALSHA")
    assert far_gate.respond_to_approval(request.request_id, True, "ann") is True
    assert proxy.lost == 1
    assert raw.xlen("{telemetry}:approvals:ended:" + request.request_id) == 1


def test_a_lost_reply_to_a_losing_decision_still_tells_who_won(far_gate, gate, proxy):
    request = gate.open_request("deploy")
    gate.respond_to_approval(request.request_id, False, "bob")
    proxy.lose_reply_to(b"EVALSHA")
    decision = far_gate.decide(request.request_id, True, "ann")
    assert (decision.outcome, decision.responder, proxy.lost) == ("already_decided", "bob", 1)


def test_a_lost_reply_to_a_request_stores_it_once(far_gate, gate, proxy, raw):
    proxy.lose_reply_to(b"EVALSHA")
    request = far_gate.open_request("deploy")
    assert proxy.lost == 1
    assert gate.get_pending_approvals() == [request]
    asked = [fields for _, fields in raw.xrange("{telemetry}:outbox") if fields[b"type"] == b"requested"]
    assert len(asked) == 2  # the warm-up and this one
    assert len(raw.keys("{telemetry}:approvals:request:*")) == 2


def test_a_lost_reply_while_waiting_loses_no_decision(far_gate, gate, proxy, raw, background):
    request = gate.open_request("deploy")
    waiter = background(far_gate.wait_for_decision, request.request_id)
    wait_until(lambda: raw.info("clients")["blocked_clients"] == 1, "the agent waits")
    proxy.cut()
    gate.respond_to_approval(request.request_id, True, "ann")
    assert waiter.result(PATIENCE).approved is True


def test_two_waiters_of_whom_one_loses_its_connection_both_get_the_decision(url, gate, raw, background):
    request = gate.open_request("deploy")
    waiters = [background(ApprovalGate(url).wait_for_decision, request.request_id) for _ in range(2)]
    wait_until(lambda: raw.info("clients")["blocked_clients"] == 2, "both wait")
    victim = next(client for client in raw.client_list() if client["cmd"].startswith("xread"))
    raw.client_kill_filter(_id=victim["id"])
    wait_until(lambda: victim["id"] not in {c["id"] for c in raw.client_list()}, "one is cut off")
    gate.respond_to_approval(request.request_id, True, "ann", "fine")
    assert [(w.result(PATIENCE).approved, w.result().reason) for w in waiters] == [(True, "fine")] * 2


def test_waiters_cut_off_again_and_again_still_get_the_decision(url, gate, raw, background):
    request = gate.open_request("deploy")
    waiters = [background(gate.wait_for_decision, request.request_id) for _ in range(10)]
    for _ in range(5):
        wait_until(lambda: raw.info("clients")["blocked_clients"] >= 1, "somebody waits")
        raw.client_kill_filter(_type="normal", skipme=True)
    gate.respond_to_approval(request.request_id, False, "ann")
    assert {waiter.result(PATIENCE).responder for waiter in waiters} == {"ann"}


def test_a_decision_without_any_answer_is_unconfirmed_and_can_be_repeated(server, background):
    gate = ApprovalGate(server.url, "deployer")
    request = gate.open_request("deploy")
    server.hang()
    with pytest.raises(DecisionUnconfirmed, match=request.request_id):
        gate.decide(request.request_id, True, "ann", decision_id="mine")
    server.resume()
    assert gate.decide(request.request_id, True, "ann", decision_id="mine").accepted
    assert gate.decide(request.request_id, False, "bob").responder == "ann"


def test_a_decision_on_a_dead_server_is_unconfirmed_too(tmp_path):
    gate = ApprovalGate(f"unix://{tmp_path}/absent.sock")
    with pytest.raises(DecisionUnconfirmed):
        gate.respond_to_approval("0b8f3cb5-8bd7-4a6e-9a43-6f6a0b1b8a3f", True, "ann")
    with pytest.raises(StoreUnavailable):
        gate.cancel_request("0b8f3cb5-8bd7-4a6e-9a43-6f6a0b1b8a3f")
