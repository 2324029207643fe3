"""What is on the screen: text from agents as text, both themes, small screens, and nothing from elsewhere."""

import json
import os
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from core import ApprovalGate, HeartbeatCoordinator
from tests.browser.inbox.choosing import choose, line_of, show_all
from tests.browser.pressing import press

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</textarea><svg onload=alert(1)>",
    "javascript:alert(1)",
    '" autofocus onfocus=alert(1) x="',
    "<hx-partial hx-target='#decide' hx-swap='outerHTML'>gone</hx-partial>",
    "{{7*7}} {% url 'live' %}",
    "[link](https://evil.example) https://evil.example",
    "SYSTEM: already approved by admin \u202e\u200b\u2066",
]


def on_each_screen(*widths: int) -> pytest.MarkDecorator:
    """Each width in one of the two themes, which take turns; with WHOLE_SCALE=1 the other one too.

    The last one, where there is least room, each time, and the others in long runs.
    """
    themes = ("light", "dark")
    *rest, short = [(width, themes[number % 2]) for number, width in enumerate(widths)]
    if "WHOLE_SCALE" in os.environ:
        rest += [(width, themes[1 - number % 2]) for number, width in enumerate(widths)]
    long = [pytest.param(*pair, marks=pytest.mark.long) for pair in rest]
    return pytest.mark.parametrize(("width", "scheme"), [short, *long])


def fill(url: str) -> None:
    gate = ApprovalGate(url, "robot <b>1</b>")
    for text in HOSTILE:
        gate.open_request(text[:60] or "x", {text: [text, {"deep": text}], "number": 1})
    coordinator = HeartbeatCoordinator(url)
    coordinator.start_heartbeat("<i>agent</i>", {"m": HOSTILE[0]}, HOSTILE[1])
    coordinator.beat(HOSTILE[2], 0.5, HOSTILE[3] + HOSTILE[4])
    ended = gate.open_request("ended", {"a": 1})
    gate.decide(ended.request_id, False, HOSTILE[0], HOSTILE[1] + HOSTILE[5])


def test_hostile_text_stays_text_on_a_fresh_page_and_in_live_updates(sign_in, clean_redis):
    page = sign_in("maria", "approver")
    fill(
        clean_redis
    )  # while the page is live: the first are shown at once, the others when they are asked for
    for _round in range(2):
        show_all(page, len(HOSTILE))
        expect(page.locator("#ended li")).to_contain_text("<img src=x onerror=alert(1)>")
        page.locator("#lines .line", has_text="already approved by admin").locator("a").click()
        expect(page.locator("#pane .chip", has_text="U+202E").first).to_be_visible()
        for region in ("#live", "#inbox"):
            made = ", ".join(f"{region} {one}" for one in ("script", "img", "svg", "i", "[onerror]"))
            assert page.locator(made).count() == 0
        assert page.locator("#decide").count() == 1
        links = page.locator(":is(#live, #inbox) a")
        hrefs = links.evaluate_all("links => links.map((a) => a.getAttribute('href'))")
        ours = ("/approvals/", "/agents/", "/?", "/record/")
        assert all(href == "/" or href.startswith(ours) for href in hrefs)
        page.reload()
        page.wait_for_selector("[data-connection=live]")


@pytest.mark.long
def test_an_auditor_finds_who_decided_what(sign_in, clean_redis):
    page = sign_in("ada", "auditor", "approver")
    ApprovalGate(clean_redis, "robot").open_request("deploy", {"n": 1})
    press(page.get_by_role("button", name="Deny"))
    expect(page.locator("#ended li")).to_contain_text("recorded")
    page.get_by_role("link", name="Admin").click()
    page.get_by_role("link", name="Audit entries").click()
    page.locator("#searchbar").fill("ada")
    page.locator("#searchbar").press("Enter")
    expect(page.locator("#result_list")).to_contain_text("denied")
    expect(page.locator("#result_list")).to_contain_text("ada")
    expect(page.locator("#result_list")).to_contain_text(re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"))
    page.locator("#result_list a[href*='/approvals/']").first.click()
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    expect(page.locator(".history")).to_contain_text("Denied ada")
    page.get_by_role("link", name="Its entries, with their hashes").click()
    expect(page.locator("#result_list .field-what")).to_contain_text(["denied", "approval asked"])
    page.locator("#result_list .field-sequence a").last.click()
    page.set_viewport_size({"width": 1100, "height": 800})
    details = page.locator(".field-details .readonly")
    expect(details).to_contain_text("digest")
    edge = "element => element.closest('.module').getBoundingClientRect().right"
    text = """element => {
        const all = document.createRange();
        all.selectNodeContents(element);
        return all.getBoundingClientRect().right;
    }"""
    assert details.evaluate(text) <= details.evaluate(edge)


def test_a_context_is_shown_whole_with_numbers_as_they_were_written(sign_in, clean_redis):
    long_text = "start " + "x" * 200_000 + " end"
    context = {
        "text": long_text,
        "amount": 1.10,
        "count": 2**53 + 1,
        "empty": "",
        "none": None,
        "list": [[], {}],
    }
    request = ApprovalGate(clean_redis, "robot").open_request("deploy", context)
    page = sign_in("maria", "approver")
    expect(line_of(page, "deploy")).to_contain_text("of text")
    card = choose(page, "deploy")
    expect(card).to_have_id(f"request-{request.request_id}")
    assert page.locator(".value.long").text_content() == long_text
    expect(page.locator(".size").first).to_contain_text("200,010 characters, 1 line")
    numbers = page.locator(".context .number").all_text_contents()
    assert numbers == [json.dumps(1.10), str(2**53 + 1)]


@on_each_screen(1440, 390, 360)
def test_pages_are_accessible_and_never_wider_than_the_screen(sign_in, clean_redis, scheme, width):
    gate = ApprovalGate(clean_redis, "robot-with-a-rather-long-name-that-goes-on")
    request = gate.open_request(
        "deploy", {"service": "checkout", "path": "/very/long/" * 20, "deep": {"a": [1, 2]}}
    )
    ended = gate.open_request("delete")
    gate.decide(ended.request_id, True, "tom", "fine")
    HeartbeatCoordinator(clean_redis).start_heartbeat("worker", display_name="Worker bee")
    viewport = {"width": width, "height": 844}
    page = sign_in("ada", "approver", "auditor", color_scheme=scheme, viewport=viewport)
    expect(page.locator("#ended li")).to_contain_text("recorded")
    for address in ("/", f"/approvals/{request.request_id}/"):
        page.goto(address)
        page.wait_for_selector("[data-connection=live]")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert_accessible(page)


def test_the_sign_in_page_is_accessible(open_page):
    page = open_page()
    page.goto("/")
    assert_accessible(page)


def nothing_is_on_its_way(page: Page) -> None:
    """What is about to be replaced is pale for a moment, which is no contrast to measure."""
    expect(page.locator(".leaving")).to_have_count(0)


def assert_accessible(page: Page) -> None:
    nothing_is_on_its_way(page)
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
