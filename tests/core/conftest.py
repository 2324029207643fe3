"""A real server for every test of the primitives; nothing here needs Django."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core import (
    ApprovalGate,
    CoordinationSignals,
    EventStreamer,
    FeedbackLoop,
    HeartbeatCoordinator,
    UsageTracker,
)
from core.store import embedded
from tests.accounts import also_allowed, limit
from tests.core.usage.usage_help import book
from tests.leftovers import emptied
from tests.servers import client_of, faulty_server, proxy_before
from tests.waiting import wait_until


@pytest.fixture(scope="session")
def core_server():
    with tempfile.TemporaryDirectory(prefix="core-") as folder:
        server = embedded.start(Path(folder), durable=False)
        limit(server.url, "telemetry-agent")
        yield server.url
        server.stop()


@pytest.fixture
def url(core_server):
    """The same, empty; what the test leaves there must be ours, and end by itself or be permanent."""
    with emptied(core_server) as url:
        yield url


@pytest.fixture
def any_namespace(url):
    """Meanwhile the account may use keys of every installation, for tests with several."""
    with also_allowed(url, "{*}:*"):
        yield


@pytest.fixture
def raw(url):
    """A plain client for looking at keys and for damaging them."""
    with client_of(url) as client:
        yield client


@pytest.fixture
def gate(url):
    return ApprovalGate(url, "deployer")


@pytest.fixture
def agents(url):
    return HeartbeatCoordinator(url)


@pytest.fixture
def mailbox_of(url):
    """The signals of an agent: `mailbox_of("ann").check_signal("done")`."""
    return lambda agent_id=None, **options: CoordinationSignals(url, agent_id, **options)


@pytest.fixture
def ann(mailbox_of):
    return mailbox_of("ann")


@pytest.fixture
def bob(mailbox_of):
    return mailbox_of("bob")


@pytest.fixture
def events(url):
    return EventStreamer(url)


@pytest.fixture
def loop(url):
    return FeedbackLoop(url)


@pytest.fixture
def proxy(url):
    with proxy_before(url) as proxy:
        yield proxy


@pytest.fixture
def server():
    """A server that this test may stop and hang; it forgets everything."""
    with faulty_server() as server:
        yield server


@pytest.fixture
def durable_server():
    with faulty_server(durable=True) as server:
        yield server


@pytest.fixture
def background():
    """Runs calls beside the test: `background(function, *args)` returns a future."""
    with ThreadPoolExecutor(256) as pool:
        yield pool.submit


@pytest.fixture
def first_pending():
    """Wait until a gate lists a request, and return it."""
    return lambda gate: wait_until(gate.get_pending_approvals, "a request is pending")[0]


@pytest.fixture
def make_tracker(url, tmp_path):
    """Makes trackers on this test's Redis and directory: `make_tracker(memory=other_url)`."""
    made = []

    def make(**options):
        made.append(
            UsageTracker(
                **{"telemetry_dir": tmp_path / "usage", "memory": url, "price_book": book(), **options}
            )
        )
        return made[-1]

    yield make
    for tracker in made:
        tracker._shipper.close(30)  # what it ships later would be in the Redis of the next test


@pytest.fixture
def tracker(make_tracker):
    return make_tracker()
