"""What became of telling askers how their requests ended, for people; and sending an end once more at their wish."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from core.history.audit import entries
from core.history.audit.entries import Fact
from core.history.notices.sealing import UnreadableSeal, unseal
from core.history.protocol.instances import Delivery
from core.models import ApprovalRecord, Callback

SENT_AGAIN = "callback.sent_again"
LOOKED_BACK = timedelta(days=1)
SHOWN = 30
State = Callback.State


def with_callback(rows: "QuerySet[ApprovalRecord]") -> "QuerySet[ApprovalRecord]":
    """Rows of requests that also tell, in the same query, as `has_callback`, whether somebody asked to be told."""
    return rows.annotate(has_callback=Exists(Callback.objects.filter(request_id=OuterRef("pk"))))


def callback_of(row: ApprovalRecord | None) -> Callback | None:
    """The telling of such a row's end; no query where nobody asked for it."""
    if row is None or not getattr(row, "has_callback", False):
        return None
    return Callback.objects.select_related("instance").filter(request_id=row.pk).first()


def address_of(row: Callback) -> str:
    """Where it goes, without what may be a secret: the host alone, and that more follows."""
    try:
        url = unseal(row.sealed_url) if row.instance is None else _url_of_instance(row)
    except UnreadableSeal:
        url = ""
    parts = urlsplit(url)
    if not parts.hostname:
        return row.host
    host = parts.netloc.rpartition("@")[2]
    return (
        f"{parts.scheme}://{host}/…" if parts.path.strip("/") or parts.query else f"{parts.scheme}://{host}/"
    )


def _url_of_instance(row: Callback) -> str:
    delivery = None if row.instance is None else Delivery.of(row.instance)
    return "" if delivery is None else delivery.url


def not_taken() -> "QuerySet[Callback]":
    """Those given up within a day, and those that were tried and nobody took yet."""
    over = Q(state=State.OVER, finished_at__gt=timezone.now() - LOOKED_BACK)
    return Callback.objects.filter(over | Q(state=State.DUE, tries__gt=0, error__gt=""))


def newest_not_taken() -> list[Callback]:
    """Those of the newest ends."""
    return list(not_taken().select_related("instance").order_by("-decided_at", "-pk")[:SHOWN])


def send_again(user: Any, request_id: str, agent_id: str) -> bool:
    """Make the end of a request due now, with the same id and the same bytes, and record who wanted it.

    False where there is no end to send. One that a try is under way of is only tried once more if that fails.
    """
    now = timezone.now()
    with transaction.atomic():
        ended = Callback.objects.filter(request_id=request_id).exclude(state=State.WAITING)
        row = ended.select_for_update().first()
        if row is None:
            return False
        ended.update(state=State.DUE, next_at=now, finished_at=None)
        name = f"{SENT_AGAIN}:{row.pk}:{now.isoformat()}"
        about = {"to": row.host, "tries": row.tries, "was": row.state}
        entries.append([Fact(name, SENT_AGAIN, now, user.get_username(), agent_id, request_id, about)])
    return True
