"""What people write to each other beside a request. The agent never hears it."""

from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone

from core.history.audit import entries
from core.history.audit.entries import Fact
from core.models import ApprovalComment
from core.values.json import checked_text
from core.values.malformed import without_nul
from core.values.text import visible

commented = Signal()  # after its commit: pages show it

COMMENTED = "approval.commented"
LONGEST = 2_000
SHOWN = 100


class Comment(NamedTuple):
    """One of them."""

    author: str
    text: str
    at: datetime


def comment(request_id: str, agent_id: str, author: str, text: str) -> None:
    """Keep what a person who may see the request wrote, and record it. ValueError for nothing, or too much."""
    said = without_nul(checked_text(text, "comment", LONGEST), "comment").strip()
    if not visible(said):
        raise ValueError("comment has nothing that can be seen")
    now = timezone.now()
    with transaction.atomic():
        kept = ApprovalComment.objects.create(request_id=request_id, author=author, text=said, created_at=now)
        name, about = f"{COMMENTED}:{kept.pk}:{request_id}", {"why": said}
        entries.append([Fact(name, COMMENTED, now, author, agent_id, request_id, about)])
    commented.send(ApprovalComment, request_id=request_id)


def comments_of(request_id: str) -> list[Comment]:
    """The newest hundred, oldest first."""
    newest = ApprovalComment.objects.filter(request_id=request_id).order_by("-created_at", "-pk")[:SHOWN]
    return [Comment(row.author, row.text, row.created_at) for row in reversed(newest)]
