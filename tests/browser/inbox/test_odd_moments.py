"""The page at odd moments: a laptop that slept, a clock that was set, a link that only jumps, a session that ended."""

import re

from playwright.sync_api import Route, expect

from core import ApprovalGate
from core.history.approvals.answers import extensions
from core.history.approvals.answers.release import release
from core.models import DecisionIntent, WebSession
from core.store.client import open_store
from tests.browser.conftest import fill_in
from tests.browser.inbox.choosing import choose
from tests.browser.inbox.elsewhere import elsewhere
from tests.browser.pressing import key_until, press
from tests.browser.test_when_things_break import silence
from tests.live_record import live_record
from tests.waiting import wait_until

# This socket and the next say nothing for six seconds, of which no test waits one.
TWO_SILENT_SOCKETS = """() => {
  const now = Date.now;
  let passed = 6000;
  Date.now = () => now() + passed;
  window.sockets = 0;
  document.addEventListener('htmx:ws:after:connection', () => { sockets += 1; if (sockets < 2) passed += 6000; });
  document.addEventListener('htmx:ws:before:message:incoming', (event) => { if (sockets < 2) event.preventDefault(); });
}"""
# As a browser that keeps pages: leaving one closes its socket, and coming back is no new page.
FROM_MEMORY = """() => {
  window.left = true;
  for (const kind of ['pagehide', 'pageshow']) dispatchEvent(new PageTransitionEvent(kind, { persisted: true }));
}"""
WIDE = {"width": 1440, "height": 900}
# The clock goes on at once by so many ms; what the page says and sends in the same turn.
PRESS_AT = """by => {
  const now = Date.now;
  Date.now = () => now() + by;
  document.querySelector('[data-decide].approve').click();
  return document.documentElement.dataset.connection;
}"""

# What waits for seconds waits for a tenth of that.
QUICK = """() => {
  const later = setTimeout;
  window.setTimeout = (act, ms, ...more) => later(act, ms / 10, ...more);
}"""


def test_a_press_right_after_a_sleep_is_one_on_a_page_that_is_not_live(sign_in, clean_redis):
    ApprovalGate(clean_redis, "robot").open_request("deploy", timeout=36_000)
    page = sign_in("maria", "approver", viewport=WIDE)
    approve = page.get_by_role("button", name="Approve deploy")
    expect(approve).to_have_attribute("aria-disabled", "false")
    assert page.evaluate(PRESS_AT, 3_600_000) == "stale"
    page.wait_for_selector("[data-connection=live]")
    assert DecisionIntent.objects.count() == 0


def test_an_answer_that_hangs_holds_up_no_other_and_is_said_to_until_it_is_there(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "robot")
    one, two = (gate.open_request(name, timeout=600 + n) for n, name in enumerate(("one", "two")))
    page = sign_in("maria", "approver", viewport=WIDE)
    hanging: list[Route] = []
    page.route(f"**/{one.request_id}/approve/", lambda route: hanging.append(route))
    page.evaluate(QUICK)
    press(page.get_by_role("button", name="Approve one"))
    said = page.locator("#notices")
    expect(said).to_contain_text("No word from the site yet: Approve one of robot.")
    choose(page, "two")
    press(page.get_by_role("button", name="Deny two"))
    expect(said).to_contain_text("You denied two")
    expect(said).to_contain_text("No word from the site yet")
    assert gate.get_request(two.request_id).status == "rejected"
    hanging[0].continue_()
    expect(said).to_contain_text("You approved one")
    expect(said).not_to_contain_text("No word from the site yet")


def test_a_key_that_would_answer_on_a_page_that_is_not_live_says_so(sign_in, clean_redis):
    ApprovalGate(clean_redis, "robot").open_request("one", timeout=600)
    page = sign_in("maria", "approver", viewport=WIDE)
    page.context.set_offline(True)
    silence(page)
    page.wait_for_selector("[data-connection=stale]")
    page.keyboard.press("a")
    expect(page.locator("#notices")).to_contain_text("Nothing was sent: this page is not live.")


def test_a_clock_that_is_set_back_while_the_network_is_silent_keeps_no_page_live(sign_in, clean_redis):
    page = sign_in("maria", "approver")
    page.context.set_offline(True)
    silence(page)
    page.evaluate("() => { const now = Date.now; Date.now = () => now() - 3600000; }")
    page.wait_for_selector("[data-connection=stale]")


def test_a_second_connection_that_is_silent_is_given_up_too(sign_in):
    page = sign_in("maria", "approver")
    page.evaluate(TWO_SILENT_SOCKETS)
    page.wait_for_function("() => window.sockets === 2")
    page.wait_for_selector("[data-connection=live]")


def test_the_link_that_skips_to_the_content_only_jumps(sign_in):
    page = sign_in("maria", "approver")
    page.evaluate("window.same = true")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/#main$"))
    page.wait_for_timeout(300)  # a reload would have begun
    assert page.evaluate("window.same") is True


def test_the_next_line_follows_the_one_that_ended(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "robot")
    asked = {name: gate.open_request(name, timeout=600 + n) for n, name in enumerate(("one", "two", "three"))}
    page = sign_in("maria", "approver", viewport=WIDE)
    choose(page, "two")
    gate.respond_to_approval(asked["two"].request_id, False, "tom")
    expect(page.locator(f"#line-{asked['two'].request_id}.over")).to_be_visible()
    expect(page.locator("#pane .card[class*=over]")).to_be_visible()
    expect(page.locator("#arrivals")).to_have_text("two of robot has ended: Denied by tom")
    shown = page.locator("#pane")
    key_until(page, "j", lambda: shown.get_attribute("data-shows") != asked["two"].request_id)
    expect(shown).to_have_attribute("data-shows", asked["three"].request_id)


