"""Every address that the site has, asked for with GET by somebody who may do everything: nothing changes."""

import re
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.urls import URLPattern, URLResolver, get_resolver

from core import jobs
from core.history.people import session_store
from core.models import Export, SetAsideEntry
from tests.dashboard.exports.test_exports import ask
from tests.dashboard.test_headers import policy_of
from tests.live_record import live_record
from tests.servers import client_of
from tests.workers import fail, work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]


def routes(resolver: URLResolver, before: str = "/") -> Iterator[str]:
    """Each route as it is written, with its places still open."""
    for found in resolver.url_patterns:
        route = before + re.sub(r"^\^|\\?/?\?\$$|\$$|\\Z$", "", str(found.pattern))
        if isinstance(found, URLPattern):
            yield route
        else:
            yield from routes(found, route)


def rows() -> dict[str, list[object]]:
    tables = [table for table in apps.get_models(include_auto_created=True) if table._meta.managed]
    return {table._meta.label: sorted(map(repr, table._base_manager.values())) for table in tables}


def jobs_waiting() -> tuple[object, ...]:
    queue = jobs.queue()
    return queue.job_ids, queue.failed_job_registry.get_job_ids(), queue.finished_job_registry.get_job_ids()


def kept_in_redis(url: str) -> dict[bytes, object]:
    """Every key with what it holds, but those that count tries of signing in."""
    with client_of(url) as spy:
        read = {
            b"string": spy.get,
            b"hash": spy.hgetall,
            b"zset": lambda key: spy.zrange(key, 0, -1, withscores=True),
            b"stream": spy.xrange,
            b"set": spy.smembers,
            b"list": lambda key: spy.lrange(key, 0, -1),
        }
        keys = [key for key in spy.scan_iter() if not key.startswith(b"telemetry-site")]
        return {key: read[spy.type(key)](key) for key in keys}


@pytest.mark.parametrize("kind", ["superuser", pytest.param("administrator", marks=pytest.mark.long)])
def test_no_get_of_any_address_changes_anything(
    clean_redis, gate, record, signed_in, raw, monkeypatch, tmp_path, settings, kind
):
    settings.TELEMETRY_DATA_DIR = tmp_path
    # That a session is in use is noted once a minute.
    monkeypatch.setattr(session_store, "SEEN_SECONDS", 86_400.0)
    monkeypatch.setitem(jobs.FUNCTIONS, "tests.workers.fail", fail)
    failed = jobs.queue().enqueue("tests.workers.fail", "x", failure_ttl=jobs.FAILED_KEPT)
    client, request = signed_in(kind), gate.open_request("deploy")
    raw.xadd("{telemetry}:outbox", {"type": "exploded", "request_id": request.request_id})
    record()
    export = ask(client)
    work()
    assert Export.objects.exclude(finished_at=None).count() == SetAsideEntry.objects.count() == 1
    places = {
        "<uuid:request_id>": request.request_id,
        "<uuid:export_id>": str(export.pk),
        "<int:entry_id>": str(SetAsideEntry.objects.get().pk),
        "<str:job_id>": failed.id,
    }
    before, waiting, asked, stood = rows(), jobs_waiting(), 0, kept_in_redis(clean_redis)
    assert len(stood) > 5
    for route in routes(get_resolver()):
        for place, value in places.items():
            route = route.replace(place, value)
        address = re.sub(r"<[^>]+>", "1", re.sub(r"\(\?P<\w+>[^)]*\)\)?\??", "x", route))
        response = client.get(address)
        assert response.status_code in (200, 301, 302, 403, 404, 405, 503), (address, response.status_code)
        assert policy_of(response)["script-src"] == ["'self'"], address
        if response.streaming and not response.is_async:
            assert b"".join(response.streaming_content)
        asked += 1
    assert asked > 100
    assert rows() == before
    assert jobs_waiting() == waiting
    assert kept_in_redis(clean_redis) == stood
    assert live_record(gate, request.request_id).status == "pending"
    assert client.get("/sign-out/").status_code == 405
