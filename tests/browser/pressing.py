"""Presses as an operator makes them: the page takes none on a button or a request that has only just come there."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from playwright.sync_api import Locator, Page, TimeoutError

from tests.waiting import PATIENCE, wait_until

Seen = TypeVar("Seen")

# What the page refuses never comes here: it listens first, and says so to nobody else.
LISTEN = """button => {
  if (!window.pressesTaken) {
    window.pressesTaken = new Set();
    const note = (event) => pressesTaken.add(event.submitter?.getAttribute('formaction'));
    document.addEventListener('submit', note, true);
  }
  const action = button.getAttribute('formaction');
  pressesTaken.delete(action);
  return action;
}"""
IS_TAKEN_OR_OVER = """action => window.pressesTaken?.has(action)
  || !document.querySelector(`[data-decide][formaction="${action}"]`)"""
ONE_TRY_MS = 5_000  # a button may be closed, covered or over meanwhile
BEFORE_THE_NEXT_MS = 100
A_LOOK = 0.05  # seconds; each makes a page and the driver of the browser work


def press(button: Locator, key: str = "") -> None:
    """Press a `[data-decide]` button, by a key where one is named, until the page takes that or has no such button.

    What the server says to it is the caller's to look at. Pages without JavaScript take every press: click there.
    """

    def once(this_answer: Locator) -> None:
        with suppress(TimeoutError):
            if key:
                this_answer.press(key, timeout=ONE_TRY_MS)
            else:
                button.page.mouse.move(1, 1)  # from elsewhere: what scrolls under one at rest takes no press
                this_answer.click(timeout=ONE_TRY_MS)

    until_taken(button, once)


def until_taken(button: Locator, press_once: Callable[[Locator], None]) -> None:
    """The same with another way to press; it is given the button of this very answer, never of another request."""
    page, end = button.page, time.monotonic() + PATIENCE
    action = button.evaluate(LISTEN)
    while True:
        press_once(button.and_(page.locator(f'[formaction="{action}"]')))
        if page.evaluate(IS_TAKEN_OR_OVER, action):
            return
        said = page.locator("#notices").text_content()
        assert time.monotonic() < end, (
            f"in {PATIENCE} s no press on {action} was taken; the page says: {said!r}"
        )
        page.wait_for_timeout(BEFORE_THE_NEXT_MS)


def look_until(is_so: Callable[[], Seen], description: str) -> Seen:
    """Wait until a page says so, and return what it said."""
    return wait_until(is_so, description, every=A_LOOK)


def key_until(page: Page, key: str, done: Callable[[], bool]) -> None:
    """Press a key until that is so."""
    do_until(page, lambda: page.keyboard.press(key), done)


def do_until(page: Page, act: Callable[[], None], done: Callable[[], bool]) -> None:
    """Do it until that is so: the page takes nothing while what it acts on is on its way. It does no harm twice."""
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end, f"in {PATIENCE} s nothing came of it"
        act()
        once_more = time.monotonic() + ONE_TRY_MS / 1000
        while not done() and time.monotonic() < once_more:
            page.wait_for_timeout(BEFORE_THE_NEXT_MS)


def turn_to(page: Page, name: str) -> None:
    """Go to a page by the head, where a phone has a menu."""
    menu = page.get_by_role("button", name="Menu", exact=True)
    if menu.is_visible():
        menu.click()
    page.get_by_role("navigation", name="Pages").get_by_role("link", name=name).click()
