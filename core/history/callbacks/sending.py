"""Sending what ended to whoever asked to be told: at least once, each try with the same id and the same body.

What is due follows from the record alone, so nothing that was decided is forgotten when a process dies. A row is
claimed before it is sent, so one try of it is under way at a time.
"""

import logging
import random
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from core.history.callbacks import messages
from core.history.notices.addresses import SendRefused
from core.history.notices.post import DeliveryUnknown, NotSent, exchange
from core.history.notices.sealing import UnreadableSeal, unseal
from core.history.protocol.instances import Delivery
from core.models import ApprovalRecord, Callback, ProtocolAnswer, ProtocolRequest
from core.values.approvals import APPROVED, CHANGES, EDITED, PENDING, RESPONSE_OF_END
from core.values.json import loads_strictly
from core.values.moments import utc_text

logger = logging.getLogger(__name__)

State = Callback.State
AT_ONCE = 8
ROUND_SECONDS = 60.0
TRY_SECONDS = 10.0
OF_A_ROUND = 500
OF_A_HOST = 100  # tries in one round
CLAIMED = timedelta(minutes=1)  # longer than a try may take
WINDOW = timedelta(hours=168)  # after the decision
FIRST_REST, LONGEST_REST = 5.0, 3600.0  # seconds; doubled after each try
KEPT, ANSWERS_KEPT = timedelta(days=30), timedelta(days=8)


class DeliveryResult(NamedTuple):
    """What came of a try. after: seconds that its receiver wants to be left alone."""

    taken: bool
    error: str = ""
    after: float = 0.0


def tell() -> dict[str, int]:
    """Send what is due, for a minute at most: how many are how now."""
    ends, counts = time.monotonic() + ROUND_SECONDS, Counter[str]()
    note_ended()
    due = _due()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while time.monotonic() < ends and (batch := list(islice(due, AT_ONCE))):
            claimed = [row for row in batch if _claim(row)]
            for row, told in zip(claimed, pool.map(_try, claimed), strict=True):
                counts[_settle(row, told)] += 1
    return dict(counts)


def note_ended() -> None:
    """What ended becomes due: of agents that named an address, and of instances that have a receiver."""
    ended = ApprovalRecord.objects.filter(pk=OuterRef("request_id")).exclude(status=PENDING)
    with transaction.atomic():
        asked = ProtocolRequest.objects.filter(Exists(ended), told=False).select_related("instance")
        rows = {row.request_id: row for row in asked.select_for_update(of=("self",))[:OF_A_ROUND]}
        known = ApprovalRecord.objects.defer("context").in_bulk([key for key in rows if key is not None])
        made = [_of_instance(row, known[key]) for key, row in rows.items() if key in known]
        Callback.objects.bulk_create([one for one in made if one is not None], ignore_conflicts=True)
        ProtocolRequest.objects.filter(pk__in=[row.pk for row in rows.values()]).update(told=True)
    waiting = list(Callback.objects.filter(Exists(ended), state=State.WAITING)[:OF_A_ROUND])
    known = ApprovalRecord.objects.defer("context").in_bulk([row.request_id for row in waiting])
    for row in waiting:
        end, now = known[row.request_id], timezone.now()
        Callback.objects.filter(pk=row.pk, state=State.WAITING).update(
            state=State.DUE,
            body=messages.body_of(_said(row, end)).decode(),
            decided_at=end.ended_at,
            next_at=now,
        )


def _of_instance(row: ProtocolRequest, end: ApprovalRecord) -> Callback | None:
    """Of an instance that had a receiver when it was decided; None for every other."""
    instance = row.instance
    if instance is None or instance.deleted_at or instance.delivers_since is None or end.ended_at is None:
        return None
    if end.ended_at < instance.delivers_since:
        return None
    message_id = uuid.uuid4()
    said = {
        "id": str(message_id),
        "type": "request.resolved",
        "instance_id": str(instance.pk),
        "request_id": str(end.pk),
        "created_at": utc_text(end.ended_at),
    }
    return Callback(
        id=message_id,
        request_id=end.pk,
        instance=instance,
        body=messages.body_of(said).decode(),
        state=State.DUE,
        decided_at=end.ended_at,
        next_at=timezone.now(),
    )


def _said(row: Callback, end: ApprovalRecord) -> dict[str, Any]:
    """The decision, as its asker reads it elsewhere too."""
    changed = loads_strictly(end.edited_to) if end.edited_to else None
    asks_back = end.answer == CHANGES
    return {
        "id": str(row.pk),
        "type": "request.ended",
        "request_id": str(end.pk),
        "status": CHANGES if asks_back else RESPONSE_OF_END[end.status],
        "approved": end.status == APPROVED,
        EDITED: changed,
        "responder": end.responder,
        "reason": end.reason,
        "ended_at": None if end.ended_at is None else utc_text(end.ended_at),
    }


