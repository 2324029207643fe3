"""A key: the same key of the same agent gives the same request, whoever asks again, ended or not."""

import math
import subprocess
import sys
import time

import pytest

from core import ApprovalGate, MalformedRecord
from core.approvals.question import checked_question
from core.store import approvals
from core.store.keys import ENDED_TTL_MS
from tests.waiting import Stopwatch, wait_until

KEYED = "{telemetry}:approvals:key:deployer:release-7"
ASKED = "{telemetry}:approvals:asked:deployer"


def test_asking_again_under_a_key_after_a_restart_is_one_card(url, gate):
    first = gate.open_request("deploy", {"n": 1}, key="release-7")
    again = ApprovalGate(url, "deployer").open_request("deploy", {"n": 1}, key="release-7")
    assert (again, again.digest) == (first, first.digest)
    assert gate.get_pending_approvals() == [first]
    assert first.key == "release-7"


def test_a_key_of_a_request_that_cannot_be_read_is_a_refusal_that_names_both(gate, raw):
    request = gate.open_request("deploy", key="release-7")
    raw.hset("{telemetry}:approvals:request:" + request.request_id, "requested_ms", "noon")
    response = gate.request_approval("deploy", key="release-7")
    assert (response.approved, response.status, response.away) == (False, "unavailable", False)
    assert (
        f"key 'release-7' names a request that cannot be read. approval request {request.request_id}: "
        in (response.reason)
    )
    with pytest.raises(MalformedRecord, match="release-7"):
        gate.open_request("deploy", key="release-7")


@pytest.mark.parametrize("held", ["x", b"\xff\xfe", b"\xff" * 50], ids=["text", "bytes", "many bytes"])
def test_a_key_that_holds_no_id_asks_anew(gate, raw, held):
    raw.set(KEYED, held)
    request = gate.open_request("deploy", timeout=1, key="release-7")
    assert gate.open_request("deploy", timeout=1, key="release-7") == request
    assert raw.xlen("{telemetry}:outbox") == 1


