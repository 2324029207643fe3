"""The live page as an operator lives it, with real agents and a real browser."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core import ApprovalGate, HeartbeatCoordinator
from core.models import ApprovalRecord
from tests.browser.inbox.choosing import choose, line_of, show_until
from tests.browser.pressing import press
from tests.browser.test_fleet import SIZE, on_the_first_screen
from tests.history.audit.chain import kinds_of
from tests.servers import client_of
from tests.waiting import PATIENCE, wait_until

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def start_agent(
    clean_redis: str, start_process: Callable[..., subprocess.Popen]
) -> Callable[..., subprocess.Popen[str]]:
    def start(agent_id: str, kind: str = "deploy", timeout: float = 300) -> subprocess.Popen[str]:
        environment = {**os.environ, "REDIS_URL": clean_redis, "PYTHONPATH": str(ROOT)}
        environment.pop("DJANGO_SETTINGS_MODULE", None)
        command = [sys.executable, "-m", "tests.browser.agent_process", agent_id, kind, str(timeout)]
        return start_process(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)

    return start


def told(process: subprocess.Popen[str]) -> dict[str, object]:
    output, _ = process.communicate(timeout=PATIENCE)
    return json.loads(output)


def record_of(request_id: object) -> ApprovalRecord:
    return wait_until(
        lambda: ApprovalRecord.objects.exclude(status="pending").filter(pk=request_id).first(),
        "it is recorded",
    )


def test_agents_appear_without_reload_ask_and_are_told_yes_no_or_that_time_is_up(
    sign_in, start_agent, background, clean_redis
):
    page = sign_in("maria", "approver")
    expect(page.get_by_text("Nobody waits.")).to_be_visible()
    go_on_when_approved(page, start_agent("importer", "deploy"))
    gate = ApprovalGate(clean_redis, "cleaner")
    are_told_no_and_why(page, background(gate.request_approval, "delete", timeout=300))
    are_told_that_nobody_answered(page, background(gate.request_approval, "send money", timeout=2))


def go_on_when_approved(page: Page, process: subprocess.Popen[str]) -> None:
    expect(page.locator("#agents")).to_contain_text("1 alive")
    card = choose(page, "deploy")
    expect(card).to_contain_text("production")
    card.get_by_label("Reason").fill("The window is open")
    press(card.get_by_role("button", name="Approve"))
    answer = told(process)
    assert (answer["approved"], answer["responder"]) == (True, "maria")
    assert answer["reason"] == "The window is open"
    expect(page.locator("#notices")).to_contain_text("You approved ")
    expect(page.locator("#ended li").first).to_contain_text("recorded")
    expect(page.locator("#ended li").first).to_contain_text("agent has it")
    record = record_of(answer["request_id"])
    assert (record.status, record.responder, record.channel) == ("approved", "maria", "site")
    kinds = kinds_of(answer["request_id"])
    assert kinds[:2] == ["approval.requested", "approval.approved"]
    expect(page.locator("#agents")).to_contain_text("1 finished")


def are_told_no_and_why(page: Page, asked: Future) -> None:
    card = choose(page, "delete")
    card.get_by_label("Reason").fill("Not without a backup")
    press(card.get_by_role("button", name="Deny"))
    answer = asked.result(PATIENCE)
    assert (answer.approved, answer.responder, answer.reason) == (False, "maria", "Not without a backup")
    expect(page.locator("#ended li").first).to_contain_text("Denied")


def are_told_that_nobody_answered(page: Page, asked: Future) -> None:
    ended = page.locator("#ended li", has_text="Timed out")
    line = line_of(page, "send money")
    show_until(
        page, lambda: line.or_(ended).count() > 0, "it waits, or it has ended: a page may be later than that"
    )
    assert asked.result(PATIENCE).responder == "system"
    expect(line).to_have_count(0)
    expect(page.locator("#ended li").first).to_contain_text("Timed out")
    expect(page.locator("#queue-head .count")).to_have_text("0")


# Tom's page is a moment behind: what arrives waits until he has pressed; it hears that the site lives.
HEARS_NOTHING = """
const nothing = (said) => !said.startsWith('{') || /ring|went/.test(said);
window.addEventListener('htmx:ws:after:message:incoming', (event) => {
  if (nothing(event.detail.message.data)) event.stopImmediatePropagation(); }, true);
document.addEventListener('htmx:ws:before:message:incoming',
  (event) => { if (nothing(event.detail.message.data)) event.preventDefault(); });
