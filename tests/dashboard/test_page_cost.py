"""What a page costs: as many queries and round trips for forty as for ten."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core import EventStreamer
from tests.dashboard.conftest import queries_of
from tests.round_trips import round_trips

pytestmark = pytest.mark.django_db


def cost_of(client, address: str) -> tuple[int, int]:
    """SQL queries and Redis round trips of one page that was opened before."""
    assert client.get(address).status_code == 200
    with CaptureQueriesContext(connection) as queries, round_trips() as trips:
        assert client.get(address).status_code == 200
    return len(queries), trips.count


def fill(gate, beat, record, count: int) -> None:
    for number in range(count):
        beat(f"agent {number}", task="working")
        gate.open_request("deploy", {"number": number})
        gate.respond_to_approval(gate.open_request("done").request_id, True, "ann")
    record()


def test_the_live_page_costs_the_same_with_10_and_with_40(gate, beat, raw, record, signed_in):
    client = signed_in("approver")
    fill(gate, beat, record, 10)
    few = cost_of(client, "/")
    fill(gate, beat, record, 30)
    assert cost_of(client, "/") == few
    queries, round_trips = few
    assert queries <= 5
    assert round_trips <= 5


def test_an_approval_page_costs_the_same_however_much_else_there_is(
    gate, beat, raw, clean_redis, record, signed_in
):
    client, request = signed_in("approver"), gate.open_request("deploy")
    EventStreamer(clean_redis).publish_event("began", {}, source="deployer")
    record()
    address = f"/approvals/{request.request_id}/"
    alone = cost_of(client, address)
    fill(gate, beat, record, 40)
    assert cost_of(client, address) == alone
    # What was approved before it, how others of its kind ended, the agent's run, and what it spends: one query each.
    assert alone[0] <= 6 + 4
    assert (
        alone[1] == 2 + 1
    )  # the request, the agent that asked, and the events of all that this one published


def test_the_admin_list_costs_the_same_with_10_and_with_40(gate, beat, record, signed_in):
    client = signed_in("auditor")

    def queries() -> int:
        client.get("/admin/core/auditentry/")
        return queries_of(client, "/admin/core/auditentry/")

    fill(gate, beat, record, 10)
    few = queries()
    fill(gate, beat, record, 30)
    assert queries() == few


def test_no_page_searches_the_key_space(gate, beat, raw, record, signed_in):
    fill(gate, beat, record, 10)
    client = signed_in("superuser")
    raw.config_resetstat()
    for address in ("/", "/admin/", "/admin/core/auditentry/"):
        client.get(address)
    assert not {"cmdstat_keys", "cmdstat_scan"} & set(raw.info("commandstats"))


@pytest.mark.parametrize(
    "asked",
    [
        {"text": "x" * 200 * 1024},
        {"text": "line\n" * 40_000},
        {"text": "\u202e" * 20_000},
        {f"key {number}": number for number in range(10_000)},
        {"list": list(range(20_000))},
    ],
    ids=["200 KiB in one string", "40,000 lines", "20,000 chips", "10,000 keys", "20,000 items"],
)
def test_a_large_context_is_shown_whole(gate, signed_in, asked):
    client = signed_in("approver")
    request = gate.open_request("deploy", asked)
    client.get("/sign-in/")
    page = client.get(f"/approvals/{request.request_id}/").content.decode()
    if isinstance(asked.get("text"), str) and "\u202e" not in asked["text"]:
        assert asked["text"] in page
    if "key 0" in asked:
        assert page.count('class="key"') == 10_000
