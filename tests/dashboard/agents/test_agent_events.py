"""The events on the page of an agent: its own, a bounded number of them."""

import pytest

from core import CoordinationSignals, EventStreamer
from tests.dashboard.agents.test_agent_page import address, page_of, panel
from tests.dashboard.test_page_cost import cost_of

pytestmark = pytest.mark.django_db


def test_events_are_those_that_the_agent_published_newest_first(beat, clean_redis, viewer):
    beat("worker")
    events = EventStreamer(clean_redis)
    events.publish_event("built", {"target": "<img src=x>docs"}, "worker")
    events.publish_event("built", {"target": "not mine"}, "another")
    events.publish_event("tested", {"log": "x" * 9_000}, "worker")
    events.publish_event("built", {}, "worker")
    CoordinationSignals(clean_redis, "worker", enable_streaming=True).broadcast("freeze")
    shown = panel(page_of(viewer, "worker"), "events")
    assert "built" in shown.split("tested")[0]
    assert "9 KB" not in shown.split("tested")[0]
    assert "8 KB, too long to be shown here" in shown.split("tested")[1]
    assert '{"target": "<img src=x>docs"}' in shown.split("tested")[1]
    assert "not mine" not in shown
    assert "coordination_signal" not in shown
    assert "xxx" not in shown


def test_events_are_looked_for_in_a_bounded_number_of_types_and_entries(beat, clean_redis, raw, viewer):
    beat("worker")
    events = EventStreamer(clean_redis)
    events.publish_event("loud", {"call": "early"}, "worker")
    for _ in range(60):
        events.publish_event("loud", {}, "another")
    events.publish_event("type 0", {"call": "too old a type"}, "worker")
    for number in range(1, 21):
        events.publish_event(f"type {number}", {"call": f"at {number}"}, "worker")
    raw.set("{telemetry}:events:stream:type%2020", "not a stream")
    before = cost_of(viewer, address("worker"))
    shown = panel(page_of(viewer, "worker"), "events")
    assert [f"at {n}" in shown for n in (1, 19, 20)] == [True, True, False]
    assert "early" not in shown
    assert "too old" not in shown
    for number in range(100):
        events.publish_event("type 1", {"number": number}, "worker")
    assert cost_of(viewer, address("worker")) == before
    assert before[1] == 4  # state, mailbox, types, their events; a waiting request costs one more
