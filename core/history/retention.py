"""Retention: after a while the texts of ended requests go, their digests and the record stay."""

from datetime import datetime, timedelta

from django.db import transaction

from core.history.audit import entries as audit
from core.history.database import locks
from core.models import ApprovalRecord

ROWS_AT_ONCE = 500
MOST_DAYS = 36_500


def prune_bodies(now: datetime, days: int) -> int:
    """Remove the contexts of requests that ended `days` ago or earlier; returns how many.

    In short transactions, each with its entry in the record.
    """
    until = now - timedelta(days=min(days, MOST_DAYS))
    removed = 0
    while count := _prune_some(until, now, days):
        removed += count
    return removed


def _prune_some(until: datetime, now: datetime, days: int) -> int:
    with transaction.atomic():
        locks.hold_recorder()
        old = ApprovalRecord.objects.filter(ended_at__lte=until, body_pruned_at=None).exclude(context="")
        ids = list(old.order_by("ended_at").values_list("pk", flat=True)[:ROWS_AT_ONCE])
        if not ids:
            return 0
        count = ApprovalRecord.objects.filter(pk__in=ids).update(context="", body_pruned_at=now)
        fact = audit.new_fact("record.pruned", requests=count, ended_until=until.isoformat(), days=days)
        audit.append([fact])
        return count
