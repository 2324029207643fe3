"""How a request comes to be stored: once, whatever happens to replies, and never after its asker was refused."""

import json
import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple, TypeVar

from .. import failpoints
from ..errors import MalformedRecord, StoreRefused, StoreUnavailable, TooLarge
from ..store import approvals
from ..store.approvals import Question
from ..store.client import CONFIRM_SECONDS, Line, Store
from ..store.keys import OUTBOX_LENGTH_WITHOUT_RECORDER
from ..values.approvals import CANCELLED
from ..values.json import measure
from ..values.moments import at
from ..values.numbers import shown
from ..values.trouble import OnceAMinute
from .proof import public_keys
from .question import hearing_of
from .request import ApprovalRequest
from .waiting import Pending

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
WITHDRAWING_SECONDS = 600.0  # for so long it is tried to take back what a server may have stored unheard
NOBODY = (
    "nobody can approve {kind} of agent {agent} as the site's people and grants are now. It waits all the same: "
    "an administrator of the site can change that before its deadline"
)
ANOTHER = "key {key!r} names a request of this agent with another type or context: {id}"
_nobody_said = OnceAMinute()  # for each kind and agent
_REFUSED = f"{CANCELLED}: its asker was refused, as no reply came"


class StoredRequest(NamedTuple):
    """A request that is stored, and until when its asker waits for it: monotonic, and by Redis's clock.

    The latter is None for one that was found there, where anybody may have changed it.
    """

    request: ApprovalRequest
    deadline: float
    deadline_ms: int | None = None

    @property
    def was_there(self) -> bool:
        """Whether it was asked before: its key named it."""
        return self.deadline_ms is None


def open_pending(store: Store, question: Question, claim: str) -> Pending:
    """What `ask` stores or finds, and how its asker itself hears the answer: a yes is held to what it asked.

    claim: the name that an approval is for, or ''. Raises what `ask` raises.
    """
    keys = public_keys()  # a key that cannot be read is said before anybody is asked
    asked = ask(store, question)
    return Pending(asked.request, asked.deadline, hearing_of(claim, question, keys, asked.deadline_ms))


def ask(store: Store, question: Question) -> StoredRequest:
    """Store a request, or find the one that its key names.

    A wait that is longer than 5 s tries again for so long. Raises StoreUnavailable where it was not confirmed: then
    it never appears afterwards; StoreRefused where its agent has too many, TooLarge where its context has too much.
    ValueError where the key names another, MalformedRecord where that cannot be read.
    """
    deadline, gone = time.monotonic() + question.seconds, b""
    failpoints.reach("agent.before_request")
    while True:
        reply = _stored(store, question, deadline, gone)
        if reply[0] == b"over":
            raise _too_much(question, *reply[1:])
        if reply[0] != b"known":
            break
        gone = reply[1]
        found = _found(store, question, gone.decode(errors="replace"))
        if found is not None:
            return _warned(found, reply[2])
    if len(reply) < 4:
        raise StoreUnavailable("Redis has it as withdrawn, or another one of this id")
    failpoints.reach("agent.after_request")
    requested_ms, deadline_ms, outbox, nobody, *_ = reply
    if int(outbox) >= OUTBOX_LENGTH_WITHOUT_RECORDER:
        logger.warning("%s requests and ends wait for a recorder; the oldest may be dropped", int(outbox))
    request_id, agent_id, approval_type, context, seconds, key, *_more = question
    body, asked_at = json.loads(context), at(requested_ms)
    request = ApprovalRequest(
        request_id, approval_type, agent_id, body, asked_at, seconds, key=key, digest=question.digest
    )
    return _warned(StoredRequest(request, deadline, int(deadline_ms)), nobody)


