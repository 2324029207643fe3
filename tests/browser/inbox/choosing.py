"""How an operator comes to a request of the inbox."""

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser.pressing import look_until

SHOW_NEWS = "() => document.querySelector('#news:not([hidden])')?.click()"


def line_of(page: Page, name: str) -> Locator:
    """The line of a request that waits, by its kind or its agent."""
    exactly = re.compile(rf"^{re.escape(name)}$")
    named = page.locator(":is(.said, .asking)", has_text=exactly)
    return page.locator("#lines > .line:not(.over)").filter(has=named).first


def choose(page: Page, name: str) -> Locator:
    """Look at a request: what came meanwhile is shown first. The card in the pane."""
    line = line_of(page, name)
    show_until(page, lambda: line.count() == 1, f"{name} is on the list")
    selected = line.get_attribute("data-line")
    line.locator("a").click()
    expect(page.locator("#pane")).to_have_attribute("data-shows", selected or "")
    return page.locator("#pane .card")


def show_until(page: Page, is_shown: Callable[[], bool], description: str) -> None:
    """Show what came, again and again, since what comes after that waits behind the next "1 new, show"."""

    def shown() -> bool:
        page.evaluate(SHOW_NEWS)
        return is_shown()

    look_until(shown, description)


def show_all(page: Page, many: int) -> None:
    """The same until so many wait on the list."""
    waiting = page.locator("#lines > .line:not(.over)")
    show_until(page, lambda: waiting.count() == many, f"{many} requests are on the list")
