"""The queue on pages: by deadline, none cut off unseen, and no page larger than it may be."""

import pytest

from dashboard.approvals.inbox import PAGE_LINES
from tests.dashboard.display.markup import parse
from tests.live_record import live_record

MEGABYTE = 1024 * 1024


def page(client, address: str = "/") -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def lines(text: str) -> list[str]:
    """The lines of the list, by what selects them."""
    return [e.attributes["data-line"] for e in parse(text).elements if "data-line" in e.attributes]


def test_an_urgent_request_among_many_older_ones_stands_first(gate, signed_in):
    for number in range(PAGE_LINES + 12):
        gate.open_request(f"routine {number}", {"number": number}, timeout=7 * 24 * 3600)
    urgent = gate.open_request("urgent", {}, timeout=12)
    assert lines(page(signed_in("approver")))[0] == urgent.request_id


def test_what_waits_stands_on_pages_by_deadline_and_none_is_cut_off(gate, signed_in):
    ids = [
        gate.open_request(f"kind {number:03}", {}, timeout=600 + number).request_id
        for number in range(2 * PAGE_LINES + 3)
    ]
    client = signed_in("viewer")
    parts = [lines(page(client, f"/?page={number}")) for number in (1, 2, 3)]
    assert [len(part) for part in parts] == [PAGE_LINES, PAGE_LINES, 3]
    assert [line for part in parts for line in part] == ids
    assert "Part 2 of 3" in page(client, "/?page=2")
    for odd in ("nonsense", "9" * 14, "-1", "0"):
        assert lines(page(client, f"/?page={odd}")) == parts[0]
    assert lines(page(client, "/?page=9999")) == parts[2]


def test_the_former_address_of_the_list_leads_to_it_with_what_it_asked_for(gate, signed_in):
    response = signed_in("viewer").get("/approvals/?page=2&kind=deploy")
    assert (response.status_code, response["Location"]) == (302, "/?page=2&kind=deploy")


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param({f"key {number}": number for number in range(15_000)}, marks=pytest.mark.long),
        pytest.param({"text": "\u202e" * 80_000}, marks=pytest.mark.long),
        {"text": "x" * 250_000},
    ],
    ids=["15,000 keys", "80,000 odd characters", "one long text"],
)
def test_a_bomb_of_legal_requests_makes_no_page_that_browsers_cannot_load(gate, signed_in, asked):
    requests = [gate.open_request("bomb", asked, timeout=3600) for _ in range(50)]
    client = signed_in("approver")
    live, own = page(client), page(client, f"/approvals/{requests[0].request_id}/")
    assert len(live.encode()) < MEGABYTE
    assert len(own.encode()) < 2 * MEGABYTE
    assert live.count("<") < 6_000
    assert len(lines(live)) == len(requests)  # too large to be compared: each is looked at alone
    assert "data-decide" not in live
    assert "data-decide" in own


def test_what_is_too_large_for_marks_is_still_shown_whole(gate, signed_in):
    request = gate.open_request("odd", {"text": "a\u202eb" * 40_000 + "the end"})
    own = page(signed_in("approver"), f"/approvals/{request.request_id}/")
    assert "the end" in own
    assert own.count("U+202E") == 40_000


def test_no_flood_of_one_agent_hides_the_request_of_another(gate, signed_in):
    for number in range(PAGE_LINES + 10):
        gate.open_request(f"flood {number}", {"n": number}, timeout=60)
    late = type(gate)(gate._store, "quiet").open_request("needed", timeout=3600)
    shown = lines(page(signed_in("approver")))
    assert len(shown) == PAGE_LINES
    assert shown[-1] == late.request_id  # still by deadline


def test_a_reason_that_nobody_can_see_is_none(gate, signed_in):
    client = signed_in("approver")
    for reason in ("\u200b\u200b", "\u3164", "\u2800 \u00a0"):
        request = gate.open_request("deploy")
        said = {
            f"reason-{request.request_id}": reason,
            f"digest-{request.request_id}": live_record(gate, request.request_id).digest,
        }
        client.post(f"/approvals/{request.request_id}/deny/", said)
        assert live_record(gate, request.request_id).reason == ""


@pytest.mark.parametrize(
    "context",
    [
        {f"key {number}": "пароль" for number in range(8_000)},
        pytest.param({"раssword": "x" * 250_000}, marks=pytest.mark.long),
        {"text": "rооt" * 20_000, "token": "t" * 80_000},
    ],
    ids=["many keys", "one value", "one word"],
)
def test_no_bomb_makes_a_page_large_by_what_is_said_of_it(gate, signed_in, context):
    for number in range(10):
        type(gate)(gate._store, f"bomber {number}").open_request("bomb", context, timeout=60)
    other = type(gate)(gate._store, "other").open_request("small", timeout=600)
    own = page(signed_in("approver"))
    assert other.request_id in lines(own)
    assert len(own) < MEGABYTE // 8
    assert own.count("<") < 2_000
