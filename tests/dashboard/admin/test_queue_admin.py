"""The queue of jobs in the admin: for those who may, within the content policy, and with a way to retry."""

import os
import pickle
import zlib
from base64 import b64encode
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.urls import get_resolver
from rq import Queue
from rq.serializers import resolve_serializer

from core import jobs
from dashboard.admin.queue import SHOWN
from dashboard.admin.words import JOB_NAMES
from tests.dashboard.display.markup import parse
from tests.dashboard.health.test_health_page import EVERYBODY
from tests.dashboard.test_access_matrix import SIGN_IN, status_of
from tests.dashboard.test_headers import policy_of
from tests.servers import client_of
from tests.workers import fail, work

ROOT = Path(__file__).resolve().parents[3]

pytestmark = [pytest.mark.django_db, pytest.mark.anywhere]

QUEUE = "/admin/jobs/"
STATES = ("waiting", "running", "failed", "finished")
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


def name_of(job) -> str:
    return f"{QUEUE}{job.id}/"


def shown(response) -> str:
    """The text of the page, as it is read."""
    assert response.status_code == 200
    return parse(response.content.decode()).text


@pytest.mark.parametrize("kind", EVERYBODY)
def test_who_sees_and_retries_jobs(failed, signed_in, kind):
    client = signed_in(kind)
    for address in (QUEUE, f"{QUEUE}?state=failed", name_of(failed)):
        assert status_of(client.get(address)) == MAY[kind], address
    retried = status_of(client.post(name_of(failed) + "retry/"))
    assert retried == (302 if MAY[kind] == 200 else MAY[kind])
    assert jobs.queue().count == (MAY[kind] == 200)


@pytest.mark.parametrize("kind", EVERYBODY)
def test_who_deletes_jobs(failed, signed_in, kind):
    deleted = status_of(signed_in(kind).post(name_of(failed) + "delete/"))
    assert deleted == (302 if MAY[kind] == 200 else MAY[kind])
    assert jobs.queue().failed_job_registry.count == (MAY[kind] != 200)


def test_a_change_needs_the_token_of_its_form(failed, signed_in):
    client = signed_in("maintainer", enforce_csrf_checks=True)
    for name in ("retry/", "delete/"):
        assert client.post(name_of(failed) + name).status_code == 403
    assert jobs.queue().failed_job_registry.get_job_ids() == [failed.id]


def test_the_permission_alone_is_not_enough_for_the_admin(failed, signed_in, person):
    client = signed_in("maintainer")
    User.objects.filter(username="the maintainer").update(is_staff=False)
    assert status_of(client.get(QUEUE)) == SIGN_IN
    assert status_of(client.post(name_of(failed) + "retry/")) == SIGN_IN
    assert jobs.queue().count == 0


def test_no_page_of_it_holds_code_of_its_own(failed, signed_in):
    client = signed_in("maintainer")
    for address in (QUEUE, *(f"{QUEUE}?state={state}" for state in STATES), name_of(failed)):
        response = client.get(address)
        assert response.status_code == 200, address
        assert policy_of(response)["script-src"] == ["'self'"]
        for element in parse(response.content.decode()).elements:
            assert element.tag != "style", address
            assert element.tag != "script" or element.attributes.get("src"), address
            assert not {name for name in element.attributes if name.startswith("on")}, address
            assert "style" not in element.attributes, address


def test_what_a_job_says_of_itself_is_text(failed, signed_in):
    page = signed_in("maintainer").get(name_of(failed)).content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &lt;b style=&quot;x&quot;&gt;" in page
    assert "this never works" in page


def test_a_job_is_shown_where_it_is(failed, signed_in):
    client = signed_in("maintainer")
    assert "Failed (1)" in shown(client.get(QUEUE))
    assert "tests.workers.fail" in shown(client.get(f"{QUEUE}?state=failed"))
    waiting = shown(client.get(f"{QUEUE}?state=waiting"))
    assert ("tests.workers.fail" in waiting, "No job waits." in waiting) == (False, True)
    answer = client.post(name_of(failed) + "retry/", follow=True)
    assert "It waits for a worker again." in shown(answer)
    assert "tests.workers.fail" in shown(client.get(QUEUE))
    assert "Waiting" in shown(client.get(name_of(failed)))


