"""A process whose wall clock is wrong: everything in it that asks Python for the time of day is told another one."""

import datetime
import sys
import time

OURS = ("core", "dashboard", "telemetry_site", "tests", "django")


def shift(seconds: float) -> None:
    """Set this process's clock forward or back, in every module that is loaded by now; monotonic time stays."""
    real_time, real_datetime = time.time, datetime.datetime

    class Shifted(real_datetime):
        @classmethod
        def now(cls, tz=None):
            return real_datetime.now(tz) + datetime.timedelta(seconds=seconds)

        @classmethod
        def utcnow(cls):
            return cls.now(datetime.UTC).replace(tzinfo=None)

    time.time = lambda: real_time() + seconds
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in OURS and getattr(module, "datetime", None) is real_datetime:
            module.datetime = Shifted
    from django.utils import timezone

    timezone.now = lambda: real_datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
