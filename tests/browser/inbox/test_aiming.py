"""Nothing is decided but what was aimed at: the page moves under a hand, and the hand presses all the same."""

import random
import re
import threading

import pytest
from playwright.sync_api import Page, expect

from core import ApprovalGate
from core.models import DecisionIntent
from tests.browser import pressing
from tests.browser.inbox.choosing import choose
from tests.browser.pressing import until_taken
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


def rest_on(page: Page, word: str) -> None:
    """Point at a button of the request that is looked at."""
    button = page.locator("#pane").get_by_role("button", name=word)
    expect(button).to_have_attribute("aria-disabled", "false")
    box = button.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def press(page: Page) -> None:
    page.mouse.down()
    page.mouse.up()


def test_a_click_in_flight_when_a_colleague_ends_the_request_above(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "deployer")
    above, aimed, below = (gate.open_request(kind, {"lines": list(range(n))}) for kind, n in
                           (("deploy", 9), ("delete", 3), ("drop table", 3)))  # fmt: skip
    page = sign_in("maria", "approver")
    choose(page, "delete")
    rest_on(page, "Approve")
    page.wait_for_timeout(600)  # longer than any button has to rest
    gate.respond_to_approval(above.request_id, False, "tom")
    expect(page.locator(f"#line-{above.request_id}.over")).to_be_visible()
    until_taken(page.locator(f"#request-{aimed.request_id} .approve"), lambda _button: press(page))
    expect(page.locator("#notices")).to_contain_text("You approved")
    assert gate.get_request(aimed.request_id).status == "approved"
    assert gate.get_request(below.request_id).status == "pending"


def test_a_click_in_flight_when_a_colleague_ends_the_very_request(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "deployer")
    aimed, other = (gate.open_request(kind) for kind in ("delete", "drop table"))
    page = sign_in("maria", "approver")
    choose(page, "delete")
    rest_on(page, "Approve")
    page.wait_for_timeout(600)
    gate.respond_to_approval(aimed.request_id, False, "tom")
    expect(page.locator(f"#line-{aimed.request_id}.over")).to_be_visible()
    for _ in range(3):
        press(page)
        page.wait_for_timeout(300)
    assert gate.get_request(other.request_id).status == "pending"
    assert not DecisionIntent.objects.exists()


def test_another_button_that_slides_under_the_pointer_takes_no_press(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "deployer")
    request = gate.open_request("deploy")
    page = sign_in("maria", "approver")
    rest_on(page, "Approve")
    page.wait_for_timeout(600)
    page.evaluate("document.querySelector('#pane .deny').after(document.querySelector('#pane .approve'))")
    press(page)
    expect(page.locator("#notices")).to_contain_text("only just come there")
    assert not DecisionIntent.objects.exists()
    until_taken(page.locator(f"#request-{request.request_id} .deny"), lambda _button: press(page))
    expect(page.locator("#notices")).to_contain_text("You denied")
    assert gate.get_request(request.request_id).status == "rejected"


def test_a_button_that_has_just_come_takes_no_press(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "deployer")
    page = sign_in("maria", "approver")
    # Pressed by the page itself in the very moment in which the button is there.
    page.evaluate("""
      window.tried = 0;
      new MutationObserver((_changes, watch) => {
        const button = document.querySelector('#pane [data-decide].approve');
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
    requests = [gate.open_request(f"deploy {n}", {}, timeout=600 + n) for n in range(3)]
    page = sign_in("maria", "approver")
    for request in requests:
        card = page.locator(f"#request-{request.request_id}")
        expect(card.get_by_role("button", name="Approve")).to_have_attribute("aria-disabled", "false")
        page.evaluate(
            "(() => { const one = document.querySelector('#pane .approve'); one.click(); one.click(); })()"
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
        self.ending = threading.Event()
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
            if self.ending.wait(self._chance.uniform(0.1, 0.9)):  # how fast colleagues are
                return


def come_to_rest(page: Page, chance: random.Random) -> None:
    """Choose a request, or what has come, and point at one of its buttons."""
    news, lines = page.locator("#news:visible"), page.locator("#lines > .line:not(.over) a")
    if news.count() and chance.random() < 0.5:
        news.evaluate("button => button.click()")
    elif lines.count():
        lines.nth(chance.randrange(lines.count())).evaluate("link => link.click()")
    page.wait_for_timeout(250)
    buttons = page.locator("#pane [data-decide]")
    if buttons.count():
        box = buttons.nth(chance.randrange(2)).bounding_box()
        if box:
            page.mouse.move(box["x"] + 20, box["y"] + 15)
    page.wait_for_timeout(600)


def click_at_random(page: Page, raw, presses: int, *, until_wrong: bool = False) -> None:
    """Press at random moments while colleagues ask, end and ask again with other deadlines."""
    chance = random.Random(7)
    page.evaluate(WATCH)
    colleagues = Colleagues(raw, 200, random.Random(8))
    colleagues.start()
    try:
        for number in range(presses):
            if number % 5 == 0:
                come_to_rest(page, chance)
            press(page)
            page.wait_for_timeout(chance.uniform(0, 350))  # at random moments
            if until_wrong and page.evaluate("wrong.length"):
                return
    finally:
        colleagues.ending.set()
        colleagues.join()


@pytest.mark.long
def test_500_presses_while_200_requests_come_and_go_decide_only_what_was_under_the_pointer(
    sign_in, clean_redis
):
    page = sign_in("maria", "approver", viewport={"width": 1440, "height": 900})
    click_at_random(page, clean_redis, 500)
    print("taken", page.evaluate("taken"), "wrong", page.evaluate("wrong.length"))
    assert page.evaluate("wrong") == []
    assert page.evaluate("taken") >= 15
    assert DecisionIntent.objects.count() >= 15


@pytest.mark.long
def test_without_the_judge_and_the_fixed_bar_the_same_presses_decide_wrongly(sign_in, clean_redis):
    """The test above can fail: here every press counts as aimed at, and the answer stands where the text ends."""
    page = sign_in("maria", "approver", viewport={"width": 1440, "height": 900})
    page.route(
        re.compile(r"/aim\.[^/]*js$"),
        changed("const wasAimedAt =", "const wasAimedAt = () => true; const judge ="),
    )
    page.route(
        re.compile(r"/inbox\.[^/]*css$"),
        changed(".pane .answer { position: fixed;", ".pane .answer { position: static;"),
    )
    page.reload()
    page.wait_for_selector("[data-connection=live]")
    click_at_random(page, clean_redis, 500, until_wrong=True)
    assert page.evaluate("wrong.length") > 0


def changed(text: str, by: str):
    """Serve a file with one thing in it changed."""

    def serve(route) -> None:
        body = route.fetch().text()
        assert text in body
        route.fulfill(
            body=body.replace(text, by), content_type="text/javascript" if "const" in text else "text/css"
        )

    return serve
