"""What is longer than two screens can be approved once its end was on the screen; all else at once."""

from playwright.sync_api import Locator, Page, expect

from core import ApprovalGate
from tests.browser.pressing import press

# Past the bar that covers the lower edge; what was on the screen for no frame was not seen.
A_WHEEL_AND_A_LOOK = """() => new Promise((seen) => {
  scrollBy(0, 80);
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(seen)));
})"""
LINES = "\n".join(f"line {number}" for number in range(3_000))


def buttons(page: Page) -> tuple[Locator, Locator]:
    return page.get_by_role("button", name="Approve"), page.get_by_role("button", name="Deny")


def test_a_long_text_must_be_seen_to_its_end_before_it_can_be_approved_and_a_short_one_need_not(
    sign_in, clean_redis
):
    gate = ApprovalGate(clean_redis, "robot")
    page = sign_in("maria", "approver")
    long = {"a text": {"script": LINES + "\nrm -rf /"}, "many values": {f"key {n}": "v" for n in range(300)}}
    for kind, context in long.items():
        show(page, gate.open_request(kind, context).request_id)
        must_be_seen_to_its_end(page)
    show(page, gate.open_request("a few lines", {"a": "b\n" * 10}).request_id)
    approve, _deny = buttons(page)
    expect(approve).to_be_enabled()
    expect(page.get_by_text("Approve opens when")).to_be_hidden()


def test_in_a_low_window_the_answer_covers_nothing_of_what_is_asked_and_opens_at_its_end(
    sign_in, clean_redis
):
    request = ApprovalGate(clean_redis, "robot").open_request("a text", {"script": LINES})
    size = {"width": 320, "height": 256}  # 1280 by 1024 with letters four times as large
    page = sign_in("maria", "approver", at=f"/?selected={request.request_id}", viewport=size)
    approve, _deny = buttons(page)
    text, answer = page.locator("#pane .claim").bounding_box(), page.locator("#pane .answer").bounding_box()
    assert answer["y"] >= text["y"] + text["height"]
    expect(approve).to_be_disabled()
    page.locator(".claim .long").evaluate("box => { box.scrollTop = box.scrollHeight; }")
    page.evaluate("document.querySelector('.claim').scrollIntoView({ block: 'end' })")
    page.evaluate(A_WHEEL_AND_A_LOOK)
    expect(approve).to_be_enabled()


def show(page: Page, request_id: str) -> None:
    page.goto(f"/approvals/{request_id}/")
    page.wait_for_selector("[data-connection=live]")


def must_be_seen_to_its_end(page: Page) -> None:
    approve, deny = buttons(page)
    expect(deny).to_be_enabled()
    expect(page.get_by_text("Approve opens when")).to_be_visible()
    for _look in range(3):  # past the moments at which the guard of aiming opens buttons
        expect(approve).to_be_disabled()
        page.wait_for_timeout(300)
    approve.evaluate("button => { button.disabled = false; button.form.requestSubmit(button); }")
    expect(page.locator("#notices .notice")).to_have_count(0)
    for box in page.locator(".claim .long").all():
        box.evaluate("box => { box.scrollTop = box.scrollHeight; box.scrollIntoView({ block: 'end' }); }")
        page.evaluate(A_WHEEL_AND_A_LOOK)
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    expect(approve).to_be_enabled()
    expect(approve).to_have_attribute("aria-disabled", "false")
    press(approve)
    expect(page.locator(".outcome.approved")).to_be_visible()
