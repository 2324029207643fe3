"""The worker as a process: what it runs, what is left when it is killed, and that the clock strikes once."""

import logging
import os
import signal
import sys
from datetime import timedelta
from functools import partial

import pytest
import redis
from django.core.management import CommandError, call_command
from rq import Callback
from rq.job import Job, JobStatus
from rq.registry import StartedJobRegistry

from core import jobs
from core.management.supervisor import STOP_SECONDS
from core.management.worker import JobWorker, new_worker
from core.models import Export
from core.store import queue as queues
from telemetry_site.queues import rq_queues
from tests.servers import faulty_server
from tests.waiting import wait_until
from tests.workers import fail, start_worker, work

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(sys.platform != "linux", reason="children die with their worker on Linux alone"),
]


@pytest.fixture
def worker(start_process, clean_redis, this_database, tmp_path):
    return partial(start_worker, start_process, tmp_path, clean_redis, this_database)


def put_in(function: str, *args: str, **options) -> Job:
    return jobs.queue().enqueue(
        f"tests.workers.{function}", *args, **{"failure_ttl": jobs.FAILED_KEPT, **options}
    )


def first_run(folder) -> int:
    found = wait_until(lambda: list(folder.glob("run-*")), "the job runs")
    return int(found[0].name.removeprefix("run-"))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_worker_writes_the_file_that_somebody_asked_for_and_stops_when_it_is_told_to(
    worker, make_user, tmp_path, raw
):
    export = jobs.request_export(make_user("ada", "auditor"), "audit")
    process = worker()
    wait_until(lambda: idle(raw), "it has done everything and waits for jobs")
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert raw.scard("rq:workers:telemetry-jobs") == 0
    assert Export.objects.get().finished_at is not None
    [file] = (tmp_path / "exports").glob("*.csv")
    assert file.name == f"{export.pk}.csv"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().startswith('"sequence","at","kind"')


def test_a_worker_ends_when_it_is_told_to_though_its_redis_hangs(start_process, this_database, tmp_path):
    with faulty_server() as server:
        process = start_worker(start_process, tmp_path, server.url, this_database)
        with redis.Redis.from_url(server.url, decode_responses=True) as raw:
            wait_until(lambda: idle(raw), "it waits for jobs")
        server.hang()
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=STOP_SECONDS)
    assert process.returncode == 0, said
    assert "Traceback" not in said


@pytest.mark.long
def test_two_workers_put_in_each_job_of_the_clock_once(worker, clean_redis):
    processes = [worker("--burst") for _ in range(2)]
    for process in processes:
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0, said
    queue = jobs.queue()
    done = [Job.fetch(id_, connection=queue.connection, serializer=queue.serializer)
            for id_ in queue.finished_job_registry.get_job_ids()]  # fmt: skip
    # A period that begins meanwhile has a job of its own, under another number.
    assert {job.id.rpartition("-")[0] for job in done} == {f"telemetry-{job.name}" for job in jobs.TIMETABLE}
    assert [len(job.results()) for job in done] == [1] * len(done)
    assert not {job.id for job in done} & set(jobs.enqueue_due({}))


@pytest.mark.long
def test_a_worker_is_known_again_after_redis_was_emptied(worker, raw):
    worker()
    wait_until(lambda: idle(raw), "it waits for jobs")
    raw.flushdb()
    wait_until(lambda: queues.read_queue("telemetry-jobs").workers == 1, "it is known again")


@pytest.mark.long
def test_a_job_whose_process_is_killed_is_run_again(worker, tmp_path):
    job = put_in("hang_once", str(tmp_path), retry=jobs.Retry(max=2))
    worker(ours=True)
    os.kill(first_run(tmp_path), signal.SIGKILL)
    wait_until(lambda: job.get_status(refresh=True) == JobStatus.FINISHED, "it is run again")
    assert len(list(tmp_path.glob("run-*"))) == 2


