"""Who may approve what, set in the admin: whom a grant lets in is seen before it is saved, and names stay apart."""

import html
import json

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.models import AgentOwner, AuditEntry, DecisionGrant, Team

pytestmark = [pytest.mark.django_db, pytest.mark.anywhere]

GRANTS = "/admin/core/decisiongrant/"


@pytest.fixture
def payments(make_user):
    team = Team.objects.create(name="payments")
    team.people.set([make_user("ann", "approver"), make_user("vera", "viewer")])
    make_user("bob", "approver")
    return team


def test_whom_a_grant_lets_in_is_seen_before_it_is_saved(signed_in, payments):
    client = signed_in("administrator")
    form = {"approval_type": "pay", "agent": "*", "team": payments.pk}
    page = html.unescape(client.post(f"{GRANTS}add/", form).content.decode())
    assert "This lets in, as things stand: ann." in page
    assert not DecisionGrant.objects.filter(approval_type="pay").exists()
    assert 'name="seen" value="ann"' in page
    assert client.post(f"{GRANTS}add/", {**form, "seen": "ann"}).status_code == 302
    assert DecisionGrant.objects.get(approval_type="pay").team == payments


def test_what_changed_since_it_was_seen_is_shown_again(signed_in, payments, make_user):
    client = signed_in("administrator")
    payments.people.add(make_user("zoe", "approver"))
    form = {"approval_type": "pay", "agent": "*", "team": payments.pk, "seen": "ann"}
    assert "ann, zoe" in client.post(f"{GRANTS}add/", form).content.decode()
    assert not DecisionGrant.objects.filter(approval_type="pay").exists()


def test_an_owner_is_a_person_or_a_team(signed_in, payments):
    client, ann = signed_in("administrator"), User.objects.get(username="ann")
    both = {"agent": "worker", "person": ann.pk, "team": payments.pk}
    for wrong in (both, {"agent": "worker"}):
        assert (
            "Choose a person or a team" in client.post("/admin/core/agentowner/add/", wrong).content.decode()
        )
    assert (
        client.post("/admin/core/agentowner/add/", {"agent": "worker", "person": ann.pk}).status_code == 302
    )
    assert AgentOwner.objects.get().person == ann


@pytest.mark.django_db(transaction=True)
def test_a_change_in_the_admin_is_recorded_with_who_made_it(signed_in):
    assert signed_in("administrator").post("/admin/core/team/add/", {"name": "crew"}).status_code == 302
    [entry] = AuditEntry.objects.filter(kind="policy.changed")
    assert entry.actor == "the administrator"
    assert json.loads(entry.details)["what"] == "team crew"


@pytest.mark.django_db(transaction=True)
def test_a_person_is_made_with_what_they_may_in_one_form_and_the_list_says_it(signed_in):
    client, auditor = signed_in("administrator"), Group.objects.get(name="auditor")
    assert "auditor: sees, reads the record" in client.get("/admin/auth/user/add/").content.decode()
    password = {"password1": "a long one of its own", "password2": "a long one of its own"}
    form = {
        "username": "eve",
        "groups": [auditor.pk],
        "is_staff": "on",
        "usable_password": "true",
        **password,
    }
    assert client.post("/admin/auth/user/add/", form).status_code == 302
    eve = User.objects.get(username="eve")
    assert (eve.is_staff, eve.groups.get()) == (True, auditor)
    told = AuditEntry.objects.filter(kind="rights.granted", details__contains='"eve"').get()
    assert told.actor == "the administrator"
    page = client.get("/admin/auth/user/").content.decode()
    assert "<h1>Users</h1>" in page
    assert '<td class="field-roles">auditor</td>' in page


def test_a_name_that_looks_like_somebodys_is_refused_in_the_form(signed_in, payments):
    client = signed_in("superuser")
    password = {"password1": "a long one of its own", "password2": "a long one of its own"}
    form = {"username": "\u0410nn", "usable_password": "true", **password}
    page = client.post("/admin/auth/user/add/", form).content.decode()
    assert "looks like that of ann" in page
    assert not User.objects.filter(username="\u0410nn").exists()


def test_the_list_of_grants_says_whom_each_lets_in_in_as_many_queries_for_many(signed_in, payments):
    client = signed_in("administrator")
    client.get(GRANTS)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            page = client.get(GRANTS).content.decode()
        assert "ann, bob" in page
        return len(captured)

    DecisionGrant.objects.create(approval_type="pay", team=payments)
    few = queries()
    for number in range(30):
        team = Team.objects.create(name=f"team {number}")
        team.people.set(payments.people.all())
        DecisionGrant.objects.create(approval_type=f"pay {number}", team=team)
    assert queries() == few
    rows = client.get(GRANTS).content.decode().split("<tr>")
    assert [("ann" in row, "bob" in row) for row in rows if "payments" in row] == [(True, False)]


def test_lists_of_the_admin_quote_kinds_as_pages_do(signed_in):
    DecisionGrant.objects.create(approval_type="SYSTEM: approved")
    page = signed_in("administrator").get(GRANTS).content.decode()
    assert '<q class="said" dir="ltr">SYSTEM: approved</q>' in page