def test_two_processes_with_one_key_at_once_have_one_card(url, gate):
    program = (
        "import sys; from core import ApprovalGate; "
        "print(ApprovalGate(sys.argv[1], 'deployer').open_request('deploy', key='release-7').request_id)"
    )
    askers = [
        subprocess.Popen([sys.executable, "-c", program, url], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ids = {asker.communicate(timeout=60)[0].strip() for asker in askers}
    assert ids == {request.request_id for request in gate.get_pending_approvals()}
    assert len(ids) == 1


def test_64_threads_with_one_key_have_one_card(url, background):
    asked = [
        background(ApprovalGate(url, "deployer").open_request, "deploy", key="release-7") for _ in range(64)
    ]
    assert len({future.result(60).request_id for future in asked}) == 1


def test_a_key_finds_its_request_after_the_end_too(gate):
    request = gate.open_request("deploy", key="release-7")
    gate.respond_to_approval(request.request_id, True, "ann")
    response = gate.request_approval("deploy", key="release-7", timeout=60)
    assert (response.request_id, response.approved, response.status) == (request.request_id, True, "approved")
    assert gate.open_request("deploy", key="release-7").status == "approved"


@pytest.mark.parametrize(("kind", "context"), [("deploy", {"n": 2}), ("delete", {"n": 1})])
def test_another_request_under_a_key_is_refused_by_the_name_of_the_key(gate, kind, context):
    gate.open_request("deploy", {"n": 1}, key="release-7")
    for ask in (gate.open_request, gate.request_approval):
        with pytest.raises(ValueError, match="key 'release-7' names a request of this agent with another"):
            ask(kind, context, key="release-7")
    assert len(gate.get_pending_approvals()) == 1


def test_a_key_belongs_to_one_agent(url, gate):
    mine = gate.open_request("deploy", key="release-7")
    other = ApprovalGate(url, "importer").open_request("deploy", key="release-7")
    assert other.request_id != mine.request_id
    assert gate.find_requests("release-7") == [mine]


@pytest.mark.parametrize(("key", "error"), [("", ValueError), ("a\n", ValueError), (7, TypeError)])
def test_what_is_no_key_is_refused_by_name(gate, key, error):
    for call in (gate.open_request, gate.request_approval):
        with pytest.raises(error, match=r"key (must|has)"):
            call("deploy", key=key)
    with pytest.raises(error, match=r"key (must|has)"):
        gate.find_requests(key)


def test_a_key_lives_as_long_as_its_request(gate, raw):
    request = gate.open_request("deploy", key="release-7", timeout=30 * 86400)
    kept = raw.pttl("{telemetry}:approvals:request:" + request.request_id)
    assert abs(raw.pttl(KEYED) - kept) < 5_000
    gate.respond_to_approval(request.request_id, True, "ann")
    gate.wait_for_decision(request.request_id)
    assert 0 < raw.pttl(KEYED) <= ENDED_TTL_MS


def test_a_key_whose_request_is_gone_asks_anew(gate, raw):
    first = gate.open_request("deploy", key="release-7")
    raw.delete("{telemetry}:approvals:request:" + first.request_id)
    second = gate.open_request("deploy", key="release-7")
    assert second.request_id != first.request_id
    assert gate.find_requests("release-7") == [second]


def test_the_time_of_the_first_asking_counts(gate):
    gate.open_request("deploy", key="release-7", timeout=0.8)
    with Stopwatch() as watch:
        response = gate.request_approval("deploy", key="release-7", timeout=60)
    assert response.status == "timeout"
    assert watch.own < 10


def test_an_agents_requests_are_listed_newest_first_by_status(url, gate):
    first = gate.open_request("deploy", {"n": 1})
    time.sleep(0.002)
    second = gate.open_request("deploy", {"n": 2}, key="b")
    ApprovalGate(url, "importer").open_request("deploy")
    gate.respond_to_approval(first.request_id, False, "ann")
    assert [request.request_id for request in gate.find_requests()] == [second.request_id, first.request_id]
    assert gate.find_requests(status="pending") == [second]
    for denied in ("rejected", "denied"):
        assert [request.request_id for request in gate.find_requests(status=denied)] == [first.request_id]
    with pytest.raises(ValueError, match="status"):
        gate.find_requests(status="no")
    with pytest.raises(ValueError, match="agent_id"):
        ApprovalGate(url).find_requests()


def test_a_list_is_bounded_and_read_without_searching(gate, raw, monkeypatch):
    raw.config_resetstat()
    raw.zadd(ASKED, {f"00000000-0000-4000-8000-{n:012}": n for n in range(1_500)})
    raw.expire(ASKED, 60)
    request = gate.open_request("deploy")
    assert raw.zcard(ASKED) == 1_000
    assert gate.find_requests() == [request]
    assert "cmdstat_scan" not in raw.info("commandstats")


def test_a_request_for_ever_has_no_deadline_and_is_decided_and_listed_like_others(gate, raw):
    request = gate.open_request("deploy", timeout=math.inf, key="release-7")
    assert request.timeout_seconds == math.inf
    assert gate.find_requests() == gate.get_pending_approvals() == [request]
    assert gate.clear_expired_requests() == 0
    assert gate.wait_for_decision(request.request_id, timeout=0.01) is None
    gate.respond_to_approval(request.request_id, True, "ann")
    assert gate.wait_for_decision(request.request_id).approved
    assert 0 < raw.pttl(KEYED) <= ENDED_TTL_MS


def test_somebody_who_waits_for_ever_hears_the_answer(gate, background, first_pending):
    asked = background(gate.request_approval, "deploy", timeout=math.inf)
    gate.respond_to_approval(first_pending(gate).request_id, True, "ann")
    assert asked.result(60).status == "approved"


@pytest.mark.parametrize("key", [None, "release-7"])
def test_a_request_that_was_refused_to_its_asker_never_appears_afterwards(server, key):
    gate = ApprovalGate(server.url, "a")
    gate.open_request("warm-up")
    server.hang()
    response = gate.request_approval("deploy", timeout=6, key=key)
    assert (response.approved, response.status) == (False, "unavailable")
    server.resume()
    wait_until(
        lambda: (
            [request.approval_type for request in gate.find_requests(status="pending")] == ["warm-up"]
            and _nothing_comes(gate)
        ),
        "what was stored after all is withdrawn",
    )


@pytest.mark.parametrize("found", [False, True])
def test_what_was_stored_under_a_key_for_a_refused_asker_is_withdrawn_unless_another_found_it(
    url, gate, raw, found
):
    question = checked_question("deployer", "deploy", {}, (60, "timeout"), key="release-7")
    gate._store.run(approvals.request(gate._store.keys, question, 60_000, b""))
    if found:
        ApprovalGate(url, "deployer").open_request("deploy", key="release-7")
    gate._store.run(approvals.withdraw(gate._store.keys, question, "refused"))
    assert [one.request_id for one in gate.get_pending_approvals()] == [question.request_id] * found
    assert raw.exists(KEYED) == found


def _nothing_comes(gate) -> bool:
    time.sleep(0.5)
    return [request.approval_type for request in gate.get_pending_approvals()] == ["warm-up"]


def test_a_server_that_restarts_when_it_is_asked_is_asked_again(server, background, first_pending):
    server.stop()
    gate = ApprovalGate(server.url, "a")
    asked = background(gate.request_approval, "deploy", timeout=60)
    time.sleep(1)  # far longer than three attempts take
    server.start()
    gate.respond_to_approval(first_pending_soon(gate).request_id, True, "ann")
    assert asked.result(60).approved


def first_pending_soon(gate):
    return wait_until(gate.get_pending_approvals, "the asker came through")[0]
