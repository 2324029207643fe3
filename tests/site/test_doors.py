"""What stands before Django: proxies, bodies, origins, and connections that say nothing."""

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlencode, urlsplit

import pytest
import uvicorn
from django.test import Client, override_settings
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from telemetry_site import connections, doors
from telemetry_site.addresses import networks
from telemetry_site.connections import Connection
from tests.waiting import PATIENCE, Stopwatch, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]

PROXY = override_settings(
    TELEMETRY_TRUSTED_PROXIES=networks("10.0.0.0/24", []),
    SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
)


def come(peer: str, **headers: str) -> doors.Scope:
    said = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "scheme": "http", "client": (peer, 1), "headers": [*said, (b"host", b"site")]}
    return doors.as_forwarded(scope)


@PROXY
@pytest.mark.parametrize(
    ("peer", "chain", "address"),
    [
        ("10.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "6.6.6.6, 192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "6.6.6.6, 192.0.2.1, 10.0.0.2", "192.0.2.1"),
        ("10.0.0.1", "<script>, not an address", "10.0.0.1"),
        ("127.0.0.1", "192.0.2.1", "127.0.0.1"),
        ("203.0.113.5", "192.0.2.1", "203.0.113.5"),
    ],
)
def test_a_forwarded_address_is_believed_of_a_trusted_proxy_alone(peer, chain, address):
    assert come(peer, x_forwarded_for=chain)["client"][0] == address


@PROXY
def test_a_forwarded_scheme_is_believed_of_a_trusted_proxy_alone():
    trusted = come("10.0.0.1", x_forwarded_proto="https")
    assert trusted["scheme"] == "https"
    assert (b"x-forwarded-proto", b"https") in trusted["headers"]
    stranger = come("127.0.0.1", x_forwarded_proto="https", x_forwarded_host="evil.example")
    assert stranger["scheme"] == "http"
    assert stranger["headers"] == [(b"host", b"site")]


def test_without_the_setting_nobody_is_believed():
    assert (
        come("127.0.0.1", x_forwarded_for="192.0.2.1", x_forwarded_proto="https")["client"][0] == "127.0.0.1"
    )


@override_settings(ALLOWED_HOSTS=["site.example"], HTTPS=True, CSRF_TRUSTED_ORIGINS=["https://other.example"])
@pytest.mark.parametrize(
    ("host", "origin", "opens"),
    [
        ("site.example", "https://site.example", True),
        ("site.example", "https://site.example:443", True),
        ("site.example:8443", "https://site.example:8443", True),
        ("site.example", "https://other.example", True),
        ("site.example", "http://site.example", False),
        ("site.example", "https://site.example:8443", False),
        ("site.example", "https://sub.site.example", False),
        ("site.example", "null", False),
        ("site.example", "", False),
        ("evil.example", "https://evil.example", False),
        ("", "https://", False),
    ],
)
def test_a_socket_comes_from_a_page_of_this_very_site(host, origin, opens):
    headers = [(b"host", host.encode()), (b"origin", origin.encode())]
    assert doors.may_open({"type": "websocket", "scheme": "wss", "headers": headers}) is opens


@pytest.fixture
def guarded(clean_redis: str) -> Iterator[str]:
    """The site behind the connections that `manage.py up` gives it."""
    from telemetry_site.asgi import application

    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    config = uvicorn.Config(
        application, http=Connection, ws="websockets-sansio", lifespan="off", log_level="warning",
        proxy_headers=False, timeout_graceful_shutdown=2,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    wait_until(lambda: server.started, "the web server has started")
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()


def test_a_page_on_another_port_opens_no_socket_and_an_unknown_one_closes_quietly(guarded, make_user, caplog):
    client = Client()
    client.force_login(make_user("maria", "approver"))
    cookie = {"Cookie": f"session={client.cookies['session'].value}"}
    for origin, path in (("http://127.0.0.1:1", "/ws/live/"), (f"http://{guarded}", "/ws/nothing/")):
        with pytest.raises(InvalidStatus, match="403"):
            connect(f"ws://{guarded}{path}", origin=origin, additional_headers=cookie)
    assert "Traceback" not in caplog.text
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_is_refused_and_not_kept(guarded, chunked):
    connection = http.client.HTTPConnection(guarded, timeout=20)
    piece = b"x" * 65536
    try:
        if chunked:
            connection.request("POST", "/healthz", body=iter([piece] * 2400), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})  # fmt: skip  # noqa: E501
        else:
            connection.request("POST", "/healthz", headers={"Content-Length": str(150 * 1024 * 1024)})
        assert connection.getresponse().status == 413
    except (BrokenPipeError, ConnectionResetError):
        assert chunked  # the server does not wait for the rest
    connection.close()
    assert get(guarded) == 200


def get(address: str) -> int:
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    connection.request("GET", "/healthz")
    status = connection.getresponse().status
    connection.close()
    return status


