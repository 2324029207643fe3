"""Agents that ask over HTTP: stored, waited for, withdrawn, and each its own alone."""

import re
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from core import ApprovalGate
from core.api import asking
from core.models import AuditEntry
from core.store.approvals import set_limits
from core.store.client import open_store

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]


def waits(client, request_id, found, **query):
    """In a thread: long polls until the request has ended."""

    def poll():
        while True:
            answer = client.get(f"/requests/{request_id}/outcome", params={"wait": 30, **query})
            if answer.status_code != 202:
                found.append(answer)
                return

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    return thread


def test_an_agent_asks_waits_and_hears_the_decision(agent, gate_of, patience):
    client = agent("deployer")
    asked = client.post("/requests", json={"type": "deploy", "context": {"version": "1.10"}, "timeout": 600})
    assert asked.status_code == 201
    request = asked.json()
    assert {key: request[key] for key in ("type", "agent", "status", "timeout")} == {
        "type": "deploy", "agent": "deployer", "status": "pending", "timeout": 600,
    }  # fmt: skip
    found = []
    thread = waits(client, request["id"], found)
    assert gate_of("x").decide(request["id"], True, "maria", "go on", digest=request["digest"]).accepted
    thread.join(patience)
    outcome = found[0].json()
    assert (outcome["status"], outcome["approved"], outcome["responder"]) == ("approved", True, "maria")
    assert client.get(f"/requests/{request['id']}").json()["status"] == "approved"


def test_a_denial_says_why_and_a_wait_that_is_over_says_pending(agent, gate_of):
    client = agent("deployer")
    request_id = client.post("/requests", json={"type": "deploy"}).json()["id"]
    pending = client.get(f"/requests/{request_id}/outcome")
    assert (pending.status_code, pending.json()["status"]) == (202, "pending")
    gate_of("x").decide(request_id, False, "tom", "not today")
    outcome = client.get(f"/requests/{request_id}/outcome").json()
    assert (outcome["status"], outcome["approved"], outcome["reason"]) == ("denied", False, "not today")


