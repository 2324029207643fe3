"""Commands about coding agents: connect sets them up and takes it back, hook asks for one of them."""

import json
import os
import subprocess
import sys
import uuid
from argparse import ArgumentTypeError, Namespace
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ...errors import TelemetryError
from ...gate import Gate
from ...values.text import one_line
from ..commands import DONE, FAILED, command, complain, option, whole
from ..tables import ask
from . import device, shim
from .clients import AGENTS, NAMES, CodingAgent, Wiring
from .device import IssuedToken
from .documents import Addition
from .journal import PRIVATE, FileChange, Journal, read, write

SCOPES = ["ask", "beat", "events", "usage"]
LOCAL = ("localhost", "127.0.0.1", "::1")
TRIED = {
    "Approved by": "It was approved: that is how a tool runs.",
    '"allow"': "It was approved: that is how a tool runs.",
    "Refused (denied)": "It was denied: that is how a tool is kept from running.",
}  # by what the hook says


def _site(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
        raise ArgumentTypeError(f"must be an address such as https://telemetry.example.org, not {text!r}")
    return text.rstrip("/")


_seconds = whole(30, 3600, " seconds")


@command(
    "hook",
    "what a coding agent runs before a tool: it asks the site, and answers as that client expects",
    option("client", choices=[*NAMES, "headers"], help="whose words it reads and says"),
    option("--env", help="the file with TELEMETRY_URL and TELEMETRY_TOKEN; by default the environment"),
    option("--timeout", type=_seconds, default=60, help="the seconds after which the client gives up (60)"),
)
def cmd_hook(args: Namespace) -> int:
    """Answer one hook: the event is on standard input. Whatever goes wrong blocks the tool, with the exit code 2."""
    words = [args.client, "--timeout", str(args.timeout), *(["--env", args.env] if args.env else [])]
    return shim.main(words)


@command(
    "connect",
    "set up the coding agents of this machine, so that people are asked before they act",
    option("--site", type=_site, help="the address of the site"),
    option("--agent", help="the agent's name (user-machine)"),
    option("--only", action="append", choices=NAMES, help="only this client; may be given several times"),
    option("--timeout", type=_seconds, default=600, help="for so many seconds a tool is held (600)"),
    option("--token-file", type=Path, help="where the token is kept (~/.config/agent-telemetry/agent.env)"),
    option("--dry-run", action="store_true", help="show what would be written, and write nothing"),
    option("--yes", action="store_true", help="do not ask before it is written"),
    option("--no-trial", action="store_true", help="do not ask the site once at the end"),
    option("--renew", action="store_true", help="only get the next secret of the token"),
    option("--undo", action="store_true", help="take back what was written"),
)
def cmd_connect(args: Namespace) -> int:
    """Find coding agents, show what is written into their settings, get a token by a code, and try it once."""
    token_file = (args.token_file or _folder() / "agent.env").expanduser().absolute()
    journal = Journal(token_file.with_name(token_file.name + ".written.json"))
    if args.undo:
        return _undo(args, journal, token_file)
    if args.renew:
        return _renew(token_file)
    site = args.site or _kept(token_file).get("TELEMETRY_URL")
    if not site:
        raise ValueError("--site is missing: give the address of the site")
    here = [agent for agent in AGENTS if _is_wanted(agent, args.only)]
    if not here:
        raise ValueError("no coding agent was found here; name one with --only")
    wiring = Wiring(site, token_file, args.timeout)
    additions = [(agent, agent.addition(wiring)) for agent in here]
    changes = [
        (agent, addition, journal.adding(agent.file(os.environ), addition)) for agent, addition in additions
    ]
    _show(changes)
    if args.dry_run:
        return DONE
    return _connect(args, wiring, journal, changes)


Changes = list[tuple[CodingAgent, Addition, FileChange]]


def _connect(args: Namespace, wiring: Wiring, journal: Journal, changes: Changes) -> int:
    repository = _repository(wiring.token_file)
    if repository is not None:
        raise ValueError(
            f"{wiring.token_file} is in the repository {repository}: name a --token-file outside"
        )
    for file in (change.file for _agent, _addition, change in changes if not change.is_none):
        if _is_tracked(file):
            raise ValueError(
                f"{file} is a tracked file of the repository {_repository(file)}, where others would get what is "
                "written: take it out of the index, or name the other clients with --only"
            )
    if urlsplit(wiring.site).scheme == "http" and urlsplit(wiring.site).hostname not in LOCAL:
        print(f"Beware: {wiring.site} is not encrypted, so the token travels where others may read it.")
    left = [change for change in changes if not change[2].is_none]
    if left and not args.yes and ask("Write this? [y/N] ").lower() not in ("y", "yes"):
        print("Nothing was written.")
        return FAILED
    if _kept(wiring.token_file).get("TELEMETRY_URL") != wiring.site:
        given = device.fetch(wiring.site, _wants(args.agent), _show_code)
        _keep_token(wiring, given)
        print(f"The token of {one_line(given.agent)} is in {wiring.token_file}, for you alone.")
    for agent, addition, change in left:
        journal.keep(change, addition)
        change.make()
        print(f"{agent.title}: {change.file} is written. {agent.after}".rstrip())
    return DONE if args.no_trial else _try(wiring, args.called)


def _is_wanted(agent: CodingAgent, only: list[str] | None) -> bool:
    return agent.name in only if only else agent.is_here(os.environ)


def _show(changes: Changes) -> None:
    for agent, _addition, change in changes:
        if change.is_none:
            print(f"{agent.title}: {change.file} is as it shall be.")
        else:
            print(f"{agent.title}: this is written into {change.file}")
            print(change.difference())


def _show_code(address: str, code: str) -> None:
    print(f"Open {address}, sign in, and type this code within ten minutes:\n\n    {code}\n", flush=True)


def _wants(agent: str | None) -> dict[str, object]:
    machine = os.uname().nodename or "a machine"
    name = agent or f"{os.environ.get('USER') or 'agent'}-{machine.split('.')[0]}"
    return {"machine": machine, "agent": name, "client": "agent-telemetry connect", "scopes": SCOPES}


def _folder() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "agent-telemetry"


def _repository(file: Path) -> Path | None:
    real = Path(os.path.realpath(file))
    return next((folder for folder in real.parents if (folder / ".git").exists()), None)


def _is_tracked(file: Path) -> bool:
    """Whether git has it in its index; where that cannot be found out within a repository, it may have."""
    repository = _repository(file)
    if repository is None:
        return False
    command = ["git", "-C", str(repository), "ls-files", "--error-unmatch", "--", os.path.realpath(file)]
    try:
        return subprocess.run(command, capture_output=True).returncode != 1
    except OSError:
        return True


def _kept(token_file: Path) -> dict[str, str]:
    pairs = (line.partition("=") for line in (read(token_file) or "").splitlines())
    return shim.as_named({name: value for name, equals, value in pairs if equals})


def _keep_token(wiring: Wiring, given: IssuedToken) -> None:
    lines = {
        "TELEMETRY_URL": wiring.site, "TELEMETRY_TOKEN": given.token, "TELEMETRY_ASKS": given.asks,
    }  # fmt: skip
    if given.is_prefix:
        lines["TELEMETRY_AGENT"] = os.uname().nodename.split(".")[0] or "1"
    _write_token(wiring.token_file, lines)


def _write_token(token_file: Path, lines: dict[str, str]) -> None:
    write(token_file, "".join(f"{name}={value}\n" for name, value in lines.items()), PRIVATE)


# Afterwards


def _try(wiring: Wiring, called: str) -> int:
    """One call that does nothing, asked as a client would ask it: it is on the page until somebody answers."""
    kept = _kept(wiring.token_file)
    call = _trial(kept.get("TELEMETRY_ASKS", "*"))
    print(
        f"A trial waits on {wiring.site} now: answer it there, either way. Its page says who may.", flush=True
    )
    words = [sys.executable, "-I", shim.__file__, "claude-code", "--env", str(wiring.token_file)]
    said = ""
    try:
        done = subprocess.run(
            [*words, "--timeout", str(wiring.seconds)], input=json.dumps(call), capture_output=True, text=True
        )
        said = next((says for mark, says in TRIED.items() if mark in done.stdout), "")
    finally:
        if not said:  # nobody shall find it who does not know what it was
            _withdraw(kept, f"{call['session_id']}:{call['tool_use_id']}")
    if said:
        print(f"{said} Start your agent anew, and work as always: what it wants to do is asked there.")
        return DONE
    if done.returncode:
        complain(called, done.stderr.strip() or f"the hook ended with {done.returncode}")
    else:
        complain(called, "nobody answered the trial in time; what was written works all the same")
    return FAILED


def _trial(asks: str) -> dict[str, Any]:
    """A call about which a token asks that asks about this."""
    return {
        "hook_event_name": shim.PROMPT if asks == "prompted" else shim.BEFORE,
        "session_id": f"trial-{uuid.uuid4()}",
        "tool_use_id": "trial",
        "cwd": os.getcwd(),
        "tool_name": "Bash" if asks in ("*", "prompted") else asks.split()[0],
        "tool_input": {
            "command": "true",
            "description": "A trial of agent-telemetry connect: it does nothing",
        },
    }


def _withdraw(kept: Mapping[str, str], key: str) -> None:
    where, token = kept["TELEMETRY_URL"], kept["TELEMETRY_TOKEN"]
    with (
        suppress(TelemetryError, ValueError),
        Gate(where, token=token, agent=kept.get("TELEMETRY_AGENT")) as gate,
    ):
        for request in gate.find(key):
            gate.cancel(request)


def _renew(token_file: Path) -> int:
    kept = _kept(token_file)
    if not kept.keys() >= {"TELEMETRY_URL", "TELEMETRY_TOKEN"}:
        raise ValueError(f"there is no site and no token in {token_file}: run connect first")
    _status, said = device.call(kept["TELEMETRY_URL"], "token/rotate", {}, kept["TELEMETRY_TOKEN"])
    _write_token(token_file, {**kept, "TELEMETRY_TOKEN": said["token"]})
    print(f"The token in {token_file} is a new one. The old one works until {said['previous_until']}.")
    return DONE


def _undo(args: Namespace, journal: Journal, token_file: Path) -> int:
    files = {str(agent.file(os.environ)): agent.name for agent in AGENTS}
    for file in journal.files:
        if args.only and files.get(str(file)) not in args.only:
            continue
        change = journal.removing(file)
        if not change.is_none:
            print(change.difference())
        if args.dry_run:
            continue
        change.make()
        journal.forget(file)
        print(f"{file} is without it.")
    if args.dry_run or journal.files:
        return DONE
    if token_file.exists():
        token_file.unlink()
        print(f"{token_file} is gone. Revoke its token on the page Connect.")
    else:
        print("There is nothing to take back.")
    return DONE
