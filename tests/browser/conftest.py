"""Pages in a real browser: signed in, watched for script errors and for breaches of the content policy."""

from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect

from core.history.recorder.recorder import Recorder
from tests.conftest import PASSWORD
from tests.waiting import PATIENCE

expect.set_options(timeout=PATIENCE * 1000)

COUNT_VIOLATIONS = """
window.violations = [];
document.addEventListener('securitypolicyviolation', (event) => {
  window.violations.push(event.violatedDirective + ' ' + event.blockedURI);
});
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the browser."""
    for item in items:
        if "tests/browser" in str(item.path):
            item.add_marker(pytest.mark.browser)


def session_of(name: str) -> dict[str, str]:
    """The cookie of somebody who signed in elsewhere."""
    client = Client()
    client.force_login(User.objects.get(username=name))
    return {
        "name": settings.SESSION_COOKIE_NAME,
        "value": client.cookies[settings.SESSION_COOKIE_NAME].value,
    }


def fill_in(page: Page, name: str) -> None:
    """Sign in through the form."""
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


@pytest.fixture
def sign_in(
    browser: Browser, site: str, make_user: Callable[..., User], recorder: Recorder
) -> Iterator[Callable[..., Page]]:
    """The live page of somebody who has signed in, with `by_form` here: `sign_in("maria", "approver")`."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def open_page(
        name: str, *groups: str, wait: bool = True, by_form: bool = False, **options: object
    ) -> Page:
        if not User.objects.filter(username=name).exists():
            make_user(name, *groups, is_staff="auditor" in groups)
        context = browser.new_context(base_url=site, **options)
        context.set_default_timeout(PATIENCE * 1000)
        context.add_init_script(COUNT_VIOLATIONS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        if not by_form:
            context.add_cookies([{**session_of(name), "url": site}])
        page.goto("/")
        if by_form:
            fill_in(page, name)
        page.wait_for_selector("#queue-head")
        if wait:
            page.wait_for_selector("[data-connection=live]")
        return page

    yield open_page
    for context in contexts:
        for page in context.pages:
            if page.url.startswith(site):
                errors += page.evaluate("window.violations ?? []")
        context.close()
    assert errors == []
