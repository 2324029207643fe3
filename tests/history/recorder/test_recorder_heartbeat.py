"""What the recorder says of itself, and what others can tell when it says nothing any more."""

import pytest

from core import ApprovalGate
from core.history import health
from core.history.recorder import heartbeat
from core.history.recorder.heartbeat import Heartbeat
from core.history.recorder.recorder import Recorder
from core.models import Cursor
from core.store import outbox
from core.store import recorder as recorder_state
from core.store.client import open_store
from core.store.keys import LAG_COUNTED
from core.store.recorder import _heartbeat, read_heartbeat
from tests.round_trips import round_trips
from tests.servers import faulty_server
from tests.waiting import wait_until

KEY = "{telemetry}:recorder"
OUTBOX = "{telemetry}:outbox"


@pytest.fixture
def beats_often(monkeypatch):
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", heartbeat.BEAT_SECONDS / 10)


@pytest.fixture
def store(clean_redis):
    return open_store(clean_redis)


def state_of(store):
    place = Cursor.objects.filter(name="outbox").first() or Cursor()
    return store.run(recorder_state.look(store.keys, place.installation, place.position))


def test_a_recorder_that_never_ran_is_no_recorder(store, db):
    heartbeat = read_heartbeat(store)
    assert (heartbeat.state, heartbeat.recording, heartbeat.seen) == ("never", False, None)


def test_a_running_recorder_says_so_again_and_again(store, beats_often, recorder):
    heartbeat = wait_until(lambda: read_heartbeat(store).seen and read_heartbeat(store), "its heart beats")
    assert heartbeat.state == "recording"
    wait_until(lambda: read_heartbeat(store).seen > heartbeat.seen, "it beats again")


def test_a_dead_recorder_is_silent_and_what_it_said_last_is_still_there(store, raw, recorder):
    wait_until(lambda: read_heartbeat(store).recording, "it records")
    raw.hset(KEY, mapping={"active_ms": raw.time()[0] * 1000 - 60_000, "error": "disk full", "error_ms": "5"})
    Heartbeat(store)  # one that lives and says nothing changes nothing
    heartbeat = _heartbeat(read_heartbeat(store).now, raw.hgetall(KEY) | {"active_ms": "1"})
    assert heartbeat.state == "silent"
    assert (heartbeat.error, heartbeat.active != "") == ("disk full", True)
    assert raw.pttl(KEY) > 0


@pytest.mark.parametrize("moment", ["999999999999999", "noon", "-1", ""])
def test_a_moment_that_no_clock_has_breaks_no_page(store, raw, moment):
    names = ("active_ms", "standby_ms", "error_ms", "replaced_ms")
    raw.hset(KEY, mapping={"active": "host:1", **dict.fromkeys(names, moment)})
    heartbeat = read_heartbeat(store)
    assert (heartbeat.state, heartbeat.seen, heartbeat.error_at) == ("never", None, None)


def test_an_id_of_an_installation_that_is_no_text_is_another_and_breaks_no_page(store, raw, db):
    raw.hset("{telemetry}:installation", "id", b"\xff")
    assert state_of(store).installation == outbox.current_installation(store) == "\ufffd"
    assert outbox.installation(store) == ("\ufffd", False)


def test_what_went_wrong_while_redis_was_away_is_told_when_it_is_back(beats_often, transactional_db, running):
    with faulty_server(durable=True) as server:
        running(Recorder(server.url))
        store = open_store(server.url)
        wait_until(lambda: read_heartbeat(store).recording, "it records")
        server.stop()
        server.start()
        wait_until(lambda: read_heartbeat(store).error, "it tells of it")
        heartbeat = wait_until(lambda: (w := read_heartbeat(store)).recording and w, "it records again")
        assert "unreachable" in heartbeat.error
        assert heartbeat.error_at is not None


def test_trouble_with_the_database_is_told_at_once_and_over_when_it_is_over(store, transactional_db):
    own = Heartbeat(store)
    own.went_wrong(OSError("database is locked"))
    heartbeat = read_heartbeat(store)
    assert (heartbeat.state, heartbeat.error) == ("troubled", "OSError: database is locked")
    own.went_well(0)
    heartbeat = read_heartbeat(store)
    assert (heartbeat.state, heartbeat.error) == ("recording", "OSError: database is locked")


