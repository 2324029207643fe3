"""What a child of the nursery can be. Each role is what an operator or a user would start."""

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.faults.site.http_agents import fleet, http_agents  # noqa: F401  roles too

PEOPLE = ("maria", "omar")
VISITOR = "ada"  # looks at everything and decides nothing


def import_everything() -> None:
    """Before the first fork, so that a child starts at once. Nothing here opens a connection or starts a thread."""
    import uvicorn.main  # noqa: F401

    import telemetry_site.asgi
    import telemetry_site.urls  # noqa: F401
    from core.history.approvals import repair  # noqa: F401
    from core.management.commands import up, worker  # noqa: F401
    from tests.faults import oracle  # noqa: F401


def prepare(result: str) -> None:
    """Make the tables, two people who may decide and one who looks; writes a session of each."""
    from django.contrib.auth.models import Group, User
    from django.core.management import call_command
    from django.test import Client

    call_command("migrate", verbosity=0)
    sessions = {}
    for name in (*PEOPLE, VISITOR):
        user, _created = User.objects.get_or_create(username=name, is_staff=name == VISITOR)
        user.groups.add(Group.objects.get(name="auditor" if name == VISITOR else "approver"))
        client = Client()
        client.force_login(user)
        sessions[name] = client.cookies["session"].value
    tell(result, sessions)


def demand(result: str, kind: str, approvers: int) -> None:
    """Let requests of a kind need so many people."""
    from core.models import ApprovalType

    ApprovalType.objects.update_or_create(name=kind, defaults={"approvers": approvers})
    tell(result, approvers)


def web(port: int = 0) -> None:
    """The web server as `manage.py up` starts it; a second one has a port of its own."""
    import uvicorn.main
    from django.conf import settings

    from core.management.commands.up import web_command

    settings.PORT = port or settings.PORT
    settings.TELEMETRY_UNDO_SECONDS = int(os.environ["TELEMETRY_UNDO_SECONDS"])
    command = web_command()
    uvicorn.main.main(args=command[command.index("uvicorn") + 1 :])


def recorder() -> None:
    """`manage.py recorder`."""
    from django.core.management import execute_from_command_line

    execute_from_command_line(["manage.py", "recorder"])


def worker() -> None:
    """`manage.py worker`."""
    from django.core.management import execute_from_command_line

    execute_from_command_line(["manage.py", "worker"])


def agents(url: str, log: str, name: str, threads: int, count: int, timeout: float, pause: float) -> None:
    """Threads that ask one request after another and write down, synced, what they were told."""
    from core import ApprovalGate, HeartbeatCoordinator

    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def work(thread: int) -> None:
        gate, heart = ApprovalGate(url, f"{name}-{thread}"), HeartbeatCoordinator(url)
        heart.start_heartbeat(f"{name}-{thread}")
        for number in range(count):
            heart.beat(current_task=f"deploying {number}")
            started = time.monotonic()
            heard = gate.request_approval("deploy", {"number": number}, timeout)
            said = {
                "request_id": heard.request_id,
                "approved": heard.approved,
                "responder": heard.responder,
                "reason": heard.reason,
                "took": time.monotonic() - started,
                "timeout": timeout,
                "clock": time.time(),
            }
            os.write(file, (json.dumps(said) + "\n").encode())
            os.fsync(file)
            time.sleep(pause)

    workers = [threading.Thread(target=work, args=(thread,)) for thread in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def ask_and_leave(url: str, name: str, timeout: float, count: int) -> None:
    """An agent that asks and is gone before the answer."""
    from core import ApprovalGate

    for _ in range(count):
        ApprovalGate(url, name).open_request("deploy", timeout=timeout)


def judge(result: str, logs: list[str], acknowledged: list[list[Any]], expect: dict[str, Any]) -> None:
    """Compare the agents' logs, what people were told and the record; writes the verdict."""
    from tests.faults import oracle

    tell(result, oracle.verdict([Path(log) for log in logs], acknowledged, expect))


def tell(result: str, said: Any) -> None:
    """Write an answer in one step."""
    partial = Path(result + ".partial")
    partial.write_text(json.dumps(said))
    partial.rename(result)
    sys.stderr.flush()
