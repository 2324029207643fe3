"""A request that somebody changed in Redis: every page says so, and none offers buttons."""

import pytest

from dashboard.approvals.page import known_of
from dashboard.live.doorbells import LIVE
from dashboard.live.state import LiveState
from tests.live_record import live_record

pytestmark = pytest.mark.django_db(transaction=True)

SAID = "not what the agent asked"


@pytest.fixture
def swapped(gate, record, raw):
    """A request that is recorded, and then changed in Redis."""
    request = gate.open_request("delete", {"path": "/tmp/asked"})
    record()

    def swap():
        raw.hset("{telemetry}:approvals:request:" + request.request_id, "context", '{"path":"/swapped"}')

    return request.request_id, swap


def test_its_page_shows_what_was_asked_says_so_and_has_no_buttons(signed_in, swapped):
    client, (request_id, swap) = signed_in("approver"), swapped
    assert "data-decide" in client.get(f"/approvals/{request_id}/").content.decode()
    swap()
    page = client.get(f"/approvals/{request_id}/").content.decode()
    assert SAID in page
    assert "/tmp/asked" in page
    assert "/swapped" not in page
    assert "data-decide" not in page


def test_after_its_end_the_page_shows_what_was_asked_and_not_what_redis_says_now(
    gate, signed_in, answer, record, swapped
):
    client, (request_id, swap) = signed_in("approver"), swapped
    answer(client, request_id)
    record()
    swap()
    page = client.get(f"/approvals/{request_id}/").content.decode()
    assert SAID in page
    assert "/tmp/asked" in page
    assert "/swapped" not in page


def test_the_inbox_says_so_in_place_of_its_answer(signed_in, swapped):
    client, (request_id, swap) = signed_in("approver"), swapped
    swap()
    page = client.get(f"/?selected={request_id}").content.decode()
    assert SAID in page
    assert "/swapped" not in page
    assert "data-decide" not in page


def test_a_live_page_that_is_open_hears_of_it_with_the_next_look_at_sql(gate, swapped):
    _request_id, swap = swapped
    state = LiveState()
    try:
        assert LIVE not in state.changes.take()
        swap()
        state.verify(*known_of([]))
        assert LIVE in state.changes.take()  # it fetches itself, as above
    finally:
        state.close()


def test_who_answers_an_older_page_reads_why_nothing_was_decided(gate, signed_in, answer, swapped):
    client, (request_id, swap) = signed_in("approver"), swapped
    digest = live_record(gate, request_id).digest
    swap()
    response = answer(client, request_id, digest=digest, htmx=True)
    assert response.status_code == 409
    assert SAID in response.content.decode()
    assert live_record(gate, request_id).status == "pending"
