"""Records written straight into Redis: each is set aside alone or named, everything else is unharmed."""

import uuid
from datetime import timedelta

import pytest

from core import ApprovalGate, HeartbeatCoordinator, MalformedRecord, StoreUnavailable, TelemetryError
from core.agents import fleet
from core.store import agents as commands
from core.store import rights
from core.store.approvals import read_pending, read_record_and_time
from tests.waiting import wait_until

REQUEST = "{telemetry}:approvals:request:"
ENDED = "{telemetry}:approvals:ended:"
PENDING = "{telemetry}:approvals:pending"
RECORD = "{telemetry}:agents:record:"
BEAT = "{telemetry}:agents:beat:"

BAD_FIELDS = [
    {"context": "not json"},
    {"context": "[]"},
    {"context": '{"a": NaN}'},
    {"context": '{"a": 1e999}'},
    {"context": b"\xff"},
    {"context": '{"a":' * 100_000},
    {"status": "maybe"},
    {"status": ""},
    {"agent_id": ""},
    {"agent_id": "a\nb"},
    {"approval_type": b"\xff"},
    {"requested_ms": "soon"},
    {"requested_ms": "9" * 30},
    {"deadline_ms": "nan"},
    {"deadline_ms": "1e300"},
    {"deadline_ms": ""},
    {"timeout_seconds": "nan"},
    {"timeout_seconds": "inf"},
    {"timeout_seconds": "long"},
]


def bad(field: dict) -> str:
    return next(f"{name}={str(value)[:12]}" for name, value in field.items())


@pytest.fixture
def bystander(url):
    return ApprovalGate(url, "bystander").open_request("other")


@pytest.mark.parametrize("fields", BAD_FIELDS, ids=bad)
def test_a_request_with_a_bad_field_is_named_when_read_and_left_out_of_the_list(gate, raw, bystander, fields):
    request = gate.open_request("deploy", {"a": 1})
    raw.hset(REQUEST + request.request_id, mapping=fields)
    with pytest.raises(MalformedRecord, match=request.request_id):
        gate.get_request(request.request_id)
    assert gate.get_pending_approvals() == [bystander]
    assert read_pending(gate._store).unreadable == [request.request_id]


@pytest.mark.parametrize(
    "field", ["context", "requested_ms", "deadline_ms", "status", "agent_id", "timeout_seconds"]
)
def test_a_request_with_a_missing_field_is_set_aside(gate, raw, bystander, field):
    request = gate.open_request("deploy")
    raw.hdel(REQUEST + request.request_id, field)
    with pytest.raises(MalformedRecord, match=request.request_id):
        gate.get_request(request.request_id)
    assert gate.get_pending_approvals() == [bystander]
    assert isinstance(gate.clear_expired_requests(), int)


@pytest.mark.parametrize(
    "deadline", ["nan", "inf", "-inf", "0x7fffffffffff", "1e300", "9" * 40, "", "soon", "-1"]
)
def test_a_request_with_a_corrupted_deadline_takes_no_approval_and_holds_no_waiter(gate, raw, deadline):
    request = gate.open_request("deploy")
    raw.hset(REQUEST + request.request_id, "deadline_ms", deadline)
    assert gate.decide(request.request_id, True, "ann").outcome == "expired"
    assert not gate.cancel_request(request.request_id)
    response = gate.wait_for_decision(request.request_id, timeout=5)
    assert (response.approved, response.responder) == (False, "system")


def test_a_request_that_lost_its_agent_ends_once(gate, raw):
    request = gate.open_request("deploy")
    raw.hdel(REQUEST + request.request_id, "agent_id")
    first, second = (gate.decide(request.request_id, approved, "ann") for approved in (False, True))
    assert (first.outcome, second.outcome) == ("accepted", "already_decided")
    assert raw.xlen(ENDED + request.request_id) == 1


