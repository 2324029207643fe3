"""What became of notices: for whoever asks whether they were told, and for whoever keeps the site."""

from datetime import timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from core.history.notices.texts import TEST
from core.models import ApprovalRecord, Notice

SHOWN = 30
LOOKED_BACK = timedelta(days=1)
TEST_REST = timedelta(minutes=1)
State = Notice.State


def recent_notices(person: Any) -> list[Notice]:
    """The newest notices to this person: their own, and those of the channels that they chose and others share."""
    chosen = Q(channel__wishes=person.pk) & ~Q(channel__kind="mail")
    mine = Notice.objects.filter(Q(person=person) | chosen).select_related("channel").distinct()
    return list(mine[:SHOWN])


def with_told(rows: "QuerySet[ApprovalRecord]") -> "QuerySet[ApprovalRecord]":
    """Rows of requests that also tell, in the same query, as `was_told`, whether anybody was told of them."""
    return rows.annotate(was_told=Exists(Notice.objects.filter(request_id=OuterRef("pk"))))


def notices_of(row: ApprovalRecord | None) -> list[Notice]:
    """The notices of such a row, newest first; no query where there is none."""
    if not getattr(row, "was_told", False) or row is None:
        return []
    return list(Notice.objects.filter(request_id=row.pk).select_related("channel", "person")[:SHOWN])


def tested_lately(person: Any) -> bool:
    """Whether this person asked for a test within a minute."""
    since = timezone.now() - TEST_REST
    return Notice.objects.filter(person=person, step=TEST, claimed_at__gt=since).exists()


def not_arrived() -> "QuerySet[Notice]":
    """Those of the last day that failed, or of which nobody knows whether they arrived."""
    since = timezone.now() - LOOKED_BACK
    return Notice.objects.filter(state__in=(State.FAILED, State.UNKNOWN), finished_at__gt=since)


def newest_not_arrived() -> list[Notice]:
    """The newest of them."""
    found = not_arrived().select_related("channel", "person")
    return list(found.order_by("-finished_at", "-pk")[:SHOWN])
