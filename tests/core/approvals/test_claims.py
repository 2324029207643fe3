"""An approval that was used: it says when it was collected before, and a claim makes it single use."""

import math
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from core import AlreadyCollected, ApprovalGate, StoreUnavailable
from core.approvals.waiting import Hearing, wait_for_end
from tests.live_record import live_record

ENDED = "{telemetry}:approvals:ended:"


@pytest.fixture
def approved(gate):
    """The id of a request that was approved."""
    request = gate.open_request("deploy")
    gate.respond_to_approval(request.request_id, True, "ann")
    return request.request_id


def test_an_approval_that_was_collected_says_so_to_the_second(gate, approved):
    first, second = (gate.wait_for_decision(approved) for _ in range(2))
    assert (first.collected_at, first.collected_by) == (None, "")
    assert second.approved
    assert second.collected_at == live_record(gate, approved).collected_at


def test_a_claim_hears_the_same_answer_again_and_another_name_is_refused(url, gate, approved):
    first = gate.wait_for_decision(approved, claim="pay 7")
    again = ApprovalGate(url).wait_for_decision(approved, claim="pay 7")
    assert first.approved
    assert again.approved
    assert (again.collected_by, again.collected_at) == ("pay 7", live_record(gate, approved).collected_at)
    with pytest.raises(AlreadyCollected, match="collected by 'pay 7' at 20") as refused:
        gate.wait_for_decision(approved, claim="pay 8")
    assert refused.value.collected_at == again.collected_at
    assert gate.wait_for_decision(approved).collected_by == "pay 7"


def test_what_was_collected_without_a_claim_cannot_be_claimed(gate, approved):
    gate.wait_for_decision(approved)
    with pytest.raises(AlreadyCollected, match="an asker that made no claim"):
        gate.wait_for_decision(approved, claim="pay 7")


def test_64_threads_claim_an_approval_and_one_has_it(url, approved, background):
    def claim(number: int) -> bool:
        try:
            return ApprovalGate(url).wait_for_decision(approved, claim=f"thread {number}").approved
        except AlreadyCollected:
            return False

    assert sum(future.result(60) for future in [background(claim, n) for n in range(64)]) == 1


def test_an_approval_that_is_claimed_in_two_processes_is_used_once(url, approved):
    program = (
        "import sys; from core import AlreadyCollected, ApprovalGate\n"
        "try: print(ApprovalGate(sys.argv[1]).wait_for_decision(sys.argv[2], claim=sys.argv[3]).approved)\n"
        "except AlreadyCollected: print('refused')"
    )
    users = [
        subprocess.Popen(
            [sys.executable, "-c", program, url, approved, name], stdout=subprocess.PIPE, text=True
        )
        for name in ("one", "two")
    ]
    assert sorted(user.communicate(timeout=60)[0].strip() for user in users) == ["True", "refused"]


def test_a_denial_is_heard_by_all_who_would_claim_an_approval(gate):
    request = gate.open_request("deploy")
    gate.respond_to_approval(request.request_id, False, "ann", "no")
    for name in ("one", "two"):
        response = gate.wait_for_decision(request.request_id, claim=name)
        assert (response.approved, response.status, response.reason) == (False, "denied", "no")


def test_asking_with_a_claim_is_one_call(gate, background, first_pending):
    asked = background(gate.request_approval, "deploy", claim="pay 7")
    request = first_pending(gate)
    gate.respond_to_approval(request.request_id, True, "ann")
    assert asked.result(60).approved
    with pytest.raises(AlreadyCollected):
        gate.wait_for_decision(request.request_id, claim="another")


def test_a_claim_that_redis_did_not_confirm_is_no_approval(server):
    gate = ApprovalGate(server.url, "a")
    request = gate.open_request("deploy")
    gate.respond_to_approval(request.request_id, True, "ann")
    server.stop()
    with pytest.raises(StoreUnavailable):
        gate.wait_for_decision(request.request_id, timeout=0.2, claim="pay 7")


def test_a_lost_reply_to_a_claim_is_heard_by_the_same_claim(url, proxy, gate, approved):
    far = ApprovalGate(proxy.url, "deployer")
    store = far._store
    store.read("PING")
    proxy.lose_reply_to(b"pay 7")
    response = wait_for_end(store, approved, math.inf, Hearing("pay 7"))
    assert (response.approved, response.collected_by, proxy.lost) == (True, "pay 7", 1)


def test_an_approval_of_which_the_request_is_gone_cannot_be_claimed(gate, raw, approved):
    raw.delete("{telemetry}:approvals:request:" + approved)
    response = wait_for_end(gate._store, approved, math.inf, Hearing("pay 7"))
    assert (response.approved, response.status) == (False, "unknown")


@pytest.mark.parametrize(("claim", "error"), [("", ValueError), ("a\n", ValueError), (7, TypeError)])
def test_what_is_no_claim_is_refused_by_name(gate, approved, claim, error):
    with pytest.raises(error, match=r"claim (must|has)"):
        gate.wait_for_decision(approved, claim=claim)
    with pytest.raises(error, match=r"claim (must|has)"):
        gate.request_approval("deploy", claim=claim)


def test_the_refusal_of_a_claim_survives_being_sent_to_another_process():
    import pickle

    error = pickle.loads(pickle.dumps(AlreadyCollected("id", "pay 7", datetime(2026, 1, 1, tzinfo=UTC))))
    assert (error.request_id, error.collected_by) == ("id", "pay 7")
