"""What a live websocket says, to whom, how soon, and how little one client can spoil for others."""

import os
import random
import socket as plain_socket
import time

import pytest
from django.test import override_settings

from core import ApprovalGate, HeartbeatCoordinator
from dashboard.live import feed, subscription
from tests.dashboard.live.frames import next_frame, next_partial, next_tick, next_word
from tests.servers import faulty_server
from tests.waiting import PATIENCE, Stopwatch

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]

CLOSE_FRAME = b"\x88\x02"  # with a code


def test_a_socket_first_gets_the_whole_region_and_the_time(gate, signed_in, open_socket):
    gate.open_request("deploy", {"place": "production"})
    before = time.time()
    socket = open_socket(signed_in("approver"))
    assert next_partial(socket, "live").by_id("queue-head").attributes["data-waiting"] == "1"
    tick = next_tick(socket, ok=True)["tick"] / 1000
    assert before - 5 < tick < time.time() + 5


def test_the_first_page_of_a_process_waits_for_no_period_to_end(signed_in, open_socket, monkeypatch):
    monkeypatch.setattr(feed, "TICK_SECONDS", 3600.0)
    monkeypatch.setattr(feed, "ACCESS_SECONDS", 3600.0)
    next_partial(open_socket(signed_in("viewer")), "live", seconds=20)


def test_every_page_hears_at_once_that_a_request_came_and_went_counts_it_and_is_rung(
    gate, signed_in, open_socket
):
    approver, viewer = open_socket(signed_in("approver")), open_socket(signed_in("viewer"))
    for socket in (approver, viewer):
        next_partial(socket, "live")
        next_ring(socket)
    request = gate.open_request("deploy", {"place": "production"}, timeout=60)
    for socket in (approver, viewer):
        came = next_word(socket, "came", request.request_id)
        assert (came["kind"], came["agent"]) == ("deploy", "deployer")
        assert came["at"] / 1000 == pytest.approx(time.time() + 60, abs=30)
        assert next_partial(socket, "queue-head").by_id("queue-head").attributes["data-waiting"] == "1"
        next_ring(socket)
    gate.respond_to_approval(request.request_id, False, "ann")
    for socket in (approver, viewer):
        went = next_word(socket, "went", request.request_id)
        assert (went["word"], went["by"]) == ("Denied", "ann")
        assert next_partial(socket, "queue-head").by_id("queue-head").attributes["data-waiting"] == "0"
        next_ring(socket)


def next_ring(socket) -> str:
    return next_frame(socket, lambda frame: '"ring"' in frame, "a ring")


def test_each_change_reaches_the_socket(gate, signed_in, open_socket):
    socket = open_socket(signed_in("approver"))
    next_partial(socket, "live")
    for _ in range(5):
        request = gate.open_request("deploy")
        next_word(socket, "came", request.request_id)


def test_an_agent_counts_when_it_appears_and_needs_a_look_when_it_fails_without_a_reload(
    beat, signed_in, open_socket
):
    socket = open_socket(signed_in("viewer"))
    next_partial(socket, "live")
    beat("deployer", progress=0.1)
    assert "1 alive" in next_partial(socket, "agents", holding="1 alive").text
    beat("deployer", status="failed", progress=0.7, task="migrating")
    figures = next_partial(socket, "agents", holding="1 failed")
    assert "1 needs a look" in " ".join(figures.text.split())


def test_an_approval_page_hears_of_its_own_request_alone(gate, recorder, signed_in, open_socket):
    mine, other = gate.open_request("mine"), gate.open_request("other")
    socket = open_socket(signed_in("approver"), f"/ws/approvals/{mine.request_id}/")
    next_partial(socket, "approval")
    gate.respond_to_approval(other.request_id, True, "ann")
    gate.respond_to_approval(mine.request_id, True, "ann")
    frame = next_frame(socket, lambda text: "hx-partial" in text and "Approved" in text, "its end")
    assert other.request_id not in frame
    if not ("entry " in frame and "recorded" in frame):  # else the recorder was faster than the page
        next_frame(socket, lambda text: "entry " in text and "recorded" in text, "its history")


def test_a_page_reads_sent_and_then_recorded(gate, record, signed_in, open_socket):
    request = gate.open_request("deploy")
    record()
    socket = open_socket(signed_in("approver"))
    next_partial(socket, "live")
    gate.respond_to_approval(request.request_id, True, "ann")
    assert next_partial(socket, "ended", holding="sent").with_class("wait")
    record()
    ended = next_partial(socket, "ended", holding="recorded")
    assert "recorded" in [element.text for element in ended.with_class("done")]


@pytest.mark.long
def test_an_idle_socket_stays_open_for_seven_seconds_and_ticks(signed_in, open_socket, monkeypatch):
    """Slow by nature: it is silence that is tested."""
    monkeypatch.setattr(feed, "TICK_SECONDS", 2.0)
    socket = open_socket(signed_in("approver"))
    next_tick(socket, ok=True)
    for _ in range(4):
        with Stopwatch() as watch:
            next_tick(socket, ok=True)
        assert watch.own < 5  # after which a page looks stale


