"""The door itself: its description is true, and what it does not know it says."""

import re

import pytest
from django.db import OperationalError

from core.api import desk
from core.api.description import PATHS
from core.api.routes import OPEN, ROUTES
from core.values.trouble import OnceAMinute

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]


def test_every_way_is_described_and_every_description_is_a_way(agent, site):
    described = {(method.upper(), path) for path, ways in PATHS.items() for method in ways}
    assert described == set(ROUTES) | set(OPEN)
    client = agent("worker")
    assert client.get("/openapi.json").json()["openapi"] == "3.1.0"
    for method, path in sorted(described):
        address = "/" + re.sub(r"\{id\}", "00000000-0000-4000-8000-000000000000", path)
        with client.stream(method, address) as answer:  # some have no end
            assert answer.status_code not in (405, 500), (method, path)
            if answer.status_code == 404:
                answer.read()
                assert answer.json()["error"] == "request", (method, path)


def test_an_address_or_a_method_that_there_is_not_is_said(agent):
    client = agent("worker")
    assert client.get("/nothing").json()["error"] == "address"
    wrong = client.delete("/requests")
    assert (wrong.status_code, wrong.json()["message"]) == (405, "This takes GET and POST, not DELETE.")


NO_OBJECTS = [
    (b"{", "application/json", 400),
    (b"[]", "application/json", 400),
    (b"a=1", "text/plain", 415),
    (b'{"timeout": NaN}', "application/json", 400),
    (b" " * 1_100_000, "application/json", 413),
]


def test_a_body_that_is_no_object_is_refused(agent):
    client = agent("worker")
    for content, kind, status in NO_OBJECTS:
        answer = client.post("/requests", content=content, headers={"Content-Type": kind})
        assert (answer.status_code, answer.json()["field"]) == (status, "body")


def test_a_database_that_is_away_is_said_once_a_minute_however_many_call(caplog, monkeypatch):
    monkeypatch.setattr(desk, "_away_said", OnceAMinute())
    scope = {"method": "GET", "path": "/api/v1/requests"}
    said = [desk.refused_by(scope, OperationalError("it is away")).status for _ in range(3)]
    assert (said, caplog.text.count("it is away")) == ([503] * 3, 1)
