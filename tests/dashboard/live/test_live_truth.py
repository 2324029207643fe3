"""The follower's memory and its fragments against a page that is loaded afresh."""

import random
import time

import pytest

from core.store.outbox import Watcher
from dashboard.approvals.page import SHOWN_ENDED, recently_ended
from dashboard.live import fragments
from dashboard.live.doorbells import AGENTS, LIVE, agent
from dashboard.live.page import live_page
from dashboard.live.state import MOST_TOLD, LiveState, PageMessage
from tests.dashboard.live.frames import Page
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture
def state(clean_redis):
    state = LiveState()
    yield state
    state.close()


def page_of(region: str) -> Page:
    """A page that shows this region."""
    page = Page('<div id="live"></div>')
    page.apply(region)
    return page


def fresh() -> str:
    """What somebody would read who loads the page now."""
    return page_of(fragments.live_region(live_page())).read()


def drain(state: LiveState, page: Page) -> None:
    """Bring a page up to date as the follower does."""
    while True:
        entries = state.wait(0)
        messages, _touched = state.apply(entries)
        for message in [*messages, *state.look()]:
            page.apply(message.text)
        if not entries:
            return


def verified(state: LiveState) -> list[PageMessage]:
    """Read everything again as the follower does."""
    state.begin_verification()
    return state.verify(recently_ended())


class Life:
    """Random things that happen to requests and agents."""

    def __init__(self, gate, beat, record, seed: int) -> None:
        self._gate, self._beat, self._record = gate, beat, record
        self._chance = random.Random(seed)
        self._open: list[str] = []
        self._agents: list = []

    def go_on(self) -> None:
        step = self._chance.choice(
            [self.ask, self.ask, self.answer, self.withdraw, self.beat, self.beat, self.stop]
        )
        step()
        if self._chance.random() < 0.3:
            self._record()

    def ask(self) -> None:
        self._open.append(
            self._gate.open_request(f"kind {self._chance.randrange(5)}", {"n": len(self._open)}).request_id
        )

    def answer(self) -> None:
        if self._open:
            request_id = self._open.pop(self._chance.randrange(len(self._open)))
            self._gate.respond_to_approval(request_id, self._chance.random() < 0.5, "ann", "why not")
            if self._chance.random() < 0.5:
                self._gate.wait_for_decision(request_id)

    def withdraw(self) -> None:
        if self._open and self._chance.random() < 0.3:
            self._gate.cancel_request(self._open.pop())

    def beat(self) -> None:
        name = f"agent {self._chance.randrange(6)}"
        self._agents.append(
            self._beat(name, progress=self._chance.random(), task=f"task {self._chance.random()}")
        )

    def stop(self) -> None:
        if self._agents and self._chance.random() < 0.3:
            self._agents.pop().stop_heartbeat("failed")


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2, 3))])
def test_a_stale_page_with_all_its_fragments_reads_as_a_fresh_one(gate, beat, record, state, seed):
    page, life = page_of(state.region()), Life(gate, beat, record, seed)
    for number in range(120):
        life.go_on()
        if number % 3 == 0:
            drain(state, page)
    record()
    drain(state, page)
    wanted = fresh()
    assert "agent" in wanted
    assert "kind" in wanted
    assert page.read() == wanted
    assert page_of(state.region()).read() == wanted


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2))])
def test_reading_everything_again_finds_nothing_to_correct(gate, beat, record, state, seed):
    page, life = page_of(state.region()), Life(gate, beat, record, 100 + seed)
    for _ in range(60):
        life.go_on()
    record()
    drain(state, page)
    assert verified(state) == []


def test_an_end_that_is_recorded_while_sql_is_asked_stays_on_the_page(gate, record, state):
    page = page_of(state.region())
    state.begin_verification()
    as_sql_was = recently_ended()
    gate.respond_to_approval(gate.open_request("deploy").request_id, True, "ann")
    record()
    drain(state, page)
    assert state.verify(as_sql_was) == []
    assert page_of(state.region()).read() == fresh()
    assert verified(state) == []


def test_the_count_follows_a_queue_of_any_length(gate, record, state):
    page = page_of(state.region())
    ids = [gate.open_request("deploy", {"number": number}).request_id for number in range(62)]
    drain(state, page)
    assert page.read() == fresh()
    assert page.tree.by_id("queue-head").attributes["data-waiting"] == "62"
    for request_id in ids[:20]:
        gate.respond_to_approval(request_id, True, "ann")
    record()
    drain(state, page)
    assert page.read() == fresh()
    assert page.tree.by_id("queue-head").attributes["data-waiting"] == "42"


def told(state: LiveState) -> str:
    """What pages are sent of what happened since."""
    return " ".join(message.text for message in state.apply(state.wait(5))[0])


