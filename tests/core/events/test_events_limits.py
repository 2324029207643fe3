"""How many types of events a source may make: the next new one is refused and told, and no other source is held up."""

import logging

import pytest

from core import EventStreamer
from core.store.approvals import set_limits
from core.store.client import open_store


@pytest.fixture
def events(clean_redis):
    set_limits(open_store(clean_redis), event_types=3)
    return EventStreamer(clean_redis)


def test_a_flood_of_types_is_refused_and_the_others_go_on(events, caplog):
    for number in range(3):
        assert events.publish_event(f"type {number}", {}, "robot")
    with caplog.at_level(logging.WARNING):
        assert events.publish_event("type 3", {}, "robot") == ""
    assert "events of type 'type 3' are not published: its source made 3 new types of events" in caplog.text
    assert events.publish_event("type 0", {}, "robot")
    assert events.publish_event("type 3", {}, "other")
    assert events.publish_event("type 3", {}, "robot")  # it is there now
    assert events.get_stream_info("type 3")["length"] == 2


def test_a_type_that_was_deleted_and_comes_again_is_no_new_one(events):
    for number in range(3):
        events.publish_event(f"type {number}", {}, "robot")
    events.delete_stream("type 1")
    assert events.publish_event("type 1", {}, "robot")
    assert events.publish_event("type 3", {}, "robot") == ""


def test_without_a_limit_nothing_is_counted(events, clean_redis):
    store = open_store(clean_redis)
    set_limits(store, event_types=0)
    for number in range(5):
        assert events.publish_event(f"type {number}", {}, "robot")
    assert store.read("EXISTS", store.keys.events_born("robot")) == 0
