"""Later deadlines as SQL knows them."""

from collections.abc import Mapping
from datetime import datetime

from django.utils import timezone

from core.history.audit.entries import Fact, about
from core.models import ApprovalRecord, DeadlineExtension
from core.values.malformed import ODD
from core.values.moments import at


def explains(request_id: str, deadline_at: datetime) -> bool:
    """Whether somebody here moved a deadline to just this moment."""
    return DeadlineExtension.objects.filter(request_id=request_id, deadline_at=deadline_at).exists()


def extension_of(request_id: str, said: Mapping[str, str]) -> DeadlineExtension:
    """The extension of which an outbox entry tells; ValueError where nobody here made it."""
    try:
        found = DeadlineExtension.objects.select_related("user").filter(
            pk=said["extension_id"], request_id=request_id, deadline_at=at(said["deadline_ms"])
        )
        extension = found.first()
    except ODD as error:
        raise ValueError(f"an extension that cannot be read: {error}") from error
    if extension is None:
        raise ValueError("nobody here made this extension")
    return extension


def fact_of(extension: DeadlineExtension, row: ApprovalRecord, moment: datetime) -> Fact:
    """What the record says of it, once it is in Redis: since this moment."""
    DeadlineExtension.objects.filter(pk=extension.pk, applied_at=None).update(applied_at=timezone.now())
    return about(
        row,
        f"extension:{extension.pk}",
        "approval.extended",
        extension.user.get_username(),
        moment,
        was=extension.was_at.isoformat(),
        until=extension.deadline_at.isoformat(),
        extension_id=str(extension.pk),
    )
