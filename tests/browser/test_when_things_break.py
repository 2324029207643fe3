"""Pages without JavaScript, without a connection, without Redis: never a stale screen that looks live."""

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import override_settings
from playwright.sync_api import Page, expect

from core import ApprovalGate, HeartbeatCoordinator
from core.history.recorder.recorder import Recorder
from telemetry_site.layers import channel_layers
from tests.browser.conftest import fill_in
from tests.browser.inbox.choosing import choose, line_of
from tests.browser.pressing import look_until, press
from tests.dashboard.live.frames import QUICK_TICKS_PROMISED, clock_ms
from tests.servers import client_of, faulty_server

SHAPE_OF_PAGE = """() => {
  const copy = document.querySelector('main').cloneNode(true);
  copy.querySelectorAll('time').forEach((time) => { time.textContent = ''; time.className = ''; });
  const passing = copy.querySelectorAll('#socket, #notices, #arrivals, .read-at, [name=csrfmiddlewaretoken]');
  passing.forEach((element) => element.remove());
  copy.querySelectorAll('*').forEach((element) => {
    for (const name of ['data-htmx-powered', 'disabled', 'aria-disabled', 'class', 'hidden']) {
      if (name !== 'class' || element.className === '') element.removeAttribute(name);
    }
  });
  return copy.innerHTML.replace(/\\s+/g, ' ').replaceAll('> <', '><').split('><');
}"""


@pytest.fixture
def page_without_javascript(sign_in: Callable[..., Page]) -> Page:
    return sign_in("maria", "approver", wait=False, by_form=True, java_script_enabled=False)


def test_everything_works_without_javascript(page_without_javascript, clean_redis):
    page = page_without_javascript
    gate = ApprovalGate(clean_redis, "robot")
    approved, denied = gate.open_request("deploy", {"n": 1.10}), gate.open_request("delete")
    page.reload()
    expect(page.locator("#connection")).to_contain_text("reload to see changes")
    line_of(page, "deploy").locator("a").click()
    address, reason = page.url, page.get_by_label("Reason")
    reason.fill("Fine")
    reason.press("Enter")  # a new line
    reason.press("Control+Enter")
    assert page.url == address
    assert gate.get_request(approved.request_id).status == "pending"
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("#notices")).to_contain_text("You approved ")
    expect(page.locator("#pane h1")).to_contain_text("delete")  # the next one
    page.get_by_role("link", name="Its own page").click()
    page.get_by_role("button", name="Deny").click()
    expect(page.locator("#notices")).to_contain_text("You denied ")
    assert page.url.endswith(f"/approvals/{denied.request_id}/")
    assert gate.wait_for_decision(approved.request_id).reason == "Fine"
    assert gate.get_request(denied.request_id).status == "rejected"
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


# By a timer of the page, which a busy machine delays as it delays those of the page itself: the page looks at
# its last sign of life twice a second, so it is stale when this one has its turn.
IN_5_5_SECONDS = """() => {
  const stale = () => document.documentElement.dataset.connection === "stale";
  window.inTime = new Promise((tell) => { setTimeout(() => tell(stale()), 5550); });
}"""
# When the server said that it lives while this page let somebody decide; it does every two seconds.
NOTE_TICKS = """() => {
  window.ticks = [];
  document.addEventListener("htmx:ws:after:message:incoming", (event) => {
    const said = event.detail.message.data;
    if (said.startsWith("{") && document.querySelector("[data-decide]")) ticks.push(JSON.parse(said).tick ?? 0);
  });
}"""


@pytest.mark.long
def test_a_page_offline_for_ten_seconds_looks_stale_and_comes_back_equal_to_a_fresh_one(sign_in, clean_redis):
    page = sign_in("maria", "approver")
    gate, heartbeat = ApprovalGate(clean_redis, "robot"), HeartbeatCoordinator(clean_redis)
    first, second = gate.open_request("deploy", {"n": 1}), gate.open_request("delete", {"n": 2})
    heartbeat.start_heartbeat("worker")
    expect(page.locator("#agents")).to_contain_text("1 alive")
    expect(page.get_by_role("button", name="Approve").first).to_be_enabled()
    place = page.locator("[data-decide].deny").bounding_box()
    page.context.set_offline(True)
    silence(page)
    page.evaluate(IN_5_5_SECONDS)
    page.wait_for_selector("[data-connection=stale]")
    assert page.evaluate("window.inTime") is True
    expect(page.locator("#connection")).to_contain_text("Not live")
    assert page.locator("[data-decide]:not(:disabled)").count() == 0
    assert page.locator("[data-decide].deny").bounding_box() == place
    gate.decide(first.request_id, True, "tom")
    gate.open_request("restart", {"n": 3})
    heartbeat.beat("running", 0.5, "Changed meanwhile")
    newcomer = HeartbeatCoordinator(clean_redis)
    newcomer.start_heartbeat("newcomer")
    page.wait_for_timeout(6_000)
    assert page.locator("html").get_attribute("data-connection") == "stale"
    page.context.set_offline(False)
    page.wait_for_selector("[data-connection=live]")
    expect(page.locator("#ended li")).to_contain_text("recorded")
    fresh = page.context.new_page()
    fresh.goto("/")
    fresh.wait_for_selector("[data-connection=live]")
    expect(fresh.locator("#ended li")).to_contain_text("recorded")
    for agent in (heartbeat, newcomer):  # however long that took
        agent.beat("running", 0.5, "Changed meanwhile")
    expect(page.locator("#agents")).to_contain_text("2 alive")
    for one in (page, fresh):
        choose(one, "restart")
    look_until(lambda: page.evaluate(SHAPE_OF_PAGE) == fresh.evaluate(SHAPE_OF_PAGE), "both pages are equal")
    assert any(second.request_id in element for element in page.evaluate(SHAPE_OF_PAGE))


