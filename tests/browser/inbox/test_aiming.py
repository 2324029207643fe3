"""Nothing is decided but what was aimed at: the page moves under a hand, and the hand presses all the same."""

import os
import random
import re
import threading
from collections.abc import Callable
from itertools import count

import pytest
from playwright.sync_api import Page, Route, expect

from core import ApprovalGate
from core.models import DecisionIntent
from tests.browser.inbox.choosing import choose
from tests.browser.pressing import until_taken
from tests.waiting import wait_until

# An eye of its own: whose button was under the pointer in each frame, and since when.
WATCH = """
window.aimed = {action: '', since: 0, x: 0, y: 0};
window.wrong = [];
window.taken = 0;
function see() {
  const action = document.elementFromPoint(aimed.x, aimed.y)?.closest('[data-decide]')?.formAction ?? '';
  if (action !== aimed.action) Object.assign(aimed, {action, since: performance.now()});
}
addEventListener('mousemove', (event) => { aimed.x = event.clientX; aimed.y = event.clientY; see(); }, true);
(function seeEachFrame() { see(); requestAnimationFrame(seeEachFrame); })();
// What the page refuses never comes here; what it takes may wait in line before it is sent.
document.addEventListener('submit', (event) => {
  const action = event.submitter?.formAction ?? '', rested = performance.now() - aimed.since;
  if (!action.includes('/approvals/')) return;
  taken += 1;
  if (aimed.action !== action || rested < 450) wrong.push({action, under: aimed.action, rested});
}, true);
"""
# Approve and Deny change places, and in that very moment the mouse, at rest, is pressed by the page.
SLIDE_AND_PRESS = """([x, y]) => {
  document.querySelector('#pane .deny').after(document.querySelector('#pane .approve'));
  const click = new MouseEvent('click', {bubbles: true, cancelable: true, detail: 1, clientX: x, clientY: y});
  document.elementFromPoint(x, y).dispatchEvent(click);
}"""
IS_UNDER = "(button, [x, y]) => button.contains(document.elementFromPoint(x, y))"
# A line, or what has come, is chosen: by which a number between 0 and 1 decides.
CHOOSE = """([news, place]) => {
  const fresh = document.querySelector('#news:not([hidden])');
  const links = document.querySelectorAll('#lines > .line:not(.over) a');
  if (fresh && news < 0.5) fresh.click();
  else links[Math.floor(place * links.length)]?.click();
}"""
PLACE_OF_A_BUTTON = """(place) => {
  const buttons = document.querySelectorAll('#pane [data-decide]');
  const box = buttons[Math.floor(place * buttons.length)]?.getBoundingClientRect();
  return box?.width ? [box.x + 20, box.y + 15] : null;
}"""


# Half a second each, and more; with WHOLE_SCALE=1 long runs have them all.
PRESSES = 500 if "WHOLE_SCALE" in os.environ else 120


def rest_on(page: Page, word: str) -> tuple[float, float]:
    """Point at a button of the request that is looked at, and stay there for longer than any has to rest. Where."""
    button = page.locator("#pane").get_by_role("button", name=word)
    expect(button).to_have_attribute("aria-disabled", "false")

    def points() -> tuple[float, float] | None:
        box = button.bounding_box()
        at = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(*at)
        page.wait_for_timeout(600)
        return at if button.evaluate(IS_UNDER, list(at)) else None

    return wait_until(points, "the pointer rests on the button")


def press(page: Page) -> None:
    page.mouse.down()
    page.mouse.up()


def test_a_click_in_flight_decides_what_was_aimed_at_when_a_colleague_ends_another_or_the_very_request(
    sign_in, clean_redis
):
    gate = ApprovalGate(clean_redis, "deployer")
    above, aimed, ended, below = (gate.open_request(kind, {"lines": list(range(n))}, timeout=600 + n) for kind, n in
                                  (("deploy", 9), ("delete", 3), ("restart", 4), ("drop table", 5)))  # fmt: skip
    page = sign_in("maria", "approver")
    choose(page, "delete")
    rest_on(page, "Approve")
    gate.respond_to_approval(above.request_id, False, "tom")
    expect(page.locator(f"#line-{above.request_id}.over .ended-as")).to_have_text("Denied by tom")
    until_taken(page.locator(f"#request-{aimed.request_id} .approve"), lambda _button: press(page))
    expect(page.locator("#notices")).to_contain_text("You approved")
    assert gate.get_request(aimed.request_id).status == "approved"

    choose(page, "restart")
    rest_on(page, "Approve")
    gate.respond_to_approval(ended.request_id, False, "tom")
    expect(page.locator(f"#line-{ended.request_id}.over")).to_be_visible()
    for _ in range(3):
        press(page)
        page.wait_for_timeout(300)
    assert gate.get_request(below.request_id).status == "pending"
    assert DecisionIntent.objects.count() == 1


