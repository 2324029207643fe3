"""Answers beside yes and no, as plain forms: to whom they are offered, what is shown before, and what comes of them."""

import html
import json
import re

import pytest

from core import ApprovalGate
from core.models import ApprovalRecord, ApprovalType
from tests.live_record import live_record

pytestmark = pytest.mark.django_db

ASKED = {"to": "ACME", "amount": 2070, "api_key": "sk-live-51H8abcdefghijklmnop"}
BOTH = ("edited", "changes")


@pytest.fixture
def ask(gate):
    ApprovalType.objects.create(name="pay", edits=True)
    return lambda **more: gate.open_request("pay", ASKED, **{"understands": BOTH, **more})


def page_of(client, request) -> str:
    return client.get(f"/approvals/{request.request_id}/").content.decode()


def form_of(client, request, **said):
    address = f"/approvals/{request.request_id}/edit/"
    return (client.post(address, said) if said else client.get(address)).content.decode()


def field(text: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', text)
    assert found, name
    return html.unescape(found[1])


def test_they_are_offered_where_agent_kind_and_person_allow_it(gate, ask, signed_in):
    request, plain = ask(), gate.open_request("deploy", understands=("edited",))
    old = gate.open_request("pay", ASKED)
    approver, viewer = signed_in("approver"), signed_in("viewer")
    shown = page_of(approver, request)
    assert "/edit/" in shown
    assert "/ask-back/" in shown
    assert "/edit/" not in page_of(approver, plain)
    assert "More answers" not in page_of(approver, old)
    assert "More answers" not in page_of(viewer, request)
    assert "may not be edited" in form_of(approver, plain)
    assert "did not say that it understands" in form_of(approver, old)
    assert "<textarea" not in form_of(viewer, request)


def test_the_change_is_shown_before_it_is_approved_and_secrets_stay_hidden(gate, ask, signed_in, record):
    client, request = signed_in("approver"), ask()
    first = form_of(client, request)
    assert ASKED["api_key"] not in first
    text = html.unescape(re.search(r"<textarea id=\"edited\"[^>]*>([^<]*)<", first)[1])
    wanted = json.dumps({**json.loads(text), "amount": 2000})
    shown = form_of(client, request, wanted=wanted, show="1")
    assert "<del>2070</del>" in shown
    assert "<ins>2000</ins>" in shown
    assert "Nothing is approved yet" in shown
    assert ASKED["api_key"] not in shown
    assert live_record(gate, request.request_id).status == "pending"
    id_ = request.request_id
    said = {"wanted": wanted, "save": "1", "seen": field(shown, "seen"), "page": id_}
    said |= {f"digest-{id_}": field(shown, f"digest-{id_}"), f"reason-{id_}": "less"}
    response = client.post(f"/approvals/{id_}/edit/", said)
    assert response["Location"] == f"/approvals/{id_}/"
    record()
    assert json.loads(ApprovalRecord.objects.get(pk=id_).edited_to) == {**ASKED, "amount": 2000}
    page = page_of(client, request)
    assert "Approved with changes" in page
    assert "What was approved" in page
    assert ASKED["api_key"] not in page
    heard = gate.wait_for_decision(id_, 5, understands=("edited",))
    assert heard.edited == {**ASKED, "amount": 2000}


def test_what_was_not_shown_is_not_approved(gate, ask, signed_in):
    client, request = signed_in("approver"), ask()
    shown = form_of(client, request, wanted=json.dumps({**ASKED, "amount": 1}), show="1")
    said = {"wanted": json.dumps({**ASKED, "amount": 9}), "save": "1", "seen": field(shown, "seen")}
    said[f"digest-{request.request_id}"] = request.digest
    again = client.post(f"/approvals/{request.request_id}/edit/", said).content.decode()
    assert "<ins>9</ins>" in again
    assert live_record(gate, request.request_id).status == "pending"


def test_a_change_of_more_than_values_is_refused_in_a_sentence(ask, signed_in):
    client, request = signed_in("approver"), ask()
    for wanted in ('{"to": "ACME"}', "[", json.dumps({**ASKED, "amount": "x"})):
        assert "Nothing is approved" in form_of(client, request, wanted=wanted, show="1")


def test_an_ended_request_is_not_edited(gate, ask, signed_in):
    client, request = signed_in("approver"), ask()
    gate.cancel_request(request.request_id)
    assert "does not wait" in form_of(client, request)


def test_asking_back_is_a_no_with_a_question_and_both_pages_are_linked(gate, ask, signed_in, answer, record):
    client, request = signed_in("approver"), ask()
    empty = answer(client, request.request_id, "ask-back", htmx=True)
    assert (empty.status_code, "takes a question" in empty.content.decode()) == (400, True)
    answer(client, request.request_id, "ask-back", reason="Which account?")
    again = ask(revises=request.request_id)
    record()
    first, second = page_of(client, request), page_of(client, again)
    assert "Asked back" in first
    assert "Which account?" in first
    assert again.request_id in first
    assert "Asked again" in second
    assert request.request_id in second


def test_that_people_asked_back_is_said_where_they_did_so_of_the_same_agent(
    gate, ask, signed_in, answer, record
):
    client, plain = signed_in("approver"), ask()
    answer(client, plain.request_id)
    others = ApprovalGate(gate.memory, "payer").open_request("pay", ASKED, understands=("changes",))
    answer(client, others.request_id, "ask-back", reason="Which account?")
    record()
    for claimed in (plain, others):
        assert "Asked again" not in page_of(client, ask(revises=claimed.request_id))


def test_more_time_is_given_where_the_agent_hears_of_it(gate, ask, signed_in, answer):
    client, request = signed_in("approver"), ask(understands=("extended",), timeout=60)
    assert "/extend/" in page_of(client, request)
    before = live_record(gate, request.request_id).deadline_at
    minutes = {f"minutes-{request.request_id}": "15"}
    told = answer(client, request.request_id, "extend", htmx=True, **minutes)
    assert (told.status_code, "It waits until" in told.content.decode()) == (200, True)
    assert (live_record(gate, request.request_id).deadline_at - before).total_seconds() == 900
    refused = answer(
        client, request.request_id, "extend", htmx=True, **{f"minutes-{request.request_id}": "x"}
    )
    assert (refused.status_code, "at most" in refused.content.decode()) == (409, True)
    viewer = signed_in("viewer")
    for more in (minutes, {}):
        assert answer(viewer, request.request_id, "extend", htmx=True, **more).status_code == 403
