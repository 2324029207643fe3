"""An approval that is held, as the person at the browser sees it: the countdown, Undo, and what stands afterwards."""

from uuid import UUID

from playwright.sync_api import expect

from core import ApprovalGate
from core.history.approvals.answers import release
from core.models import ApprovalType, DecisionIntent
from tests.browser.inbox.choosing import choose
from tests.browser.pressing import key_until, press
from tests.live_record import live_record
from tests.waiting import wait_until

CONTEXT = {"to": "ACME GmbH", "amount": 2070.32, "currency": "EUR", "urgent": True}


def still_held():
    return list(DecisionIntent.objects.filter(outcome="on_hold").values_list("request_id", flat=True))


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

    press(page.locator("[data-decide].approve"))  # on its own page the end is said too
    strip = page.locator("#notices .held")
    expect(strip).to_contain_text("Approving send_money")
    release.release(gate._store, DecisionIntent.objects.get(outcome="on_hold").pk)
    expect(strip).to_contain_text("Approved send_money")


def test_who_approves_goes_on_and_undo_leads_back_the_last_one_first(held, clean_redis, sign_in):
    gate = ApprovalGate(clean_redis, "robot")
    one, two, three = (
        gate.open_request(name, timeout=600 + n) for n, name in enumerate(("one", "two", "three"))
    )
    page = sign_in("maria", "approver", viewport={"width": 1440, "height": 900})
    shown, strip = page.locator("#pane"), page.locator("#notices [data-held]")
    for request, after in ((one, two), (two, three)):
        press(page.locator(f"#request-{request.request_id} .approve"))
        expect(shown).to_have_attribute("data-shows", after.request_id)
    press(page.locator(f"#request-{three.request_id} .deny"))  # what is held is none to go on to
    expect(page.locator("#notices")).to_contain_text("You denied three")
    expect(strip).to_have_count(2)
    expect(shown).to_have_attribute("data-shows", "")
    for request, left in ((two, 1), (one, 0)):
        key_until(page, "z", lambda left=left: strip.count() == left)
        expect(shown).to_have_attribute("data-shows", request.request_id)
        expect(page.locator(f"#request-{request.request_id} .approve")).to_be_enabled()
    assert set(DecisionIntent.objects.filter(approved=True).values_list("outcome", flat=True)) == {"void"}


def test_undo_by_key_is_of_the_request_that_is_looked_at(held, clean_redis, sign_in):
    gate = ApprovalGate(clean_redis, "robot")
    one, two = (gate.open_request(name, timeout=600 + n) for n, name in enumerate(("one", "two")))
    page = sign_in("maria", "approver", viewport={"width": 1440, "height": 900})
    for request in (one, two):
        press(page.locator(f"#request-{request.request_id} .approve"))
    expect(page.locator("#notices [data-held]")).to_have_count(2)
    choose(page, "one")
    key_until(page, "z", lambda: page.locator("#notices [data-held]").count() == 1)
    wait_until(lambda: still_held() == [UUID(two.request_id)], "that of the other one is held")


def test_by_thumb_each_approval_is_one_press_and_the_last_one_leads_to_the_list(held, clean_redis, sign_in):
    gate = ApprovalGate(clean_redis, "robot")
    requests = [gate.open_request(name, timeout=600 + n) for n, name in enumerate(("one", "two"))]
    page = sign_in("maria", "approver", viewport={"width": 390, "height": 844}, has_touch=True)
    choose(page, "one")
    for request in requests:
        press(page.locator(f"#request-{request.request_id} .approve"))
    expect(page.locator("#pane")).to_be_hidden()
    expect(page.locator("#lines .mark-held")).to_have_text(["maria is approving"] * 2)
    gate.respond_to_approval(requests[0].request_id, False, "tom")
    expect(page.locator("#notices .refused")).to_contain_text("Denied by tom: that approval did not count.")
    page.locator("#notices [data-undo]:visible").click()
    expect(page.locator("#pane h1")).to_contain_text("two")
    wait_until(lambda: not still_held(), "it is taken back")


def test_of_many_that_were_approved_together_those_that_did_not_count_are_named_with_why(
    held, clean_redis, sign_in
):
    gate = ApprovalGate(clean_redis, "robot")
    asked = [
        gate.open_request("deploy", {"service": name}, timeout=600).request_id for name in ("a", "b", "c")
    ]
    page = sign_in("maria", "approver", viewport={"width": 1440, "height": 900})
    page.locator("#pane [data-group][value=approve]").click()
    page.get_by_role("button", name="Approve 3").click()
    strip = page.locator("#notices .held")
    expect(strip).to_contain_text("Approving 3 requests")
    first, second, third = (DecisionIntent.objects.get(request_id=one).pk for one in asked)
    release.release(gate._store, first)
    expect(strip).to_contain_text("Approving 2 requests")
    ApprovalType.objects.create(name="deploy", approvers=2)
    release.release(gate._store, second)
    release.release(gate._store, third)
    expect(strip).to_contain_text("Approved 1 request.")
    expect(strip).to_contain_text("2 not approved:")
    expect(strip.locator("p > span")).to_have_text(
        [f"deploy of robot (service {name}): {release.MORE_PEOPLE}" for name in ("b", "c")]
    )
    expect(strip.get_by_role("button")).to_have_count(0)


def test_an_approval_that_policy_takes_away_at_its_release_is_said_and_can_be_given_again(
    held, clean_redis, sign_in
):
    gate = ApprovalGate(clean_redis, "robot")
    one, _two = (gate.open_request(name, timeout=600 + n) for n, name in enumerate(("one", "two")))
    page = sign_in("maria", "approver", viewport={"width": 1440, "height": 900})
    press(page.locator(f"#request-{one.request_id} .approve"))
    strip = page.locator("#notices .held")
    expect(strip).to_contain_text("Approving one of robot")
    ApprovalType.objects.create(name="one", approvers=2)
    assert release.release(gate._store, DecisionIntent.objects.get().pk) is None
    expect(strip).to_contain_text("Not approved: one of robot")
    expect(strip).to_contain_text(release.MORE_PEOPLE)
    expect(strip.get_by_role("button")).to_be_hidden()
    expect(choose(page, "one").locator(".approve")).to_be_enabled()
