"""Retention: after a while the texts of ended requests go, their digests and the record stay."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from core.history import audit
from core.models import ApprovalRecord

ROWS_AT_ONCE = 500
MOST_DAYS = 36_500


def prune_bodies(now: datetime) -> int:
    """Remove the contexts of requests that ended `TELEMETRY_BODY_DAYS` ago or earlier; returns how many.

    In short transactions, each with its entry in the record. 0 days keep everything.
    """
    if not settings.TELEMETRY_BODY_DAYS:
        return 0
    until = now - timedelta(days=min(settings.TELEMETRY_BODY_DAYS, MOST_DAYS))
    removed = 0
    while count := _prune_some(until, now):
        removed += count
    return removed


def _prune_some(until: datetime, now: datetime) -> int:
    with transaction.atomic():
        old = ApprovalRecord.objects.filter(ended_at__lte=until, body_pruned_at=None).exclude(context="")
        ids = list(old.order_by("ended_at").values_list("pk", flat=True)[:ROWS_AT_ONCE])
        if not ids:
            return 0
        count = ApprovalRecord.objects.filter(pk__in=ids).update(context="", body_pruned_at=now)
        days = settings.TELEMETRY_BODY_DAYS
        fact = audit.new_fact("record.pruned", requests=count, ended_until=until.isoformat(), days=days)
        audit.append([fact])
        return count
