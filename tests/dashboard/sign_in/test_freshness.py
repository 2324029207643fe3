"""What cannot be undone is approved by somebody who has just shown who they are, in whatever way."""

import time

import pytest
from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from django.conf import settings
from django.test import Client

from core.history.approvals.policy import TYPED_LENGTH
from core.models import ApprovalType
from tests.conftest import PASSWORD
from tests.dashboard.conftest import live_record
from tests.dashboard.display.markup import parse

pytestmark = [pytest.mark.django_db, pytest.mark.anywhere]

AGAIN = "/sign-in/again/"


@pytest.fixture
def approve(gate, answer):
    """Ask for something that cannot be undone and approve it, with all else that it needs: the status."""

    def asked_and_answered(client: Client) -> int:
        request_id = gate.open_request("drop database").request_id
        typed = live_record(gate, request_id).digest[:TYPED_LENGTH]
        return answer(client, request_id, htmx=True, **{f"typed-{request_id}": typed}).status_code

    return asked_and_answered


@pytest.fixture
def maria(clean_redis, make_user) -> Client:
    """Just signed in by the form."""
    ApprovalType.objects.create(name="drop database", irreversible=True)
    make_user("maria", "approver")
    client = Client()
    client.post("/sign-in/", {"username": "maria", "password": PASSWORD})
    return client


def grow_old(client: Client) -> None:
    """As if what was shown had been shown longer ago than it counts."""
    session = client.session
    for shown in session[AUTHENTICATION_METHODS_SESSION_KEY]:
        shown["at"] = time.time() - settings.ACCOUNT_REAUTHENTICATION_TIMEOUT - 1
    session.save()


def test_a_sign_in_counts_for_five_minutes_and_a_password_again_for_five_more(maria, approve):
    assert approve(maria) == 200
    grow_old(maria)
    assert approve(maria) == 400
    back = maria.post(f"{AGAIN}?next=/approvals/", {"password": PASSWORD, "next": "/approvals/"})
    assert back["Location"] == "/approvals/"
    assert approve(maria) == 200


def test_the_page_that_asks_again_says_whose_password_it_is_to_password_managers(maria):
    page = parse(maria.get(AGAIN).content.decode())
    [name] = [one.attributes for one in page.elements if one.attributes.get("autocomplete") == "username"]
    assert (name["value"], "hidden" in name) == ("maria", True)


def test_a_wrong_password_counts_for_nothing(maria, approve):
    grow_old(maria)
    assert "not the password" in maria.post(AGAIN, {"password": "wrong"}).content.decode()
    assert approve(maria) == 400


def test_from_there_nobody_is_led_to_another_site(maria):
    address = "https://elsewhere.example/"
    assert maria.post(AGAIN, {"password": PASSWORD, "next": address})["Location"] == "/"
