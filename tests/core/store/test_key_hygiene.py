"""What we leave in Redis, what we may touch there, and what waiting costs."""

import logging
import re
import tempfile
import time

import pytest

from core import (
    ApprovalGate,
    AutomationRecorder,
    CoordinationSignals,
    FeedbackLoop,
    HeartbeatCoordinator,
    StoreRefused,
    UsageTracker,
)
from core.agents import fleet
from core.agents.snapshot import read_snapshot
from core.store import agents as commands
from core.store import usage
from core.store.client import open_store
from core.store.keys import OUTBOX_LENGTH_WITHOUT_RECORDER, Keys
from tests.accounts import documented_accounts
from tests.core.usage.usage_help import book, track
from tests.leftovers import faults_at
from tests.waiting import PATIENCE, wait_until

OUTBOX = "{telemetry}:outbox"


def whole_scenario(memory: str) -> None:
    """Every primitive once, with odd names and with malformed records met on the way."""
    worker = HeartbeatCoordinator(memory, enable_streaming=True)
    worker.start_heartbeat("wörker:*", {"a": 1}, "Worker")
    HeartbeatCoordinator(memory).start_heartbeat("wörker:*")
    worker.beat("running", 0.5, "x")
    assert worker.get_active_agents()
    assert worker.get_stale_agents(3600) == []
    assert worker.get_agent_status("wörker:*").progress == 0.5
    assert fleet.look(open_store(memory), None)[1]
    assert read_snapshot("wörker:*", memory).timeline
    store = open_store(memory)
    assert store.run(commands.lost(store.keys, 0))[1] == {}
    gate = ApprovalGate(memory, "wörker:*")
    first, second = (gate.open_request("a:*") for _ in range(2))
    assert len(gate.get_pending_approvals()) == 2
    assert gate.respond_to_approval(first.request_id, True, "ann")
    assert gate.wait_for_decision(first.request_id).approved
    assert gate.cancel_request(second.request_id)
    assert gate.request_approval("a:*", timeout=0.3).reason.startswith("timeout")
    late = gate.open_request("a:*", timeout=0.001)
    wait_until(gate.clear_expired_requests, "the sweep ends it")
    assert gate.get_request(late.request_id).status == "timeout"
    worker.stop_heartbeat("failed")
    with tempfile.TemporaryDirectory() as folder:
        tracker = UsageTracker(folder, memory=memory, price_book=book())
        track(tracker, 2, workflow="wörker:*", call_id="call:*")
        track(tracker, 2, user_id="ann")
        tracker.flush()
        assert tracker.get_stats(days=2)["by_workflow"].keys() == {"wörker:*", "review"}
        assert len(tracker.get_recent_entries(days=2)) == 3
        usage.reset(open_store(memory), 90)
        track(tracker, 2, workflow="wörker:*", call_id="another call")
        assert tracker.get_stats(days=2)["total_calls"] == 1
        tracker.close()
    signals_scenario(memory)
    automation_scenario(memory)


def automation_scenario(memory: str) -> None:
    told = AutomationRecorder(memory)
    routing = told.record_task_routing(
        task_type="a:*", strategy="b:*", assigned_to="wörker:*", confidence=1, routing_id="c:*"
    )
    assert told.complete_task_routing(routing_id=routing, success=True)
    assert told.record_test_execution(suite="d:*", passed=1, duration_seconds=1)
    assert told.record_coverage(suite="d:*", lines_covered=1, lines_total=1)
    assert told.record_file_test(file_path="e/*.py", passed=1)
    assignment = told.record_agent_assignment(agent_id="wörker:*", task_type="a:*", routing_id=routing)
    assert told.complete_agent_assignment(
        assignment_id=assignment, success=True, automated=True, human_review=False
    )


