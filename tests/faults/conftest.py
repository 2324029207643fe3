"""The database of the trials: that of the run, chosen by TEST_DATABASE."""

from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from tests.chosen_servers import DATABASE
from tests.postgresql import PostgreSQL, postgresql_server


@pytest.fixture(scope="session")
def database_server(request: pytest.FixtureRequest) -> PostgreSQL | None:
    """The PostgreSQL server of this run, or None where the run is on SQLite."""
    return request.getfixturevalue("postgresql") if DATABASE == "postgresql" else None


@pytest.fixture
def own_database_server() -> Iterator[PostgreSQL | None]:
    """The same, for one test that may kill it."""
    with postgresql_server() if DATABASE == "postgresql" else nullcontext() as server:
        yield server
