"""`manage.py worker`: runs the jobs in the background, and puts in those that the clock demands."""

import logging
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.errors import StoreUnavailable
from core.history.database.url import leave_nothing_open
from core.management.old_tables import refuse_old_tables
from core.management.worker import new_worker
from core.store import queue as queues


class Command(BaseCommand):
    """Run one worker; more may run beside it."""

    help = "Run jobs in the background: exports, rebuilds, tidying. Several may run; each job is run by one."

    def add_arguments(self, parser: CommandParser) -> None:
        """One switch."""
        parser.add_argument("--burst", action="store_true", help="run what waits and end")

    def handle(self, *args: Any, **options: Any) -> None:
        """Work until SIGTERM or Ctrl-C; the job that runs then is finished first."""
        refuse_old_tables()
        try:
            worker = new_worker()
            leave_nothing_open()
            worker.work(burst=options["burst"], logging_level=logging.getLevelName(logging.WARNING))
        except (StoreUnavailable, *queues.Unreachable) as error:
            raise CommandError(f"the queue of jobs does not answer: {error}") from error
