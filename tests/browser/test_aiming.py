"""Nothing is decided but what was aimed at: the page moves under a hand, and the hand presses all the same."""

import random
import threading
import time

import pytest
from playwright.sync_api import Page, expect

from core import ApprovalGate
from core.models import DecisionIntent
from tests.waiting import wait_until

# An eye of its own: which button was under the pointer in each frame, and since when at the same place.
WATCH = """
window.aim = {action: '', since: 0, x: 0, y: 0, place: ''};
window.wrong = [];
window.pressed = 0;
addEventListener('mousemove', (event) => { aim.x = event.clientX; aim.y = event.clientY; }, true);
(function look() {
  const button = document.elementFromPoint(aim.x, aim.y)?.closest('[data-decide]');
  const action = button?.formAction ?? '';
  const place = button ? JSON.stringify(button.getBoundingClientRect()) : '';
  if (action !== aim.action || place !== aim.place) Object.assign(aim, {action, place, since: performance.now()});
  requestAnimationFrame(look);
})();
// What the page refuses never comes here; what it takes may wait in line before it is sent.
document.addEventListener('submit', (event) => {
  const action = event.submitter?.formAction ?? '', rested = performance.now() - aim.since;
  if (!action.includes('/approvals/')) return;
  pressed += 1;
  if (aim.action !== action || rested < 450) wrong.push({action, under: aim.action, rested});
}, true);
"""


def rest_on(page: Page, request_id: str, word: str) -> None:
    button = page.locator(f"#request-{request_id}").get_by_role("button", name=word)
    expect(button).to_be_enabled()
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def press(page: Page) -> None:
    page.mouse.down()
    page.mouse.up()


def test_a_click_in_flight_when_a_colleague_ends_the_card_above(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "deployer")
    above, aimed, below = (gate.open_request(kind, {"lines": list(range(n))}) for kind, n in
                           (("deploy", 9), ("delete", 3), ("drop table", 3)))  # fmt: skip
    page = sign_in("maria", "approver")
    rest_on(page, aimed.request_id, "Approve")
    gate.respond_to_approval(above.request_id, False, "tom")
    expect(page.locator(f"#request-{above.request_id}.over")).to_be_visible()
    press(page)
    expect(page.locator("#notices")).to_contain_text("You approved")
    assert gate.get_request(aimed.request_id).status == "approved"
    assert gate.get_request(below.request_id).status == "pending"


def test_a_button_that_has_just_come_takes_no_press(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "deployer")
    page = sign_in("maria", "approver")
    # Pressed by the page itself in the very moment in which the button is there.
    page.evaluate("""
      window.tried = 0;
      new MutationObserver((_changes, watch) => {
        const button = document.querySelector('#cards [data-decide].approve');
        if (button) { watch.disconnect(); button.click(); window.tried += 1; }
      }).observe(document.getElementById('main'), {childList: true, subtree: true});
    """)
    request = gate.open_request("deploy", {})
    button = page.locator(f"#request-{request.request_id}").get_by_role("button", name="Approve")
    expect(button).to_be_enabled()
    assert page.evaluate("tried") == 1
    assert not DecisionIntent.objects.exists()
    button.click()
    expect(page.locator("#notices")).to_contain_text("You approved")


def test_a_double_click_is_one_answer_and_three_quick_answers_are_three(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "deployer")
    requests = [gate.open_request(f"deploy {n}", {}) for n in range(3)]
    page = sign_in("maria", "approver")
    buttons = [
        page.locator(f"#request-{r.request_id}").get_by_role("button", name="Approve") for r in requests
    ]
    for button in buttons:
        expect(button).to_be_enabled()
    page.evaluate(
        "for (const button of document.querySelectorAll('.approve')) { button.click(); button.click(); }"
    )
    wait_until(
        lambda: [gate.get_request(r.request_id).status for r in requests] == ["approved"] * 3,
        "all are approved",
    )
    assert DecisionIntent.objects.count() == 3


def test_a_typed_reason_outlives_a_reload_and_the_end_of_its_request(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "deployer")
    request = gate.open_request("deploy", {})
    page = sign_in("maria", "approver")
    card = page.locator(f"#request-{request.request_id}")
    card.get_by_label("Reason").fill("Not before the freeze is over")
    page.reload()
    page.wait_for_selector("[data-connection=live]")
    expect(card.get_by_label("Reason")).to_have_value("Not before the freeze is over")
    gate.respond_to_approval(request.request_id, True, "tom")
    expect(card).to_contain_text("Your reason was not sent: Not before the freeze is over")


@pytest.mark.long
def test_of_300_presses_while_200_requests_come_and_go_none_decides_what_was_not_aimed_at(
    sign_in, clean_redis
):
    chance, done = random.Random(7), threading.Event()

    def colleagues() -> None:
        gate, open_ones = ApprovalGate(clean_redis, "deployer"), []
        for number in range(200):
            lines = list(range(chance.randrange(12)))
            open_ones.append(gate.open_request(f"kind {number}", {"lines": lines}).request_id)
            if len(open_ones) > 6:
                gate.respond_to_approval(open_ones.pop(chance.randrange(len(open_ones))), False, "tom")
            time.sleep(chance.uniform(0.1, 0.9))  # how fast colleagues are
        done.set()

    page = sign_in("maria", "approver")
    page.evaluate(WATCH)
    thread = threading.Thread(target=colleagues, daemon=True)
    thread.start()
    presses = 0
    while not (done.is_set() and presses >= 300):
        spot = page.locator("#cards [data-decide]")
        if presses % 5 == 0 and spot.count():
            box = spot.nth(chance.randrange(spot.count())).bounding_box()
            if box and 0 < box["y"] < 700:
                page.mouse.move(box["x"] + 20, box["y"] + 15)
                page.wait_for_timeout(600)  # a hand that comes to rest
        press(page)
        presses += 1
        page.wait_for_timeout(chance.uniform(0, 350))  # at random moments
    thread.join()
    assert page.evaluate("wrong") == []
    assert page.evaluate("pressed") > 5
