"""Connections to SQLite that a web process keeps: one that is free serves again, and never of a file that is gone."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from core.history.database.sqlite import connection_pool
from core.history.database.sqlite.base import DatabaseWrapper

pytestmark = pytest.mark.anywhere


@pytest.fixture(autouse=True)
def nothing_is_kept() -> Iterator[None]:
    """As in a process in which no site was started yet."""
    before = connection_pool._at_most
    connection_pool.keep(0)
    yield
    connection_pool.keep(before)


@pytest.fixture
def keeping() -> None:
    connection_pool.keep(1)


def opened(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    connection.execute("CREATE TABLE IF NOT EXISTS said (word)")
    return connection


@pytest.mark.usefixtures("keeping")
def test_a_free_connection_serves_one_more_and_has_nothing_open(tmp_path: Path) -> None:
    name = str(tmp_path / "history.sqlite3")
    connection = opened(tmp_path / "history.sqlite3")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO said VALUES ('unfinished')")

    assert connection_pool.give_back(connection, name)
    assert not connection_pool.give_back(opened(tmp_path / "history.sqlite3"), name)  # there is room for one
    assert connection_pool.take(name) is connection
    assert connection_pool.take(name) is None
    assert connection.execute("SELECT count(*) FROM said").fetchone() == (0,)


@pytest.mark.usefixtures("keeping")
def test_a_connection_to_a_file_that_was_replaced_serves_nobody(tmp_path: Path) -> None:
    file = tmp_path / "history.sqlite3"
    assert connection_pool.give_back(opened(file), str(file))
    opened(tmp_path / "restored").close()
    (tmp_path / "restored").replace(file)

    assert connection_pool.take(str(file)) is None


def test_nothing_is_kept_where_nobody_asked_for_it(tmp_path: Path) -> None:
    assert not connection_pool.give_back(
        opened(tmp_path / "history.sqlite3"), str(tmp_path / "history.sqlite3")
    )


@pytest.mark.usefixtures("keeping", "db")
def test_a_query_that_was_read_in_half_shows_the_next_page_nothing_old(tmp_path: Path) -> None:
    file = tmp_path / "history.sqlite3"
    with opened(file) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("INSERT INTO said VALUES ('one'), ('two')")
    site = DatabaseWrapper(
        {**connection.settings_dict, "NAME": str(file), "ENGINE": "core.history.database.sqlite"}, "site"
    )
    site.inc_thread_sharing()
    half = site.cursor()
    half.execute("SELECT word FROM said")
    assert half.fetchone() == ("one",)
    driver = site.connection
    site.close()

    other.execute("DELETE FROM said")
    with site.cursor() as cursor:
        assert site.connection is driver
        assert cursor.execute("SELECT count(*) FROM said").fetchone() == (0,)
    site.close()
