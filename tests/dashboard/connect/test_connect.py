"""The page of tokens: who makes one, that it is shown once, and that it ends."""

import hashlib
import io
import re
import zipfile

import pytest
from django.contrib.auth.models import Group

from core import ApprovalGate, HeartbeatCoordinator
from core.models import AgentOwner, AgentToken

pytestmark = [pytest.mark.django_db, pytest.mark.anywhere]
FORM = {"agent": "deployer", "scopes": ["ask", "beat"], "days": "30", "label": "my laptop"}


def secret_in(response) -> str:
    return re.search(r"agt_[\w-]{43}", response.content.decode())[0]


def test_an_administrator_makes_a_token_that_is_shown_once(clean_redis, make_user, client):
    client.force_login(make_user("anna", "administrator"))
    made = client.post("/connect/", FORM)
    assert secret_in(made)
    assert "no-store" in made["Cache-Control"]
    later = client.get("/connect/").content.decode()
    assert "agt_" not in later
    assert "my laptop" in later
    token = AgentToken.objects.get()
    client.post(f"/connect/{token.pk}/revoke/")
    token.refresh_from_db()
    assert token.revoked_at is not None
    assert "revoked" in client.get("/connect/").content.decode()


def test_whoever_owns_an_agent_makes_tokens_for_it_alone_and_sees_no_others(clean_redis, make_user, client):
    olga = make_user("olga", "approver")
    AgentOwner.objects.create(agent="deployer", person=olga)
    client.force_login(make_user("anna", "administrator"))
    client.post("/connect/", {**FORM, "agent": "payments"})
    client.force_login(olga)
    assert client.post("/connect/", FORM).status_code == 200
    refused = client.post("/connect/", {**FORM, "agent": "payments"})
    assert (refused.status_code, "is not yours" in refused.content.decode()) == (403, True)
    assert "payments" not in client.get("/connect/").content.decode()
    theirs = AgentToken.objects.get(agent="payments")
    assert client.post(f"/connect/{theirs.pk}/revoke/").status_code == 403


def test_a_viewer_sees_why_there_is_no_form(clean_redis, make_user, client):
    client.force_login(make_user("vera", "viewer"))
    assert "make no token" in client.get("/connect/").content.decode()
    assert client.post("/connect/", FORM).status_code == 403
    assert not AgentToken.objects.exists()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"days": "soon"}, "days"),
        ({"days": "400"}, "days"),
        ({"scopes": []}, "scopes"),
        ({"agent": " "}, "agent"),
    ],
)
def test_what_is_no_token_is_said_and_what_was_typed_stays(clean_redis, make_user, client, change, why):
    client.force_login(make_user("anna", "administrator"))
    answer = client.post("/connect/", {**FORM, **change})
    assert answer.status_code == 400
    assert (
        f"Nothing was made: {'the ' if change.get('days') == 'soon' else ''}{why}" in answer.content.decode()
    )
    assert "my laptop" in answer.content.decode()


def test_however_many_tokens_there_are_the_page_asks_the_same(
    clean_redis, make_user, client, django_assert_max_num_queries
):
    anna = make_user("anna", "administrator")
    client.force_login(anna)
    for number in range(8):
        client.post("/connect/", {**FORM, "agent": f"agent-{number}"})
    with django_assert_max_num_queries(8):
        assert client.get("/connect/").status_code == 200


def test_its_owner_renews_a_token_and_ends_the_old_secret_and_nobody_else_does(
    clean_redis, make_user, client
):
    client.force_login(make_user("otto", "administrator"))
    first = secret_in(client.post("/connect/", FORM))
    token = AgentToken.objects.get()
    second = secret_in(client.post(f"/connect/{token.pk}/renew/"))
    assert first != second
    page = client.get("/connect/").content.decode()
    assert "agt_" not in page
    assert "old secret until" in page
    client.post(f"/connect/{token.pk}/end-old/")
    assert "old secret until" not in client.get("/connect/").content.decode()
    assert client.post("/connect/999/renew/").status_code == 404
    client.force_login(make_user("anna", "administrator"))
    assert client.post(f"/connect/{token.pk}/renew/").status_code == 403
    assert "Renew" not in client.get("/connect/").content.decode()


def test_a_name_that_was_heard_is_bound_where_an_administrator_ticks_it(gate, record, make_user, client):
    gate.open_request("deploy")
    record()
    client.force_login(make_user("anna", "administrator"))
    form = {**FORM, "agent": gate.agent_id}
    answer = client.post("/connect/", form)
    assert (answer.status_code, 'name="binds"' in answer.content.decode()) == (409, True)
    assert secret_in(client.post("/connect/", {**form, "binds": "1"}))


def test_agents_that_were_heard_of_and_cannot_be_stopped_are_listed(gate, record, make_user, client):
    for name in ("silent", "asks", "deployer", "pod-7"):
        HeartbeatCoordinator().start_heartbeat(name)
    ApprovalGate(agent_id="asks").open_request("deploy")
    record()
    client.force_login(make_user("anna", "administrator"))
    client.post("/connect/", {**FORM, "binds": "1"})
    client.post("/connect/", {**FORM, "agent": "pod-", "is_prefix": "1", "scopes": ["beat"], "binds": "1"})
    page = client.get("/connect/").content.decode().partition('id="coverage-title"')[2]
    assert re.findall(r"agents/\?id=([^\"]+)", page) == ["pod-7", "silent"]


def test_an_agent_that_nobody_could_stop_is_gated_by_the_button_beside_it(gate, record, make_user, client):
    HeartbeatCoordinator().start_heartbeat("night & day")
    record()
    client.force_login(make_user("anna", "administrator"))
    [link] = re.findall(r'class="gate" href="([^"#]+)', client.get("/connect/").content.decode())
    page = client.get(link.replace("&amp;", "&")).content.decode()
    assert re.search(r'name="agent"[^>]* value="night &amp; day"', page)
    client.post("/connect/", {**FORM, "agent": "night & day", "binds": "1"})
    assert 'class="gate"' not in client.get("/connect/").content.decode()


@pytest.mark.parametrize(
    ("others", "says"), [(False, "Nobody else here may approve"), (True, "somebody else must answer")]
)
def test_a_new_token_comes_with_who_answers_what_it_asks(clean_redis, make_user, client, others, says):
    anna = make_user("anna", "administrator")
    anna.groups.add(Group.objects.get(name="approver"))
    if others:
        make_user("olga", "approver")
    client.force_login(anna)
    assert says in client.post("/connect/", FORM).content.decode()


def test_the_page_serves_the_package_under_the_digest_that_it_prints(clean_redis, make_user, client):
    client.force_login(make_user("anna", "administrator"))
    [digest] = set(
        re.findall(r"agent-telemetry.zip#sha256=([0-9a-f]{64})", client.get("/connect/").content.decode())
    )
    client.logout()
    fetched = client.get("/connect/agent-telemetry.zip")
    assert hashlib.sha256(fetched.content).hexdigest() == digest
    names = {
        name.removeprefix("agent-telemetry/")
        for name in zipfile.ZipFile(io.BytesIO(fetched.content)).namelist()
    }
    assert {
        "pyproject.toml",
        "README.md",
        "core/py.typed",
        "core/gate/gate.py",
        "core/values/lookalikes.txt",
    } <= names
    assert {name.split("/")[1] for name in names if "/" in name} & {
        "history",
        "models",
        "api",
        "jobs.py",
    } == set()
