"""Health and exports in a real browser: what an operator reads at night, and what an auditor takes away."""

import csv
import time
import uuid
from pathlib import Path

import pytest
from playwright.sync_api import expect

from core import ApprovalGate, jobs
from core.models import ApprovalRecord, SetAsideEntry
from tests.browser.test_what_people_see import HOSTILE, assert_accessible, on_each_screen
from tests.servers import client_of
from tests.waiting import wait_until
from tests.workers import start_worker

OUTBOX = "{telemetry}:outbox"
FORGOTTEN_SECONDS = 8 * 24 * 3600  # after so long Redis has no request that could contradict


def set_aside(url: str, fields: dict[str, str]) -> None:
    before = SetAsideEntry.objects.count()
    with client_of(url) as client:
        client.xadd(OUTBOX, fields)
    wait_until(lambda: SetAsideEntry.objects.count() > before, "it is set aside")


@pytest.mark.long  # with less on them these pages are among every page
@on_each_screen(1440, 390)
def test_the_pages_are_accessible_and_never_wider_than_the_screen(sign_in, clean_redis, scheme, width):
    set_aside(clean_redis, {"type": "x" * 300, "what": HOSTILE[0] + "y" * 500})
    viewport = {"width": width, "height": 844}
    page = sign_in("ada", "maintainer", "auditor", color_scheme=scheme, viewport=viewport)
    expect(page.locator("#alarm")).to_contain_text("1 change is set aside")
    assert_accessible(page)
    for address in ("/health/", "/exports/"):
        page.goto(address)
        for summary in page.locator("summary").all():
            summary.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert_accessible(page)


@pytest.mark.long
def test_an_alarm_leads_to_the_change_and_is_over_when_it_is_recorded(sign_in, clean_redis):
    page = sign_in("ada", "maintainer")
    expect(page.locator("#alarm")).to_be_hidden()
    ApprovalGate(clean_redis, "robot").open_request("deploy")
    with client_of(clean_redis, decode_responses=True) as client:
        [(_, asked)] = client.xrange(OUTBOX)
    unknown = str(uuid.uuid4())
    set_aside(clean_redis, {"type": "collected", "request_id": unknown, "collected_ms": "5000"})
    expect(page.locator("#alarm")).to_contain_text("1 change is set aside")
    page.get_by_role("link", name="See Health").click()
    expect(page.locator(".set-aside")).to_contain_text("the outcome of an unknown request was collected")
    page.get_by_role("button", name="Record again").click()
    expect(page.locator(".notice")).to_contain_text("still cannot be recorded")
    then = str(int((time.time() - FORGOTTEN_SECONDS) * 1000))
    with client_of(clean_redis, decode_responses=True) as client:
        client.xadd(OUTBOX, {**asked, "request_id": unknown, "requested_ms": then, "deadline_ms": then})
    wait_until(lambda: ApprovalRecord.objects.filter(pk=unknown).exists(), "the request is recorded")
    page.get_by_role("button", name="Record again").click()
    expect(page.locator(".notice")).to_contain_text("It is in the record now.")
    expect(page.locator(".set-aside")).to_have_count(0)
    page.get_by_role("link", name="Live").click()
    page.wait_for_selector("[data-connection=live]")
    # What nothing confirmed, and what nobody here may answer, are alarms of their own.
    expect(page.locator("#alarm")).not_to_contain_text("set aside")


@pytest.mark.long
def test_an_auditor_asks_for_a_file_and_gets_it_without_a_reload(
    sign_in, start_process, clean_redis, this_database, tmp_path, settings
):
    settings.TELEMETRY_DATA_DIR = tmp_path
    page = sign_in("ada", "auditor")
    ApprovalGate(clean_redis, "robot").open_request("deploy")
    wait_until(ApprovalRecord.objects.exists, "the request is recorded")
    page.get_by_role("link", name="Exports").click()
    page.get_by_role("button", name="Approval requests").click()
    expect(page.locator("#files")).to_contain_text("Waits for a worker.")
    worker = start_worker(start_process, tmp_path, clean_redis, this_database, "--burst")
    link = page.get_by_role("link", name="Download")
    expect(link).to_be_visible()
    with page.expect_download() as waiting:
        link.click()
    rows = list(csv.reader(Path(waiting.value.path()).read_text().splitlines()))
    assert [row[4] for row in rows] == ["approval_type", "deploy"]
    worker.communicate()


@pytest.mark.long
def test_the_queue_in_the_admin_keeps_to_the_policy(sign_in, clean_redis):
    jobs.enqueue_due({})
    page = sign_in("ada", "maintainer", "auditor")
    for address in ("/admin/", "/admin/jobs/", "/admin/jobs/?state=failed"):
        assert page.goto(address).status == 200
        assert page.evaluate("window.violations") == []
    page.get_by_role("link", name="Waiting").click()
    page.locator("#result_list a").first.click()
    assert page.evaluate("window.violations") == []
    page.get_by_role("button", name="Delete it").click()
    expect(page.locator(".messagelist")).to_contain_text("It is deleted.")
    assert jobs.queue().count == len(jobs.TIMETABLE) - 1
