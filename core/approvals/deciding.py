"""How a request is decided: one answer, checked and brought to Redis, and what stands afterwards."""

import hashlib
from datetime import datetime

from ..errors import DecisionUnconfirmed, MalformedRecord, StoreRefused, StoreUnavailable
from ..store import approvals
from ..store.approvals import Answer
from ..store.client import Line, Store
from ..values.approvals import (
    ANSWER_OF,
    DIRECT,
    EDITED,
    EXPIRED,
    NOT_ALLOWED,
    PENDING,
    SYSTEM,
    TIMEOUT,
    UNKNOWN,
    status_of_answer,
)
from ..values.digests import HASHED
from ..values.json import checked_text
from ..values.moments import at
from ..values.names import checked_name
from ..values.numbers import shown
from ..values.records import parse_timestamp
from ..values.text import visible
from .request import Decision

MAX_REASON_LENGTH = 2_000
NOT_TAKEN = (
    "the site takes no answers by a call in Python: its TELEMETRY_DIRECT_ANSWERS is not_allowed. "
    "Answer on its pages, signed in"
)


def decide(store: Store, answer: Answer) -> Decision:
    """Decide a request in one script, and say what stands afterwards; `ApprovalGate.decide` tells the rest.

    An answer of the channel `site` is one by a verified person, one of `rule` by a rule of theirs: both have an
    intent in SQL.
    """
    answer = _checked(answer)
    if not approvals.valid_id(answer.request_id):
        return Decision(UNKNOWN, str(answer.request_id), answer.decision_id)
    return _decision(answer, _asked(store, answer))


def _asked(store: Store, answer: Answer) -> list[bytes]:
    try:
        try:
            return store.run_confirmed(lambda line: _attempt(line, answer))
        except StoreRefused:
            # Where somebody spoiled a stream, a script fails after its first write, which stands. Asked once more it
            # says so: the same decision is the same again.
            return store.run_confirmed(lambda line: _attempt(line, answer))
    except StoreRefused:
        raise
    except StoreUnavailable as error:
        raise DecisionUnconfirmed(f"no answer to the decision on {answer.request_id}: {error}") from error


def _attempt(line: Line, answer: Answer) -> list[bytes]:
    if answer.digest and answer.seen is None:
        request = line.keys.approval_request(answer.request_id)
        stored = b"\n".join(part or b"" for part in line.read("HMGET", request, *HASHED))
        same = hashlib.sha256(stored).hexdigest() == answer.digest
        answer = answer._replace(seen=stored if same else b"")
    return line.run(approvals.decide(line.keys, answer))


def _checked(answer: Answer) -> Answer:
    if not isinstance(answer.approved, bool):
        raise TypeError(f"approved must be True or False, not {shown(answer.approved)}")
    _check_responder(answer)
    checked_text(answer.reason, "reason", MAX_REASON_LENGTH)
    checked_name(answer.decision_id, "decision_id")
    if answer.digest is not None:
        checked_name(answer.digest, "digest")
    if answer.answer and ANSWER_OF.get(answer.answer) != status_of_answer(answer.approved):
        raise ValueError(f"answer must be one that goes with approved, not {shown(answer.answer)}")
    if bool(answer.edited) != (answer.answer == EDITED):
        raise ValueError("edited must be the changed arguments of an answer that is edited")
    if answer.not_after is None:
        return answer
    if not isinstance(answer.not_after, datetime):
        raise TypeError(f"not_after must be a datetime, not {type(answer.not_after).__name__}")
    return answer._replace(not_after=parse_timestamp(answer.not_after, "not_after"))


def _check_responder(answer: Answer) -> None:
    """Somebody who can be seen; `system` is nobody, so only what ends by itself may say so."""
    seen = visible(checked_name(answer.responder, "responder"))
    if not seen:
        raise ValueError(f"responder must name somebody, not {shown(answer.responder)}")
    if answer.channel == DIRECT and seen.casefold() == SYSTEM:
        raise ValueError(
            f"responder must name a person, not {shown(answer.responder)}: that is nobody's answer"
        )


def _decision(answer: Answer, reply: list[bytes]) -> Decision:
    """What the script answered: the outcome, and the end that stands."""
    outcome, status, _approved, by, why, ended_ms, *_ = (part.decode(errors="replace") for part in reply)
    if outcome == NOT_ALLOWED:
        raise StoreRefused(NOT_TAKEN)
    if outcome == EXPIRED and status == PENDING:
        status = TIMEOUT  # it is over, even before somebody records it
    try:
        ended_at = at(ended_ms) if ended_ms else None
    except ValueError as error:
        raise MalformedRecord(f"approval request {answer.request_id}: ended_ms: {error}") from error
    return Decision(outcome, answer.request_id, answer.decision_id, status, by, why, ended_at)
