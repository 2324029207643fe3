"""A command gets a token by a code: what it asks over HTTP, and who may give what."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from core.api.answers import Refused
from core.api.bearers import Bearers
from core.history.agents import devices
from core.models import AgentOwner, AgentToken, AuditEntry, DeviceCode
from telemetry_site.asgi import door

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]
ASKS = {
    "machine": "ann-laptop",
    "agent": "ann-laptop",
    "client": "agent-telemetry 1",
    "scopes": ["ask", "beat"],
}
GIVES = {"agent": "ann-laptop", "scopes": ["ask"], "asks": "*", "days": "30"}


@pytest.fixture
def command(agent, monkeypatch):
    """A client that has no token."""
    monkeypatch.setattr(devices, "INTERVAL_SECONDS", 0)
    client = agent("somebody-else")
    del client.headers["Authorization"]
    return client


def begin(command, **change):
    answer = command.post("/connect", json={**ASKS, **change})
    assert answer.status_code == 201, answer.text
    return answer.json()


def fetch(command, said):
    return command.post("/connect/token", json={"device_code": said["device_code"]})


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


def test_a_person_who_types_the_code_gives_the_token_that_they_chose_once(command, owner):
    said, page = begin(command), signed_in(owner)
    assert re.fullmatch(r"[B-Z]{4}-[B-Z]{4}", said["user_code"])
    assert fetch(command, said).status_code == 202
    seen = page.post("/connect/code/", {"code": said["user_code"].lower()}).content.decode()
    assert "ann-laptop" in seen
    assert "127.0.0.1" in seen
    assert AgentToken.objects.count() == 1  # of the fixture: looking decides nothing
    assert page.post("/connect/code/give/", {"code": said["user_code"], **GIVES}).status_code == 302
    given = fetch(command, said).json()
    assert (given["agent"], given["scopes"]) == ("ann-laptop", ["ask"])
    token = {"Authorization": f"Bearer {given['token']}"}
    assert command.get("/requests", headers=token).status_code == 200
    assert command.post("/beat", json={}, headers=token).status_code == 403
    assert fetch(command, said).status_code == 410
    again = page.post("/connect/code/give/", {"code": said["user_code"], **GIVES})
    assert again.status_code == 404
    assert AgentToken.objects.filter(agent="ann-laptop", owner=owner).count() == 1
    assert AuditEntry.objects.get(kind="device.given").actor == "otto"
    made = AuditEntry.objects.get(kind="token.made", agent_id="ann-laptop")
    assert (made.actor, "a code" in made.details) == ("otto", True)
    assert not any(given["token"] in str(vars(row)) for row in DeviceCode.objects.all())


def test_what_was_refused_or_is_over_gives_nothing(command, owner):
    said, page = begin(command), signed_in(owner)
    page.post("/connect/code/refuse/", {"code": said["user_code"]})
    assert (fetch(command, said).status_code, fetch(command, said).json()["error"]) == (403, "refused")
    late = begin(command)
    DeviceCode.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert page.post("/connect/code/give/", {"code": late["user_code"], **GIVES}).status_code == 404
    assert fetch(command, late).status_code == 410
    assert not AgentToken.objects.filter(agent="ann-laptop").exists()


def test_nobody_gives_more_than_they_may_and_a_right_that_was_lost_gives_nothing(command, owner, make_user):
    said, olga = begin(command), make_user("olga", "approver")
    mine = AgentOwner.objects.create(agent="olga-", is_prefix=True, person=olga)
    page = signed_in(olga)
    give = {"code": said["user_code"], **GIVES}
    assert page.post("/connect/code/give/", give).status_code == 403
    assert (
        page.post("/connect/code/give/", {**give, "agent": "olga-pc", "scopes": ["decide"]}).status_code
        == 400
    )
    assert fetch(command, said).status_code == 202
    assert page.post("/connect/code/give/", {**give, "agent": "olga-pc"}).status_code == 302
    mine.delete()
    assert fetch(command, said).status_code == 403
    assert signed_in(make_user("vera", "viewer")).post("/connect/code/", give).status_code == 403


def test_an_address_never_decides_and_neither_does_another_site(command, owner):
    said = begin(command)
    page = Client(enforce_csrf_checks=True)
    page.force_login(owner)
    give = {"code": said["user_code"], **GIVES}
    assert page.post("/connect/code/give/", give).status_code == 403
    assert page.get("/connect/code/give/", give).status_code == 405
    shown = page.get("/connect/code/", {"code": said["user_code"]}).content.decode()
    assert "ann-laptop" not in shown
    assert fetch(command, said).status_code == 202


def test_guessing_is_bounded_for_people_and_for_commands(command, owner, monkeypatch):
    said, page = begin(command), signed_in(owner)
    codes = [page.post("/connect/code/", {"code": "BBBB-BBBB"}).status_code for _ in range(11)]
    assert codes == [404] * 10 + [429]
    assert page.post("/connect/code/give/", {"code": said["user_code"], **GIVES}).status_code == 429
    monkeypatch.setattr("core.api.bearers.TRIES", 2)
    monkeypatch.setattr(door.desk, "bearers", Bearers())
    wrong = [fetch(command, {"device_code": f"x{number}"}).status_code for number in range(4)]
    assert wrong == [410, 410, 429, 429]
    assert len(devices.LETTERS) ** devices.LENGTH > 2**34


def test_a_command_that_asks_too_often_waits_and_few_are_open_at_once(command, monkeypatch):
    said = begin(command)
    assert fetch(command, said).status_code == 202
    monkeypatch.setattr(devices, "INTERVAL_SECONDS", 5)
    slow = fetch(command, said)
    assert (slow.status_code, slow.json()["error"]) == (429, "slow")
    for _ in range(devices.OPEN_FROM_ONE - 1):
        begin(command)
    assert command.post("/connect", json=ASKS).status_code == 429


def test_who_has_a_network_of_ipv6_is_one_and_takes_nobody_elses_place(clean_redis):
    said = ("ann-laptop", "ann-laptop", ("ask",), "agent-telemetry 1")
    for number in range(devices.OPEN_FROM_ONE):
        devices.begin(*said, f"2001:db8:1:2::{number:x}")
    with pytest.raises(devices.TooManyCodes):
        devices.begin(*said, "2001:db8:1:2:ffff::1")
    devices.begin(*said, "2001:db8:1:3::1")
    devices.begin(*said, "192.0.2.1")


@pytest.mark.parametrize("network", ["2001:db8:1:{}::1", "198.51.100.{}"])
def test_a_network_that_holds_all_places_gives_up_its_oldest_to_who_holds_less(
    clean_redis, monkeypatch, network
):
    monkeypatch.setattr(devices, "OPEN", 6)
    said = ("ann-laptop", "ann-laptop", ("ask",), "agent-telemetry 1")
    taken = [devices.begin(*said, network.format(number + 1)) for number in range(6)]
    mine = [devices.begin(*said, "192.0.2.1") for _ in range(3)]
    assert [devices.find(code.code) is None for code, _secret in taken] == [True] * 3 + [False] * 3
    assert devices.fetch(taken[0][1]).word == "over"
    assert [devices.fetch(secret).word for _code, secret in mine] == ["waiting"] * 3
    for address in ("192.0.2.1", network.format(99)):  # each holds its half, and takes none from the other
        with pytest.raises(devices.TooManyCodes):
            devices.begin(*said, address)
    devices.begin(*said, "203.0.113.1")


def test_guesses_from_one_network_of_ipv6_are_of_one(owner, monkeypatch):
    monkeypatch.setattr("core.api.bearers.TRIES", 2)
    bearers, heard = Bearers(), []
    for number in range(4):
        with pytest.raises(Refused) as refused:
            bearers.look_up(f"agt_{number}", f"2001:db8:1:2::{number:x}")
        heard.append(refused.value.status)
    assert heard == [401, 401, 429, 429]


@pytest.mark.parametrize(
    ("change", "field"),
    [({"machine": ""}, "machine"), ({"agent": 7}, "agent"), ({"client": "x" * 300}, "client"),
     ({"scopes": ["decide"]}, "scopes"), ({"scopes": "ask"}, "scopes"), ({"owner": "otto"}, "owner")],
)  # fmt: skip
def test_what_is_no_question_is_refused_by_name(command, change, field):
    answer = command.post("/connect", json={**ASKS, **change})
    assert (answer.status_code, answer.json()["field"]) == (400, field)
