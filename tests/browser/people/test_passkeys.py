"""A passkey is made, signs in without a name or a password, and is asked for beside a password."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from core.models import AuditEntry
from tests.conftest import PASSWORD

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def give_authenticator(page: Page) -> Callable[[bool], None]:
    """A device that keeps passkeys; what it returns lets its owner show a finger, or not."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})

    def let_it_be(verified: bool) -> None:
        said = {"authenticatorId": made["authenticatorId"], "isUserVerified": verified}
        session.send("WebAuthn.setUserVerified", said)

    return let_it_be


@pytest.mark.long
def test_a_passkey_is_made_and_signs_in_alone_and_beside_a_password(sign_in, site):
    site = site.replace("127.0.0.1", "localhost")  # an address that is a number has no passkeys
    page = sign_in(
        "maria", "approver", wait=False, at="/sign-in/", fresh=True
    )  # nobody else's keeps passkeys
    page.context.clear_cookies()
    let_it_be = give_authenticator(page)
    page.goto(f"{site}/sign-in/")
    enter(page)
    page.goto(f"{site}/account/")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name of this passkey").fill("My laptop")
    page.get_by_role("button", name="Make it").click()
    expect(page.locator(".codes li")).to_have_count(10)
    page.goto(f"{site}/account/")
    expect(page.get_by_text("My laptop")).to_be_visible()
    page.get_by_role("button", name="Sign out", exact=True).click()

    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.locator("#queue-head")).to_be_visible()
    page.get_by_role("button", name="Sign out", exact=True).click()

    enter(page)
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.locator("#queue-head")).to_be_visible()
    page.get_by_role("button", name="Sign out", exact=True).click()

    let_it_be(False)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("No passkey was used")).to_be_visible()
    assert AuditEntry.objects.filter(kind="factor.added", actor="maria").exists()
    assert User.objects.get(username="maria").authenticator_set.count() == 2


def enter(page: Page) -> None:
    page.get_by_label("Name", exact=True).fill("maria")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda address: not address.endswith("/sign-in/"))
