"""A comment of a person beside a request."""

import logging
from uuid import UUID

from django.contrib import messages
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from core.history.approvals import comments
from core.values.text import visible
from dashboard import access
from dashboard.approvals.detail import words

logger = logging.getLogger(__name__)


@require_POST
@never_cache
@access.viewer_required
def comment(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Keep it, and back to the request; whoever may see the request may say something of it."""
    approval = access.approval_or_404(request.user, str(request_id))
    text = request.POST.get("comment", "").replace("\r\n", "\n")
    try:
        comments.comment(
            str(request_id), approval.known.agent_id, request.user.get_username(), _checked(text)
        )
        messages.success(request, words.COMMENTED)
    except ValueError as error:
        messages.error(request, words.NOT_COMMENTED.format(why=error))
    except Error:
        logger.exception("a comment could not be kept")
        messages.error(request, words.NOT_WRITTEN)
    return redirect(f"{reverse('approval', args=[request_id])}#comments")


def _checked(text: str) -> str:
    if len(text) > comments.LONGEST:
        raise ValueError(words.LONG_COMMENT.format(most=comments.LONGEST))
    if not visible(text):
        raise ValueError(words.EMPTY_COMMENT)
    return text
