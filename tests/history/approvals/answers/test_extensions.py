"""A later deadline: where the asker hears of it, within its bound, recorded, and kept by everybody."""

import json
import math
import threading
import time
from datetime import timedelta

import pytest

from core import ApprovalGate
from core.history.approvals.alarms import AlteredRequest
from core.history.approvals.answers import extensions
from core.history.approvals.decisions import NotAllowed
from core.models import ApprovalRecord, AuditEntry, DeadlineExtension
from tests.history.audit.chain import assert_chain_is_whole
from tests.live_record import live_record
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
HEARS = ("extended",)


@pytest.fixture
def extend(gate):
    def as_the_site(user, request, minutes=5, digest=None):
        digest = live_record(gate, request.request_id).digest if digest is None else digest
        return extensions.extend(gate._store, user, request.request_id, minutes, digest)

    return as_the_site


def test_it_is_recorded_and_everything_counts_from_the_new_one(maria, gate, raw, extend, record, decide):
    request = gate.open_request("deploy", timeout=60, key="k", understands=HEARS)
    record()
    before = live_record(gate, request.request_id)
    until = extend(maria, request)
    after, key = live_record(gate, request.request_id), "{telemetry}:approvals:request:" + request.request_id
    assert until == after.deadline_at == before.deadline_at + timedelta(minutes=5)
    assert raw.zscore("{telemetry}:approvals:pending", request.request_id) == until.timestamp() * 1000
    assert raw.pexpiretime(key) > until.timestamp() * 1000
    assert raw.pexpiretime("{telemetry}:approvals:key:deployer:k") > until.timestamp() * 1000
    record()
    row = ApprovalRecord.objects.get()
    assert (row.deadline_at, row.timeout_seconds) == (until, 360)
    [entry] = AuditEntry.objects.filter(kind="approval.extended")
    assert (entry.actor, json.loads(entry.details)["until"]) == ("maria", until.isoformat())
    assert decide(maria, request.request_id).accepted
    assert_chain_is_whole()


def test_the_waiter_hears_it_and_others_do_not(maria, clean_redis, gate, extend):
    answers = {}

    def ask(name, understands):
        asker = ApprovalGate(clean_redis, name)
        answers[name] = asker.request_approval("deploy", timeout=3, understands=understands)

    threads = [threading.Thread(target=ask, args=one) for one in (("hears", HEARS), ("old", ()))]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(gate.get_pending_approvals()) == 2, "both wait")
    by_agent = {request.agent_id: request for request in gate.get_pending_approvals()}
    extend(maria, by_agent["hears"])
    with pytest.raises(ValueError, match="did not say that it hears"):
        extend(maria, by_agent["old"])
    wait_until(lambda: "old" in answers, "the other's time is over")
    assert answers["old"].status == "timeout"
    wait_until(lambda: live_record(gate, by_agent["hears"].request_id).deadline_at, "it waits")
    time.sleep(0.1)
    assert "hears" not in answers
    gate.respond_to_approval(by_agent["hears"].request_id, True, "ann")
    for thread in threads:
        thread.join()
    assert answers["hears"].approved


def test_a_limit_of_the_waiter_holds_all_the_same(maria, gate, extend):
    request = gate.open_request("deploy", timeout=0.5, understands=HEARS)
    extend(maria, request)
    assert gate.wait_for_decision(request.request_id, 0.7, understands=HEARS) is None
    assert live_record(gate, request.request_id).status == "pending"


def test_it_is_bounded_and_ends_with_the_request(settings, maria, gate, extend):
    settings.TELEMETRY_EXTEND_MINUTES = 10
    request = gate.open_request("deploy", timeout=60, understands=HEARS)
    extend(maria, request, 6)
    for minutes in (5, 0, -1):
        with pytest.raises(ValueError, match="at most"):
            extend(maria, request, minutes)
    extend(maria, request, 4)
    with pytest.raises(ValueError, match="another request"):
        extend(maria, request, 1, digest="d")
    with pytest.raises(ValueError, match="no deadline"):
        extend(maria, gate.open_request("deploy", timeout=math.inf, understands=HEARS), 1)
    gate.cancel_request(request.request_id)
    with pytest.raises(ValueError, match="does not wait"):
        extend(maria, request)


def test_whoever_may_not_answer_may_not_extend(make_user, gate, extend):
    request = gate.open_request("deploy", understands=HEARS)
    with pytest.raises(NotAllowed):
        extend(make_user("vera", "viewer"), request)
    assert not DeadlineExtension.objects.exists()


def test_a_deadline_that_nobody_here_moved_is_an_alarm_as_before(maria, gate, raw, extend, record, decide):
    request = gate.open_request("deploy", timeout=60, understands=HEARS)
    record()
    key = "{telemetry}:approvals:request:" + request.request_id
    raw.hset(key, "deadline_ms", int(raw.hget(key, "deadline_ms")) + 1000)
    with pytest.raises(AlteredRequest):
        decide(maria, request.request_id)
    with pytest.raises(AlteredRequest):
        extend(maria, request)


def test_an_entry_of_an_extension_that_nobody_made_changes_nothing(maria, gate, raw, record):
    request = gate.open_request("deploy", timeout=60, understands=HEARS)
    record()
    before = ApprovalRecord.objects.get().deadline_at
    said = {"type": "more_time", "request_id": request.request_id, "extension_id": request.request_id}
    raw.xadd("{telemetry}:outbox", {**said, "deadline_ms": "4000000000000", "extended_ms": "1700000000000"})
    record()
    assert ApprovalRecord.objects.get().deadline_at == before
    assert not AuditEntry.objects.filter(kind="approval.extended").exists()


def test_the_same_extension_again_is_the_same(maria, gate, raw, extend):
    request = gate.open_request("deploy", timeout=60, understands=HEARS)
    extend(maria, request)
    row, asked = DeadlineExtension.objects.get(), live_record(gate, request.request_id)
    assert extensions._bring(gate._store, row, asked) == row.deadline_at
    assert len([one for one in raw.xrange("{telemetry}:outbox") if one[1]["type"] == "more_time"]) == 1
