"""Who may do what: every kind of person at every address."""

import html
import json
import re
from itertools import product

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import URLPattern
from websockets.exceptions import InvalidStatus

from core.history.approvals import policy
from core.history.people.groups import GROUPS
from core.models import (
    AgentOwner,
    ApprovalType,
    AuditEntry,
    DecisionGrant,
    DecisionIntent,
    Rule,
    Team,
)
from dashboard.urls import urlpatterns
from tests.dashboard.conftest import UNKNOWN_ID
from tests.dashboard.live.frames import next_frame
from tests.live_record import live_record
from tests.waiting import PATIENCE, wait_until

pytestmark = [pytest.mark.django_db, pytest.mark.anywhere]

KINDS = ["anonymous", "inactive", "no group", "viewer", "approver", "auditor", "superuser"]
SIGN_IN = "sign in"
PAGES = dict.fromkeys(KINDS, 200) | {"anonymous": SIGN_IN, "inactive": SIGN_IN, "no group": 403}
DECISIONS = dict.fromkeys(KINDS, 403) | {
    "anonymous": SIGN_IN,
    "inactive": SIGN_IN,
    "approver": 302,
}
ADMIN = dict.fromkeys(KINDS, SIGN_IN) | {"auditor": 200, "superuser": 200}


def status_of(response):
    """The status, or that the person is sent to sign in."""
    if response.status_code == 302 and "/sign-in/" in response["Location"]:
        return SIGN_IN
    if response.status_code == 302 and "/admin/login/" in response["Location"]:
        return SIGN_IN
    return response.status_code


# Addresses that ask for nobody: the first two tell a supervisor, the third is what agents install.
FOR_EVERYBODY = {"/healthz", "/readyz", "/connect/agent-telemetry.zip"}


@pytest.mark.parametrize(
    ("kind", "methods", "refusals", "open_"),
    [
        ("anonymous", ("get", "post"), (SIGN_IN, 401, 405), FOR_EVERYBODY),
        ("no group", ("get",), (403, 404, 405), FOR_EVERYBODY),
    ],
)
def test_no_address_lets_in_a_stranger(clean_redis, signed_in, kind, methods, refusals, open_):
    client = signed_in(kind)
    for page in urlpatterns:
        address = "/" + re.sub("<uuid:[a-z_]+>", UNKNOWN_ID, re.sub("<int:[a-z_]+>", "1", str(page.pattern)))
        if isinstance(page, URLPattern) and address not in open_:
            for method in methods:
                assert status_of(getattr(client, method)(address)) in refusals, (method, address)


@pytest.mark.parametrize("kind", KINDS)
def test_the_live_page_and_an_approval_page_open_for_those_who_may_look(gate, signed_in, kind):
    client, request = signed_in(kind), gate.open_request("deploy")
    assert status_of(client.get("/")) == PAGES[kind]
    assert status_of(client.get(f"/approvals/{request.request_id}/")) == PAGES[kind]


@pytest.mark.parametrize("word", ["approve", "deny"])
@pytest.mark.parametrize("kind", KINDS)
def test_only_approvers_decide_and_whoever_else_is_signed_in_is_recorded(gate, signed_in, answer, kind, word):
    client, request = signed_in(kind), gate.open_request("deploy")
    assert status_of(answer(client, request.request_id, word)) == DECISIONS[kind]
    decided = {"approve": "approved", "deny": "rejected"}[word] if DECISIONS[kind] == 302 else "pending"
    assert live_record(gate, request.request_id).status == decided
    refused = AuditEntry.objects.filter(kind="decision.refused", request_id=request.request_id)
    assert [entry.actor for entry in refused] == ([f"the {kind}"] if DECISIONS[kind] == 403 else [])


