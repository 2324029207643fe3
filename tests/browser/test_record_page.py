"""The record by content and the calls in a real browser: found, led to, readable at every width in both themes."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from core import ApprovalGate
from tests.browser.pressing import turn_to
from tests.browser.test_what_people_see import assert_accessible, on_each_screen
from tests.dashboard.usage.usage_rows import a_call, keep


def fill(redis_url: str) -> None:
    gate = ApprovalGate(redis_url, "bookkeeper-agent")
    for amount in (2070.32, 118.9, 2070):
        context = {
            "payment": {
                "amount": amount,
                "currency": "EUR",
                "to": "Nordlicht Möbel GmbH",
                "iban": "AT61 1904 3002 3457",
            },
            "invoice": "2026-4711",
            "note": f"Ten chairs.\nPay {amount} before Friday.",
        }
        request = gate.open_request("payment", context)
        if amount != 2070:
            gate.respond_to_approval(
                request.request_id, amount > 2000, "maria", "agreed with Jörg on the phone"
            )


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


@on_each_screen(1440, 390)
def test_who_approved_a_payment_is_found_and_leads_to_what_they_saw(sign_in, clean_redis, scheme, width):
    page = sign_in("ada", "auditor", color_scheme=scheme, viewport={"width": width, "height": 844})
    fill(clean_redis)
    expect(page.locator("#ended li")).to_have_count(2)
    expect(page.locator("#ended")).not_to_contain_text("sent")
    turn_to(page, "Record")
    page.get_by_label("What was asked").fill("payment 2070.32")
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".results > li")).to_have_count(1)
    expect(page.locator(".results")).to_contain_text("maria")
    expect(page.locator(".results mark").first).to_have_text("2070.32")
    assert fits(page)
    assert_accessible(page)
    page.locator(".results h3 a").click()
    expect(page.locator(".context")).to_contain_text("Nordlicht Möbel GmbH")


def test_what_is_printed_is_whole_and_has_nothing_to_press(sign_in, clean_redis):
    lines = "\n".join(f"line {number} of the letter" for number in range(300))
    request = ApprovalGate(clean_redis, "clerk").open_request("send", {"letter": lines, "to": {"ann": 1}})
    page = sign_in("ada", "auditor", "approver", at=f"/approvals/{request.request_id}/")
    page.locator(".tree summary").last.click()
    box = page.locator(".long")
    assert box.evaluate("box => box.scrollHeight > box.clientHeight")
    page.emulate_media(media="print", color_scheme="dark")
    assert not box.evaluate("box => box.scrollHeight > box.clientHeight")
    expect(page.locator(".key", has_text="ann")).to_be_visible()
    expect(page.locator("button:visible, nav:visible")).to_have_count(0)
    assert (
        page.evaluate("getComputedStyle(document.querySelector('.card')).backgroundColor")
        == "rgb(255, 255, 255)"
    )
    page.goto("/")  # the inbox does not end with the first sheet, also on one that lies
    expect(page.locator("#pane h1")).to_contain_text("send")
    assert page.locator(".history").evaluate("end => end.getBoundingClientRect().bottom > innerHeight")
    assert page.evaluate("document.documentElement.scrollHeight > 2 * innerHeight")
    page.emulate_media(media="screen", color_scheme="light")


@pytest.mark.long
@on_each_screen(1440, 390)
def test_the_page_of_calls_is_readable(sign_in, scheme, width):
    now = datetime.now(UTC)
    models = ("claude-opus-4-1", "claude-sonnet-4-5", "gpt-5", "gemini-2.5-pro", "text-embedding-3-large")
    agents = ("reviewer", "tester", "bookkeeper-agent", "")
    keep(
        a_call(
            f"call {number}",
            now - timedelta(hours=number),
            model=models[number % 5],
            agent_id=agents[number % 4],
            cost_nano=10_500_000 * (number % 7 + 1),
        )
        for number in range(120)
    )
    at, viewport = "/usage/?by=agent&tz=Europe/Vienna", {"width": width, "height": 844}
    page = sign_in("ada", "viewer", at=at, color_scheme=scheme, viewport=viewport)
    assert fits(page)
    page.get_by_role("region", name="Costs by agent").get_by_role("link", name="tester").click()
    expect(page.locator(".narrowed")).to_contain_text("tester")
    expect(page.get_by_text("Europe/Vienna").first).to_be_visible()
    page.get_by_role("link", name="Cost", exact=True).click()
    expect(page.locator("[aria-sort=descending]")).to_contain_text("Cost")
    assert fits(page)
    assert_accessible(page)