def silence(page: Page) -> None:
    """A network that swallows everything: going offline does not cut sockets that are open already."""
    page.evaluate(
        "document.addEventListener('htmx:ws:before:message:incoming', "
        "(event) => { if (!navigator.onLine) event.preventDefault(); })"
    )
    page.wait_for_function("() => !navigator.onLine", polling=50)  # it hears of that a moment later


def test_redis_away_is_said_in_a_sentence_and_the_page_recovers_by_itself(sign_in):
    with faulty_server(durable=True) as server:
        own = {"REDIS_URL": server.url, "CHANNEL_LAYERS": channel_layers(server.url, "telemetry")}
        with override_settings(**own):
            page = sign_in("maria", "approver")
            request = ApprovalGate(server.url, "robot").open_request("deploy")
            expect(page.get_by_role("button", name="Approve")).to_be_enabled()
            server.process.kill()
            server.process.wait()
            page_says_that_redis_is_away(page)
            server.start()
            page.wait_for_selector("[data-connection=live]")
            expect(page.locator("#problem")).to_be_hidden()
            press(page.get_by_role("button", name="Approve"))
            expect(page.locator("#notices")).to_contain_text("You approved ")
            assert ApprovalGate(server.url).get_request(request.request_id).status == "approved"
            page.goto("about:blank")


def page_says_that_redis_is_away(page: Page) -> None:
    """One that is open, and one that is opened now."""
    expect(page.locator("#problem")).to_contain_text("The telemetry server does not answer")
    expect(page.locator("#connection")).to_contain_text("telemetry server does not answer")
    assert page.locator("[data-decide]:not(:disabled)").count() == 0
    answer = page.context.new_page()
    assert answer.goto("/").status == 503
    expect(answer.locator("#problem")).to_be_visible()
    expect(answer.locator("#queue-head .count")).to_have_text("?")
    answer.close()


def ticks_since(page: Page, moment_ms: int) -> int:
    """How many signs of life this page took for such after a moment of the server's clock."""
    return sum(tick > moment_ms for tick in page.evaluate("window.ticks"))


def now_of(url: str) -> int:
    with client_of(url) as client:
        return clock_ms(client)


def test_signing_out_elsewhere_closes_the_page_within_five_seconds(sign_in, clean_redis):
    page = sign_in("maria", "approver")
    ApprovalGate(clean_redis, "robot").open_request("deploy")
    expect(page.get_by_role("button", name="Approve")).to_be_enabled()
    other = page.context.new_page()
    other.goto("/account/")
    page.evaluate(NOTE_TICKS)
    other.get_by_role("button", name="Sign out", exact=True).click()
    moment = now_of(clean_redis)
    page.wait_for_selector("[data-connection=signed-out]")
    assert ticks_since(page, moment) <= QUICK_TICKS_PROMISED
    assert page.locator("[data-decide]:not(:disabled)").count() == 0
    expect(page.locator("#connection")).to_have_text(re.compile("Signed out"))


def test_a_right_taken_away_takes_the_buttons_within_five_seconds(sign_in, clean_redis):
    page = sign_in("maria", "approver")
    ApprovalGate(clean_redis, "robot").open_request("deploy")
    expect(page.get_by_role("button", name="Approve")).to_be_enabled()
    maria = User.objects.get(username="maria")
    viewer_only = maria.groups.get()
    page.evaluate(NOTE_TICKS)
    viewer_only.permissions.remove(*viewer_only.permissions.filter(codename="decide_approval"))
    moment = now_of(clean_redis)
    expect(page.locator("[data-decide]")).to_have_count(0)
    assert ticks_since(page, moment) <= QUICK_TICKS_PROMISED
    expect(page.locator("#pane .card")).to_contain_text("deploy")


def test_a_recorder_that_does_not_run_is_said_on_the_page(open_page, make_user, clean_redis, monkeypatch):
    from dashboard.live import state as live_state

    monkeypatch.setattr(live_state, "BEHIND_SECONDS", 1.0)
    make_user("maria", "approver")
    ApprovalGate(clean_redis, "robot").open_request("before any recorder")
    Recorder(clean_redis).step()
    page = open_page()
    page.goto("/")
    fill_in(page, "maria")
    page.wait_for_selector("[data-connection=live]")
    assert "recorder is behind" not in page.content()
    press(page.get_by_role("button", name="Approve"))
    expect(page.locator("#ended li")).to_contain_text("sent")
    expect(page.locator("#queue-head")).to_contain_text("The recorder is behind")
    Recorder(clean_redis).step()
    expect(page.locator("#ended li")).to_contain_text("recorded")
    expect(page.locator("#queue-head")).not_to_contain_text("The recorder is behind")
