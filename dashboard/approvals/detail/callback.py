"""Whether the agent that named an address was told how its request ended, and telling it once more."""

import logging
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from core.history.callbacks import deliveries
from core.models import Callback
from dashboard import access
from dashboard.approvals.detail import words

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CallbackLine:
    """One telling for a reader. address: without its secrets. at: when it was taken, given up, or is tried next."""

    request_id: UUID
    address: str
    state: str
    word: str
    at: datetime | None
    tries: int
    error: str
    may_be_sent: bool

    @classmethod
    def of(cls, row: Callback) -> "CallbackLine":
        """As it stands."""
        fails = row.state == Callback.State.DUE and bool(row.error)
        state = "fails" if fails else row.state
        ended = row.state != Callback.State.WAITING
        at = row.finished_at or (row.next_at if fails else None)
        address = deliveries.address_of(row)
        return cls(row.request_id, address, state, words.TELLING[state], at, row.tries, row.error, ended)


def line_of(row: Callback | None) -> CallbackLine | None:
    """The same where there is none."""
    return None if row is None else CallbackLine.of(row)


@require_POST
@never_cache
@access.send_again_required
def send_again(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Make the end due now, and back to the request."""
    approval = access.approval_or_404(request.user, str(request_id))
    try:
        if deliveries.send_again(request.user, str(request_id), approval.known.agent_id):
            messages.success(request, words.TELLING_AGAIN)
        else:
            messages.error(request, words.NOTHING_TO_TELL)
    except Error:
        logger.exception("an end could not be sent again")
        messages.error(request, words.NOT_SENT_AGAIN)
    return redirect(f"{reverse('approval', args=[request_id])}#callback")
