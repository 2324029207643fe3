"""Pages while Redis is away: they say so with 503 and a sentence, and nothing is decided."""

import pytest
from django.test import override_settings

from core import ApprovalGate
from core.models import DecisionIntent
from tests.dashboard.conftest import form
from tests.dashboard.display.markup import parse
from tests.servers import faulty_server

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(clean_redis):
    """A Redis of this test's own behind the site."""
    with faulty_server(durable=True) as server, override_settings(REDIS_URL=server.url):
        yield server


@pytest.fixture
def request_id(server) -> str:
    return ApprovalGate(server.url, "deployer").open_request("deploy", timeout=60).request_id


def test_the_live_page_says_that_the_server_is_away_and_claims_nothing(server, request_id, signed_in):
    client = signed_in("approver")
    assert client.get("/").status_code == 200
    server.stop()
    response = client.get("/")
    page = parse(response.content.decode())
    assert response.status_code == 503
    problem = page.by_id("problem")
    assert "hidden" not in problem.attributes
    assert "does not answer" in problem.text
    assert "Nobody waits" not in page.text
    assert "No agent has beaten" not in page.text


def test_the_approval_page_says_so_too(server, request_id, signed_in):
    client = signed_in("approver")
    server.stop()
    response = client.get(f"/approvals/{request_id}/")
    assert response.status_code == 503
    assert "does not answer" in response.content.decode()


@pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain form"])
def test_an_answer_is_refused_with_a_sentence_and_leaves_no_intent(server, request_id, signed_in, htmx):
    client = signed_in("approver")
    server.stop()
    headers = {"HX-Request": "true"} if htmx else {}
    response = client.post(f"/approvals/{request_id}/approve/", form(request_id, "d"), headers=headers)
    assert response.status_code == (503 if htmx else 302)
    page = response if htmx else client.get(response["Location"])
    assert "Nothing was decided" in page.content.decode()
    assert not DecisionIntent.objects.exists()


def test_a_hanging_server_is_an_answer_within_seconds(server, request_id, signed_in):
    client = signed_in("approver")
    server.hang()
    for address in ("/", f"/approvals/{request_id}/"):
        response = client.get(address)
        assert response.status_code == 503
        assert "does not answer" in response.content.decode()
    server.resume()
    assert client.get("/").status_code == 200


def test_pages_work_again_as_soon_as_the_server_is_back(server, request_id, signed_in):
    client = signed_in("approver")
    server.stop()
    assert client.get("/").status_code == 503
    server.start()
    response = client.get("/")
    assert response.status_code == 200
    assert parse(response.content.decode()).by_id(f"line-{request_id}")


def test_signing_in_and_the_record_need_no_redis(server, signed_in):
    client = signed_in("auditor")
    server.stop()
    for address in ("/sign-in/", "/admin/", "/admin/core/auditentry/", "/admin/core/approvalrecord/"):
        assert client.get(address).status_code == 200
