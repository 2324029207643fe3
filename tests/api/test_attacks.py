"""Whoever has a token, or none, tries more than it may: each attack is refused, none is a fault, nothing is changed."""

import json
import socket
import time
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import httpx
import pytest

from core.api.description import PATHS
from core.models import ApprovalComment, DecisionIntent, Rule
from dashboard.urls import urlpatterns
from telemetry_site.addresses import networks
from tests.live_record import live_record
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]

SOME_ID = "00000000-0000-4000-8000-000000000000"
WAYS = [(method.upper(), path.replace("{id}", SOME_ID)) for path, ways in PATHS.items() for method in ways]
POSTS = [path for method, path in WAYS if method == "POST"]
BODIES = {
    "twice the same key": b'{"type": "deploy", "type": "delete"}',
    "twice, deep inside": b'{"type": "deploy", "context": {"a": [{"b": 1, "b": 2}]}}',
    "100,000 levels": b'{"type": "deploy", "context": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
    "1,000 lists": b'{"type": "deploy", "context": {"a": ' + b"[" * 1_000 + b"]" * 1_000 + b"}}",
    "a number of 5,000 digits": b'{"type": "deploy", "timeout": ' + b"9" * 5_000 + b"}",
    "1e400": b'{"type": "deploy", "timeout": 1e400, "ttl": 1e400, "progress": 1e400}',
    "infinity": b'{"type": "deploy", "timeout": Infinity}',
    "no number": b'{"type": "deploy", "progress": NaN}',
    "half a surrogate": b'{"type": "\\ud800", "task": "\\ud800", "hook_event_name": "\\ud800"}',
    "half a surrogate as a key": b'{"\\ud800": 1}',
    "a key of controls": b'{"type": "deploy", "key": "\\r\\n"}',
    "a key without end": b'{"type": "deploy", "key": "' + b"k" * 300 + b'"}',
    "a NUL": b'{"type": "a\\u0000b", "task": "a\\u0000b", "status": "a\\u0000b", "run": "\\u0000"}',
    "no UTF-8": b'{"type": "\xff\xfe"}',
    "UTF-16": '{"type": "deploy"}'.encode("utf-16"),
    "a mark of order": b'\xef\xbb\xbf{"type": "deploy"}',
    "a list": b"[1]",
    "null": b"null",
    "a text": b'"x"',
    "types of nothing": b'{"type": null, "context": null, "timeout": "", "key": 7, "payload": 1, "data": []}',
    "types that cannot be looked up": b'{"type": ["x"], "agent": null, "key": {"a": 1}, "run": [], "status": {"a": 1}}',
    "what is ours": b'{"type": "deploy", "approved": true, "responder": "admin", "status": "approved"}',
    "prototypes": b'{"__proto__": {"approved": true}, "constructor": 1, "type": "deploy"}',
    "hooks of no shape": b'{"hook_event_name": "PreToolUse", "tool_name": {}, "tool_input": [], "session_id": 1}',
    "a hook that names itself": b'{"hook_event_name": ["Stop"], "session_id": {"a": 1}, "prompt": [1]}',
    "calls of no shape": b'{"calls": [1, null, {"model": {}, "cost": "NaN", "at": "yesterday"}]}',
    "calls of odd numbers": b'{"model": "gpt-5", "input_tokens": -1, "output_tokens": 1e308, "cost": 1e308}',
}  # fmt: skip


@pytest.fixture
def raw_call(site):
    """Send bytes as they are, and read what comes: `raw_call(b"GET ...")`. It ends with the connection, or at once."""

    def call(sent: bytes, *, wait: float = PATIENCE) -> bytes:
        where = urlsplit(site)
        with socket.create_connection((where.hostname, where.port), timeout=wait) as line:
            line.sendall(sent)
            found = b""
            while b"\r\n\r\n" not in found and (part := line.recv(65_536)):
                found += part
            return found

    return call


