"""Sessions: what is kept of them, when they end, and that everybody can end theirs."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from core.models import AuditEntry, WebSession
from dashboard.access import users_of_sessions
from dashboard.sign_in.account import browser_name
from tests.conftest import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.anywhere]


def sign_in(name: str = "maria", password: str = PASSWORD) -> Client:
    client = Client(headers={"User-Agent": "Firefox of the office"})
    assert client.post("/sign-in/", {"username": name, "password": password}).status_code == 302
    return client


def is_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def test_what_stands_in_sql_opens_no_session(maria):
    client = sign_in()
    key = client.cookies["session"].value
    row = WebSession.objects.get()
    assert key not in repr(row.__dict__)
    thief = Client()
    thief.cookies["session"] = row.pk
    assert not is_in(thief)
    assert is_in(client)


def test_a_session_that_is_not_used_ends(maria, settings):
    client = sign_in()
    idle = timedelta(minutes=settings.TELEMETRY_SESSION_IDLE_MINUTES)
    WebSession.objects.update(seen=timezone.now() - idle + timedelta(minutes=1))
    assert is_in(client)  # and this was a use
    assert timezone.now() - WebSession.objects.get().seen < timedelta(minutes=1)
    WebSession.objects.update(seen=timezone.now() - idle)
    assert not is_in(client)


def test_what_a_page_fetches_by_itself_is_no_use(maria, clean_redis):
    client = sign_in()
    long_ago = timezone.now() - timedelta(minutes=30)
    WebSession.objects.update(seen=long_ago)
    client.get("/agents/", headers={"HX-Request": "true"})
    assert WebSession.objects.get().seen == long_ago


def test_a_session_ends_at_its_time_whatever_is_done_in_it(maria, settings):
    client = sign_in()
    end = WebSession.objects.get().expire_date
    session = client.session
    session["something"] = "changed"
    session.save()
    assert WebSession.objects.get().expire_date == end
    assert abs(end - timezone.now() - timedelta(hours=settings.TELEMETRY_SESSION_HOURS)) < timedelta(
        minutes=1
    )


def test_signing_out_everywhere_ends_every_session_of_this_person_and_no_other(maria, make_user):
    make_user("paul", "viewer")
    here, there, other = sign_in(), sign_in(), sign_in("paul")
    assert "Firefox of the office" in here.get("/account/").content.decode()
    assert here.post("/sign-out/everywhere/").status_code == 302
    assert not is_in(here)
    assert not is_in(there)
    assert is_in(other)
    assert AuditEntry.objects.filter(kind="session.ended_everywhere", actor="maria").count() == 1


def test_a_session_of_somebody_who_was_deleted_is_nobodys_and_keeps_no_other_from_being_known(
    maria, make_user
):
    john = make_user("john", "viewer")
    keys = [sign_in(name).session.session_key for name in ("john", "maria")]
    john.delete()
    assert WebSession.objects.count() == 2
    assert users_of_sessions(keys) == {keys[1]: maria}


def test_everybody_changes_their_password_and_other_browsers_are_signed_out(maria):
    here, there = sign_in(), sign_in()
    data = {
        "old_password": PASSWORD,
        "new_password1": "another long one",
        "new_password2": "another long one",
    }
    assert here.post("/account/password/", data)["Location"] == "/account/"
    assert is_in(here)
    assert not is_in(there)
    sign_in(password="another long one")


def test_a_weak_or_wrong_password_changes_nothing_and_says_why(maria):
    client = sign_in()
    for old, new, why in ((PASSWORD, "maria", "too short"), ("wrong", "another long one", "incorrect")):
        data = {"old_password": old, "new_password1": new, "new_password2": new}
        answer = client.post("/account/password/", data)
        assert why in answer.content.decode()
    assert is_in(sign_in())


def test_the_admin_changes_passwords_on_the_same_page(make_user):
    client = Client()
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    assert client.get("/admin/password_change/")["Location"] == "/account/password/"


def test_the_admin_has_no_page_for_secrets_of_others(make_user):
    client = Client()
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    assert client.get("/admin/mfa/authenticator/").status_code == 404
    assert client.get("/admin/account/emailaddress/").status_code == 404
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/1 Safari/537.36 Edg/1",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605 Version/17.5 Safari/604.1",
            "Safari on iPhone",
        ),
        ("curl/8.5.0", "curl/8.5.0"),
        ("x" * 200, "x" * 60 + "…"),
    ],
)
def test_a_browser_is_called_as_people_call_it(said, shown):
    assert browser_name(said) == shown
