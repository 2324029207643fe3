"""The follower reads while somebody watches, and its long reads hold up neither its end nor a new beginning."""

import pytest

from dashboard.live import feed
from dashboard.live.follower import follower
from tests.dashboard.live.frames import next_partial, next_tick, next_word
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]


def reads_the_outbox(raw) -> bool:
    return any(client["cmd"] == "xread" and "b" in client["flags"] for client in raw.client_list())


def test_where_nobody_watches_nothing_is_read_until_a_page_comes(
    raw, gate, signed_in, open_socket, monkeypatch
):
    monkeypatch.setattr(feed, "DESERTED_SECONDS", 0.0)
    monkeypatch.setattr(feed, "READ_SECONDS", 3600.0)
    client = signed_in("approver")
    first = open_socket(client)
    next_partial(first, "live")
    wait_until(lambda: reads_the_outbox(raw), "the outbox is read")
    first.close()
    wait_until(lambda: not reads_the_outbox(raw), "nothing is read")
    missed = gate.open_request("deploy", {"place": "staging"})
    second = open_socket(client)
    assert next_partial(second, "live").by_id("queue-head").attributes["data-waiting"] == "1"
    gate.respond_to_approval(missed.request_id, False, "ann")
    next_word(second, "went", missed.request_id)


def test_a_long_read_holds_up_neither_a_new_beginning_nor_the_end(
    raw, gate, signed_in, open_socket, monkeypatch, background
):
    monkeypatch.setattr(feed, "READ_SECONDS", 3600.0)
    socket = open_socket(signed_in("approver"))
    next_partial(socket, "live")
    wait_until(lambda: reads_the_outbox(raw), "the outbox is read")
    follower._feed._inbox.put(lambda: 1 / 0)
    next_tick(socket, ok=False)
    next_partial(socket, "live")
    wait_until(lambda: reads_the_outbox(raw), "the outbox is read again")
    background(follower.stop).result(20)
