"""Commands for scripts that are agents: ask, wait, beat."""

import json
import sys
from argparse import ArgumentTypeError, Namespace
from pathlib import Path
from typing import Any

from ..approvals.request import ApprovalResponse
from ..errors import StoreUnavailable
from ..gate.conversion import seconds_of
from ..gate.gate import Gate
from ..values.approvals import APPROVED, CANCELLED, CHANGES, DENIED, PENDING, SYSTEM, TIMEOUT
from ..values.text import one_line
from .commands import AWAY, DONE, NOBODY, REFUSED, command, complain, option
from .tables import print_json

CODES = {
    APPROVED: DONE,
    DENIED: REFUSED,
    CHANGES: REFUSED,
    CANCELLED: REFUSED,
    TIMEOUT: NOBODY,
    PENDING: NOBODY,
}
AGENT = option("--agent", help="who asks (TELEMETRY_AGENT); with a token of one agent it is known")


def duration(text: str) -> float:
    """For `type=`: seconds, or words such as 2h."""
    try:
        return float(text) if text.replace(".", "", 1).isdecimal() else seconds_of(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


@command(
    "ask",
    "ask people, and wait for what they say",
    option("type", help="what kind of action, such as deploy"),
    option("--context", default="{}", help="a JSON object; @FILE of a file, @- of standard input"),
    option("--key", help="the same key is the same request, also when the script runs again"),
    option("--timeout", type=duration, default=300.0, help='how long: seconds, "2h" or "forever" (300)'),
    option("--no-wait", action="store_true", help="print the id, and return at once"),
    AGENT,
)
def cmd_ask(args: Namespace) -> int:
    """Ask people, and wait: 0 where they approve, so `agent-telemetry ask deploy && ./deploy.sh` is gated."""
    context = _context(args.context)
    with Gate(agent=args.agent) as gate:
        if not args.no_wait:
            return _told(gate.ask(args.type, context, key=args.key, timeout=args.timeout), args.json)
        try:
            request = gate.open(args.type, context, key=args.key, timeout=args.timeout)
        except StoreUnavailable as error:
            complain(args.called, error)
            return AWAY
        print_json(request.to_dict()) if args.json else print(request.request_id)
        return DONE


@command(
    "wait",
    "wait for what people say to a request",
    option("request", help="the id that `ask --no-wait` printed"),
    option("--timeout", type=duration, help="at most so long; else until it has ended"),
    option("--claim", help="an approval is for this name alone"),
    option("--digest", help="of the request, needed where TELEMETRY_DECISION_KEY is set"),
    AGENT,
)
def cmd_wait(args: Namespace) -> int:
    """Wait for a request that was asked before; the same exit codes as `ask`."""
    with Gate(agent=args.agent) as gate:
        try:
            answer = gate.wait(args.request, args.timeout, claim=args.claim, digest=args.digest)
        except StoreUnavailable as error:
            complain(args.called, error)
            return AWAY
    if answer is None:
        print_json({"request_id": args.request, "status": PENDING}) if args.json else print(PENDING)
        return NOBODY
    return _told(answer, args.json)


@command(
    "beat",
    "say that an agent lives",
    option("--status", default="running", help="running, or a word of your own (running)"),
    option("--progress", type=float, default=0.0, help="0 to 1 (0)"),
    option("--task", default="", help="what it does now"),
    option(
        "--stop",
        action="store_true",
        help="its run has ended, with --status completed unless you say otherwise",
    ),
    AGENT,
)
def cmd_beat(args: Namespace) -> int:
    """Say that an agent lives; every 10 seconds, from a script. Without it for 30 seconds, it is lost."""
    status = "completed" if args.stop and args.status == "running" else args.status
    with Gate(agent=args.agent) as gate:
        gate.stop(status) if args.stop else gate.beat(status, args.progress, args.task)
    if args.json:
        print_json({"status": status})
    return DONE


def _context(text: str) -> Any:
    if text.startswith("@"):
        try:
            text = sys.stdin.read() if text == "@-" else Path(text[1:]).read_text()
        except (OSError, UnicodeError) as error:
            raise ValueError(f"--context {text} cannot be read: {error}") from error
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"--context is no JSON: {error}") from error


def _told(answer: ApprovalResponse, as_json: bool) -> int:
    if as_json:
        print_json(answer.to_dict())
    else:
        print(one_line(_in_words(answer)))
    return DONE if answer.approved else CODES.get(answer.status, AWAY)


def _in_words(answer: ApprovalResponse) -> str:
    if answer.responder == SYSTEM:
        return answer.reason or answer.status  # a reason of ours begins with what became of it
    by = f" by {answer.responder}" if answer.responder else ""
    return f"{answer.status}{by}{': ' if answer.reason else ''}{answer.reason}"
