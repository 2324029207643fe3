"""Where the processes of a trial come from: everything is imported once, and each child is forked from here.

A child is a process like any other: it runs the command that operators run, and is killed with SIGKILL.
`python -m tests.faults.site.nursery` reads orders from its input and answers each with one line of JSON.
"""

import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

CLOCK = "TRIAL_CLOCK"  # by how many seconds the clock of a child is wrong
ROOT = Path(__file__).resolve().parents[3]


class Nursery:
    """Starts children by name of a role (tests/faults/site/roles.py) and says how they ended."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.site.nursery"],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.open("ab"),
            text=True,
        )
        assert self._ask("ready?") == "ready"

    def start(self, role: str, *arguments: Any, **environment: str) -> int:
        """Fork a child; returns its pid."""
        return int(self._ask("start", role, list(arguments), environment))

    def ended(self, pid: int) -> int | None:
        """The exit code of a child that has ended, negative for a signal; None while it lives."""
        code = self._ask("ended?", pid)
        return None if code is None else int(code)

    def close(self) -> None:
        """End the nursery; children that still live are told to end with it."""
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()

    def _ask(self, *order: Any) -> Any:
        with self._lock:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the nursery has ended; its log says why")
        return json.loads(answer)


def become(role: Callable[..., Any], arguments: list[Any], environment: dict[str, str], parent: int) -> None:
    """What a child does instead of returning."""
    from core import failpoints
    from core.store.embedded import die_with_parent
    from tests.faults.site import clock

    code = 1
    try:
        die_with_parent(parent)()
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(2, 1)  # its words go to the log; the pipe is the nursery's own
        random.seed(os.urandom(16))
        os.environ.update(environment)
        failpoints.reach = failpoints.armed(os.environ) or failpoints._pass_by
        if ahead := environment.get(CLOCK):
            clock.shift(float(ahead))
        role(*arguments)
        code = 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def ended(pid: int, codes: dict[int, int]) -> int | None:
    """Look after a child without waiting; `codes` are those of children that have ended."""
    if pid not in codes:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            codes[pid] = os.waitstatus_to_exitcode(status)
    return codes.get(pid)


def main() -> None:
    """Answer orders until the input ends."""
    import django

    django.setup()
    from tests.faults.site import roles

    roles.import_everything()
    parent, codes = os.getpid(), {}
    for line in sys.stdin:
        what, *order = json.loads(line)
        answer: Any = "ready"
        if what == "start":
            role, arguments, environment = order
            answer = os.fork()
            if answer == 0:
                become(getattr(roles, role), arguments, environment, parent)
        elif what == "ended?":
            answer = ended(order[0], codes)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "telemetry_site.settings")
    main()
