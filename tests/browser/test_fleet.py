"""A thousand agents in a real browser: what needs a look is found at first sight, and the rest costs nothing."""

import time

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_what_people_see import assert_accessible, on_each_screen
from tests.many_agents import a_fleet, beat_all, going_on
from tests.servers import client_of

SIZE = {"width": 1440, "height": 900}
LINES = ["nightly-export", "230 lost: pod-…", "invoice-matcher"]


@pytest.fixture
def raw(clean_redis):
    with client_of(clean_redis) as client:
        yield client


def on_the_first_screen(page: Page, text: str) -> None:
    """Without scrolling."""
    box = page.get_by_role("link", name=text).first.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= SIZE["height"], text


def test_among_a_thousand_what_needs_a_look_is_found_at_first_sight_and_the_dead_are_put_away_by_keyboard(
    sign_in, raw
):
    with going_on(raw, a_fleet(raw)):
        page = sign_in("maria", "approver", viewport=SIZE)
        for count in ("1 failed", "1 stuck", "230 lost"):
            on_the_first_screen(page, count)
        page.get_by_role("link", name="need a look").click()
        expect(page.locator("#fleet")).to_contain_text("230 lost: pod-…")
        for line in LINES:
            on_the_first_screen(page, line)
        assert page.locator("#fleet .failed .state").first.evaluate("e => e.textContent") == "failed"
        page.goto("/")
        the_dead_are_put_away_by_keyboard(page)


def the_dead_are_put_away_by_keyboard(page: Page) -> None:
    page.locator("#agents").get_by_role("link", name="230 lost").click()
    page.wait_for_selector("[data-connection=live]")
    expect(page.locator(".rows tbody tr")).to_have_count(50)
    page.get_by_role("link", name="Next").click()
    expect(page.locator(".pager")).to_contain_text("51 to 100 of 230")
    page.get_by_role("button", name="Put all 230 away").press("Enter")
    expect(page.locator("#notices")).to_contain_text("230 agents are put away")
    page.goto("/")
    expect(page.locator("#agents")).not_to_contain_text("lost")


def test_the_list_follows_without_a_reload_and_leaves_what_is_typed(sign_in, raw):
    beat_all(raw, ["worker-1"])
    page = sign_in("maria", "viewer", at="/agents/")
    page.evaluate("window.same = true")
    page.get_by_label("Name or task").fill("half a na")
    beat_all(raw, ["worker-2"], status="failed")
    expect(page.locator(".rows tbody tr").first).to_contain_text("worker-2")
    beat_all(raw, ["worker-1"], progress=0.77)
    expect(page.locator(".rows")).to_contain_text("77 %")
    assert page.get_by_label("Name or task").input_value() == "half a na"
    assert page.evaluate("window.same") is True


# What stands in a cell and reaches into the next one.
RUN_OVER = """
[...document.querySelectorAll('.rows :is(td, th)')]
  .filter((cell) => cell.scrollWidth > cell.clientWidth).map((cell) => cell.innerText)
"""


def beat_for(page: Page, raw, names: list[str], seconds: float) -> None:
    """These go on, and one that says the same for too long lives."""
    end, turn = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        turn += 1
        beat_all(raw, names, progress=turn % 100 / 100)
        beat_all(raw, ["invoice-matcher"])
        page.wait_for_timeout(1_000)


# Each state that somebody is in has a figure in the head; on a slow machine somebody is late for a moment.
ELEMENTS = "document.querySelectorAll(':not(#agents a[href*=state], #agents a[href*=state] *)').length"


def heard(page: Page, raw, names: list[str], seconds: float) -> tuple[int, int]:
    """Bytes over the socket of the live page while these beat every second, and its elements."""
    page.goto("/")
    page.wait_for_selector("[data-connection=live]")
    for count in ("1 failed", "1 stuck"):
        expect(page.locator("#agents")).to_contain_text(count)
    page.evaluate(
        """document.addEventListener('htmx:ws:after:message:incoming', (event) => {
          window.bytes += event.detail.message.data.length;
        })"""
    )
    beat_for(page, raw, names, 4)  # until all that the fill changed has come
    page.evaluate("window.bytes = 0")
    beat_for(page, raw, names, seconds)
    return page.evaluate("window.bytes"), page.evaluate(ELEMENTS)


@pytest.mark.long
def test_a_thousand_that_beat_cost_the_live_page_what_ten_do(sign_in, raw):
    few, many = [f"worker-{n}" for n in range(5)], [f"worker-{n}" for n in range(760)]
    a_fleet(raw, alive=5, lost=3)
    page = sign_in("maria", "approver", viewport=SIZE)
    bytes_of_few, elements_of_few = heard(page, raw, few, 8)
    a_fleet(raw)
    bytes_of_many, elements_of_many = heard(page, raw, many, 8)
    assert elements_of_many == elements_of_few
    assert bytes_of_many <= 2 * bytes_of_few
    for count in ("1 failed", "1 stuck"):
        on_the_first_screen(page, count)


@pytest.mark.long  # with less on them these pages are among every page
@on_each_screen(1440, 390)
def test_the_lists_are_accessible_and_never_wider_than_the_screen(sign_in, raw, scheme, width):
    a_fleet(raw, alive=60, lost=60)
    beat_all(raw, ["with-a-rather-long-name-" + "x" * 160])
    page = sign_in(
        "ada", "approver", "auditor", color_scheme=scheme, viewport={"width": width, "height": 844}
    )
    for query in ("", "?state=lost", "?group=beginning", "?q=rather"):
        page.goto(f"/agents/{query}")
        page.wait_for_selector("[data-connection=live]")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, query
        assert page.evaluate(RUN_OVER) == [], query
        assert_accessible(page)


def test_on_a_phone_it_is_sorted_too(sign_in, raw):
    beat_all(raw, ["b", "a"])
    page = sign_in("maria", "viewer", at="/agents/", viewport={"width": 390, "height": 844})
    page.get_by_role("link", name="Name", exact=True).click()
    expect(page.locator(".rows [aria-sort=ascending]")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_without_scripts_it_is_searched_sorted_paged_followed_and_put_away(sign_in, raw):
    a_fleet(raw, alive=60, lost=5)
    plain = sign_in("maria", "approver", at="/agents/", wait=False, java_script_enabled=False)
    plain.get_by_role("link", name="Next").click()
    assert "page=2" in plain.url
    plain.get_by_role("link", name="Name", exact=True).click()
    assert "sort=name" in plain.url
    plain.get_by_label("Name or task").fill("nightly")
    plain.get_by_role("button", name="Find").click()
    expect(plain.locator(".rows tbody tr")).to_have_count(1)
    plain.locator("#fleet").get_by_role("link", name="nightly-export").click()
    expect(plain.get_by_role("heading", name="nightly-export")).to_be_visible()
    plain.go_back()
    plain.get_by_role("button", name="Put nightly-export away").click()
    expect(plain.locator("#notices")).to_contain_text("1 agent is put away")
