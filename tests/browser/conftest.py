"""Pages in a real browser: signed in, watched for script errors and for breaches of the content policy."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, Page, ViewportSize, expect

from core.history.recorder.recorder import Recorder
from tests.browser.tabs import Tab
from tests.conftest import PASSWORD
from tests.waiting import PATIENCE

expect.set_options(timeout=PATIENCE * 1000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the browser."""
    for item in items:
        if "tests/browser" in str(item.path):
            item.add_marker(pytest.mark.browser)


def session_of(name: str) -> dict[str, Any]:
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
    page.get_by_role("button", name="Sign in", exact=True).click()


@pytest.fixture(scope="session")
def one_port() -> Iterator[socket.socket]:
    """A port that is kept for all tests of this process: a tab knows one site."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def site_socket(one_port: socket.socket) -> socket.socket:
    """The same port again: the server of a test closes this and leaves that."""
    return one_port.dup()


@pytest.fixture(scope="session")
def idle_tabs() -> dict[str, list[Tab]]:
    """Those that no test has just now, by their options."""
    return {}


@pytest.fixture
def open_page(browser: Browser, site: str, idle_tabs: dict[str, list[Tab]]) -> Iterator[Callable[..., Page]]:
    """A page of somebody who is nobody yet, with cookies of its own: `open_page(viewport=..., has_touch=True)`.

    fresh: in a tab that no other test has, as for scripts that are put into each page of it.
    """
    taken: list[tuple[list[Tab], Tab]] = []

    def new_page(
        viewport: ViewportSize | None = None, color_scheme: Any = None, fresh: bool = False, **options: Any
    ) -> Page:
        idle = idle_tabs.setdefault(repr(sorted(options.items())), []) if not fresh else []
        tab = idle.pop() if idle else Tab(browser, site, **options)
        taken.append((idle, tab))
        return tab.begin(viewport, color_scheme)

    yield new_page
    errors = []
    for idle, tab in taken:
        errors += tab.end()
        idle.append(tab)
        if idle not in idle_tabs.values():
            tab.context.close()
    assert errors == []


@pytest.fixture
def sign_in(
    open_page: Callable[..., Page],
    site: str,
    make_user: Callable[..., User],
    recorder: Recorder,
    four_times_as_often: None,
) -> Callable[..., Page]:
    """A page of somebody who has signed in, with `by_form` here: `sign_in("maria", "approver", at="/usage/")`."""

    def signed_in_page(
        name: str, *groups: str, at: str = "/", wait: bool = True, by_form: bool = False, **options: Any
    ) -> Page:
        if not User.objects.filter(username=name).exists():
            make_user(name, *groups, is_staff="auditor" in groups)
        page = open_page(**options)
        if not by_form:
            page.context.add_cookies([{**session_of(name), "url": site}])
        page.goto(at)
        if by_form:
            fill_in(page, name)
        if at == "/":
            page.wait_for_selector("#queue-head")
        if wait:
            page.wait_for_selector("[data-connection=live]")
        return page

    return signed_in_page