def test_the_same_key_gives_the_same_request_and_another_question_under_it_is_a_conflict(agent):
    client = agent("deployer")
    body = {"type": "deploy", "context": {"version": "1"}}
    first = client.post("/requests", json=body, headers={"Idempotency-Key": "run-7"})
    again = client.post("/requests", json={**body, "key": "run-7"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    other = client.post("/requests", json={**body, "context": {"version": "2"}, "key": "run-7"})
    assert (other.status_code, other.json()["field"]) == (409, "key")
    assert [one["id"] for one in client.get("/requests?key=run-7").json()["requests"]] == [first.json()["id"]]


def test_of_those_that_ask_at_once_under_one_key_one_hears_that_it_is_new(agent):
    client = agent("deployer")
    ask = partial(client.post, "/requests", json={"type": "deploy", "key": "run-8"})
    with ThreadPoolExecutor(8) as asking:
        said = [one.result() for one in [asking.submit(ask) for _ in range(8)]]
    assert sorted(one.status_code for one in said) == [200] * 7 + [201]
    assert len({one.json()["id"] for one in said}) == 1


@pytest.mark.parametrize("query", [{"understands": "edited,all"}, {"claim": "x" * 300}])
def test_how_an_answer_is_heard_is_refused_before_there_is_one(agent, query):
    client = agent("deployer")
    request_id = client.post("/requests", json={"type": "deploy"}).json()["id"]
    for way in ("outcome", "stream"):
        said = client.get(f"/requests/{request_id}/{way}", params=query)
        assert (said.status_code, said.json()["field"]) == (400, next(iter(query)))


def test_what_is_withdrawn_has_ended_and_what_has_ended_is_not_withdrawn(agent, gate_of):
    client = agent("deployer")
    one, two = (client.post("/requests", json={"type": "deploy"}).json()["id"] for _ in range(2))
    gate_of("x").decide(two, True, "maria")
    cancelled = client.post(f"/requests/{one}/cancel").json()
    assert (cancelled["cancelled"], cancelled["status"]) == (True, "cancelled")
    odd = client.post(f"/requests/{two}/cancel", json={"reason": "x"})
    assert (odd.status_code, odd.json()["field"]) == (400, "reason")
    late = client.post(f"/requests/{two}/cancel").json()
    assert (late["cancelled"], late["status"]) == (False, "approved")


def test_an_approval_that_is_claimed_is_for_that_name_alone(agent, gate_of):
    client = agent("deployer")
    request_id = client.post("/requests", json={"type": "deploy"}).json()["id"]
    gate_of("x").decide(request_id, True, "maria")
    mine = client.get(f"/requests/{request_id}/outcome", params={"claim": "run-1"})
    assert mine.json()["approved"] is True
    other = client.get(f"/requests/{request_id}/outcome", params={"claim": "run-2"})
    assert (other.status_code, other.json()["error"]) == (409, "collected")


def test_64_parallel_claims_have_one_winner(agent, gate_of, patience):
    client = agent("deployer")
    request_id = client.post("/requests", json={"type": "deploy"}).json()["id"]
    gate_of("x").decide(request_id, True, "maria")
    found = []
    threads = [waits(client, request_id, found, claim=f"run-{number}") for number in range(64)]
    for thread in threads:
        thread.join(patience)
    assert sorted(answer.status_code for answer in found) == [200] + [409] * 63


def test_what_nobody_answers_ends_at_its_deadline(agent):
    client = agent("deployer")
    request_id = client.post("/requests", json={"type": "deploy", "timeout": 0.3}).json()["id"]
    outcome = client.get(f"/requests/{request_id}/outcome", params={"wait": 30}).json()
    assert (outcome["status"], outcome["approved"]) == ("timeout", False)


def test_another_agents_request_is_not_there(agent):
    mine, theirs = agent("deployer"), agent("payments")
    request_id = theirs.post("/requests", json={"type": "pay", "key": "k"}).json()["id"]
    for method, path in (("GET", ""), ("GET", "/outcome"), ("POST", "/cancel")):
        answer = mine.request(method, f"/requests/{request_id}{path}")
        assert (answer.status_code, answer.json()["error"]) == (404, "request")
    assert mine.get("/requests").json() == {"requests": []}
    assert mine.get(f"/requests/{uuid.uuid4()}").status_code == 404
    assert theirs.get(f"/requests/{request_id}").json()["status"] == "pending"


def test_the_token_of_a_fleet_names_the_rest_and_nothing_else(agent):
    client = agent("pod-", is_prefix=True)
    assert client.post("/requests", json={"type": "deploy", "agent": "7"}).json()["agent"] == "pod-7"
    assert client.post("/requests", json={"type": "deploy"}).json()["field"] == "agent"
    other = agent("deployer").post("/requests", json={"type": "deploy", "agent": "payments"})
    assert (other.status_code, other.json()["field"]) == (403, "agent")


BAD_QUESTIONS = [
    ({}, 400, "type"),
    ({"type": ""}, 400, "type"),
    ({"type": 7}, 400, "type"),
    ({"type": None}, 400, "type"),
    ({"type": "deploy", "context": [1]}, 400, "context"),
    ({"type": "deploy", "understands": "edited"}, 400, "understands"),
    ({"type": "deploy", "timeout": True}, 400, "timeout"),
    ({"type": "deploy", "timeout": -1}, 400, "timeout"),
    ({"type": "deploy", "timeout": "soon"}, 400, "timeout"),
    ({"type": "deploy", "key": ""}, 201, None),
    ({"type": "deploy", "approved": True}, 400, "approved"),
]


def test_a_bad_question_is_refused_by_the_name_of_its_field_and_stores_nothing(agent):
    client, stored = agent("deployer"), 0
    for body, status, field in BAD_QUESTIONS:
        answer = client.post("/requests", json=body)
        assert (answer.status_code, answer.json().get("field")) == (status, field)
        said = answer.json().get("message", "")
        assert not re.search(r"\b(str|int|dict|bool|NoneType|math)\b|\(", said), said  # no words of Python
        stored += status == 201
        assert len(client.get("/requests").json()["requests"]) == stored


def test_a_request_asked_over_http_is_recorded_like_every_other(agent, recorder, soon):
    request_id = agent("deployer").post("/requests", json={"type": "deploy"}).json()["id"]
    soon(lambda: AuditEntry.objects.filter(request_id=request_id, kind="approval.requested").exists())


def test_whoever_goes_away_while_it_waits_leaves_nothing_behind(agent, soon):
    import httpx

    from telemetry_site.asgi import door

    client = agent("deployer")
    request_id = client.post("/requests", json={"type": "deploy"}).json()["id"]
    with pytest.raises(httpx.ReadTimeout):
        client.get(f"/requests/{request_id}/outcome", params={"wait": 30}, timeout=0.5)
    soon(lambda: not door.desk.ends._waiting)


def test_there_is_no_address_that_decides(agent):
    client = agent("deployer")
    request_id = client.post("/requests", json={"type": "deploy"}).json()["id"]
    for path in ("approve", "deny", "decide", "outcome", "respond", "undo"):
        answer = client.post(f"/requests/{request_id}/{path}", json={"approved": True})
        assert answer.status_code in (404, 405)
        page = client.post(str(client.base_url).replace("/api/v1", f"/approvals/{request_id}/{path}/"))
        assert page.status_code in (302, 403, 404, 405)
    assert ApprovalGate(agent_id="deployer").get_request(request_id).status == "pending"


def test_what_was_changed_is_heard_by_who_said_that_they_understand_it(agent, clean_redis):
    from core.store.approvals import Answer, decide, read_record
    from core.store.client import open_store

    client, store = agent("deployer"), open_store(clean_redis)
    body = {"type": "deploy", "context": {"to": "all"}, "understands": ["edited", "changes"]}
    ids = [client.post("/requests", json=body).json()["id"] for _ in range(2)]
    words = [("edited", True, b'{"to":"one"}'), ("changes", False, b"")]
    for request_id, (word, yes, edited) in zip(ids, words, strict=True):
        record = read_record(store, request_id)
        answer = Answer(
            request_id, yes, "maria", "which?", "site", f"decision {word}", None, record.digest, record.body
        )
        said = store.run(decide(store.keys, answer._replace(answer=word, edited=edited)))
        assert said[0] == b"accepted"
    plain = client.get(f"/requests/{ids[0]}/outcome").json()
    assert (plain["approved"], plain["status"]) == (False, "unavailable")
    query = {"understands": "edited,changes"}
    heard = [client.get(f"/requests/{request_id}/outcome", params=query).json() for request_id in ids]
    assert [(one["status"], one["approved"], one["edited"]) for one in heard] == [
        ("approved", True, {"to": "one"}),
        ("changes", False, None),
    ]
    assert client.post("/requests", json={**body, "understands": "edited"}).json()["field"] == "understands"


def test_what_has_large_contexts_is_listed_part_by_part(agent, monkeypatch):
    monkeypatch.setattr(asking, "BYTES_AT_ONCE", 300)
    client = agent("deployer")
    asked = [
        client.post("/requests", json={"type": "a", "context": {"x": "y" * 100}}).json()["id"]
        for _ in range(7)
    ]
    found, query = [], {}
    while True:
        part = client.get("/requests", params=query).json()
        found += [one["id"] for one in part["requests"]]
        if "next" not in part:
            break
        assert len(part["requests"]) == 3
        query = {"older_than": part["next"]}
    assert sorted(found) == sorted(asked)
    skipped = client.get(
        "/requests", params={"status": "approved"}
    ).json()  # is read, and bounded, all the same
    assert (skipped["requests"], skipped["next"] in asked) == ([], True)
    assert client.get("/requests", params={"older_than": "never"}).json()["field"] == "older_than"
    assert agent("somebody").get("/requests", params=query).json() == {"requests": []}


def test_many_are_waited_for_in_one_call(agent, gate_of):
    client = agent("deployer")
    ids = [client.post("/requests", json={"type": "deploy"}).json()["id"] for _ in range(3)]
    assert client.post("/requests/ended", json={"ids": ids}).json() == {"ended": []}
    threading.Timer(0.1, lambda: gate_of("x").decide(ids[1], True, "maria")).start()
    assert client.post("/requests/ended", json={"ids": ids, "wait": 30}).json() == {"ended": [ids[1]]}
    assert client.post("/requests/ended", json={"ids": ids, "until": 30}).json()["field"] == "until"
    theirs = agent("payments").post("/requests/ended", json={"ids": ids})
    assert theirs.json() == {"ended": ids}  # as of those that never were
    for bad in ([], "x", ["x"], [str(uuid.uuid4())] * 1001):
        assert client.post("/requests/ended", json={"ids": bad}).json()["field"] == "ids"


def asked_at_every_door(client, site, what):
    """The same question by our own words, by a hook and by the open protocol."""
    call = {"hook_event_name": "PreToolUse", "session_id": "s", "tool_name": "Bash", "tool_input": what}
    aap = {"tool": "deploy", "arguments": what, "timeout": "30m"}
    return [
        client.post("/requests", json={"type": "deploy", "context": what}),
        client.post("/hooks/claude-code", json=call),
        client.post(f"{site}/api/aap/v1/requests", headers={"Idempotency-Key": "1"}, json=aap),
    ]


def test_who_asks_too_much_hears_the_same_at_every_door(agent, site, clean_redis):
    client = agent("deployer")
    assert client.post("/requests", json={"type": "deploy"}).status_code == 201
    set_limits(open_store(clean_redis), waiting=1, a_minute=0)
    said = asked_at_every_door(client, site, {})
    assert {(one.status_code, one.headers["retry-after"]) for one in said} == {(429, "10")}
    [message] = {one.json().get("message") or one.json()["error"]["message"] for one in said}
    assert "requests that wait, and the site allows no more" in message


@pytest.mark.parametrize("limits", [{"values": 5}, {"levels": 2}])
def test_what_is_too_large_is_refused_for_good_at_every_door_and_says_where(agent, site, clean_redis, limits):
    client = agent("deployer")
    set_limits(open_store(clean_redis), waiting=0, a_minute=0, **limits)
    said = asked_at_every_door(client, site, {"a": [[1], 2, 3, 4]})
    assert [(one.status_code, "retry-after" in one.headers) for one in said] == [(422, False)] * 3
    own, hook, aap = (one.json() for one in said)
    assert [own["field"], hook["field"], aap["error"]["param"]] == ["context", "tool_input", "arguments"]
    assert own["error"] == hook["error"] == aap["error"]["code"] == "too_large"
    for message in (own["message"], hook["message"], aap["error"]["message"]):
        assert "the site allows" in message
        assert message.endswith("ask with less of it, and say where the rest is.")
    assert client.get("/requests").json() == {"requests": []}
    described = client.get("/openapi.json").json()["paths"]
    for path in ("/requests", "/hooks/claude-code"):
        assert {"413", "422", "429"} <= described[path]["post"]["responses"].keys()
