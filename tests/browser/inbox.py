"""How an operator comes to a request of the inbox."""

from playwright.sync_api import Locator, Page, expect


def line_of(page: Page, text: str) -> Locator:
    """The line of a request that waits, by its kind, its agent or its facts."""
    return page.locator("#lines > .line:not(.over)", has_text=text).first


def choose(page: Page, text: str) -> Locator:
    """Look at a request: what came meanwhile is shown first. The card in the pane."""
    line, news = line_of(page, text), page.locator("#news:visible")
    expect(line.or_(news).first).to_be_visible()
    if not line.count():
        news.click()
    name = line.get_attribute("data-line")
    line.locator("a").click()
    expect(page.locator("#pane")).to_have_attribute("data-shows", name or "")
    return page.locator("#pane .card")
