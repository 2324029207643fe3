"""Redis away, back, or emptied; the database locked: the record catches up and says what was lost."""

import os
import signal
import sys
import threading

import pytest
from django.conf import settings

from core import ApprovalGate, StoreRefused
from core.history.approvals import decisions
from core.history.recorder import recorder as recording
from core.history.recorder.recorder import Recorder
from core.management.supervisor import STOP_SECONDS
from core.models import ApprovalRecord, AuditEntry, Cursor
from core.store.approvals import read_record_and_time
from tests.history.audit.chain import assert_chain_is_whole, kinds_of
from tests.history.database.obstacles import held, refusing
from tests.live_record import live_record
from tests.servers import client_of, faulty_server
from tests.waiting import PATIENCE, wait_until


@pytest.fixture
def server():
    with faulty_server(durable=True) as server:
        yield server


def is_recorded(request_id: str, status: str = "pending"):
    return lambda: ApprovalRecord.objects.filter(pk=request_id, status=status).exists()


def test_redis_down_then_up_and_the_recorder_goes_on(server, transactional_db, running):
    gate = ApprovalGate(server.url, "deployer")
    running(Recorder(server.url))
    first = gate.open_request("deploy").request_id
    wait_until(is_recorded(first), "the first request is recorded")
    server.stop()
    server.start()
    gate = ApprovalGate(server.url, "deployer")
    gate.respond_to_approval(first, True, "ann")
    second = gate.open_request("deploy").request_id
    wait_until(is_recorded(first, "approved"), "the first request's end is recorded")
    wait_until(is_recorded(second), "the second request is recorded")
    assert assert_chain_is_whole() == 3


def test_a_recorder_that_starts_before_redis_records_once_redis_is_there(server, transactional_db, running):
    server.stop()
    running(Recorder(server.url))
    server.start()
    request_id = ApprovalGate(server.url, "deployer").open_request("deploy").request_id
    wait_until(is_recorded(request_id), "it is recorded")


def test_after_five_minutes_without_redis_and_recorder_what_is_due_has_timed_out_and_takes_no_answer(
    server, maria, running
):
    gate = ApprovalGate(server.url, "deployer")
    running(Recorder(server.url)).set()  # it has ended before anything is due
    due, later = (gate.open_request("deploy", timeout=seconds).request_id for seconds in (60, 3600))
    digest = live_record(gate, due).digest
    with client_of(server.url) as raw:
        # Nobody waits here: as if the server had been away while the deadline came and five minutes went by.
        ago = int(read_record_and_time(gate._store, due)[1].timestamp() * 1000) - 300_000
        raw.hset("{telemetry}:approvals:request:" + due, "deadline_ms", ago)
        raw.zadd("{telemetry}:approvals:pending", {due: ago})
    server.stop()
    server.start()
    gate = ApprovalGate(server.url, "deployer")
    answer = decisions.decide(gate._store, maria, due, approved=True, reason="", digest=digest)
    assert (answer.outcome, answer.status) == ("expired", "timeout")
    running(Recorder(server.url))
    wait_until(is_recorded(due, "timeout"), "it has timed out")
    heard = gate.wait_for_decision(due)
    assert (heard.approved, heard.responder) == (False, "system")
    assert heard.reason.startswith("timeout")
    wait_until(is_recorded(later), "the other one is recorded as pending")
    assert gate.respond_to_approval(due, True, "ann") is False
    assert gate.respond_to_approval(later, True, "ann") is True
    wait_until(is_recorded(later, "approved"), "the other one takes its answer")
    told = set(kinds_of(due))
    assert {"approval.requested", "decision.refused", "approval.timeout"} <= told
    assert "approval.approved" not in told


def test_an_emptied_redis_cancels_what_was_pending_and_the_waiting_agent_hears_no(
    gate, raw, recorder, background
):
    agents = [background(gate.request_approval, "deploy", timeout=60) for _ in range(3)]
    wait_until(lambda: ApprovalRecord.objects.filter(status="pending").count() == 3, "all are recorded")
    raw.flushall()
    for agent in agents:
        response = agent.result(PATIENCE)
        assert (response.approved, response.responder) == (False, "system")
        assert "lost by the server" in response.reason
    wait_until(lambda: ApprovalRecord.objects.filter(status="cancelled").count() == 3, "all are cancelled")
    for row in ApprovalRecord.objects.all():
        assert "lost by the server" in row.reason
        assert kinds_of(str(row.pk))[:2] == ["approval.requested", "approval.cancelled"]
    assert_chain_is_whole()


def test_what_was_decided_before_the_loss_stays_decided(gate, raw, record):
    decided, pending = (gate.open_request("deploy").request_id for _ in range(2))
    gate.respond_to_approval(decided, True, "ann")
    record()
    raw.flushall()
    record()
    assert ApprovalRecord.objects.get(pk=decided).status == "approved"
    assert ApprovalRecord.objects.get(pk=pending).status == "cancelled"


def test_a_second_start_after_the_loss_doubles_nothing(gate, raw, record, clean_redis):
    request_id = gate.open_request("deploy").request_id
    record()
    raw.flushall()
    record()
    for _ in range(2):
        Recorder(clean_redis).step()
    assert kinds_of(request_id) == ["approval.requested", "approval.cancelled"]
    assert raw.xlen("{telemetry}:outbox") == 1


def test_two_recorders_that_notice_the_loss_together_cancel_each_request_once(
    gate, raw, clean_redis, transactional_db, running
):
    ids = [gate.open_request("deploy").request_id for _ in range(20)]
    recorders = [Recorder(clean_redis) for _ in range(2)]
    while recorders[0].step():
        pass
    recorders[1].step()
    raw.flushall()
    for recorder in recorders:
        running(recorder)
    wait_until(lambda: ApprovalRecord.objects.filter(status="cancelled").count() == 20, "all are cancelled")
    for request_id in ids:
        assert kinds_of(request_id) == ["approval.requested", "approval.cancelled"]
    assert assert_chain_is_whole() == 40