def test_three_hundred_connections_that_say_nothing_refuse_nobody(guarded, settings):
    host, port = urlsplit(f"//{guarded}").hostname, urlsplit(f"//{guarded}").port
    silent = [socket.create_connection((host, port)) for _ in range(300)]
    for one in silent[::2]:
        try:
            one.sendall(b"GET / HTTP/1.1\r\nHost: ")
        except OSError:
            continue  # it was closed already
    with Stopwatch() as watch:
        assert get(guarded) == 200
    assert watch.own < 5.0
    wait_until(lambda: len(Connection.half_open) <= settings.TELEMETRY_HALF_OPEN, "the oldest are closed")
    for one in silent:
        one.close()


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", b"a"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"X: a\r\n"),
        (b"GET /", b"a"),
        (
            b"POST /sign-in/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            b"X: a\r\n",
        ),
        (b"POST /sign-in/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"a"),
        (b"POST /sign-in/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a"),
    ],
    ids=["header", "headers", "address", "trailers", "trailer", "chunk extension"],
)
def test_what_is_no_body_is_not_read_without_end(guarded, begin, more):
    host, port = urlsplit(f"//{guarded}").hostname, urlsplit(f"//{guarded}").port
    with socket.create_connection((host, port), timeout=PATIENCE) as endless:
        endless.sendall(begin)
        with pytest.raises(OSError):  # the connection is gone
            endless.sendall(more * (64 * 1024 * 1024 // len(more)))
    assert get(guarded) == 200


def test_a_head_that_comes_at_once_and_is_too_large_is_refused(guarded):
    connection = http.client.HTTPConnection(guarded, timeout=PATIENCE)
    connection.request("GET", "/healthz", headers={f"X-{number}": "a" * 1_000 for number in range(80)})
    assert connection.getresponse().status == 400
    connection.close()


def test_bodies_that_never_come_whole_refuse_nobody_and_are_closed_the_oldest_first(guarded, settings):
    host, port = urlsplit(f"//{guarded}").hostname, urlsplit(f"//{guarded}").port
    slow = [socket.create_connection((host, port)) for _ in range(settings.TELEMETRY_HALF_OPEN + 20)]
    for one in slow:
        one.sendall(b"POST /sign-in/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\na")
    slow[0].settimeout(PATIENCE)
    with suppress(ConnectionResetError):
        assert slow[0].recv(1) == b""
    wait_until(lambda: len(Connection.half_open) == settings.TELEMETRY_HALF_OPEN, "the newest are still open")
    assert get(guarded) == 200
    for one in slow:
        one.close()


def test_who_does_not_read_what_it_asked_for_is_closed(guarded, monkeypatch):
    monkeypatch.setattr(connections, "READ_SECONDS", 0.2)
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect((urlsplit(f"//{guarded}").hostname, urlsplit(f"//{guarded}").port))
        deaf.sendall(b"GET /connect/agent-telemetry.zip HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)

        def is_closed() -> bool:
            try:
                deaf.send(b"\r\n")
            except OSError:
                return True
            return False

        wait_until(is_closed, "the connection is closed")


@pytest.mark.long
@override_settings(
    PASSWORD_HASHERS=["core.history.people.hashing.PooledPBKDF2"],
    TELEMETRY_SIGN_IN_TRIES=1000,
    TELEMETRY_SIGN_IN_TRIES_PER_ADDRESS=1000,
)
def test_a_flood_of_sign_ins_delays_nobody_elses_page(guarded, make_user):
    client = Client()
    client.force_login(make_user("maria", "approver"))
    cookie = {"Cookie": f"session={client.cookies['session'].value}"}
    codes: list[int] = []

    def flood(number: int) -> None:
        time.sleep(number * 8 / 150)
        said = urlencode({"username": f"name {number}", "password": "wrong", "csrfmiddlewaretoken": "t" * 32})
        token = {"Cookie": f"csrf={'t' * 32}", "Content-Type": "application/x-www-form-urlencoded"}
        connection = http.client.HTTPConnection(guarded, timeout=120)
        connection.request("POST", "/sign-in/", said, token)
        codes.append(connection.getresponse().status)
        connection.close()

    threads = [threading.Thread(target=flood, args=(number,)) for number in range(150)]
    for thread in threads:
        thread.start()
    waits = []
    while any(thread.is_alive() for thread in threads):
        with Stopwatch() as watch:
            connection = http.client.HTTPConnection(guarded, timeout=PATIENCE)
            connection.request("GET", "/account/", headers=cookie)
            assert connection.getresponse().status == 200
            connection.close()
        waits.append(watch.own)
    assert set(codes) == {200, 429}
    print(f"{len(waits)} pages, slowest {max(waits):.2f} s; refused {codes.count(429)} of 150")
    assert sorted(waits)[len(waits) // 2] < 2.0
