"""The asker is dead: card, page and notice say so, and nobody is told that it hears the answer."""

import math
import re
import signal
import subprocess
import sys

import pytest

from core import ApprovalGate, HeartbeatCoordinator
from core.store.approvals import listen
from core.store.client import open_store
from core.store.keys import Keys
from dashboard.live.doorbells import LIVE
from dashboard.live.state import LiveState
from tests.dashboard.approvals.test_deciding import notice_of
from tests.dashboard.display.markup import parse
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db
GONE = "Nobody waits for the answer now."
ASKER = """
import sys
from core import ApprovalGate, HeartbeatCoordinator
heart = HeartbeatCoordinator(sys.argv[1])
heart.start_heartbeat("release-bot")
with heart.keep_alive(current_task="waits for a person"):
    ApprovalGate(sys.argv[1], "release-bot").request_approval("deploy", {}, timeout=300)
"""


@pytest.fixture
def asks(clean_redis):
    """An agent with heartbeats that has asked: its heart and its request."""
    heart = HeartbeatCoordinator(clean_redis)
    heart.start_heartbeat("release-bot")
    return heart, ApprovalGate(clean_redis, "release-bot").open_request("deploy", {}, 300, key="7")


def fall_silent(raw) -> None:
    """As 33 s after the process ended by SIGKILL: its last beat, and its asking, are so long ago."""
    keys = Keys()
    name = keys.agent_record("release-bot")
    record = raw.get(name)
    beat = int(re.search(r'"last_beat_ms":\s*(\d+)', record)[1])
    raw.set(name, record.replace(str(beat), str(beat - 33_000)), keepttl=True)
    raw.zadd(keys.agents_running, {"release-bot": beat - 33_000})
    raw.zadd(keys.agents_changed, {"release-bot": beat - 33_000})
    raw.delete(keys.agent_beat("release-bot"))
    for request in raw.zrange(keys.approvals_pending, 0, -1):
        asked = int(raw.hget(keys.approval_request(request), "requested_ms"))
        raw.hset(keys.approval_request(request), "requested_ms", asked - 33_000)


def said_by_card(page: str) -> list[str]:
    return [element.text for element in parse(page).with_class("asker")]


def test_an_asker_that_fell_silent_is_said_to_be_gone_on_card_page_and_notice(asks, raw, signed_in, answer):
    client, request = signed_in("approver"), asks[1]
    page = f"/approvals/{request.request_id}/"
    assert said_by_card(client.get(page).content.decode()) == [""]
    fall_silent(raw)
    for address in (f"/?selected={request.request_id}", page):
        [said] = said_by_card(client.get(address).content.decode())
        assert said.startswith("The agent that asked is gone")
        assert said.endswith(GONE)
    [mark] = parse(client.get("/").content.decode()).with_class("mark-gone")
    assert (mark.text, mark.attributes["title"]) == ("The agent that asked is gone", said)
    kind, sentence = notice_of(answer(client, request.request_id, htmx=True))
    assert kind == "done"
    assert sentence.startswith("You approved deploy of release-bot. Nobody waits for it now: ")
    assert "being told" not in sentence


def test_a_group_whose_asker_fell_silent_says_so_where_it_is_answered(asks, raw, clean_redis, signed_in):
    gate = ApprovalGate(clean_redis, "release-bot")
    first, *_others = [gate.open_request("restart", {"n": number}, 300 + number) for number in range(3)]
    fall_silent(raw)
    client = signed_in("approver")
    [group] = re.findall(r'data-line="(alike-\w+)"', client.get("/").content.decode())
    [said] = said_by_card(client.get(f"/?selected={group}").content.decode())
    assert said.endswith(GONE)
    listen(open_store(), [first.request_id])
    raw.pexpire(Keys().approval_listened(first.request_id), 3_600_000 - 33_000)
    assert said_by_card(client.get(f"/?selected={group}").content.decode()) == []


def test_a_call_that_nobody_waits_in_is_said_to_have_gone_though_its_agent_lives(
    asks, raw, signed_in, answer
):
    _heart, request = asks
    client, page, store = signed_in("approver"), f"/approvals/{request.request_id}/", open_store()
    listen(store, [request.request_id])
    assert said_by_card(client.get(page).content.decode()) == [""]
    raw.pexpire(store.keys.approval_listened(request.request_id), 3_600_000 - 33_000)
    for address in (f"/?selected={request.request_id}", page):
        [said] = said_by_card(client.get(address).content.decode())
        assert said.startswith("The call that asked has gone, it last waited at ")
        assert "The very same call may come again" in said
    [mark] = parse(client.get("/").content.decode()).with_class("mark-gone")
    assert mark.text == "The call that asked has gone"
    told = notice_of(answer(client, request.request_id, htmx=True))[1]
    assert "the call that asked has gone" in told


