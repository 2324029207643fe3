"""Many replies in parts, of which the next is on its way while one is gone through."""

import pytest

from core.errors import StoreUnavailable
from core.store.client import open_store
from tests.round_trips import round_trips

PARTS = [[["ECHO", str(10 * part + number)] for number in range(10)] for part in range(5)]
SAID = [[str(10 * part + number).encode() for number in range(10)] for part in range(5)]


@pytest.fixture
def store(url):
    store = open_store(url)
    store.read("PING")  # the connection is open
    return store


def test_every_part_gets_its_own_replies_in_a_round_trip_each(store):
    with round_trips() as trips:
        assert list(store.read_ahead(PARTS)) == SAID
        assert list(store.read_ahead([])) == []
    assert trips.count == len(PARTS)


def test_a_refused_command_yields_its_error_in_its_place(store):
    store.write("SET", store.keys.rights, "no list")
    wrong = ["LRANGE", store.keys.rights, "0", "-1"]
    first, second = store.read_ahead([[["PING"], wrong], [wrong, ["PING"]]])
    assert (first[0], second[1]) == (b"PONG", b"PONG")
    assert "WRONGTYPE" in str(first[1])
    assert "WRONGTYPE" in str(second[0])


def test_who_stops_in_between_leaves_no_reply_to_the_next(store):
    for read in range(len(PARTS)):
        parts = store.read_ahead(PARTS)
        assert [next(parts) for _ in range(read)] == SAID[:read]
        parts.close()
        assert store.read("ECHO", "mine") == b"mine"


def test_a_connection_that_ends_in_between_is_an_error_and_not_a_shorter_list(store, raw):
    parts = store.read_ahead(PARTS)
    assert next(parts) == SAID[0]
    raw.client_kill_filter(_type="normal", skipme=True)
    with pytest.raises(StoreUnavailable):
        list(parts)
    assert store.read("ECHO", "mine") == b"mine"
