"""Doorbells: pages that fetch themselves are told when to, not too often, and never too late."""

import json
import tracemalloc
from dataclasses import dataclass

import pytest
from django.test import Client
from websockets.exceptions import InvalidStatus

from core import ApprovalGate, UsageTracker
from core.store.outbox import OutboxEntry
from dashboard.live import doorbells
from dashboard.live.doorbells import RINGS_A_SECOND, Bells
from tests.core.usage.usage_help import book, track
from tests.dashboard.live.frames import (
    QUICK_TICKS_PROMISED,
    clock_ms,
    code_of_closing,
    next_frame,
    next_tick,
    ticks_after,
)
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]


@dataclass(eq=False)
class Door:
    topic: str


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def next_ring(socket, seconds: float = PATIENCE) -> str:
    return next_frame(socket, lambda frame: '"ring"' in frame, "a ring", seconds)


def nothing_but_ticks(socket, ticks: int) -> None:
    """The next so many signs of life are no rings."""
    for _ in range(ticks):
        assert "ring" not in next_tick(socket, ok=True)


@pytest.fixture
def tracker(clean_redis, tmp_path):
    tracking = UsageTracker(tmp_path / "spool", memory=clean_redis, price_book=book())
    yield tracking
    tracking.close()


def told(tracker: UsageTracker, **changes: str) -> None:
    track(tracker, **changes)
    tracker.flush()


def test_a_page_that_fetches_itself_is_rung_when_it_opens_and_gets_no_content(signed_in, open_socket):
    socket = open_socket(signed_in("viewer"), "/ws/usage/")
    first = socket.recv(PATIENCE)
    assert 'hx-target="#problem"' in first
    assert set(json.loads(next_ring(socket))) == {"tick", "ok", "ring"}


def test_a_call_rings_when_sql_has_it_and_not_before(tracker, record, signed_in, open_socket):
    socket = open_socket(signed_in("viewer"), "/ws/usage/")
    next_ring(socket)
    told(tracker)
    nothing_but_ticks(socket, 2)
    record()
    next_ring(socket)
    tracker.reset()
    record()
    next_ring(socket)


def test_an_agents_page_is_rung_by_its_beats_requests_and_calls_alone(
    beat, tracker, recorder, signed_in, open_socket, clean_redis
):
    client = signed_in("viewer")
    beat("a/b?c&d=é")
    mine = open_socket(client, "/ws/agent/?id=a%2Fb%3Fc%26d%3D%C3%A9")
    other = open_socket(client, "/ws/agent/?id=other")
    for socket in (mine, other):
        next_ring(socket)
    beat("a/b?c&d=é", progress=0.7)
    next_ring(mine)
    request = ApprovalGate(clean_redis, "a/b?c&d=é").open_request("deploy")
    next_ring(mine)
    ApprovalGate(clean_redis).respond_to_approval(request.request_id, True, "ann")
    next_ring(mine)
    told(tracker, agent_id="a/b?c&d=é")
    next_ring(mine)
    nothing_but_ticks(other, 1)


@pytest.mark.parametrize(
    "query", ["", "?id=", "?id=%00", "?id=%ff", "?id=" + "x" * 256, "?id=a&id=b", "?x=1"]
)
def test_what_cannot_be_an_agent_is_no_socket(signed_in, open_socket, query):
    with pytest.raises(InvalidStatus):
        open_socket(signed_in("viewer"), f"/ws/agent/{query}")


@pytest.mark.parametrize("path", ["/ws/usage/", "/ws/agent/?id=deployer"])
@pytest.mark.parametrize("kind", ["anonymous", "no group"])
def test_who_may_not_look_is_not_rung(signed_in, open_socket, path, kind):
    with pytest.raises(InvalidStatus):
        open_socket(None if kind == "anonymous" else signed_in(kind), path)


def test_who_may_not_look_any_more_is_rung_no_more(person, raw, open_socket):
    viewer, client = person("viewer"), Client()
    client.force_login(viewer)
    socket = open_socket(client, "/ws/usage/")
    next_ring(socket)
    viewer.groups.clear()
    ended_ms = clock_ms(raw)
    code, frames = code_of_closing(socket)
    assert code == 4401
    assert ticks_after(frames, ended_ms) <= QUICK_TICKS_PROMISED


def test_a_storm_rings_once_a_second_and_its_last_change_rings():
    clock, door = Clock(), Door(doorbells.USAGE)
    bells = Bells(clock)
    bells.add(door)
    rings = []
    for step in range(40):  # ten seconds, a change each quarter
        bells.changed({doorbells.USAGE})
        rings += [step] * len(bells.due())
        clock.now += 0.25
    assert rings == list(range(0, 40, 4))
    assert bells.due() == [door]
    clock.now += 100
    assert bells.due() == []


def test_two_hundred_doors_share_the_rings_in_turn():
    clock, doors = Clock(), [Door(doorbells.USAGE) for _ in range(200)]
    bells = Bells(clock)
    for door in doors:
        bells.add(door)
    rung: list[Door] = []
    for _ in range(80):
        bells.changed({doorbells.USAGE})
        rung += bells.due()
        clock.now += 0.25
    assert len(rung) <= RINGS_A_SECOND * 21
    assert {rung.count(door) for door in doors} <= {1, 2}
    assert rung[:200] == doors


def test_a_door_that_is_gone_is_not_rung():
    bells = Bells(Clock())
    door, other = Door(doorbells.agent("a")), Door("live")
    bells.add(door)
    bells.add(other)
    bells.remove(door)
    bells.remove(other)
    bells.changed({doorbells.agent("a"), "live"})
    assert bells.due() == []


class Watching:
    """How far SQL is, said by hand."""

    recorded = 0

    def is_recorded(self, position: str) -> bool:
        return int(position.split("-")[0]) <= self.recorded


def test_each_topic_rings_when_its_first_and_its_last_change_are_recorded():
    watcher = Watching()
    changes = doorbells.Changes(watcher)
    for number in (9, 10, 11):
        changes.of_runs([OutboxEntry(f"{number}-0", {"type": "agent_started", "agent_id": "a"})])
    rung = []
    for watcher.recorded in (8, 9, 10, 11, 12):
        rung.append(changes.take())
    assert rung == [set(), {"agent:a"}, set(), {"agent:a"}, set()]


def test_while_nobody_records_what_is_remembered_grows_with_the_topics_alone():
    changes = doorbells.Changes(Watching())
    call = json.dumps([{"agent_id": "a"}, {"agent_id": "b"}])
    tracemalloc.start()
    try:
        for number in range(1, 3_000):
            changes.of_calls([OutboxEntry(f"{number}-0", {"type": "llm_calls", "calls": call})])
            assert changes.take() == set()
        assert tracemalloc.get_traced_memory()[0] < 100_000
    finally:
        tracemalloc.stop()
