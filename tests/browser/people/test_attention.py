"""Attention in the browser: title and icon that claim no old number, a forecast, sound and desktop where asked for."""

import re
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from core import ApprovalGate
from core.models import Notice, NoticeChannel
from tests.browser.inbox.choosing import show_all
from tests.browser.pressing import press
from tests.browser.test_what_people_see import assert_accessible, on_each_screen

# What a browser without a screen has neither of: it notes what would be heard and shown.
NOTED = """
window.told = []; window.heard = 0;
window.hiddenNow = false;
Object.defineProperty(document, "hidden", { get: () => window.hiddenNow });
window.Notification = class {
  constructor(text) { window.told.push(text); }
  static permission = "granted";
  static requestPermission() { return Promise.resolve("granted"); }
};
window.AudioContext = class {
  constructor() { window.heard += 1; this.currentTime = 0; this.destination = {}; }
  createGain() { return { gain: {}, connect() {} }; }
  createOscillator() { return { frequency: {}, connect() {}, start() {}, stop() {} }; }
  close() {}
};
"""

ASKS = """
Notification.permission = "default"; window.answer = "denied";
Notification.requestPermission = () => Promise.resolve(Notification.permission = window.answer);
"""


@pytest.fixture
def gate(clean_redis: str) -> ApprovalGate:
    return ApprovalGate(clean_redis, "robot")


@pytest.fixture
def page(sign_in) -> Page:
    return sign_in("maria", "approver")


def hide(page: Page, hidden: bool = True) -> None:
    page.evaluate(f"() => {{ window.hiddenNow = {str(hidden).lower()}; }}")


def heard(page: Page, waiting: int) -> None:
    """The page has noticed that so many wait; what comes at once is one arrival to it."""
    page.wait_for_function(f"() => seenLast?.waiting === {waiting}")


def listed(page: Page, waiting: int) -> None:
    """It shows each of them, too, as one does that is looked at; a list that comes later is news to it."""
    show_all(page, waiting)
    page.wait_for_function(f"() => seenLast?.waiting === {waiting} && seenLast.ids.size === {waiting}")


def test_title_icon_and_head_say_how_many_wait_and_mark_a_number_that_may_be_old(page, gate):
    looks(page, "", "icon")
    lose_the_connection(page)
    looks(page, "(?) ", "icon-stale")
    page.context.set_offline(False)
    looks(page, "", "icon")
    gate.open_request("deploy")
    looks(page, "(1) ", "icon-waiting")
    lose_the_connection(page)
    looks(page, "(1?) ", "icon-stale")
    expect(page.locator("[data-forecast]")).to_be_empty()
    page.context.set_offline(False)
    looks(page, "(1) ", "icon-waiting")
    press(page.get_by_role("button", name="Deny"))
    looks(page, "", "icon")
    the_head_says_how_many_expire_next_and_goes_on_by_itself(page, gate)


def the_head_says_how_many_expire_next_and_goes_on_by_itself(page: Page, gate: ApprovalGate) -> None:
    for _ in range(2):
        gate.open_request("deploy", timeout=175)
    gate.open_request("deploy", timeout=86_000)
    said = page.locator("[data-forecast]")
    expect(said).to_have_text("2 expire in 3 minutes")
    gate.open_request("deploy", timeout=58)
    expect(said).to_have_text("1 expires in a minute")


def looks(page: Page, number: str, icon: str) -> None:
    expect(page).to_have_title(f"{number}Live - Agent telemetry")
    shown = re.compile(rf"/{icon}\.[^/]*svg$")
    expect(page.locator("link[rel=icon]")).to_have_attribute("href", shown)


def lose_the_connection(page: Page) -> None:
    page.context.set_offline(True)
    page.evaluate("() => connection.socket.close()")


def test_nobody_is_told_elsewhere_who_did_not_ask_for_it_or_looks_at_the_page(sign_in, gate):
    page = sign_in("maria", "approver", fresh=True)
    page.add_init_script(NOTED)
    page.reload()
    page.wait_for_selector("[data-connection=live]")
    hide(page)
    gate.open_request("deploy")
    heard(page, 1)
    page.evaluate(
        "() => { for (const what of ['sound', 'desktop']) localStorage.setItem(`attention ${what}`, '1'); }"
    )
    hide(page, False)
    gate.open_request("deploy")
    listed(page, 2)
    assert page.evaluate("() => [window.told, window.heard]") == [[], 0]
    hide(page)
    gate.open_request("deploy")
    page.wait_for_function("() => window.told.length && window.heard")
    assert page.evaluate("() => [window.told, window.heard]") == [["3 requests wait for an answer"], 1]


@pytest.mark.long
def test_the_switches_ask_for_permission_when_they_are_pressed_and_outlive_the_page(sign_in):
    page = sign_in("maria", "approver", fresh=True)
    page.add_init_script(NOTED + ASKS)
    page.goto(page.url + "account/notices/")
    desktop = page.get_by_label("A notification of the desktop")
    sound = page.get_by_label("A sound when")
    desktop.click()
    expect(page.locator("[data-refused]")).to_be_visible()
    expect(desktop).not_to_be_checked()
    page.evaluate("() => { window.answer = 'granted'; }")
    desktop.click()
    expect(desktop).to_be_checked()
    expect(page.locator("[data-refused]")).to_be_hidden()
    sound.click()
    page.wait_for_function("() => window.heard === 1 && localStorage.getItem('attention sound') === '1'")
    page.reload()
    expect(sound).to_be_checked()


@pytest.mark.long  # as the same page with less on it is, among every page
@on_each_screen(1440, 360)
def test_the_page_of_ones_notices_is_accessible_and_never_wider_than_the_screen(sign_in, scheme, width):
    made = NoticeChannel.objects.create(name="a rather long name of a channel that goes on", kind="mail")
    page = sign_in(
        "maria", "approver", wait=False, color_scheme=scheme, viewport={"width": width, "height": 900}
    )
    maria = User.objects.get(username="maria")
    about = {"request_id": UUID(int=1), "agent": "robot-" * 20, "approval_type": "deploy", "step": "first"}
    for number, state in enumerate(Notice.State.values):
        Notice.objects.create(
            key=state,
            channel=made,
            person=maria,
            message=UUID(int=number),
            state=state,
            claimed_at=timezone.now(),
            **about,
        )
    page.goto(page.url + "account/notices/")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert_accessible(page)
