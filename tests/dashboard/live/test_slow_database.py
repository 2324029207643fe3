"""A database that answers the follower late or not at all: who waits for it, who does not, and who is told what."""

import threading
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.db.backends.signals import connection_created
from django.test import Client

from core.approval_gates import ApprovalGate
from core.errors import StoreUnavailable
from core.store.client import Store
from dashboard.live import feed, subscription
from dashboard.live.follower import follower
from tests.dashboard.live.frames import (
    code_of_closing,
    next_frame,
    next_partial,
    next_tick,
    next_word,
    partials,
)
from tests.waiting import PATIENCE, Stopwatch, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]

STALE_SECONDS = 5.0  # without a sign of life for so long a page looks stale
HISTORY, SESSIONS = "core_auditentry", "core_websession"


class Database:
    """What the follower's threads ask of `table` is answered after `release`, or not at all while it `refuses`."""

    def __init__(self) -> None:
        self.table = "nothing is slow"
        self.refuses = False
        self.asked = threading.Event()
        self._released = threading.Event()

    def hold(self, table: str) -> None:
        """From now on."""
        self.table = table

    def release(self) -> None:
        """Answer, and be quick from now on."""
        self.table = "nothing is slow"
        self._released.set()

    def __call__(self, execute: Callable, sql: str, params: object, many: bool, context: dict) -> object:
        """Around each statement."""
        if self.table in sql:
            self.asked.set()
            if self.refuses:
                raise OperationalError("refused")
            self._released.wait(PATIENCE)
        return execute(sql, params, many, context)


@pytest.fixture
def database() -> Iterator[Database]:
    """The database as the follower's threads find it."""
    database = Database()

    def lay_around(connection, **_signal) -> None:
        if (
            threading.current_thread().name.startswith("follower")
            and database not in connection.execute_wrappers
        ):
            connection.execute_wrappers.append(database)

    connection_created.connect(lay_around)
    yield database
    database.release()
    connection_created.disconnect(lay_around)


@pytest.fixture
def soon_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of somebody's rights is good for half as long; they are looked at four times as often."""
    monkeypatch.setattr(subscription, "CONFIRMED_SECONDS", subscription.CONFIRMED_SECONDS / 2)


def test_a_request_whose_history_is_slow_delays_no_other_page(
    gate: ApprovalGate, signed_in, open_socket, database: Database
):
    client, slow = signed_in("approver"), gate.open_request("slow")
    page = open_socket(client)
    next_partial(page, "live")
    database.hold(HISTORY)
    waiting = open_socket(client, f"/ws/approvals/{slow.request_id}/")
    assert database.asked.wait(PATIENCE)
    for _ in range(4):  # signs of life: without three of them a page looks stale
        with Stopwatch() as watch:
            request = gate.open_request("quick")
            next_word(page, "came", request.request_id)
            next_tick(page, ok=True)
        assert watch.own < STALE_SECONDS
    gate.respond_to_approval(slow.request_id, True, "ann")
    next_word(page, "went", slow.request_id)
    assert "slow to answer" in next_partial(waiting, "problem").text
    next_tick(waiting, ok=False)
    database.release()
    assert "Approved" not in next_partial(waiting, "approval").text  # as it was when it was read
    assert "Approved" in next_partial(waiting, "approval").text
    next_tick(waiting, ok=True)


def test_pages_of_a_slow_request_hear_nothing_of_it_before_their_region(
    gate: ApprovalGate, signed_in, open_socket, database: Database
):
    client, slow = signed_in("approver"), gate.open_request("slow")
    database.hold(HISTORY)
    sockets = [open_socket(client, f"/ws/approvals/{slow.request_id}/")]
    assert database.asked.wait(PATIENCE)
    sockets.append(open_socket(signed_in("viewer"), f"/ws/approvals/{slow.request_id}/"))
    gate.respond_to_approval(slow.request_id, True, "ann")
    wait_until(lambda: follower.watching() == 2, "both are there")
    database.release()
    for socket in sockets:
        first = next_frame(socket, lambda frame: slow.request_id in frame, "something of the request")
        assert [target for target, _swap, _content in partials(first)] == ["approval"]
        if "Approved" not in first:
            next_partial(socket, "approval", holding="Approved")


