"""Second factors: made, asked for, demanded by group, and of no use to who reads the database."""

import json
import time
from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from core.models import AuditEntry
from tests.conftest import PASSWORD
from tests.dashboard.display.markup import parse

pytestmark = [pytest.mark.django_db, pytest.mark.anywhere]


def sign_in(client: Client, name: str = "maria", password: str = PASSWORD):
    return client.post("/sign-in/", {"username": name, "password": password})


def code_of(secret: str) -> str:
    """What the app shows now."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def add_app(client: Client) -> tuple[str, str]:
    """Adds an app as a person would: its secret, and the page that follows."""
    page = client.get("/account/app/")
    assert page.status_code == 200
    assert "<svg" in page.content.decode()
    secret = client.session["mfa.totp.secret"]
    assert secret in page.content.decode()
    answer = client.post("/account/app/", {"code": code_of(secret)})
    assert answer.status_code == 302
    cache.clear()  # a code is taken once, and a test has no half minute to wait
    return secret, client.get(answer["Location"]).content.decode()


def recovery_codes(page: str) -> list[str]:
    return [element.text.strip() for element in parse(page).elements if element.tag == "code"]


def test_a_password_alone_lets_nobody_in_who_has_an_app_and_its_code_does_once(
    maria, django_capture_on_commit_callbacks
):
    client = Client()
    sign_in(client)
    with django_capture_on_commit_callbacks(execute=True):
        secret, _page = add_app(client)
    client.post("/sign-out/")
    assert sign_in(client)["Location"] == "/sign-in/second/"
    assert client.get("/account/")["Location"].startswith("/sign-in/")
    page = client.get("/sign-in/second/").content.decode()
    assert 'name="code"' in page
    wrong = client.post("/sign-in/second/", {"code": "000000"})
    assert wrong.status_code == 200
    assert "Incorrect code" in wrong.content.decode()
    code = code_of(secret)
    assert client.post("/sign-in/second/", {"code": code})["Location"] == "/"
    assert client.get("/account/").status_code == 200
    second = Client()
    sign_in(second)
    assert second.post("/sign-in/second/", {"code": code}).status_code == 200, "a code is taken once"
    kinds = set(AuditEntry.objects.values_list("kind", flat=True))
    assert {"factor.added", "factor.refused"} <= kinds


def test_a_recovery_code_lets_in_once(maria):
    client = Client()
    sign_in(client)
    _secret, page = add_app(client)
    codes = recovery_codes(page)
    assert len(codes) == 10
    for expected in (302, 200):
        other = Client()
        sign_in(other)
        assert other.post("/sign-in/second/", {"code": codes[0]}).status_code == expected


def test_codes_cannot_be_guessed_from_many_addresses(maria):
    client = Client()
    sign_in(client)
    secret, _page = add_app(client)
    for number in range(6):
        guessing = Client(REMOTE_ADDR=f"192.0.2.{number}")
        sign_in(guessing)
        answer = guessing.post("/sign-in/second/", {"code": "000000"}).content.decode()
    assert "Too many" in answer
    guessing = Client(REMOTE_ADDR="192.0.2.99")
    sign_in(guessing)
    assert guessing.post("/sign-in/second/", {"code": code_of(secret)}).status_code == 200


def test_what_stands_in_sql_is_of_no_use_without_the_secret_key(maria, settings):
    client = Client()
    sign_in(client)
    secret, page = add_app(client)
    kept = repr(list(Authenticator.objects.values()))
    assert secret not in kept
    assert not [code for code in recovery_codes(page) if code in kept]
    settings.SECRET_KEY = "another " * 8
    stranger = Client()
    assert sign_in(stranger)["Location"] == "/sign-in/second/"
    assert stranger.post("/sign-in/second/", {"code": code_of(secret)}).status_code == 200


def test_who_must_have_one_is_led_to_it_and_does_nothing_before(maria, gate, answer, settings):
    settings.TELEMETRY_SECOND_FACTOR = ["approver"]
    request, client = gate.open_request("deploy"), Client()
    sign_in(client)
    assert client.get("/")["Location"] == "/account/"
    assert client.get(f"/approvals/{request.request_id}/")["Location"] == "/account/"
    assert "must have a second factor" in client.get("/account/").content.decode()
    assert answer(client, request.request_id).status_code == 403
    assert gate.get_request(request.request_id).status == "pending"
    secret, _page = add_app(client)
    assert client.get("/").status_code == 200
    assert answer(client, request.request_id).status_code == 302
    assert gate.get_request(request.request_id).status == "approved"
    page = client.get("/account/app/remove/").content.decode()
    assert "only second factor" in page
    client.post("/account/app/remove/")
    assert Authenticator.objects.filter(type="totp").exists()
    assert secret


def test_the_last_passkey_of_somebody_who_must_have_one_stays(maria, settings):
    settings.TELEMETRY_SECOND_FACTOR = ["approver"]
    client, kept = Client(), {"credential": {}, "name": "key"}
    sign_in(client)
    key, spare = (Authenticator.objects.create(user=maria, type="webauthn", data=kept) for _ in range(2))
    assert client.post(f"/account/passkeys/{spare.pk}/remove/").status_code == 302
    refused = client.post(f"/account/passkeys/{key.pk}/remove/")
    assert "only second factor" in refused.content.decode()
    assert list(Authenticator.objects.all()) == [key]


def test_a_demand_that_the_database_does_not_answer_is_not_waived(maria, gate, answer, settings):
    settings.TELEMETRY_SECOND_FACTOR = ["approver"]
    request, client = gate.open_request("deploy"), Client()
    sign_in(client)

    def refuse_once(execute, sql, *rest):
        if "mfa_authenticator" in sql:
            raise OperationalError("the statement took too long")
        return execute(sql, *rest)

    with connection.execute_wrapper(refuse_once):
        assert answer(client, request.request_id).status_code == 503
        assert client.get("/healthz").status_code == 200
    assert gate.get_request(request.request_id).status == "pending"


def test_those_who_need_none_go_on_without_one(make_user, settings):
    settings.TELEMETRY_SECOND_FACTOR = ["approver", "superuser"]
    make_user("vera", "viewer")
    client = Client()
    sign_in(client, "vera")
    assert client.get("/account/").status_code == 200
    assert client.get("/").status_code in (200, 503)
    make_user("root", is_superuser=True)
    sign_in(client, "root")
    assert client.get("/")["Location"] == "/account/"


@pytest.mark.django_db(transaction=True)  # what is recorded is recorded at the commit
def test_the_factors_of_somebody_who_lost_them_are_taken_with_an_entry_or_not_at_all(maria):
    client = Client()
    sign_in(client)
    add_app(client)
    factors = Authenticator.objects.filter(user=maria)

    def refuse(execute, sql, *rest):
        if "core_audit" in sql:
            raise OperationalError("the record is away")
        return execute(sql, *rest)

    with connection.execute_wrapper(refuse), pytest.raises(OperationalError):
        call_command("second_factor", "maria", "--remove")
    assert factors.count() == 2
    call_command("second_factor", "maria", "--remove", stdout=StringIO())
    assert factors.count() == 0
    removed = AuditEntry.objects.filter(kind="factor.removed")
    assert sorted(json.loads(entry.details)["what"] for entry in removed) == ["recovery_codes", "totp"]


def test_a_session_that_is_not_fresh_is_asked_again_before_factors_change(maria, settings):
    client = Client()
    sign_in(client)
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": 0.0}]
    session.save()
    asked = client.get("/account/app/")
    assert asked["Location"] == "/sign-in/again/?next=%2Faccount%2Fapp%2F"
    assert client.post(asked["Location"], {"password": "wrong"}).status_code == 200
    assert client.post(asked["Location"], {"password": PASSWORD})["Location"] == "/account/app/"
    assert client.get("/account/app/").status_code == 200


def test_a_new_passkey_is_called_after_the_browser_and_the_day(maria):
    agent = (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36"
    )
    client = Client()
    sign_in(client)
    page = client.get("/account/passkeys/add/", headers={"User-Agent": agent}).content.decode()
    assert f'value="Chrome on macOS, {timezone.localdate():%Y-%m-%d}"' in page


def test_nobody_signs_up(db):
    for address in ("/sign-in/sign-up", "/account/signup/", "/accounts/signup/"):
        answer = Client().post(address, {"username": "eve", "password1": PASSWORD, "password2": PASSWORD})
        assert answer.status_code in (302, 404, 405)
    assert not User.objects.filter(username="eve").exists()