def test_the_reason_of_an_approval_that_was_held_was_sent(held, sign_in, clean_redis):
    ApprovalGate(clean_redis, "robot").open_request("deploy", timeout=600)
    page = sign_in("maria", "approver", viewport=WIDE)
    page.get_by_label("Reason").fill("the freeze is over")
    press(page.get_by_role("button", name="Approve deploy"))
    expect(page.locator("#notices [data-held]")).to_be_visible()
    decision = DecisionIntent.objects.get().decision_id
    elsewhere(lambda: release(open_store(), decision))
    expect(page.locator("#pane .card.over-approved")).to_be_visible()
    expect(page.locator("#pane .draft")).to_have_count(0)
    expect(page.locator("#notices .released")).to_be_visible()
    page.keyboard.press("z")
    page.wait_for_timeout(500)  # an answer would be there
    expect(page.locator("#notices")).not_to_contain_text("too late")


def test_who_lets_a_request_wait_longer_stays_with_it_and_keeps_the_reason(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "robot")
    asked = [
        gate.open_request(name, timeout=600 + n, understands=("extended",))
        for n, name in enumerate(("one", "two"))
    ]
    page = sign_in("maria", "approver", viewport=WIDE)
    choose(page, "one")
    page.get_by_label("Reason").fill("not yet")
    page.get_by_text("More answers").click()
    page.get_by_role("button", name="Give one of robot more time").click()
    expect(page.locator("#notices")).to_contain_text("waits until")
    page.wait_for_timeout(500)
    expect(page.locator("#pane")).to_have_attribute("data-shows", asked[0].request_id)
    page.reload()
    expect(page.get_by_label("Reason")).to_have_value("not yet")


def test_another_deadline_is_told_as_no_new_request(sign_in, make_user, clean_redis):
    gate = ApprovalGate(clean_redis, "robot")
    asked = gate.open_request("deploy", timeout=60, understands=("extended",))
    ann = make_user("ann", "approver")
    page = sign_in("maria", "approver", viewport=WIDE)
    left = page.locator("#pane .countdown, #pane [data-deadline]").first
    before = left.get_attribute("data-deadline")
    digest = live_record(gate, asked.request_id).digest
    elsewhere(lambda: extensions.extend(open_store(), ann, asked.request_id, 5, digest))
    wait_until(lambda: left.get_attribute("data-deadline") != before, "the page has the later deadline")
    page.wait_for_timeout(1_200)
    expect(page.locator("#arrivals")).not_to_contain_text("New request")


def test_a_browser_that_was_away_when_its_session_ended_is_told_to_sign_in(sign_in):
    page = sign_in("maria", "approver")
    page.context.set_offline(True)
    page.evaluate("connection.socket.close()")
    page.wait_for_selector("[data-connection=stale]")
    elsewhere(lambda: WebSession.objects.all().delete())
    page.context.set_offline(False)
    page.wait_for_selector("[data-connection=signed-out]")


def test_who_is_signed_out_reads_that_and_nothing_else_is_tried(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "robot")
    for name in ("one", "two"):
        gate.open_request(name, timeout=600)
    page = sign_in("maria", "approver", viewport=WIDE)
    elsewhere(lambda: WebSession.objects.all().delete())
    page.locator("#lines .line a").last.click()
    page.wait_for_selector("[data-connection=signed-out]")
    expect(page.locator("[data-not-fetched]")).to_have_count(0)


def test_a_page_that_is_shown_again_from_memory_is_live_again(sign_in):
    page = sign_in("maria", "approver")
    page.evaluate(FROM_MEMORY)
    page.wait_for_function("() => !window.left && document.documentElement.dataset.connection === 'live'")


def test_what_was_selected_looks_so_when_the_list_is_another(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "robot")
    request = gate.open_request("one", timeout=600)
    page = sign_in("maria", "approver", viewport=WIDE)
    expect(page.locator("#pane")).to_have_attribute("data-shows", request.request_id)
    marked = page.locator(f"#line-{request.request_id}.marked")
    key_until(page, "x", lambda: marked.count() == 1)
    expect(page.locator("#notices")).to_contain_text("1 selected: Shift and a approves them")
    gate.open_request("two", timeout=500)
    page.locator("#news").click()
    expect(page.locator("#lines .line")).to_have_count(2)
    expect(marked).to_have_count(1)
    page.keyboard.press("Escape")
    expect(marked).to_have_count(0)


def test_a_reason_that_one_person_typed_is_not_that_of_who_signs_in_after_them(
    sign_in, make_user, clean_redis
):
    ApprovalGate(clean_redis, "robot").open_request("deploy", timeout=600)
    make_user("bob", "approver")
    page = sign_in("maria", "approver", viewport=WIDE)
    page.get_by_label("Reason").fill("as agreed with ann")
    page.reload()
    expect(page.get_by_label("Reason")).to_have_value("as agreed with ann")
    page.get_by_role("button", name="Sign out").click()
    fill_in(page, "bob")
    page.wait_for_selector("[data-connection=live]")
    expect(page.get_by_label("Reason")).to_have_value("")
