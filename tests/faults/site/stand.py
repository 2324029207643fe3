"""A whole site of a trial: Redis that syncs every write, the database, web, recorder, agents, and two people."""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from core import ApprovalGate
from tests.faults.site.nursery import CLOCK, Nursery
from tests.faults.site.person import Person, SiteAway
from tests.faults.site.roles import PEOPLE, VISITOR
from tests.leftovers import look_through
from tests.memory_disk import memory_folder
from tests.ports import free_port
from tests.postgresql import PostgreSQL, own_database
from tests.servers import FaultyServer, client_of
from tests.waiting import PATIENCE, wait_until

# A server; or SQLite, with or without what lays its tables, which is sooner done than to migrate.
Database = PostgreSQL | Callable[[Path], None] | None
KEY = "only-for-the-trials-of-this-test-run-and-for-nothing-else-1234567890"


class Stand:
    """Parts by name: web, recorder, worker, agents. Use it in one thread for starting and stopping."""

    def __init__(self, folder: Path, database: str = "", postgresql: PostgreSQL | None = None) -> None:
        self.folder, self.database, self.postgresql = folder, database, postgresql
        self.server = FaultyServer(folder / "r", durable=True)
        self.port = free_port()
        self._environment = {
            "REDIS_URL": self.server.url,
            "TELEMETRY_DATA_DIR": str(folder),
            "PORT": str(self.port),
            "SECRET_KEY": KEY,
            "LOG_LEVEL": "WARNING",
            "DATABASE_URL": database,
            "MALLOC_ARENA_MAX": "2",  # as `manage.py up` does
        }
        self.log = folder / "log"
        self.nursery = Nursery(self._environment, self.log)
        self.pids: dict[str, int] = {}
        self.slowest_answer = 0.0
        self.undo_seconds = 0
        self.clocks: dict[str, float] = {}  # by how many seconds the clock of a part is wrong
        self.logs: list[Path] = []
        sessions = self.call("prepare")
        self.people = [Person(name, self.port, sessions[name]) for name in PEOPLE]
        self.visitor = Person(VISITOR, self.port, sessions[VISITOR])
        self.gate = ApprovalGate(self.server.url)

    def start(self, part: str, *arguments: Any, failpoint: str = "") -> int:
        """Start a part; with a failpoint it will kill itself there."""
        armed = {"TELEMETRY_FAILPOINT": failpoint, "TELEMETRY_TESTING": "1"} if failpoint else {}
        wrong = {CLOCK: str(self.clocks[part])} if part in self.clocks else {}
        armed["TELEMETRY_UNDO_SECONDS"] = str(self.undo_seconds)
        self.pids[part] = self.nursery.start(part, *arguments, **armed, **wrong)
        return self.pids[part]

    def start_web(self, failpoint: str = "") -> None:
        """Start the web server and wait until it serves a page that needs database and session."""
        began = time.monotonic()
        self.start("web", failpoint=failpoint)
        wait_until(self.answers, "the site answers")
        self.slowest_answer = max(self.slowest_answer, time.monotonic() - began)

    def start_worker(self) -> None:
        """The worker that runs jobs in the background."""
        self.start("worker")

    def start_second_web(self, port: int) -> None:
        """Another web process, beside the first one."""
        self.pids["web 2"] = self.nursery.start("web", port)

    def start_agents(
        self, name: str, threads: int, count: int, timeout: float, pause: float = 0.0, failpoint: str = ""
    ) -> int:
        """Agents in one process, with a log of their own."""
        log = self.folder / f"{name}.log"
        if log not in self.logs:
            self.logs.append(log)
        arguments = (self.server.url, str(log), name, threads, count, timeout, pause)
        return self.start("agents", *arguments, failpoint=failpoint)

    def answers(self) -> bool:
        """Whether the site shows a page to somebody signed in."""
        try:
            return self.people[0].page("/").status == 200
        except SiteAway:
            return False

    def kill(self, part: str) -> None:
        """SIGKILL, and wait until it is gone."""
        pid = self.pids.pop(part)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        self._exit_code(pid, part)

    def start_part_again(self, part: str) -> None:
        """Kill a recorder if it runs, and start one under this name."""
        if part in self.pids:
            self.kill(part)
        self.pids[part] = self.nursery.start("recorder")

    def kill_redis(self) -> None:
        """SIGKILL to the server, and start it again with its data."""
        self.server.process.kill()
        self.server.process.wait()
        self.server.start()

    def kill_everything(self) -> None:
        """SIGKILL to every process of the site and to its servers, then the servers are started with their data."""
        pids, self.pids = self.pids, {}
        for pid in pids.values():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.server.process.kill()
        if self.postgresql:
            self.postgresql.kill()
            self.postgresql.start()
        self.server.process.wait()
        self.server.start()
        for part, pid in pids.items():
            self._exit_code(pid, part)

    def keep_file(self, name: str) -> None:
        """A copy of what the Redis server has on its disk now."""
        shutil.copytree(self.server.data_dir / "appendonlydir", self.server.data_dir / name)

    def restore_file(self, name: str) -> None:
        """SIGKILL to the Redis server, and start it with an older copy; the copy is used up."""
        self.server.process.kill()
        self.server.process.wait()
        shutil.rmtree(self.server.data_dir / "appendonlydir")
        (self.server.data_dir / name).rename(self.server.data_dir / "appendonlydir")
        self.server.start()

    def kill_postgresql(self) -> None:
        """SIGKILL to the server, whatever transaction is open, and start it again with its data."""
        self.postgresql.kill()
        self.postgresql.start()

    def died(self, part: str) -> bool:
        """Wait until a part has ended; whether SIGKILL ended it."""
        return self._exit_code(self.pids.pop(part), part) == -signal.SIGKILL

    def _exit_code(self, pid: int, what: str, seconds: float = PATIENCE) -> int:
        wait_until(lambda: self.nursery.ended(pid) is not None, f"{what} ends", seconds)
        return self.nursery.ended(pid)

    def call(self, role: str, *arguments: Any, seconds: float = 60.0) -> Any:
        """Run a role to its end in a process of its own, and return what it tells."""
        result = self.folder / f"{role}-{time.monotonic_ns()}.json"
        pid = self.nursery.start(role, str(result), *arguments)
        if self._exit_code(pid, role, seconds) != 0:
            raise AssertionError(f"{role} failed: {self.log.read_text()[-3000:]}")
        return json.loads(result.read_text())

    def verdict(self, seconds: float = 60.0, **expect: Any) -> dict[str, Any]:
        """What the oracle says of everything that happened here; it waits until everything is recorded."""
        acknowledged = [decision for person in self.people for decision in person.acknowledged]
        logs = [str(log) for log in self.logs]
        return self.call("judge", logs, acknowledged, {**expect, "seconds": seconds}, seconds=seconds + 150.0)

    def raw(self) -> Any:
        """A plain client, for damage."""
        return client_of(self.server.url)

    def close(self) -> None:
        """End every part, the nursery and the server."""
        for part in list(self.pids):
            self.kill(part)
        self.nursery.close()
        self.server.stop()


def until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """`wait_until`, where the site being away is no answer yet."""

    def asked() -> Any:
        try:
            return condition()
        except SiteAway:
            return None

    return wait_until(asked, what, seconds)


@contextmanager
def stand(server: Database) -> Iterator[Stand]:
    """A stand of its own: with a database on this server, or on SQLite without one."""
    postgresql = server if isinstance(server, PostgreSQL) else None
    with memory_folder("trial-") as folder, own_database(postgresql) as database:
        if server and not postgresql:
            server(folder)
        made = Stand(folder, database, postgresql)
        try:
            yield made
            look_through(made.server.url)
        finally:
            made.close()
