"""The gate that blocks: what an agent writes where it must not go on without a person."""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Self, Unpack, overload

from ..agents.instance import MAX_TASK_LENGTH
from ..approvals.question import checked_claim, checked_proof, checked_status, checked_understands
from ..approvals.request import ApprovalRequest, ApprovalResponse, refusal
from ..approvals.waiting import NO_SUCH_REQUEST, Hearing, Pending
from ..values.approvals import UNKNOWN
from ..values.json import checked_text
from ..values.names import checked_name
from ..values.numbers import checked_limit, checked_share
from .conversion import seconds_of
from .fake import Answers, Fake
from .transport import AnswerOptions, AskOptions, Timeout, Transport, question_of, transport_for

BY_DEFAULT = "{reason} The agent goes on: default=True."


class GateBase:
    """What asks people in whichever way: where it leads, and a fake of it."""

    def __init__(self, where: object = None, *, token: str | None = None, agent: str | None = None) -> None:
        self._transport: Transport = where if isinstance(where, Fake) else transport_for(where, token, agent)

    @classmethod
    def fake(cls, approve: Answers = True, *, reason: str = "", edited: dict[str, Any] | None = None) -> Self:
        """For tests: answers at once, by nobody, and asks no server.

        approve: a bool, a status such as "timeout", or a function of type and context that returns one of them.
        edited: what it approves in the place of what was asked. `asked` has what was asked: (type, context).
        """
        return cls(Fake(approve, reason, edited))

    @property
    def asked(self) -> list[tuple[str, dict[str, Any]]]:
        """What a fake was asked, oldest first; empty for a real one."""
        return self._transport.asked if isinstance(self._transport, Fake) else []