def test_of_two_recorders_the_one_that_recorded_last_is_active(store, raw, transactional_db):
    first, second = Heartbeat(store), Heartbeat(store)
    first._instance, second._instance = "one:1", "two:2"
    first.went_well(0)
    second.went_well(0)
    heartbeat = read_heartbeat(store)
    assert (heartbeat.active, heartbeat.standby) == ("one:1", "two:2")
    second._beat_at = float("-inf")
    second.went_well(5)
    heartbeat = read_heartbeat(store)
    assert (heartbeat.active, heartbeat.standby) == ("two:2", "")
    raw.hset(KEY, "active_ms", "1")
    first._beat_at = float("-inf")
    first.went_well(0)
    assert read_heartbeat(store).active == "one:1"


def test_an_emptied_redis_is_remembered(clean_redis, raw, beats_often, transactional_db, running):
    running(Recorder(clean_redis))
    store = open_store(clean_redis)
    wait_until(lambda: read_heartbeat(store).recording, "it records")
    assert read_heartbeat(store).replaced_at is None
    raw.flushall()
    wait_until(lambda: read_heartbeat(store).replaced_at, "it says that Redis was replaced")


def test_lag_is_counted_in_entries_and_seconds(gate, store, raw, record):
    assert (state_of(store).waiting, state_of(store).lag_seconds) == (0, 0.0)
    gate.open_request("deploy")
    record()
    assert (state_of(store).waiting, state_of(store).outbox_length) == (0, 1)
    old = f"{raw.time()[0] * 1000 - 90_000}-0"
    Cursor.objects.update(position=old.replace("-0", "-1"))
    gate.open_request("deploy")
    state = state_of(store)
    assert (state.waiting, state.more) == (2, False)
    assert state.lag_seconds < 60
    Cursor.objects.update(installation="another")
    assert state_of(store).waiting == 2


def test_a_long_lag_is_counted_up_to_a_limit(store, raw, record, gate):
    gate.open_request("deploy")
    record()
    script = "for i = 1, ARGV[1] do redis.call('XADD', KEYS[1], '*', 'type', 'x') end"
    raw.eval(script, 1, OUTBOX, LAG_COUNTED + 500)
    state = state_of(store)
    assert state.more
    assert LAG_COUNTED <= state.waiting <= LAG_COUNTED + 10


def test_large_entries_end_the_counting_early(store, raw, record, gate):
    gate.open_request("deploy")
    record()
    for _ in range(30):
        raw.xadd(OUTBOX, {"type": "llm_calls", "calls": "x" * 200_000})
    state = state_of(store)
    assert state.more
    assert state.waiting <= 20


def test_health_reads_everything_in_few_queries_and_round_trips(
    gate, store, raw, record, django_assert_max_num_queries, transactional_db
):
    for _ in range(20):
        raw.xadd(OUTBOX, {"type": "exploded"})
        gate.respond_to_approval(gate.open_request("deploy").request_id, True, "ann")
    record()
    health.read()
    with django_assert_max_num_queries(6), round_trips() as trips:
        state = health.read()
    assert trips.count <= 3
    assert state.database.set_aside == 20
    assert state.database.outcomes == {"approved": 20}
    assert state.recorder.outbox_length == 60
    assert state.queue.waiting == 0
    assert state.problems == {}
    assert state.server.policy == "noeviction"


def test_health_names_what_is_away_and_reads_the_rest(transactional_db, settings):
    settings.REDIS_URL = settings.TELEMETRY_SITE_REDIS_URL = "redis://127.0.0.1:1"
    state = health.read()
    assert state.database is not None
    assert (state.recorder, state.server, state.queue) == (None, None, None)
    assert set(state.problems) == {"redis", "queue"}


def test_pending_requests_are_counted_without_their_bodies(clean_redis, gate, raw):
    from core.store.approvals import count_waiting

    store = open_store(clean_redis)
    assert count_waiting(store) == (0, 0.0)
    request = gate.open_request("deploy", {"x": "y" * 100_000})
    gate.open_request("deploy")
    key = "{telemetry}:approvals:request:" + request.request_id
    raw.hset(key, "requested_ms", raw.time()[0] * 1000 - 50_000)
    before = raw.info("stats")["total_net_output_bytes"]
    waiting, oldest = count_waiting(store)
    assert waiting == 2
    assert 49 < oldest < 60
    assert raw.info("stats")["total_net_output_bytes"] - before < 50_000
    raw.zadd("{telemetry}:approvals:pending", {"of-nothing": 2**42})
    assert count_waiting(store)[0] == 2
    assert ApprovalGate(clean_redis).cancel_request(request.request_id)
    assert count_waiting(store)[0] == 1