@pytest.fixture
def secret(agent) -> str:
    return agent("worker").headers["Authorization"]


@pytest.mark.long
def test_no_body_is_a_fault(agent):
    client = agent("worker")
    for name, body in BODIES.items():
        for path in POSTS:
            answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code < 500, (name, path, answer.text)
            assert answer.headers["content-type"] == "application/json", (name, path)


REFUSED = ("twice the same key", "twice, deep inside", "100,000 levels", "half a surrogate", "no UTF-8", "UTF-16",
           "half a surrogate as a key", "1e400", "infinity", "no number", "a mark of order")  # fmt: skip


def test_what_has_two_meanings_is_refused_as_no_json(agent):
    client = agent("worker")
    for name in REFUSED:
        answer = client.post("/requests", content=BODIES[name], headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["field"]) == (400, "body"), name


FOR_EVERYBODY = ("/healthz", "/readyz", "/connect/agent-telemetry.zip")


def ways_of(patterns, before: str = "/") -> Iterator[str]:
    """Every address of the pages, filled with an id."""
    for pattern in patterns:
        address = before + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from ways_of(pattern.url_patterns, address)
        else:
            yield address


def test_a_token_opens_no_page_and_decides_nothing_at_any_address(agent, gate_of, site):
    client = agent("worker")
    request = gate_of("worker").open_request("deploy", {"a": 1})
    digest = request.digest
    said = {
        f"digest-{request.request_id}": digest,
        "digest": digest,
        "ids": request.request_id,
        "wanted": "{}",
    }
    tried = 0
    for address in ways_of(urlpatterns):
        path = address.replace("<uuid:request_id>", request.request_id).replace("<int:number>", "1")
        for method in ("GET", "POST"):
            answer = client.request(method, f"{site}{path}", data=said if method == "POST" else None)
            if path not in FOR_EVERYBODY and not path.startswith("/sign-in/"):
                assert answer.status_code in (302, 400, 401, 403, 404, 405), (method, path)
            tried += 1
    assert tried > 40
    assert live_record(gate_of("worker"), request.request_id).status == "pending"
    assert not DecisionIntent.objects.exists()
    assert not Rule.objects.exists()
    assert not ApprovalComment.objects.exists()


LOOKALIKES = ("Worker", "worker ", "w\u043erker", "wor\u200bker")


def test_everything_of_another_agent_is_as_if_there_were_nothing(agent, gate_of):
    theirs = gate_of("worker").open_request("deploy", {"a": 1}, key="release 1").request_id
    for name in ("other", *LOOKALIKES):
        client = agent(name)
        ways = [("GET", ""), ("GET", "/outcome"), ("POST", "/cancel")]
        answers = [client.request(way, f"/requests/{theirs}{rest}") for way, rest in ways]
        nothing = [client.request(way, f"/requests/{SOME_ID}{rest}") for way, rest in ways]
        assert [one.status_code for one in answers] == [404] * 3, name
        assert [one.text for one in answers] == [one.text for one in nothing], name
        for said in ("worker", theirs):
            assert client.post("/requests", json={"type": "x", "agent": said}).status_code == 403, name
        assert client.get("/requests?key=release%201").json() == {"requests": []}, name
        mine = client.post("/requests", json={"type": "deploy", "context": {"a": 1}, "key": "release 1"})
        assert mine.json()["id"] != theirs, name
    assert live_record(gate_of("worker"), theirs).status == "pending"


def test_a_fleets_token_makes_no_name_of_what_is_none(agent):
    client = agent("pod-", is_prefix=True)
    for rest in ("", "a\r\nb", "a\x00", "x" * 300, "\x1b[2K"):
        answer = client.post("/requests", json={"type": "deploy", "agent": rest})
        assert (answer.status_code, answer.json()["field"]) == (400, "agent"), rest


