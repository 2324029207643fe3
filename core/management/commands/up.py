"""`manage.py up`: the whole site on one machine, with a Redis of its own when none is configured."""

import errno
import http.client
import os
import secrets
import shlex
import socket
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.shortcuts import resolve_url
from django.urls import reverse

from core.history.people import first, rights
from core.management.old_tables import refuse_old_tables
from core.management.supervisor import ChildProcess, Revival, Supervisor
from core.store import embedded

DEMO_PEOPLE = {"operator": ["approver", "auditor", "administrator"], "viewer": ["viewer"]}
DEMO_RIGHTS = {"operator": "answers requests, reads the record, makes tokens", "viewer": "may only look"}


class Command(BaseCommand):
    """Start everything, say where it is, and stop everything on Ctrl-C."""

    help = "Run the site: Redis (if none is configured), web, recorder, worker; with --demo demo agents too."

    def add_arguments(self, parser: CommandParser) -> None:
        """One switch."""
        parser.add_argument("--demo", action="store_true", help="add demo people and a fleet of demo agents")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until Ctrl-C or SIGTERM."""
        refuse_unsafe_address()
        refuse_taken_port()
        refuse_old_tables()
        self.check(tags=[Tags.database], databases=["default"])
        self.check(tags=[Tags.staticfiles], include_deployment_checks=True)
        server = None if settings.REDIS_URL else start_redis(settings.TELEMETRY_DATA_DIR)
        try:
            prepare_environment(server.url if server else settings.REDIS_URL)
            parts = [
                ChildProcess("web", web_command()),
                ChildProcess("recorder", manage("recorder")),
                ChildProcess("worker", manage("worker")),
            ]
            passwords = {}
            if options["demo"]:
                passwords = make_demo_people(settings.TELEMETRY_DATA_DIR)
                parts.append(ChildProcess("demo agents", manage("demo_agents")))
            supervisor = Supervisor(parts, lambda text: self.stderr.write(text))
            started = time.monotonic()

            def say_when_ready() -> bool:
                if not answers():
                    return False
                self.stdout.write(welcome(passwords, time.monotonic() - started))
                self.stdout.flush()
                return True

            if server:
                supervisor.run(say_when_ready, Revival(server, supervisor.say).look)
            else:
                supervisor.run(say_when_ready)
        finally:
            if server:
                server.stop()


def prepare_environment(redis_url: str) -> None:
    """What all parts inherit."""
    os.environ["REDIS_URL"] = redis_url
    # glibc's areas for each thread fragment: a web process grew by a tenth, and with two it does not.
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")


def start_redis(data_dir: Path) -> embedded.EmbeddedServer:
    """The private server, or an error that says where to look."""
    try:
        return embedded.start(data_dir)
    except embedded.ServerDidNotStart as error:
        raise CommandError(str(error)) from error


def web_command() -> list[str]:
    """The web server. Its limits are explained in docs/running/service.md."""
    return [
        *(sys.executable, "-m", "uvicorn", ":".join(settings.ASGI_APPLICATION.rsplit(".", 1))),
        *("--app-dir", str(settings.BASE_DIR)),
        *("--host", settings.HOST, "--port", str(settings.PORT)),
        *("--ws", "websockets-sansio", "--ws-max-size", "65536", "--ws-per-message-deflate", "false"),
        *("--lifespan", "off", "--timeout-graceful-shutdown", "5"),
        *("--no-access-log", "--log-level", "warning"),
        *("--no-proxy-headers", "--http", settings.TELEMETRY_CONNECTIONS),
    ]


def manage(command: str) -> list[str]:
    """Another command of this project."""
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), command]


def refuse_unsafe_address() -> None:
    """With DEBUG on, error pages show settings: only this machine may see them."""
    if settings.DEBUG and settings.HOST not in ("127.0.0.1", "::1", "localhost"):
        raise CommandError(
            f"HOST={settings.HOST} opens the site to others: set DEBUG=0 first (docs/running/service.md)"
        )


def refuse_taken_port() -> None:
    """A taken port is an error now, not a web server that restarts for ever."""
    family = socket.AF_INET6 if ":" in settings.HOST else socket.AF_INET
    try:
        socket.create_server((settings.HOST, settings.PORT), family=family).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CommandError(
                f"port {settings.PORT} is taken: stop what listens there, or set PORT to another one"
            ) from error
        raise CommandError(
            f"nobody can listen on HOST={settings.HOST} and PORT={settings.PORT} here: {error.strerror}"
        ) from error


def own_name() -> str:
    """The first name that the site answers to; `.example.org` stands for `example.org` too."""
    return str(settings.ALLOWED_HOSTS[0]).removeprefix(".")


def answers() -> bool:
    """Whether the web server serves pages. With HTTPS it answers us by pointing to its secure address."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.HOST, settings.HOST)
    connection = http.client.HTTPConnection(host, settings.PORT, timeout=2)
    try:
        connection.request("GET", resolve_url(settings.LOGIN_URL), headers={"Host": own_name()})
        return connection.getresponse().status in (200, 301)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def make_demo_people(data_dir: Path) -> dict[str, str]:
    """People to sign in as; their passwords are made once and kept, so that sessions survive a restart."""
    passwords = {}
    for name, groups in DEMO_PEOPLE.items():
        file = data_dir / f"password-of-{name}"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(9))
        passwords[name] = file.read_text()
        user, _created = get_user_model().objects.get_or_create(username=name)
        user.is_staff = "auditor" in groups
        if not user.check_password(passwords[name]):
            user.set_password(passwords[name])
        user.save()
        user.groups.add(*Group.objects.filter(name__in=groups))
    return passwords


def own_python() -> str:
    """This Python as a person in the checkout would type it."""
    return sys.executable.removeprefix(f"{settings.BASE_DIR}{os.sep}")


def how_agents_connect(url: str) -> list[str]:
    """Where agents find Redis. No password is printed, and the account of the site is not theirs."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return [f"Agents connect with  REDIS_URL={url}"]
    if not settings.REDIS_URL:
        file = settings.TELEMETRY_DATA_DIR / "redis.url"
        return [
            f"Agents of this user connect with  TELEMETRY_DATA_DIR={file.parent}  (the address is in {file})"
        ]
    at = f"{parts.hostname}:{parts.port or 6379}"
    return [f"Agents connect to  {at}  with an account of their own (docs/reference/redis-accounts.md)"]


def welcome(passwords: dict[str, str], seconds: float) -> str:
    """What the person at the terminal needs now."""
    lines = ["", f"Ready in {seconds:.1f} s. Open  {settings.TELEMETRY_SITE_URL}"]
    lines += [
        f"  name  {name:<10} password  {password}   {DEMO_RIGHTS[name]}"
        for name, password in passwords.items()
    ]
    if not get_user_model().objects.exists():
        link = f"{settings.TELEMETRY_SITE_URL}{reverse('first-administrator', args=[first.new_token()])}"
        lines += [
            "  Nobody can sign in yet. Within half an hour, make the first administrator at  (works once)",
            f"  {link}",
            f"  or, in a second terminal: {own_python()} manage.py createsuperuser",
        ]
    elif not rights.deciders(get_user_model()).exists():
        lines.append(
            "  Nobody may answer requests: in /admin/, under Users, put people into the group approver"
        )
    lines += [
        *how_agents_connect(os.environ["REDIS_URL"]),
        "  from core import ApprovalGate             in this checkout",
        f"  from agent_telemetry import ApprovalGate  after  pip install {shlex.quote(str(settings.BASE_DIR))}",
        *("Ctrl-C stops everything.", ""),
    ]
    return "\n".join(lines)