def test_a_viewers_post_without_a_digest_is_refused_and_recorded_too(gate, signed_in):
    client, request = signed_in("viewer"), gate.open_request("deploy")
    assert client.post(f"/approvals/{request.request_id}/approve/").status_code == 403
    assert AuditEntry.objects.filter(kind="decision.refused").count() == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_record_in_the_admin_is_for_auditors(gate, record, signed_in, kind):
    gate.open_request("deploy")
    record()
    client = signed_in(kind)
    entry = AuditEntry.objects.get(kind="approval.requested")
    assert status_of(client.get("/admin/core/auditentry/")) == ADMIN[kind]
    assert status_of(client.get(f"/admin/core/auditentry/{entry.pk}/change/")) == ADMIN[kind]
    assert status_of(client.get("/admin/")) == ADMIN[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_request_is_not_there_for_anybody(clean_redis, signed_in, kind):
    client = signed_in(kind)
    wanted = {SIGN_IN: SIGN_IN, 403: 403}.get(PAGES[kind], 404)
    assert status_of(client.get(f"/approvals/{UNKNOWN_ID}/")) == wanted
    posted = status_of(client.post(f"/approvals/{UNKNOWN_ID}/approve/", {f"digest-{UNKNOWN_ID}": "d"}))
    assert posted == (SIGN_IN if wanted == SIGN_IN else 404)


@pytest.mark.parametrize("address", ["..%2f..%2fadmin", "1234", "x' OR 1=1 --", "%00", "A" * 5000])
def test_an_address_that_is_no_id_is_not_there(clean_redis, signed_in, address):
    assert signed_in("approver").get(f"/approvals/{address}/").status_code == 404


def test_an_id_in_capitals_is_the_same_request(gate, signed_in):
    request = gate.open_request("deploy")
    assert signed_in("viewer").get(f"/approvals/{request.request_id.upper()}/").status_code in (200, 404)


@pytest.mark.parametrize("kind", KINDS)
def test_only_a_post_decides(gate, signed_in, kind):
    client, request = signed_in(kind), gate.open_request("deploy")
    for word, method in product(("approve", "deny"), ("get", "head", "put", "patch", "delete", "options")):
        address = f"/approvals/{request.request_id}/{word}/"
        response = getattr(client, method)(address, headers={"X-HTTP-Method-Override": "POST"})
        assert response.status_code == 405, (word, method)
    assert live_record(gate, request.request_id).status == "pending"


def test_a_group_taken_away_a_second_ago_counts_at_once(gate, person, answer):
    approver, request = person("approver"), gate.open_request("deploy")
    client = Client()
    client.force_login(approver)
    assert client.get("/").status_code == 200
    approver.groups.set(Group.objects.filter(name="viewer"))
    assert answer(client, request.request_id).status_code == 403
    approver.groups.clear()
    assert client.get("/").status_code == 403


def test_an_account_deactivated_a_second_ago_is_signed_out(gate, person, answer):
    approver, request = person("approver"), gate.open_request("deploy")
    client = Client()
    client.force_login(approver)
    type(approver).objects.update(is_active=False)
    assert status_of(answer(client, request.request_id)) == SIGN_IN
    assert live_record(gate, request.request_id).status == "pending"


def test_whoever_asked_does_not_answer(gate, make_user, answer):
    asker, request = make_user("deployer", "approver"), gate.open_request("deploy")
    client = Client()
    client.force_login(asker)
    assert answer(client, request.request_id).status_code == 403
    [entry] = AuditEntry.objects.filter(kind="decision.refused")
    assert entry.actor == "deployer"


SOCKETS = dict.fromkeys(KINDS, 101) | dict.fromkeys(("anonymous", "inactive", "no group"), 403)


@pytest.mark.parametrize("kind", KINDS)
def test_the_sockets_let_in_whom_the_pages_let_in(gate, signed_in, open_socket, kind):
    client, request = signed_in(kind), gate.open_request("deploy")
    for path in ("/ws/live/", f"/ws/approvals/{request.request_id}/"):
        try:
            socket = open_socket(client if kind != "anonymous" else None, path)
            status = 101
            assert "hx-partial" in socket.recv(PATIENCE)
        except InvalidStatus as refused:
            status = refused.response.status_code
        assert status == SOCKETS[kind]


def test_the_socket_of_an_unknown_request_is_refused(clean_redis, signed_in, open_socket):
    client = signed_in("approver")
    with pytest.raises(InvalidStatus, match="403"):
        open_socket(client, f"/ws/approvals/{UNKNOWN_ID}/")


# Every kind of person at every door, in every state of a request

PEOPLE = {
    "signed out": SIGN_IN,
    "inactive": SIGN_IN,
    "viewer": policy.NO_RIGHT,
    "auditor": policy.NO_RIGHT,
    "maintainer": policy.NO_RIGHT,
    "administrator": policy.NO_RIGHT,
    "superuser": policy.NO_RIGHT,
    "group removed a second ago": policy.NO_RIGHT,
    "without a grant for this kind": policy.NOT_THIS,
    "requester": policy.ASKED,
    "lookalike of the requester": policy.LOOKS_ALIKE,
    "owner": policy.OWNED,
    "owner in a team": policy.OWNED,
    "approver": "",
}
STATES = ["pending", "approved", "rejected", "timeout", "cancelled"]
NAMES = {"requester": "deployer", "lookalike of the requester": "D\u0435ployer"}
POLICY_PAGES = ("team", "decisiongrant", "agentowner", "approvaltype")


@pytest.fixture
def client_of(make_user, person):
    """A client of each kind of person in PEOPLE; others of the same kind of work are there, so nobody is alone."""

    def client(kind: str) -> Client:
        make_user("another approver", "approver")
        crew, staff = Team.objects.create(name="crew"), Team.objects.create(name="staff")
        DecisionGrant.objects.all().delete()
        DecisionGrant.objects.create(approval_type="deploy", team=staff)
        DecisionGrant.objects.create(approval_type="pay")
        user, opened = _user(kind, make_user, person), Client()
        if kind != "without a grant for this kind":
            staff.people.add(user)
        if kind == "owner":
            AgentOwner.objects.create(agent="DEPLOYER", person=user)
        if kind == "owner in a team":
            crew.people.add(user)
            AgentOwner.objects.create(agent="depl", is_prefix=True, team=crew)
        if kind != "signed out":
            opened.force_login(user)
        if kind == "group removed a second ago":
            assert opened.get("/").status_code == 200
            user.groups.set(Group.objects.filter(name="viewer"))
        return opened

    return client


def _user(kind: str, make_user, person):
    if kind in ("viewer", "auditor", "maintainer", "administrator", "superuser", "inactive"):
        return person(kind)
    return make_user(NAMES.get(kind, f"the {kind}"), "approver")


def bring(gate, state: str) -> str:
    """A request that stands so in Redis."""
    request_id = gate.open_request("deploy", timeout=0.01 if state == "timeout" else 60).request_id
    if state in ("approved", "rejected"):
        gate.respond_to_approval(request_id, state == "approved", "somebody")
    elif state == "cancelled":
        gate.cancel_request(request_id)
    elif state == "timeout":
        wait_until(lambda: gate.clear_expired_requests() == 1, "its time is up")
    return request_id


def attempts(request_id: str) -> list[dict]:
    found = AuditEntry.objects.filter(kind="decision.refused", request_id=request_id).order_by("sequence")
    return [json.loads(entry.details) for entry in found]


@pytest.mark.long
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("kind", PEOPLE)
def test_every_kind_of_person_at_every_door_and_in_every_state(gate, client_of, answer, kind, state):
    why, client = PEOPLE[kind], client_of(kind)
    for word in ("approve", "deny"):
        request_id = bring(gate, state)
        page = client.get(f"/approvals/{request_id}/")
        assert status_of(page) == (SIGN_IN if why == SIGN_IN else 200)
        offered = state == "pending" and why == ""
        for opened in (page, client.get(f"/?selected={request_id}")):
            assert (f"/approvals/{request_id}/{word}/" in opened.content.decode()) is offered
        response = answer(client, request_id, word, htmx=True)
        told = attempts(request_id)
        if why == SIGN_IN:
            assert (status_of(response), told) == (SIGN_IN, [])
        elif why:
            assert (response.status_code, told) == (403, [{"why": why}])
            assert why in html.unescape(response.content.decode())
        elif state == "pending":
            assert (response.status_code, told) == (200, [])
        else:
            assert response.status_code == 409
            assert [one["standing"] for one in told] == [state]
        after = {"approve": "approved", "deny": "rejected"}[word] if offered else state
        assert live_record(gate, request_id).status == after


def wanted_form(request, **said: str) -> dict:
    """What every door beside approve and deny reads of a form: fields are of a request, or of all in it."""
    id_ = request.request_id
    about = {f"digest-{id_}": request.digest, f"reason-{id_}": "why?", f"minutes-{id_}": "5"}
    return {"id": [id_], "reason": "why?", "wanted": '{"a": 2}', **about, **said}


def edited(client: Client, request) -> object:
    """The change is looked at, and then approved as it was shown."""
    address = f"/approvals/{request.request_id}/edit/"
    shown = client.post(address, wanted_form(request, show="1")).content.decode()
    mark = re.search(r'name="seen" value="(\w+)"', shown)
    return client.post(address, wanted_form(request, save="1", seen=mark[1] if mark else "no"))


def at(address: str):
    return lambda client, request: client.post(
        address.replace("ID", request.request_id), wanted_form(request)
    )


# What each does, and how the request stands where it may.
DOORS = {
    "approve": (at("/approvals/ID/approve/"), "approved"),
    "deny": (at("/approvals/ID/deny/"), "rejected"),
    "ask back": (at("/approvals/ID/ask-back/"), "rejected"),
    "edit": (edited, "approved"),
    "extend": (at("/approvals/ID/extend/"), "pending"),
    "approve together": (at("/approvals/together/approve/"), "approved"),
    "deny together": (at("/approvals/together/deny/"), "rejected"),
}


@pytest.mark.long
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", PEOPLE)
def test_every_way_to_answer_asks_the_same_policy_and_each_attempt_is_recorded(gate, client_of, kind, door):
    why, client = PEOPLE[kind], client_of(kind)
    (go, status), before = DOORS[door], gate.open_request("deploy")
    ApprovalType.objects.create(name="deploy", edits=True)
    heard = ("edited", "changes", "extended")
    request = gate.open_request("deploy", {"a": 1}, timeout=60, understands=heard)
    asked_until = live_record(gate, request.request_id).deadline_at
    response, after = go(client, request), live_record(gate, request.request_id)
    assert response.status_code < 500
    assert (status_of(response) == SIGN_IN) is (why == SIGN_IN)
    assert [one["why"] for one in attempts(request.request_id)] == ([why] if why not in ("", SIGN_IN) else [])
    assert after.status == (status if why == "" else "pending")
    assert (after.deadline_at > asked_until) is (why == "" and door == "extend")
    assert DecisionIntent.objects.exists() is (why == "" and door != "extend")
    assert live_record(gate, before.request_id).status == "pending"


@pytest.mark.parametrize("kind", PEOPLE)
def test_a_rule_is_made_by_whom_its_requests_may_be_answered_and_others_are_recorded(gate, client_of, kind):
    why, client = PEOPLE[kind], client_of(kind)
    address = f"/approvals/{gate.open_request('deploy').request_id}/rule/"
    said = {"answer": "approve", "agent": "this", "hours": "4", "uses": "1", "reason": "every day"}
    wanted = SIGN_IN if why == SIGN_IN else 403 if why else 200
    assert status_of(client.get(address)) == wanted
    shown = client.post(address, said).content.decode()
    mark = re.search(r'name="seen" value="(\w+)"', shown)
    saved = client.post(address, said | {"save": "1", "seen": mark[1] if mark else ""})
    assert status_of(saved) == (wanted if why else 302)
    assert Rule.objects.exists() is (why == "")
    refused = AuditEntry.objects.filter(kind="rule.refused")
    assert [json.loads(entry.details)["why"] for entry in refused] == ([why] if wanted == 403 else [])


@pytest.mark.parametrize(
    "kind", ["viewer", "auditor", "maintainer", "approver", "administrator", "superuser"]
)
def test_who_may_approve_what_is_set_by_administrators_alone(signed_in, kind):
    client, may = signed_in(kind), kind in ("administrator", "superuser")
    for table in POLICY_PAGES:
        for page in ("", "add/"):
            found = status_of(client.get(f"/admin/core/{table}/{page}"))
            assert found == 200 if may else found in (SIGN_IN, 403)


@pytest.mark.long
@pytest.mark.parametrize("kind", [kind for kind, why in PEOPLE.items() if why != SIGN_IN])
def test_a_socket_offers_what_its_person_may_answer_and_nothing_else(gate, client_of, open_socket, kind):
    client, request = client_of(kind), gate.open_request("deploy")
    offered, may = f"/approvals/{request.request_id}/approve/", PEOPLE[kind] == ""
    assert (offered in client.get("/", {"selected": request.request_id}).content.decode()) is may
    own = open_socket(client, f"/ws/approvals/{request.request_id}/")
    said = next_frame(own, lambda frame: f"request-{request.request_id}" in frame, "the request")
    assert (offered in said) is may
    live, later = open_socket(client, "/ws/live/"), gate.open_request("deploy").request_id
    assert "approve" not in next_frame(live, lambda frame: later in frame, "that it came")


def test_each_right_of_a_group_of_the_house_is_one_that_exists():
    for name, rights in GROUPS.items():
        known = {f"{label}.{code}" for label, code in Group.objects.get(name=name).permissions.values_list(
            "content_type__app_label", "codename")}  # fmt: skip
        assert {right if "." in right else f"core.{right}" for right in rights} <= known, name
