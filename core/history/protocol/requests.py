"""Requests of the Agent Approval Protocol under their askers' keys: stored before Redis is asked, found again after."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from core.history.audit import entries
from core.history.audit.entries import Fact
from core.models import ApprovalRecord, ProtocolInstance, ProtocolRequest
from core.values.secrets import masked_text

KINDS = {"succeeded": "outcome.succeeded", "failed": "outcome.failed"}


def reserve(agent: str, key: str, digest: str, timeout: str, token: int) -> tuple[ProtocolRequest, bool]:
    """The row of this agent's key, and whether this call made it. Of many at once one makes it."""
    known = ProtocolRequest.objects.filter(agent=agent, key=key).first()
    if known is not None:
        return known, False
    row = ProtocolRequest(
        agent=agent,
        key=key,
        digest=digest,
        timeout=timeout,
        valid_seconds=settings.TELEMETRY_APPROVAL_SECONDS,
        instance=ProtocolInstance.objects.filter(token_id=token).first(),
        began_at=timezone.now(),
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return ProtocolRequest.objects.get(agent=agent, key=key), False
    return row, True


def note_approval(row: ProtocolRequest, request_id: str) -> None:
    """Note which approval it is."""
    row.request_id = UUID(request_id)
    ProtocolRequest.objects.filter(pk=row.pk).update(request_id=row.request_id)


def is_deleted(row: ProtocolRequest) -> bool:
    """Whether its instance was deleted, also since the row was read."""
    if row.instance_id is None:
        return False
    return ProtocolInstance.objects.filter(pk=row.instance_id, deleted_at__isnull=False).exists()


def is_delivered(row: ProtocolRequest) -> bool:
    """Whether its end is told to a receiver of its instance."""
    if row.instance_id is None:
        return False
    return ProtocolInstance.objects.filter(pk=row.instance_id).exclude(sealed_delivery="").exists()


def own_request(agent: str, request_id: UUID) -> ProtocolRequest | None:
    """The request, where this agent asked it by the protocol."""
    return ProtocolRequest.objects.filter(agent=agent, request_id=request_id).first()


def approval_record(request_id: UUID | None) -> ApprovalRecord | None:
    """What the record says of it."""
    return None if request_id is None else ApprovalRecord.objects.filter(pk=request_id).first()


def note_consumption(row: ProtocolRequest, key: str) -> None:
    """Note under which key it was used; Redis has decided that."""
    ProtocolRequest.objects.filter(pk=row.pk, consumed_by="").update(consumed_by=key)


def report(row: ProtocolRequest, outcome: str, note: str, at: datetime) -> ProtocolRequest:
    """Note what came of the call, the first time, and record it; the row as it stands then, whoever was first."""
    with transaction.atomic():
        unreported = ProtocolRequest.objects.filter(pk=row.pk, outcome="")
        if unreported.update(outcome=outcome, note=note, reported_at=at):
            entries.append([_claim(row, outcome, note, at)])
    return ProtocolRequest.objects.get(pk=row.pk)


def _claim(row: ProtocolRequest, outcome: str, note: str, at: datetime) -> Fact:
    """What the agent says, for the record: secrets in it are hidden, as nothing takes them out again."""
    kind, about = KINDS[outcome], {"why": masked_text(note).text} if note else {}
    return Fact(f"{kind}:{row.request_id}", kind, at, "", row.agent, str(row.request_id), about)


def waiting_of(instance: ProtocolInstance) -> Any:
    """The ids of its requests of which no end was seen yet, and of those that are just being asked none."""
    rows = ProtocolRequest.objects.filter(instance=instance, told=False, request_id__isnull=False)
    return rows.values_list("request_id", flat=True)
