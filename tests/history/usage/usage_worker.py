"""A process that tracks its share of calls, and may be killed at any moment.

python -m tests.history.usage.usage_worker DIRECTORY REDIS COUNT WORKER [FORKED_WORKER]

Call number n of worker w has the id "w-n" and a cost that follows from n. How far a worker came is the length
of its progress file, one byte after each call; started again it goes on from there. The call at which it was
killed is tracked again under the same id.
"""

import os
import sys
import time
from pathlib import Path

from core.usage_tracker import UsageTracker
from tests.core.usage.usage_help import book, call

TIERS = ("cheap", "capable", "premium")


def cost_of(number: int) -> int:
    """Nano-dollars."""
    return 1 + number * 7919 % 99_999_989


def arguments(worker: str, number: int) -> dict:
    return call(
        call_id=f"{worker}-{number}",
        cost=cost_of(number) / 10**9,
        tier=TIERS[number % 3],
        workflow=f"workflow {number % 5}",
        tokens={"input": number, "output": number % 100},
        prompt_cache_read_tokens=number % 7,
    )


def work(tracker: UsageTracker, folder: Path, worker: str, until: int) -> None:
    progress = os.open(folder / f"progress-{worker}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in range(os.fstat(progress).st_size, until):
        tracker.track_llm_call(**arguments(worker, number))
        os.write(progress, b".")
        if number % 20 == 0:
            time.sleep(0.004)


def main(folder: Path, url: str, count: int, worker: str, forked: str = "") -> None:
    tracker = UsageTracker(folder / "usage", memory=url, price_book=book())
    if forked:
        work(tracker, folder, worker, 1)
        if os.fork() == 0:
            worker = forked
    (folder / f"pid-{worker}").write_text(str(os.getpid()))
    work(tracker, folder, worker, count)
    if forked == worker:
        os._exit(0)  # as a job's process ends: nobody flushes


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
