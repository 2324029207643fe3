"""Who gets a websocket, and how fast it is taken away again."""

import time

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client, override_settings
from websockets.exceptions import InvalidStatus

from dashboard.live import feed as live
from dashboard.live.feed import ACCESS_SECONDS, TICK_SECONDS
from dashboard.live.follower import follower
from tests.dashboard.live.frames import (
    QUICK_TICKS_PROMISED,
    TICKS_PROMISED,
    clock_ms,
    code_of_closing,
    next_partial,
    ticks_after,
)
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]

SIGNED_OUT, RIGHTS_CHANGED = 4401, 1012
PROMISE = 5.0


@pytest.mark.parametrize(
    "origin",
    [None, "null", "https://evil.example", "http://127.0.0.1.evil.example", "http://evil.example:80", "x"],
)
def test_an_origin_that_is_not_ours_is_refused_before_anything_is_said(signed_in, open_socket, origin):
    client = signed_in("approver")
    with pytest.raises(InvalidStatus, match="403"):
        open_socket(client, origin=origin)


@pytest.mark.parametrize("cookie", ["", "nonsense", "x" * 32, "'; --"])
def test_a_session_that_is_not_one_is_refused(site, signed_in, open_socket, cookie):
    client = Client()
    client.cookies["session"] = cookie
    with pytest.raises(InvalidStatus, match="403"):
        open_socket(client)


def test_an_unknown_address_is_no_socket(signed_in, open_socket):
    client = signed_in("approver")
    with pytest.raises(InvalidStatus):
        open_socket(client, "/ws/nothing/")


@override_settings(TELEMETRY_SOCKETS_PER_SESSION=2)
def test_a_session_has_so_many_sockets_and_another_has_its_own(signed_in, open_socket):
    client, other = signed_in("approver"), signed_in("viewer")
    first, second = open_socket(client), open_socket(client)
    for socket in (first, second):
        next_partial(socket, "live")
    with pytest.raises(InvalidStatus, match="403"):
        open_socket(client)
    next_partial(open_socket(other), "live")
    first.close()
    wait_until(lambda: follower.sockets_of(client.cookies["session"].value) == 1, "one is gone")
    next_partial(open_socket(client), "live")


def sign_out(client: Client, person: User) -> None:
    assert client.post("/sign-out/").status_code == 302


def end_session(client: Client, person: User) -> None:
    client.session.flush()


def deactivate(client: Client, person: User) -> None:
    User.objects.filter(pk=person.pk).update(is_active=False)


def change_password(client: Client, person: User) -> None:
    person.set_password("another one")
    person.save()


def delete_account(client: Client, person: User) -> None:
    person.delete()


def take_all_rights(client: Client, person: User) -> None:
    person.groups.clear()


def demand_a_factor(client: Client, person: User) -> None:
    person.groups.add(Group.objects.create(name="guarded"))


ENDINGS = [sign_out, end_session, deactivate, change_password, delete_account, take_all_rights]
ENDINGS.append(demand_a_factor)


@override_settings(TELEMETRY_SECOND_FACTOR=["guarded"])
def test_whoever_may_not_look_any_more_hears_nothing_after_five_seconds(
    make_user, raw, open_socket, beat, background
):
    sockets, ended_ms = [], []
    for end in ENDINGS:
        person, client = make_user(end.__name__, "approver"), Client()
        client.force_login(person)
        sockets.append(open_socket(client))
        next_partial(sockets[-1], "live")
        end(client, person)
        ended_ms.append(clock_ms(raw))
    closings = [background(code_of_closing, socket) for socket in sockets]
    number = 0
    while not all(closing.done() for closing in closings):
        beat(f"agent {number}")  # something to tell all the while
        number += 1
        time.sleep(0.1)
    for end, moment, closing in zip(ENDINGS, ended_ms, closings, strict=True):
        code, frames = closing.result()
        assert (end.__name__, code) == (end.__name__, SIGNED_OUT)
        assert ticks_after(frames, moment) <= QUICK_TICKS_PROMISED, end.__name__
    assert ACCESS_SECONDS < PROMISE < TICKS_PROMISED * TICK_SECONDS


def test_nothing_is_told_after_the_end_though_the_socket_has_not_closed_yet(person, open_socket, gate):
    approver, client = person("approver"), Client()
    client.force_login(approver)
    socket = open_socket(client)
    next_partial(socket, "live")
    follower.check_access()
    approver.groups.clear()
    follower.check_access()
    for _ in range(20):
        gate.open_request("secret")
    _code, frames = code_of_closing(socket)
    assert not any("secret" in frame for frame in frames)


def test_signing_out_closes_the_socket_at_once(raw, person, open_socket, monkeypatch):
    monkeypatch.setattr(live, "ACCESS_SECONDS", 3600.0)  # so it is not the look at rights that closes it
    approver, client = person("approver"), Client()
    client.force_login(approver)
    socket = open_socket(client)
    next_partial(socket, "live")
    wait_until(lambda: raw.zcard("telemetry-site:group:control"), "the server listens for control messages")
    sign_out(client, approver)
    assert code_of_closing(socket)[0] == SIGNED_OUT


def test_signing_out_leaves_other_peoples_sockets_open(person, make_user, open_socket, beat):
    approver, client = person("approver"), Client()
    client.force_login(approver)
    other = Client()
    other.force_login(make_user("maria", "approver"))
    leaving, staying = open_socket(client), open_socket(other)
    next_partial(staying, "live")  # else what comes now may be in it already
    sign_out(client, approver)
    assert code_of_closing(leaving)[0] == SIGNED_OUT
    beat("a new agent")
    assert "1 alive" in next_partial(staying, "agents", holding="1 alive").text


@pytest.mark.parametrize(("before", "after"), [("approver", "viewer"), ("viewer", "approver")])
def test_whose_rights_changed_reconnects_to_another_view(gate, person, open_socket, before, after):
    somebody, client = person(before), Client()
    client.force_login(somebody)
    request = gate.open_request("deploy")
    socket = open_socket(client)
    next_partial(socket, "live")
    somebody.groups.set(Group.objects.filter(name=after))
    assert code_of_closing(socket)[0] == RIGHTS_CHANGED
    next_partial(open_socket(client), "live")
    pane = client.get("/", {"selected": request.request_id}).content.decode()
    assert ("data-decide" in pane) is (after == "approver")