def test_a_button_that_has_just_come_or_slides_under_the_pointer_takes_no_press(sign_in, clean_redis):
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
    expect(page.locator(f"#request-{request.request_id} .approve")).to_be_enabled()
    assert page.evaluate("tried") == 1
    assert not DecisionIntent.objects.exists()

    page.evaluate(SLIDE_AND_PRESS, list(rest_on(page, "Approve")))
    expect(page.locator("#notices")).to_contain_text("only just come there")
    assert not DecisionIntent.objects.exists()
    until_taken(page.locator(f"#request-{request.request_id} .deny"), lambda _button: press(page))
    expect(page.locator("#notices")).to_contain_text("You denied")
    assert gate.get_request(request.request_id).status == "rejected"


def test_while_another_request_is_on_its_way_the_one_that_is_still_shown_takes_no_press(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "deployer")
    one, two = (gate.open_request(kind, timeout=600 + n) for n, kind in enumerate(("deploy", "drop table")))
    page = sign_in("maria", "approver", viewport={"width": 1440, "height": 900})
    expect(page.locator(f"#request-{one.request_id} .approve")).to_have_attribute("aria-disabled", "false")
    slow: list[Route] = []
    page.route(f"**/?selected={two.request_id}", lambda route: slow.append(route))
    page.locator(f"#line-{two.request_id} a").click()
    wait_until(lambda: (page.wait_for_timeout(50), slow)[1], "its text is asked for")
    box = page.locator(f"#request-{one.request_id} .approve").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_timeout(700)  # longer than any button has to rest
    press(page)
    slow.pop().abort()  # nor when it could not be fetched
    expect(page.get_by_text("could not be fetched")).to_be_visible()
    press(page)
    assert not DecisionIntent.objects.exists()
    page.unroute_all()
    expect(page.locator(f"#request-{two.request_id}")).to_be_visible()
    until_taken(page.locator(f"#request-{two.request_id} .approve"), lambda _button: press(page))
    wait_until(
        lambda: gate.get_request(two.request_id).status == "approved", "the one that was chosen is approved"
    )
    assert gate.get_request(one.request_id).status == "pending"


def test_a_double_click_is_one_answer_and_three_quick_answers_are_three(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "deployer")
    requests = [gate.open_request(f"deploy {n}", {}, timeout=600 + n) for n in range(3)]
    page = sign_in("maria", "approver")
    for request in requests:
        button = page.locator(f"#request-{request.request_id}").get_by_role("button", name="Approve")
        expect(button).to_have_attribute("aria-disabled", "false")
        until_taken(button, lambda one: one.evaluate("one => { one.click(); one.click(); }"))
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

    def __init__(self, raw, chance: random.Random) -> None:
        super().__init__(daemon=True)
        self.ending = threading.Event()
        self._gate, self._chance = ApprovalGate(raw, "deployer"), chance

    def run(self) -> None:
        waiting: list[str] = []
        for number in count():
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
    page.evaluate(CHOOSE, [chance.random(), chance.random()])
    page.wait_for_timeout(250)
    place = page.evaluate(PLACE_OF_A_BUTTON, chance.random())
    if place:
        page.mouse.move(*place)
    page.wait_for_timeout(600)


def press_at_random(page: Page, raw, is_enough: Callable[[int], bool]) -> None:
    """Press at random moments while colleagues ask, end and ask again, until so many presses are enough."""
    chance = random.Random(7)
    page.evaluate(WATCH)
    colleagues = Colleagues(raw, random.Random(8))
    colleagues.start()
    try:
        for number in range(4 * PRESSES):
            if is_enough(number):
                return
            if number % 5 == 0:
                come_to_rest(page, chance)
            press(page)
            page.wait_for_timeout(chance.uniform(0, 350))  # at random moments
    finally:
        colleagues.ending.set()
        colleagues.join()


@pytest.mark.long
def test_presses_while_requests_come_and_go_decide_only_what_was_under_the_pointer(sign_in, clean_redis):
    page = sign_in("maria", "approver", viewport={"width": 1440, "height": 900})
    press_at_random(page, clean_redis, lambda n: n >= PRESSES and DecisionIntent.objects.count() >= 15)
    print("taken", page.evaluate("taken"), "wrong", page.evaluate("wrong.length"))
    assert page.evaluate("wrong") == []
    assert page.evaluate("taken") >= 15
    assert DecisionIntent.objects.count() >= 15


@pytest.mark.long
def test_without_the_judge_and_the_fixed_bar_the_same_presses_decide_wrongly(sign_in, clean_redis):
    """The test above can fail: here every press counts as aimed at, and the answer stands where the text ends."""
    page = sign_in(
        "maria", "approver", fresh=True, viewport={"width": 1440, "height": 900}
    )  # nobody else gets these files
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
    press_at_random(page, clean_redis, lambda _n: page.evaluate("wrong.length") > 0)
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