def test_a_retried_job_runs_again(failed, signed_in, monkeypatch):
    signed_in("maintainer").post(name_of(failed) + "retry/")
    monkeypatch.setitem(jobs.FUNCTIONS, "tests.workers.fail", str)
    work()
    assert jobs.queue().finished_job_registry.get_job_ids() == [failed.id]
    assert jobs.queue().failed_job_registry.count == 0


def test_what_is_retried_twice_waits_once(failed, signed_in):
    client = signed_in("maintainer")
    client.post(name_of(failed) + "retry/")
    again = client.post(name_of(failed) + "retry/", follow=True)
    assert "Nothing was changed" in shown(again)
    assert jobs.queue().job_ids == [failed.id]


def test_what_a_job_does_is_said_in_words_and_in_the_document(clean_redis, signed_in):
    assert set(JOB_NAMES) == set(jobs.FUNCTIONS)
    table = (ROOT / "docs/running/jobs.md").read_text()
    assert [job.name for job in jobs.TIMETABLE if f"`{job.name}`" not in table] == []
    jobs.queue().enqueue("core.jobs.tidy_exports")
    assert JOB_NAMES["core.jobs.tidy_exports"] in shown(signed_in("maintainer").get(QUEUE))


def test_a_job_that_waits_can_be_deleted_and_one_that_ended_well_cannot(clean_redis, signed_in):
    client = signed_in("maintainer")
    waiting = jobs.queue().enqueue("core.jobs.tidy_exports")
    client.post(name_of(waiting) + "delete/")
    assert jobs.queue().job_ids == []
    assert client.get(name_of(waiting)).status_code == 404
    ended = jobs.queue().enqueue("core.jobs.tidy_exports")
    work()
    assert "Nothing was changed" in shown(client.post(name_of(ended) + "delete/", follow=True))
    assert jobs.queue().finished_job_registry.get_job_ids() == [ended.id]


def test_a_job_that_runs_is_neither_retried_nor_deleted(failed, signed_in, raw):
    raw.zrem("rq:failed:telemetry-jobs", failed.id)
    raw.zadd("rq:wip:telemetry-jobs", {f"{failed.id}:1": 1})
    raw.hset(failed.key, "status", "started")
    client = signed_in("maintainer")
    assert "tests.workers.fail" in shown(client.get(f"{QUEUE}?state=running"))
    for name in ("retry/", "delete/"):
        assert "Nothing was changed" in shown(client.post(name_of(failed) + name, follow=True))
    assert raw.zrange("rq:wip:telemetry-jobs", 0, -1) == [f"{failed.id}:1"]


def test_a_get_retries_and_deletes_nothing(failed, signed_in):
    client = signed_in("maintainer")
    for name in ("retry/", "delete/"):
        assert client.get(name_of(failed) + name).status_code == 405
    assert jobs.queue().failed_job_registry.get_job_ids() == [failed.id]
    assert jobs.queue().count == 0


def test_long_lists_come_in_pages(clean_redis, signed_in):
    put_in = [jobs.queue().enqueue("core.jobs.tidy_exports").id for _ in range(SHOWN + 1)]
    client = signed_in("maintainer")
    first, second = (client.get(QUEUE + query).content.decode() for query in ("", f"?from={SHOWN}"))
    assert [job_id for job_id in put_in if job_id in first] == put_in[:SHOWN]
    assert [job_id for job_id in put_in if job_id in second] == put_in[SHOWN:]
    assert f"?state=waiting&amp;from={SHOWN}" in first
    assert client.get(f"{QUEUE}?from=999999").content.decode().count(put_in[-1]) == second.count(put_in[-1])