def test_the_sweep_survives_what_it_cannot_read_and_does_not_meet_it_again(gate, raw):
    late = gate.open_request("deploy", timeout=0.001)
    for member in ("no-uuid", "*", "", "é:🚀", b"\xff\xfe", str(uuid.uuid4()), "x" * 5_000):
        raw.zadd(PENDING, {member: 1})
    for number, fields in enumerate(
        [{"status": "pending"}, {"status": "maybe"}, {"deadline_ms": "nan"}, {"a": "b"}]
    ):
        raw.hset(f"{REQUEST}odd-{number}", mapping=fields)
        raw.zadd(PENDING, {f"odd-{number}": 2})
    wrong = str(uuid.uuid4())
    raw.set(REQUEST + wrong, "no hash")
    raw.zadd(PENDING, {wrong: 3})
    spoiled = gate.open_request("deploy", timeout=0.001)
    raw.set(ENDED + spoiled.request_id, "no stream")
    deadline = gate.get_request(spoiled.request_id).timestamp + timedelta(milliseconds=5)
    wait_until(lambda: read_record_and_time(gate._store, late.request_id)[1] > deadline, "all are due")
    gate.clear_expired_requests()
    assert gate.get_request(late.request_id).status == "timeout"
    assert raw.zcard(PENDING) == 0
    assert gate.clear_expired_requests() == 0


@pytest.mark.parametrize("damage", ["set", "rpush", "sadd"])
def test_a_key_of_the_wrong_type_is_a_clear_error_and_harms_no_other(gate, raw, bystander, damage):
    request = gate.open_request("deploy", timeout=1)
    raw.delete(REQUEST + request.request_id)
    getattr(raw, damage)(REQUEST + request.request_id, "x")
    with pytest.raises(MalformedRecord, match=request.request_id):
        gate.get_request(request.request_id)
    with pytest.raises(StoreUnavailable, match="wrong kind"):
        gate.decide(request.request_id, True, "ann")
    assert gate.get_pending_approvals() == [bystander]
    assert gate.wait_for_decision(request.request_id, timeout=5).approved is False


@pytest.mark.parametrize("key", ["{telemetry}:rights", "{telemetry}:rights:changing"])
def test_rights_that_cannot_be_read_are_unavailable(gate, raw, key):
    raw.delete(key)
    raw.rpush(key, "x")
    with pytest.raises(StoreUnavailable, match="the version of rights cannot be read"):
        rights.version(gate._store)


def test_a_decision_that_cannot_wake_the_agent_takes_no_effect_at_all(gate, raw):
    request = gate.open_request("deploy")
    raw.set(ENDED + request.request_id, "no stream")
    before = raw.hgetall(REQUEST + request.request_id)
    with pytest.raises(StoreUnavailable):
        gate.decide(request.request_id, True, "ann")
    assert raw.hgetall(REQUEST + request.request_id) == before
    assert raw.zscore(PENDING, request.request_id)


def test_an_outbox_of_the_wrong_type_stops_every_change_before_it_is_half_done(gate, raw):
    request = gate.open_request("deploy")
    raw.delete("{telemetry}:outbox")
    raw.set("{telemetry}:outbox", "no stream")
    keys = set(raw.keys())
    with pytest.raises(StoreUnavailable):
        gate.open_request("deploy")
    with pytest.raises(StoreUnavailable):
        gate.decide(request.request_id, True, "ann")
    assert gate.get_request(request.request_id).status == "pending"
    assert set(raw.keys()) == keys


@pytest.mark.parametrize("ended_ms", ["²", "soon", "-1e9", "9" * 400, ""])
def test_an_outcome_without_a_readable_time_approves_nothing(gate, raw, ended_ms):
    request = gate.open_request("deploy")
    end = {"status": "approved", "approved": "1", "responder": "eve", "reason": "", "ended_ms": ended_ms}
    raw.xadd(ENDED + request.request_id, end)
    response = gate.wait_for_decision(request.request_id, timeout=1)
    assert response.approved is False
    assert response.reason.startswith("malformed")


def test_a_standing_end_with_a_bad_time_is_a_clear_error_for_the_next_decider(gate, raw):
    request = gate.open_request("deploy")
    gate.respond_to_approval(request.request_id, True, "ann")
    raw.hset(REQUEST + request.request_id, mapping={"ended_ms": "soon", "reason": b"\xff"})
    with pytest.raises(TelemetryError, match=request.request_id):
        gate.decide(request.request_id, False, "bob")


