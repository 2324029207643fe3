"""What people see of policy: who approved already, what an answer needs, why somebody may not; and rules."""

import re

import pytest
from playwright.sync_api import expect

from core import ApprovalGate
from core.models import ApprovalType
from tests.browser.pressing import press
from tests.conftest import PASSWORD
from tests.live_record import live_record
from tests.waiting import wait_until


def test_two_people_approve_and_the_second_page_says_who_did(sign_in, clean_redis):
    ApprovalType.objects.create(name="deploy", approvers=2)
    gate = ApprovalGate(clean_redis, "worker")
    ann, bob = sign_in("ann", "approver"), sign_in("bob", "approver")
    request = gate.open_request("deploy", {"to": "production"})
    card = f"#request-{request.request_id}"
    press(ann.locator(f"{card} .approve"))
    expect(ann.locator("#notices")).to_contain_text("Counted: 1 of 2")
    expect(bob.locator(".votes")).to_contain_text("1 of 2 approved by ann")  # on the live page, by itself
    bob.goto(f"/approvals/{request.request_id}/")
    expect(bob.locator(".votes")).to_contain_text("1 of 2 approved by ann")
    press(bob.locator(f"{card} .approve"))
    expect(bob.locator(card)).to_contain_text("Approved")
    assert live_record(gate, request.request_id).responder == "bob"


@pytest.mark.long
def test_what_cannot_be_undone_wants_the_password_again_and_the_beginning_of_the_digest(sign_in, clean_redis):
    ApprovalType.objects.create(name="drop database", irreversible=True)
    gate = ApprovalGate(clean_redis, "worker")
    page = sign_in("ann", "approver")
    request = gate.open_request("drop database")
    card, digest = f"#request-{request.request_id}", live_record(gate, request.request_id).digest
    press(page.locator(f"{card} .approve"))
    expect(page.locator("#notices")).to_contain_text("type the first six characters")
    page.locator(card).get_by_role("link", name="give your password again").click()
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("alert")).to_contain_text("not the password")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(page).to_have_url(re.compile(f"/approvals/{request.request_id}/$"))
    page.get_by_label("To approve this, type").fill(digest[:6])
    press(page.locator(f"{card} .approve"))
    expect(page.locator(card)).to_contain_text("Approved")


@pytest.mark.long
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
