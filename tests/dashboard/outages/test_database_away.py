"""The database locked, full, read-only or gone: a sentence and 503, nothing half made, and it works again after."""

from collections.abc import Callable

import pytest

from core.history.people.accounts import DeletedMeanwhile
from core.models import ApprovalRecord, AuditEntry, DecisionIntent
from tests.dashboard.outages.refusing_databases import full, locked, read_only, without_tables
from tests.live_record import live_record

pytestmark = pytest.mark.django_db(transaction=True)

LONG = "€" * 2_000  # more than the room that an old page may have left

WAYS: dict[str, Callable] = {
    "locked": locked,
    "full": full,
    "read-only": read_only,
    "without its tables": without_tables,
}


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_is_refused_with_a_sentence_and_nothing_is_half_made(gate, signed_in, answer, record, way):
    request_id, client = gate.open_request("deploy").request_id, signed_in("approver")
    record()
    with WAYS[way]():
        refused = answer(client, request_id, htmx=True, reason=LONG)
        assert refused.status_code == 503
        assert "Nothing was decided" in refused.content.decode()
        assert "Answer again" in refused.content.decode()
        assert live_record(gate, request_id).status == "pending"
    assert not DecisionIntent.objects.exists()
    assert answer(client, request_id, htmx=True).status_code == 200
    record()
    assert ApprovalRecord.objects.get(pk=request_id).status == "approved"
    assert AuditEntry.objects.filter(kind="approval.approved").count() == 1


def test_a_plain_form_leads_to_a_page_that_says_so(gate, signed_in, answer):
    request_id, client = gate.open_request("deploy").request_id, signed_in("approver")
    with locked():
        refused = answer(client, request_id)
        assert refused.status_code == 302
        assert "Nothing was decided" in client.get(refused["Location"]).content.decode()


@pytest.mark.parametrize("path", ["/", "/approvals/{}/", "/admin/core/approvalrecord/"])
def test_a_page_that_needs_the_record_says_that_it_is_away_and_what_to_do(gate, signed_in, path):
    request_id, client = gate.open_request("deploy").request_id, signed_in("superuser")
    with without_tables():
        response = client.get(path.format(request_id))
        text = response.content.decode()
    assert response.status_code == 503
    assert "The record cannot be read or written" in text
    assert "Try again in a minute" in text
    assert "core_" not in text  # what it answered is for the log
    assert response["Retry-After"] == "60"
    assert "Content-Security-Policy" in response


def test_signing_in_while_nothing_can_be_written_says_so_too(client, person):
    person("approver")
    from tests.conftest import PASSWORD

    with read_only():
        response = client.post("/sign-in/", {"username": "the approver", "password": PASSWORD})
    assert response.status_code == 503
    assert "The record cannot be read or written" in response.content.decode()
    assert client.post("/sign-in/", {"username": "the approver", "password": PASSWORD}).status_code == 302


def test_what_somebody_else_was_faster_with_is_a_page_that_says_so(rf, db):
    from dashboard.middleware import AnswersWhenAway

    page = AnswersWhenAway(lambda _request: None).process_exception(
        rf.post("/"), DeletedMeanwhile("ann was deleted")
    )
    assert page.status_code == 409
    assert "Nothing was changed" in page.content.decode()


def test_an_error_of_our_own_is_not_called_an_outage(rf):
    from dashboard.middleware import AnswersWhenAway

    assert AnswersWhenAway(lambda _request: None).process_exception(rf.get("/"), ValueError("ours")) is None
