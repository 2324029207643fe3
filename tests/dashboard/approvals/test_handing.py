"""Handing a request over: who is asked to answer it is recorded, told and shown, and nobody's rights change."""

import json

import pytest

from core.models import AuditEntry, HandOver, Team
from tests.dashboard.approvals.test_inbox import change, lines
from tests.dashboard.display.markup import parse
from tests.dashboard.test_page_cost import cost_of
from tests.live_record import live_record

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(make_user):
    return make_user("ann", "approver")


@pytest.fixture
def client_of_ann(ann, client):
    client.force_login(ann)
    return client


def hand(client, request, to: str):
    return client.post(f"/approvals/{request.request_id}/hand-over/", {"to": to}, follow=True)


def mark(client) -> list[str]:
    found = parse(client.get("/").content.decode()).elements
    return [e.text for e in found if "mark-handed" in e.attributes.get("class", "")]


def test_it_is_recorded_and_shown_and_others_may_answer_as_before(
    gate, signed_in, ann, client_of_ann, answer
):
    client, request = signed_in("approver"), gate.open_request("deploy")
    other = gate.open_request("delete")
    said = hand(client, request, f"person:{ann.pk}").content.decode()
    assert "ann is asked to answer deploy of deployer." in said
    assert (mark(client), mark(client_of_ann)) == (["handed to ann"], ["handed to you"])
    assert lines(client_of_ann, "/?show=handed") == [request.request_id]
    assert lines(client, "/?show=handed") == []
    page = client.get(f"/approvals/{request.request_id}/").content.decode()
    assert [e.text for e in parse(page).with_class("handed")] == ["Handed to ann by the approver"]
    assert "to ann" in page
    [entry] = AuditEntry.objects.filter(kind="approval.handed_over")
    assert (entry.actor, str(entry.request_id)) == ("the approver", request.request_id)
    assert json.loads(entry.details) == {"name": "ann", "what": "person"}
    assert answer(client, request.request_id).status_code == 302
    assert live_record(gate, request.request_id).status == "approved"
    assert lines(client_of_ann) == [other.request_id]


def test_it_is_handed_on_and_the_last_one_counts(gate, signed_in, ann, client_of_ann, person):
    client, request = signed_in("approver"), gate.open_request("deploy")
    hand(client, request, f"person:{ann.pk}")
    Team.objects.create(name="night").people.add(ann)
    hand(client_of_ann, request, f"team:{Team.objects.get().pk}")
    assert (mark(client), mark(client_of_ann)) == (["handed to night"], ["handed to you"])
    me = f"person:{AuditEntry.objects.count() and HandOver.objects.first().person_id}"
    assert "You answer deploy of deployer" in hand(client_of_ann, request, me).content.decode()
    assert (mark(client), mark(client_of_ann)) == (["ann answers it"], ["yours"])
    assert HandOver.objects.filter(is_open=True).count() == 1
    assert AuditEntry.objects.filter(kind="approval.handed_over").count() == 3


def test_of_a_group_the_one_that_was_handed_over_stands_apart(gate, signed_in, ann, client_of_ann):
    client, ids = signed_in("approver"), change(gate, 4)
    hand(client, gate.get_request(ids[2]), f"person:{ann.pk}")
    group, handed = lines(client)
    assert (group.startswith("alike-"), handed) == (True, ids[2])
    assert mark(client_of_ann) == ["handed to you"]


def test_not_to_whom_may_not_answer_nor_what_is_over(gate, signed_in, ann, make_user):
    client, request = signed_in("approver"), gate.open_request("deploy")
    Team.objects.create(name="lookers").people.add(make_user("vera", "viewer"))
    team = Team.objects.get().pk
    for to, why in (
        (f"team:{team}", "nobody in lookers may answer it"),
        ("person:0", "choose to whom"),
        ("", "choose to whom"),
    ):
        response = hand(client, request, to)
        assert (response.status_code, why in response.content.decode()) == (409, True)
    gate.respond_to_approval(request.request_id, False, "tom")
    assert "does not wait" in hand(client, request, f"person:{ann.pk}").content.decode()
    assert not HandOver.objects.exists()


@pytest.mark.parametrize("kind", ["viewer", "auditor", "administrator", "no group"])
def test_who_decides_nothing_hands_nothing_over(gate, signed_in, ann, kind):
    client, request = signed_in(kind), gate.open_request("deploy")
    assert client.get(f"/approvals/{request.request_id}/hand-over/").status_code == 403
    assert hand(client, request, f"person:{ann.pk}").status_code == 403
    assert not HandOver.objects.exists()
    [entry] = AuditEntry.objects.filter(kind="decision.refused")  # looking at the form is no attempt
    assert (entry.actor, str(entry.request_id)) == (f"the {kind}", request.request_id)


def test_what_was_handed_over_costs_no_question_more(gate, record, signed_in, ann):
    client = signed_in("approver")
    requests = [gate.open_request(f"deploy {n}", {"n": n}) for n in range(12)]
    record()
    selected = f"/?selected={requests[0].request_id}"
    none = cost_of(client, "/"), cost_of(client, selected)
    for request in requests:
        hand(client, request, f"person:{ann.pk}")
    assert (cost_of(client, "/"), cost_of(client, selected)) == none


def test_one_that_has_ended_is_closed_when_the_next_is_handed_over(gate, record, signed_in, ann):
    client = signed_in("approver")
    first, second = gate.open_request("deploy"), gate.open_request("delete")
    hand(client, first, f"person:{ann.pk}")
    gate.respond_to_approval(first.request_id, False, "tom")
    record()
    hand(client, second, f"person:{ann.pk}")
    assert [str(row.request_id) for row in HandOver.objects.filter(is_open=True)] == [second.request_id]
