"""The checks that tell whoever deploys what a power cut, a restart or a full server would lose."""

import pytest
from django.core.checks import run_checks
from django.db import connection
from django.test import override_settings

from core.history.checks import check_database, check_redis
from tests.servers import client_of, faulty_server


def messages(found) -> str:
    return "\n".join(f"{warning.id} {warning.msg} {warning.hint}" for warning in found)


@pytest.fixture
def outside_redis():
    """A durable server as the product would use it, and a client that may change it."""
    with (
        faulty_server(durable=True) as server,
        client_of(server.url) as client,
        override_settings(REDIS_URL=server.url),
    ):
        yield client


def test_a_server_as_it_should_be_gets_no_warning(outside_redis):
    assert check_redis() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("appendonly", "no"), ("appendfsync", "everysec"), ("maxmemory-policy", "allkeys-lru")],
)
def test_a_redis_that_forgets_is_named_with_what_to_set(outside_redis, name, value):
    outside_redis.config_set(name, value)
    [warning] = check_redis()
    assert name in warning.msg
    assert name in warning.hint


def test_a_redis_that_does_not_answer_is_a_warning_and_not_a_crash():
    with override_settings(REDIS_URL="redis://127.0.0.1:1/0"):
        assert "does not answer" in messages(check_redis())


def test_a_private_server_is_not_asked():
    with override_settings(REDIS_URL=""):
        assert check_redis() == []


def test_a_database_that_does_not_wait_for_its_disk_is_named(transactional_db):
    sqlite = connection.vendor == "sqlite"
    safe, unsafe, name = (
        ("PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL", "synchronous")
        if sqlite
        else ("SET synchronous_commit = on", "SET synchronous_commit = off", "synchronous_commit")
    )
    with connection.cursor() as cursor:
        cursor.execute(safe)
        assert name not in messages(check_database(databases=["default"]))
        cursor.execute(unsafe)
        assert name in messages(check_database(databases=["default"]))
        cursor.execute(safe)


def test_a_plain_check_asks_no_server():
    with override_settings(REDIS_URL="redis://127.0.0.1:1/0"):
        assert not {found.id for found in run_checks()} & {"core.W101", "core.W102", "core.W103", "core.W104"}