def test_the_queue_of_another_installation_in_the_same_redis_is_not_shown(clean_redis, signed_in):
    other = Queue("other-jobs", connection=jobs.queue().connection, serializer=jobs.queue().serializer)
    job = other.enqueue("core.jobs.tidy_exports")
    client = signed_in("maintainer")
    assert job.id not in client.get(QUEUE).content.decode()
    for post in ("", "retry/", "delete/"):
        ask = client.post if post else client.get
        assert ask(name_of(job) + post).status_code == 404
    assert other.job_ids == [job.id]


def test_the_pages_of_django_rq_have_no_address(clean_redis, signed_in):
    client = signed_in("superuser")
    for address in ("", "stats.json", "metrics", "queues/0/", "queues/0/failed/", "workers/0/"):
        assert client.get("/admin/django_rq/dashboard/" + address).status_code == 404
    names = [str(view) for view in get_resolver().reverse_dict if isinstance(view, str)]
    assert [name for name in names if "rq" in name] == []


def test_the_admin_shows_the_queue_to_those_who_may_alone(clean_redis, signed_in):
    assert QUEUE in signed_in("maintainer").get("/admin/").content.decode()
    assert QUEUE not in signed_in("auditor").get("/admin/").content.decode()


def test_without_redis_the_page_says_so(signed_in, settings):
    settings.TELEMETRY_SITE_REDIS_URL = "redis://127.0.0.1:1"
    client = signed_in("maintainer")
    for response in (client.get(QUEUE), client.get(f"{QUEUE}a/"), client.post(f"{QUEUE}a/retry/")):
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
    for address in (*(f"{QUEUE}?state={state}" for state in STATES), name_of(job)):
        assert client.get(address).status_code == 200, address
    for name in ("retry/", "delete/"):
        assert client.post(name_of(job) + name).status_code == 302
    assert ran == []
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError):
        resolve_serializer(None).loads(abandoned["meta"])


GONE = [
    "no-such-job/",
    "?state=other",
    "?from=x",
    "?from=-1",
    "?from=99999999999999999999",
    "a:b/",
    "x%00y/",
    "%F0%9F%A6%86/",
    "..%2f..%2f/",
    "a" * 5000 + "/",
]


@pytest.mark.parametrize("address", GONE)
def test_what_is_not_there_is_not_found(clean_redis, signed_in, address):
    assert signed_in("maintainer").get(QUEUE + address).status_code == 404


@pytest.mark.parametrize("name", ["retry/", "delete/"])
def test_what_is_gone_by_now_is_not_changed(failed, signed_in, name):
    failed.delete()
    assert signed_in("maintainer").post(name_of(failed) + name).status_code == 404


DAMAGE = {
    "no hash": lambda raw, job: raw.delete(job.key),
    "another type": lambda raw, job: (raw.delete(job.key), raw.set(job.key, "x")),
    "no status": lambda raw, job: raw.hdel(job.key, "status"),
    "a time in words": lambda raw, job: raw.hset(job.key, "ended_at", "noon"),
    "no time of any calendar": lambda raw, job: raw.hset(job.key, "ended_at", "0001-01-01T00:00:00Z"),
    "a state of nobody": lambda raw, job: raw.hset(job.key, "status", "<b>"),
    "an error that is none": lambda raw, job: raw.xadd(f"rq:results:{job.id}", {"exc_string": "!"}),
    "an error without end": lambda raw, job: raw.xadd(f"rq:results:{job.id}", {"exc_string": ENDLESS}),
    "a result that is none": lambda raw, job: raw.set(f"rq:results:{job.id}", "x"),
    "an id that is none": lambda raw, job: raw.zadd("rq:failed:telemetry-jobs", {"a/b <i>": 9e12}),
}
ENDLESS = b64encode(zlib.compress(b"x" * 50_000_000)).decode()


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_job_breaks_no_page(failed, signed_in, raw, damage):
    raw.delete(f"rq:results:{failed.id}") if damage == "a result that is none" else None
    DAMAGE[damage](raw, failed)
    client = signed_in("maintainer")
    page = client.get(f"{QUEUE}?state=failed").content.decode()
    assert failed.id in page
    assert "<b>" not in page
    one = client.get(name_of(failed))
    assert one.status_code in (200, 404)
    assert len(one.content) < 200_000
