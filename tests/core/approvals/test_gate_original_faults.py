"""Each known fault of the original approval gates, and that ours does the opposite."""

import subprocess
import sys
import time
import uuid

import pytest

from core import ApprovalGate
from core.approvals import asking
from tests.live_record import live_record
from tests.waiting import PATIENCE, Stopwatch, wait_until

pytestmark = pytest.mark.anywhere

KEY = "{telemetry}:approvals:request:"


def is_over(gate, request_id: str) -> None:
    wait_until(lambda: gate.get_request(request_id).status == "timeout", "the deadline has passed")


def test_a_decision_after_the_timeout_is_refused_and_the_status_stays(gate):
    swept, unswept = (gate.open_request("deploy", timeout=0.02) for _ in range(2))
    is_over(gate, unswept.request_id)
    gate.wait_for_decision(swept.request_id)
    for request in (swept, unswept):
        late = gate.decide(request.request_id, True, "ann")
        assert (late.outcome, late.status) == ("expired", "timeout")
        assert gate.respond_to_approval(request.request_id, True, "ann") is False
        assert gate.get_request(request.request_id).status == "timeout"


def test_an_approval_shortly_before_the_deadline_reaches_the_agent(gate, background, first_pending):
    def one_in_time() -> bool:
        asked = background(gate.request_approval, "deploy", None, 1.5)
        request = live_record(gate, first_pending(gate).request_id)
        # Shorter before it than the interval at which the original polled.
        time.sleep(max(0.0, request.deadline_at.timestamp() - time.time() - 0.7))
        accepted = gate.respond_to_approval(request.request_id, True, "ann")
        assert asked.result(PATIENCE).approved is accepted
        return accepted

    wait_until(one_in_time, "an answer that a busy machine has not made late")


def test_the_request_of_a_killed_agent_does_not_stay_pending_past_its_deadline(gate, url):
    program = (
        "import sys; from core import ApprovalGate; "
        "ApprovalGate(sys.argv[1], 'a').request_approval('x', timeout=2)"
    )
    agent = subprocess.Popen([sys.executable, "-c", program, url])
    request = wait_until(gate.get_pending_approvals, "the agent asks")[0]
    agent.kill()
    agent.wait()
    is_over(gate, request.request_id)
    assert gate.get_pending_approvals() == []
    assert gate.clear_expired_requests() == 1
    assert gate.respond_to_approval(request.request_id, True, "ann") is False


@pytest.mark.parametrize("forged", ["true", '{"approved": true, "responder": "eve"}', "approved", "1"])
def test_setting_a_key_approves_nothing(gate, raw, background, forged):
    request_id = gate.open_request("deploy", timeout=0.6).request_id
    asked = background(gate.wait_for_decision, request_id)
    for key in (f"approval_response:{request_id}", f"response:{request_id}", f"{{telemetry}}:{request_id}"):
        raw.set(key, forged)
    assert asked.result(PATIENCE).approved is False


@pytest.mark.parametrize("status", ["approved", "true", "APPROVED", ""])
@pytest.mark.parametrize("approved", ["false", "0", "true", "yes", "2", ""])
def test_an_outcome_that_is_not_exactly_a_decision_approves_nothing(gate, raw, status, approved):
    request = gate.open_request("deploy")
    end = {"status": status, "approved": approved, "responder": "eve", "reason": "", "ended_ms": "1"}
    raw.xadd("{telemetry}:approvals:ended:" + request.request_id, end)
    response = gate.wait_for_decision(request.request_id, timeout=1)
    assert (response.approved, response.responder) == (False, "system")


@pytest.mark.parametrize("approved", ["false", "true", 0, 1, None, [], "no"])
def test_only_a_bool_decides(gate, approved):
    request = gate.open_request("deploy")
    with pytest.raises(TypeError, match="approved"):
        gate.respond_to_approval(request.request_id, approved, "ann")
    assert gate.get_request(request.request_id).status == "pending"


def test_a_request_that_could_not_be_stored_does_not_block_for_its_timeout(tmp_path, monkeypatch):
    monkeypatch.setattr(asking, "CONFIRM_SECONDS", 0.3)  # so long it is tried again
    with Stopwatch() as watch:
        response = ApprovalGate(f"unix://{tmp_path}/absent.sock", "a").request_approval("deploy", timeout=300)
    assert response.reason.startswith("unavailable")
    assert watch.own < 60


def test_a_decision_is_still_known_after_its_timeout_for_seven_days(gate, raw):
    request = gate.open_request("deploy", timeout=20)
    gate.respond_to_approval(request.request_id, True, "ann")
    assert 6.9 * 24 * 3600 < raw.ttl(KEY + request.request_id) <= 7 * 24 * 3600


def test_the_agent_is_woken_rather_than_polling(gate, raw, background, first_pending):
    asked = background(gate.request_approval, "deploy", None, 20)
    request_id = first_pending(gate).request_id
    wait_until(lambda: raw.info("clients")["blocked_clients"] == 1, "the agent blocks in Redis")
    gate.respond_to_approval(request_id, True, "ann")
    assert asked.result(PATIENCE).approved
    assert raw.info("commandstats")["cmdstat_xread"]["calls"] == 1


def test_listing_costs_the_same_with_any_number_of_unrelated_keys(gate, raw):
    request = gate.open_request("deploy")
    raw.eval("for i = 1, 50000 do redis.call('SET', 'unrelated:' .. i, 1) end", 0)
    raw.config_resetstat()
    assert gate.get_pending_approvals() == [request]
    stats = raw.info("commandstats")
    used = {
        name: stat["calls"]
        for name, stat in stats.items()
        if name not in ("cmdstat_info", "cmdstat_config|resetstat")
    }
    assert sum(used.values()) <= 3
    assert not {"cmdstat_scan", "cmdstat_keys"} & set(used)


def test_ids_are_random_uuids(gate):
    ids = [uuid.UUID(gate.open_request("deploy").request_id) for _ in range(50)]
    assert {id_.version for id_ in ids} == {8}
    assert len({id_.bytes[8:] for id_ in ids}) == 50
