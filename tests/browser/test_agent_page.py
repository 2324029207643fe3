"""The page of an agent in a browser: alive without a reload, two real processes, both themes, small screens."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from core import ApprovalGate, HeartbeatCoordinator
from tests.browser.pressing import turn_to
from tests.browser.test_what_people_see import assert_accessible, on_each_screen
from tests.dashboard.usage.usage_rows import a_call, keep

ROOT = Path(__file__).resolve().parents[2]


def open_agent(page: Page, name: str) -> None:
    """From the list, by a click on its name."""
    turn_to(page, "Agents")
    page.locator("#fleet").get_by_role("link", name=name).first.click()
    page.wait_for_selector("#agent-page")
    page.wait_for_selector("[data-connection=live]")


def test_the_page_follows_its_agent_without_a_reload(sign_in, clean_redis):
    agent = HeartbeatCoordinator(clean_redis)
    agent.start_heartbeat("a/b?c=d#é", display_name="The worker")
    page = sign_in("maria", "approver")
    open_agent(page, "The worker")
    page.evaluate("window.same = true")
    expect(page.locator(".runs")).to_contain_text("running")
    agent.beat("running", 0.42, "reading")
    expect(page.locator(".vital")).to_contain_text("reading")
    expect(page.locator(".vital .percent")).to_have_text("42 %")
    expect(page.locator(".timeline .span").first).to_contain_text("reading")
    request = ApprovalGate(clean_redis, "a/b?c=d#é").open_request("deploy")
    expect(page.locator(".asks")).to_contain_text("deploy")
    ApprovalGate(clean_redis).respond_to_approval(request.request_id, False, "ann", "not now")
    expect(page.locator(".asks")).to_have_count(0)
    expect(page.locator("#agent-page")).to_contain_text("not now")
    agent.stop_heartbeat("failed")
    expect(page.locator(".verdict")).to_contain_text("failed")
    expect(page.locator(".runs")).to_contain_text("failed at 42 %")
    assert page.evaluate("window.same") is True
    page.locator(".ended a").click()
    page.locator(".by a").click()
    expect(page.get_by_role("heading", name="The worker")).to_be_visible()


def test_all_its_times_are_in_the_zone_that_it_names(sign_in, clean_redis):
    now = datetime.now(UTC)
    agent = HeartbeatCoordinator(clean_redis)
    agent.start_heartbeat("worker")
    keep([a_call("now", now, agent_id="worker"), a_call("then", now - timedelta(days=3), agent_id="worker")])
    page = sign_in("maria", "viewer", timezone_id="America/New_York")
    open_agent(page, "worker")
    expect(page.locator(".crumb")).to_contain_text("Times of day: America/New_York")
    there = now.astimezone(ZoneInfo("America/New_York"))
    agent.beat("running", 0.5, "the page is told of it, and is made anew")
    expect(page.locator(".vital")).to_contain_text("made anew")
    expect(page.locator(".calls time").first).to_have_text(f"{there:%H:%M:%S}")
    expect(page.locator(".calls time").last).to_have_text(f"{there - timedelta(days=3):%b %d %H:%M}")


@pytest.mark.long
def test_two_real_processes_are_shown_as_a_conflict_and_one_that_is_killed_ends_it(
    sign_in, agent_process, clean_redis
):
    agent_process("worker")
    page = sign_in("maria", "viewer")
    open_agent(page, "Worker")
    expect(page.locator(".runs .run")).to_have_count(1)
    agent_process("worker")
    expect(page.locator(".conflict-of-two")).to_contain_text("Two processes beat under this name")
    expect(page.locator(".runs .rival")).to_have_count(2)
    expect(page.locator(".timeline polyline")).to_have_count(2)


@pytest.mark.long  # with less on them these pages are among every page
@on_each_screen(1440, 390)
def test_it_is_accessible_and_never_wider_than_the_screen(sign_in, clean_redis, scheme, width):
    rivals, quiet = [HeartbeatCoordinator(clean_redis) for _ in range(2)], HeartbeatCoordinator(clean_redis)
    for number in range(8):
        rival = rivals[number % 2]
        rival.start_heartbeat("busy", display_name="Busy") if number < 2 else rival.beat(
            "running", number / 10, "on"
        )
    quiet.start_heartbeat("quiet-with-a-rather-long-name-" + "x" * 120, {"path": "/very/long/" * 30})
    gate = ApprovalGate(clean_redis, "busy")
    gate.open_request("deploy")
    gate.decide(gate.open_request("delete").request_id, False, "tom", "no " * 60)
    page = sign_in("ada", "viewer", color_scheme=scheme, viewport={"width": width, "height": 844})
    for name in ("Busy", "quiet"):
        page.goto("/")
        page.wait_for_selector("[data-connection=live]")
        open_agent(page, name)
        if name == "Busy":
            expect(page.locator(".conflict-of-two")).to_be_visible()
            expect(page.locator(".ended li")).to_have_count(1)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert_accessible(page)
