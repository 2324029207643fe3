"""The real parts that tests run on: an embedded Redis, the database, a web server, a recorder, a browser."""

import asyncio
import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# Playwright's sync API leaves an event loop running in the main thread.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
# Of the processes that tests start; approvals take effect at once where Undo is not the subject.
os.environ.setdefault("TELEMETRY_UNDO_SECONDS", "0")

import pytest
import uvicorn
from channels import layers
from django.contrib.auth.models import Group, User
from django.core.cache import cache as tries
from django.db import connections, transaction
from django.test import TransactionTestCase, override_settings
from httpx._transports import default as client_parts
from hypothesis import HealthCheck, settings
from redis import Redis
from servestatic.middleware import ServeStaticMiddleware

from core import ApprovalGate
from core.history.approvals import answerable
from core.history.approvals.answers import holds, presets, release
from core.history.people import rights_changes
from core.history.recorder import recorder as recording
from core.history.recorder.recorder import Recorder
from core.store import embedded
from dashboard.approvals import known_names, turns, unusual
from dashboard.live import doorbells, feed
from telemetry_site.layers import channel_layers
from telemetry_site.queues import rq_queues
from tests import chosen_servers
from tests.chosen_servers import (  # noqa: F401  fixtures
    django_db_keepdb,
    django_db_modify_db_settings,
    new_servers,
    postgresql,
    this_database,
)
from tests.emptying import empty_the_tables, remember_what_the_migrations_brought
from tests.endings import nothing_goes_on  # noqa: F401  fixture
from tests.leftovers import emptied
from tests.servers import client_of
from tests.waiting import PATIENCE, wait_until

# Whoever starts the tests may ignore them, as nohup and a shell in the background do, and each process inherits that.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

gc.disable()  # what is imported and collected stays; see pytest_runtestloop

# How long an example takes is a matter of the machine.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

PASSWORD = "correct horse battery"
ROOT = Path(__file__).resolve().parent.parent


def each_file_once(look: Callable[[ServeStaticMiddleware], None]) -> Callable[[ServeStaticMiddleware], None]:
    """Static files are looked through once in a process; else each `Client()` does so, longer than its page takes."""
    files: dict[str, object] = {}

    def known(middleware: ServeStaticMiddleware) -> None:
        if not files:
            look(middleware)
            files.update(middleware.files)
        middleware.files.update(files)

    return known


ServeStaticMiddleware.add_files_from_finders = each_file_once(ServeStaticMiddleware.add_files_from_finders)

# Certificates are read once in a process; else each `httpx.Client()` does so, which takes longer than what it asks.
client_parts.create_ssl_context = cache(client_parts.create_ssl_context)

# The web server of a test looks a hundred times a second, not ten, whether it shall end and who is still there.
uvicorn.server.asyncio = SimpleNamespace(**vars(asyncio))
uvicorn.server.asyncio.sleep = lambda seconds: asyncio.sleep(seconds / 10)

# A line for each call of an agent hides what a failure says.
logging.getLogger("httpx").setLevel(logging.WARNING)

# After a test with `transactional_db` every table is emptied, which the guards of the record refuse.
TransactionTestCase._fixture_teardown = empty_the_tables


@pytest.fixture
def _django_db_helper(_django_db_helper: None) -> None:
    """The same as pytest-django's; before the first test it is seen what a test must leave behind."""
    remember_what_the_migrations_brought()


@pytest.fixture(scope="session", autouse=True)
def _quick_settings() -> Iterator[None]:
    """Files do not change while tests run; and the hasher of the site takes its time, which is its purpose."""
    quick = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    with override_settings(SERVESTATIC_AUTOREFRESH=False, PASSWORD_HASHERS=quick):
        yield


@pytest.fixture(scope="session")
def site_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis for the site's tests; nothing of it is kept on disk."""
    server = embedded.start(tmp_path_factory.mktemp("site-redis"), durable=False)
    settings = {
        "TELEMETRY_DATA_DIR": tmp_path_factory.mktemp("data"),
        "REDIS_URL": server.url,
        "TELEMETRY_SITE_REDIS_URL": server.url,
        "CHANNEL_LAYERS": channel_layers(server.url, "telemetry"),
        "RQ_QUEUES": rq_queues(server.url, server.data_dir, "telemetry-jobs"),
        "TELEMETRY_UNDO_SECONDS": 0,
    }
    with override_settings(**settings):
        yield server.url
    server.stop()


