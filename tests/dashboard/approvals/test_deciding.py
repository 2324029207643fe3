"""Approve and deny through the page: as a plain form, with htmx, late, second, stale, and forged."""

import re
import time

import pytest
from django.test import Client

from core.models import ApprovalRecord, DecisionIntent
from tests.dashboard.conftest import form
from tests.dashboard.display.markup import parse
from tests.history.audit.chain import kinds_of
from tests.history.database.obstacles import refusing
from tests.live_record import live_record

pytestmark = pytest.mark.django_db


def notice_of(response) -> tuple[str, str]:
    """Kind and sentence of the one notice in an answer."""
    [notice] = parse(response.content.decode()).with_class("notice")
    return notice.attributes["class"].removeprefix("notice "), notice.text


@pytest.mark.parametrize(("word", "status", "said"), [
    ("approve", "approved", "You approved deploy of deployer"),
    ("deny", "rejected", "You denied deploy of deployer"),
])  # fmt: skip
def test_without_javascript_a_decision_leads_back_to_the_page_with_a_sentence(
    gate, signed_in, answer, word, status, said
):
    client, request = signed_in("approver"), gate.open_request("deploy")
    response = answer(client, request.request_id, word, reason="looks fine")
    assert (response.status_code, response["Location"]) == (302, "/")
    kind, sentence = notice_of(client.get("/"))
    assert kind == "success"
    assert said in sentence
    record = live_record(gate, request.request_id)
    assert (record.status, record.responder, record.reason, record.channel) == (
        status,
        "the approver",
        "looks fine",
        "site",
    )


def test_a_reason_of_two_lines_is_kept_without_the_browsers_carriage_returns(gate, signed_in, answer):
    client, request = signed_in("approver"), gate.open_request("deploy")
    answer(client, request.request_id, reason="  one\r\ntwo ")
    assert live_record(gate, request.request_id).reason == "one\ntwo"


def test_from_the_requests_own_page_it_leads_back_there(gate, signed_in, answer):
    client, request = signed_in("approver"), gate.open_request("deploy")
    response = answer(client, request.request_id, page=request.request_id)
    assert response["Location"] == f"/approvals/{request.request_id}/"


@pytest.mark.parametrize("page", ["https://evil.example/", "//evil.example", "/admin/", "x"])
def test_no_form_can_lead_anywhere_else(gate, signed_in, answer, page):
    client, request = signed_in("approver"), gate.open_request("deploy")
    assert answer(client, request.request_id, page=page)["Location"] == "/"


def test_with_htmx_a_decision_answers_with_one_fragment(gate, signed_in, answer):
    client, request = signed_in("approver"), gate.open_request("deploy")
    response = answer(client, request.request_id, htmx=True)
    assert response.status_code == 200
    assert "<html" not in response.content.decode()
    assert notice_of(response) == ("done", "You approved deploy of deployer. The agent is being told.")


def test_the_loser_reads_who_decided_what_and_when(gate, signed_in, make_user, answer):
    winner, request = signed_in("approver"), gate.open_request("deploy")
    make_user("john", "approver")
    loser = Client()
    loser.login(username="john", password="correct horse battery")
    answer(winner, request.request_id, "deny")
    for htmx in (True, False):
        response = answer(loser, request.request_id, "approve", htmx=htmx)
        if not htmx:
            response = loser.get("/")
        else:
            assert response.status_code == 409
        sentence = notice_of(response)[1]
        ended = live_record(gate, request.request_id).ended_at
        assert f"the approver already denied deploy of deployer at {ended:%H:%M:%S} UTC" in sentence
    assert live_record(gate, request.request_id).status == "rejected"


