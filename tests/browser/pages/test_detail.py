"""One request in a real browser: its tree folds, its times are those of whoever looks, and comments come and stay."""

from playwright.sync_api import expect

from core import ApprovalGate


def test_a_request_is_read_and_spoken_of(sign_in, clean_redis):
    page = sign_in("maria", "viewer", timezone_id="Asia/Tokyo")
    request = ApprovalGate(clean_redis, "robot").open_request("deploy", {"a": {"deep": ["here it is"]}})
    page.goto(f"/approvals/{request.request_id}/")
    page.wait_for_selector("[data-connection=live]")
    expect(page.locator(".facts time").first).to_contain_text("GMT+9")
    deep = page.get_by_text("here it is")
    expect(deep).to_be_visible()
    page.locator(".claim summary").first.press("Enter")
    expect(deep).to_be_hidden()
    page.get_by_label("Say something to other people here").fill("Is that the right one?")
    page.get_by_role("button", name="Comment", exact=True).click()
    expect(page.locator(".notice")).to_contain_text("Your comment stands beside the request")
    expect(page.locator("#comments blockquote")).to_have_text("Is that the right one?")
    expect(page.get_by_label("Say something to other people here")).to_have_value("")


def test_a_value_of_many_lines_leaves_the_form_of_a_rule_on_the_screen_of_a_phone(sign_in, clean_redis):
    text = "\n".join(str(n % 10) for n in range(90))
    request = ApprovalGate(clean_redis, "robot").open_request("run", {"script": text})
    page = sign_in(
        "maria",
        "approver",
        at=f"/approvals/{request.request_id}/rule/",
        wait=False,
        viewport={"width": 390, "height": 844},
    )
    value = page.locator(".value-row .asked code")
    assert value.evaluate("one => one.getClientRects().length") <= 10
    assert "0\\n1\\n2" in (value.text_content() or "")