@pytest.mark.long
def test_a_job_whose_worker_is_killed_is_run_again_by_the_next(worker, tmp_path):
    job = put_in("hang_once", str(tmp_path), retry=jobs.Retry(max=2))
    process = worker(ours=True)
    child = first_run(tmp_path)
    process.kill()
    process.communicate()
    wait_until(lambda: not alive(child), "the child ends with its worker")
    started = StartedJobRegistry(queue=jobs.queue())
    assert [id_.split(":")[0] for id_ in started.get_job_ids(cleanup=False)] == [job.id]
    # A minute later nobody has said that it still runs.
    for member in started.connection.zrange(started.key, 0, -1):
        started.connection.zadd(started.key, {member: 1})
    worker(ours=True)
    wait_until(lambda: job.get_status(refresh=True) == JobStatus.FINISHED, "the next one runs it")


@pytest.mark.long
def test_a_job_that_cannot_succeed_is_shown_as_failed_and_one_of_others_runs_nothing(worker, tmp_path):
    never = put_in("fail", retry=jobs.Retry(max=1))
    mark = tmp_path / "mark"
    job = jobs.queue().enqueue("os.mkdir", str(mark), failure_ttl=jobs.FAILED_KEPT)
    with_callback = jobs.queue().enqueue("core.jobs.tidy_exports", on_success=Callback("os.mkdir"))
    said, _ = worker("--burst", ours=True).communicate(timeout=60)
    assert said.count(f"the job {never.id} failed: RuntimeError: this never works") == 1
    assert "Traceback" not in said
    assert set(jobs.queue().failed_job_registry.get_job_ids()) == {never.id, job.id}
    assert "this never works" in never.latest_result().exc_string
    assert not mark.exists()
    assert "os.mkdir is no job of this site" in job.latest_result().exc_string
    assert with_callback.get_status() == JobStatus.FINISHED
    assert jobs.OwnJob.fetch(with_callback.id, connection=jobs.queue().connection,
                             serializer=jobs.queue().serializer).success_callback is None  # fmt: skip


def idle(raw) -> bool:
    """Whether a worker waits, and the clock's jobs are done."""
    states = [raw.hget(key, "state") for key in raw.smembers("rq:workers")]
    return states == ["idle"] and raw.zcard("rq:finished:telemetry-jobs") >= len(jobs.TIMETABLE)


def test_without_redis_it_says_so(settings, tmp_path):
    settings.REDIS_URL = settings.TELEMETRY_SITE_REDIS_URL = nowhere = "redis://127.0.0.1:1"
    settings.RQ_QUEUES = rq_queues(nowhere, tmp_path, "telemetry-jobs")
    with pytest.raises(CommandError, match="the queue of jobs does not answer"):
        call_command("worker", "--burst")


def test_the_queue_is_in_the_private_server_whatever_its_folder_is_called(tmp_path):
    for name in ("var", "a #1? 'b' \"c\" 100%25"):
        url = rq_queues("", tmp_path / name, "telemetry-jobs")["telemetry-jobs"]["URL"]
        assert redis.Redis.from_url(url).connection_pool.connection_kwargs["path"] == str(
            tmp_path / name / "redis.sock"
        )


def test_a_job_of_the_clock_is_put_in_once_for_each_period(clean_redis, raw, monkeypatch):
    now_ms, done = queues.server_ms(), {}
    monkeypatch.setattr(queues, "server_ms", lambda: now_ms)  # no period begins meanwhile
    first = jobs.enqueue_due(done)
    assert len(first) == len(jobs.TIMETABLE)
    assert jobs.enqueue_due(done) == []
    assert jobs.enqueue_due({}) == []
    assert jobs.enqueue_due(dict.fromkeys(done, 0) | {"tidy-exports": done["tidy-exports"]}) == []
    tidy = next(periodic for periodic in jobs.TIMETABLE if periodic.name == "tidy-exports")
    assert tidy.slot(0) + 1 == tidy.slot(3_600_000)