@pytest.mark.parametrize("recorded", [True, False], ids=["after it was recorded", "before"])
def test_the_same_answer_again_is_one_decision_the_second_reads_so_and_nothing_is_recorded_of_it(
    gate, signed_in, answer, record, recorded
):
    client, request = signed_in("approver"), gate.open_request("deploy")
    assert answer(client, request.request_id, htmx=True, reason="fine").status_code == 200
    if recorded:
        record()
    again = answer(client, request.request_id, htmx=True, reason="fine")
    assert again.status_code == 409
    assert notice_of(again)[1].startswith("You already approved deploy of deployer at")
    record()
    assert list(DecisionIntent.objects.values_list("outcome", flat=True)) == ["accepted"]
    assert kinds_of(request.request_id) == ["approval.requested", "approval.approved"]


def test_another_reason_with_the_same_answer_was_really_tried_and_is_recorded(
    gate, signed_in, answer, record
):
    client, request = signed_in("approver"), gate.open_request("deploy")
    answer(client, request.request_id, reason="fine")
    answer(client, request.request_id, reason="only until Friday")
    record()
    assert "decision.refused" in kinds_of(request.request_id)


def test_the_answer_that_a_script_gave_in_this_name_is_none_of_this_person(gate, signed_in, answer, record):
    client, request = signed_in("approver"), gate.open_request("deploy")
    gate.respond_to_approval(request.request_id, True, "the approver")
    answer(client, request.request_id)
    record()
    assert "decision.refused" in kinds_of(request.request_id)


def test_the_opposite_answer_of_the_same_person_is_another_attempt_and_the_first_stands(
    gate, signed_in, answer, record
):
    client, request = signed_in("approver"), gate.open_request("deploy")
    answer(client, request.request_id, "approve")
    again = answer(client, request.request_id, "deny", htmx=True)
    assert again.status_code == 409
    assert notice_of(again)[1].startswith("You already approved deploy of deployer at")
    record()
    assert live_record(gate, request.request_id).status == "approved"
    assert sorted(DecisionIntent.objects.values_list("approved", "outcome")) == [
        (False, "already_decided"),
        (True, "accepted"),
    ]


@pytest.mark.parametrize("swept", [False, True], ids=["before it was recorded", "after"])
def test_a_late_click_reads_that_it_was_too_late(gate, signed_in, answer, record, swept):
    client, request = signed_in("approver"), gate.open_request("deploy", timeout=0.03)
    time.sleep(0.05)  # the deadline passes
    if swept:
        record()
    response = answer(client, request.request_id, htmx=True)
    assert response.status_code == 409
    assert notice_of(response)[1].startswith("Too late")
    record()
    assert ApprovalRecord.objects.get(pk=request.request_id).status == "timeout"


def test_a_click_on_a_cancelled_request_reads_that_it_was_cancelled(gate, signed_in, answer):
    client, request = signed_in("approver"), gate.open_request("deploy")
    gate.cancel_request(request.request_id)
    response = answer(client, request.request_id, htmx=True)
    assert (response.status_code, "cancelled" in notice_of(response)[1]) == (409, True)


def test_a_page_that_showed_something_else_decides_nothing(gate, signed_in):
    client, request = signed_in("approver"), gate.open_request("deploy")
    address = f"/approvals/{request.request_id}/approve/"
    response = client.post(address, form(request.request_id, "0" * 64), headers={"HX-Request": "true"})
    assert (response.status_code, "not what your page showed" in notice_of(response)[1]) == (409, True)
    assert live_record(gate, request.request_id).status == "pending"


@pytest.mark.parametrize(
    "data",
    [
        lambda id_, digest: {},
        lambda id_, digest: form(id_, ""),
        lambda id_, digest: form(id_, digest, "x" * 2001),
        lambda id_, digest: {"digest-other": digest},
        lambda id_, digest: form(id_, "x" * 500),
        lambda id_, digest: form(id_, "\x00"),
        lambda id_, digest: form(id_, digest, "a\x00b"),
    ],
    ids=[
        "nothing",
        "no digest",
        "a long reason",
        "another card",
        "a long digest",
        "a NUL digest",
        "a NUL reason",
    ],
)
def test_a_form_that_makes_no_sense_decides_nothing(gate, signed_in, data):
    client, request = signed_in("approver"), gate.open_request("deploy")
    digest = live_record(gate, request.request_id).digest
    response = client.post(
        f"/approvals/{request.request_id}/approve/",
        data(request.request_id, digest),
        headers={"HX-Request": "true"},
    )
    assert response.status_code == 400
    assert notice_of(response)[1].startswith("Nothing was decided")
    assert live_record(gate, request.request_id).status == "pending"


