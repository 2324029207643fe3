"""Requests by the Agent Approval Protocol: as its specification says, and as its client checks."""

import json
import threading
import uuid
from datetime import datetime

import httpx
import pytest

from core import ApprovalGate
from core.api.aap import room
from core.models import AuditEntry, ProtocolRequest
from tests.waiting import PATIENCE, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]
BODY = {"tool": "refund", "arguments": {"amount": 4900, "rate": 0.1, "to": ["a", None]}, "timeout": "30m"}


def code(answer: httpx.Response) -> tuple[int, str]:
    said = answer.json()["error"]
    assert said["request_id"] == answer.headers["x-request-id"] == str(uuid.UUID(said["request_id"]))
    return answer.status_code, said["code"]


def consume(client, request_id, key="run-1"):
    return client.post(f"/requests/{request_id}/consume", headers={"Idempotency-Key": key})


def test_what_was_asked_is_told_again_as_it_was_and_people_see_it(asker, ask):
    more = {"agent_reasoning": "  charged twice \n", "context": {"run": 7}, "server": "billing"}
    made = ask(asker, arguments=BODY["arguments"], **more)
    said = made.json()
    assert made.status_code == 201
    assert made.headers["x-request-id"]
    assert {name: said[name] for name in (*BODY, *more)} == {**BODY, **more}
    assert set(said) == {*BODY, *more, "id", "status", "created_at", "deadline_at"}
    shown = ApprovalGate().get_request(said["id"])
    assert (shown.approval_type, shown.agent_id, shown.timeout_seconds) == ("refund", "refunder", 1800)
    assert shown.context == {"arguments": BODY["arguments"], **more}
    again = asker.get(f"/requests/{said['id']}").json()
    assert again == said


def test_an_approval_is_waited_for_used_once_and_reported(asker, ask, decide):
    request_id = ask(asker).json()["id"]
    timer = threading.Timer(0.1, decide, (request_id, True, "the charge is confirmed"))
    timer.start()
    said = asker.get(f"/requests/{request_id}", params={"wait": "30s"}).json()
    timer.join()
    decision = said["decision"]
    assert (said["status"], decision["status"], decision["note"]) == (
        "approved",
        "approved",
        "the charge is confirmed",
    )
    decided, expires = (datetime.fromisoformat(decision[name]) for name in ("decided_at", "expires_at"))
    assert (expires - decided).total_seconds() == 300
    assert "consumption" not in said
    used = consume(asker, request_id)
    assert (used.status_code, set(used.json()["consumption"])) == (200, {"consumed_at"})
    assert consume(asker, request_id).json() == used.json()
    assert code(consume(asker, request_id, "run-2")) == (409, "already_consumed")
    report = {"status": "succeeded", "note": "paid back"}
    told = asker.post(f"/requests/{request_id}/outcome", json=report)
    outcome = told.json()["consumption"]["outcome"]
    assert (outcome["status"], outcome["note"]) == ("succeeded", "paid back")
    assert asker.post(f"/requests/{request_id}/outcome", json=report).json() == told.json()
    assert code(asker.post(f"/requests/{request_id}/outcome", json={"status": "failed"})) == (
        409,
        "outcome_conflict",
    )
    assert asker.get(f"/requests/{request_id}").json() == told.json()


@pytest.mark.parametrize("status", ["succeeded", "failed"])
def test_what_came_of_it_is_recorded_once_and_shown_as_what_the_agent_says(
    asker, ask, decide, recorder, client, make_user, status
):
    request_id = ask(asker).json()["id"]
    decide(request_id, True)
    consume(asker, request_id)
    report = {"status": status, "note": "paid back with Bearer abcdefghijklmnopqrstuvwx"}
    for _ in range(2):
        assert asker.post(f"/requests/{request_id}/outcome", json=report).status_code == 200
    [entry] = AuditEntry.objects.filter(kind__startswith="outcome.")
    assert (entry.kind, str(entry.request_id), entry.agent_id) == (
        f"outcome.{status}",
        request_id,
        "refunder",
    )
    assert "abcdefghijklmnopqrstuvwx" not in str(entry.details)
    client.force_login(make_user("vera", "viewer"))
    page = wait_until(lambda: client.get(f"/approvals/{request_id}/").content.decode(), "the page is there")
    assert f"<b>The agent says that it {status}</b>: paid back" in page


