"""What an asker says, checked before anything is stored: the question itself, and how its answer is heard."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..store import approvals
from ..store.approvals import Question
from ..store.keys import new_request_id
from ..values.approvals import DENIED, REJECTED, STATUSES, UNDERSTANDABLE
from ..values.json import encode_json_object
from ..values.names import checked_name
from ..values.numbers import checked_seconds, shown
from .proof import KEY_SETTING, Proof, public_keys
from .waiting import Hearing

MAX_TIMEOUT = 365 * 24 * 3600
MAX_CONTEXT_BYTES = 256 * 1024


def checked_question(
    agent: str,
    approval_type: str,
    context: Any,
    timeout: tuple[float, str],
    *,
    key: str | None = None,
    default: Callable[[Any], Any] | None = None,
    understands: Iterable[str] = (),
    revises: str | None = None,
) -> Question:
    """The question; ValueError or TypeError that names what is wrong with it.

    agent: '' where that is known elsewhere. timeout: seconds, and how errors call them.
    """
    checked_name(approval_type, "approval_type")
    seconds = float(checked_seconds(*timeout, MAX_TIMEOUT, above_zero=True, endless=True))
    name = "" if key is None else checked_name(key, "key")
    encoded = encode_json_object({} if context is None else context, "context", MAX_CONTEXT_BYTES, default)
    words = checked_understands(understands)
    if revises is not None and not approvals.valid_id(revises):
        raise ValueError(f"revises must be the id of a request, not {shown(revises)}")
    request_id = new_request_id(agent)
    return Question(request_id, agent, approval_type, encoded, seconds, name, words, revises or "")


def checked_understands(words: Iterable[str]) -> str:
    """The words in order with commas between them; ValueError for one that is none."""
    if isinstance(words, str) or not isinstance(words, Iterable):
        raise TypeError(f"understands must be several words such as ('edited',), not {shown(words)}")
    said = list(words)
    for word in said:
        if word not in UNDERSTANDABLE:
            raise ValueError(f"understands must be of {', '.join(UNDERSTANDABLE)}, not {shown(word)}")
    return ",".join(sorted(set(said)))


def checked_status(status: str | None) -> str | None:
    """The status of requests that are looked for, as they are stored; ValueError for what is none."""
    wanted = REJECTED if status == DENIED else status
    if wanted is not None and wanted not in STATUSES:
        raise ValueError(f"status must be one of {', '.join(STATUSES)}, not {shown(status)}")
    return wanted


def checked_claim(claim: str | None) -> str:
    """The name that an approval is for, or ''."""
    return "" if claim is None else checked_name(claim, "claim")


def checked_proof(digest: str | None) -> Proof | None:
    """What a yes is held to; None where no key is set. ValueError where one is, and the digest is missing."""
    keys = public_keys()
    if keys and not digest:
        raise ValueError(
            f"digest is missing: {KEY_SETTING} is set, so a yes must be signed for what was asked. "
            "Give the digest of the request that open_request returned"
        )
    return Proof(keys, checked_name(digest, "digest")) if keys and digest else None


def hearing_of(name: str, question: Question, keys: Mapping[str, bytes], deadline_ms: int | None) -> Hearing:
    """How the asker itself hears the answer: a yes is held to what it asked."""
    hearing = Hearing(name, None, question.understands)
    # A deadline that may be moved says nothing of when a yes must have been signed.
    deadline_ms = None if hearing.extends else deadline_ms
    return hearing._replace(proof=Proof(keys, question.digest, deadline_ms) if keys else None)
