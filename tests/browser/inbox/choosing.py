"""How an operator comes to a request of the inbox."""

import re

from playwright.sync_api import Locator, Page, expect


def line_of(page: Page, name: str) -> Locator:
    """The line of a request that waits, by its kind or its agent."""
    exactly = re.compile(rf"^{re.escape(name)}$")
    named = page.locator(":is(.said, .asking)", has_text=exactly)
    return page.locator("#lines > .line:not(.over)").filter(has=named).first


def choose(page: Page, name: str) -> Locator:
    """Look at a request: what came meanwhile is shown first. The card in the pane."""
    line, news = line_of(page, name), page.locator("#news:visible")
    expect(line.or_(news).first).to_be_visible()
    if not line.count():
        news.click()
    selected = line.get_attribute("data-line")
    line.locator("a").click()
    expect(page.locator("#pane")).to_have_attribute("data-shows", selected or "")
    return page.locator("#pane .card")