"""


def test_of_two_operators_one_decides_and_the_other_sees_it_or_reads_it_when_they_press(sign_in, clean_redis):
    first, second = sign_in("maria", "approver"), sign_in("tom", "approver")
    gate = ApprovalGate(clean_redis, "deployer")
    gate.open_request("deploy", {"n": 1})
    choose(second, "deploy")
    press(choose(first, "deploy").get_by_role("button", name="Approve"))
    expect(second.locator("#pane .card")).to_contain_text("Approved")
    expect(second.locator("#pane .how")).to_contain_text("by maria")
    expect(second.locator("#ended li").first).to_contain_text("by maria")

    request = gate.open_request("delete", {"n": 1})
    button = choose(second, "delete").get_by_role("button", name="Deny")
    expect(button).to_be_enabled()
    second.evaluate(HEARS_NOTHING)
    second.wait_for_function("() => !fetching && !owed")  # what rang before has been fetched
    press(choose(first, "delete").get_by_role("button", name="Approve"))
    expect(first.locator("#notices")).to_contain_text("You approved delete")
    press(button)
    expect(second.locator("#notices")).to_contain_text("maria already approved ")
    assert gate.get_request(request.request_id).status == "approved"


def test_enter_in_a_card_decides_nothing_and_what_is_typed_there_survives_other_peoples_changes(
    sign_in, clean_redis
):
    page = sign_in("maria", "approver")
    gate = ApprovalGate(clean_redis, "deployer")
    deploy, delete = (gate.open_request(kind, {"n": 1}) for kind in ("deploy", "delete"))
    for kind in ("delete", "deploy"):
        reason = choose(page, kind).get_by_label("Reason")
        reason.fill("thinking")
        reason.press("Enter")
        reason.press("Control+Enter")
    page.evaluate("document.getElementById('decide').requestSubmit()")
    page.wait_for_timeout(500)
    assert [gate.get_request(one.request_id).status for one in (deploy, delete)] == ["pending", "pending"]
    assert reason.input_value().startswith("thinking")

    reason.fill("half a sen")
    gate.open_request("restart")
    gate.decide(delete.request_id, False, "tom")
    expect(page.locator(f"#line-{delete.request_id}.over")).to_be_visible()
    expect(page.locator("#news")).to_have_text("1 new, show")
    assert reason.input_value() == "half a sen"
    reason.press_sequentially("tence")
    assert reason.input_value() == "half a sentence"


def test_lateness_shows_by_word_and_shape(sign_in, clean_redis):
    page = sign_in("maria", "viewer")
    coordinator = HeartbeatCoordinator(clean_redis)
    coordinator.start_heartbeat("worker")
    expect(page.locator("#agents")).to_contain_text("1 alive")
    state = page.locator("#agents .state")
    for word, age in (("late", 19.0), ("lost", 29.0)):
        make_older(clean_redis, "worker", age)
        expect(state).to_have_text(f"1 {word}")
    shape = state.evaluate("e => getComputedStyle(e, '::before').content")
    assert shape == '"✕"'


def make_older(url: str, agent: str, seconds: float) -> None:
    """As if the last beat were so long ago. Nothing tells the page: it must see the threshold pass by itself."""
    from core.store.keys import Keys

    client, keys = client_of(url, decode_responses=True), Keys()
    now = int(time.time() * 1000)
    record = json.loads(client.get(keys.agent_record(agent)))
    record["last_beat_ms"] = now - int(seconds * 1000)
    client.set(keys.agent_record(agent), json.dumps(record), keepttl=True)
    client.zadd(keys.agents_running, {agent: record["last_beat_ms"]})
    client.close()


@pytest.mark.long
def test_a_request_waits_for_its_agent_across_the_whole_way_three_times_over(sign_in, clean_redis):
    page = sign_in("maria", "approver")
    answers: list[bool] = []
    for number in range(3):
        gate = ApprovalGate(clean_redis, f"agent-{number}")
        thread = threading.Thread(
            target=lambda g=gate: answers.append(g.request_approval("step", timeout=300).approved),
            daemon=True,
        )
        thread.start()
        press(choose(page, f"agent-{number}").get_by_role("button", name="Approve"))
        thread.join(PATIENCE)
        assert answers == [True] * (number + 1)


@pytest.mark.long
def test_one_that_has_a_minute_left_is_on_the_first_screen_among_a_thousand(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "deployer")
    for number in range(1_000):  # of one agent no more than 500 may wait
        ApprovalGate(clean_redis, f"robot-{number % 4}").open_request(
            "routine", {"number": number}, timeout=3_600
        )
    page = sign_in("maria", "approver", viewport=SIZE)
    expect(page.locator("#queue-head .count")).to_have_text("1000")
    gate.open_request("stop the turbine", {}, timeout=60)
    page.locator("#news").click()
    expect(page.locator("#lines .line").first).to_contain_text("stop the turbine")
    on_the_first_screen(page, "stop the turbine")
    gate.open_request("close the valve", {}, timeout=60)
    page.goto("/approvals/")
    on_the_first_screen(page, "close the valve")
    assert page.evaluate("document.querySelectorAll('*').length") < 3_000


@pytest.mark.parametrize(
    ("at", "said"), [("/agents/?group=nonsense", "group must be"), ("/?show=nonsense", "show must be")]
)
def test_what_is_wrong_with_an_address_stays_said_while_the_page_is_live(sign_in, clean_redis, at, said):
    page = sign_in("maria", "viewer", at=at)
    expect(page.get_by_role("alert").filter(has_text=said)).to_be_visible()
    ApprovalGate(clean_redis, "robot").open_request("deploy")
    HeartbeatCoordinator(clean_redis).start_heartbeat("robot")
    if at.startswith("/?"):
        expect(line_of(page, "deploy")).to_be_visible()
        expect(page.locator("#pane h1")).to_contain_text("deploy")  # what is listed can be looked at
    expect(page.get_by_role("alert").filter(has_text=said)).to_be_visible()
    expect(page.locator("[data-not-fetched]")).to_have_count(0)