def test_whatever_changes_the_list_rings_for_it(gate, record, state):
    assert LIVE not in state.changes.take()
    request = gate.open_request("deploy")
    assert request.request_id in told(state)
    assert LIVE in state.changes.take()
    record()
    told(state)
    assert LIVE not in state.changes.take()
    gate.respond_to_approval(request.request_id, True, "ann")
    assert request.request_id in told(state)
    assert LIVE in state.changes.take()


def test_only_the_newest_ends_are_listed_newest_first(gate, record, state):
    page = page_of(state.region())
    for number in range(SHOWN_ENDED + 5):
        request = gate.open_request(f"kind {number:02}")
        gate.respond_to_approval(request.request_id, True, "ann")
        time.sleep(0.002)  # each at a millisecond of its own
    drain(state, page)
    before_the_record = page.tree.by_id("ended").text
    record()
    drain(state, page)
    assert page.read() == fresh()
    assert before_the_record.count("sent") == SHOWN_ENDED
    assert page.tree.by_id("ended").text.count("recorded") == SHOWN_ENDED


def test_an_end_while_nobody_looked_is_seen_by_the_next_follower(gate, record, clean_redis):
    request = gate.open_request("deploy")
    record()
    gate.respond_to_approval(request.request_id, True, "ann")
    late = LiveState()
    page = page_of(late.region())
    drain(late, page)
    assert "sent" in page.tree.by_id("ended").text
    record()
    drain(late, page)
    assert page.read() == fresh()
    late.close()


def test_a_request_past_its_deadline_counts_until_it_is_ended_and_then_no_more(gate, record, state):
    page = page_of(state.region())
    request = gate.open_request("deploy", timeout=0.2)
    drain(state, page)
    assert page.tree.by_id("queue-head").attributes["data-waiting"] == "1"
    gate.wait_for_decision(request.request_id)
    record()
    wait_until(lambda: drain(state, page) or page.read() == fresh(), "the page follows")
    assert "Timed out" in page.read()


def test_a_request_that_vanished_from_redis_vanishes_from_the_page(gate, raw, record, state):
    page = page_of(state.region())
    gate.open_request("kept")
    gone = gate.open_request("gone")
    drain(state, page)
    state.changes.take()
    raw.delete("{telemetry}:approvals:request:" + gone.request_id)
    raw.zrem("{telemetry}:approvals:pending", gone.request_id)
    for message in verified(state):
        page.apply(message.text)
    assert page.tree.by_id("queue-head").attributes["data-waiting"] == "1"
    assert LIVE in state.changes.take()
    assert page.read() == fresh()


def test_poison_in_the_outbox_does_not_stop_the_page(gate, raw, state):
    page = page_of(state.region())
    raw.xadd("{telemetry}:outbox", {"type": "ended", "request_id": "nothing"})
    raw.xadd("{telemetry}:outbox", {"x": "y"})
    raw.xadd("{telemetry}:recorded", {"position": "12"})
    gate.open_request("deploy")
    drain(state, page)
    assert page.tree.by_id("queue-head").attributes["data-waiting"] == "1"


def test_a_watcher_ignores_a_commit_it_cannot_read(gate, raw, clean_redis):
    raw.xadd("{telemetry}:recorded", {"position": "nonsense"})
    gate.open_request("deploy")
    watcher = Watcher(clean_redis)
    assert [entry.type for entry in watcher.wait(0)] == ["requested"]
    assert not watcher.is_recorded("5-0")
    raw.xadd("{telemetry}:recorded", {"position": "²-0"})
    watcher.wait(0)
    assert not watcher.is_recorded("5-0")
    watcher.close()


def test_who_came_is_told_though_a_look_at_everything_found_it_first(state, gate):
    gate.open_request("deploy", {})
    verified(state)
    told = [message.text for message in state.apply(state.wait(0))[0]]
    assert any('"came"' in text and "deploy" in text for text in told)
    assert not state.apply(state.wait(0))[0]


def test_an_agent_that_changed_just_before_everything_was_read_again_is_told_of(state, beat):
    beat("robot")
    state.look()
    state.changes.take()
    beat("robot", status="failed")
    verified(state)
    assert {AGENTS, agent("robot")} <= state.changes.take()


def test_a_request_whose_asker_is_gone_is_shown_anew_whoever_finds_it(state, gate, beat):
    beat(gate.agent_id)
    request = gate.open_request("deploy", {})
    told(state)
    state.look()
    state.take_touched()
    beat(gate.agent_id, status="failed")
    verified(state)
    assert state.take_touched() == {request.request_id}


def test_more_requests_than_can_be_named_are_counted(state, gate):
    requests = [gate.open_request("deploy", {}) for _ in range(MOST_TOLD + 5)]
    wait_until(lambda: told(state).count(f'"crowd": {len(requests)}') == 1, "they are counted")