def test_a_recorder_killed_while_it_ends_what_was_lost_does_it_at_its_next_start(
    gate, raw, record, clean_redis
):
    ids = [gate.open_request("deploy").request_id for _ in range(3)]
    record()
    raw.flushall()
    victim = Recorder(clean_redis)
    raw.set("{telemetry}:events:stream:approval_cancelled", "in the way")
    with pytest.raises(Exception, match="Redis refused"):
        victim.step()
    raw.delete("{telemetry}:events:stream:approval_cancelled")
    record()
    assert {kinds_of(request_id)[-1] for request_id in ids} == {"approval.cancelled"}


def test_a_request_asked_right_after_the_loss_is_alive_and_stays_so(gate, raw, record):
    gate.open_request("deploy")
    record()
    raw.flushall()
    request = gate.open_request("deploy")
    record()
    record()
    assert live_record(gate, request.request_id).status == "pending"
    assert ApprovalRecord.objects.get(pk=request.request_id).status == "pending"


def test_a_request_asked_while_a_recorder_waits_on_the_emptied_redis_is_not_called_lost(gate, raw, recorder):
    request = gate.open_request("deploy")
    wait_until(is_recorded(request.request_id), "the recorder works")
    raw.flushall()
    asked = [gate.open_request("deploy").request_id for _ in range(5)]
    wait_until(is_recorded(request.request_id, "cancelled"), "the loss was noticed")
    wait_until(lambda: all(is_recorded(request_id)() for request_id in asked), "the new ones are recorded")
    assert {live_record(gate, request_id).status for request_id in asked} == {"pending"}


def test_a_locked_database_delays_the_record_and_loses_nothing(gate, recorder):
    request_id = gate.open_request("deploy").request_id
    wait_until(is_recorded(request_id), "the recorder works")
    with held():
        gate.respond_to_approval(request_id, True, "ann")
        threading.Event().wait(0.3)  # the recorder runs into the lock
    wait_until(is_recorded(request_id, "approved"), "it caught up")


def test_a_batch_that_fails_in_the_middle_leaves_neither_effects_nor_cursor(gate, record, clean_redis):
    gate.open_request("deploy")
    record()
    position = Cursor.objects.get().position
    gate.open_request("deploy")
    with refusing("core_auditentry", "disk full"):
        with pytest.raises(Exception, match="disk full"):
            Recorder(clean_redis).step()
        assert ApprovalRecord.objects.count() == AuditEntry.objects.count() == 1
        assert Cursor.objects.get().position == position
    assert record() == 1
    assert assert_chain_is_whole() == 2


def test_an_outbox_that_somebody_spoiled_is_said_and_followed_anew_once_it_was_deleted(gate, raw, record):
    """Under the last id that there is: nothing can come after it."""
    first = gate.open_request("deploy").request_id
    raw.xadd("{telemetry}:outbox", {"type": "x"}, id=f"{2**64 - 1}-{2**64 - 1}")
    with pytest.raises(StoreRefused, match=r"delete the key \{telemetry\}:outbox"):
        record()
    raw.delete("{telemetry}:outbox")
    second = gate.open_request("deploy").request_id
    record()
    assert kinds_of(first) == kinds_of(second) == ["approval.requested"]
    assert assert_chain_is_whole() == 2


def test_a_place_far_ahead_of_all_time_is_begun_anew(gate, raw, record, clean_redis):
    raw.xadd("{telemetry}:outbox", {"type": "x"}, id=f"{10**13}-0")
    record()
    raw.delete("{telemetry}:outbox")
    request_id = gate.open_request("deploy").request_id
    anew = Recorder(clean_redis)
    while anew.step():
        pass
    assert kinds_of(request_id) == ["approval.requested"]


def test_an_outbox_deleted_under_the_recorder_is_followed_anew(gate, raw, record):
    gate.open_request("deploy")
    record()
    raw.delete("{telemetry}:outbox")
    request_id = gate.open_request("deploy").request_id
    record()
    assert kinds_of(request_id) == ["approval.requested"]


def waits_for_entries(raw) -> bool:
    return any(one["cmd"] == "xread" and "b" in one["flags"] for one in raw.client_list())


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes of the database in /proc")
def test_a_recorder_ends_when_it_is_told_to_though_its_database_hangs(
    postgresql, recorder_process, start_process, raw, gate
):
    database = {"DATABASE_URL": postgresql.new_database()}
    tables = [sys.executable, str(settings.BASE_DIR / "manage.py"), "migrate", "-v", "0"]
    assert start_process(tables, env={**os.environ, **database}).wait(PATIENCE) == 0
    process = recorder_process(**database)
    wait_until(lambda: waits_for_entries(raw), "it waits")
    with postgresql.hanging():
        gate.open_request("deploy")
        wait_until(lambda: not waits_for_entries(raw), "it writes into the record")
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)


def test_a_recorder_that_waits_ends_at_once_and_without_a_word(
    clean_redis, raw, transactional_db, background, monkeypatch, caplog
):
    monkeypatch.setattr(recording, "CHECK_SECONDS", 3600.0)
    recorder, stop = Recorder(clean_redis), threading.Event()
    ending = background(recorder.run, stop)
    wait_until(lambda: waits_for_entries(raw), "it waits")
    stop.set()
    recorder.cut()
    ending.result(PATIENCE)
    assert "not recording" not in caplog.text
