"""That nobody can approve a request stands on its page and in the pane, with the way out for who may change that."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from core.models import AgentOwner, ApprovalType, DecisionGrant, Team

pytestmark = pytest.mark.django_db(transaction=True)

NOBODY = "Nobody can approve this"


@pytest.fixture
def seen(gate):
    """What somebody reads of one request, on its page and in the pane of the inbox."""

    def look(client: Client, request_id: str) -> str:
        page, pane = (
            client.get(at).content.decode()
            for at in (f"/approvals/{request_id}/", f"/?selected={request_id}")
        )
        assert (NOBODY in page) == (NOBODY in pane), "the two differ"
        return page

    return look


def test_it_is_said_and_changes_with_the_next_look(gate, signed_in, seen):
    client = signed_in("viewer")
    request = gate.open_request("deploy")
    page = seen(client, request.request_id)
    assert "Nobody can approve this, as people and grants are now." in page
    assert "An administrator of this site can change that" in page
    admin = signed_in("administrator")
    assert "/admin/core/decisiongrant/" in seen(admin, request.request_id)
    signed_in("approver")
    assert NOBODY not in seen(admin, request.request_id)


def test_owners_beginnings_grants_and_several_people_count(gate, signed_in, make_user, seen):
    client = signed_in("approver")
    other = make_user("zoe", "approver")
    request = gate.open_request("deploy")
    assert NOBODY not in seen(client, request.request_id)
    kind = ApprovalType.objects.create(name="deploy", approvers=3)
    page = seen(client, request.request_id)
    assert "3 different people must, and 2 may" in page
    kind.delete()
    everybody = Team.objects.create(name="all")
    everybody.people.set(get_user_model().objects.all())
    owner = AgentOwner.objects.create(agent="Deploy", is_prefix=True, team=everybody)  # it looks alike
    assert NOBODY in seen(client, request.request_id)
    owner.delete()
    DecisionGrant.objects.all().delete()
    assert NOBODY in seen(client, request.request_id)
    assert other.is_active
    gate.cancel_request(request.request_id)
    assert NOBODY not in seen(client, request.request_id)