def signals_scenario(memory: str) -> None:
    boss = CoordinationSignals(memory, "boss", enable_streaming=True)
    worker = CoordinationSignals(memory, "wörker:*")
    for _ in range(3):
        boss.signal("a:*", target_agent="wörker:*", payload={"n": 1})
        boss.broadcast("a:*")
    boss.signal("brief", target_agent="wörker:*", ttl_seconds=0.001)
    assert worker.check_signal("a:*", consume=False)
    assert worker.check_signal("a:*").target_agent == "wörker:*"
    assert worker.wait_for_signal("a:*").target_agent is None
    assert worker.wait_for_signal("other", timeout=0.01) is None
    assert len(worker.get_pending_signals("a:*")) == 4
    assert worker.clear_signals("a:*") == 4
    assert len(boss.get_pending_signals()) == 3
    boss.signal("left", target_agent="wörker:*")
    loop = FeedbackLoop(memory)
    for tier in ("cheap", "capable"):
        loop.record_feedback("w:*", "s:*", tier, 0.5, {"a": 1})
    assert loop.get_feedback_history("w:*", "s:*")
    assert loop.get_quality_stats("w:*", "s:*")
    assert loop.recommend_tier("w:*", "s:*").current_tier == "capable"
    assert loop.get_underperforming_stages("w:*")
    assert loop.record_template_feedback("t:*", "good") == loop.get_template_confidence("t:*") == 1.0
    loop.record_feedback("w:*", "other", "premium", 0.5)
    assert (loop.clear_feedback("w:*", "other"), loop.clear_feedback("nothing")) == (1, 0)


def test_every_key_left_behind_expires_or_is_documented_as_permanent(url, raw):
    whole_scenario(url)
    assert faults_at(url) == []
    assert raw.dbsize() > 10


def test_a_key_that_lives_for_ever_is_named_after_the_test(url, raw):
    HeartbeatCoordinator(url).start_heartbeat("worker")
    raw.persist("{telemetry}:agents:record:worker")
    assert "{telemetry}:agents:record:worker has no lifetime" in faults_at(url)[0]
    raw.flushall()


def test_a_key_that_keys_py_does_not_build_is_named_after_the_test(url, raw):
    open_store(url).write("SET", "{telemetry}:agents:made-up:worker", "1", "EX", "60")
    assert "{telemetry}:agents:made-up:worker is no key" in faults_at(url)[0]
    raw.flushall()


@pytest.mark.parametrize("command", [["SET", "stray", "1", "EX", "60"], ["SET", "rq:x", "1"], ["KEYS", "*"]])
def test_a_stray_key_or_command_is_refused_and_named_after_the_test(url, raw, command):
    with pytest.raises(StoreRefused, match=r"(?i)no permission"):
        open_store(url).write(*command)
    assert "Redis refused the" in faults_at(url)[0]
    raw.acl_log_reset()


@pytest.fixture
def account(url, raw):
    with documented_accounts(url, raw) as make:
        yield make


def refused_to(raw, name):
    return [entry["object"] for entry in raw.acl_log() if entry["username"] == name]


@pytest.mark.parametrize("name", ["telemetry-agent", "telemetry-recorder", "telemetry-site"])
def test_each_documented_account_can_do_everything_that_core_does(account, raw, name):
    whole_scenario(account(name))
    assert refused_to(raw, name) == []


COMMON = "SET stray 1|FLUSHALL|FLUSHDB|KEYS *|SCAN 0|CONFIG SET maxmemory 1|ACL WHOAMI|SHUTDOWN|SCRIPT FLUSH"


@pytest.mark.parametrize(
    ("name", "commands"),
    [
        ("telemetry-agent", COMMON + "|INFO|CONFIG GET dir|EVAL return 0|SET rq:x 1|PUBLISH rq:x 1"),
        ("telemetry-recorder", COMMON + "|EVAL return 0|SET rq:x 1|PUBLISH rq:x 1"),
        ("telemetry-site", COMMON + "|PUBLISH stray 1"),
    ],
)
def test_a_documented_account_can_do_no_more_than_it_needs(account, raw, name, commands):
    store = open_store(account(name))
    for command in commands.split("|"):
        with pytest.raises(StoreRefused, match=r"(?i)no permission"):
            store.write(*command.split())