def test_a_denial_is_an_answer_and_allows_nothing(asker, ask, decide):
    request_id = ask(asker).json()["id"]
    assert code(consume(asker, request_id)) == (409, "not_approved")
    decide(request_id, False, "not today")
    said = asker.get(f"/requests/{request_id}").json()
    assert (said["status"], said["decision"]["note"]) == ("denied", "not today")
    assert "expires_at" not in said["decision"]
    assert code(consume(asker, request_id)) == (409, "not_approved")
    assert code(asker.post(f"/requests/{request_id}/outcome", json={"status": "failed"})) == (
        409,
        "not_consumed",
    )
    assert code(asker.delete(f"/requests/{request_id}")) == (409, "already_terminal")


def test_what_is_withdrawn_wakes_who_waits_and_stays_withdrawn(asker, ask):
    request_id = ask(asker).json()["id"]
    found = []
    waiter = threading.Thread(
        target=lambda: found.append(asker.get(f"/requests/{request_id}?wait=30s").json())
    )
    waiter.start()
    first = asker.delete(f"/requests/{request_id}")
    waiter.join(PATIENCE)
    assert first.status_code == 200
    assert [one["status"] for one in found] == ["cancelled"]
    assert asker.delete(f"/requests/{request_id}").json() == first.json()


def test_what_nobody_answers_is_expired_at_its_deadline(asker, ask):
    request_id = ask(asker, timeout="1s").json()["id"]
    said = asker.get(f"/requests/{request_id}", params={"wait": "30s"}).json()
    assert (said["status"], said["decision"]["decided_at"] >= said["deadline_at"]) == ("expired", True)


def test_an_approval_that_is_not_used_in_time_is_not_used(asker, ask, decide, settings):
    request_id = ask(asker).json()["id"]
    ProtocolRequest.objects.update(valid_seconds=0)
    decide(request_id)
    assert code(consume(asker, request_id)) == (409, "approval_expired")
    assert asker.get(f"/requests/{request_id}").json()["status"] == "approved"


def test_the_same_key_is_the_same_request_however_it_is_written(asker, ask, decide):
    body = {"timeout": "30m", "arguments": {"b": 1.0, "a": [True]}, "tool": "refund"}
    first = asker.post("/requests", json=body, headers={"Idempotency-Key": "k"})
    other = '{"tool": "refund",\n "arguments": {"a": [true], "b": 1}, "timeout": "30m"}'
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    again = asker.post("/requests", content=other, headers=headers)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    for changed in ({"a": [1], "b": 1}, {"a": [True], "b": "1"}, {"a": [True]}):
        answer = asker.post("/requests", json={**body, "arguments": changed}, headers=headers)
        assert code(answer) == (409, "idempotency_conflict")
    decide(first.json()["id"], False)
    assert asker.post("/requests", json=body, headers=headers).json()["status"] == "denied"
    assert ApprovalGate(agent_id="refunder").find_requests()[0].request_id == first.json()["id"]
    assert len(ApprovalGate(agent_id="refunder").find_requests()) == 1


def test_of_64_that_use_it_at_once_one_does(asker, ask, decide):
    request_id = ask(asker).json()["id"]
    decide(request_id)
    found = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(consume(asker, request_id, f"run-{n}").status_code))
        for n in range(64)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(found) == [200] + [409] * 63


def test_a_request_that_a_process_left_half_made_is_the_same_when_it_is_asked_again(asker, ask):
    first = ask(asker, key="k").json()
    ProtocolRequest.objects.update(request_id=None)  # as where it died between the two
    assert ask(asker, key="k").json() == first


def test_another_agents_request_is_not_there(asker, speaking, ask, decide):
    request_id = ask(asker).json()["id"]
    other = speaking("somebody", "ask")
    decide(request_id)
    for answer in (
        other.get(f"/requests/{request_id}"),
        other.get(f"/requests/{request_id}?wait=1s"),
        other.delete(f"/requests/{request_id}"),
        consume(other, request_id),
        other.post(f"/requests/{request_id}/outcome", json={"status": "failed"}),
        other.get(f"/requests/{uuid.uuid4()}"),
        other.get("/requests/nothing"),
        other.get("/nothing"),
    ):
        assert code(answer) == (404, "not_found")
    assert consume(asker, request_id).status_code == 200


