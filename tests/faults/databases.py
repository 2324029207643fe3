"""The database of a trial: a file of SQLite, or with DATABASE_URL a database of its own on that PostgreSQL server."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit


@contextmanager
def own_database(server: str = "") -> Iterator[str]:
    """The DATABASE_URL of an empty database that is dropped afterwards; '' for SQLite. `server`: a URL of one."""
    server = server or os.environ.get("DATABASE_URL", "")
    if not server.startswith(("postgres://", "postgresql://")):
        yield ""
        return
    import psycopg

    name = f"trial_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def database_bytes(url: str, folder: Path) -> int:
    """What the history takes on disk now."""
    if not url:
        return sum(path.stat().st_size for path in folder.glob("history.sqlite3*"))
    import psycopg

    with psycopg.connect(url) as connection:
        return int(connection.execute("SELECT pg_database_size(current_database())").fetchone()[0])
