"""The site and what stands beside it, each in a process of its own, and what such a process costs."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
TICKS = os.sysconf("SC_CLK_TCK")
SIGN_IN = """
import django; django.setup()
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Group, User
from core.history.people.session_store import SessionStore
user = User.objects.create_user("bench"); user.groups.add(Group.objects.get(name="approver"))
session = SessionStore()
session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
session.save(); print(session.session_key)
"""


@dataclass(frozen=True)
class Server:
    """A process that listens."""

    pid: int
    port: int

    def seconds(self) -> float:
        """Of a processor, since it began."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def kilobytes(self) -> int:
        """That are resident and nobody else's."""
        lines = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


class Site:
    """A database, the parts of the site that are started on it, and the session of somebody who may answer."""

    def __init__(self, stack: ExitStack, url: str, namespace: str) -> None:
        self._stack = stack
        folder = stack.enter_context(TemporaryDirectory(prefix="bench"))
        self._environment = {
            **os.environ,
            "REDIS_URL": url,
            "TELEMETRY_NAMESPACE": namespace,
            "TELEMETRY_DATA_DIR": folder,
            "DJANGO_SETTINGS_MODULE": "telemetry_site.settings",
            "DEBUG": "1",
            "LOG_LEVEL": "ERROR",
            "MALLOC_ARENA_MAX": "2",
            "TELEMETRY_SOCKETS_PER_SESSION": "5000",
            "TELEMETRY_UNDO_SECONDS": "0",  # what is measured begins with the decision
        }
        self.output("manage.py", "migrate", "-v", "0")
        self.session = self.output("-c", SIGN_IN)

    def web(self) -> Server:
        """The web process, as `manage.py up` starts it."""
        port = free_port()
        options = [
            "--ws",
            "websockets-sansio",
            "--ws-per-message-deflate",
            "false",
            "--lifespan",
            "off",
            "--log-level",
            "error",
            "--no-access-log",
            "--no-proxy-headers",
        ]
        options += ["--http", "telemetry_site.connections:Connection", "--port", str(port)]
        return self._listening(port, "-m", "uvicorn", "telemetry_site.asgi:application", *options)

    def beside(self, module: str, url: str) -> Server:
        """A server of the bench, which is told where Redis is and where to listen."""
        port = free_port()
        return self._listening(port, "-m", module, url, str(port))

    def recorder(self) -> None:
        """The recorder."""
        self._start("manage.py", "recorder")

    def _listening(self, port: int, *words: str) -> Server:
        pid = self._start(*words)
        _wait_for_port(port)
        return Server(pid, port)

    def _start(self, *words: str) -> int:
        process = subprocess.Popen([sys.executable, *words], cwd=ROOT, env=self._environment)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process.pid

    def output(self, *words: str) -> str:
        """What Python says that runs these words on the site's database to their end."""
        command = [sys.executable, *words]
        done = subprocess.run(
            command, cwd=ROOT, env=self._environment, check=True, stdout=subprocess.PIPE, text=True
        )
        return done.stdout.strip()


@contextmanager
def served(url: str, namespace: str) -> Iterator[Site]:
    """A site that ends with all that was started on it."""
    with ExitStack() as stack:
        yield Site(stack, url, namespace)


def _wait_for_port(port: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"nothing listens on port {port}")
