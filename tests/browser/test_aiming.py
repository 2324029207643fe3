"""Nothing is decided but what was aimed at: the page moves under a hand, and the hand presses all the same."""

from playwright.sync_api import Page, expect

from core import ApprovalGate
from core.models import DecisionIntent
from tests.waiting import wait_until


def rest_on(page: Page, request_id: str, word: str) -> None:
    button = page.locator(f"#request-{request_id}").get_by_role("button", name=word)
    expect(button).to_be_enabled()
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def press(page: Page) -> None:
    page.mouse.down()
    page.mouse.up()


def test_a_click_in_flight_when_a_colleague_ends_the_card_above(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "deployer")
    above, aimed, below = (gate.open_request(kind, {"lines": list(range(n))}) for kind, n in
                           (("deploy", 9), ("delete", 3), ("drop table", 3)))  # fmt: skip
    page = sign_in("maria", "approver")
    rest_on(page, aimed.request_id, "Approve")
    gate.respond_to_approval(above.request_id, False, "tom")
    expect(page.locator(f"#request-{above.request_id}.over")).to_be_visible()
    press(page)
    expect(page.locator("#notices")).to_contain_text("You approved")
    assert gate.get_request(aimed.request_id).status == "approved"
    assert gate.get_request(below.request_id).status == "pending"


def test_a_button_that_has_just_come_takes_no_press(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "deployer")
    page = sign_in("maria", "approver")
    # Pressed by the page itself in the very moment in which the button is there.
    page.evaluate("""
      window.tried = 0;
      new MutationObserver((_changes, watch) => {
        const button = document.querySelector('#cards [data-decide].approve');
        if (button) { watch.disconnect(); button.click(); window.tried += 1; }
      }).observe(document.getElementById('main'), {childList: true, subtree: true});
    """)
    request = gate.open_request("deploy", {})
    button = page.locator(f"#request-{request.request_id}").get_by_role("button", name="Approve")
    expect(button).to_be_enabled()
    assert page.evaluate("tried") == 1
    assert not DecisionIntent.objects.exists()
    button.click()
    expect(page.locator("#notices")).to_contain_text("You approved")


def test_a_double_click_is_one_answer_and_three_quick_answers_are_three(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "deployer")
    requests = [gate.open_request(f"deploy {n}", {}) for n in range(3)]
    page = sign_in("maria", "approver")
    buttons = [
        page.locator(f"#request-{r.request_id}").get_by_role("button", name="Approve") for r in requests
    ]
    for button in buttons:
        expect(button).to_be_enabled()
    page.evaluate(
        "for (const button of document.querySelectorAll('.approve')) { button.click(); button.click(); }"
    )
    wait_until(
        lambda: [gate.get_request(r.request_id).status for r in requests] == ["approved"] * 3,
        "all are approved",
    )
    assert DecisionIntent.objects.count() == 3


def test_a_typed_reason_outlives_a_reload_and_the_end_of_its_request(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "deployer")
    request = gate.open_request("deploy", {})
    page = sign_in("maria", "approver")
    card = page.locator(f"#request-{request.request_id}")
    card.get_by_label("Reason").fill("Not before the freeze is over")
    page.reload()
    page.wait_for_selector("[data-connection=live]")
    expect(card.get_by_label("Reason")).to_have_value("Not before the freeze is over")
    gate.respond_to_approval(request.request_id, True, "tom")
    expect(card).to_contain_text("Your reason was not sent: Not before the freeze is over")
