"""What is not so: Redis holds other bytes than were asked, or tells of an end that nothing confirms.

Each is an entry of the record, once; the health page and the live pages count those of the last day.
"""

import logging
from datetime import datetime, timedelta

from django.utils import timezone

from core.history.audit.entries import Fact
from core.models import ApprovalRecord, AuditEntry
from core.store.approvals import RequestRecord

logger = logging.getLogger(__name__)

ALTERED = "approval.altered"
KINDS = (ALTERED,)
COUNTED = timedelta(days=1)


class Altered(Exception):
    """Redis does not hold what was asked, so nobody can decide it; the message is a sentence for people."""


def is_altered(record: RequestRecord, digest: str | None, deadline_at: datetime | None = None) -> bool:
    """Whether a request in Redis is not what was asked: by its own field, and by what SQL heard, None if nothing."""
    if record.digest != record.stored_digest or digest not in (None, record.digest):
        return True
    return deadline_at is not None and record.deadline_at > deadline_at


def altered(record: RequestRecord) -> Fact | None:
    """The alarm where a request in Redis is not what was asked, else None: one query."""
    kept = ApprovalRecord.objects.filter(pk=record.request_id).values_list("digest", "deadline_at").first()
    digest, deadline_at = kept or (None, None)
    return fact_of_altered(record, digest) if is_altered(record, digest, deadline_at) else None


def fact_of_altered(record: RequestRecord, digest: str | None) -> Fact:
    """That Redis holds something else than was asked; told once for each that it held."""
    logger.critical("request %s in Redis is not what was asked", record.request_id)
    return Fact(
        event_id=f"altered:{record.request_id}:{record.digest[:16]}",
        kind=ALTERED,
        at=timezone.now(),
        actor="",
        agent_id=record.agent_id,
        request_id=record.request_id,
        details={"asked": digest or record.stored_digest[:64], "found": record.digest},
    )


def count_recent() -> int:
    """How many alarms there were within a day."""
    return AuditEntry.objects.filter(kind__in=KINDS, at__gte=timezone.now() - COUNTED).count()
