"""Nothing is decided but what was aimed at: the page moves under a hand, and the hand presses all the same."""

import random
import threading
import time

import pytest
from playwright.sync_api import Page, expect

from core import ApprovalGate
from core.models import DecisionIntent
from tests.browser import pressing
from tests.waiting import wait_until

# An eye of its own: whose button was under the pointer in each frame, and since when.
WATCH = """
window.aimed = {action: '', since: 0, x: 0, y: 0};
window.wrong = [];
window.taken = 0;
addEventListener('mousemove', (event) => { aimed.x = event.clientX; aimed.y = event.clientY; }, true);
(function look() {
  const action = document.elementFromPoint(aimed.x, aimed.y)?.closest('[data-decide]')?.formAction ?? '';
  if (action !== aimed.action) Object.assign(aimed, {action, since: performance.now()});
  requestAnimationFrame(look);
})();
// What the page refuses never comes here; what it takes may wait in line before it is sent.
document.addEventListener('submit', (event) => {
  const action = event.submitter?.formAction ?? '', rested = performance.now() - aimed.since;
  if (!action.includes('/approvals/')) return;
  taken += 1;
  if (aimed.action !== action || rested < 450) wrong.push({action, under: aimed.action, rested});
}, true);
"""
# The last card goes and the page scrolls by itself: in that very moment the mouse, at rest, is pressed by the page.
PRESS_WHEN_IT_HAS_SCROLLED = """([x, y]) => new Promise((tell) => {
  const press = () => {
    const click = new MouseEvent('click', {bubbles: true, cancelable: true, detail: 1, clientX: x, clientY: y});
    document.elementFromPoint(x, y).dispatchEvent(click);
    tell();
  };
  addEventListener('scroll', press, {once: true, capture: true});
  document.querySelector('#cards .card:last-of-type').remove();
})"""


def rest_on(page: Page, request_id: str, word: str) -> None:
    button = page.locator(f"#request-{request_id}").get_by_role("button", name=word)
    expect(button).to_be_enabled()
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def press(page: Page) -> None:
    page.mouse.down()
    page.mouse.up()


def press_until_taken(page: Page) -> None:
    """At this very place, again and again."""
    wait_until(
        lambda: press(page) or page.locator("#notices", has_text="You approved").count(),
        "what is under the pointer is approved",
    )


def test_a_click_in_flight_when_a_colleague_ends_the_card_above(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "deployer")
    above, aimed, below = (gate.open_request(kind, {"lines": list(range(n))}) for kind, n in
                           (("deploy", 9), ("delete", 3), ("drop table", 3)))  # fmt: skip
    page = sign_in("maria", "approver")
    rest_on(page, aimed.request_id, "Approve")
    gate.respond_to_approval(above.request_id, False, "tom")
    expect(page.locator(f"#request-{above.request_id}.over")).to_be_visible()
    press_until_taken(page)
    assert gate.get_request(aimed.request_id).status == "approved"
    assert gate.get_request(below.request_id).status == "pending"


def test_a_page_that_becomes_shorter_brings_another_button_under_the_pointer(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "deployer")
    requests = [gate.open_request("deploy", {"n": n}, timeout=600 + n) for n in range(8)]
    page = sign_in("maria", "approver")
    page.mouse.move(400, 300)
    page.mouse.wheel(0, 20_000)
    page.wait_for_function("() => scrollY + innerHeight >= document.documentElement.scrollHeight - 1")
    button = page.locator(f"#request-{requests[6].request_id} .approve")
    expect(button).to_have_attribute("aria-disabled", "false")
    box = button.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 15)
    page.wait_for_timeout(600)  # longer than any button has to rest
    page.evaluate(PRESS_WHEN_IT_HAS_SCROLLED, [box["x"] + 20, box["y"] + 15])
    expect(page.locator("#notices")).to_contain_text("only just come there")
    assert not DecisionIntent.objects.exists()
    press_until_taken(page)
    assert gate.get_request(requests[5].request_id).status == "approved"


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
    pressing.press(button)
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


class Colleagues(threading.Thread):
    """Ask, end and ask again with other deadlines, so that cards come, go and stand in another order."""

    def __init__(self, raw, requests: int, chance: random.Random) -> None:
        super().__init__(daemon=True)
        self._gate, self._requests, self._chance = ApprovalGate(raw, "deployer"), requests, chance

    def run(self) -> None:
        waiting: list[str] = []
        for number in range(self._requests):
            lines = list(range(self._chance.randrange(12)))
            deadline = self._chance.choice((60, 300, 900))  # seconds: it stands among the others by it
            asked = self._gate.open_request(f"kind {number}", {"lines": lines}, timeout=deadline)
            waiting.append(asked.request_id)
            if len(waiting) > 10:
                ended = waiting.pop(self._chance.randrange(len(waiting)))
                self._gate.respond_to_approval(ended, False, "tom")
            time.sleep(self._chance.uniform(0.1, 0.9))  # how fast colleagues are


WHERE = """() => [...document.querySelectorAll('#cards [data-decide]')].map((button) => {
  const {left, top} = button.getBoundingClientRect();
  return [left, top];
})"""


def come_to_rest(page: Page, chance: random.Random) -> None:
    """Scroll to a button by the wheel where it is not on the screen, point at it, and hold still."""
    if not (buttons := page.evaluate(WHERE)):
        return
    left, top = chance.choice(buttons)
    if not 60 < top < 640:
        page.mouse.wheel(0, top - 300)
        page.wait_for_timeout(100)
        near = [place for place in page.evaluate(WHERE) if 60 < place[1] < 640]
        left, top = chance.choice(near or [(left, top)])
    page.mouse.move(left + 20, top + 15)
    page.wait_for_timeout(600)


@pytest.mark.long
def test_300_presses_while_200_requests_come_and_go_decide_only_what_was_under_the_pointer(
    sign_in, clean_redis
):
    chance = random.Random(7)
    page = sign_in("maria", "approver")
    page.evaluate(WATCH)
    colleagues = Colleagues(clean_redis, 200, random.Random(8))
    colleagues.start()
    presses = 0
    while colleagues.is_alive() or presses < 300:
        if presses % 5 == 0:
            come_to_rest(page, chance)
        press(page)
        presses += 1
        page.wait_for_timeout(chance.uniform(0, 350))  # at random moments
    assert page.evaluate("wrong") == []
    assert page.evaluate("taken") >= 15
    assert DecisionIntent.objects.count() >= 15
