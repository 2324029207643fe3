"""Work that nobody should wait for: what runs by the clock, and what people ask for.

Every job may run twice without harm. Recording and ending what is due are no jobs: the recorder does both.
RQ's class of a job is replaced by one that runs these functions alone: at the end of this file, with the reason.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import django_rq
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone
from rq import Retry, get_current_job
from rq.exceptions import DuplicateJobError, NoSuchJobError
from rq.job import Job
from rq.queue import Queue
from rq.serializers import DefaultSerializer, JSONSerializer

from core.errors import StoreUnavailable
from core.history import exports
from core.history.backups import backup as backups
from core.history.callbacks import sending as callbacks
from core.history.notices import sending as notices
from core.history.proof import checkpoints, verification
from core.history.usage import late_prices
from core.history.usage import rebuild as usage_rebuild
from core.models import Export
from core.store import queue as queues
from core.store.client import open_store
from core.values.moments import at

logger = logging.getLogger(__name__)

MINUTE, HOUR, DAY = 60, 3600, 86_400
EXPORT_SECONDS = 30 * MINUTE
FAILED_KEPT = 7 * DAY
RETRIES = 2  # at once, as after a killed process
AGAIN_AFTER = timedelta(minutes=5)  # of a job of the clock
IS_FINAL = "is_final"  # in the meta of a job that would fail again
PUT_IN_WITHIN = timedelta(seconds=10)  # of an export: it is noted first, and its job put in then


# The queue


def queue() -> Queue:
    """The one queue of this installation. A job is put in at once, whatever transaction is open."""
    return django_rq.get_queue(settings.TELEMETRY_QUEUE, connection=_connection(), commit_mode="auto")


@contextmanager
def _unavailable_when_away() -> Iterator[None]:
    """Within, a queue that is away is StoreUnavailable."""
    try:
        yield
    except queues.Unreachable as error:
        raise StoreUnavailable(f"the queue of jobs does not answer: {error}") from error


@_unavailable_when_away()
def _enqueue(
    run: Callable[..., object],
    *args: str,
    job_id: str,
    kept: int,
    seconds: int,
    is_first: bool = False,
    failed_kept: int = FAILED_KEPT,
) -> bool:
    """Put a job in; False when one of this id is there already. StoreUnavailable when the queue is away."""
    try:
        queue().enqueue(
            run,
            args=args,
            job_id=job_id,
            unique=True,
            at_front=is_first,
            job_timeout=seconds,
            result_ttl=kept,
            failure_ttl=failed_kept,
            retry=Retry(max=RETRIES),
        )
    except DuplicateJobError:
        return False
    return True


def _connection() -> Any:
    return queues.client_of(queues.queue_url())


# By the clock


def rebuild_usage() -> dict[str, int]:
    """Rebuild hours and day totals of the last closed days: wrong totals by day."""
    return usage_rebuild.rebuild_closed_days()


def price_usage() -> dict[str, int]:
    """Price calls whose models had no price and have one now: how many by provider/model."""
    priced = late_prices.price_late()
    if priced:
        usage_rebuild.rebuild_touched_days(open_store(), patience=usage_rebuild.CATCH_UP_SECONDS)
    return priced


def tidy_exports() -> int:
    """Delete exports that are older than a day: how many files went."""
    return exports.tidy()


def clear_sessions() -> None:
    """Delete expired sessions."""
    call_command("clearsessions")


def checkpoint() -> int:
    """Write how far the record is into the file of checkpoints: how many entries it has."""
    return checkpoints.checkpoint().count


def verify() -> int:
    """Verify the record and keep the result, which *Health* and a banner show: how many problems there are."""
    verdict = verification.verify(settings.TELEMETRY_CHECKPOINT_FILE)
    verification.keep(verdict)
    return verdict.count


def prune() -> str:
    """Delete what is older than it is kept for: what the command says of it."""
    said = StringIO()
    call_command("prune", stdout=said)
    return said.getvalue()


def backup() -> str:
    """Write a backup into TELEMETRY_BACKUP_DIR and delete the oldest: where it is, or '' where none is wanted.

    DamagedRecord where the record is not whole: then nothing is deleted, and the job is not run again.
    """
    folder = settings.TELEMETRY_BACKUP_DIR
    try:
        return str(backups.take_and_tidy(folder, settings.TELEMETRY_BACKUP_KEEP).path) if folder else ""
    except backups.DamagedRecord:
        if job := get_current_job():
            job.retries_left = 0
            job.meta[IS_FINAL] = True
            job.save_meta()  # type: ignore[no-untyped-call]
        raise


def tell_people() -> dict[str, int]:
    """Send the notices that are due: how many ended in which state."""
    return notices.tell_people()


def tidy_notices() -> int:
    """Delete what is known of notices of a month ago: how many."""
    return notices.tidy()


def tell_askers() -> dict[str, int]:
    """Send the ends that are due to whoever asked to be told: how many are how now."""
    return callbacks.tell()


def tidy_callbacks() -> int:
    """Delete what is known of ends told a month ago: how many rows."""
    return callbacks.tidy()


@dataclass(frozen=True)
class Periodic:
    """A job that runs once in each period of `every` seconds; `at` seconds after a period began, in UTC.

    It may take `seconds`; one that `is_first` waits for no other. What runs all the time is remembered for `kept`,
    however it ended: a database that is away for a day would leave tens of thousands.
    """

    name: str
    run: Callable[[], object]
    every: int
    at: int = 0
    seconds: int = 10 * MINUTE
    kept: int = 0
    is_first: bool = False

    def slot(self, now_ms: int) -> int:
        """The number of the period that it is now: one job for each."""
        return (now_ms // 1000 - self.at) // self.every

    def job_id(self, now_ms: int) -> str:
        """Of the job of this period."""
        return queues.series_id(f"{settings.TELEMETRY_NAMESPACE}-{self.name}", self.slot(now_ms))


TIMETABLE = (
    Periodic("verify", verify, DAY, at=HOUR, seconds=HOUR),
    Periodic("backup", backup, DAY, at=2 * HOUR, seconds=2 * HOUR),
    Periodic("rebuild-usage", rebuild_usage, DAY, at=3 * HOUR),
    Periodic("price-usage", price_usage, HOUR, at=30 * MINUTE, seconds=HOUR),
    Periodic("clear-sessions", clear_sessions, DAY, at=4 * HOUR),
    Periodic("prune", prune, DAY, at=5 * HOUR),
    Periodic("checkpoint", checkpoint, 10 * MINUTE),
    Periodic("tidy-exports", tidy_exports, HOUR),
    Periodic("tell-people", tell_people, 10, seconds=5 * MINUTE, kept=5 * MINUTE, is_first=True),
    Periodic("tell-askers", tell_askers, 5, seconds=5 * MINUTE, kept=5 * MINUTE, is_first=True),
    Periodic("tidy-callbacks", tidy_callbacks, DAY, at=4 * HOUR),
    Periodic("tidy-notices", tidy_notices, DAY, at=4 * HOUR),
)


def enqueue_due(done: dict[str, int]) -> list[str]:
    """Put in the jobs of this period; `done` remembers the periods that this process has seen to.

    Returns the ids of the jobs put in now. A period has one id, so of several workers exactly one puts it in.
    """
    now_ms, put_in = queues.server_ms(), []
    for periodic in TIMETABLE:
        slot = periodic.slot(now_ms)
        if done.get(periodic.name) == slot:
            continue
        job_id = periodic.job_id(now_ms)
        kept = periodic.kept or max(HOUR, 2 * periodic.every)
        if _enqueue(
            periodic.run,
            job_id=job_id,
            kept=kept,
            seconds=periodic.seconds,
            is_first=periodic.is_first,
            failed_kept=periodic.kept or FAILED_KEPT,
        ):
            put_in.append(job_id)
        done[periodic.name] = slot
    return put_in


def fails_on(job_id: str) -> bool:
    """Whether it is of those that run all the time, and the one before it failed too: that is said once."""
    series = job_id.rpartition("-")[0]
    often = {f"{settings.TELEMETRY_NAMESPACE}-{periodic.name}" for periodic in TIMETABLE if periodic.kept}
    try:
        return series in often and queues.had_failed(settings.TELEMETRY_QUEUE, job_id)
    except StoreUnavailable:
        return False


@_unavailable_when_away()
def enqueue_failed() -> list[str]:
    """Put in again what failed in its period, once its time has come; returns the ids of these jobs.

    That is five minutes after it failed, or as long after as it had been due by then: so an outage of a minute costs
    no backup, and what fails all day is run a few times. Of several workers exactly one puts a job in.
    """
    now_ms, failed = queues.server_ms(), queues.failed_ids(settings.TELEMETRY_QUEUE)
    of_now = [job_id for periodic in TIMETABLE if (job_id := periodic.job_id(now_ms)) in failed]
    return [job_id for job_id in of_now if _may_run_again(job_id, at(now_ms)) and retry(job_id)]


def _may_run_again(job_id: str, now: datetime) -> bool:
    try:
        job = OwnJob.fetch(job_id, connection=_connection(), serializer=JSONSerializer)
    except (NoSuchJobError, ValueError, TypeError, LookupError):
        return False  # what cannot be read is shown as failed
    failed_at = job.ended_at or job.started_at  # a killed one has no end
    if (
        failed_at is None
        or job.created_at is None
        or not isinstance(job.meta, dict)
        or job.meta.get(IS_FINAL)
    ):
        return False
    return now - failed_at >= max(AGAIN_AFTER, failed_at - job.created_at)


# What people ask for


def export(export_id: str) -> int:
    """Write a file that somebody asked for: how many rows it has; 0 when nobody wants it any more."""
    wanted = Export.objects.filter(pk=export_id).first()
    if wanted is None or exports.expired(wanted):
        return 0
    return exports.write(wanted, _say_progress)


def request_export(user: Any, kind: str) -> Export:
    """Have a file of the record written. ValueError, TooMany, or StoreUnavailable when there is no queue now."""
    unfinished = exports.unfinished(user)
    states = zip(unfinished, export_states(unfinished), strict=True)
    wanted = exports.request(user, kind, {export.pk for export, state in states if state.state == "failed"})
    try:
        _enqueue(
            export,
            str(wanted.pk),
            job_id=_export_job_id(wanted),
            kept=int(exports.KEPT.total_seconds()),
            seconds=EXPORT_SECONDS,
        )
    except StoreUnavailable:
        wanted.delete()
        raise
    return wanted


@dataclass(frozen=True)
class ExportState:
    """state: waiting, writing, done, failed. done and total are rows, 0 while nobody knows."""

    state: str
    done: int = 0
    total: int = 0


def export_states(wanted: list[Export]) -> list[ExportState]:
    """How each is doing; StoreUnavailable when the queue is away and something is unfinished."""
    unfinished = [export for export in wanted if export.finished_at is None]
    jobs: dict[str, Job | None] = {}
    if unfinished:
        ids = [_export_job_id(export) for export in unfinished]
        with _unavailable_when_away():
            found = OwnJob.fetch_many(ids, connection=_connection(), serializer=JSONSerializer)
        jobs = dict(zip(ids, found, strict=True))
    return [_state(export, jobs.get(_export_job_id(export))) for export in wanted]


def _state(export: Export, job: Job | None) -> ExportState:
    if export.finished_at is not None:
        return ExportState("done", export.rows, export.rows)
    if job is None and timezone.now() - export.requested_at < PUT_IN_WITHIN:
        return ExportState("waiting")
    if job is None or job.is_failed or job.is_stopped or job.is_canceled:
        return ExportState("failed")
    meta = job.meta or {}
    state = "writing" if job.is_started else "waiting"
    return ExportState(state, int(meta.get("done", 0)), int(meta.get("total", 0)))


def _export_job_id(export: Export) -> str:
    return f"{settings.TELEMETRY_NAMESPACE}-export-{export.pk}"


def _say_progress(done: int, total: int) -> None:
    job = get_current_job()
    if job is not None:
        job.meta.update(done=done, total=total)
        job.save_meta()  # type: ignore[no-untyped-call]


# What people do with a job


@_unavailable_when_away()
def retry(job_id: str) -> bool:
    """Put a failed job in again; False when it is none by now. StoreUnavailable when the queue is away."""
    try:
        return _put_in_again(OwnJob.fetch(job_id, connection=_connection(), serializer=JSONSerializer))
    except NoSuchJobError:
        return False
    except (ValueError, TypeError, LookupError) as error:
        logger.warning("the job %s cannot be read, so it is not put in again: %r", job_id, error)
        return False


def _put_in_again(job: Job) -> bool:
    """From the failed jobs into the queue in one step: in RQ's two, whoever is killed between them loses the job."""
    jobs = queue()
    failed = jobs.failed_job_registry.key
    job.started_at = job.ended_at = None
    with jobs.connection.pipeline() as line:
        while True:
            line.watch(failed)  # type: ignore[no-untyped-call]
            if line.zscore(failed, job.id) is None:
                return False
            line.multi()
            line.zrem(failed, job.id)
            jobs._enqueue_job(job, pipeline=line)
            try:
                line.execute()
            except queues.Overtaken:
                continue
            return True


