"""A hundred requests of every sort, cleared by keyboard alone and by mouse alone, and what the keys do."""

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from core import ApprovalGate
from core.models import ApprovalType, AuditEntry
from tests.browser.inbox.choosing import choose, line_of
from tests.browser.pressing import do_until, key_until, look_until, press, until_taken
from tests.live_record import live_record
from tests.waiting import wait_until

# Of each control that is seen: its name and height. A link within text is as high as its line.
SIZES = """
[...document.querySelectorAll(['button, input:not([type=hidden]), textarea, select, summary',
  'nav a, .card h2 a, .figures a, .foot a'])]
  .filter((one) => one.checkVisibility({visibilityProperty: true}) && !one.closest('.unseen'))
  .map((one) => (one.type === 'checkbox' ? one.closest('label') : one))
  .map((one) => [one.ariaLabel || one.textContent.trim() || one.name, one.getBoundingClientRect().height])
"""
ALIKE, ODD, LOOKED_AT, DENIED = 67, 3, 20, 10
IS_FOCUSED = "field => field === document.activeElement"
REASON_IS_FOCUSED = "document.activeElement.matches('textarea')"
RESTS = """() => {
  const button = document.querySelector('[data-decide]'), live = document.documentElement.dataset.connection;
  return button && !button.disabled && button.getAttribute('aria-disabled') === 'false'
    && !document.querySelector('.leaving') && ['live', 'none'].includes(live);
}"""


def ask_a_hundred(url: str) -> None:
    """70 that are alike, of which 3 are unusual; 20 to look at; 10 to deny."""
    crm, robot = ApprovalGate(url, "crm"), ApprovalGate(url, "robot")
    for n in range(ALIKE + ODD):
        field = "phone" if n < ALIKE else "role"
        asked = {"contact": f"C{n}", "field": field, "new": f"+49 {n}"}
        crm.open_request("update_contact", asked, timeout=900 + n)
    for n in range(LOOKED_AT):
        robot.open_request(f"release {n}", {"service": f"shop-{n}"}, timeout=1_200 + n)
    for n in range(DENIED):
        robot.open_request(f"wipe {n}", {"table": f"t{n}"}, timeout=1_500 + n)