def test_a_user_limited_to_another_prefix_is_told_that_it_may_not(url, raw):
    raw.execute_command("ACL", "SETUSER", "other", "on", "nopass", "~other:*", "+@all")
    try:
        response = ApprovalGate(f"{url}?username=other&password=x", "a").request_approval("deploy", timeout=5)
        assert response.approved is False
        assert response.reason.startswith("unavailable")
    finally:
        raw.acl_deluser("other")
        raw.acl_log_reset()


def test_a_100_idle_waiters_cost_under_four_commands_a_second_and_never_scan(gate, raw, background):
    request = gate.open_request("deploy")
    waiters = [background(gate.wait_for_decision, request.request_id) for _ in range(100)]
    wait_until(lambda: raw.info("clients")["blocked_clients"] == 100, "all wait")
    raw.config_resetstat()
    time.sleep(1)  # the subject is what happens while nothing does
    stats = {name: stat["calls"] for name, stat in raw.info("commandstats").items()}
    ours = {name: calls for name, calls in stats.items() if not re.match("cmdstat_(info|config)", name)}
    assert sum(ours.values()) < 4, ours
    gate.respond_to_approval(request.request_id, True, "ann")
    assert all(waiter.result(PATIENCE).approved for waiter in waiters)
    assert not {"cmdstat_scan", "cmdstat_keys"} & set(raw.info("commandstats"))


def test_a_waiting_agent_holds_one_connection_and_gives_it_back(gate, raw, background):
    requests = [gate.open_request("deploy") for _ in range(20)]
    before = raw.info("clients")["connected_clients"]
    for request in requests:
        waiter = background(gate.wait_for_decision, request.request_id)
        wait_until(lambda: raw.info("clients")["blocked_clients"] == 1, "it waits")
        gate.respond_to_approval(request.request_id, True, "ann")
        assert waiter.result(PATIENCE).approved
    assert raw.info("clients")["connected_clients"] <= before + 2


def fill_outbox(raw) -> None:
    script = "for i = 1, ARGV[1] do redis.call('XADD', KEYS[1], '*', 'type', 'x') end"
    raw.eval(script, 1, OUTBOX, OUTBOX_LENGTH_WITHOUT_RECORDER + 500)


def test_without_a_recorder_the_outbox_is_capped_with_a_warning(gate, raw, caplog):
    fill_outbox(raw)
    with caplog.at_level(logging.WARNING, "core.approvals.asking"):
        gate.open_request("deploy")
    assert "recorder" in caplog.text
    assert raw.xlen(OUTBOX) <= OUTBOX_LENGTH_WITHOUT_RECORDER + 200  # trimmed by whole nodes


def test_with_a_recorder_the_outbox_is_never_capped(gate, raw, caplog):
    raw.hset("{telemetry}:installation", "id", "x")
    fill_outbox(raw)
    gate.open_request("deploy")
    assert raw.xlen(OUTBOX) == OUTBOX_LENGTH_WITHOUT_RECORDER + 501
    assert caplog.text == ""


def test_ended_requests_are_kept_seven_days_from_their_end(gate, raw):
    request = gate.open_request("deploy", timeout=3600)
    key, ended = ("{telemetry}:approvals:" + part + ":" + request.request_id for part in ("request", "ended"))
    week = 7 * 24 * 3600
    assert week < raw.ttl(key) <= week + 3600
    gate.respond_to_approval(request.request_id, True, "ann")
    assert week - 60 < raw.ttl(key) <= week
    assert week - 60 < raw.ttl(ended) <= week


@pytest.mark.parametrize("namespace", ["", "A", "a b", "a}", "{a}", "x" * 41, "-a"])
def test_a_namespace_that_could_break_a_key_is_refused(namespace):
    with pytest.raises(ValueError, match="TELEMETRY_NAMESPACE"):
        Keys(namespace)