def test_a_region_that_cannot_be_read_is_the_trouble_of_its_page_alone(
    gate: ApprovalGate, signed_in, open_socket, database: Database
):
    client, unreadable = signed_in("approver"), gate.open_request("unreadable")
    page = open_socket(client)
    next_partial(page, "live")
    database.refuses = True
    database.hold(HISTORY)
    own = open_socket(client, f"/ws/approvals/{unreadable.request_id}/")
    assert "cannot be read" in next_partial(own, "problem").text
    next_tick(own, ok=False)
    request = gate.open_request("deploy")
    heard: list[str] = []
    next_frame(page, lambda frame: heard.append(frame) or request.request_id in frame, "its card")
    next_tick(page, ok=True)
    assert not any('"ok": false' in frame for frame in heard)
    database.release()
    next_partial(own, "approval", holding=unreadable.request_id)
    next_tick(own, ok=True)


def test_a_region_that_comes_just_as_redis_goes_is_read_again(
    gate: ApprovalGate, signed_in, open_socket, database: Database, monkeypatch
):
    version, came, goes = feed.rights.version, feed.Feed._region_came, threading.Event()

    def ask(store: Store) -> str:
        if goes.is_set():
            goes.clear()
            raise StoreUnavailable("gone")
        return version(store)

    def come(self: feed.Feed, *region: object) -> None:
        if database.asked.is_set():
            database.asked.clear()
            goes.set()
        came(self, *region)

    monkeypatch.setattr(feed.rights, "version", ask)
    monkeypatch.setattr(feed.Feed, "_region_came", come)
    request = gate.open_request("deploy")
    database.hold(HISTORY)
    page = open_socket(signed_in("approver"), f"/ws/approvals/{request.request_id}/")
    assert database.asked.wait(PATIENCE)
    database.release()
    next_partial(page, "approval", holding=request.request_id)
    next_tick(page, ok=True)


@pytest.mark.usefixtures("soon_unknown")
def test_while_rights_cannot_be_looked_at_pages_live_and_nobody_hears_anything(
    gate: ApprovalGate, signed_in, open_socket, database: Database
):
    page = open_socket(signed_in("approver"))
    next_partial(page, "live")
    database.hold(SESSIONS)
    next_tick(page, ok=False)
    first, second = gate.open_request("secret"), gate.open_request("secret")
    heard: list[str] = []
    for _ in range(2):
        with Stopwatch() as watch:
            next_frame(page, lambda frame: heard.append(frame) or frame.startswith("{"), "a sign of life")
        assert watch.own < STALE_SECONDS
    assert not any("secret" in frame or '"ok": true' in frame for frame in heard)
    database.release()
    told = ""  # card by card, or as a region where both were found by reading everything again
    while not (first.request_id in told and second.request_id in told):
        told += next_frame(page, lambda frame: "secret" in frame, "both requests")
    next_tick(page, ok=True)


@pytest.mark.usefixtures("soon_unknown")
def test_whoever_lost_the_right_while_it_could_not_be_looked_at_never_hears_what_was_kept(
    gate: ApprovalGate, person, open_socket, database: Database
):
    viewer, client = person("viewer"), Client()
    client.force_login(viewer)
    page = open_socket(client)
    next_partial(page, "live")
    database.hold(SESSIONS)
    next_tick(page, ok=False)
    viewer.groups.clear()
    gate.open_request("secret")
    next_tick(page, ok=False)
    database.release()
    code, frames = code_of_closing(page)
    assert code == 4401
    assert not any("secret" in frame for frame in frames)


def test_a_database_that_refuses_to_tell_rights_stops_all_pages_until_it_does(
    gate: ApprovalGate, signed_in, open_socket, database: Database
):
    page = open_socket(signed_in("approver"))
    next_partial(page, "live")
    database.refuses = True
    database.hold(SESSIONS)
    assert "cannot be read" in next_partial(page, "problem").text
    gate.open_request("deploy")
    assert next_tick(page, ok=False)["why"] == "Not live: the record cannot be read or written"
    database.release()
    region = next_partial(page, "live")
    assert region.by_id("queue-head").attributes["data-waiting"] == "1"
    next_tick(page, ok=True)


def test_two_things_of_one_period_are_both_done(person: Callable[[str], User], open_socket, monkeypatch):
    monkeypatch.setattr(feed, "ACCESS_SECONDS", feed.TICK_SECONDS)
    viewer, client = person("viewer"), Client()
    client.force_login(viewer)
    page = open_socket(client)
    next_partial(page, "live")
    viewer.groups.clear()
    assert code_of_closing(page)[0] == 4401


def test_a_follower_that_stops_leaves_no_thread(signed_in, open_socket):
    page = open_socket(signed_in("viewer"))
    next_partial(page, "live")
    follower.stop()
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("follower")] == []
