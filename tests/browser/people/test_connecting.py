"""How an agent comes in, as people see it: a code that is typed, who asks, and what becomes of a token."""

import httpx
import pytest
from playwright.sync_api import expect

from core.models import AgentToken, DeviceCode
from tests.waiting import wait_until

ASKS = {
    "machine": "ann-laptop",
    "agent": "ann-laptop",
    "client": "agent-telemetry connect",
    "scopes": ["ask", "beat"],
}


@pytest.mark.long
def test_a_code_is_typed_and_its_command_gets_what_was_chosen(sign_in, site):
    page = sign_in("otto", "administrator", at="/connect/", wait=False)
    asked = httpx.post(f"{site}/api/v1/connect", json=ASKS).json()
    page.get_by_role("link", name="Type the code").click()
    page.get_by_role("textbox", name="Code").fill(asked["user_code"].lower())
    page.get_by_role("button", name="Show who asks").click()
    expect(page.locator(".asked")).to_contain_text("ann-laptop")
    expect(page.locator(".asked")).to_contain_text("which is your address")
    page.get_by_label("Send heartbeats").uncheck()
    page.get_by_role("button", name="Give it this token").click()
    expect(page.locator(".notice")).to_contain_text("Given: the command on ann-laptop")
    wait_until(lambda: DeviceCode.objects.get().state == "given", "it was given")
    given = httpx.post(f"{site}/api/v1/connect/token", json={"device_code": asked["device_code"]}).json()
    assert given["scopes"] == ["ask"]
    page.reload()
    page.get_by_role("button", name=f"Renew token {AgentToken.objects.get().pk}", exact=True).click()
    expect(page.locator(".connected")).to_contain_text("The secret before it works until")
