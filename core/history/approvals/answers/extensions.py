"""A later deadline: by a person who may answer the request, within a bound, where its asker hears of it.

The extension is in SQL before Redis is asked, as an answer is. A deadline that no extension explains is one that
somebody changed in Redis.
"""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from core import failpoints
from core.history.approvals import alarms
from core.history.approvals.decisions import OVER, allowed, still_waiting
from core.history.audit.entries import refusals_recorded
from core.models import DeadlineExtension
from core.store import approvals
from core.store.approvals import RequestRecord
from core.store.client import Store
from core.values.approvals import EXTENDED, NO_DEADLINE

NOT_HEARD = "its agent did not say that it hears of a later deadline"
OTHER = "the page showed another request"
ENDLESS = "it has no deadline"
TOO_FAR = "it can wait until {until:%Y-%m-%d %H:%M:%S} UTC at most"


def extend(store: Store, user: Any, request_id: str, minutes: int, digest: str) -> datetime:
    """Let a request wait so much longer; returns its new deadline, by Redis's clock.

    Raises NotAllowed and Altered (recorded), ValueError as a sentence for what cannot be, StoreUnavailable and
    DatabaseError. After any but the last two nothing is changed; after those it is as Redis says.
    """
    record = still_waiting(store, request_id)
    with refusals_recorded():
        fresh, *_ = allowed(user, record)  # who may not hears that alone, whatever the form says
        wanted = _wanted(record, minutes, digest)
        alarms.refuse_altered(record)
        extension = DeadlineExtension.objects.create(
            extension_id=uuid.uuid4(),
            request_id=request_id,
            user=fresh,
            was_at=record.deadline_at,
            deadline_at=wanted,
            created_at=timezone.now(),
        )
    failpoints.reach("site.after_extension")
    return _bring(store, extension, record)


def _wanted(record: RequestRecord, minutes: int, digest: str) -> datetime:
    if EXTENDED not in record.understands:
        raise ValueError(NOT_HEARD)
    if digest != record.digest:
        raise ValueError(OTHER)
    if record.deadline_at == NO_DEADLINE:
        raise ValueError(ENDLESS)
    wanted = record.deadline_at + timedelta(minutes=minutes)
    until = latest(record)
    if minutes < 1 or wanted > until:
        raise ValueError(TOO_FAR.format(until=until))
    return wanted


def latest(record: RequestRecord) -> datetime:
    """Until when this request may wait at most."""
    first = DeadlineExtension.objects.filter(request_id=record.request_id).order_by("created_at").first()
    return (first.was_at if first else record.deadline_at) + timedelta(
        minutes=settings.TELEMETRY_EXTEND_MINUTES
    )


def _bring(store: Store, extension: DeadlineExtension, record: RequestRecord) -> datetime:
    """To Redis; repeated with the same id it is the same extension."""
    deadline_ms = round(extension.deadline_at.timestamp() * 1000)
    command = approvals.extend(
        store.keys,
        record.request_id,
        digest=record.digest,
        deadline_ms=deadline_ms,
        extension_id=str(extension.pk),
        agent_id=record.agent_id,
        key=record.key,
    )
    outcome = store.run(command)
    failpoints.reach("site.after_extended")
    if outcome != EXTENDED:
        raise ValueError(OVER)
    return extension.deadline_at
