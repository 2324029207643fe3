"""The database locked, full, read-only or gone: a sentence and 503, nothing half made, and it works again after."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from django.db import OperationalError, connection

from core.models import ApprovalRecord, AuditEntry, DecisionIntent
from tests import chosen_servers

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        chosen_servers.DATABASE != "sqlite",
        reason="what SQLite is refused with; by its own means",
    ),
]


LONG = "€" * 2_000  # more than the room that an old page may have left


def pragma(text: str) -> list:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA {text}")
        return cursor.fetchall()


@contextmanager
def locked() -> Iterator[None]:
    """Somebody else holds the lock, for longer than we wait."""
    pragma("busy_timeout = 50")
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()
        pragma("busy_timeout = 20000")


@contextmanager
def full() -> Iterator[None]:
    """Not one page more may be written."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE filler (text TEXT)")
        [[pages]] = pragma("page_count")
        pragma(f"max_page_count = {pages}")
        with suppress(OperationalError):
            while True:  # what is free in the pages that there are
                cursor.execute("INSERT INTO filler VALUES (hex(randomblob(2000)))")
    try:
        yield
    finally:
        pragma("max_page_count = 1073741823")
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE filler")


@contextmanager
def read_only() -> Iterator[None]:
    """As on a disk that was mounted again for reading alone."""
    pragma("query_only = on")
    try:
        yield
    finally:
        pragma("query_only = off")


@contextmanager
def without_tables() -> Iterator[None]:
    """A database that was emptied, or was never migrated."""
    tables = ("core_decisionintent", "core_approvalrecord")
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            for table in tables:
                cursor.execute(f"ALTER TABLE {table}_away RENAME TO {table}")


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
        assert gate.read_record(request_id).status == "pending"
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


def test_an_error_of_our_own_is_not_called_an_outage(rf):
    from dashboard.database_away import DatabaseAway

    assert DatabaseAway(lambda _request: None).process_exception(rf.get("/"), ValueError("ours")) is None
