"""`manage.py recorder`: writes what Redis decided into SQL, ends what is due, ships what dead processes left."""

import signal
import threading
from typing import Any

from django.core.checks import Tags
from django.core.management.base import BaseCommand

from core.history import configuration
from core.history.recorder.recorder import Recorder
from core.management.old_tables import refuse_old_tables
from core.usage_tracker import UsageTracker

END_SECONDS = 6  # then a database that hangs holds it up no more: it is killed, by which nothing is lost


class Command(BaseCommand):
    """Run one recorder; a second one stands by."""

    help = "Record approvals into SQL and end what is past its deadline. Run one; a second one stands by."

    def handle(self, *args: Any, **options: Any) -> None:
        """Record until SIGTERM or Ctrl-C."""
        refuse_old_tables()
        self.check(tags=[Tags.database], databases=["default"])
        configuration.note_or_log("recorder")
        stop = threading.Event()
        recorder = Recorder()

        def end(*_signal: Any) -> None:
            stop.set()
            recorder.cut()
            signal.alarm(END_SECONDS)

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        # In a thread of its own that works a quarter of the time at most: recording does not wait for it.
        tracker = UsageTracker()
        tracker.adopt_orphans()
        recorder.run(stop)
        signal.alarm(0)
        tracker.close()
