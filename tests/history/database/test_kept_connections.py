"""Connections to SQLite that a web process keeps: one that is free serves again, and never of a file that is gone."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.history.database.sqlite import kept

pytestmark = pytest.mark.anywhere


@pytest.fixture
def keeping() -> Iterator[None]:
    kept.keep(1)
    yield
    kept.keep(0)


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

    assert kept.give_back(connection, name)
    assert not kept.give_back(opened(tmp_path / "history.sqlite3"), name)  # there is room for one
    assert kept.take(name) is connection
    assert kept.take(name) is None
    assert connection.execute("SELECT count(*) FROM said").fetchone() == (0,)


@pytest.mark.usefixtures("keeping")
def test_a_connection_to_a_file_that_was_replaced_serves_nobody(tmp_path: Path) -> None:
    file = tmp_path / "history.sqlite3"
    assert kept.give_back(opened(file), str(file))
    opened(tmp_path / "restored").close()
    (tmp_path / "restored").replace(file)

    assert kept.take(str(file)) is None


def test_nothing_is_kept_where_nobody_asked_for_it(tmp_path: Path) -> None:
    assert not kept.give_back(opened(tmp_path / "history.sqlite3"), str(tmp_path / "history.sqlite3"))
