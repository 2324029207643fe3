"""The first administrator: by a link that works once and for a short time, or by the command; never by a default."""

from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client

from core.history.people import first
from core.history.people.rights import deciders
from core.management.commands.up import welcome
from core.models import AuditEntry
from tests.conftest import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.anywhere]


def address() -> str:
    return f"/sign-in/first/{first.new_token()}/"


def form(name: str = "maria", **more: str) -> dict[str, str]:
    return {"username": name, "password1": PASSWORD, "password2": PASSWORD, **more}


def names(**fields: object) -> list[str]:
    return list(User.objects.filter(**fields).values_list("username", flat=True))


def test_who_has_the_link_becomes_the_administrator_once(client):
    here = address()
    assert "First administrator" in client.get(here).content.decode()
    assert names() == []
    said = client.post(here, form(), follow=True)
    assert said.redirect_chain == [("/sign-in/", 302)]
    assert "put it into the group approver" in said.content.decode()
    assert names(is_superuser=True, is_staff=True) == ["maria"]
    assert list(deciders(User)) == []
    assert client.post("/sign-in/", {"username": "maria", "password": PASSWORD}).status_code == 302
    assert client.get(here).status_code == client.post(here, form("omar")).status_code == 404
    assert Client().get(address()).status_code == 404
    assert names() == ["maria"]


@pytest.mark.django_db(transaction=True)
def test_they_may_choose_to_answer_requests_and_the_record_says_so(client):
    client.post(address(), form(approver="on"))
    assert [user.username for user in deciders(User)] == ["maria"]
    kinds = list(AuditEntry.objects.order_by("sequence").values_list("kind", flat=True))
    assert kinds[-2:] == ["account.created", "rights.granted"]


@pytest.mark.parametrize(
    "wrong", [{"password1": "password", "password2": "password"}, {"password2": "another"}, {"username": ""}]
)
def test_a_form_that_is_wrong_makes_nobody_and_the_link_stays(client, wrong):
    here = address()
    page = client.post(here, form() | wrong)
    assert page.status_code == 200
    assert 'role="alert"' in page.content.decode()
    assert names() == []
    assert client.post(here, form()).status_code == 302


def test_a_link_that_is_old_or_none_of_ours_is_no_link(client, monkeypatch):
    here = address()
    assert client.get("/sign-in/first/nobody:x:y/").status_code == 404
    monkeypatch.setattr(first, "SECONDS", -1)
    assert client.get(here).status_code == client.post(here, form()).status_code == 404
    assert names() == []


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_is_the_first():
    here = address()

    def post(number: int) -> int:
        try:
            return Client().post(here, form(f"person{number}")).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(post, range(6))) == [302, *[404] * 5]
    assert len(names()) == 1


def test_the_start_prints_a_link_while_there_is_nobody_and_says_when_nobody_may_answer(
    monkeypatch, client, make_user
):
    monkeypatch.setenv("REDIS_URL", "redis://localhost:6379/0")
    said = welcome({}, 1.0)
    [link] = [word for word in said.split() if "/sign-in/first/" in word]
    assert client.get(link[link.index("/sign-in") :]).status_code == 200
    make_user("boss", is_superuser=True)
    assert "/sign-in/first/" not in welcome({}, 1.0)
    assert "Nobody may answer requests" in welcome({}, 1.0)
    make_user("ann", "approver")
    assert "Nobody may answer" not in welcome({}, 1.0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("approver", [True, False])
def test_the_command_says_how_to_become_an_approver_or_does_it(monkeypatch, approver):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    said = StringIO()
    call_command(
        "createsuperuser", username="boss", email="", interactive=False, approver=approver, stdout=said
    )
    assert [user.username for user in deciders(User)] == ["boss"] * approver
    assert ("answers no requests" in said.getvalue()) is not approver
    assert AuditEntry.objects.filter(kind="rights.granted").count() == approver


def test_at_a_terminal_the_command_asks(monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _question: "y")
    monkeypatch.setattr("getpass.getpass", lambda *_question: PASSWORD)
    call_command("createsuperuser", username="boss", email="b@example.org", stdout=StringIO())
    assert [user.username for user in deciders(User)] == ["boss"]
