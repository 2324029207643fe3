"""The usage page in a real browser: it lives, it draws in both themes, and it is readable without script."""

import re

import pytest
from playwright.sync_api import Page, expect

from core import UsageTracker
from core.models import LLMCall
from dashboard.usage.page import colour_of
from tests.browser.pressing import do_until, look_until
from tests.browser.test_what_people_see import assert_accessible, on_each_screen
from tests.core.usage.usage_help import book, track
from tests.dashboard.usage.usage_rows import a_call, keep, many
from tests.waiting import wait_until

EVIL = "<img src=x onerror=alert(1)>\u202e"
COUNT_INK = """id => {
  const canvas = document.getElementById(id);
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  const colours = {};
  for (let i = 0; i < pixels.length; i += 4) {
    if (pixels[i + 3] === 255) {
      const name = [pixels[i], pixels[i + 1], pixels[i + 2]].join();
      colours[name] = (colours[name] ?? 0) + 1;
    }
  }
  return colours;
}"""


@pytest.fixture
def tracker(clean_redis, tmp_path):
    tracking = UsageTracker(tmp_path / "spool", memory=clean_redis, price_book=book())
    yield tracking
    tracking.close()


def ink(page: Page, canvas: str) -> dict[str, int]:
    return page.evaluate(COUNT_INK, canvas)


def main_colour(page: Page, canvas: str) -> str:
    colours = ink(page, canvas)
    return max(colours, key=lambda name: colours[name], default="")


def rgb(page: Page, selector: str) -> str:
    text = page.locator(selector).first.evaluate("element => getComputedStyle(element).backgroundColor")
    return text.removeprefix("rgb(").removesuffix(")").replace(" ", "")


def test_calls_appear_without_reload_and_an_answer_that_fails_is_said_and_fetched_again(sign_in, tracker):
    page = sign_in("maria", "viewer", at="/usage/")
    expect(page.get_by_role("heading", name="No model call is recorded yet")).to_be_visible()
    page.evaluate("window.same = true")
    track(tracker, cost=2)
    expect(page.locator(".calls tbody tr")).to_have_count(1)
    expect(page.locator("#costs-canvas")).to_be_visible()
    page.locator("#costs-table summary").click()
    page.locator("#costs-table summary").focus()
    track(tracker, 3, cost=2, workflow=EVIL)
    expect(page.locator(".calls tbody tr")).to_have_count(4)
    expect(page.locator(".figures")).to_contain_text("$8.00")
    expect(page.locator("#costs-table")).to_have_attribute("open", "")
    expect(page.locator("#costs-table summary")).to_be_focused()
    expect(page.locator("#costs-plot")).to_have_attribute("aria-label", re.compile(r"\$8\.00 in all"))
    look_until(lambda: ink(page, "costs-canvas"), "the chart is drawn")
    page.wait_for_function("() => !fetching && !owed")  # what is on its way would come all the same
    page.route("**/usage/", lambda route: route.abort())
    track(tracker, cost=2)
    expect(page.get_by_text("could not be fetched")).to_be_visible()
    page.unroute("**/usage/")
    expect(page.locator(".calls tbody tr")).to_have_count(5)
    expect(page.get_by_text("could not be fetched")).to_have_count(0)
    a_burst_ends_with_the_last_one_shown(page, tracker)
    assert page.evaluate("window.same") is True


def a_burst_ends_with_the_last_one_shown(page: Page, tracker: UsageTracker) -> None:
    for number in range(120):
        track(tracker, cost=1, stage=f"stage {number}")
    tracker.flush()
    wait_until(lambda: LLMCall.objects.count() == 125, "all are recorded")
    expect(page.locator(".figures")).to_contain_text("$130.00")
    expect(page.locator(".calls tbody tr")).to_have_count(50)


def test_charts_are_drawn_in_the_colours_of_the_theme_and_a_bar_leads_to_its_calls(sign_in):
    keep(many(60))
    page = sign_in("maria", "viewer", at="/usage/?by=tier&range=7d", color_scheme="light")
    of_the_name = f".colour-{colour_of('capable')}"
    light = rgb(page, of_the_name)

    def drawn_in_them() -> bool:
        return main_colour(page, "costs-canvas") == rgb(page, of_the_name)

    look_until(drawn_in_them, "the chart is drawn in the colours of the page")
    page.emulate_media(color_scheme="dark")
    look_until(lambda: rgb(page, of_the_name) != light, "the page is in its other colours")
    look_until(drawn_in_them, "the chart is drawn in them")
    plot = page.locator("#costs-plot")
    box = plot.bounding_box()
    bar = {"x": box["width"] / 2, "y": box["height"] - 45}
    # A chart that is just drawn anew has no bar.
    do_until(page, lambda: plot.click(position=bar), lambda: "/usage/calls/" in page.url)
    page.wait_for_url("**/usage/calls/?from=*&to=*&tier=*")
    expect(page.locator(".calls tbody tr").first).to_be_visible()


@on_each_screen(1440, 390)
def test_the_page_is_accessible_and_never_wider_than_the_screen_with_calls_and_without(
    sign_in, scheme, width
):
    viewport = {"width": width, "height": 844}
    page = sign_in("maria", "viewer", at="/usage/", color_scheme=scheme, viewport=viewport)
    is_accessible(page, width)
    show(page, "?from=x")
    is_accessible(page, width)
    long_name = "a-model-with-a-name-that-goes-on-" * 5
    keep([*many(6), a_call("evil", model=EVIL, workflow=EVIL, tier=EVIL), a_call("long", model=long_name)])
    show(page, "?by=model")
    page.locator("#costs-table summary").click()
    assert page.locator("#usage img").count() == 0
    is_accessible(page, width)


def show(page: Page, query: str) -> None:
    page.goto(f"/usage/{query}")
    page.wait_for_selector("[data-connection=live]")


def is_accessible(page: Page, width: int) -> None:
    for one in page.locator(".days :is(input:not([type=hidden]), button)").all() if width < 640 else ():
        assert one.bounding_box()["height"] >= 44  # for a finger
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    expect(page.locator("#notices")).to_be_empty()
    assert_accessible(page)


def test_without_script_tables_are_readable_days_are_chosen_and_their_file_is_offered(sign_in):
    keep(many(30))
    plain = sign_in("maria", "viewer", at="/usage/", wait=False, java_script_enabled=False)
    expect(plain.locator(".plot").first).to_be_hidden()
    expect(plain.locator(".steps-table")).to_contain_text("Baseline")
    plain.locator("#costs-table summary").click()
    expect(plain.locator("#costs-table tbody tr")).to_have_count(7)
    plain.get_by_role("link", name="30 days").click()
    plain.get_by_role("link", name="Workflow").click()
    expect(plain.locator("#costs-table tbody tr")).to_have_count(30)
    with plain.expect_download() as download:
        plain.get_by_role("link", name="CSV").click()
    assert len(download.value.path().read_text().splitlines()) == 31
    plain.get_by_label("From", exact=True).fill("2025-01-05")
    plain.get_by_label("to", exact=True).fill("2025-01-04")
    plain.get_by_role("button", name="Show").click()
    expect(plain.get_by_role("alert")).to_contain_text("from is after to")
