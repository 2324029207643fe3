"""Addresses for machines: what they answer when a part is away, and to whom."""

import json

import pytest
from django.db import connection, connections
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from core.history import health
from core.models import Cursor
from core.store.keys import Keys
from tests.dashboard.health.test_health_page import sign
from tests.dashboard.test_access_matrix import KINDS
from tests.round_trips import round_trips
from tests.servers import faulty_server
from tests.waiting import PATIENCE, Stopwatch, wait_until

pytestmark = pytest.mark.django_db

TOKEN = "a-token-for-the-scraper-01"
FINE = {"database": "ok", "migrations": "ok", "redis": "ok", "recorder": "ok"}


@pytest.fixture
def probe(clean_redis, client: Client, monkeypatch):
    # What is here is whether a part works, not whether a busy machine asks it within a second.
    monkeypatch.setattr(health, "PART_SECONDS", PATIENCE)

    def ask() -> tuple[int, dict]:
        response = client.get("/readyz")
        said = response.json()
        assert said["ready"] == (response.status_code == 200)
        return response.status_code, said["parts"]

    return ask


def test_the_process_answers_without_reading_anything(clean_redis, client, django_assert_num_queries):
    with django_assert_num_queries(0), round_trips() as trips:
        response = client.get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok")
    assert trips.count == 0
    assert client.post("/healthz").status_code == 405


def test_ready_when_all_parts_are(clean_redis, probe):
    sign(clean_redis)
    assert probe() == (200, FINE)


def test_a_silent_recorder_is_not_ready(clean_redis, probe, raw):
    assert probe() == (503, FINE | {"recorder": "failed"})
    sign(clean_redis)
    raw.hset("{telemetry}:recorder", "active_ms", "1")
    assert probe() == (503, FINE | {"recorder": "failed"})
    sign(clean_redis, trouble="disk full")
    assert probe() == (503, FINE | {"recorder": "failed"})


def test_a_recorder_far_behind_is_not_ready(clean_redis, probe, gate, raw, record):
    gate.open_request("deploy")
    record()
    sign(clean_redis)
    assert probe()[0] == 200
    old = raw.time()[0] * 1000 - 60_000
    raw.delete("{telemetry}:outbox")
    raw.xadd("{telemetry}:outbox", {"type": "x"}, id=f"{old}-0")
    Cursor.objects.update(position="5-0")
    assert probe() == (503, FINE | {"recorder": "failed"})


def test_a_redis_that_hangs_is_an_answer_and_soon(clean_redis, client, settings):
    known = FINE | {"recorder": "failed"}
    wait_until(lambda: client.get("/readyz").json()["parts"] == known, "the migrations are known")
    with faulty_server() as server:
        settings.REDIS_URL = server.url
        server.hang()
        with Stopwatch() as watch:
            response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["parts"] == FINE | {"redis": "failed", "recorder": "failed"}
    assert watch.own < 4  # the limit is about a second for each part; the rest is for a busy machine


def test_a_database_that_is_away_is_an_answer(clean_redis, probe, monkeypatch):
    sign(clean_redis)
    if connection.vendor == "sqlite":
        monkeypatch.setitem(connections.settings["default"], "NAME", "/nowhere/at/all.sqlite3")
    else:
        monkeypatch.setitem(connections.settings["default"], "NAME", "nowhere_at_all")
    assert probe() == (503, FINE | {"database": "failed", "migrations": "failed"})


@pytest.mark.django_db(transaction=True)
def test_a_migration_that_is_missing_is_named(clean_redis, probe, monkeypatch):
    sign(clean_redis)
    monkeypatch.setattr(health, "_seen", set())
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_migrations SET app = 'core!' WHERE app = 'core'")
    try:
        assert probe() == (503, FINE | {"migrations": "failed"})
    finally:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE django_migrations SET app = 'core' WHERE app = 'core!'")
    assert probe() == (200, FINE)


def test_probes_are_answered_without_tls_where_pages_are_not(clean_redis, client, settings):
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
    assert client.get("/metrics").status_code == 301
    assert client.get("/").status_code == 301


METRICS = dict.fromkeys(KINDS, 200) | {"anonymous": 401, "inactive": 401, "no group": 403, "viewer": 403}


@pytest.mark.parametrize("kind", KINDS)
def test_metrics_are_for_those_who_see_the_health_page(clean_redis, signed_in, kind):
    assert signed_in(kind).get("/metrics").status_code == METRICS[kind]


