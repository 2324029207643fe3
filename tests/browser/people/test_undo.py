"""An approval that is held, as the person at the browser sees it: the countdown, Undo, and what stands afterwards."""

from playwright.sync_api import expect

from core import ApprovalGate
from core.models import DecisionIntent
from tests.browser.pressing import press
from tests.live_record import live_record

CONTEXT = {"to": "ACME GmbH", "amount": 2070.32, "currency": "EUR", "urgent": True}


def test_approve_is_held_and_undo_takes_it_back(held, clean_redis, sign_in):
    gate = ApprovalGate(clean_redis, "payments-bot")
    request = gate.open_request("send_money", CONTEXT, timeout=600)
    page = sign_in("maria", "approver")

    approve = page.get_by_role("button", name="Approve send_money")
    press(approve)
    notice = page.locator("#notices [data-held]")
    expect(notice).to_contain_text("Approving send_money")
    expect(page.get_by_role("button", name="Undo")).to_have_count(1)
    page.goto(f"/approvals/{request.request_id}/")
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_have_count(1)
    expect(page.get_by_role("button", name="Approving…")).to_be_disabled()
    expect(page.locator("[data-decide].approve")).to_have_count(0)
    undo.click()
    expect(page.locator("#notices")).to_contain_text("You took back your approval")
    assert live_record(gate, request.request_id).status == "pending"
    assert DecisionIntent.objects.get().outcome == "void"