@pytest.fixture
def clean_redis(site_redis: str) -> Iterator[str]:
    """The same, empty; what the test leaves there must be ours, and end by itself or be permanent."""
    with emptied(site_redis) as url:
        yield url


@pytest.fixture(autouse=True)
def nothing_tried_yet() -> None:
    """Tries of other tests do not count, nor does what was known of their people, names, requests and policy."""
    tries.clear()
    answerable.forget()
    presets._version = None
    known_names._read_at, known_names._known = -known_names.SECONDS, {}
    turns._read_at = -turns.SECONDS
    unusual._read_at, unusual._before, unusual._asked_for = -unusual.SECONDS, {}, frozenset()


@contextmanager
def _agents_not_told() -> Iterator[None]:
    """Who can approve what is not told to agents meanwhile: it takes as long as an account, and few tests ask."""
    rights_changes.changed.disconnect(answerable._say_again)
    try:
        yield
    finally:
        rights_changes.changed.connect(answerable._say_again)
        answerable.forget()


@pytest.fixture
def make_user(db: None) -> Callable[..., User]:
    """Make a user in groups: `make_user("maria", "approver")`."""

    def make(name: str, *groups: str, **fields: object) -> User:
        with _agents_not_told(), transaction.atomic():  # with rights from the beginning
            user = User.objects.create_user(name, password=PASSWORD, **fields)
            user.groups.add(*Group.objects.filter(name__in=groups))
        return user

    return make


@pytest.fixture
def quick_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recorder with nothing to do looks around sooner, so that nobody waits for its end after a test."""
    monkeypatch.setattr(recording, "CHECK_SECONDS", 0.1)


@pytest.fixture
def recorder(clean_redis: str, transactional_db: None, quick_to_end: None) -> Iterator[Recorder]:
    """A recorder that runs in a thread, as it would in its own process."""
    running = Recorder(clean_redis)
    stop = threading.Event()
    thread = threading.Thread(target=running.run, args=(stop,), daemon=True)
    thread.start()
    yield running
    stop.set()
    thread.join(PATIENCE)


@pytest.fixture
def gate(clean_redis: str) -> ApprovalGate:
    return ApprovalGate(clean_redis, "deployer")


@pytest.fixture
def raw(clean_redis: str) -> Iterator[Redis]:
    """A plain client for looking at keys and for damaging them."""
    with client_of(clean_redis, decode_responses=True) as client:
        yield client


@pytest.fixture
def background() -> Iterator[Callable[..., Future]]:
    """Runs calls beside the test; each thread gives its database connection back."""

    def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(64) as pool:
        yield lambda function, *args, **kwargs: pool.submit(call, function, *args, **kwargs)


@pytest.fixture
def held(settings: Any) -> Iterator[None]:
    """Approvals are held for a minute, and released when a test says so."""
    settings.TELEMETRY_UNDO_SECONDS = 60
    holds.began.disconnect(release.soon)
    yield
    holds.began.connect(release.soon)


@pytest.fixture
def start_process() -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts processes that end with the test: `start_process(command, env=...)`, as `subprocess.Popen`."""
    started: list[subprocess.Popen] = []

    def start(command: list[str], **options: object) -> subprocess.Popen:
        started.append(subprocess.Popen(command, **options))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        for pipe in filter(None, (process.stdout, process.stderr)):
            pipe.close()


