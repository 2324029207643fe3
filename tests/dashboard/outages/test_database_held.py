"""The database is held or refuses: an answer is refused with a sentence, and nothing was decided."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, connections

from core.models import DecisionIntent
from tests.dashboard.conftest import form
from tests.live_record import live_record
from tests.waiting import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)
HOLD = {
    "sqlite": "BEGIN IMMEDIATE",
    "postgresql": "BEGIN; LOCK TABLE core_decisionintent, core_websession IN ACCESS EXCLUSIVE MODE",
}
WAIT_BRIEFLY = {"sqlite": "PRAGMA busy_timeout = 100", "postgresql": "SET lock_timeout = 100"}


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@contextmanager
def held_by_somebody_else() -> Iterator[None]:
    """Another connection holds what a decision needs; this one does not wait long for it."""
    holding, release = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            execute(HOLD[connection.vendor])
            holding.set()
            release.wait(PATIENCE)
            execute("ROLLBACK")
        finally:
            connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    assert holding.wait(PATIENCE)
    execute(WAIT_BRIEFLY[connection.vendor])
    try:
        yield
    finally:
        release.set()
        holder.join()
        connection.close()  # the next one waits as long as usual


@pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain form"])
def test_an_answer_that_cannot_be_recorded_is_refused_and_leaves_nothing(gate, signed_in, htmx):
    client, request = signed_in("approver"), gate.open_request("deploy", timeout=60)
    data = form(request.request_id, live_record(gate, request.request_id).digest)
    headers = {"HX-Request": "true"} if htmx else {}
    with held_by_somebody_else():
        response = client.post(f"/approvals/{request.request_id}/approve/", data, headers=headers)
    told = (client.get(response["Location"]) if response.status_code == 302 else response).content.decode()
    assert "Nothing was decided" in told or "nothing can be approved" in told
    assert "timeout" not in told
    assert live_record(gate, request.request_id).status == "pending"
    assert not DecisionIntent.objects.exists()


def test_the_same_answer_is_accepted_as_soon_as_the_database_is_free(gate, signed_in, answer):
    client, request = signed_in("approver"), gate.open_request("deploy", timeout=60)
    with held_by_somebody_else():
        answer(client, request.request_id, htmx=True)
    assert answer(client, request.request_id, htmx=True).status_code == 200
    assert live_record(gate, request.request_id).status == "approved"
