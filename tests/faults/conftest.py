"""What the trials run on: the database that TEST_DATABASE chose, and a whole site of real processes."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.chosen_servers import DATABASE, lay_tables
from tests.faults.site.stand import Stand, stand
from tests.postgresql import PostgreSQL, postgresql_server


@pytest.fixture(scope="session")
def database_server(request: pytest.FixtureRequest) -> PostgreSQL | Callable[[Path], None]:
    """The PostgreSQL server of this run; where it is on SQLite, what lays the tables into a folder."""
    if DATABASE == "postgresql":
        return request.getfixturevalue("postgresql")
    request.getfixturevalue("django_db_setup")
    return lay_tables


@pytest.fixture
def own_database_server() -> Iterator[PostgreSQL | None]:
    """The same, for one test that may kill it."""
    with postgresql_server() if DATABASE == "postgresql" else nullcontext() as server:
        yield server


@pytest.fixture(scope="module")
def site(database_server: PostgreSQL | Callable[[Path], None]) -> Iterator[Stand]:
    """One site for all tests of a file; each leaves it as it was, and at the end the record agrees with everybody."""
    with stand(database_server) as site:
        site.start("recorder")
        site.start_web()
        yield site
        assert site.verdict()["violations"] == []
