"""The queue of jobs in the admin: for those who may, within the content policy, and with a way to retry."""

import os
import pickle
import zlib
from pathlib import Path

import pytest
from rq.serializers import resolve_serializer

from core import jobs
from tests.dashboard.display.markup import parse
from tests.dashboard.exports.test_exports import work
from tests.dashboard.health.test_health_page import EVERYBODY
from tests.dashboard.test_access_matrix import SIGN_IN, status_of
from tests.dashboard.test_headers import policy_of
from tests.servers import client_of
from tests.workers import fail

pytestmark = pytest.mark.django_db

START = "/admin/django_rq/dashboard/"
QUEUE = START + "queues/0/"
HOSTILE = '<script>alert(1)</script> <b style="x">'
MAY = dict.fromkeys(EVERYBODY, 403) | {
    "anonymous": SIGN_IN, "inactive": SIGN_IN, "maintainer": 200, "superuser": 200,
}  # fmt: skip


@pytest.fixture
def failed(clean_redis, monkeypatch):
    monkeypatch.setitem(jobs.FUNCTIONS, "tests.workers.fail", fail)
    job = jobs.queue().enqueue("tests.workers.fail", HOSTILE, failure_ttl=jobs.FAILED_KEPT)
    work()
    assert jobs.queue().failed_job_registry.count == 1
    return job


@pytest.mark.parametrize("kind", EVERYBODY)
def test_who_sees_and_retries_jobs(failed, signed_in, kind):
    client = signed_in(kind)
    for address in (START, QUEUE, QUEUE + "failed/", START + "stats.json", START + "metrics"):
        assert status_of(client.get(address)) == MAY[kind], address
    retried = status_of(client.post(f"{QUEUE}{failed.id}/requeue/"))
    assert retried == (302 if MAY[kind] == 200 else MAY[kind])
    assert jobs.queue().count == (MAY[kind] == 200)


def test_no_page_of_it_holds_code_of_its_own(failed, signed_in):
    client = signed_in("maintainer")
    lists = ["", "details/", "failed/", "finished/", "scheduled/", "started/", "deferred/", "empty/"]
    addresses = [START, START + "workers/0/", *(QUEUE + name for name in lists)]
    addresses += [QUEUE + "requeue-all/", QUEUE + "failed/clear/", f"{QUEUE}{failed.id}/"]
    addresses += [f"{QUEUE}{failed.id}/delete/"]
    for address in addresses:
        response = client.get(address)
        assert response.status_code == 200, address
        assert policy_of(response)["script-src"] == ["'self'"]
        for element in parse(response.content.decode()).elements:
            assert element.tag != "style", address
            assert element.tag != "script" or element.attributes.get("src"), address
            assert not {name for name in element.attributes if name.startswith("on")}, address
            assert "style" not in element.attributes, address


def test_what_a_job_says_of_itself_is_text(failed, signed_in):
    page = signed_in("maintainer").get(f"{QUEUE}{failed.id}/").content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &lt;b style=&quot;x&quot;&gt;" in page
    result = f"{QUEUE}{failed.id}/results/{failed.latest_result().id}/"
    assert "this never works" in signed_in("superuser").get(result).content.decode()


def test_a_get_retries_and_deletes_nothing(failed, signed_in):
    client = signed_in("maintainer")
    for name in ("requeue/", "delete/", "enqueue/", "stop/"):
        client.get(f"{QUEUE}{failed.id}/{name}")
    client.get(QUEUE + "requeue-all/")
    client.get(QUEUE + "failed/clear/")
    assert jobs.queue().failed_job_registry.get_job_ids() == [failed.id]
    assert jobs.queue().count == 0


def test_the_admin_shows_the_queue_to_those_who_may_alone(clean_redis, signed_in):
    assert START in signed_in("maintainer").get("/admin/").content.decode()
    assert START not in signed_in("auditor").get("/admin/").content.decode()


def test_without_redis_the_page_says_so(signed_in, settings):
    from telemetry_site.queues import rq_queues

    settings.RQ_QUEUES = rq_queues("redis://127.0.0.1:1", settings.TELEMETRY_DATA_DIR, "telemetry-jobs")
    response = signed_in("maintainer").get(START)
    assert response.status_code == 503
    assert "does not answer" in response.content.decode()


ran: list[object] = []


def run_by_a_callback(*said: object) -> None:
    ran.append(said)


class Bomb:
    """Makes a folder where it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_a_job_that_somebody_wrote_into_redis_runs_nothing_when_its_pages_are_looked_at(
    clean_redis, signed_in, tmp_path
):
    job = jobs.queue().enqueue("core.jobs.tidy_exports", failure_ttl=jobs.FAILED_KEPT)
    abandoned = {
        "status": "started",
        "meta": pickle.dumps(Bomb(tmp_path / "meta")),
        "result": pickle.dumps(Bomb(tmp_path / "result")),
        "data": zlib.compress(pickle.dumps(Bomb(tmp_path / "data"))),
        "failure_callback_name": f"{__name__}.run_by_a_callback",
        "webhooks": "",
    }
    with client_of(clean_redis) as raw:
        raw.hset(job.key, mapping=abandoned)
        raw.zadd("rq:wip:telemetry-jobs", {f"{job.id}:1": 1})
    client = signed_in("maintainer")
    client.raise_request_exception = False
    for address in (
        START,
        QUEUE,
        QUEUE + "started/",
        QUEUE + "failed/",
        f"{QUEUE}{job.id}/",
        START + "stats.json",
    ):
        client.get(address)
    assert ran == []
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError):
        resolve_serializer(None).loads(abandoned["meta"])


GONE = [
    "queues/7/",
    "queues/0/no-such-job/",
    "queues/0/no-such-job/delete/",
    "queues/0/no-such-job/requeue/",
    "workers/0/no-worker/",
    "workers/0/rq:worker:no-worker/",
    "schedulers/0/",
    "schedulers/7/",
    "cron-schedulers/0/none/",
]


@pytest.mark.parametrize("address", GONE)
def test_what_is_gone_by_now_is_not_found(clean_redis, signed_in, address):
    assert signed_in("maintainer").get(START + address).status_code == 404


def test_nobody_is_led_to_another_site(clean_redis, signed_in):
    client, elsewhere = signed_in("maintainer"), "https://evil.example/sign-in/"
    asked = client.get(START + "queues/confirm-action/0/", headers={"Referer": elsewhere})
    told = client.post(START + "queues/actions/0/", {"next_url": elsewhere})
    assert [asked["Location"], told["Location"]] == [START, START]
    back = client.post(START + "queues/actions/0/", {"next_url": QUEUE + "failed/"})
    assert back["Location"] == QUEUE + "failed/"
