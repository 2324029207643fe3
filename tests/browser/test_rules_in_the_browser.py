"""A rule made in the browser, without a script: from the request to the list, and what it answers then."""

from playwright.sync_api import expect

from core import ApprovalGate
from tests.live_record import live_record
from tests.waiting import wait_until


def test_a_rule_is_made_from_a_request_and_answers_the_next_one(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "builder")
    page = sign_in("ann", "approver")
    first = gate.open_request("run_command", {"command": "git push origin main", "tries": 3})
    page.goto(f"/approvals/{first.request_id}/")
    page.get_by_role("link", name="Let a rule answer requests like this").click()
    page.get_by_label("Approve").check()
    page.get_by_label("How command must be").select_option("begins")
    page.get_by_label("command begins with").fill("git push origin ")
    page.get_by_label("How tries must be").select_option("between")
    page.get_by_label("tries begins with, or is at least").fill("1")
    page.get_by_label("tries is at most").fill("5")
    page.get_by_label("Reason").fill("pushes of every day")
    page.get_by_role("button", name="Show what it would have answered").click()
    expect(page.locator(".past")).to_contain_text("0 of the last 0 ended requests")
    page.get_by_role("button", name="Save the rule").click()
    expect(page.locator(".notice")).to_contain_text("is at work")
    expect(page.locator(".rules li .about").first).to_contain_text("used 0 of 20 times")
    second = gate.open_request("run_command", {"command": "git push origin dev", "tries": 1})
    wait_until(lambda: live_record(gate, second.request_id).status == "approved", "the rule answers")
    assert live_record(gate, first.request_id).status == "pending"
    page.goto("/")
    expect(page.locator("#ended")).to_contain_text("of ann")
    page.goto("/rules/")
    page.get_by_role("button", name="Revoke").click()
    expect(page.locator(".rules li .about").first).to_contain_text("revoked")