@pytest.fixture
def agent_process(
    clean_redis: str, start_process: Callable[..., subprocess.Popen]
) -> Callable[..., subprocess.Popen]:
    """Starts a real agent that beats until it is killed: `agent_process("worker")`; it is ready when this returns."""

    def start(agent: str, beats: int = 3) -> subprocess.Popen:
        command = [sys.executable, "-m", "tests.history.agents.agent_worker", clean_redis, agent, str(beats)]
        process = start_process(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdout.readline() == b"ready\n"
        return process

    return start


@pytest.fixture
def site_socket() -> socket.socket:
    """Where the site of a test listens: a port of its own."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    return listener


@pytest.fixture
def site(clean_redis: str, transactional_db: None, site_socket: socket.socket) -> Iterator[str]:
    """The address of the whole site behind a real ASGI server; its live follower ends with the test."""
    from dashboard.live.follower import follower
    from telemetry_site.asgi import application, door
    from telemetry_site.connections import Connection

    layers.channel_layers.backends.clear()  # one layer is received from in one loop, as in a process of its own
    address = f"http://127.0.0.1:{site_socket.getsockname()[1]}"
    config = uvicorn.Config(
        application, http=Connection, ws="websockets-sansio", ws_per_message_deflate=False, lifespan="off",
        log_level="warning", timeout_graceful_shutdown=2, ws_ping_timeout=PATIENCE, proxy_headers=False,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [site_socket]}, daemon=True)
    thread.start()
    wait_until(lambda: server.started, "the web server has started")
    yield address
    server.should_exit = True
    thread.join(PATIENCE)
    follower.stop()
    door.rooms["/v1/logs"].signs.forget()  # whoever exported is kept alive, but not into the next test


@pytest.fixture
def four_times_as_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signs of life, looks at rights and rings of sockets come sooner, and in the same proportion to each other."""
    monkeypatch.setattr(feed, "LOOK_SECONDS", feed.LOOK_SECONDS / 4)
    monkeypatch.setattr(feed, "TICK_SECONDS", feed.TICK_SECONDS / 4)
    monkeypatch.setattr(feed, "ACCESS_SECONDS", feed.ACCESS_SECONDS / 4)
    monkeypatch.setattr(doorbells, "RING_SECONDS", doorbells.RING_SECONDS / 4)


# The same browser without what draws windows: a context of its own costs a seventh.
SHELL, WHOLE = "/usr/bin/chromium-headless-shell", "/usr/bin/chromium"
CHROMIUM = os.environ.get("CHROMIUM", SHELL if Path(SHELL).exists() else WHOLE)
NO_BROWSER = (
    f"NO BROWSER TESTS: {CHROMIUM} is missing. Get it with: apt-get install chromium (or set CHROMIUM)"
)


def pytest_configure(config: pytest.Config) -> None:
    """No run at all without the servers that were asked for, and none that could reach those of somebody's site."""
    if theirs := [
        name for name in ("DATABASE_URL", "REDIS_URL", "TELEMETRY_SITE_REDIS_URL") if name in os.environ
    ]:
        raise pytest.UsageError(
            f"unset {' and '.join(theirs)}: tests bring servers of their own, and empty them"
        )
    chosen_servers.stop_without_servers(is_worker=hasattr(config, "workerinput"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """What is there by now stays to the end, so it is not looked through again and again for what may go."""
    gc.freeze()
    gc.enable()


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """With `-n auto` two processes for each core: most of the time a test waits."""
    return 2 * len(os.sched_getaffinity(0))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Browser tests come last in each process: Playwright leaves its event loop in the thread.

    Nothing async runs there afterwards. Without a browser they are skipped, loudly; with REQUIRE_BROWSER=1
    that is an error.
    """
    chosen_servers.leave_out_what_needs_no_server(config, items)
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
    browser_tests = [item for item in items if item.get_closest_marker("browser")]
    if not browser_tests or Path(CHROMIUM).exists():
        return
    if os.environ.get("REQUIRE_BROWSER") == "1":
        raise pytest.UsageError(NO_BROWSER)
    for item in browser_tests:
        item.add_marker(pytest.mark.skip(reason=NO_BROWSER))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the very end what was not tested."""
    if any(NO_BROWSER in str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])):
        terminalreporter.write_line(NO_BROWSER, red=True, bold=True)
    if chosen_servers.left_out():
        terminalreporter.write_line(chosen_servers.left_out(), red=True, bold=True)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, object]) -> dict[str, object]:
    """Debian's Chromium, without calls to the outside."""
    switches = "no-sandbox disable-gpu disable-quic no-first-run disable-background-networking disable-sync"
    arguments = [f"--{switch}" for switch in [*switches.split(), "disable-component-update"]]
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": arguments}
