"""The worker: runs jobs one after another, each in a child process, and puts in what the clock demands.

One process for both, so a site has one more process instead of two. RQ's own cron would not do: it knows no
JSON serializer, and two of them would put each job in twice.
"""

import logging
from contextlib import suppress
from typing import Any

from rq import Worker
from rq.job import Job
from rq.queue import Queue
from rq.serializers import JSONSerializer
from rq.worker_registration import register

from core import jobs
from core.errors import StoreUnavailable
from core.store import queue as queues
from core.store.embedded import die_with_parent
from core.values.text import one_line
from core.values.trouble import Trouble

logger = logging.getLogger(__name__)

CLOCK_SECONDS = 10
WORKER_TTL = 60  # also the limit of its blocking read: redis-py's default of 5 s would end it
MONITOR_SECONDS = 5  # with RQ's own 60 s: so long after the death of its worker a job counts as abandoned
TIDY_SECONDS = 60


class JobWorker(Worker):
    """RQ's worker with a clock, whose children do not outlive it."""

    _done: dict[str, int]
    _trouble = Trouble(logger)

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """Wait for a job, looking at the clock meanwhile; with no `timeout` (burst) take one or None at once.

        RQ enters a worker once, at its start: after Redis was emptied nobody would know that it runs.
        """
        self._done = getattr(self, "_done", {})
        while True:
            try:
                register(self)  # type: ignore[no-untyped-call]
                jobs.enqueue_due(self._done)
                jobs.enqueue_failed()
                self._trouble.ends("the clock goes on")
            except (StoreUnavailable, *queues.Unreachable) as error:
                self._trouble.begins("the clock stands still: %s", error)
            found = super().dequeue_job_and_maintain_ttl(timeout, CLOCK_SECONDS if timeout else None)
            if found is not None or timeout is None:
                return found

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Say in one line why a job failed for good. RQ logs the whole traceback each time, which the job keeps.

        Of those that run all the time this is said once, until one of them is done.
        """
        error = exc_info[1]
        if not job.should_retry and not jobs.fails_on(job.id):
            logger.error("the job %s failed: %s: %s", job.id, type(error).__name__, one_line(error))

    def handle_job_success(self, job: Job, *more: Any, **how: Any) -> None:
        """Say that a job that failed all the time is done again."""
        if jobs.fails_on(job.id):
            logger.warning("the job %s is done: those before it had failed", job.id)
        super().handle_job_success(job, *more, **how)

    def teardown(self) -> None:
        """Say goodbye, waiting for it no longer than for any command: RQ would as long as its blocking read may take.

        Unheard by a Redis that is away, its entry there ends by itself; whoever told it to end need not know.
        """
        self.connection = queues.new_client(queues.queue_url())
        with suppress(*(queues.Unreachable if self._shutdown_requested_date else ())):
            super().teardown()  # type: ignore[no-untyped-call]

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """The child: it ends with its worker, so that nothing is left behind and no job runs unseen."""
        tie = die_with_parent(self.pid or 0)
        if tie is not None:
            tie()
        super().main_work_horse(job, queue)


def new_worker(**options: Any) -> JobWorker:
    """A worker for the queue of this installation. What RQ raises when Redis is away is `queues.Unreachable`."""
    return JobWorker(
        [jobs.queue()],
        connection=queues.new_client(queues.queue_url()),
        serializer=JSONSerializer,
        job_class=jobs.OwnJob,
        worker_ttl=WORKER_TTL,
        maintenance_interval=TIDY_SECONDS,
        job_monitoring_interval=MONITOR_SECONDS,
        **options,
    )
