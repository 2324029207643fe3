"""What goes out: JSON, and errors that name the field and the way out."""

import json
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.approvals.request import ApprovalRequest, ApprovalResponse
from core.errors import StoreRefused, TooLarge
from core.values.approvals import EDITED

LATER_SECONDS = 10
TOO_LARGE = "too_large"
MALFORMED = "malformed"  # what it is about stands in Redis and cannot be read

# Where many a reader of lines ends one, though neither JSON nor the rules of server-sent events do.
BREAKS = [(letter.encode(), f"\\u{ord(letter):04x}".encode()) for letter in "\x85\u2028\u2029"]
HEADERS = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'"),
]


class Refused(Exception):
    """No, with an HTTP status, a word of our own for programs, and a sentence for people.

    `field`: which part of what was sent is wrong, or ''. `after`: seconds to wait before it is worth trying again.
    `more`: what programs read beside it.
    """

    def __init__(
        self,
        status: int,
        word: str,
        message: str,
        *,
        of: str = "",
        after: int = 0,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.word, self.field, self.after, self.more = status, word, of, after, dict(more or {})


def sentence(error: Exception) -> str:
    """What an error says, for people."""
    said = str(error)
    return f"{said[:1].upper()}{said[1:]}."


def not_taken(error: StoreRefused, of: str, word: str = "too_many") -> Refused:
    """The refusal of a question that Redis does not take: never, where `of` is too large; not now, where its agent
    has too many or nothing fits any more.
    """
    if isinstance(error, TooLarge):
        return Refused(422, TOO_LARGE, sentence(error), of=of)
    return Refused(429, word, sentence(error), after=LATER_SECONDS)


@dataclass(frozen=True)
class Reply:
    """An answer: its status, its body as JSON, or nothing for None, and further headers.

    unsent: what is done where its client is gone when it is ready.
    """

    status: int
    body: Any = None
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    unsent: Callable[[], Awaitable[Any]] | None = None

    @classmethod
    def of(cls, refused: Refused) -> "Reply":
        """The answer that a refusal is."""
        said = {**refused.more, "error": refused.word, "message": str(refused)}
        headers = [(b"retry-after", str(refused.after).encode())] if refused.after else []
        if refused.status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        return cls(refused.status, {**said, "field": refused.field} if refused.field else said, headers)

    @property
    def bytes(self) -> bytes:
        """The body as it is sent."""
        return b"" if self.body is None else _json(self.body) + b"\n"


def server_sent(name: str, event_id: str, data: Any) -> bytes:
    """One server-sent event. Names and ids come from agents too, so a line break in them is none."""
    head, said = f"id: {_line(event_id)}\n" if event_id else "", _json(data)
    for letter, escape in BREAKS:
        said = said.replace(letter, escape)
    return f"{head}event: {_line(name)}\ndata: ".encode() + said + b"\n\n"


def _json(value: Any) -> bytes:
    # What UTF-8 cannot hold, such as half a surrogate that somebody sent, goes out as its escape.
    return json.dumps(value, ensure_ascii=False).encode(errors="backslashreplace")


def _line(text: str) -> str:
    return " ".join(text.splitlines())


def request_body(request: ApprovalRequest) -> dict[str, Any]:
    """A request as agents read it; times are ISO 8601 in UTC, `timeout` seconds or null for none."""
    return {
        "id": request.request_id,
        "type": request.approval_type,
        "agent": request.agent_id,
        "context": request.context,
        "status": request.status,
        "asked_at": request.timestamp.isoformat(),
        "timeout": None if math.isinf(request.timeout_seconds) else request.timeout_seconds,
        "key": request.key or None,
        "digest": request.digest or None,
        "warning": request.warning or None,
    }


def outcome_body(response: ApprovalResponse) -> dict[str, Any]:
    """An outcome as agents read it."""
    return {
        "id": response.request_id,
        "status": response.status,
        "approved": response.approved,
        EDITED: response.edited or None,
        "responder": response.responder,
        "reason": response.reason,
        "ended_at": response.timestamp.isoformat(),
        "channel": response.channel,
        "verified": response.verified,
        "collected_at": _moment(response.collected_at),
        "collected_by": response.collected_by or None,
        "signature": response.signature or None,
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
