"""What every way to a site can do for an agent, and which one leads there. A gate does not know which it has."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, Protocol, TypedDict, Unpack

from ..approvals.question import checked_question
from ..approvals.request import ApprovalRequest, ApprovalResponse
from ..approvals.waiting import Hearing, Pending
from ..store.approvals import Question
from ..store.configuration import setting
from ..values.names import checked_name
from .conversion import plain, seconds_of

Timeout = float | str | timedelta | None
TIMEOUT = 300.0  # seconds, where nobody says otherwise
# What waits past the deadline that was told to its asker has another one by now, which a site does not tell: for so
# long after its last word a site may be away.
MOVED_SECONDS = 60.0
NO_TOKEN = "token is missing: a site is asked with one, from its page Connect; give token=..., or set TELEMETRY_TOKEN"
NO_TRANSPORT = "{field} must be https:// and the name of a site, with a token, or lead to its Redis: {error}"
NO_USE = "token is for a site at https://...; where Redis is asked there is none. Give the address too"


class AskOptions(TypedDict):
    """What `ask` and `open` take and `checked_question` looks at: see there."""

    key: str | None
    understands: Iterable[str]
    revises: str | None


class AnswerOptions(TypedDict, total=False):
    """How an answer is heard: what `wait` takes beside the request and the time."""

    claim: str | None
    digest: str | None
    understands: Iterable[str]


class EndListener(Protocol):
    """One connection over which the ends of many requests are heard. StoreUnavailable from every method but `cut`."""

    def connect(self) -> None:
        """Be connected, so that `cut` has something to cut."""

    def ended(self, request_ids: Sequence[str], seconds: float) -> Iterable[str]:
        """Those that have ended, waiting at most so long for one."""

    def cut(self) -> None:
        """From another thread: whoever waits in `ended` fails at once."""

    def close(self) -> None:
        """Let the connection go."""


class Transport(Protocol):
    """Blocking calls, safe from several threads. They raise StoreUnavailable, MalformedRecord for a request that
    cannot be read, and ValueError for bad arguments.
    """

    agent: str

    def ask(self, question: Question, claim: str) -> ApprovalResponse:
        """Ask and wait for the end; always an outcome. Withdraws what has no key when it is interrupted.

        claim: the name that an approval is for, or ''.
        """

    def open(self, question: Question, claim: str) -> Pending:
        """Store it, or find what its key names."""

    def pending(self, request_id: str, hearing: Hearing, patience: float) -> Pending | None:
        """A request that somebody opened before; None for one that nobody knows.

        patience: the seconds that there are, at most, to ask a site again that is away.
        """

    def wait(self, pending: Pending, seconds: float) -> ApprovalResponse | None:
        """Block until it has ended, or so long: then None. Without an end (inf) it is always an outcome."""

    def look(self, pending: Pending) -> tuple[ApprovalResponse | None, float]:
        """One look whether it has ended, or is due and ends now; else None, and in how many seconds it is due."""

    def find(self, key: str | None, status: str | None, agent: str | None) -> list[ApprovalRequest]:
        """This agent's requests, newest first."""

    def cancel(self, request_id: str) -> bool:
        """Withdraw it; whether this call did."""

    def beat(self, status: str, progress: float, task: str) -> None:
        """Say that this agent lives."""

    def stop(self, status: str) -> None:
        """Say that its run has ended."""

    def end_listener(self) -> EndListener:
        """A connection for the ends of many requests."""

    def close(self) -> None:
        """Let every connection go."""


def question_of(
    agent: str,
    approval_type: str,
    context: Any,
    timeout: Timeout,
    convert: Callable[[Any], Any] | None,
    **more: Unpack[AskOptions],
) -> Question:
    """The question, checked; ValueError or TypeError that names what is wrong with it.

    convert: asked first; what it raises TypeError for gets the form that it has without it.
    """
    if convert is not None and not callable(convert):
        raise TypeError(f"convert must be a function, not {type(convert).__name__}")

    def form(value: Any) -> Any:
        if convert is not None:
            with suppress(TypeError):
                return convert(value)
        return plain(value)

    seconds = TIMEOUT if timeout is None else seconds_of(timeout)
    return checked_question(agent, approval_type, context, (seconds, "timeout"), default=form, **more)


def transport_for(where: object, token: str | None, agent: str | None) -> Transport:
    """The way that the arguments of a gate mean; ValueError or TypeError for those that mean none."""
    name = setting("TELEMETRY_AGENT") if agent is None else checked_name(agent, "agent")
    address = where
    if where is None:
        address = setting("TELEMETRY_URL") or None
    if isinstance(address, str) and address.lower().startswith(("https://", "http://")):
        # Only here: who asks Redis needs no HTTP.
        from .over_http import OverHTTP

        secret = token or setting("TELEMETRY_TOKEN") or setting("AGENT_TOKEN")  # as it was called before
        if not secret:
            raise ValueError(NO_TOKEN)
        return OverHTTP(address, secret, name)
    if token is not None:
        raise ValueError(NO_USE)
    from .over_redis import OverRedis

    try:
        return OverRedis(address, name)
    except (TypeError, ValueError) as error:
        field = "TELEMETRY_URL" if where is None else "where"
        why = NO_TRANSPORT.format(field=field, error=str(error).removeprefix("memory must be "))
        raise (TypeError if isinstance(error, TypeError) else ValueError)(why) from None
