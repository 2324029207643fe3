"""A context beside the last one of its kind that was approved to this agent."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.safestring import SafeString

from core.models import ApprovalRecord
from core.values.approvals import DIRECT
from core.values.secrets import Masked, masked_json
from dashboard.display import context
from dashboard.display.text import one_piece


@dataclass(frozen=True)
class ComparedRequest:
    """The request that this one was compared with.

    verified: whether it is known who answered it. drawn: what differs, None where that cannot be told.
    """

    request_id: str
    ended_at: datetime
    responder: str
    verified: bool
    drawn: context.DrawnTree | None


@dataclass(frozen=True)
class ContextText:
    """A context for a page, and what it was compared with; `since` is None where nothing was approved before."""

    html: SafeString | str
    since: ComparedRequest | None = None


def text_of(said: Masked, real: str, before: ApprovalRecord | None, most: int) -> ContextText:
    """The context in at most about `most` characters of HTML; `said`: without its secrets, as it is shown."""
    if not said.text:
        return ContextText("", _since(before, None))
    old = before.context if before is not None else ""
    drawn = context.draw_or_none(said.text, real, (masked_json(old).text, old) if old else None, most)
    if drawn is None and old:  # what stood there before is not to cost what is asked its tree
        old, drawn = "", context.draw_or_none(said.text, real, None, most)
    html = one_piece(said.text) if drawn is None else drawn.html
    return ContextText(html, _since(before, drawn if old else None))


def _since(before: ApprovalRecord | None, drawn: context.DrawnTree | None) -> ComparedRequest | None:
    if before is None or before.ended_at is None:
        return None
    return ComparedRequest(str(before.pk), before.ended_at, before.responder, before.channel != DIRECT, drawn)