@_unavailable_when_away()
def delete(job_id: str) -> bool:
    """Delete a job that waits or has failed; False when it does neither by now. StoreUnavailable as above."""
    jobs = queue()
    # Whoever takes it from there has it: a worker that starts it, or us.
    if not jobs.remove(job_id) and not jobs.failed_job_registry.remove(job_id):
        return False
    try:
        found = jobs.fetch_job(job_id)
    except (ValueError, TypeError, LookupError):
        return True  # nobody can read it, so nobody runs it; what is left of it expires
    if found is not None:
        found.delete()
    return True


# What is replaced in RQ, here and nowhere else


def _named(*functions: Any) -> dict[str, Callable[..., object]]:
    return {f"{function.__module__}.{function.__name__}": function for function in functions}


FUNCTIONS = _named(export, *(periodic.run for periodic in TIMETABLE))
"""What may run, by the names under which RQ keeps them."""


class OwnJob(Job):
    """A job that runs one of our functions and nothing else.

    RQ runs whatever function a job names, so who can write to its Redis could run anything on this machine.
    """

    @property
    def func(self) -> Callable[..., object]:
        """The function, which is never imported by its name."""
        if self.func_name not in FUNCTIONS:
            raise PermissionError(f"{self.func_name} is no job of this site")
        return FUNCTIONS[self.func_name]

    success_callback = failure_callback = stopped_callback = None

    def send_webhooks(self, *_args: Any, **_kwargs: Any) -> None:
        """None: the address would come from Redis."""


def _bind_everybody() -> None:
    """RQ's own class and serializer too: its registries use them for whatever they find in Redis.

    Pickle would run what it is given, and a registry runs callbacks of jobs that look abandoned.
    """
    for name in ("func", "success_callback", "failure_callback", "stopped_callback", "send_webhooks"):
        setattr(Job, name, vars(OwnJob)[name])
    setattr(DefaultSerializer, "loads", staticmethod(JSONSerializer.loads))  # noqa: B010  typed as constants
    setattr(DefaultSerializer, "dumps", staticmethod(JSONSerializer.dumps))  # noqa: B010


_bind_everybody()
