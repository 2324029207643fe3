"""For who uses no mouse, sees little, or has large fingers: names, announcements, the focus, and sizes."""

import re

import pytest
from playwright.sync_api import Page, expect

from core import ApprovalGate, HeartbeatCoordinator
from tests.browser.pressing import key_until, look_until, press

OUTLINE = """
(() => {
  const style = getComputedStyle(document.activeElement);
  return [document.activeElement.tagName, style.outlineStyle, parseFloat(style.outlineWidth), style.boxShadow];
})()
"""
ENDS_ABOVE_THE_STRIP = """() => {
  scrollTo(0, document.body.scrollHeight);
  const edge = (id) => document.getElementById(id).getBoundingClientRect();
  return edge('inbox').bottom <= edge('notices').top;
}"""

EDGE = "line => getComputedStyle(line).borderLeft"
FILLED = "bar => getComputedStyle(bar).backgroundColor"


def names_of(page: Page, *roles: str) -> list[str]:
    """What a screen reader calls the controls of these roles."""
    tree = page.locator("body").aria_snapshot()
    return [name for role in roles for name in re.findall(rf"- {role}(?: \"([^\"]*)\")?", tree)]


def test_buttons_are_named_the_focus_is_seen_and_goes_on_to_the_next_card_after_a_decision_by_keyboard(
    sign_in, clean_redis
):
    asked = (("payments", "send_money", 600), ("deployer", "deploy", 700))
    gates = [(ApprovalGate(clean_redis, agent), kind, seconds) for agent, kind, seconds in asked]
    requests = [gate.open_request(kind, {"amount": 5}, timeout=seconds) for gate, kind, seconds in gates]
    page = sign_in("maria", "approver", at=f"/approvals/{requests[0].request_id}/")
    every_button_is_named_after_what_it_decides(page)
    page.goto("/")
    page.wait_for_selector("[data-connection=live]")
    every_button_is_named_after_what_it_decides(page)
    expect(page.get_by_role("button", name="Approve")).to_be_enabled()
    whatever_has_the_focus_shows_it(page)
    for request, after in zip(requests, ("#pane h1", "#queue-title"), strict=True):
        button = page.locator(f"#request-{request.request_id}").get_by_role("button", name="Approve")
        expect(button).to_be_enabled()
        press(button, key="Enter")
        expect(page.locator(f"#request-{request.request_id}")).to_have_count(0)
        expect(page.locator(f"{after}:focus, {after} :focus")).to_have_count(1)
    assert [gates[0][0].get_request(one.request_id).status for one in requests] == ["approved"] * 2


def every_button_is_named_after_what_it_decides(page: Page) -> None:
    expect(page.get_by_role("button", name="Approve send_money of payments", exact=True)).to_have_count(1)
    names = names_of(page, "button")
    assert "" not in names
    deciding = [name for name in names if name.startswith(("Approve", "Deny"))]
    assert len(deciding) == len(set(deciding))
    assert {f"{word} send_money of payments" for word in ("Approve", "Deny")} <= set(deciding)


def whatever_has_the_focus_shows_it(page: Page) -> None:
    seen = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        tag, style, width, shadow = page.evaluate(OUTLINE)
        if tag == "BODY":
            break
        assert (style != "none" and width >= 2) or shadow != "none", tag
        seen.add(tag)
    assert {"A", "BUTTON"} <= seen


def test_the_focus_stays_on_the_list_with_whoever_answers_there_and_names_what_is_looked_at(
    sign_in, clean_redis
):
    gate = ApprovalGate(clean_redis, "robot")
    asked = [gate.open_request(kind, timeout=600 + n) for n, kind in enumerate(("one", "two", "three"))]
    page = sign_in("maria", "approver", viewport={"width": 1440, "height": 900})
    focused = page.locator("#lines a:focus .said")
    expect(page.locator("#pane")).to_have_attribute("data-shows", asked[0].request_id)
    key_until(page, "j", lambda: focused.count() == 1)
    expect(focused).to_have_text("two")
    key_until(page, "a", lambda: gate.get_request(asked[1].request_id).status == "approved")
    expect(focused).to_have_text("three")
    gate.open_request("new", timeout=900)
    page.locator("#news").focus()
    page.keyboard.press("Enter")  # and then the button is gone
    expect(focused).to_have_text("three")
    page.evaluate("document.activeElement.blur()")
    key_until(page, "k", lambda: focused.count() == 1)
    expect(focused).to_have_text("one")
    page.evaluate("document.activeElement.blur()")
    key_until(page, "k", lambda: focused.count() == 1)  # there is none before it
    expect(focused).to_have_text("one")


def test_with_the_colours_of_the_system_what_is_selected_and_how_far_something_is_can_be_seen(
    sign_in, clean_redis
):
    gate = ApprovalGate(clean_redis, "robot")
    for number, kind in enumerate(("one", "two")):
        gate.open_request(kind, timeout=600 + number)
    heart = HeartbeatCoordinator(clean_redis)
    heart.start_heartbeat("robot")
    heart.beat("running", 0.5)
    page = sign_in("maria", "approver", viewport={"width": 1440, "height": 900}, forced_colors="active")
    expect(page.locator("#lines a[aria-current]")).to_have_count(1)
    edges = [line.evaluate(EDGE) for line in page.locator("#lines a").all()]
    assert edges[0] != edges[1]
    bar = page.locator("#pane progress")
    expect(bar).to_be_visible()
    assert bar.evaluate(FILLED) not in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)")


@pytest.mark.long
def test_a_notice_names_its_request_covers_nothing_and_leaves_by_itself(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "payments")
    gate.open_request("send_money", timeout=100)
    gate.open_request("deploy", timeout=200)
    page = sign_in("maria", "approver")
    press(page.get_by_role("button", name="Approve send_money of payments"))
    notice = page.locator("#notices .notice")
    expect(notice).to_contain_text("You approved send_money of payments")
    # It stands in a strip at the lower edge, and the page ends above that.
    look_until(lambda: page.evaluate(ENDS_ABOVE_THE_STRIP), "the page ends above the strip")
    page.get_by_role("button", name="Approve deploy of payments").click(trial=True)
    expect(notice).to_have_count(0)
