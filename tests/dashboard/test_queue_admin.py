"""The queue of jobs in the admin: for those who may, within the content policy, and with a way to retry."""

import pytest

from core import jobs
from tests.dashboard.markup import parse
from tests.dashboard.test_access_matrix import SIGN_IN, status_of
from tests.dashboard.test_exports import work
from tests.dashboard.test_headers import policy_of
from tests.dashboard.test_health_page import EVERYBODY
from tests.workers import fail

pytestmark = pytest.mark.django_db(transaction=True)

START = "/admin/django_rq/dashboard/"
QUEUE = START + "queues/0/"
HOSTILE = '<script>alert(1)</script> <b style="x">'
MAY = dict.fromkeys(EVERYBODY, 403) | {
    "anonymous": SIGN_IN, "inactive": SIGN_IN, "maintainer": 200, "superuser": 200,
}  # fmt: skip


@pytest.fixture
def failed(clean_redis, monkeypatch):
    monkeypatch.setitem(jobs.FUNCTIONS, "tests.workers.fail", fail)
    job = jobs.queue().enqueue("tests.workers.fail", HOSTILE)
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
