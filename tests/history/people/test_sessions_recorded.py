"""Signing in and out, and failing to: recorded, without secrets, and without end to the record in a flood."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from core.history.people import sessions
from core.models import AuditEntry, SignInMinute
from tests.conftest import PASSWORD
from tests.history.audit.chain import assert_chain_is_whole

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def told(*kinds: str) -> list[dict]:
    entries = AuditEntry.objects.filter(kind__in=kinds).order_by("sequence")
    return [{"actor": entry.actor, **json.loads(entry.details)} for entry in entries]


def sign_in(client, name: str, password: str = PASSWORD):
    return client.post("/sign-in/", {"username": name, "password": password})


def fail(name: str, seconds: float = 0, times: int = 1) -> None:
    for _ in range(times):
        with transaction.atomic():
            sessions.refuse(name, "192.0.2.1", NOON + timedelta(seconds=seconds))


def test_signing_in_and_out_is_recorded_with_name_and_address(client, make_user):
    make_user("ann", "viewer")
    assert sign_in(client, "ann").status_code == 302
    assert client.post("/sign-out/").status_code == 302
    assert told("session.started", "session.ended") == [
        {"actor": "ann", "address": "127.0.0.1"},
        {"actor": "ann", "address": "127.0.0.1"},
    ]
    assert_chain_is_whole()


def test_a_failed_sign_in_is_recorded_with_the_name_tried_and_no_password(client, make_user):
    make_user("ann", is_active=False)
    sign_in(client, "ann")
    sign_in(client, "nobody", "hunter2 hunter2")
    refused = told("session.refused")
    assert refused == [{"actor": "", "name": name, "address": "127.0.0.1"} for name in ("ann", "nobody")]
    everything = str(list(AuditEntry.objects.values()))
    assert "hunter2" not in everything
    assert PASSWORD not in everything


@pytest.mark.parametrize(
    ("tried", "kept"),
    [("a" * 5000, "a" * 100), ("a\x00\n\x1b[31mb", "a���[31mb"), ("\ud800x", "�x"), ("名\u202e", "名\u202e")],
)
def test_the_name_tried_is_bounded_and_holds_no_controls(tried, kept):
    assert sessions.clean_name(tried) == kept


def test_nobody_is_signed_in_when_it_cannot_be_recorded_and_everybody_can_go(client, make_user, monkeypatch):
    make_user("ann", "viewer")
    client.raise_request_exception = False

    def locked(*_: object) -> None:
        raise OperationalError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr("core.history.people.sessions.entries.append", locked)
        assert sign_in(client, "ann").status_code == 503
        assert client.get("/").status_code == 302  # to the sign-in page
    sign_in(client, "ann")
    assert client.get("/").status_code in (200, 503)
    monkeypatch.setattr("core.history.people.sessions.entries.append", locked)
    assert client.post("/sign-out/").status_code == 302
    assert client.get("/").status_code == 302


def test_of_many_failures_of_one_name_five_a_minute_are_listed_and_the_rest_is_counted(db):
    fail("ann", times=40)
    assert len(told("session.refused")) == 5
    assert told("session.refused_more") == []
    fail("bob")  # others are listed still
    assert len(told("session.refused")) == 6
    fail("ann", seconds=61)  # the next minute
    assert len(told("session.refused")) == 7
    more = {"actor": "", "minute": "2026-03-01T12:00", "more": 35, "names": {"ann": 35}}
    assert told("session.refused_more") == [more]
    assert SignInMinute.objects.count() == 1
    assert_chain_is_whole()


def test_a_flood_of_ever_new_names_grows_the_record_by_sixty_a_minute_and_one_count(db):
    for number in range(200):
        fail(f"name {number}")
    assert len(told("session.refused")) == 60
    with transaction.atomic():
        assert sessions.count_unlisted(NOON + timedelta(minutes=5)) == 1
    (more,) = told("session.refused_more")
    assert more["more"] == 140
    assert len(more["names"]) == 20
    assert not SignInMinute.objects.exists()
    with transaction.atomic():
        assert sessions.count_unlisted(NOON + timedelta(minutes=5)) == 0


def test_a_sign_in_and_a_checkpoint_count_what_was_not_listed(client, make_user, tmp_path):
    from core.history.proof.checkpoints import checkpoint

    make_user("ann", "viewer")
    fail("ann", times=9)
    sign_in(client, "ann")
    assert [one["more"] for one in told("session.refused_more")] == [4]
    fail("ann", seconds=120, times=7)
    checkpoint(tmp_path / "checkpoints")
    assert [one["more"] for one in told("session.refused_more")] == [4, 2]


def test_failures_in_many_threads_are_all_listed_or_counted(transactional_db, background):
    for future in [background(fail, "ann", 0, 4) for _ in range(10)]:
        future.result(60)
    with transaction.atomic():
        sessions.count_unlisted(NOON + timedelta(minutes=1))
    assert len(told("session.refused")) == 5
    assert told("session.refused_more")[0]["more"] == 35


def test_a_failure_that_is_only_counted_asks_nothing_of_the_head(transactional_db):
    fail("ann", times=5)
    with CaptureQueriesContext(connection) as asked:
        fail("ann", times=3)
    assert [query for query in asked.captured_queries if "core_audithead" in query["sql"]] == []
    assert any("core_signinminute" in query["sql"] for query in asked.captured_queries)
