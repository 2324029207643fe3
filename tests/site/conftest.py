"""What the tests of processes share."""

import pytest

from tests.servers import client_of


@pytest.fixture
def raw(clean_redis: str):
    """A plain client for looking behind the scenes."""
    with client_of(clean_redis, decode_responses=True) as client:
        yield client
