"""Undo on pages: what the person reads who approved, what others see, and what is offered when."""

import pytest

from core.history.approvals.answers import release
from core.models import DecisionIntent
from tests.dashboard.display.markup import parse
from tests.live_record import live_record

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("held")]


def undo(client, request, **headers):
    return client.post(f"/approvals/{request.request_id}/undo/", headers=headers)


def test_htmx_gets_the_held_state_with_a_button_that_takes_it_back(gate, signed_in, answer):
    client, request = signed_in("approver"), gate.open_request("deploy")
    response = answer(client, request.request_id, htmx=True)
    assert response.status_code == 202
    [notice] = parse(response.content.decode()).with_class("notice")
    assert "Approving deploy of deployer" in notice.text
    assert f'formaction="/approvals/{request.request_id}/undo/"' in response.content.decode()
    assert live_record(gate, request.request_id).status == "pending"
    taken = undo(client, request, HX_Request="true")
    assert (taken.status_code, "You took back" in taken.content.decode()) == (200, True)
    assert DecisionIntent.objects.get().outcome == "void"


def test_without_javascript_the_requests_page_offers_undo_and_says_what_came_of_it(gate, signed_in, answer):
    client, request = signed_in("approver"), gate.open_request("deploy")
    page = f"/approvals/{request.request_id}/"
    response = answer(client, request.request_id, page=request.request_id)
    assert (response.status_code, response["Location"]) == (302, page)
    shown = client.get(page).content.decode()
    assert "data-undo" in shown
    assert "is approving" in shown
    assert undo(client, request)["Location"] == page
    shown = client.get(page).content.decode()
    assert "You took back your approval" in shown
    assert "data-undo" not in shown
    assert "Took back their approval" in shown


def test_without_javascript_the_inbox_goes_on_to_the_next_and_offers_undo_too(gate, signed_in, answer):
    client, request, other = signed_in("approver"), gate.open_request("deploy"), gate.open_request("delete")
    response = answer(client, request.request_id, back=f"selected={other.request_id}")
    assert response["Location"] == f"/?selected={other.request_id}"
    page = parse(client.get(response["Location"]).content.decode())
    assert "Approving 1 request. The agent is told in" in " ".join(page.by_id("notices").text.split())
    assert "delete" in page.by_id("pane").text


def test_others_see_who_holds_it_and_cannot_take_it_back(gate, record, signed_in, answer):
    request, another = gate.open_request("deploy"), gate.open_request("delete")
    record()
    answer(signed_in("approver"), request.request_id)
    other = signed_in("superuser")
    shown = other.get(f"/approvals/{request.request_id}/").content.decode()
    assert "the approver" in shown
    assert "is approving" in shown
    assert "is approving" not in other.get(f"/approvals/{another.request_id}/").content.decode()
    refused = undo(other, request, HX_Request="true")
    assert (refused.status_code, "Only the approver can" in refused.content.decode()) == (403, True)
    assert DecisionIntent.objects.get().outcome == "on_hold"


def test_its_line_says_who_is_approving_and_the_notice_of_what(gate, signed_in, answer):
    client, request = signed_in("approver"), gate.open_request("deploy", {"secret_place": "x"})
    held = answer(client, request.request_id, htmx=True).content.decode()
    assert (request.request_id in held, "secret_place" in held) == (True, False)
    viewer = signed_in("viewer")
    shown = parse(viewer.get(f"/?selected={request.request_id}").content.decode())
    assert [e.text for e in shown.with_class("mark-held")] == ["the approver is approving"]
    [strip] = shown.with_class("held")
    assert "the approver is approving deploy of deployer" in " ".join(strip.text.split())
    undo(client, request)
    assert parse(viewer.get("/").content.decode()).with_class("mark-held") == []


def test_too_late_is_said_with_what_stands(gate, signed_in, answer, record):
    client, request = signed_in("approver"), gate.open_request("deploy")
    answer(client, request.request_id)
    release.release(gate._store, DecisionIntent.objects.get().pk)
    record()
    late = undo(client, request, HX_Request="true")
    assert late.status_code == 409
    assert "too late" in late.content.decode()
    assert "approved, by the approver" in late.content.decode()


def test_whose_approval_did_not_count_reads_why(gate, signed_in, answer, make_user, record):
    client, request = signed_in("approver"), gate.open_request("deploy")
    answer(client, request.request_id)
    gate.respond_to_approval(request.request_id, False, "ann")
    record()
    shown = client.get(f"/approvals/{request.request_id}/").content.decode()
    assert "approval did not count" in shown
    assert "by ann" in shown