def test_who_may_only_look_reads_why_in_a_fragment_and_on_a_page(gate, signed_in, answer):
    client, request = signed_in("viewer"), gate.open_request("deploy")
    for htmx in (True, False):
        response = answer(client, request.request_id, htmx=htmx)
        assert response.status_code == 403
        assert "You may look, but not approve or deny" in response.content.decode()


def test_an_unreadable_request_is_not_decided_and_says_so(gate, raw, signed_in):
    client, request = signed_in("approver"), gate.open_request("deploy")
    raw.hset("{telemetry}:approvals:request:" + request.request_id, "context", "no json")
    response = client.post(
        f"/approvals/{request.request_id}/approve/",
        form(request.request_id, "d"),
        headers={"HX-Request": "true"},
    )
    assert response.status_code == 409
    assert "cannot be read" in notice_of(response)[1]
    assert client.get("/").status_code == 200


def test_the_name_of_the_decider_comes_from_the_session_alone(gate, signed_in, answer):
    client, request = signed_in("approver"), gate.open_request("deploy")
    answer(client, request.request_id, responder="the boss", user="the boss", channel="direct")
    record = live_record(gate, request.request_id)
    assert (record.responder, record.channel) == ("the approver", "site")


def test_without_its_csrf_token_a_form_decides_nothing(gate, signed_in, answer):
    client, request = signed_in("approver", enforce_csrf_checks=True), gate.open_request("deploy")
    client.get("/")
    response = answer(client, request.request_id)
    assert response.status_code == 403
    assert "too old" in response.content.decode()
    assert live_record(gate, request.request_id).status == "pending"


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://testserver.evil.example"])
def test_a_form_from_another_origin_decides_nothing_even_with_the_token(gate, signed_in, origin):
    client, request = signed_in("approver", enforce_csrf_checks=True), gate.open_request("deploy")
    page = client.get("/").content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
    digest = live_record(gate, request.request_id).digest
    address = f"/approvals/{request.request_id}/approve/"
    data = form(request.request_id, digest) | {"csrfmiddlewaretoken": token}
    assert client.post(address, data, headers={"Origin": origin}).status_code == 403
    assert live_record(gate, request.request_id).status == "pending"
    assert client.post(address, data, headers={"Origin": "http://testserver"}).status_code == 302
    assert live_record(gate, request.request_id).status == "approved"


@pytest.mark.parametrize("header", [{"Host": "evil.example"}, {"Host": "127.0.0.1.evil.example"}])
def test_a_foreign_host_name_is_refused(clean_redis, signed_in, header):
    assert signed_in("approver").get("/", headers=header).status_code == 400


def test_signing_in_leads_only_to_our_own_pages(make_user):
    make_user("maria", "approver")
    for target, place in (("https://evil.example/", "/"), ("//evil.example", "/"), ("/admin/", "/admin/")):
        data = {"username": "maria", "password": "correct horse battery", "next": target}
        assert Client().post("/sign-in/", data)["Location"] == place


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain form"])
def test_an_answer_that_took_effect_when_the_database_went_away_says_both(
    gate, signed_in, answer, record, htmx
):
    client, request = signed_in("approver"), gate.open_request("deploy")
    with refusing("core_decisionintent", "gone", "UPDATE"):
        response = answer(client, request.request_id, "deny", htmx=htmx)
    assert response.status_code == (200 if htmx else 302)
    kind, sentence = notice_of(response if htmx else client.get("/"))
    assert kind == ("unsure" if htmx else "warning")
    assert sentence.startswith("You denied deploy of deployer. The agent is being told.")
    assert "The recorder writes it as soon as it can" in sentence
    assert live_record(gate, request.request_id).status == "rejected"
    record()
    assert ApprovalRecord.objects.get(pk=request.request_id).status == "rejected"
