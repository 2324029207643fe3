"""Tokens: who gets one, what it may, and when it ends."""

from datetime import timedelta

import pytest
from django.utils import timezone

from core import CoordinationSignals
from core.api import bearers
from core.api.throttle import Throttle
from core.history.people import tokens
from core.history.people.tokens import NotYours, TokenSpec
from core.models import AgentOwner, AgentToken, AuditEntry
from core.store.approvals import read_records
from telemetry_site.asgi import door
from tests.waiting import PATIENCE, beside

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]
WANTED = TokenSpec("my laptop", "deployer", False, ("ask", "beat"), 30)


def test_a_token_is_kept_as_its_hash_and_made_in_the_record(owner):
    token, secret = tokens.make(owner, WANTED)
    assert secret.startswith("agt_")
    kept = AgentToken.objects.get()
    assert secret not in str(vars(kept))
    assert kept.digest == tokens.signing_key_of(tokens.digest_of(secret))
    entry = AuditEntry.objects.get(kind="token.made")
    assert (entry.actor, entry.agent_id) == ("otto", "deployer")
    assert secret not in entry.details
    assert AgentOwner.objects.filter(agent="deployer", person=owner).exists()
    assert token.pk == kept.pk


def test_whoever_owns_an_agent_makes_its_token_and_nobody_else_but_an_administrator(make_user):
    olga, pete = make_user("olga", "approver"), make_user("pete", "approver")
    AgentOwner.objects.create(agent="deploy", is_prefix=True, person=olga)
    tokens.make(olga, WANTED)
    with pytest.raises(NotYours):
        tokens.make(pete, WANTED)
    with pytest.raises(NotYours):
        tokens.make(olga, WANTED._replace(agent="payments"))
    with pytest.raises(NotYours):
        tokens.make(olga, WANTED._replace(agent="d", is_prefix=True))
    assert AgentToken.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "named"),
    [({"agent": ""}, "agent"), ({"label": ""}, "label"), ({"scopes": ()}, "scopes"), ({"days": 366}, "days"),
     ({"scopes": ("ask", "decide")}, "scopes"), ({"days": 0}, "days")],
)  # fmt: skip
def test_what_is_no_token_is_refused_by_name(owner, change, named):
    with pytest.raises(ValueError, match=named):
        tokens.make(owner, WANTED._replace(**change))
    assert not AgentToken.objects.exists()


def test_a_token_without_the_scope_is_refused(agent):
    answer = agent("deployer", "beat").post("/requests", json={"type": "deploy"})
    assert (answer.status_code, answer.json()["error"]) == (403, "scope")


def test_a_revoked_token_is_refused_once_it_is_forgotten(agent, owner, monkeypatch):
    monkeypatch.setattr(bearers, "KNOWN_SECONDS", 0.0)
    client = agent("deployer")
    assert client.get("/requests").status_code == 200
    tokens.revoke(owner, AgentToken.objects.get().pk)
    assert client.get("/requests").status_code == 401
    assert bearers.Bearers().remembered("agt_x") is None
    assert AuditEntry.objects.filter(kind="token.revoked", actor="otto").count() == 1


def test_who_waits_hears_nothing_once_its_token_is_revoked(agent, owner, gate_of, soon, monkeypatch):
    monkeypatch.setattr(bearers, "KNOWN_SECONDS", 0.0)
    monkeypatch.setattr(bearers, "STANDING_SECONDS", 0.0)
    client, gate = agent("deployer"), gate_of("x")
    aap = str(client.base_url).rstrip("/").replace("/api/v1", "/api/aap/v1")
    body, key = {"tool": "a", "arguments": {}, "timeout": "1h"}, {"Idempotency-Key": "k"}
    own = client.post("/requests", json={"type": "a"}).json()["id"]
    other = client.post(f"{aap}/requests", json=body, headers=key).json()["id"]
    hook = {"hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_input": {}, "session_id": "s"}
    calls = (
        lambda: client.get(f"/requests/{own}/outcome?wait=30"),
        lambda: client.post("/requests/ended", json={"ids": [own], "wait": 30}),
        lambda: client.get(f"{aap}/requests/{other}?wait=30s"),
        lambda: client.post("/hooks/claude-code?timeout=60", json=hook),
        lambda: client.get("/signals?type=go&wait=30"),
    )
    held = [beside(call) for call in calls]
    soon(lambda: len(door.desk.ends.names()) == 3 and door.desk.mail.names())
    tokens.revoke(owner, AgentToken.objects.get().pk)
    for request in gate.get_pending_approvals():
        gate.decide(request.request_id, True, "maria")
    CoordinationSignals(agent_id="boss").signal("go", target_agent="deployer")
    assert [call.result(PATIENCE).status_code for call in held] == [401] * len(held)
    assert all(one.collected_at is None for one in read_records(gate._store, [own, other]))


def test_what_was_known_is_asked_again_within_five_seconds():
    assert bearers.KNOWN_SECONDS + bearers.STANDING_SECONDS < 5


def test_a_token_ends_with_its_time_and_with_its_owner(owner):
    _token, secret = tokens.make(owner, WANTED)
    now = timezone.now()
    assert tokens.bearer(secret, now).agent == "deployer"
    assert tokens.bearer(secret, now + timedelta(days=31)) is None
    owner.is_active = False
    owner.save()
    assert tokens.bearer(secret, now) is None


def test_only_its_owner_and_an_administrator_end_a_token(owner, make_user):
    token, _secret = tokens.make(owner, WANTED)
    with pytest.raises(NotYours):
        tokens.revoke(make_user("pete", "approver"), token.pk)
    assert tokens.revoke(make_user("anna", "administrator"), token.pk).revoked_at
    assert tokens.revoke(owner, 10**6) is None


def test_a_flood_of_tokens_that_are_none_is_held_off_by_address(agent, monkeypatch):
    client = agent("deployer")
    monkeypatch.setattr(door.desk.bearers, "_tries", Throttle(3))
    wrong = {"Authorization": "Bearer agt_wrong"}
    codes = [client.get("/requests", headers=wrong).status_code for _ in range(5)]
    assert codes == [401, 401, 401, 429, 429]


@pytest.mark.parametrize("address", ["/connect", "/connect/token"])
def test_of_a_stranger_no_large_body_is_read(agent, address):
    answer = agent("deployer").post(
        address, json={"device_code": "x" * 70_000}, headers={"Authorization": ""}
    )
    assert (answer.status_code, answer.json()["error"]) == (413, "body")


@pytest.mark.parametrize("header", ["", "Basic YTpi", "Bearer", "agt_abc", "Bearer " + "x" * 5_000])
def test_without_a_token_nothing_is_read(agent, header):
    client = agent("deployer")
    answer = client.post("/requests", content=b"{", headers={"Authorization": header})
    assert (answer.status_code, answer.json()["error"]) == (401, "token")
    assert answer.headers["www-authenticate"] == "Bearer"
    cookie = client.post("/requests?token=" + client.headers["Authorization"], headers={"Authorization": ""})
    assert cookie.status_code == 401
