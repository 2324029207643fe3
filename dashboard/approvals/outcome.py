"""What a person reads of what they did to a request, or why nothing was done."""

import logging
from dataclasses import dataclass

from django.contrib import messages
from django.db import Error

from core.errors import MalformedRecord, StoreUnavailable
from core.history.approvals.alarms import AlteredRequest
from core.history.approvals.answers.holds import HeldDecision
from core.history.approvals.decisions import NotAllowed
from dashboard import words as common
from dashboard.approvals import words

logger = logging.getLogger(__name__)

FAILURES = (NotAllowed, AlteredRequest, ValueError, MalformedRecord, StoreUnavailable, Error)


@dataclass(frozen=True)
class OutcomeNotice:
    """What a person reads after pressing a button. kind is done, refused or unsure; status is that of HTTP."""

    kind: str
    text: str
    status: int
    held: HeldDecision | None = None  # it can be taken back yet

    @property
    def level(self) -> int:
        """The same for pages without JavaScript."""
        return {"done": messages.SUCCESS, "unsure": messages.WARNING}.get(self.kind, messages.ERROR)


def not_done(error: Exception, sentence: str) -> OutcomeNotice:
    """One of FAILURES for a reader; `sentence` says what was not done, and takes why."""
    if isinstance(error, NotAllowed):
        return OutcomeNotice("refused", str(error), 403)
    if isinstance(error, AlteredRequest):
        return OutcomeNotice("refused", str(error), 409)
    if isinstance(error, StoreUnavailable):
        return OutcomeNotice("unsure", sentence.format(why=common.unavailable(error)), 503)
    if isinstance(error, Error):
        logger.error("a change of a request could not be written", exc_info=error)
        return OutcomeNotice("refused", sentence.format(why=words.NOT_WRITTEN), 503)
    return OutcomeNotice("refused", sentence.format(why=error), 409)
