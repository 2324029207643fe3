"""How much the database of a trial takes: a file of SQLite, or a database on a PostgreSQL server."""

from pathlib import Path

import psycopg


def database_bytes(url: str, folder: Path) -> int:
    """What the history takes on disk now."""
    if not url:
        return sum(path.stat().st_size for path in folder.glob("history.sqlite3*"))
    with psycopg.connect(url) as connection:
        return int(connection.execute("SELECT pg_database_size(current_database())").fetchone()[0])