def test_300_frames_of_nonsense_harm_nobody(gate, signed_in, open_socket):
    chance = random.Random(5)
    loud, quiet = open_socket(signed_in("viewer")), open_socket(signed_in("approver"))
    for socket in (
        loud,
        quiet,
    ):  # the second account is a change of rights: the first page is looked at again
        next_partial(socket, "live")
    texts = [
        "{}",
        "[" * 10_000,
        '{"type":"websocket.close"}',
        '{"HEADERS":{}}',
        "",
        "\0",
        "null",
        "<hx-partial>",
    ]
    for number in range(300):
        kind = number % 3
        if kind == 0:
            loud.send(os.urandom(chance.randrange(2_000)))
        elif kind == 1:
            loud.send(chance.choice(texts))
        else:
            loud.send("x" * chance.randrange(60_000))
    request = gate.open_request("deploy")
    assert next_word(quiet, "came", request.request_id)
    assert next_word(loud, "came", request.request_id)


@pytest.fixture
def site_socket(site_socket: plain_socket.socket) -> plain_socket.socket:
    """Its connections keep little of what a client does not read: the kernel would hold megabytes of it."""
    site_socket.setsockopt(plain_socket.SOL_SOCKET, plain_socket.SO_SNDBUF, 1 << 16)
    return site_socket


@pytest.mark.long
def test_a_client_that_does_not_read_is_closed_and_delays_nobody(
    gate, site, signed_in, open_socket, monkeypatch
):
    monkeypatch.setattr(subscription, "QUEUE_LENGTH", 20)
    viewer, approver = (
        signed_in("viewer"),
        signed_in("approver"),
    )  # who is new later changes everybody's rights
    deaf = _deaf_client(site, viewer)
    quick = open_socket(approver)
    next_partial(quick, "live")
    for number in range(subscription.QUEUE_LENGTH + 100):
        with Stopwatch() as watch:
            request = gate.open_request("deploy")
            next_word(quick, "came", request.request_id)
        assert watch.own < 10.0  # it took 0.7 on a machine ten times overloaded
        # Other text each time, or compression makes it small: what ended last is sent with its reasons.
        gate.respond_to_approval(request.request_id, True, "ann", os.urandom(1_000).hex())
        if number % 10 == 0:
            next_word(quick, "went", request.request_id)
    deaf.settimeout(PATIENCE)
    heard = bytearray()
    # Whoever does not answer the close frame is waited for; this one goes.
    while heard[-4:-2] != CLOSE_FRAME and (chunk := deaf.recv(1 << 20)):
        heard = (heard + chunk)[-1000:]
    deaf.close()
    assert heard[-4:-2] == CLOSE_FRAME
    assert int.from_bytes(heard[-2:]) == 1013


def _deaf_client(site: str, client) -> plain_socket.socket:
    """A websocket by hand that reads nothing and takes little into its buffer."""
    host, port = site.removeprefix("http://").split(":")
    connection = plain_socket.socket()
    connection.setsockopt(plain_socket.SOL_SOCKET, plain_socket.SO_RCVBUF, 4096)
    connection.connect((host, int(port)))
    lines = [
        "GET /ws/live/ HTTP/1.1",
        f"Host: {host}:{port}",
        f"Origin: {site}",
        f"Cookie: session={client.cookies['session'].value}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    return connection


def test_the_socket_says_that_redis_is_away_and_that_it_is_back(clean_redis, signed_in, open_socket):
    with faulty_server(durable=True) as server, override_settings(REDIS_URL=server.url):
        client = signed_in("approver")
        live = open_socket(client)
        next_partial(live, "live")
        request = ApprovalGate(server.url, "deployer").open_request("deploy", timeout=60)
        next_word(live, "came", request.request_id)
        own = open_socket(client, f"/ws/approvals/{request.request_id}/")
        next_partial(own, "approval")
        server.stop()
        for socket in (live, own):
            problem = next_partial(socket, "problem", holding="does not answer")
            assert "hidden" not in problem.by_id("problem").attributes
            next_tick(socket, ok=False)
        server.start()
        for socket, region, holding in (
            (live, "live", 'data-waiting="1"'),
            (own, "approval", request.request_id),
        ):
            next_partial(socket, region, holding=holding)
            next_tick(socket, ok=True)
        later = ApprovalGate(server.url, "deployer").open_request("deploy", timeout=60)
        next_word(live, "came", later.request_id)


def test_a_socket_opened_while_redis_is_away_says_so_and_recovers(clean_redis, signed_in, open_socket):
    with faulty_server(durable=True) as server, override_settings(REDIS_URL=server.url):
        client = signed_in("approver")
        server.stop()
        socket = open_socket(client)
        next_tick(socket, ok=False)
        server.start()
        HeartbeatCoordinator(server.url).start_heartbeat("deployer")
        next_partial(socket, "live")
        next_tick(socket, ok=True)


def test_an_emptied_redis_leaves_an_empty_page(gate, raw, signed_in, open_socket, monkeypatch):
    monkeypatch.setattr(feed, "VERIFY_SECONDS", 1.0)
    for _ in range(3):
        gate.open_request("deploy")
    socket = open_socket(signed_in("approver"))
    assert next_partial(socket, "live").by_id("queue-head").attributes["data-waiting"] == "3"
    raw.flushall()
    gate.open_request("deploy")
    next_frame(socket, lambda text: 'data-waiting="1"' in text, "the new state")
