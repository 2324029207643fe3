"""A real worker process on the database and the Redis of a test, and jobs that only tests have."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def start_worker(
    start: Callable[..., subprocess.Popen[str]],
    data_dir: Path,
    redis_url: str,
    database_url: str,
    *words: str,
    ours: bool = False,
) -> subprocess.Popen[str]:
    """`manage.py worker` as a process, by `start_process`; with `ours` it also runs the jobs of this file."""
    program = ["-m", "tests.workers"] if ours else [str(ROOT / "manage.py"), "worker"]
    return start(
        [sys.executable, *program, *words],
        env={
            **os.environ,
            "TELEMETRY_DATA_DIR": str(data_dir),
            "REDIS_URL": redis_url,
            "TELEMETRY_SITE_REDIS_URL": "",
            "DATABASE_URL": database_url,
            "PYTHONPATH": str(ROOT),
        },
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def work() -> None:
    """Run what waits in this process, whose signals it leaves alone."""
    from rq import SimpleWorker

    from core import jobs
    from core.store import queue as queues

    queue = jobs.queue()
    worker = SimpleWorker(
        [queue], connection=queues.new_client(queues.queue_url()), serializer=queue.serializer
    )
    worker._install_signal_handlers = lambda: None
    worker.work(burst=True, logging_level="CRITICAL")


def hang_once(folder: str) -> int:
    """A job: writes its process id into `folder`; hangs the first time, ends at once the second."""
    runs = len(list(Path(folder).glob("run-*")))
    (Path(folder) / f"run-{os.getpid()}").touch()
    while runs == 0:
        time.sleep(0.05)
    return runs


def fail(*_words: str) -> None:
    """A job that cannot succeed."""
    raise RuntimeError("this never works")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "telemetry_site.settings")
    import django
    from django.core.management import call_command

    django.setup()
    from core import jobs
    from tests import workers

    jobs.FUNCTIONS |= {"tests.workers.hang_once": workers.hang_once, "tests.workers.fail": workers.fail}
    call_command("worker", *sys.argv[1:])