def test_a_fleets_name_that_looks_like_a_key_or_a_pattern_touches_nobody_else(agent, gate_of):
    other = gate_of("pod-other").open_request("deploy").request_id
    client = agent("pod-", is_prefix=True)
    for rest in ("../worker", "*", "a:b", "{x}", "%2a", "worker}:approvals", " "):
        mine = client.post("/requests", json={"type": "deploy", "agent": rest}).json()
        assert mine["agent"] == f"pod-{rest}"
        found = client.get("/requests", params={"agent": rest}).json()["requests"]
        assert [one["id"] for one in found] == [mine["id"]]
        assert client.get(f"/requests/{other}", params={"agent": rest}).status_code == 404


IDS = ("..%2f..%2fstart", "%00", "00000000", "{id}", "x" * 5_000, "'%20OR%201=1", "%ff", "*",
       "00000000-0000-4000-8000-00000000000A", "%F0%9F%92%A3")  # fmt: skip


def test_no_odd_id_is_a_fault(raw_call, secret):
    head = f"Host: localhost\r\nAuthorization: {secret}\r\nConnection: close\r\n\r\n"
    for id_ in IDS:
        for rest in (
            "",
            "/outcome?wait=0",
            "/outcome?wait=nan",
            "/outcome?claim=%00",
            "/outcome?wait=1e9999",
        ):
            said = raw_call(f"GET /api/v1/requests/{id_}{rest} HTTP/1.1\r\n{head}".encode())
            assert said.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400")), (id_, rest, said)


QUERIES = ("key=%00", "key=" + "x" * 5_000, "key=%ff%fe", "status=%0d%0aX-Evil:%201", "status=" + quote("\u202e"),
           "agent=worker&agent=other", "key=a&key=b", "&&==&", "%", "agent=other")  # fmt: skip


def test_no_odd_query_is_a_fault_or_a_header(agent):
    client = agent("worker")
    for query in QUERIES:
        for path in ("/requests", "/events", "/signals"):
            answer = client.get(f"{path}?{query}")
            assert answer.status_code < 500, (path, query)
            assert "x-evil" not in answer.headers, (path, query)
            if query.count("agent=") + query.count("key=") > 1:
                assert (answer.status_code, answer.json()["error"]) == (400, "query"), (path, query)


def test_a_method_that_there_is_not_changes_nothing(agent, gate_of):
    client = agent("worker")
    request = gate_of("worker").open_request("deploy").request_id
    for method in ("HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE"):
        for path in {path for _way, path in WAYS} | {f"/requests/{request}", f"/requests/{request}/cancel"}:
            answer = client.request(method, path, headers={"X-HTTP-Method-Override": "POST"})
            assert 400 <= answer.status_code < 500, (method, path)
    assert live_record(gate_of("worker"), request).status == "pending"


HEADERS = [
    b"Authorization: Bearer agt_none\r\nAuthorization: %b",
    b"Authorization: %b\r\nAuthorization: Bearer agt_none",
    b"Authorization: %b\r\nIdempotency-Key: a\r\nIdempotency-Key: b",
    b"Authorization: %b\r\nContent-Type: text/plain\r\nContent-Type: application/json",
]


def test_a_header_that_comes_twice_is_refused(raw_call, secret):
    begin = b"POST /api/v1/requests HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
    for headers in HEADERS:
        said = raw_call(begin + headers % secret.encode() + b"\r\n\r\n")
        assert said.startswith(b"HTTP/1.1 400"), said


def test_only_json_is_read(agent):
    client = agent("worker")
    for kind in ("", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp",
                 "text/html; application/json"):  # fmt: skip
        answer = client.post("/requests", content=b'{"type": "deploy"}', headers={"Content-Type": kind})
        assert answer.status_code == 415, kind
    assert client.get("/requests").json() == {"requests": []}