GOOD = (
    '{"last_beat_ms":%d,"agent_id":"worker","display_name":null,"metadata":{},'
    '"status":"running","progress":0.5,"current_task":"","finished":false}'
)
BAD_BEATS = [
    "not json",
    "[]",
    "{}",
    "null",
    b"\xff",
    '{"a":' * 100_000,
    GOOD.replace("0.5", "NaN"),
    GOOD.replace("0.5", "7.5"),
    GOOD.replace("0.5", '"0.5"'),
    GOOD.replace("0.5", "true"),
    GOOD.replace("%d", '"soon"'),
    GOOD.replace("%d", '"2026-03-01T12:00:00"'),  # a time without a zone
    GOOD.replace("%d", "1e300"),
    GOOD.replace("%d", "null"),
    GOOD.replace("{}", '{"a":Infinity}'),
    GOOD.replace("{}", "[]"),
    GOOD.replace("null", "5"),
    GOOD.replace('"worker"', '"another"'),
    GOOD.replace('"running"', "1"),
    GOOD.replace(',"finished":false', ""),
]


@pytest.mark.parametrize("record", BAD_BEATS, ids=lambda record: str(record)[:24])
def test_a_malformed_heartbeat_is_named_when_read_and_breaks_no_list(agents, url, raw, record):
    HeartbeatCoordinator(url).start_heartbeat("worker")
    HeartbeatCoordinator(url).start_heartbeat("bystander")
    now = int(raw.time()[0]) * 1000
    raw.set(RECORD + "worker", record.replace("%d", str(now)) if isinstance(record, str) else record)
    with pytest.raises(MalformedRecord, match="worker"):
        agents.get_agent_status("worker")
    assert [beat.agent_id for beat in agents.get_active_agents()] == ["bystander"]
    raw.zadd("{telemetry}:agents:running", {"worker": 1, "bystander": 2})
    assert [beat.agent_id for beat in agents.get_stale_agents()] == ["bystander"]
    assert [state.heartbeat.agent_id for state in fleet.look(agents._store, None)[1]] == ["bystander"]


def test_a_key_of_the_wrong_type_harms_one_agent_alone_until_it_beats_again(agents, url, raw):
    worker = HeartbeatCoordinator(url)
    worker.start_heartbeat("worker")
    HeartbeatCoordinator(url).start_heartbeat("bystander")
    for key in (RECORD + "worker", BEAT + "worker"):
        raw.delete(key)
        raw.rpush(key, "x")
    with pytest.raises(StoreUnavailable):
        agents.get_agent_status("worker")
    assert [beat.agent_id for beat in agents.get_active_agents()] == ["bystander"]
    worker.beat("running", 0.5)
    assert [beat.agent_id for beat in agents.get_active_agents()] == ["bystander", "worker"]
    assert agents.get_agent_status("worker").progress == 0.5


def test_a_beat_between_two_milliseconds_breaks_no_look_for_lost_agents(agents, raw):
    store = agents._store
    seconds, _ = raw.time()
    raw.zadd("{telemetry}:agents:running", {"ann": seconds * 1000 - 40_000.5})
    now_ms, lost = store.run(commands.lost(store.keys, seconds * 1000 - 60_000))
    assert (now_ms >= seconds * 1000, lost) == (True, {"ann": seconds * 1000 - 40_001})


def test_unknown_agents_in_the_indexes_are_left_out(agents, url, raw):
    HeartbeatCoordinator(url).start_heartbeat("bystander")
    now = int(raw.time()[0]) * 1000
    for member in ("ghost", "", b"\xff\xfe", "a\nb", "*", "x" * 5_000):
        raw.zadd("{telemetry}:agents:running", {member: now})
        raw.zadd("{telemetry}:agents:changed", {member: now})
    assert [beat.agent_id for beat in agents.get_active_agents()] == ["bystander"]
    assert [beat.agent_id for beat in agents.get_stale_agents(0)] in ([], ["bystander"])
    assert [state.heartbeat.agent_id for state in fleet.look(agents._store, None)[1]] == ["bystander"]


@pytest.mark.parametrize("held", ["x y", "a b", '"},{" 5', "a b c d", "", "a  1", "a b " + "9" * 40, "\x00"])
def test_a_beat_key_written_by_hand_stops_no_heartbeat_and_spoils_no_record(agents, url, raw, held):
    worker = HeartbeatCoordinator(url)
    raw.set(BEAT + "worker", held)
    worker.start_heartbeat("worker")
    raw.set(BEAT + "worker", held)
    worker.beat("running", 0.25)
    assert agents.get_agent_status("worker").progress == 0.25
    assert agents.is_agent_alive("worker")
