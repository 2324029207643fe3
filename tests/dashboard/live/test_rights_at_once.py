"""After a change of rights is committed, no socket of that person is told anything of what happens then."""

import threading
import time
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.test import Client
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from core import ApprovalGate
from core.history.people import rights_changes
from core.models import DecisionGrant
from core.store.rights import CHANGING_MS
from dashboard.live import feed
from dashboard.live.subscription import RIGHTS_CHANGED
from tests.dashboard.live.frames import TICKS_PROMISED, clock_ms, code_of_closing, next_partial, ticks_after
from tests.waiting import PATIENCE, Stopwatch, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]

TICKS_AT_ONCE = 2  # there is time for so many in three seconds


@pytest.fixture
def four_times_as_often() -> None:
    """Not here: ticks at their own pace say how soon it is told."""


@pytest.fixture(autouse=True)
def no_look_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it is the version of rights that closes."""
    monkeypatch.setattr(feed, "ACCESS_SECONDS", 3600.0)


@pytest.fixture
def flowing(clean_redis: str) -> Iterator[list[str]]:
    """Requests that are asked all the while: a list of the kinds, in order; each is shown to who may look."""
    kinds: list[str] = []
    ending = threading.Event()

    def ask() -> None:
        gate = ApprovalGate(clean_redis, "agent")
        while not ending.wait(0.02):
            kinds.append(f"private-{len(kinds)}-")
            gate.open_request(kinds[-1], timeout=100_000 - len(kinds))  # the newest is the first on the page

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    yield kinds
    ending.set()
    thread.join()


def deactivate(client: Client, person: User) -> None:
    person.is_active = False
    person.save()


def leave_group(client: Client, person: User) -> None:
    person.groups.clear()


def empty_group(client: Client, person: User) -> None:
    Group.objects.get(name="approver").permissions.clear()


def delete_account(client: Client, person: User) -> None:
    person.delete()


def change_password(client: Client, person: User) -> None:
    person.set_password("another long one")
    person.save()


def sign_out(client: Client, person: User) -> None:
    client.post("/sign-out/")


def sign_out_everywhere(client: Client, person: User) -> None:
    client.post("/sign-out/everywhere/")


def page_of(person: User, open_socket) -> ClientConnection:
    """The socket of somebody's live page, which has its region."""
    client = Client()
    client.force_login(person)
    socket = open_socket(client)
    next_partial(socket, "live")
    return socket


def read_all(socket: ClientConnection, frames: list[str]) -> int:
    """Gather what comes; the code with which it ends. TimeoutError where nothing comes and it stays open."""
    try:
        while True:
            frames.append(socket.recv(timeout=PATIENCE))
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 0


def wait_for(socket: ClientConnection, text: str, seconds: float) -> None:
    """Read until it comes; TimeoutError when nothing with it does in that time."""
    end = time.monotonic() + seconds
    while text not in socket.recv(timeout=max(0.01, end - time.monotonic())):
        pass


# One for the account, one for the rights, one for the session; others are told apart in test_socket_access.py.
CHANGES = [
    *(deactivate, leave_group, sign_out),
    *(
        pytest.param(change, marks=pytest.mark.long)
        for change in (empty_group, delete_account, change_password, sign_out_everywhere)
    ),
]


@pytest.mark.parametrize("change", CHANGES)
def test_no_frame_tells_of_what_happened_after_the_commit(
    make_user, open_socket, flowing, change, background, raw
):
    person, client = make_user("maria", "approver"), Client()
    client.force_login(person)
    socket = open_socket(client)
    next_partial(socket, "live")
    frames: list[str] = []
    closing = background(read_all, socket, frames)
    wait_until(lambda: sum("private-" in frame for frame in frames) >= 5, "requests are shown")
    change(client, person)
    after, moment = len(flowing) + 1, clock_ms(raw)  # one may be on its way to Redis just now
    assert closing.result() == 4401
    assert ticks_after(frames, moment) <= TICKS_AT_ONCE
    wait_until(lambda: len(flowing) > after + 5, "requests are asked afterwards")
    leaked = [
        number for number in range(after, len(flowing)) if any(f"private-{number}-" in f for f in frames)
    ]
    assert leaked == []


def test_a_change_of_policy_is_told_at_once_as_well(make_user, open_socket, raw):
    """What they may answer is no secret, but the page with the buttons is another one now."""
    socket = page_of(make_user("maria", "approver"), open_socket)
    DecisionGrant.objects.all().delete()
    moment = clock_ms(raw)
    code, frames = code_of_closing(socket)
    assert code == RIGHTS_CHANGED
    assert ticks_after(frames, moment) <= TICKS_AT_ONCE


def test_between_the_change_and_its_commit_nobody_is_told_anything(make_user, open_socket, gate):
    socket = page_of(make_user("maria", "approver"), open_socket)
    with rights_changes.change():
        gate.open_request("secret")
        with pytest.raises(TimeoutError):
            wait_for(socket, "secret", 1.0)
    wait_for(socket, "secret", PATIENCE)


def test_a_change_that_is_rolled_back_holds_nobody_up_for_long(make_user, open_socket, gate):
    person = make_user("maria", "approver")
    socket = page_of(person, open_socket)
    with transaction.atomic():
        person.is_active = False
        person.save()
        transaction.set_rollback(True)
    gate.open_request("no secret")
    with Stopwatch() as watch:
        wait_for(socket, "no secret", PATIENCE)
    assert watch.own < CHANGING_MS / 1000 + 3.0


def test_plain_sql_counts_within_four_seconds(make_user, open_socket, monkeypatch, raw):
    monkeypatch.setattr(feed, "ACCESS_SECONDS", 4.0)
    person = make_user("maria", "approver")
    socket = page_of(person, open_socket)
    User.objects.filter(pk=person.pk).update(is_active=False)
    moment = clock_ms(raw)
    code, frames = code_of_closing(socket)
    assert code == 4401
    assert ticks_after(frames, moment) <= TICKS_PROMISED
