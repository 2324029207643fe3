"""What somebody folded, chose and typed outlives what the server has news of."""

from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from core import ApprovalGate
from core.history.approvals.answers import extensions, handing
from core.history.approvals.comments import comment
from core.store.client import open_store
from tests.browser.inbox.choosing import choose, line_of
from tests.browser.inbox.elsewhere import elsewhere
from tests.browser.pressing import key_until, until_taken
from tests.live_record import live_record

CONTEXT = {"first": {"a": "below the first"}, "second": {"b": "below the second"}}


def is_read_so(page: Page) -> None:
    expect(page.locator(".claim").get_by_text("below the first")).to_be_hidden()
    expect(page.locator(".claim").get_by_text("below the second")).to_be_visible()
    expect(page.locator("#more-answers, .more-answers").first).to_have_attribute("open", "")


def read(page: Page) -> None:
    """Fold one part, and unfold another."""
    page.locator(".claim summary").first.click()
    page.locator(".more-answers summary").click()
    is_read_so(page)


def test_news_fold_and_unfold_nothing_and_take_no_word_away(sign_in, make_user, clean_redis):
    ann, gate = make_user("ann", "approver"), ApprovalGate(clean_redis, "robot")
    request = gate.open_request("deploy", CONTEXT, timeout=600, understands=("extended",))
    page = sign_in("maria", "approver", viewport={"width": 1440, "height": 900})
    own = page.context.new_page()
    own.goto(f"/approvals/{request.request_id}/")
    own.wait_for_selector("[data-connection=live]")
    choose(page, "deploy")
    deadline = line_of(page, "deploy").locator("time").get_attribute("data-deadline")
    for one in (page, own):
        read(one)
        one.get_by_label("Reason").fill("half a sen")
        one.get_by_label("Wrong target").check()
    digest = live_record(gate, request.request_id).digest
    elsewhere(lambda: comment(request.request_id, "robot", "ann", "is this the right one?"))
    elsewhere(lambda: handing.hand_over(open_store(), ann, request.request_id, f"person:{ann.pk}"))
    elsewhere(lambda: extensions.extend(open_store(), ann, request.request_id, 5, digest))
    later = int(deadline or 0) + timedelta(minutes=5).seconds * 1000
    expect(line_of(page, "deploy").locator("time")).to_have_attribute("data-deadline", str(later))
    expect(line_of(page, "deploy").locator(".mark-handed")).to_have_text("ann answers it")
    for one in (own, page):
        expect(one.locator("#comments blockquote")).to_have_text("is this the right one?")
        expect(one.locator(".handed")).to_have_text("ann answers it")
        is_read_so(one)
        expect(one.get_by_label("Reason")).to_have_value("half a sen")
        expect(one.get_by_label("Wrong target")).to_be_checked()


def test_a_request_that_could_not_be_fetched_is_shown_once_it_can_be_and_denied_by_a_key_for_each_part(
    sign_in, clean_redis
):
    page = sign_in("maria", "approver", viewport={"width": 1440, "height": 900})
    page.route("**/?selected=*", lambda route: route.abort())
    gate = ApprovalGate(clean_redis, "robot")
    request = gate.open_request("deploy", timeout=600)
    said = page.get_by_text("could not be fetched")
    expect(said).to_be_visible()
    expect(page.locator("#pane")).to_have_text("This request is on its way.")  # its line is selected already
    page.unroute("**/?selected=*")
    expect(page.get_by_role("button", name="Deny")).to_have_attribute("aria-disabled", "false")
    expect(said).to_have_count(0)
    key_until(page, "3", page.get_by_label("Need more information first").is_checked)
    until_taken(page.get_by_role("button", name="Deny"), lambda _button: page.keyboard.press("d"))
    expect(page.locator("#notices")).to_contain_text("You denied")
    assert live_record(gate, request.request_id).reason.endswith("Need more information first")


@pytest.mark.long
def test_who_looks_at_the_same_request_is_named_and_moves_nothing(sign_in, clean_redis):
    ApprovalGate(clean_redis, "robot").open_request("deploy", timeout=600)
    page = sign_in("maria", "approver", viewport={"width": 1440, "height": 900})
    choose(page, "deploy")
    before = page.locator(".claim").bounding_box()
    other = sign_in("tom", "approver", viewport={"width": 1440, "height": 900})
    choose(other, "deploy")
    expect(page.locator(".lookers")).to_have_text("tom looks at it too")
    expect(other.locator(".lookers")).to_have_text("maria looks at it too")
    assert page.locator(".claim").bounding_box() == before
    other.goto("/agents/")
    expect(page.locator(".lookers")).to_be_empty()