def _due() -> Iterator[Callback]:
    """What is due, of each host the longest first, and of none too much at once; each host's first before any's second.

    So a receiver that is slow, or has many that wait, keeps nobody else's from going out.
    """
    now, hosts = timezone.now(), Counter[str]()
    free = Q(claimed_at=None) | Q(claimed_at__lt=now - CLAIMED)
    rows = Callback.objects.filter(free, state=State.DUE, next_at__lte=now).select_related("instance")
    turn = Window(RowNumber(), partition_by=[F("host"), F("instance")], order_by=["next_at", "pk"])
    of_hosts = rows.annotate(turn=turn).filter(turn__lte=OF_A_HOST)
    for row in of_hosts.order_by("turn", "next_at")[:OF_A_ROUND]:
        host = _host(row)
        hosts[host] += 1
        if hosts[host] <= OF_A_HOST:
            yield row


def _host(row: Callback) -> str:
    """Whom its receiver shares a limit with."""
    if row.instance is None:
        return row.host
    delivery = Delivery.of(row.instance)
    return urlsplit(delivery.url).hostname or "" if delivery else str(row.instance_id)


def _claim(row: Callback) -> bool:
    now = timezone.now()
    free = Q(claimed_at=None) | Q(claimed_at__lt=now - CLAIMED)
    mine = Callback.objects.filter(free, pk=row.pk, state=State.DUE).update(
        claimed_at=now, tries=F("tries") + 1
    )
    return mine == 1


def _try(row: Callback) -> DeliveryResult:
    """One try: in a thread, so nothing of the database is asked here."""
    try:
        url, secret = _receiver(row)
        body = row.body.encode()
        signed = messages.headers(str(row.pk), body, messages.key_of(secret))
        heard = exchange(url, body, signed, TRY_SECONDS)
    except (SendRefused, NotSent, DeliveryUnknown, UnreadableSeal) as error:
        return DeliveryResult(False, str(error))
    except Exception as error:
        logger.exception("the end of %s was not told as it should be", row.request_id)
        return DeliveryResult(False, type(error).__name__)
    if 200 <= heard.status < 300:
        return DeliveryResult(True)
    # A receiver may say anything: "²" is a digit to Python, and no number.
    is_number = heard.after.isascii() and heard.after.isdigit() and len(heard.after) < 7
    after = float(heard.after) if is_number and heard.status in (429, 503) else 0.0
    return DeliveryResult(False, f"it answers with {heard.status}", after)


def _receiver(row: Callback) -> tuple[str, str]:
    if row.instance is None:
        return unseal(row.sealed_url), unseal(row.sealed_secret)
    delivery = Delivery.of(row.instance)
    if delivery is None:
        raise SendRefused("its receiver was removed, or is sealed under another SECRET_KEY")
    return delivery.url, delivery.signing_secret


def _settle(row: Callback, told: DeliveryResult) -> str:
    """Write down what came of it; State."""
    now = timezone.now()
    state = State.SENT if told.taken else State.DUE
    rest = min(LONGEST_REST, FIRST_REST * 2**row.tries) * random.uniform(0.5, 1.5)
    next_at = now + timedelta(seconds=max(rest, told.after))
    if state == State.DUE and next_at >= (row.decided_at or now) + WINDOW:
        state = State.OVER
        logger.error("nobody took the end of %s: %s", row.request_id, told.error)
    finished = None if state == State.DUE else now
    mine = Callback.objects.filter(pk=row.pk, state=State.DUE)
    mine.update(state=state, error=told.error, next_at=next_at, finished_at=finished, claimed_at=None)
    return state


def tidy() -> int:
    """Delete what must not be kept any longer: how many."""
    now = timezone.now()
    still = Callback.objects.filter(request_id=OuterRef("request_id"), finished_at=None)
    over = ApprovalRecord.objects.filter(pk=OuterRef("request_id"), ended_at__lt=now - KEPT)
    old = ProtocolRequest.objects.filter(Exists(over), ~Exists(still), told=True)
    never = ProtocolRequest.objects.filter(request_id=None, began_at__lt=now - ANSWERS_KEPT)  # it was refused
    found = (
        old.delete()[0] + never.delete()[0] + Callback.objects.filter(finished_at__lt=now - KEPT).delete()[0]
    )
    return found + ProtocolAnswer.objects.filter(began_at__lt=now - ANSWERS_KEPT).delete()[0]
