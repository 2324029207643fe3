"""What the trials run on: the database that TEST_DATABASE chose, and a whole site of real processes."""

from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from tests.chosen_servers import DATABASE
from tests.faults.site.stand import Stand, stand
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


@pytest.fixture(scope="module")
def site(database_server: PostgreSQL | None) -> Iterator[Stand]:
    """One site for all tests of a file; each leaves it as it was, and at the end the record agrees with everybody."""
    with stand(database_server) as site:
        site.start("recorder")
        site.start_web()
        yield site
        assert site.verdict()["violations"] == []