@pytest.mark.parametrize(
    ("configured", "header", "status"),
    [
        (TOKEN, f"Bearer {TOKEN}", 200),
        (TOKEN, f"bearer {TOKEN}", 200),
        (TOKEN, f"Bearer {TOKEN}x", 401),
        (TOKEN, "Bearer", 401),
        (TOKEN, "Bearer ünknown", 401),
        (TOKEN, f"Basic {TOKEN}", 401),
        ("", "Bearer ", 401),
        ("", f"Bearer {TOKEN}", 401),
    ],
)
def test_metrics_open_for_the_token_alone(clean_redis, client, settings, configured, header, status):
    settings.TELEMETRY_METRICS_TOKEN = configured
    response = client.get("/metrics", headers={"Authorization": header})
    assert response.status_code == status
    assert ("WWW-Authenticate" in response) == (status == 401)


def test_a_wrong_token_is_not_helped_by_a_session(clean_redis, signed_in):
    client = signed_in("superuser")
    assert client.get("/metrics", headers={"Authorization": "Bearer x"}).status_code == 401


def numbers(client) -> dict[str, float]:
    text = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).content.decode()
    return {
        sample.name + "".join(f":{word}" for word in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_numbers_are_true(clean_redis, client, settings, gate, beat, raw, record):
    settings.TELEMETRY_METRICS_TOKEN = TOKEN
    for word in (True, False, True):
        gate.respond_to_approval(gate.open_request("deploy").request_id, word, "ann")
    gate.cancel_request(gate.open_request("deploy").request_id)
    raw.xadd("{telemetry}:outbox", {"type": "exploded"})
    record()
    gate.open_request("deploy")
    beat("worker")
    sign(clean_redis)
    raw.zadd("rq:failed:telemetry-jobs", {"some job": 1})
    said = numbers(client)
    expected = {
        "telemetry_approvals_pending": 1, "telemetry_agents:alive": 1, "telemetry_agents:lost": 0,
        "telemetry_recorder_up": 1, "telemetry_recorder_lag_entries": 2, "telemetry_set_aside_entries": 1,
        "telemetry_outbox_entries": 11, "telemetry_sockets": 0, "telemetry_decisions_total:approved": 2,
        "telemetry_decisions_total:rejected": 1, "telemetry_cancellations_total": 1,
        "telemetry_expiries_total": 0, "telemetry_jobs:failed": 1, "telemetry_jobs:waiting": 0,
        "telemetry_up:redis": 1, "telemetry_up:database": 1, "telemetry_up:queue": 1,
    }  # fmt: skip
    assert {name: said.get(name) for name in expected} == expected
    assert 0 <= said["telemetry_approvals_oldest_seconds"] < 60


def test_agents_that_need_a_look_are_counted_as_lists_show_them(
    clean_redis, client, settings, gate, beat, raw
):
    settings.TELEMETRY_METRICS_TOKEN, settings.TELEMETRY_STUCK_SECONDS = TOKEN, 60
    for name in ("well", "hung", "deployer", "late", "doubled", "pod-1", "pod-2"):
        beat(name)
    beat("broken").stop_heartbeat("failed")
    gate.open_request("deploy")  # who waits for a person is not stuck
    now = raw.time()[0] * 1000
    for name, fields in {
        "hung": {"changed_ms": now - 61_000},
        "deployer": {"changed_ms": now - 61_000},
        "late": {"last_beat_ms": now - 25_000},
        "doubled": {"rival": "another"},
        "pod-1": {"last_beat_ms": now - 300_000},
        "pod-2": {"last_beat_ms": now - 300_000, "away": True},
    }.items():
        key = Keys().agent_record(name)
        raw.set(key, json.dumps({**json.loads(raw.get(key)), **fields}))
    said = numbers(client)
    wanted = {"failed": 1, "lost": 1, "stuck": 1, "late": 1, "doubled": 1}
    assert {state: said[f"telemetry_agents_in_need:{state}"] for state in wanted} == wanted
    assert [said[f"telemetry_agents:{word}"] for word in ("alive", "late", "lost", "finished")] == [
        4,
        1,
        2,
        1,
    ]


def test_sockets_are_counted(clean_redis, client, settings, signed_in, open_socket):
    settings.TELEMETRY_METRICS_TOKEN = TOKEN
    open_socket(signed_in("viewer")).recv(PATIENCE)
    assert numbers(client)["telemetry_sockets"] == 1


def test_without_redis_the_numbers_say_so_and_nothing_is_invented(client, settings, transactional_db):
    settings.TELEMETRY_METRICS_TOKEN = TOKEN
    settings.REDIS_URL = settings.TELEMETRY_SITE_REDIS_URL = "redis://127.0.0.1:1"
    said = numbers(client)
    assert (said["telemetry_up:redis"], said["telemetry_up:database"], said["telemetry_up:queue"]) == (
        0,
        1,
        0,
    )
    assert "telemetry_approvals_pending" not in said
    assert "telemetry_recorder_up" not in said
