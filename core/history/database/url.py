"""What DATABASE_URL means: an entry of Django's DATABASES, with limits so that nothing waits for ever.

And what to say to whoever runs a command when that database cannot be used.
"""

from pathlib import Path
from typing import Any

import dj_database_url
from django.db import DEFAULT_DB_ALIAS, DataError, Error, IntegrityError, connections

CONNECT_SECONDS = 5
POOL = {"min_size": 2, "max_size": 10, "timeout": CONNECT_SECONDS}
# A decision that cannot be written is refused with a sentence; the server ends what takes longer than this.
LIMITS_MS = {
    "lock_timeout": 5_000,
    "statement_timeout": 30_000,
    "idle_in_transaction_session_timeout": 60_000,
}
SQLITE_OPTIONS = {
    # IMMEDIATE: a transaction that reads and then writes waits for the lock instead of failing.
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    # FULL: what was committed survives a power cut.
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
}
NUMBERS = {"connect_timeout", "tcp_user_timeout", "keepalives_idle", "keepalives_interval"}
MILLI = {"tcp_user_timeout"}
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_SCHEMES = ("postgresql", "postgres", "sqlite")


def database(url: str, default_file: Path) -> dict[str, Any]:
    """The database of `url`, or SQLite in `default_file` without one.

    Raises ValueError saying what is wrong; it never repeats the URL, which may hold a password.
    """
    if not url:
        return _sqlite(default_file)
    scheme = url.partition("://")[0]
    if scheme not in _SCHEMES or "://" not in url:
        raise ValueError("must begin with postgresql:// or sqlite:///")
    try:
        found: dict[str, Any] = dict(dj_database_url.parse(url))
    except ValueError:
        raise ValueError(
            "cannot be read: write postgresql://user:password@host:port/name, "
            "with every special character in them percent-encoded"
        ) from None
    if not found["NAME"] or found["NAME"] == ":memory:":
        raise ValueError("must end with the name of a database, as in postgresql://user@host/name")
    return _sqlite(Path(found["NAME"])) if scheme == "sqlite" else _postgresql(found)


def _sqlite(file: Path) -> dict[str, Any]:
    return {"ENGINE": "core.history.database.sqlite", "NAME": file, "OPTIONS": dict(SQLITE_OPTIONS)}


def _postgresql(found: dict[str, Any]) -> dict[str, Any]:
    """Query parameters of the URL (`?sslmode=verify-full`) go before ours."""
    from psycopg import IsolationLevel

    own = _checked(found.get("OPTIONS", {}))
    limits = " ".join(f"-c {name}={value}" for name, value in LIMITS_MS.items())
    options = {
        "application_name": "agent-telemetry",
        "connect_timeout": CONNECT_SECONDS,
        # A host that vanished without a word is given up, not waited for.
        "tcp_user_timeout": 10_000,
        # The chain's next number is read under a lock, which must then see what the last holder committed.
        "isolation_level": IsolationLevel.READ_COMMITTED,
        "pool": dict(POOL),
        **own,
        "options": f"{limits} {own.get('options', '')}".strip(),
    }
    # A connection is looked at before it is used: after a restart of the server nobody gets a dead one.
    return {**found, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": True, "OPTIONS": options}


def _checked(own: dict[str, Any]) -> dict[str, Any]:
    """The parameters of the URL; ValueError for one that would only say later that there is no connection."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import make_conninfo

    if type(own.get("pool", True)) is not bool:
        raise ValueError("pool must be true or false")
    for name in NUMBERS & own.keys():
        if type(own[name]) is not int:
            raise ValueError(f"{name} must be a whole number of {'milli' if name in MILLI else ''}seconds")
    if own.get("sslmode", "prefer") not in SSL_MODES:
        raise ValueError(f"sslmode must be one of {', '.join(SSL_MODES)}")
    try:
        make_conninfo(**{name: str(value) for name, value in own.items() if name != "pool"})
    except ProgrammingError as error:
        raise ValueError(f"what follows the ? is unknown to PostgreSQL: {error}") from None
    return {**own, "pool": dict(POOL)} if own.get("pool") else own


def leave_nothing_open() -> None:
    """Before a process has children that use the database: no connection of it is there for them, pooled ones too.

    A child has the pool without the threads that fill it: once its connections are dead, no child gets any.
    """
    for connection in connections.all():
        connection.close()
        if connection.vendor == "postgresql":
            connection.close_pool()  # type: ignore[attr-defined]


def why_unusable(error: Error) -> str:
    """Why a command could not use the database, and what to look at; '' where the fault is not the database's."""
    if isinstance(error, DataError | IntegrityError):
        return ""
    why = " ".join((_refusal() or str(error)).split())
    end = "" if why.endswith(("?", ".")) else "."
    return (
        f"The database cannot be used: {why}{end} See that it runs, that DATABASE_URL is right, "
        "and that `manage.py migrate` was run."
    )


def _refusal() -> str:
    """The server's own words: a pool only says that it has no connection."""
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor != "postgresql" or not connection.settings_dict["OPTIONS"].get("pool"):
        return ""
    import psycopg

    try:
        psycopg.connect(**connection.get_connection_params()).close()
    except psycopg.Error as error:
        return str(error)
    return ""
