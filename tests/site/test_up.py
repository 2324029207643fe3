"""`manage.py up`, as whoever runs the site meets it: one command, one address, and nothing left behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from core import ApprovalGate
from telemetry_site.addresses import site_url
from telemetry_site.env import development_secret_key
from tests.chosen_servers import lay_tables
from tests.ports import free_port
from tests.waiting import PATIENCE, wait_until

ROOT = Path(__file__).resolve().parent.parent.parent

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to find what was left behind"),
    pytest.mark.anywhere,
]


class Up:
    """A site started in an empty data directory, on a port of its own."""

    def __init__(self, data_dir: Path, *words: str, **settings: str) -> None:
        self.port = free_port()
        self.data_dir = data_dir
        keep = ("PATH", "HOME", "LANG", "VIRTUAL_ENV", "TELEMETRY_UNDO_SECONDS")
        self.environment = {name: os.environ[name] for name in keep if name in os.environ}
        self.environment |= {"TELEMETRY_DATA_DIR": str(data_dir), "PORT": str(self.port), **settings}
        if self.environment.get("DATABASE_URL"):
            self.run_manage("migrate", "-v", "0")
        else:
            lay_tables(data_dir)
        self.log = data_dir / "up.log"
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "up", *words],
            env=self.environment,
            stdout=self.log.open("w"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=data_dir,
        )

    def run_manage(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "manage.py"), *words]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, cwd=ROOT)

    def ready(self) -> str:
        wait_until(lambda: "Ready in" in self.log.read_text(), "the site says that it is ready")
        return self.log.read_text()

    def processes(self) -> dict[int, str]:
        """The living processes of this site: the data directory stands in their environment or command."""
        mark = f"TELEMETRY_DATA_DIR={self.data_dir}".encode()
        found = {}
        for folder in Path("/proc").iterdir():
            try:
                if not folder.name.isdigit():
                    continue
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                inside = mark in (folder / "environ").read_bytes().split(b"\0")
                if command and (inside or f"unixsocket:{self.data_dir}/" in command):
                    found[int(folder.name)] = command
            except OSError:
                continue
        return found

    def pid_of(self, part: str) -> int:
        return next((pid for pid, command in self.processes().items() if part in command), 0)

    def gone(self) -> bool:
        self.process.poll()
        return not self.processes()


@pytest.fixture
def up(tmp_path: Path, db: None, new_servers: Callable[[], dict[str, str]]) -> Iterator[Callable[..., Up]]:
    started: list[Up] = []

    def start(*words: str, **settings: str) -> Up:
        site = Up(tmp_path, *words, **{**new_servers(), **settings})
        started.append(site)
        return site

    yield start
    for site in started:
        for pid in (*site.processes(), site.process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        site.process.wait()


@pytest.mark.long  # a dozen processes
def test_the_demo_says_address_name_and_password_and_lives_within_a_minute(up):
    site = up("--demo", DEMO_SPEED="20")
    said = site.ready()
    assert f"http://localhost:{site.port}" in said
    assert re.search(r"name  operator +password  \S{8,}", said)
    url = re.search(r"REDIS_URL=(\S+)", said)[1]
    assert re.search(r"from core import .+\n +from agent_telemetry import ", said)
    gate = ApprovalGate(url)
    kinds = {"deploy", "delete", "send money", "run command", "send mail"}
    pending = gate.get_pending_approvals
    wait_until(lambda: kinds == {request.approval_type for request in pending()}, "five agents ask")
    os.killpg(site.process.pid, signal.SIGINT)
    assert site.process.wait(PATIENCE) == 0
    wait_until(site.gone, "no process is left after Ctrl-C")
    assert "Traceback" not in site.log.read_text()


@pytest.mark.long
def test_nothing_is_left_when_the_supervisor_is_killed(up):
    site = up("--demo", DEMO_SPEED="5")
    site.ready()
    wait_until(lambda: site.pid_of("demo_fleet deploy-bot"), "the agents run")
    site.process.kill()
    site.process.wait()
    wait_until(site.gone, f"no process is left after kill -9, but: {site.processes()}")


@pytest.mark.long
def test_a_part_that_dies_is_started_again_and_nothing_is_lost(up):
    site = up()
    url = re.search(r"REDIS_URL=(\S+)", site.ready())[1]
    assert f"http://localhost:{site.port}" in site.ready()
    assert (site.data_dir / "secret-key").stat().st_mode & 0o777 == 0o600  # nothing was set
    request = ApprovalGate(url, "robot").open_request("deploy")
    for part in ("manage.py recorder", "manage.py worker", "uvicorn", "unixsocket:"):
        before = wait_until(lambda part=part: site.pid_of(part), f"{part} runs")
        os.kill(before, signal.SIGKILL)
        wait_until(lambda part=part, old=before: site.pid_of(part) not in (0, old), f"{part} runs again")
    wait_until(lambda: answers(site.port), "the site answers again")
    wait_until(lambda: still_pending(url, request.request_id), "the server knows the request")
    assert len(ApprovalGate(url).get_pending_approvals()) == 1
    os.killpg(site.process.pid, signal.SIGINT)
    assert site.process.wait(PATIENCE) == 0
    wait_until(site.gone, "no process is left after Ctrl-C")


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/sign-in/", timeout=2) as response:
            return response.status == 200
    except OSError:
        return False


def still_pending(url: str, request_id: str) -> bool:
    try:
        return ApprovalGate(url).get_request(request_id).status == "pending"
    except Exception:
        return False


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_a_taken_port_is_an_error_that_names_port_and_variable(tmp_path, settings, host, family):
    settings.TELEMETRY_DATA_DIR, settings.HOST = tmp_path, host
    with socket.create_server((host, 0), family=family) as taken:
        settings.PORT = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"port {settings.PORT} is taken: .* set PORT to"):
            call_command("up")
    assert list(tmp_path.iterdir()) == []  # nothing was started


@pytest.mark.parametrize(
    ("said", "host", "https", "address"),
    [
        ("", "127.0.0.1", True, "https://a.example"),
        ("", "0.0.0.0", False, "http://a.example:8000"),
        ("", "10.0.0.7", False, "http://10.0.0.7:8000"),
        ("", "fd00::7", False, "http://[fd00::7]:8000"),
        ("https://b.example/", "10.0.0.7", False, "https://b.example"),
    ],
)
def test_links_begin_with_the_address_that_browsers_find(said, host, https, address):
    assert site_url(said, [".a.example"], host, 8000, https=https) == address


def test_of_several_that_start_at_once_all_have_the_same_secret_key(tmp_path):
    (tmp_path / ".secret-key.part").touch(mode=0o600)  # of a start that was killed
    together = Barrier(8)

    def start(_number):
        together.wait(PATIENCE)
        return development_secret_key(tmp_path)

    with ThreadPoolExecutor(8) as pool:
        [key] = set(pool.map(start, range(8)))
    assert len(key) > 50
    assert (tmp_path / "secret-key").stat().st_mode & 0o777 == 0o600


def test_debug_is_refused_on_an_open_address(tmp_path, settings):
    settings.TELEMETRY_DATA_DIR, settings.DEBUG, settings.HOST = tmp_path, True, "0.0.0.0"
    with pytest.raises(CommandError, match="set DEBUG=0 first"):
        call_command("up")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["up", "recorder", "worker"])
def test_tables_of_another_version_are_refused_with_the_way_out(tmp_path, settings, db, command):
    settings.TELEMETRY_DATA_DIR, settings.PORT = tmp_path, 0
    MigrationRecorder(connection).migration_qs.filter(app="core").latest("pk").delete()
    with pytest.raises(CommandError, match=r"run `manage\.py migrate` first"):
        call_command(command)
    assert list(tmp_path.iterdir()) == []


def test_a_data_directory_too_deep_for_a_socket_gets_a_password_on_loopback(tmp_path):
    from core.store import embedded

    deep = tmp_path / ("long-" * 20)
    server = embedded.start(deep, durable=False)
    assert re.fullmatch(r"redis://:[\w-]{20,}@127\.0\.0\.1:\d+", server.url)
    assert oct((deep / "redis.url").stat().st_mode & 0o777) == "0o600"
    assert embedded.start(deep).process is None
    assert ApprovalGate(server.url, "robot").open_request("deploy").status == "pending"
    bare = server.url.replace(server.url[server.url.index(":", 8) : server.url.index("@") + 1], "")
    with pytest.raises(Exception, match="password"):
        ApprovalGate(bare).get_pending_approvals()
    server.stop()
    assert embedded.running_url(deep) is None


def test_a_server_that_hangs_is_not_started_twice_on_the_same_data(tmp_path, monkeypatch):
    from core.store import embedded

    server = embedded.start(tmp_path)
    server.process.send_signal(signal.SIGSTOP)
    with monkeypatch.context() as impatient:
        impatient.setattr(embedded, "START_SECONDS", 2.0)
        with pytest.raises(embedded.ServerDidNotStart, match="does not answer"):
            embedded.start(tmp_path)
    server.process.send_signal(signal.SIGCONT)
    assert embedded.start(tmp_path).url == server.url
    server.stop()


def test_a_server_on_loopback_comes_back_at_the_same_address(tmp_path):
    from core.store import embedded

    server = embedded.start(tmp_path / ("long-" * 20))
    request = ApprovalGate(server.url, "robot").open_request("deploy")
    server.process.kill()
    server.process.wait()
    assert server.revive()
    assert ApprovalGate(server.url).get_request(request.request_id).status == "pending"
    server.stop()