def test_a_failed_job_of_the_clock_is_put_in_again_after_minutes_and_then_more_seldom(
    clean_redis, tmp_path, settings, monkeypatch
):
    settings.TELEMETRY_BACKUP_DIR = tmp_path / "no folder"
    settings.TELEMETRY_BACKUP_DIR.touch()
    now_ms = queues.server_ms()
    backup = next(periodic for periodic in jobs.TIMETABLE if periodic.name == "backup")
    job_id = backup.job_id(now_ms)

    def due_in(minutes: int) -> list[str]:
        # Periods stay what they are now: a day may end.
        monkeypatch.setattr(jobs.Periodic, "job_id", lambda periodic, _ms: of_now[periodic.name])
        monkeypatch.setattr(queues, "server_ms", lambda: now_ms + minutes * 60_000)
        return jobs.enqueue_failed()

    of_now = {periodic.name: periodic.job_id(now_ms) for periodic in jobs.TIMETABLE}
    queue = jobs.queue()
    job = queue.enqueue(jobs.backup, job_id=job_id, failure_ttl=jobs.FAILED_KEPT)
    work()
    assert due_in(4) == []
    assert due_in(6) == [job_id]
    assert due_in(6) == []  # nor does another worker
    work()
    job.refresh()
    job.created_at -= timedelta(hours=1)
    job.save()
    assert due_in(59) == []
    job.meta[jobs.IS_FINAL] = True
    job.save_meta()
    assert due_in(61) == []
    del job.meta[jobs.IS_FINAL]
    job.save_meta()
    assert due_in(61) == [job_id]


def test_a_worker_that_is_killed_while_it_puts_a_failed_job_in_again_leaves_it_to_the_next(
    clean_redis, monkeypatch
):
    job = put_in("fail", job_id="telemetry-verify-1")
    work()

    def killed(*_args, **_how):
        raise KeyboardInterrupt

    with monkeypatch.context() as here:
        here.setattr(jobs.Queue, "push_job_id", killed)
        with pytest.raises(KeyboardInterrupt):
            jobs.retry(job.id)
    assert jobs.retry(job.id)
    assert not jobs.retry(job.id)  # nor does another worker
    assert jobs.queue().get_job_ids() == [job.id]


def test_what_runs_all_the_time_and_fails_on_says_so_once_and_when_it_is_done_again(
    clean_redis, settings, monkeypatch, tmp_path
):
    monkeypatch.setattr(jobs, "enqueue_due", lambda done: [])
    monkeypatch.setattr(JobWorker, "_install_signal_handlers", lambda self: None)
    series, worker = f"{settings.TELEMETRY_NAMESPACE}-tell-askers", new_worker()
    log = logging.FileHandler(tmp_path / "log")  # jobs are children of this process
    logging.getLogger("core").addHandler(log)
    for number, run in enumerate((fail, fail, dict, dict, fail)):
        monkeypatch.setitem(jobs.FUNCTIONS, "core.jobs.tell_askers", run)
        job_id = queues.series_id(series, number)
        jobs._enqueue(jobs.tell_askers, job_id=job_id, kept=60, seconds=60, failed_kept=60)
        worker.work(burst=True, logging_level="CRITICAL")
    logging.getLogger("core").removeHandler(log)
    assert (tmp_path / "log").read_text().splitlines() == [
        f"the job {series}-0 failed: RuntimeError: this never works",
        f"the job {series}-2 is done: those before it had failed",
        f"the job {series}-4 failed: RuntimeError: this never works",
    ]


def test_the_keys_of_the_queue_are_those_of_rq(clean_redis):
    from rq.registry import FailedJobRegistry

    queue = jobs.queue()
    name = queue.name
    assert queue.key == f"{queues.PREFIX}:queue:{name}"
    assert StartedJobRegistry(queue=queue).key == f"{queues.PREFIX}:wip:{name}"
    assert FailedJobRegistry(queue=queue).key == f"{queues.PREFIX}:failed:{name}"
    put_in("fail")
    assert queues.read_queue(name).waiting == 1