BAD_QUESTIONS = [
    ({"tool": ""}, "tool"),
    ({"tool": "a\nb"}, "tool"),
    ({"arguments": []}, "arguments"),
    ({"timeout": "0s"}, "timeout"),
    ({"timeout": "5"}, "timeout"),
    ({"timeout": 5}, "timeout"),
    ({"context": None}, "context"),
    ({"approved": True}, "approved"),
    ({"server": ""}, "server"),
    ({"agent_reasoning": "x" * 20_000}, "agent_reasoning"),
    ({"arguments": {"a": json.loads("[" * 40 + "]" * 40)}}, "arguments"),
]


def test_a_bad_question_is_refused_by_its_field_and_stores_nothing(asker, ask):
    for change, param in BAD_QUESTIONS:
        answer = ask(asker, **change)
        assert code(answer) == (400, "invalid_request")
        assert answer.json()["error"]["param"] == param
        assert not ApprovalGate(agent_id="refunder").find_requests()


NEVER_THE_SAME = [
    b"{",
    b"[]",
    b'{"tool": "a", "tool": "b", "arguments": {}, "timeout": "1m"}',
    b'{"tool": "a", "arguments": {"n": 1.00000000000000000001}, "timeout": "1m"}',
    b'{"tool": "a", "arguments": {"n": NaN}, "timeout": "1m"}',
    b'{"tool": "a", "arguments": {"n": 1e-99999999999999999999}, "timeout": "1m"}',
    b'{"tool": "a", "arguments": {"n": 0e99999999999999999999}, "timeout": "1m"}',
    '{"tool": "a", "arguments": {}, "timeout": "1m"}'.encode("utf-16"),
    b'\xef\xbb\xbf{"tool": "a", "arguments": {}, "timeout": "1m"}',
    b'{"tool": "a\xff", "arguments": {}, "timeout": "1m"}',
]


def test_what_cannot_be_told_again_as_it_came_is_refused(asker):
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    for content in NEVER_THE_SAME:
        assert code(asker.post("/requests", content=content, headers=headers)) == (400, "invalid_request")


def test_a_key_is_needed_and_a_wait_is_a_duration(asker, ask):
    assert code(asker.post("/requests", json=BODY)) == (400, "missing_idempotency_key")
    request_id = ask(asker).json()["id"]
    assert code(asker.post(f"/requests/{request_id}/consume")) == (400, "missing_idempotency_key")
    assert code(asker.get(f"/requests/{request_id}?wait=soon")) == (400, "invalid_request")
    twice = asker.get(f"/requests/{request_id}?wait=1s&wait=2s")
    assert (code(twice), twice.json()["error"]["param"]) == ((400, "invalid_request"), "wait")
    assert asker.get(f"/requests/{request_id}").json()["status"] == "pending"


def test_each_kind_of_token_does_its_own_and_none_does_nothing(asker, provisioner, speaking, ask):
    assert code(ask(provisioner)) == (403, "wrong_credential")
    assert code(ask(speaking("worker", "beat"))) == (403, "missing_scope")
    assert code(ask(speaking("pod-", "ask", is_prefix=True))) == (403, "wrong_credential")
    assert code(asker.post("/instances", json={}, headers={"Idempotency-Key": "k"})) == (
        403,
        "wrong_credential",
    )
    nobody = speaking("nobody", "ask", token="agt_wrong")
    assert code(ask(nobody)) == (401, "token")


def test_who_waits_too_much_at_once_is_told_when_to_come_again(asker, ask, monkeypatch):
    monkeypatch.setattr(room, "POLLS", 0)
    answer = asker.get(f"/requests/{ask(asker).json()['id']}", params={"wait": "1s"})
    assert (code(answer), answer.headers["retry-after"]) == ((429, "too_many_polls"), "1")


def test_it_is_recorded_like_every_other(asker, ask, recorder, decide):
    from core.models import AuditEntry

    request_id = ask(asker).json()["id"]
    decide(request_id)
    consume(asker, request_id)
    found = AuditEntry.objects.filter(request_id=request_id).values_list("kind", flat=True)
    wait_until(lambda: "approval.collected" in found.all(), "it is recorded that it was used")