class Operator:
    """Somebody who waits until a button rests, and counts what they press. `seen`: what they looked at alone."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.presses = 0
        self.seen: list[str] = []

    def key(self, name: str) -> None:
        self.presses += 1
        self.page.keyboard.press(name)

    def click(self, selector: str) -> None:
        self.presses += 1
        self.page.locator(selector).click()

    def answer(self, word: str, press_once: Callable[[], None]) -> None:
        """Press once more, when the button rests, where a press was not taken."""

        def when_it_rests(_button: Locator) -> None:
            self.page.wait_for_function(RESTS)
            press_once()

        until_taken(self.page.locator(f"#pane [data-decide].{word}"), when_it_rests)

    def waits_for_another(self, before: str) -> str:
        """The request that is shown after `before`, when its answer can be pressed."""
        self.page.wait_for_function(
            "before => document.getElementById('pane').dataset.shows !== before", arg=before
        )
        self.page.wait_for_function(RESTS)
        return self.page.locator("#pane").get_attribute("data-shows") or ""

    def answer_all(self, approve, deny) -> None:
        """One by one, until nobody waits."""
        shown = ""
        for _ in range(ODD + LOOKED_AT + DENIED):
            shown = self.waits_for_another(shown)
            text = self.page.locator("#pane .claim").text_content() or ""
            self.seen.append(text)
            if "table" in text:
                deny()
            else:
                approve()


def confirm(operator: Operator, press_it) -> None:
    """Go to the page that asks once more, and say yes there."""
    page = operator.page
    page.wait_for_url("**/approvals/together/")
    expect(page.locator(".differences tbody tr")).to_have_count(ALIKE)
    assert "role" not in (page.locator(".differences").text_content() or "")
    page.wait_for_function(RESTS)
    do_until(page, press_it, lambda: "/together/" not in page.url)
    page.wait_for_selector("[data-connection=live]")
    expect(page.locator("#notices")).to_contain_text(f"You approved {ALIKE} requests")
    expect(page.locator("#arrivals")).to_contain_text(f"You approved {ALIKE} requests")


def is_all_recorded(name: str) -> None:
    """Each of the hundred is in the record, in the name of this person, the unusual ones too."""
    counts = {"approval.approved": ALIKE + ODD + LOOKED_AT, "approval.rejected": DENIED}
    for kind, count in counts.items():
        entries = AuditEntry.objects.filter(kind=kind, actor=name)
        wait_until(lambda entries=entries, count=count: entries.count() == count, f"{count} {kind}")
        assert entries.values("request_id").distinct().count() == count


@pytest.mark.long
def test_a_hundred_are_cleared_by_keyboard_alone_with_under_150_presses(sign_in, clean_redis):
    ask_a_hundred(clean_redis)
    page = sign_in("maria", "approver", viewport={"width": 1440, "height": 900})
    operator, began = Operator(page), time.monotonic()
    expect(page.locator("#together")).to_be_visible()
    expect(page.locator("#pane.leaving")).to_have_count(0)
    named = page.get_by_role("button", name=f"Approve {ALIKE} update_contact of crm", exact=True)
    expect(named).to_have_count(1)
    do_until(page, lambda: operator.key("Shift+A"), lambda: "/together/" in page.url)
    expect(named).to_be_focused()
    confirm(operator, lambda: operator.key("Enter"))

    def deny() -> None:
        do_until(page, lambda: operator.key("d"), lambda: page.evaluate(REASON_IS_FOCUSED))
        operator.key("n")
        operator.key("o")
        operator.answer("deny", lambda: operator.key("Control+Enter"))

    operator.answer_all(lambda: operator.answer("approve", lambda: operator.key("a")), deny)
    expect(page.locator("#queue-head .count")).to_have_text("0")
    print(f"keyboard: {operator.presses} presses, {time.monotonic() - began:.1f} s")
    assert operator.presses < 150
    assert sum("role" in text for text in operator.seen) == ODD
    is_all_recorded("maria")
    assert AuditEntry.objects.filter(kind="approval.rejected", details__contains="no").count() == DENIED


@pytest.mark.long
def test_a_hundred_are_cleared_by_mouse_with_under_60_clicks(sign_in, clean_redis):
    ask_a_hundred(clean_redis)
    page = sign_in("maria", "approver", viewport={"width": 1440, "height": 900})
    operator, began = Operator(page), time.monotonic()
    operator.click("#together .approve")
    confirm(operator, lambda: operator.click("[data-decide]"))

    def answer(word: str) -> None:
        operator.answer(word, lambda: operator.click(f"#pane [data-decide].{word}"))

    def deny() -> None:
        operator.click("#pane textarea[form=decide]")
        page.keyboard.type("no")
        answer("deny")

    operator.answer_all(lambda: answer("approve"), deny)
    expect(page.locator("#queue-head .count")).to_have_text("0")
    print(f"mouse: {operator.presses} clicks, {time.monotonic() - began:.1f} s")
    assert operator.presses < 60
    is_all_recorded("maria")


def test_keys_move_and_open_and_can_be_switched_off(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "robot")
    requests = [gate.open_request(kind, timeout=600 + n) for n, kind in enumerate(("first", "second"))]
    page = sign_in("maria", "approver", viewport={"width": 1440, "height": 900})
    shown = page.locator("#pane")
    expect(shown).to_have_attribute("data-shows", requests[0].request_id)
    expect(page.locator("#pane.leaving")).to_have_count(0)
    key_until(page, "j", lambda: shown.get_attribute("data-shows") == requests[1].request_id)
    key_until(page, "k", lambda: shown.get_attribute("data-shows") == requests[0].request_id)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("a")
    page.keyboard.press("Escape")
    key_until(page, "r", lambda: page.evaluate(REASON_IS_FOCUSED))
    page.keyboard.type("a reason, and d and a")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.press("Escape")
    ended = requests.pop(0)
    gate.respond_to_approval(ended.request_id, False, "tom")
    expect(page.locator("#pane .card[class*=over]")).to_be_visible()
    said = page.locator("#notices")
    key_until(page, "d", lambda: "this request has ended" in (said.text_content() or ""))
    key_until(page, "j", lambda: shown.get_attribute("data-shows") == requests[0].request_id)
    expect(said).not_to_contain_text("this request has ended")
    page.goto("/account/")
    page.get_by_role("button", name="Switch them off").click()
    expect(page.get_by_role("button", name="Switch them on")).to_be_visible()
    page.goto("/")
    page.wait_for_selector("[data-connection=live]")
    expect(page.get_by_role("button", name="Approve")).to_have_attribute("aria-disabled", "false")
    page.keyboard.press("a")
    page.wait_for_timeout(500)
    assert {gate.get_request(one.request_id).status for one in requests} == {"pending"}


def test_by_keys_what_is_new_is_shown_and_a_long_text_read_beside_the_list(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "robot")
    gate.open_request("first", timeout=600)
    page = sign_in("maria", "approver", viewport={"width": 1440, "height": 900})
    expect(page.locator("#pane h1")).to_contain_text("first")
    gate.open_request("second", {"text": "line\n" * 300}, timeout=700)
    expect(page.locator("#news")).to_be_visible()
    key_until(page, "n", lambda: page.locator("#lines .line").count() == 2)
    key_until(page, "j", lambda: "second" in (page.locator("#pane h1").text_content() or ""))
    assert page.evaluate("document.activeElement.closest('#list') !== null")
    approve = page.get_by_role("button", name="Approve second")
    expect(approve).to_be_disabled()
    look_until(lambda: (page.keyboard.press("Space"), approve.is_enabled())[1], "it was read to its end")


def test_what_comes_waits_until_it_is_asked_for_and_what_ends_keeps_its_place(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "robot")
    first, second = (gate.open_request(kind, timeout=600 + n) for n, kind in enumerate(("first", "second")))
    page = sign_in("maria", "approver", viewport={"width": 1440, "height": 900})
    choose(page, "second")
    expect(page.locator("#arrivals")).to_have_text("")
    before = line_of(page, "second").bounding_box()
    gate.open_request("urgent", timeout=110)
    expect(page.locator("#news")).to_have_text("1 new, show")
    said = page.get_by_role("status").and_(page.locator("#arrivals"))
    expect(said).to_contain_text("New request: urgent of robot, it expires in")
    assert page.locator("#notices").get_attribute("aria-live") == "polite"
    gate.respond_to_approval(first.request_id, False, "tom")
    expect(page.locator(f"#line-{first.request_id}.over")).to_be_visible()
    assert line_of(page, "second").bounding_box() == before
    expect(page.locator("#pane")).to_have_attribute("data-shows", second.request_id)
    page.locator("#news").click()
    expect(page.locator("#lines .line")).to_have_count(2)
    expect(page.locator("#lines .line").first).to_contain_text("urgent")
    press(page.locator("#pane").get_by_role("button", name="Approve"))
    expect(page.locator("#pane h1")).to_contain_text("urgent")


def test_the_key_that_approves_leads_to_what_an_approval_lacks(sign_in, clean_redis):
    ApprovalType.objects.create(name="wipe", digest_typed=True, reason_required=True)
    gate = ApprovalGate(clean_redis, "robot")
    request = gate.open_request("wipe", timeout=600)
    page = sign_in("maria", "approver", viewport={"width": 1440, "height": 900})
    for field, text in (("To approve this, type", request.digest[:6]), ("Reason", "too old")):
        key_until(page, "a", lambda field=field: page.get_by_label(field).evaluate(IS_FOCUSED))
        page.keyboard.type(text)
        page.keyboard.press("Escape")
    assert page.locator("#notices .notice").count() == 0
    key_until(page, "a", lambda: gate.get_request(request.request_id).status == "approved")


def test_on_a_phone_an_approval_that_needs_more_shows_what_before_it_sends_anything(sign_in, clean_redis):
    ApprovalType.objects.create(name="wipe", digest_typed=True)
    gate = ApprovalGate(clean_redis, "robot")
    request = gate.open_request("wipe", timeout=600)
    page = sign_in("maria", "approver", viewport={"width": 390, "height": 844}, has_touch=True)
    choose(page, "wipe")
    typed = page.get_by_label("To approve this, type")
    expect(typed).to_be_hidden()
    do_until(page, page.get_by_role("button", name="Approve wipe").click, typed.is_visible)
    expect(page.locator("#notices")).to_have_text("")
    typed.fill(live_record(gate, request.request_id).digest[:6])
    press(page.get_by_role("button", name="Approve wipe"))
    expect(page.locator("#notices")).to_contain_text("You approved wipe")


def test_on_a_phone_several_are_selected_by_thumb_and_answered_together(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "robot")
    ids = [gate.open_request("change", {"name": name}, timeout=600).request_id for name in ("a", "b")]
    page = sign_in("maria", "approver", viewport={"width": 390, "height": 844}, has_touch=True)
    page.get_by_role("button", name="Select several").click()
    assert too_small(page) == []
    for request_id in ids:
        page.locator(f"#line-{request_id} a").click()
    expect(page.locator("#lines .marked")).to_have_count(2)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#lines .marked")).to_have_count(0)
    page.get_by_role("button", name="Select several").click()
    for request_id in ids:
        page.locator(f"#line-{request_id} a").click()
    page.get_by_role("button", name="Answer 2 together").click()
    expect(page.get_by_role("heading", name="Approve these 2?")).to_be_visible()


def test_on_a_phone_the_list_leads_to_the_request_and_back_and_what_is_pressed_is_large_enough(
    sign_in, clean_redis
):
    gate = ApprovalGate(clean_redis, "robot")
    _first, request = (gate.open_request(kind, timeout=600 + n) for n, kind in enumerate(("first", "second")))
    page = sign_in("maria", "approver", viewport={"width": 390, "height": 844}, has_touch=True)
    expect(page.locator("#pane")).to_be_hidden()
    assert too_small(page) == []
    assert page.locator("#list").bounding_box()["width"] < 390
    page.get_by_role("button", name="By kind, agent, age").click()
    assert too_small(page) == []
    page.get_by_role("link", name="second 1").click()
    expect(page.locator("#lines .line")).to_have_count(1)
    page.get_by_role("link", name="Show all").click()
    choose(page, "second")
    expect(page.locator("#list")).to_be_hidden()
    assert too_small(page) == []
    box = page.get_by_role("button", name="Approve").bounding_box()
    assert box["height"] >= 44
    expect(page.get_by_label("Reason")).to_be_hidden()
    page.get_by_role("button", name="Reason, and more").click()
    expect(page.get_by_label("Reason")).to_be_visible()
    assert page.get_by_role("button", name="Approve").bounding_box() == box
    page.get_by_role("link", name="Back to the list").click()
    expect(page.locator("#pane")).to_be_hidden()
    choose(page, "second")
    expect(page.locator("#inbox.chosen")).to_be_visible()
    page.go_back()  # one step, and no new page: what was typed there stays
    expect(page.locator("#pane")).to_be_hidden()
    assert "selected" not in page.url
    page.go_forward()
    expect(page.locator("#pane h1")).to_contain_text("second")
    page.go_back()
    expect(page.locator("#pane")).to_be_hidden()
    choose(page, "first")
    press(page.get_by_role("button", name="Deny"))
    expect(page.locator("#pane h1")).to_contain_text("second")
    page.goto(f"/approvals/{request.request_id}/")
    page.wait_for_selector("[data-connection=live]")
    assert too_small(page) == []


def too_small(page: Page) -> list[tuple[str, float]]:
    """Of fingers: what is pressed has 44 pixels."""
    return [(name, height) for name, height in page.evaluate(SIZES) if height < 44]
