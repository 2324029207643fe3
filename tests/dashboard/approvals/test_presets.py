"""Reasons that are offered for a denial, written by administrators: a press each, and no script needed."""

import json

import pytest

from core.models import AuditEntry, DenyPreset
from tests.dashboard.approvals.test_inbox import change, posted
from tests.dashboard.display.markup import parse
from tests.live_record import live_record

pytestmark = [pytest.mark.django_db, pytest.mark.anywhere]
ADDRESS = "/admin/core/denypreset/"


def offered(page: str) -> list[str]:
    fields = [e.attributes for e in parse(page).elements if e.tag == "input"]
    return [one["value"] for one in fields if one.get("name", "").startswith("preset")]


def test_those_of_a_kind_and_of_every_kind_stand_by_the_reason_in_their_order(gate, signed_in):
    DenyPreset.objects.all().delete()
    DenyPreset.objects.create(approval_type="deploy", text="Not before the freeze is over", place=1)
    DenyPreset.objects.create(text="Wrong target", place=2)
    DenyPreset.objects.create(approval_type="pay", text="Ask the bank", place=3)
    request, client = gate.open_request("deploy"), signed_in("approver")
    wanted = ["Not before the freeze is over", "Wrong target"]
    for address in (f"/?selected={request.request_id}", f"/approvals/{request.request_id}/"):
        assert offered(client.get(address).content.decode()) == wanted
    assert offered(signed_in("viewer").get(f"/approvals/{request.request_id}/").content.decode()) == []


def test_a_new_installation_has_some(gate, signed_in):
    request = gate.open_request("deploy")
    page = signed_in("approver").get(f"/approvals/{request.request_id}/").content.decode()
    assert "Need more information first" in offered(page)


@pytest.mark.parametrize(
    ("word", "reason"), [("deny", "Wrong target; Too large; see 4711"), ("approve", "see 4711")]
)
def test_the_agent_reads_what_was_chosen_and_typed_where_it_is_denied(gate, signed_in, answer, word, reason):
    request = gate.open_request("deploy")
    chosen = {f"preset-{request.request_id}": ["Wrong target", "Too large"], "reason": "see 4711"}
    answer(signed_in("approver"), request.request_id, word, **chosen)
    assert live_record(gate, request.request_id).reason.endswith(reason)


def test_many_at_once_get_them_too(gate, signed_in):
    client, ids = signed_in("approver"), change(gate, 3)
    page = client.post("/approvals/together/", {"id": ids, "answer": "deny"}).content.decode()
    assert "Wrong target" in offered(page)
    assert (
        offered(client.post("/approvals/together/", {"id": ids, "answer": "approve"}).content.decode()) == []
    )
    client.post("/approvals/together/deny/", posted(gate, ids, reason="", preset="Wrong target"))
    assert {live_record(gate, one).reason for one in ids} == {"Wrong target"}


@pytest.mark.django_db(transaction=True)
def test_an_administrator_changes_them_which_is_recorded_and_shown_at_once(gate, signed_in):
    client, request = signed_in("administrator"), gate.open_request("deploy")
    reader = signed_in("approver")
    page = f"/approvals/{request.request_id}/"
    assert "Ask the crew" not in reader.get(page).content.decode()
    added = client.post(f"{ADDRESS}add/", {"approval_type": "deploy", "text": "Ask the crew", "place": 1})
    assert added.status_code == 302
    assert offered(reader.get(page).content.decode())[0] == "Ask the crew"
    [entry] = AuditEntry.objects.filter(kind="policy.changed")
    assert (entry.actor, "Ask the crew" in json.loads(entry.details)["what"]) == ("the administrator", True)
    assert signed_in("auditor").get(ADDRESS).status_code == 403
