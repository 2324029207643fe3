"""The last release, taken out of git, and this one: each runs in processes of its own, site and agents."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.site.person import Person
from tests.faults.site.stand import until
from tests.ports import free_port
from tests.waiting import PATIENCE, wait_until

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")
LAST = "13fd367"
PARTS = ("core", "dashboard", "telemetry_site", "templates", "static", "manage.py", "pyproject.toml")
KEY = "only-for-the-tests-of-two-releases-and-for-nothing-else-0123456789"

# An agent that does what its input says, line by line.
TOLD = """
import importlib, json, sys
names = dict(vars(importlib.import_module(sys.argv[1])))
for line in sys.stdin:
    print(json.dumps(eval(line, names), default=str), flush=True)
"""
SIGNED_IN = """
from django.contrib.auth.models import Group, User
from django.test import Client
user, _made = User.objects.get_or_create(username="maria")
user.groups.add(Group.objects.get(name="approver"))
client = Client()
client.force_login(user)
print(client.cookies["session"].value)
"""


@dataclass(frozen=True)
class Release:
    """Where its code stands: the checkout of the site, and what agents have under which name."""

    site: Path
    agents: Path
    package: str


def last_release(folder: Path) -> Release | None:
    """The code of the last release; None where this clone does not have it."""
    archive = ["git", "archive", LAST, *PARTS]
    packed = subprocess.run(archive, cwd=ROOT, capture_output=True)
    if packed.returncode != 0:
        return None
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed.stdout, check=True)
    return Release(folder, folder, "core")


def this_release(folder: Path) -> Release:
    """The code of this checkout; agents have what is in the wheel, and nothing else of it."""
    build = [UV, "build", "-q", "--wheel", "-o", folder, ROOT]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    [wheel] = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "agents")
    return Release(ROOT, folder / "agents", "agent_telemetry")


def environment(**settings: str) -> dict[str, str]:
    kept = {
        name: os.environ[name] for name in ("PATH", "HOME", "TELEMETRY_UNDO_SECONDS") if name in os.environ
    }
    return {**kept, "SECRET_KEY": KEY, "LOG_LEVEL": "WARNING", "MALLOC_ARENA_MAX": "2", **settings}


class Agent:
    """A process with the agents' code of a release. What it is told is an expression over the public names."""

    def __init__(self, release: Release, url: str, data_dir: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", TOLD, release.package],
            cwd=release.agents,
            env=environment(REDIS_URL=url, TELEMETRY_DATA_DIR=str(data_dir)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, line: str) -> None:
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def hear(self) -> Any:
        answer = self._process.stdout.readline()
        assert answer, "the agent has ended; its last words are on standard error"
        return json.loads(answer)

    def ask(self, line: str) -> Any:
        self.tell(line)
        return self.hear()

    def kill(self) -> None:
        """SIGKILL: nothing is finished, nothing is said."""
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()


@dataclass(frozen=True)
class Beginning:
    """A data directory in which nothing has happened but that somebody signed in."""

    folder: Path
    session: str

    def copy(self, to: Path) -> Path:
        return Path(shutil.copytree(self.folder, to))


class Site:
    """A site of a release on a data directory: recorder and web, and a person who may decide."""

    def __init__(self, release: Release, folder: Path, url: str) -> None:
        self._release, self._file = release, folder / "history.sqlite3"
        self._port = free_port()
        self._log = folder / "site.log"
        self._environment = environment(
            REDIS_URL=url,
            TELEMETRY_DATA_DIR=str(folder),
            PORT=str(self._port),
            DJANGO_SETTINGS_MODULE="telemetry_site.settings",
        )
        self._parts: dict[str, subprocess.Popen] = {}

    def prepare(self) -> str:
        """Make the tables, and a person who may decide; the session of that person."""
        self.manage("migrate", "-v", "0")
        return self.sign_in()

    def sign_in(self) -> str:
        """A session of this release: after the upgrade everybody signs in again."""
        return self.run(SIGNED_IN)

    def run(self, program: str) -> str:
        """A program in the project of this release; what it printed."""
        return self._done("-c", f"import django; django.setup()\n{program}").strip()

    def manage(self, *words: str) -> str:
        """A command of manage.py that must succeed; what it printed."""
        return self._done("manage.py", *words)

    def start(self, session: str) -> Person:
        """Start recorder and web; the person of this session, whom the site has let in."""
        self.start_recorder()
        self._start(
            "web",
            *("-m", "uvicorn", "telemetry_site.asgi:application", "--host", "127.0.0.1"),
            *("--port", str(self._port), "--ws", "websockets-sansio", "--lifespan", "off"),
            *("--log-level", "warning"),
        )
        person = Person("maria", self._port, session)
        until(lambda: person.page("/").status == 200, "the site answers to somebody who is signed in")
        return person

    def start_recorder(self) -> None:
        self._start("recorder", "manage.py", "recorder")

    def stop(self, *parts: str) -> None:
        """SIGTERM to these parts, or to all, and wait until they are gone."""
        ending = [self._parts.pop(part) for part in parts or tuple(self._parts)]
        for process in ending:
            process.send_signal(signal.SIGTERM)
        for process in ending:
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
            process.kill()
            process.wait()

    def rows(self, table: str, columns: str, where: str = "1") -> list[tuple]:
        with closing(sqlite3.connect(f"file:{self._file}?mode=ro", uri=True)) as connection:
            return connection.execute(f"SELECT {columns} FROM core_{table} WHERE {where}").fetchall()

    def recorded(self, table: str, columns: str, where: str, *expected: tuple) -> list[tuple]:
        """The rows as soon as they are these; the test fails with what they are where they never are."""
        with suppress(AssertionError):
            wait_until(lambda: self.rows(table, columns, where) == list(expected), f"rows of {table}")
        return self.rows(table, columns, where)

    def _start(self, part: str, *words: str) -> None:
        with self._log.open("a") as log:
            self._parts[part] = subprocess.Popen(
                [sys.executable, *words],
                cwd=self._release.site,
                env=self._environment,
                stderr=log,
                stdout=log,
            )

    def _done(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=self._release.site,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
