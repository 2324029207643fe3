"""One notice as a list shows it."""

from dataclasses import dataclass
from datetime import datetime

from core.models import Notice
from dashboard.notices import words


@dataclass(frozen=True)
class NoticeLine:
    """One notice in a list."""

    at: datetime
    channel: str
    why: str
    approval_type: str
    agent: str
    request_id: object
    state: str
    word: str
    error: str
    person: str

    @classmethod
    def of(cls, notice: Notice) -> "NoticeLine":
        """In words for a reader."""
        return cls(
            at=notice.finished_at or notice.claimed_at,
            channel=notice.channel.name,
            why=words.STEPS.get(notice.step.partition("-")[0], notice.step),
            approval_type=notice.approval_type,
            agent=notice.agent,
            request_id=notice.request_id,
            state=notice.state,
            word=words.STATES[notice.state],
            error=notice.error,
            person=notice.person.get_username(),
        )