def test_an_asker_that_never_beat_but_waits_in_a_call_is_said_to_wait(gate, signed_in):
    request, client = gate.open_request("deploy"), signed_in("approver")
    page = f"/approvals/{request.request_id}/"
    assert "nobody can say whether it still waits" in client.get(page).content.decode()
    listen(open_store(), [request.request_id])
    text = client.get(page).content.decode()
    assert "but a call of it waits for this answer" in text
    assert "nobody can say" not in text


def test_an_asker_that_has_stopped_is_said_to_have_stopped(asks, signed_in, answer):
    heart, request = asks
    asked_by = open_store().time_ms()
    wait_until(lambda: open_store().time_ms() > asked_by, "it stops later than it asked")
    heart.stop_heartbeat()
    client = signed_in("approver")
    [said] = said_by_card(client.get(f"/?selected={request.request_id}").content.decode())
    assert said.startswith("The agent that asked has stopped")
    assert "has stopped" in notice_of(answer(client, request.request_id, htmx=True))[1]


def test_an_asker_that_stopped_beating_before_it_asked_is_not_judged(clean_redis, beat, gate, signed_in):
    beat("deployer").stop_heartbeat()
    request = gate.open_request("deploy")
    assert said_by_card(signed_in("approver").get(f"/?selected={request.request_id}").content.decode()) == [
        ""
    ]


def test_open_pages_hear_that_its_asker_is_gone_and_is_back(asks, raw, clean_redis):
    heart, request = asks
    fall_silent(raw)
    heart.beat()
    state = LiveState()
    state.changes.take()
    fall_silent(raw)
    state._looked_at = state.now.fromtimestamp(0, state.now.tzinfo)  # as if the look before was long ago
    state.look()
    assert state.take_touched() == {request.request_id}
    assert LIVE in state.changes.take()
    heart.beat()
    state.look()
    assert state.take_touched() == {request.request_id}
    assert LIVE in state.changes.take()
    state.close()


def test_a_clean_end_of_the_asker_leaves_no_card(clean_redis, background, signed_in):
    gate = ApprovalGate(clean_redis, "release-bot")
    request = gate.open_request("deploy")
    gate.cancel_request(request.request_id)
    assert "data-line" not in signed_in("approver").get("/").content.decode()


def test_a_request_without_a_deadline_says_so_on_card_and_page(gate, signed_in):
    request, client = gate.open_request("deploy", timeout=math.inf), signed_in("approver")
    for address in (f"/?selected={request.request_id}", f"/approvals/{request.request_id}/"):
        text = client.get(address).content.decode()
        assert "no deadline" in text
        assert "2199" not in text


def test_a_notice_of_a_refused_answer_names_the_request(gate, signed_in, answer):
    request, client = gate.open_request("deploy"), signed_in("approver")
    gate.cancel_request(request.request_id)
    assert notice_of(answer(client, request.request_id, htmx=True))[1].endswith("about deploy of deployer.")


@pytest.fixture
def asking_process(clean_redis, gate, raw, start_process):
    """A process that beats and asks, and waits for the answer; ended with the test."""
    process = start_process([sys.executable, "-c", ASKER, clean_redis], stderr=subprocess.DEVNULL)
    wait_until(gate.get_pending_approvals, "it asks")
    wait_until(lambda: raw.info("clients")["blocked_clients"], "it waits")
    return process


@pytest.mark.long
def test_the_asker_is_dead_by_sigkill_and_33_seconds_later_card_page_and_notice_say_so(
    asking_process, gate, signed_in, answer
):
    client, [request] = signed_in("approver"), gate.get_pending_approvals()
    address = f"/?selected={request.request_id}"
    assert said_by_card(client.get(address).content.decode()) == [""]
    asking_process.send_signal(signal.SIGKILL)
    asking_process.wait(30)

    def said() -> list[str]:
        return [text for text in said_by_card(client.get(address).content.decode()) if text]

    [on_card] = wait_until(said, "the card says so")
    [on_page] = said_by_card(client.get(f"/approvals/{request.request_id}/").content.decode())
    for text in (on_card, on_page):
        assert text.startswith("The agent that asked is gone")
        assert text.endswith(GONE)
    kind, sentence = notice_of(answer(client, request.request_id, htmx=True))
    assert (kind, "being told" in sentence) == ("done", False)
    assert sentence.startswith("You approved deploy of release-bot. Nobody waits for it now: ")


@pytest.mark.parametrize("word", [signal.SIGTERM, pytest.param(signal.SIGHUP, marks=pytest.mark.long)])
def test_an_asker_that_is_told_to_end_withdraws_and_leaves_no_card(asking_process, gate, signed_in, word):
    client, [request] = signed_in("approver"), gate.get_pending_approvals()
    asking_process.send_signal(word)
    assert asking_process.wait(30) == -word
    assert "data-line" not in client.get("/").content.decode()
    assert gate.get_request(request.request_id).status == "cancelled"