def test_a_body_without_end_and_one_of_many_parts_are_cut_off(raw_call, secret, monkeypatch):
    monkeypatch.setattr("telemetry_site.doors.BODY_SECONDS", 1.0)
    head = f"POST /api/v1/requests HTTP/1.1\r\nHost: localhost\r\nAuthorization: {secret}\r\n".encode()
    json_ = b"Content-Type: application/json\r\n"
    for way in (b"Content-Length: 500\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"):
        assert raw_call(head + json_ + way).startswith(b"HTTP/1.1 408")
    part = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    said = raw_call(head + json_ + b"Transfer-Encoding: chunked\r\n\r\n" + part * 40)
    assert said.startswith(b"HTTP/1.1 413")
    for lie in (
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ):
        assert not raw_call(head + json_ + lie).startswith((b"HTTP/1.1 2", b"HTTP/1.1 5"))


def test_a_body_that_drips_is_cut_off_as_one_that_stops(site, secret, monkeypatch):
    monkeypatch.setattr("telemetry_site.doors.BODY_SECONDS", 1.0)
    where, drops, found = urlsplit(site), 0, b""
    with socket.create_connection((where.hostname, where.port), timeout=0.1) as line:
        head = f"POST /api/v1/requests HTTP/1.1\r\nHost: localhost\r\nAuthorization: {secret}\r\n"
        line.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n".encode())
        ends = time.monotonic() + PATIENCE
        while not found and time.monotonic() < ends:
            try:
                line.sendall(b" ")
                drops += 1
                found = line.recv(1_000)
            except TimeoutError:
                continue
    assert found.startswith(b"HTTP/1.1 408"), drops


def test_strangers_behind_the_same_address_keep_no_agent_out(agent, site, owner, monkeypatch):
    client = agent("worker")
    assert client.get("/requests").status_code == 200
    with httpx.Client(base_url=f"{site}/api/v1", timeout=PATIENCE) as stranger:
        for number in range(70):
            headers = {"Authorization": f"Bearer agt_{number}"}
            last = stranger.get("/requests", headers=headers)
    assert last.status_code == 429
    monkeypatch.setattr("core.api.bearers.KNOWN_SECONDS", -1.0)
    for _ in range(2):
        assert client.get("/requests").status_code == 200


def test_what_an_agent_says_of_the_answer_is_no_answer(agent):
    client = agent("worker")
    said = {"type": "deploy", "context": {"approved": True, "status": "approved", "responder": "admin"}}
    id_ = client.post("/requests", json=said).json()["id"]
    assert client.get(f"/requests/{id_}").json()["status"] == "pending"
    assert client.get(f"/requests/{id_}/outcome").status_code == 202
    for more in ({"approved": True}, {"responder": "x"}, {"decision_id": "x"}, {"status": "approved"}):
        answer = client.post("/requests", json={"type": "deploy", **more})
        assert (answer.status_code, answer.json()["error"]) == (400, "field"), json.dumps(more)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/requests"),
        ("POST", "/api/v1/hooks/claude-code"),
        ("POST", "/api/v1/connect"),
        ("POST", "/api/v1/connect/token"),
        ("POST", "/api/aap/v1/requests"),
        ("POST", "/v1/logs"),
        ("POST", "/mcp"),
    ],
)
def test_a_secret_in_clear_is_refused_where_pages_lead_to_https(agent, settings, method, path):
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    client = agent("deployer")
    where = client.base_url.copy_with(path=path)
    claimed = client.request(method, where, json={}, headers={"X-Forwarded-Proto": "https"})
    assert claimed.status_code == 403
    assert "over https alone" in claimed.text
    assert client.get(where.copy_with(path="/healthz")).status_code == 200
    settings.TELEMETRY_TRUSTED_PROXIES = networks("127.0.0.1", [])
    assert "over https alone" in client.request(method, where, json={}).text
    through = client.request(method, where, json={}, headers={"X-Forwarded-Proto": "https"})
    assert "over https alone" not in through.text