class Gate(GateBase):
    """Asks people on behalf of one agent, and waits for what they say.

    where: `https://` of the site, with `token`; else a `redis://` URL or a client of redis-py. By default
    TELEMETRY_URL with TELEMETRY_TOKEN, without these the configured Redis.
    agent: who asks, by default TELEMETRY_AGENT. A token knows it already; that of a fleet is told the rest.

    ValueError or TypeError for arguments that lead nowhere. Nothing is connected before the first call. Several
    threads may share a gate.
    """

    def ask(
        self,
        approval_type: str,
        context: Any = None,
        *,
        key: str | None = None,
        timeout: Timeout = None,
        default: bool = False,
        understands: Iterable[str] = (),
        claim: str | None = None,
        revises: str | None = None,
        convert: Callable[[Any], Any] | None = None,
    ) -> ApprovalResponse:
        """Ask and wait: what somebody said, or `approved=False` by `system` with the reason.

        context: an object of JSON, dates, Decimals, paths, models and the like; `convert` has a form for the rest.
        key: your own name for the question. The same key is the same request, also after a restart.
        timeout: seconds, a timedelta, "90s", "2h" or "forever"; by default 300 s.
        default: True goes on where the site or Redis is away; the answer is `approved`, and says so by `away`.
        understands: which of "edited", "changes", "extended" you act on; run with `answer.edited or context`.
        claim: the approval is for this name alone; for another one AlreadyCollected is raised.
        revises: the id of the request that was answered by asking back.

        Without a key, Ctrl-C, SIGTERM and the like withdraw it. ValueError or TypeError for a bad argument, before
        anybody is asked.
        """
        checked_default(default)
        how = AskOptions(key=key, understands=understands, revises=revises)
        question = question_of(self._transport.agent, approval_type, context, timeout, convert, **how)
        return by_default(self._transport.ask(question, checked_claim(claim)), default)

    def open(
        self,
        approval_type: str,
        context: Any = None,
        *,
        key: str | None = None,
        timeout: Timeout = None,
        understands: Iterable[str] = (),
        revises: str | None = None,
        convert: Callable[[Any], Any] | None = None,
    ) -> ApprovalRequest:
        """Store a request, or find the one of this key, and return at once; arguments as in `ask`.

        Raises StoreUnavailable where that failed, MalformedRecord where what the key names cannot be read, ValueError
        where it is another type or context.
        """
        how = AskOptions(key=key, understands=understands, revises=revises)
        question = question_of(self._transport.agent, approval_type, context, timeout, convert, **how)
        return self._transport.open(question, "").request

    @overload
    def wait(
        self, request: ApprovalRequest | str, timeout: None = None, **hearing: Unpack[AnswerOptions]
    ) -> ApprovalResponse: ...

    @overload
    def wait(
        self,
        request: ApprovalRequest | str,
        timeout: float | str | timedelta,
        **hearing: Unpack[AnswerOptions],
    ) -> ApprovalResponse | None: ...

    def wait(
        self,
        request: ApprovalRequest | str,
        timeout: Timeout = None,
        *,
        claim: str | None = None,
        digest: str | None = None,
        understands: Iterable[str] = (),
    ) -> ApprovalResponse | None:
        """Block until it has ended, or for `timeout`: then None. request: what `open` returned, or its id.

        digest: of the request, where only its id is given and TELEMETRY_DECISION_KEY is set. Raises StoreUnavailable
        where nobody can say whether it is pending, MalformedRecord where it cannot be read.
        """
        seconds = math.inf if timeout is None else checked_limit(seconds_of(timeout), "timeout")
        until = time.monotonic() + seconds
        pending = pending_of(self._transport, request, digest, claim, understands, seconds)
        if isinstance(pending, ApprovalResponse):
            return pending
        return self._transport.wait(pending, max(0.0, until - time.monotonic()))

    def find(
        self, key: str | None = None, status: str | None = None, *, agent: str | None = None
    ) -> list[ApprovalRequest]:
        """This agent's requests, newest first; see `ApprovalGate.find_requests`."""
        return find_requests(self._transport, key, status, agent)

    def claim(
        self, request: ApprovalRequest | str, name: str, *, digest: str | None = None
    ) -> ApprovalResponse | None:
        """One look at how it ended, for this name alone where it is an approval; None while it is pending.

        AlreadyCollected where another name, or nobody by name, has used it before.
        """
        return self.wait(request, 0, claim=name, digest=digest)

    def cancel(self, request: ApprovalRequest | str) -> bool:
        """Withdraw it; False when it has ended or is unknown."""
        return self._transport.cancel(id_of(request))

    def beat(self, status: str = "running", progress: float = 0.0, task: str | None = "") -> None:
        """Say once that the agent lives, as a script does with each step; StoreUnavailable where nobody hears it.

        A program that lives on uses `HeartbeatCoordinator`.
        """
        said = "" if task is None else checked_text(task, "task", MAX_TASK_LENGTH)
        self._transport.beat(checked_name(status, "status"), checked_share(progress, "progress"), said)

    def stop(self, status: str = "completed") -> None:
        """Say that its run has ended; StoreUnavailable where nobody hears it."""
        self._transport.stop(checked_name(status, "status"))

    def close(self) -> None:
        """Let every connection go; the next call opens one again."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def id_of(request: ApprovalRequest | str) -> str:
    """The id of what was given; TypeError for what has none."""
    if isinstance(request, ApprovalRequest):
        return request.request_id
    if isinstance(request, str):
        return request
    raise TypeError(f"request must be what `open` returned, or its id, not {type(request).__name__}")


def find_requests(
    transport: Transport, key: str | None, status: str | None, agent: str | None
) -> list[ApprovalRequest]:
    """What `find` gives; ValueError or TypeError that names what is wrong with an argument."""
    if agent is not None:
        checked_name(agent, "agent")
    return transport.find(None if key is None else checked_name(key, "key"), checked_status(status), agent)


def pending_of(
    transport: Transport,
    request: ApprovalRequest | str,
    digest: str | None,
    claim: str | None,
    understands: Iterable[str],
    patience: float,
) -> Pending | ApprovalResponse:
    """What is waited for, or the answer that there is no such request."""
    request_id = id_of(request)
    own = None if isinstance(request, str) else request.digest or None
    words = checked_understands(understands)
    hearing = Hearing(checked_claim(claim), checked_proof(digest or own), words)
    found = transport.pending(request_id, hearing, patience)
    return refusal(request_id, NO_SUCH_REQUEST, UNKNOWN) if found is None else found


def checked_default(default: object) -> None:
    """TypeError for what is neither yes nor no: "no" would be a yes."""
    if not isinstance(default, bool):
        raise TypeError(f"default must be True or False, not {type(default).__name__}")


def by_default(answer: ApprovalResponse, default: bool) -> ApprovalResponse:
    """The answer; where nobody could be asked, what the agent does by default."""
    if not (answer.away and default):
        return answer
    return replace(answer, approved=True, reason=BY_DEFAULT.format(reason=answer.reason))