def _warned(asked: StoredRequest, nobody: bytes) -> StoredRequest:
    """With a warning where the site says that nobody can approve it now; in the log once a minute for each kind."""
    if nobody != b"1":
        return asked
    about = asked.request
    warning = NOBODY.format(kind=shown(about.approval_type), agent=shown(about.agent_id))
    if _nobody_said.may_say((about.approval_type, about.agent_id)):
        logger.warning("request %s: %s", about.request_id, warning)
    return asked._replace(request=replace(about, warning=warning))


def _too_much(question: Question, what: bytes, most: bytes) -> StoreRefused:
    agent, allows = question.agent_id, f"the site allows {most.decode()}"
    if what in (b"values", b"levels"):
        values, levels = measure(question.context)
        has = f"{values} values" if what == b"values" else f"values on {levels} levels"
        return TooLarge(
            f"the context has {has}, and {allows}: ask with less of it, and say where the rest is"
        )
    if what == b"a_minute":
        return StoreRefused(
            f"agent {agent!r} asked {most.decode()} times within a minute, and the site allows no more: ask later"
        )
    waits = f"agent {agent!r} has {most.decode()} requests that wait, and the site allows no more"
    return StoreRefused(f"{waits}: wait for answers, or cancel_request some")


def _found(store: Store, question: Question, request_id: str) -> StoredRequest | None:
    """The request that the key names, and what is left of its time; None where the server has nothing of it."""
    try:
        record, now = approvals.read_record_and_time(store, request_id)
    except MalformedRecord as error:
        raise MalformedRecord(f"key {question.key!r} names a request that cannot be read. {error}") from error
    if record is None:
        return None
    if record.digest != question.digest:
        raise ValueError(ANOTHER.format(key=question.key, id=request_id))
    left = (record.deadline_at - now).total_seconds()
    request = replace(ApprovalRequest.of(record, now), digest=question.digest)
    return StoredRequest(request, time.monotonic() + left)


def _stored(store: Store, question: Question, deadline: float, gone: bytes) -> list[bytes]:
    def attempt(line: Line) -> list[bytes]:
        # What is left now: a slow first attempt must not move the deadline past the asker's own.
        left = deadline - time.monotonic()
        left_ms = None if left == math.inf else max(1, math.ceil(left * 1000))
        return line.run(approvals.request(line.keys, question, left_ms, gone))

    seconds = deadline - time.monotonic()
    end = time.monotonic() + CONFIRM_SECONDS  # a server that restarts is back within seconds

    def alone() -> list[bytes]:
        with store.line(end) as line:
            return attempt(line)

    try:
        if seconds > CONFIRM_SECONDS:
            return patiently(alone, end, pause=0.05, longest=0.5)
        return store.run_confirmed(attempt, seconds + 0.5)
    except StoreRefused:
        raise
    except StoreUnavailable:
        patience = min(seconds, WITHDRAWING_SECONDS)
        threading.Thread(
            target=_withdraw, args=(store, question, patience), name="withdrawing", daemon=True
        ).start()
        raise


def patiently(
    call: Callable[[], Result],
    end: float,
    failed: Callable[[StoreUnavailable], None] | None = None,
    *,
    pause: float = 0.1,
    longest: float = 2.0,
) -> Result:
    """What `call` returns, tried until somebody answers, or `end` (monotonic), with longer and longer pauses between.

    `failed` hears of each try that did.
    """
    while True:
        try:
            return call()
        except StoreRefused:
            raise
        except StoreUnavailable as error:
            if failed is not None:
                failed(error)
            if time.monotonic() + pause >= end:
                raise
        time.sleep(pause)
        pause = min(longest, pause * 2)


def _withdraw(store: Store, question: Question, seconds: float) -> None:
    """Beside the asker, who was refused: the server may have stored it, or may yet do so when it goes on."""
    withdraw = partial(store.run, approvals.withdraw(store.keys, question, _REFUSED))
    try:
        patiently(withdraw, time.monotonic() + seconds, pause=0.05)
    except StoreRefused as error:
        logger.warning("request %s could not be withdrawn: %s", question.request_id, error)
    except StoreUnavailable:
        pass  # it was tried for as long as its asker would have waited
