"""A token gets its next secret: nothing stops in between, and whoever stole the old one is found out."""

from datetime import timedelta

import pytest
from django.utils import timezone

from core.api import bearers, streams
from core.history.agents import renewal
from core.history.people import tokens
from core.history.people.tokens import NotYours, TokenSpec
from core.models import AgentOwner, AgentToken, AuditEntry
from telemetry_site.asgi import door
from tests.waiting import PATIENCE, beside

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]
WANTED = TokenSpec("my laptop", "deployer", False, ("ask", "beat"), 30)


def rotate(client, secret=""):
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    return client.post("/token/rotate", json={}, headers=headers)


def secret_of(client):
    return client.headers["Authorization"].removeprefix("Bearer ")


def test_a_token_renews_itself_and_both_secrets_work_meanwhile(agent):
    client = agent("deployer", "ask")
    old, before = secret_of(client), AgentToken.objects.get()
    said = rotate(client).json()
    assert (said["agent"], said["scopes"], said["token"] != old) == ("deployer", ["ask"], True)
    after = AgentToken.objects.get()
    assert (after.pk, after.owner, after.scopes, after.expires_at) == (
        before.pk, before.owner, before.scopes, before.expires_at,
    )  # fmt: skip
    now = timezone.now()
    assert tokens.bearer(old, now).number == tokens.bearer(said["token"], now).number == before.pk
    assert timedelta(minutes=58) < after.previous_until - now < timedelta(minutes=61)
    later = now + timedelta(minutes=61)
    assert tokens.bearer(old, later) is None
    assert tokens.bearer(said["token"], later).agent == "deployer"
    entry = AuditEntry.objects.get(kind="token.renewed")
    assert (entry.actor, entry.agent_id, "the token itself" in entry.details) == ("otto", "deployer", True)
    assert said["token"] not in entry.details


def test_what_signs_callbacks_stands_nowhere_and_what_an_earlier_version_kept_is_kept_anew(agent):
    """Its client knows that secret by the token alone, and so would who reads the database or a backup of it."""
    client = agent("deployer", "ask")
    old = secret_of(client)
    new = rotate(client).json()["token"]
    said = [tokens.digest_of(secret) for secret in (old, new)]
    kept = AgentToken.objects.values_list("previous_digest", "digest").get()
    assert not set(said) & set(kept)
    AgentToken.objects.update(previous_digest=said[0], digest=said[1])
    for secret, digest, stored in zip((old, new), said, kept, strict=True):
        bearer = tokens.bearer(secret, timezone.now())
        assert (bearer.said, bearer.digest) == (digest, stored)
        assert tokens.valid_digests([stored], timezone.now()) == {stored}
    assert AgentToken.objects.values_list("previous_digest", "digest").get() == kept


def test_an_answer_that_was_lost_is_asked_again_until_the_new_secret_was_used(agent):
    client = agent("deployer")
    lost, second = rotate(client).json()["token"], rotate(client).json()["token"]
    assert tokens.bearer(lost, timezone.now()) is None
    assert client.get("/requests", headers={"Authorization": f"Bearer {second}"}).status_code == 200
    late = rotate(client)
    assert (late.status_code, late.json()["error"]) == (409, "renewed")
    assert tokens.bearer(second, timezone.now()) is not None


def test_the_old_secret_never_outlives_its_token_and_is_revoked_with_it(agent, owner, settings):
    settings.TELEMETRY_TOKEN_OVERLAP_MINUTES = 60 * 24 * 7
    token, first = tokens.make(owner, WANTED._replace(days=1))
    renewal.renew_itself(tokens.bearer(first, timezone.now()))
    token.refresh_from_db()
    assert token.previous_until == token.expires_at
    tokens.revoke(owner, token.pk)
    assert tokens.bearer(first, timezone.now()) is None


def test_its_owner_renews_it_for_as_long_again_and_ends_the_old_secret(owner, make_user):
    token, first = tokens.make(owner, WANTED)
    AgentToken.objects.update(created_at=token.created_at - timedelta(days=20),
                              expires_at=token.expires_at - timedelta(days=20))  # fmt: skip
    renewed, second = renewal.renew(owner, token.pk)
    assert abs(renewed.expires_at - token.expires_at) < timedelta(minutes=1)
    assert renewal.renew(owner, token.pk)[0].expires_at - renewed.expires_at < timedelta(minutes=1)
    assert tokens.bearer(first, timezone.now()) is None  # the second renewal took its place
    assert tokens.bearer(second, timezone.now()).agent == "deployer"
    with pytest.raises(NotYours):
        renewal.end_previous(make_user("pete", "approver"), token.pk)
    renewal.end_previous(owner, token.pk)
    assert tokens.bearer(second, timezone.now()) is None
    assert AuditEntry.objects.filter(kind="token.shortened", actor="otto").count() == 1


def test_who_waits_with_an_old_secret_hears_nothing_once_it_was_ended(
    agent, owner, gate_of, soon, monkeypatch
):
    monkeypatch.setattr(bearers, "KNOWN_SECONDS", 0.0)
    monkeypatch.setattr(bearers, "STANDING_SECONDS", 0.0)
    monkeypatch.setattr(streams, "SILENCE", 0.05)
    client = agent("deployer")
    asked = client.post("/requests", json={"type": "a"}).json()["id"]
    held = beside(lambda: client.get(f"/requests/{asked}/outcome?wait=30"))
    with client.stream("GET", "/events/stream") as answer:
        soon(lambda: door.desk.ends.names())
        assert rotate(client).status_code == 200
        renewal.end_previous(owner, AgentToken.objects.get().pk)
        gate_of("x").decide(asked, True, "maria")
        assert held.result(PATIENCE).status_code == 401
        assert b"event:" not in answer.read()  # and it is over


def test_nobody_renews_what_is_not_theirs_or_is_over(owner, make_user):
    token, secret = tokens.make(owner, WANTED)
    with pytest.raises(NotYours):  # whoever holds the secret of an agent may answer it, unless they own it
        renewal.renew(make_user("anna", "administrator"), token.pk)
    bearer = tokens.bearer(secret, timezone.now())
    tokens.revoke(owner, token.pk)
    assert renewal.renew(owner, token.pk) is None
    assert renewal.renew_itself(bearer) is None
    assert renewal.renew(owner, 10**6) is None


def test_a_token_of_an_agent_that_was_taken_from_its_owner_ends_with_its_time(make_user):
    olga = make_user("olga", "approver")
    owned = AgentOwner.objects.create(agent="deployer", person=olga)
    token, secret = tokens.make(olga, WANTED)
    owned.delete()
    with pytest.raises(NotYours, match="not yours any more"):
        renewal.renew(olga, token.pk)
    assert tokens.bearer(secret, timezone.now()).expires_at == token.expires_at
